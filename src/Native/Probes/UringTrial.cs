using LowLatency.Native.Interop;

namespace LowLatency.Native.Probes;

/// <summary>How a ring is set up: linux/io_uring.h IORING_SETUP_*.</summary>
[Flags]
public enum UringSetup : uint
{
    /// <summary>Plain.</summary>
    None = 0,
    /// <summary>Completions are polled for (IOPOLL).</summary>
    IoPoll = 1 << 0,
    /// <summary>A kernel thread looks for submissions (SQPOLL).</summary>
    SqPoll = 1 << 1,
    /// <summary>No interrupt of the task by its completions (COOP_TASKRUN, since 5.19).</summary>
    CoopTaskRun = 1 << 8,
    /// <summary>Submission entries of 128 bytes (SQE128, since 5.19).</summary>
    WideEntries = 1 << 10,
    /// <summary>Completion entries of 32 bytes (CQE32, since 5.19).</summary>
    WideCompletions = 1 << 11,
    /// <summary>One thread submits (SINGLE_ISSUER, since 6.0).</summary>
    SingleIssuer = 1 << 12,
    /// <summary>Completions run when asked for (DEFER_TASKRUN, since 6.1); needs
    /// <see cref="SingleIssuer"/>.</summary>
    DeferTaskRun = 1 << 13,
}

/// <summary>Whether this process gets a ring with these flags: makes one and closes it.
/// <see cref="Uring.UringProbe"/> says which operations there are.</summary>
/// <param name="Setup">What was asked for.</param>
/// <param name="Errno">Ok; EPERM: kernel.io_uring_disabled; ENOSYS: not in the kernel, or a seccomp filter;
/// EINVAL: this kernel does not know a flag, or not beside the others; ENOMEM: over RLIMIT_MEMLOCK.</param>
public sealed record UringTrial(UringSetup Setup, Errno Errno)
{
    /// <summary>Tries. With <see cref="UringSetup.SqPoll"/>, a kernel thread lives for that moment.</summary>
    public static UringTrial Run(UringSetup setup)
    {
        Libc.UringParams parameters = new() { Flags = (uint)setup, ThreadIdleMs = 1 };
        int fd = Libc.UringSetup(4, ref parameters, out Errno errno);
        if (fd >= 0)
        {
            Libc.CloseFile(fd);
        }

        return new UringTrial(setup, errno);
    }
}

/// <summary>Whether a block device or a file can be read by polling: one read of its first bytes, O_DIRECT,
/// over a ring with IORING_SETUP_IOPOLL. Never writes.</summary>
/// <param name="Errno">Ok; EOPNOTSUPP: it cannot be polled; EINVAL: no O_DIRECT, or bytes that are not whole
/// blocks; others as open(2), io_uring_setup(2) and read(2) say.</param>
/// <param name="Step">Where it failed, as a man page calls it; empty when it did not.</param>
/// <param name="BytesRead">What was read, bytes.</param>
/// <remarks>Kernels before 6.12 accept the read and complete it by interrupt when the device has no polling
/// queues: <c>/sys/block/NAME/queue/io_poll</c> tells these apart.</remarks>
public sealed record PolledRead(Errno Errno, string Step, int BytesRead)
{
    private const int BytesMax = 1 << 20; // a trial, not a benchmark
    private const int Slots = 4;

    /// <summary>The kernel took the read as a polled one.</summary>
    public bool IsPolled => Errno == Errno.Ok;

    /// <summary>Reads.</summary>
    /// <param name="path">A block device or a regular file: opening a pipe would wait for its writer.</param>
    /// <param name="bytes">How many from the start: whole blocks, such as 4096.</param>
    public static PolledRead Run(string path, int bytes)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (bytes is <= 0 or > BytesMax)
        {
            return new PolledRead(Errno.EINVAL, "read", 0);
        }

        int file = Libc.TryOpenFile(path, Libc.OpenReadDirect, out Errno errno);
        return file < 0 ? new PolledRead(errno, "open(O_DIRECT)", 0) : OnRing(file, 0, bytes);
    }

    /// <summary>Reads the first block by an NVMe command that goes past the block layer
    /// (IORING_OP_URING_CMD, since
    /// 5.19), completed by polling.</summary>
    /// <param name="path">A namespace's character device, such as <c>/dev/ng0n1</c>.</param>
    /// <param name="blockBytes">Size of its blocks.</param>
    public static PolledRead RunPassthrough(string path, int blockBytes)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (blockBytes is <= 0 or > BytesMax)
        {
            return new PolledRead(Errno.EINVAL, "read", 0);
        }

        int file = Libc.TryOpenFile(path, Libc.OpenReadOnly, out Errno errno);
        if (file < 0)
        {
            return new PolledRead(errno, "open", 0);
        }

        int number = Libc.NvmeNamespaceOf(file);
        if (number > 0)
        {
            return OnRing(file, (uint)number, blockBytes);
        }

        Libc.CloseFile(file);
        return new PolledRead(Errno.ENOTTY, "ioctl(NVME_IOCTL_ID)", 0);
    }

    // Closes the file. Namespace 0: a plain read.
    private static PolledRead OnRing(int file, uint number, int bytes)
    {
        UringSetup wide = number == 0 ? UringSetup.None : UringSetup.WideEntries | UringSetup.WideCompletions;
        Libc.UringParams parameters = new() { Flags = (uint)(UringSetup.IoPoll | wide) };
        int ring = Libc.UringSetup(Slots, ref parameters, out Errno errno);
        PolledRead outcome = ring < 0 ? new PolledRead(errno, "io_uring_setup(IORING_SETUP_IOPOLL)", 0)
            : (parameters.Features & Libc.UringSingleMmap) == 0
                ? new PolledRead(Errno.ENOSYS, "mmap(io_uring)", 0)
            : Read(ring, parameters, file, number, bytes);
        if (ring >= 0)
        {
            Libc.CloseFile(ring);
        }

        Libc.CloseFile(file);
        return outcome;
    }

    private static unsafe PolledRead Read(int ring, in Libc.UringParams parameters, int file, uint number,
        int bytes)
    {
        int scale = number == 0 ? 1 : 2; // wide ones are twice as long
        long ringBytes = Math.Max(parameters.SubmissionArray + (parameters.SubmissionSlots * sizeof(uint)),
            parameters.Completions
                + (parameters.CompletionSlots * (long)sizeof(Libc.UringCompletion) * scale));
        long entryBytes = parameters.SubmissionSlots * (long)sizeof(Libc.UringEntry) * scale;
        byte* rings = Libc.MapShared(ringBytes, ring, Libc.UringOffsetRings, out Errno errno);
        byte* entries = rings == null ? null
            : Libc.MapShared(entryBytes, ring, Libc.UringOffsetEntries, out errno);
        byte* buffer = entries == null ? null // page-aligned, as O_DIRECT needs it
            : Libc.Map(bytes, Libc.ProtReadWrite, Libc.MapAnonymous, -1, out errno);
        PolledRead outcome = new(errno, "mmap(io_uring)", 0);
        if (buffer != null)
        {
            Describe(entries, file, number, buffer, bytes);
            *(uint*)(rings + parameters.SubmissionArray) = 0; // in bounds: the kernel's own offsets
            // Pairs with the kernel's look at the tail in io_uring_enter.
            Volatile.Write(ref *(uint*)(rings + parameters.SubmissionTail), 1);
            errno = Libc.UringSubmitAndWait(ring, 1);
            outcome = errno != Errno.Ok ? new PolledRead(errno, "io_uring_enter", 0)
                : Completed(rings, parameters, number == 0 ? 0 : bytes);
            Libc.Unmap(buffer, bytes); // a read under way would have its pages pinned
        }

        if (entries != null)
        {
            Libc.Unmap(entries, entryBytes);
        }

        if (rings != null)
        {
            Libc.Unmap(rings, ringBytes);
        }

        return outcome;
    }

    // In bounds: the first of four entries, which is wide where there is a namespace.
    private static unsafe void Describe(byte* entry, int file, uint number, byte* buffer, int bytes)
    {
        *(Libc.UringEntry*)entry = number == 0
            ? new Libc.UringEntry
            {
                Operation = Libc.UringRead,
                Fd = file,
                Address = (ulong)buffer,
                Length = (uint)bytes,
            }
            : new Libc.UringEntry { Operation = Libc.UringCommand, Fd = file, Offset = Libc.NvmeUringIo };
        if (number != 0)
        {
            *(Libc.NvmeCommand*)(entry + Libc.UringCommandAt) = new Libc.NvmeCommand
            {
                Opcode = Libc.NvmeRead, // of one block, the first: words 10 to 12 are 0
                Namespace = number,
                Address = (ulong)buffer,
                DataBytes = (uint)bytes,
            };
        }
    }

    // A command completes with its status, 0 when all of its bytes came; positive ones are the drive's own.
    private static unsafe PolledRead Completed(byte* rings, in Libc.UringParams parameters, int commandBytes)
    {
        if (Volatile.Read(ref *(uint*)(rings + parameters.CompletionTail)) == 0)
        {
            return new PolledRead(Errno.EAGAIN, "io_uring_enter", 0);
        }

        // In bounds: the first of the kernel's own.
        int result = ((Libc.UringCompletion*)(rings + parameters.Completions))->Result;
        return commandBytes > 0 && result >= 0
            ? result == 0 ? new PolledRead(Errno.Ok, "", commandBytes) : new PolledRead(Errno.EIO, "read", 0)
            : result >= 0 ? new PolledRead(Errno.Ok, "", result)
            : new PolledRead((Errno)(-result), "read", 0);
    }
}
