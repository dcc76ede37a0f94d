using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libc: what a file is, and the kernel's log. Declarations and the thinnest verbs; meaning lives in
/// <c>Host/</c>.</summary>
internal static unsafe partial class Libc
{
    // asm-generic/fcntl.h; syslog(2).
    private const int StatBytes = 144;      // struct stat, x86-64 (asm/stat.h)
    private const int StatDevice = 0;
    private const int StatMode = 24;
    private const int StatRealDevice = 40;
    private const int SyslogReadAll = 3;
    private const int SyslogSizeBuffer = 10;

    [LibraryImport(Name, EntryPoint = "stat", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatFile(string path, byte* stat);

    [LibraryImport(Name, EntryPoint = "klogctl", SetLastError = true)]
    private static partial int KernelLogControl(int kind, byte* buffer, int length);

    /// <summary>st_mode, st_dev and st_rdev of a path, links followed.</summary>
    internal static Errno Stat(string path, out uint mode, out ulong device, out ulong realDevice)
    {
        byte* stat = stackalloc byte[StatBytes]; // in bounds: the C library writes its own struct, 144 bytes
        bool isGood = StatFile(path, stat) == 0;
        mode = isGood ? *(uint*)(stat + StatMode) : 0;
        device = isGood ? *(ulong*)(stat + StatDevice) : 0;
        realDevice = isGood ? *(ulong*)(stat + StatRealDevice) : 0;
        return isGood ? Errno.Ok : LastErrno;
    }

    /// <summary>Bytes of the kernel's log buffer.</summary>
    internal static int KernelLogBytes() => KernelLogControl(SyslogSizeBuffer, null, 0);

    /// <summary>Copies the log, oldest first, without clearing it; bytes copied, or negative.</summary>
    internal static int ReadKernelLog(Span<byte> buffer, out Errno errno)
    {
        fixed (byte* start = buffer) // in bounds: the length is the span's own
        {
            int count = KernelLogControl(SyslogReadAll, start, buffer.Length);
            errno = count >= 0 ? Errno.Ok : LastErrno;
            return count;
        }
    }
}
