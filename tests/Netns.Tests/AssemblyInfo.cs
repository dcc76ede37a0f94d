// One lab at a time: several lanes that never sleep on two cores would measure each other.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
