using LowLatency.Native.Interop;

namespace LowLatency.Native.Uring;

/// <summary>Where captures are written: files are made under a hidden name, reserved and locked, and get their
/// own once all of them is on the disk. One thread; allocates nothing after opening.</summary>
public sealed class CaptureFolder : IDisposable
{
    private const uint Mode = 0x1A0; // 0640
    private readonly int _fd;

    private CaptureFolder(int fd) => _fd = fd;

    /// <summary>Opens a folder.</summary>
    /// <exception cref="NativeException">It is not there, or not allowed.</exception>
    public static CaptureFolder Open(string path)
    {
        int fd = Libc.TryOpenFile(path, Libc.OpenReadOnly | Libc.OpenFolder, out Errno errno);
        return fd >= 0 ? new CaptureFolder(fd) : throw new NativeException($"open({path})", errno, errno switch
        {
            Errno.ENOENT => "Make the recorder's folder.",
            Errno.ENOTDIR => "A recorder writes into a folder.",
            _ => "May lowlatd write there?",
        });
    }

    /// <summary>Makes a file that has room for all it may hold.</summary>
    /// <param name="hidden">Its hidden name, ended by a zero.</param>
    /// <param name="bytes">What is reserved.</param>
    /// <param name="fd">The open file: O_DIRECT where the file system has it.</param>
    /// <param name="call">What failed, as a man page calls it.</param>
    /// <returns>Ok, or why there is none; nothing is left of it.</returns>
    public Errno TryCreate(ReadOnlySpan<byte> hidden, long bytes, out int fd, out string call)
    {
        const int flags = Libc.OpenReadWrite | Libc.OpenCreate | Libc.OpenExclusive;
        call = "open";
        fd = Libc.TryOpenAt(_fd, hidden, flags | Libc.OpenDirect, Mode, out Errno errno);
        if (errno == Errno.EINVAL)
        {
            _ = Libc.TryRemoveAt(_fd, hidden); // made before O_DIRECT was refused
            fd = Libc.TryOpenAt(_fd, hidden, flags, Mode, out errno);
        }

        if (fd < 0)
        {
            return errno;
        }

        call = "flock";
        errno = Libc.TryLockExclusive(fd) ? Errno.Ok : Errno.EBUSY; // 'lowlat record repair' leaves it alone
        if (errno == Errno.Ok)
        {
            call = "fallocate";
            errno = Libc.AllocateFile(fd, bytes);
            errno = errno == Errno.EOPNOTSUPP ? Errno.Ok : errno; // then blocks are found while writing
        }

        if (errno != Errno.Ok)
        {
            Discard(fd, hidden);
            fd = -1;
        }

        return errno;
    }

    /// <summary>Cuts a file to what was written, makes it durable and gives it its name.</summary>
    /// <param name="fd">Of <see cref="TryCreate"/>; closed in any case.</param>
    /// <param name="bytes">What was written.</param>
    /// <param name="hidden">Its hidden name, ended by a zero.</param>
    /// <param name="name">Its own name, ended by a zero.</param>
    /// <param name="call">What failed, as a man page calls it.</param>
    /// <returns>Ok; else it keeps its hidden name, for 'lowlat record repair'.</returns>
    public Errno TryFinish(int fd, long bytes, ReadOnlySpan<byte> hidden, ReadOnlySpan<byte> name,
        out string call)
    {
        call = "ftruncate";
        Errno errno = Libc.TryTruncate(fd, bytes);
        if (errno == Errno.Ok)
        {
            call = "fsync";
            errno = Libc.SyncFile(fd);
        }

        if (errno == Errno.Ok)
        {
            call = "rename";
            errno = Libc.TryRenameAt(_fd, hidden, name);
        }

        if (errno == Errno.Ok)
        {
            call = "fsync";
            errno = Libc.SyncFile(_fd); // the name, too
        }

        Libc.CloseFile(fd);
        return errno;
    }

    /// <summary>Closes and removes a file that nothing was written to.</summary>
    public void Discard(int fd, ReadOnlySpan<byte> hidden)
    {
        _ = Libc.TryRemoveAt(_fd, hidden);
        Libc.CloseFile(fd);
    }

    /// <summary>Writes a small file beside, whole or not at all.</summary>
    /// <returns>Ok, or why not.</returns>
    public Errno TryWrite(ReadOnlySpan<byte> name, ReadOnlySpan<byte> content)
    {
        int fd = Libc.TryOpenAt(_fd, name, Libc.OpenReadWrite | Libc.OpenCreate, Mode, out Errno errno);
        if (fd < 0)
        {
            return errno;
        }

        while (errno == Errno.Ok && content.Length > 0)
        {
            int written = Libc.WriteFile(fd, content, out errno);
            content = content[Math.Max(written, 0)..];
        }

        Libc.CloseFile(fd);
        if (errno != Errno.Ok)
        {
            _ = Libc.TryRemoveAt(_fd, name);
        }

        return errno;
    }

    /// <summary>Removes a file; the name ends in a zero.</summary>
    public Errno TryRemove(ReadOnlySpan<byte> name) => Libc.TryRemoveAt(_fd, name);

    /// <summary>Closes the folder.</summary>
    public void Dispose() => Libc.CloseFile(_fd);
}
