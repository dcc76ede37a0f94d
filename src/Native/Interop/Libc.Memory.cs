using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libc: memory and files. Declarations and the thinnest verbs; meaning lives in
/// <c>Memory/</c>.</summary>
internal static unsafe partial class Libc
{
    private const string Name = "libc";

    // asm-generic/mman-common.h, mman.h; asm-generic/fcntl.h (x86-64).
    internal const int ProtRead = 1;
    internal const int ProtReadWrite = 3;
    internal const int MapAnonymous = 0x20 | 0x02 | 0x8000;              // ANONYMOUS | PRIVATE | POPULATE
    internal const int MapAnonymousLazy = 0x20 | 0x02 | 0x4000;          // ANONYMOUS | PRIVATE | NORESERVE
    internal const int MapAnonymousHuge = MapAnonymous | 0x40000 | (21 << 26); // HUGETLB | 2 MiB
    internal const int MapSharedPopulate = 0x01 | 0x8000;
    internal const int AdviseHugePage = 14;
    internal const int OpenReadOnly = 0x80000;                           // RDONLY | CLOEXEC
    internal const int OpenReadWrite = 0x80002;
    internal const int OpenReadWriteCreate = 0x80002 | 0x40;
    private const int LockSharedNow = 1 | 4;                             // LOCK_SH | LOCK_NB
    private const int LockExclusiveNow = 2 | 4;
    private const int Unlock = 8;
    private const int LockCurrentAndFuture = 3;                          // MCL_CURRENT | MCL_FUTURE
    private const int PolicyPreferred = 1;                               // MPOL_PREFERRED
    private const int SysMbind = 237;
    private const int SysSetMemPolicy = 238;

    [LibraryImport(Name, EntryPoint = "mmap", SetLastError = true)]
    private static partial void* Mmap(void* address, nuint length, int protection, int flags, int fd,
        nint offset);

    [LibraryImport(Name, EntryPoint = "munmap", SetLastError = true)]
    private static partial int Munmap(void* address, nuint length);

    [LibraryImport(Name, EntryPoint = "madvise", SetLastError = true)]
    private static partial int Madvise(void* address, nuint length, int advice);

    [LibraryImport(Name, EntryPoint = "mlock", SetLastError = true)]
    private static partial int Mlock(void* address, nuint length);

    [LibraryImport(Name, EntryPoint = "mlockall", SetLastError = true)]
    private static partial int Mlockall(int flags);

    [LibraryImport(Name, EntryPoint = "munlockall", SetLastError = true)]
    private static partial int Munlockall();

    [LibraryImport(Name, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall6(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    [LibraryImport(Name, EntryPoint = "open", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, uint mode);

    [LibraryImport(Name, EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int fd);

    [LibraryImport(Name, EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadBytes(int fd, void* buffer, nuint count);

    [LibraryImport(Name, EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteBytes(int fd, void* buffer, nuint count);

    [LibraryImport(Name, EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int Ftruncate(int fd, nint length);

    [LibraryImport(Name, EntryPoint = "memfd_create", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);

    [LibraryImport(Name, EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Fallocate(int fd, int mode, nint offset, nint length);

    [LibraryImport(Name, EntryPoint = "lseek", SetLastError = true)]
    private static partial nint Lseek(int fd, nint offset, int whence);

    [LibraryImport(Name, EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(int fd, int operation);

    internal static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    internal static byte* Map(
        long bytes, int protection, int flags, int fd, out Errno errno, long offset = 0)
    {
        void* at = Mmap(null, (nuint)bytes, protection, flags, fd, (nint)offset);
        bool isMapped = at != (void*)-1;
        errno = isMapped ? Errno.Ok : LastErrno;
        return isMapped ? (byte*)at : null;
    }

    internal static void Unmap(byte* start, long bytes) =>
        Invariant.Require(Munmap(start, (nuint)bytes) == 0);

    internal static Errno Advise(byte* start, long bytes, int advice) =>
        Madvise(start, (nuint)bytes, advice) == 0 ? Errno.Ok : LastErrno;

    internal static Errno Lock(byte* start, long bytes) => Mlock(start, (nuint)bytes) == 0 ? Errno.Ok
        : LastErrno;

    internal static Errno LockAll() => Mlockall(LockCurrentAndFuture) == 0 ? Errno.Ok : LastErrno;

    internal static void UnlockAll() => _ = Munlockall();

    internal static Errno PreferNode(byte* start, long bytes, int node)
    {
        Invariant.Require(node is >= 0 and < Limits.NumaNodesMax);
        ulong mask = 1UL << node;
        nint rc = Syscall6(SysMbind, (nint)start, (nint)bytes, PolicyPreferred, (nint)(&mask), 65, 0);
        return rc == 0 ? Errno.Ok : LastErrno;
    }

    internal static Errno PreferNodeOfThread(int node)
    {
        Invariant.Require(node is >= 0 and < Limits.NumaNodesMax);
        ulong mask = 1UL << node;
        return Syscall6(SysSetMemPolicy, PolicyPreferred, (nint)(&mask), 65, 0, 0, 0) == 0 ? Errno.Ok
            : LastErrno;
    }

    internal static void PreferNoNodeOfThread() => // MPOL_DEFAULT takes no mask
        Invariant.Require(Syscall6(SysSetMemPolicy, 0, 0, 0, 0, 0, 0) == 0);

    internal static int TryOpenFile(string path, int flags, out Errno errno) =>
        TryOpenFile(path, flags, 0, out errno);

    internal static int OpenFile(string path, int flags, uint mode)
    {
        int fd = Open(path, flags, mode);
        return fd >= 0 ? fd : throw new NativeException($"open({path})", LastErrno,
            "Does its folder exist, and are "
            + "you root?");
    }

    internal static int ReadFile(int fd, Span<byte> into, out Errno errno)
    {
        fixed (byte* start = into) // in bounds: no more than its length is read
        {
            nint bytes = ReadBytes(fd, start, (nuint)into.Length);
            errno = bytes >= 0 ? Errno.Ok : LastErrno;
            return (int)bytes;
        }
    }

    internal static void CloseFile(int fd) => _ = Close(fd);

    internal static void Truncate(int fd, long bytes, string path)
    {
        if (Ftruncate(fd, (nint)bytes) != 0)
        {
            throw new NativeException($"ftruncate({path}, {bytes})", LastErrno, "Is its file system full?");
        }
    }

    /// <summary>A file without a name: it ends with the last process that has it open.</summary>
    internal static int MemoryFile(string name)
    {
        int fd = MemfdCreate(name, 1 /* MFD_CLOEXEC */);
        return fd >= 0 ? fd : throw new NativeException("memfd_create", LastErrno, "Are files exhausted?");
    }

    /// <summary>Gives the pages of a part of a file back; it reads as zero from then on.</summary>
    internal static Errno PunchHole(int fd, long offset, long bytes) =>
        Fallocate(fd, 3 /* KEEP_SIZE | PUNCH_HOLE */, (nint)offset, (nint)bytes) == 0 ? Errno.Ok : LastErrno;

    internal static long FileBytes(int fd) => Lseek(fd, 0, 2 /* SEEK_END */);

    internal static bool TryLockExclusive(int fd) => Flock(fd, LockExclusiveNow) == 0;

    /// <summary>True when no other open file holds the lock exclusively; the lock is given back at
    /// once.</summary>
    internal static bool TryLockShared(int fd)
    {
        if (Flock(fd, LockSharedNow) != 0)
        {
            return false;
        }

        _ = Flock(fd, Unlock);
        return true;
    }
}
