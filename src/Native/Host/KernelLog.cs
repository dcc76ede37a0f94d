using System.Text;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Host;

/// <summary>The kernel's log (syslog(2)). Any thread; needs CAP_SYSLOG where kernel.dmesg_restrict is
/// set.</summary>
public static class KernelLog
{
    /// <summary>All that the buffer still holds, oldest first; on a host that logged much, its beginning is
    /// gone.
    /// </summary>
    /// <exception cref="NativeException">Not allowed.</exception>
    public static string ReadAll()
    {
        byte[] buffer = new byte[Math.Max(Libc.KernelLogBytes(), 1 << 16)];
        int count = Libc.ReadKernelLog(buffer, out Errno errno);
        return count >= 0 ? Encoding.UTF8.GetString(buffer, 0, count)
            : throw new NativeException("klogctl", errno);
    }
}
