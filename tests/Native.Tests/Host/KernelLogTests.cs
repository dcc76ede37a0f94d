using LowLatency.Native.Host;
using Xunit;

namespace LowLatency.Native.Tests.Host;

public sealed class KernelLogTests
{
    [Fact]
    public void The_log_is_read_without_clearing_it_or_not_allowed()
    {
        try
        {
            string first = KernelLog.ReadAll();
            string second = KernelLog.ReadAll();
            Assert.NotEmpty(first);
            Assert.True(second.Length >= first.Length / 2, "reading it took it away");
        }
        catch (NativeException e)
        {
            Assert.Equal((Errno.EPERM, false), (e.Errno, Environment.IsPrivilegedProcess));
        }
    }
}
