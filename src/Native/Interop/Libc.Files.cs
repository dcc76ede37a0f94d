using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libc: files and devices as storage. Declarations and the thinnest verbs; meaning lives in
/// <c>Uring/</c>.</summary>
internal static unsafe partial class Libc
{
    // asm-generic/fcntl.h (x86-64), linux/fs.h, linux/stat.h, asm/unistd_64.h.
    internal const int OpenDirect = 0x4000;                  // O_DIRECT
    internal const int OpenExclusive = 0x80;                 // O_EXCL: of a block device, nobody has it
    internal const int OpenCreate = 0x40;                    // O_CREAT
    internal const int OpenNameless = 0x41_0000;             // O_TMPFILE
    internal const int OpenFolder = 0x1_0000;                // O_DIRECTORY
    private const nuint BlockDeviceBytes = 0x8008_1272;      // BLKGETSIZE64
    private const nuint BlockSectorBytes = 0x1268;           // BLKSSZGET
    private const int SysStatx = 332;
    private const int AtEmptyPath = 0x1000;
    private const int StatxDirectAlignment = 0x2000;         // STATX_DIOALIGN, since 6.1
    private const int StatxBytes = 256;
    private const int StatxMask = 0;
    private const int StatxOffsetAlignment = 156;            // stx_dio_offset_align

    [LibraryImport(Name, EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int fd);

    /// <summary>Size of a block device, bytes; negative: it is none.</summary>
    internal static long DeviceBytes(int fd)
    {
        long bytes;
        return NetIoctl(fd, BlockDeviceBytes, &bytes) == 0 ? bytes : -1;
    }

    /// <summary>Logical blocks of a block device, bytes; 0: it is none.</summary>
    internal static int SectorBytes(int fd)
    {
        int bytes;
        return NetIoctl(fd, BlockSectorBytes, &bytes) == 0 ? bytes : 0;
    }

    /// <summary>What places of direct transfers in an open file must be multiples of; 0: not told.</summary>
    internal static int DirectAlignment(int fd)
    {
        byte* stat = stackalloc byte[StatxBytes]; // in bounds: the kernel writes its own struct, 256 bytes
        byte empty = 0;
        nint answer = Syscall6(SysStatx, fd, (nint)(&empty), AtEmptyPath, StatxDirectAlignment, (nint)stat,
            0);
        return answer == 0 && (*(uint*)(stat + StatxMask) & StatxDirectAlignment) != 0
            ? *(int*)(stat + StatxOffsetAlignment) : 0;
    }

    internal static Errno SyncFile(int fd) => Fsync(fd) == 0 ? Errno.Ok : LastErrno;

    internal static Errno TryTruncate(int fd, long bytes) => Ftruncate(fd, (nint)bytes) == 0 ? Errno.Ok
        : LastErrno;

    /// <summary>Reserves a file's bytes; what is beyond its end reads as zeros.</summary>
    internal static Errno AllocateFile(int fd, long bytes) => Fallocate(fd, 0, 0, (nint)bytes) == 0 ? Errno.Ok
        : LastErrno;

    internal static int TryOpenFile(string path, int flags, uint mode, out Errno errno)
    {
        int fd = Open(path, flags, mode);
        errno = fd >= 0 ? Errno.Ok : LastErrno;
        return fd;
    }

    internal static int WriteFile(int fd, ReadOnlySpan<byte> from, out Errno errno)
    {
        fixed (byte* start = from) // in bounds: no more than its length is written
        {
            nint bytes = WriteBytes(fd, start, (nuint)from.Length);
            errno = bytes >= 0 ? Errno.Ok : LastErrno;
            return (int)bytes;
        }
    }
}
