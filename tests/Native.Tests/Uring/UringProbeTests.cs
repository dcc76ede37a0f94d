using LowLatency.Native.Uring;
using Xunit;

namespace LowLatency.Native.Tests.Uring;

public sealed class UringProbeTests
{
    [Fact]
    public void TheProbeNamesEitherOperationsOrTheErrorOfThisKernel()
    {
        UringProbe probe = UringProbe.Run();
        Assert.Equal(probe.Errno == Errno.Ok, probe.Operations > 0);
        Assert.True(probe.Errno is Errno.Ok or Errno.ENOSYS or Errno.EPERM, $"{probe.Errno} is no answer of io_uring");
    }
}
