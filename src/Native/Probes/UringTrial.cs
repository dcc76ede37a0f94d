using LowLatency.Native.Host;
using LowLatency.Native.Uring;

namespace LowLatency.Native.Probes;

/// <summary>Whether this process gets a ring with these flags: makes one and closes it.
/// <see cref="UringProbe"/> says which operations there are.</summary>
/// <param name="Setup">What was asked for.</param>
/// <param name="Errno">Ok; EPERM: kernel.io_uring_disabled; ENOSYS: not in the kernel, or a seccomp filter;
/// EINVAL: this kernel does not know a flag, or not beside the others; ENOMEM: over RLIMIT_MEMLOCK.</param>
public sealed record UringTrial(UringSetup Setup, Errno Errno)
{
    /// <summary>Tries. With <see cref="UringSetup.SqPoll"/>, a kernel thread lives for that moment.</summary>
    public static UringTrial Run(UringSetup setup)
    {
        try
        {
            using Ring ring = Ring.Open(new RingSetup(Depth: 4, setup, Files: 1), buffers: null);
            return new UringTrial(setup, Errno.Ok);
        }
        catch (NativeException refusal)
        {
            return new UringTrial(setup, refusal.Errno);
        }
    }
}

/// <summary>Queues of a block device that are made for polling.</summary>
public static class PollingQueues
{
    /// <summary>True when the device, or the one that a file lies on, has some. Kernels before 6.12 take
    /// polled requests without, and complete them by interrupt.</summary>
    public static bool AreUnder(FileIdentity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        string name = DiskOf(identity);
        // An NVMe namespace of several paths polls on these: nvme0n1 on nvme0c0n1.
        int at = name.LastIndexOf('n');
        return name.Length > 0 && (Has(name) || (name.StartsWith("nvme", StringComparison.Ordinal) && at > 4
            && Directory.GetDirectories("/sys/block", $"{name[..at]}c*{name[at..]}")
                .Any(path => Has(Path.GetFileName(path)))));
    }

    /// <summary>Name of the whole block device that a path is, or lies on; empty: none is known.</summary>
    public static string DiskOf(FileIdentity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        string link = FormattableString.Invariant($"/sys/dev/block/{identity.Major}:{identity.Minor}");
        if (!Directory.Exists(link))
        {
            return "";
        }

        string path = new DirectoryInfo(link).ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        return Path.GetFileName(Path.Exists(Path.Combine(path, "partition")) ? Path.GetDirectoryName(path)! : path);
    }

    private static bool Has(string disk)
    {
        string place = $"/sys/block/{disk}/queue/io_poll";
        return File.Exists(place) && File.ReadAllText(place).Trim() == "1";
    }
}

/// <summary>Whether a block device or a file can be read or written by polling: one transfer, O_DIRECT, over a
/// ring with IORING_SETUP_IOPOLL. A write puts back what was read, and is asked for explicitly.</summary>
/// <param name="Errno">Ok; EOPNOTSUPP: it cannot be polled; EINVAL: no O_DIRECT, or bytes that are not whole
/// blocks; others as open(2), io_uring_setup(2) and read(2) say.</param>
/// <param name="Step">Where it failed, as a man page calls it; empty when it did not.</param>
/// <param name="BytesRead">What was read, bytes.</param>
/// <remarks>Kernels before 6.12 accept the read and complete it by interrupt when the device has no polling
/// queues: <c>/sys/block/NAME/queue/io_poll</c> tells these apart.</remarks>
public sealed record PolledRead(Errno Errno, string Step, int BytesRead)
{
    private const int BytesMax = 1 << 20; // a trial, not a benchmark

    /// <summary>The kernel took the read as a polled one.</summary>
    public bool IsPolled => Errno == Errno.Ok;

    /// <summary>Reads.</summary>
    /// <param name="path">A block device or a regular file: opening a pipe would wait for its writer.</param>
    /// <param name="bytes">How many from the start: whole blocks, such as 4096.</param>
    public static PolledRead Run(string path, int bytes)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return bytes is <= 0 or > BytesMax ? new PolledRead(Errno.EINVAL, "read", 0)
            : Try(() => DirectFile.Open(path, DirectAccess.Read), "open(O_DIRECT)", IoOperation.Read, bytes);
    }

    /// <summary>Reads the first block by an NVMe command that goes past the block layer
    /// (IORING_OP_URING_CMD, since 5.19), completed by polling.</summary>
    /// <param name="path">A namespace's character device, such as <c>/dev/ng0n1</c>.</param>
    /// <param name="blockBytes">Size of its blocks.</param>
    public static PolledRead RunPassthrough(string path, int blockBytes)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return blockBytes is <= 0 or > BytesMax ? new PolledRead(Errno.EINVAL, "read", 0)
            : Try(() => DirectFile.OpenNamespace(path, DirectAccess.Read), "open", IoOperation.NvmeRead,
                blockBytes);
    }

    /// <summary>Whether what lies in a folder can be polled: writes a block of a file without a name by
    /// interrupt, reads it by polling.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="NativeException">No such file can be made or written there.</exception>
    public static PolledRead RunInFolder(string folder)
    {
        using DirectFile file = DirectFile.CreateNameless(folder);
        PolledRead written = On(file, UringSetup.None, IoOperation.Write, IoBuffers.Alignment);
        if (!written.IsPolled)
        {
            throw new NativeException($"write({folder})", written.Errno, UringRefusal.Hint(written.Errno));
        }

        PolledRead read = On(file, IoOperation.Read, IoBuffers.Alignment);
        return read.IsPolled && !PollingQueues.AreUnder(FileIdentity.Of(folder))
            ? new PolledRead(Errno.EOPNOTSUPP, "queue/io_poll", 0) : read;
    }

    /// <summary>One polled transfer at the start of an open file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="operation">A read, or the write of what this read before.</param>
    /// <param name="bytes">Whole blocks.</param>
    public static PolledRead On(DirectFile file, IoOperation operation, int bytes) =>
        On(file, UringSetup.IoPoll, operation, bytes);

    private static PolledRead On(DirectFile file, UringSetup setup, IoOperation operation, int bytes)
    {
        ArgumentNullException.ThrowIfNull(file);
        UringSetup wide = file.Kind == DirectKind.Namespace
            ? UringSetup.WideEntries | UringSetup.WideCompletions : UringSetup.None;
        using IoBuffers buffers = new(slots: 1, bytes);
        try
        {
            using Ring ring = Ring.Open(new RingSetup(4, setup | wide, 1), buffers);
            Errno errno = ring.SetFile(0, file);
            return errno != Errno.Ok ? new PolledRead(errno, "io_uring_register", 0)
                : Transfer(ring, operation, bytes);
        }
        catch (NativeException refusal)
        {
            return new PolledRead(refusal.Errno, "io_uring_setup(IORING_SETUP_IOPOLL)", 0);
        }
    }

    private static PolledRead Try(Func<DirectFile> open, string step, IoOperation operation, int bytes)
    {
        try
        {
            using DirectFile file = open();
            return On(file, operation, bytes);
        }
        catch (NativeException refusal)
        {
            return new PolledRead(refusal.Errno,
                refusal.Call.StartsWith("ioctl", StringComparison.Ordinal) ? "ioctl(NVME_IOCTL_ID)" : step, 0);
        }
    }

    // A command completes with its status, 0 when all of its bytes came; positive ones are the drive's own.
    private static PolledRead Transfer(Ring ring, IoOperation operation, int bytes)
    {
        bool isCommand = operation is IoOperation.NvmeRead or IoOperation.NvmeWrite;
        _ = ring.TryAdd(new IoRequest { Operation = operation, File = 0, Bytes = bytes });
        Span<IoCompletion> one = stackalloc IoCompletion[1];
        Errno errno = Errno.Ok;
        while (errno is Errno.Ok or Errno.EINTR)
        {
            errno = ring.Submit(awaited: 1, timeoutNs: 0);
            if (ring.Reap(one) == 1)
            {
                int result = one[0].Result;
                return result < 0 ? new PolledRead(one[0].Errno, "read", 0)
                    : isCommand && result > 0 ? new PolledRead(Errno.EIO, "read", 0)
                    : new PolledRead(Errno.Ok, "", isCommand ? bytes : result);
            }
        }

        return new PolledRead(errno, "io_uring_enter", 0);
    }
}
