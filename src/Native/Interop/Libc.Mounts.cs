namespace LowLatency.Native.Interop;

/// <summary>libc: file systems that are mounted nowhere (fsopen(2), fsconfig(2), fsmount(2)). By number, as
/// glibc has them only since 2.36.</summary>
internal static unsafe partial class Libc
{
    // asm/unistd_64.h, linux/mount.h.
    private const int SysFsopen = 430;
    private const int SysFsconfig = 431;
    private const int SysFsmount = 432;
    private const int FsopenCloseOnExec = 1;        // FSOPEN_CLOEXEC
    private const int FsconfigCreate = 6;           // FSCONFIG_CMD_CREATE
    private const int FsmountCloseOnExec = 1;       // FSMOUNT_CLOEXEC
    private const int MountQuiet = 2 | 4 | 8;       // MOUNT_ATTR_NOSUID | NODEV | NOEXEC
    private const int MountQuietReadOnly = MountQuiet | 1; // MOUNT_ATTR_RDONLY

    /// <summary>A context for a file system of this kind, of the calling thread's namespaces.</summary>
    internal static int OpenFileSystem(string kind, out Errno errno)
    {
        byte[] name = [.. System.Text.Encoding.UTF8.GetBytes(kind), 0];
        fixed (byte* start = name) // in bounds: ends with its zero byte
        {
            return Descriptor(Syscall6(SysFsopen, (nint)start, FsopenCloseOnExec, 0, 0, 0, 0), out errno);
        }
    }

    internal static Errno CreateFileSystem(int context) =>
        Syscall6(SysFsconfig, context, FsconfigCreate, 0, 0, 0, 0) == 0 ? Errno.Ok : LastErrno;

    internal static int MountDetached(int context, out Errno errno) =>
        Descriptor(Syscall6(SysFsmount, context, FsmountCloseOnExec, MountQuiet, 0, 0, 0), out errno);

    internal static int MountDetachedReadOnly(int context, out Errno errno) =>
        Descriptor(Syscall6(SysFsmount, context, FsmountCloseOnExec, MountQuietReadOnly, 0, 0, 0), out errno);

    private static int Descriptor(nint answer, out Errno errno)
    {
        errno = answer >= 0 ? Errno.Ok : LastErrno;
        return (int)answer;
    }
}
