using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libc: files by their names in an open folder, without allocation. Declarations and the thinnest
/// verbs; meaning lives in <c>Uring/CaptureFolder</c>.</summary>
internal static unsafe partial class Libc
{
    private const int RenameNoReplace = 1; // linux/fs.h RENAME_NOREPLACE

    [LibraryImport(Name, EntryPoint = "openat", SetLastError = true)]
    private static partial int OpenAt(int folder, byte* name, int flags, uint mode);

    [LibraryImport(Name, EntryPoint = "renameat2", SetLastError = true)]
    private static partial int RenameAt(int from, byte* name, int to, byte* newName, uint flags);

    [LibraryImport(Name, EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int UnlinkAt(int folder, byte* name, int flags);

    /// <summary>Opens or makes a file; the name ends in a zero.</summary>
    internal static int TryOpenAt(int folder, ReadOnlySpan<byte> name, int flags, uint mode, out Errno errno)
    {
        Invariant.Require(name.Length > 0 && name[^1] == 0);
        fixed (byte* start = name) // in bounds: it ends in a zero
        {
            int fd = OpenAt(folder, start, flags, mode);
            errno = fd >= 0 ? Errno.Ok : LastErrno;
            return fd;
        }
    }

    /// <summary>Renames within a folder; never over another file.</summary>
    internal static Errno TryRenameAt(int folder, ReadOnlySpan<byte> name, ReadOnlySpan<byte> newName)
    {
        Invariant.Require(name.Length > 0 && name[^1] == 0 && newName.Length > 0 && newName[^1] == 0);
        fixed (byte* from = name) // in bounds: both end in a zero
        fixed (byte* to = newName)
        {
            return RenameAt(folder, from, folder, to, RenameNoReplace) == 0 ? Errno.Ok : LastErrno;
        }
    }

    /// <summary>Removes a file.</summary>
    internal static Errno TryRemoveAt(int folder, ReadOnlySpan<byte> name)
    {
        Invariant.Require(name.Length > 0 && name[^1] == 0);
        fixed (byte* start = name) // in bounds: it ends in a zero
        {
            return UnlinkAt(folder, start, 0) == 0 ? Errno.Ok : LastErrno;
        }
    }
}
