using System.Globalization;
using LowLatency.Native.Host;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Uring;

/// <summary>What an open file is to a ring.</summary>
public enum DirectKind
{
    /// <summary>A regular file.</summary>
    Regular,
    /// <summary>A block device.</summary>
    Block,
    /// <summary>An NVMe namespace's character device, for commands past the block layer.</summary>
    Namespace,
}

/// <summary>How a file is opened.</summary>
[Flags]
public enum DirectAccess
{
    /// <summary>To read.</summary>
    Read = 0,
    /// <summary>To write, too.</summary>
    Write = 1,
    /// <summary>Of a block device: fails with EBUSY while a file system, LVM or the like has it.</summary>
    Exclusive = 2,
    /// <summary>Through the page cache: what has no direct transfers.</summary>
    Cached = 4,
}

/// <summary>A file or device that is read and written past the page cache (O_DIRECT), with what its
/// transfers must keep to. Opened and closed by one thread, used by a ring's.</summary>
public sealed class DirectFile : IDisposable
{
    private const int BlockBytesUnknown = 4096; // no device today has larger logical blocks
    private const uint Mode = 0x1A0;            // 0640
    private int _fd;

    private DirectFile(string path, int fd, DirectKind kind)
    {
        Path = path;
        _fd = fd;
        Kind = kind;
    }

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>What it is.</summary>
    public DirectKind Kind { get; }

    /// <summary>Places and lengths of transfers are multiples of this, bytes.</summary>
    public int BlockBytes { get; private init; } = BlockBytesUnknown;

    /// <summary>Its size when it was opened, bytes.</summary>
    public long LengthBytes { get; private init; }

    /// <summary>Number of the NVMe namespace; 0: it is none.</summary>
    public int NamespaceId { get; private init; }

    internal int Fd => _fd;

    /// <summary>Opens an existing file or block device.</summary>
    /// <param name="path">Its path; anything else than these is refused with EINVAL.</param>
    /// <param name="access">For what.</param>
    /// <exception cref="NativeException">No such file, no direct transfers here, busy, or not
    /// allowed.</exception>
    public static DirectFile Open(string path, DirectAccess access)
    {
        FileIdentity identity = FileIdentity.Of(path); // opening a pipe would wait for its other end
        if (identity.Kind is not ("block" or "file"))
        {
            throw new NativeException($"open({path})", Errno.EINVAL,
                $"It is {(identity.Kind == "other" ? "no file" : $"a {identity.Kind}")}: name a file or a "
                + "block device.");
        }

        bool isBlock = identity.Kind == "block";
        int fd = Libc.TryOpenFile(path, FlagsOf(access, isBlock), out Errno errno);
        return fd >= 0 ? Describe(path, fd, isBlock) : throw Refused(path, access, errno);
    }

    /// <summary>Makes a file, or empties the one there is.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="access">For what; <see cref="DirectAccess.Exclusive"/>: it must be new.</param>
    /// <exception cref="NativeException">The file system refused.</exception>
    public static DirectFile Create(string path, DirectAccess access)
    {
        int fd = Libc.TryOpenFile(path, Libc.OpenCreate | FlagsOf(access | DirectAccess.Write,
            access.HasFlag(DirectAccess.Exclusive)), Mode, out Errno errno);
        if (fd < 0)
        {
            throw Refused(path, access, errno);
        }

        DirectFile file = Describe(path, fd, isBlock: false);
        errno = file.Truncate(0);
        return errno == Errno.Ok ? file : throw Closed(file, $"ftruncate({path})", errno);
    }

    /// <summary>Makes a file without a name (O_TMPFILE): it ends with the last process that has it
    /// open.</summary>
    /// <param name="folder">Its file system.</param>
    /// <exception cref="NativeException">The file system has none, or refused.</exception>
    public static DirectFile CreateNameless(string folder)
    {
        int fd = Libc.TryOpenFile(folder, Libc.OpenReadWrite | Libc.OpenDirect | Libc.OpenNameless, Mode,
            out Errno errno);
        return fd >= 0 ? Describe(folder, fd, isBlock: false) : throw Refused(folder, DirectAccess.Write, errno);
    }

    /// <summary>Opens an NVMe namespace for commands of our own.</summary>
    /// <param name="path"><c>/dev/ng0n1</c>, or its block device <c>/dev/nvme0n1</c>.</param>
    /// <param name="access">For what.</param>
    /// <exception cref="NativeException">No namespace, or not allowed.</exception>
    public static DirectFile OpenNamespace(string path, DirectAccess access)
    {
        _ = FileIdentity.Of(path); // says that there is none
        string name = System.IO.Path.GetFileName(path);
        string numbers = name.StartsWith("nvme", StringComparison.Ordinal) ? name[4..]
            : name.StartsWith("ng", StringComparison.Ordinal) ? name[2..]
            : throw new NativeException($"ioctl({path}, NVME_IOCTL_ID)", Errno.ENOTTY,
                "NVMe commands need a namespace: /dev/nvme0n1 or /dev/ng0n1.");
        string generic = "/dev/ng" + numbers;
        string sysfs = "/sys/block/nvme" + numbers;
        int fd = Libc.TryOpenFile(generic,
            access.HasFlag(DirectAccess.Write) ? Libc.OpenReadWrite : Libc.OpenReadOnly, out Errno errno);
        if (fd < 0)
        {
            throw new NativeException($"open({generic})", errno, "Such devices exist since Linux 5.13.");
        }

        int number = Libc.NvmeNamespaceOf(fd);
        long sectors = ReadNumber(sysfs + "/size");
        long block = ReadNumber(sysfs + "/queue/logical_block_size");
        if (number > 0 && sectors > 0 && block > 0)
        {
            return new DirectFile(generic, fd, DirectKind.Namespace)
            {
                NamespaceId = number,
                BlockBytes = (int)block,
                LengthBytes = sectors * 512, // sysfs counts in 512 bytes, whatever the blocks
            };
        }

        Libc.CloseFile(fd);
        throw new NativeException($"ioctl({generic}, NVME_IOCTL_ID)", Errno.ENOTTY,
            "It is no namespace that this host reads and writes.");
    }

    /// <summary>Reserves its first bytes on the disk.</summary>
    public Errno Allocate(long bytes) => Libc.AllocateFile(_fd, bytes);

    /// <summary>Gives it this length.</summary>
    public Errno Truncate(long bytes) => Libc.TryTruncate(_fd, bytes);

    /// <summary>All of it is durable on return (fsync(2)).</summary>
    public Errno Sync() => Libc.SyncFile(_fd);

    /// <summary>Makes a folder's entries durable.</summary>
    public static Errno SyncFolder(string path)
    {
        int fd = Libc.TryOpenFile(path, Libc.OpenReadOnly, out Errno errno);
        if (fd >= 0)
        {
            errno = Libc.SyncFile(fd);
            Libc.CloseFile(fd);
        }

        return errno;
    }

    /// <summary>Puts it into a ring's table.</summary>
    public Errno AddTo(IIoRing ring, int index)
    {
        ArgumentNullException.ThrowIfNull(ring);
        return ring.SetFile(index, _fd);
    }

    /// <summary>Closes it; requests under way keep it open for themselves.</summary>
    public void Dispose()
    {
        if (_fd >= 0)
        {
            Libc.CloseFile(_fd);
            _fd = -1;
        }
    }

    private static int FlagsOf(DirectAccess access, bool isExclusiveMeant) =>
        (access.HasFlag(DirectAccess.Write) ? Libc.OpenReadWrite : Libc.OpenReadOnly)
        | (access.HasFlag(DirectAccess.Cached) ? 0 : Libc.OpenDirect)
        | (access.HasFlag(DirectAccess.Exclusive) && isExclusiveMeant ? Libc.OpenExclusive : 0);

    private static DirectFile Describe(string path, int fd, bool isBlock)
    {
        int sector = isBlock ? Libc.SectorBytes(fd) : Libc.DirectAlignment(fd);
        return new DirectFile(path, fd, isBlock ? DirectKind.Block : DirectKind.Regular)
        {
            BlockBytes = sector > 0 ? sector : BlockBytesUnknown,
            LengthBytes = isBlock ? Libc.DeviceBytes(fd) : Libc.FileBytes(fd),
        };
    }

    private static long ReadNumber(string path) => File.Exists(path)
        && long.TryParse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture,
            out long number) ? number : 0;

    private static NativeException Refused(string path, DirectAccess access, Errno errno)
    {
        string call = access.HasFlag(DirectAccess.Cached) ? $"open({path})" : $"open({path}, O_DIRECT)";
        return new NativeException(call, errno, errno switch
        {
            Errno.EINVAL => "This file system has no direct transfers: use one that has (ext4, xfs).",
            Errno.EBUSY => "A file system, LVM, RAID or another program has the device.",
            Errno.EEXIST => "The file is there already.",
            Errno.EACCES or Errno.EPERM => "Only its owner or root may.",
            Errno.ENOSPC => "The disk is full.",
            Errno.EROFS => "The file system is mounted read-only.",
            _ => "Does it exist?",
        });
    }

    private static NativeException Closed(DirectFile file, string call, Errno errno)
    {
        file.Dispose();
        return new NativeException(call, errno, UringRefusal.Hint(errno));
    }
}
