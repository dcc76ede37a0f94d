// One guest at a time: an emulated machine of four CPUs on two cores leaves none for a second one.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
