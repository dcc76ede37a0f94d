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
        if (file < 0)
        {
            return new PolledRead(errno, "open(O_DIRECT)", 0);
        }

        Libc.UringParams parameters = new() { Flags = (uint)UringSetup.IoPoll };
        int ring = Libc.UringSetup(Slots, ref parameters, out errno);
        PolledRead outcome = ring < 0 ? new PolledRead(errno, "io_uring_setup(IORING_SETUP_IOPOLL)", 0)
            : (parameters.Features & Libc.UringSingleMmap) == 0
                ? new PolledRead(Errno.ENOSYS, "mmap(io_uring)", 0)
            : Read(ring, parameters, file, bytes);
        if (ring >= 0)
        {
            Libc.CloseFile(ring);
        }

        Libc.CloseFile(file);
        return outcome;
    }

    private static unsafe PolledRead Read(int ring, in Libc.UringParams parameters, int file, int bytes)
    {
        long ringBytes = Math.Max(parameters.SubmissionArray + (parameters.SubmissionSlots * sizeof(uint)),
            parameters.Completions + (parameters.CompletionSlots * (long)sizeof(Libc.UringCompletion)));
        long entryBytes = parameters.SubmissionSlots * (long)sizeof(Libc.UringEntry);
        byte* rings = Libc.MapShared(ringBytes, ring, Libc.UringOffsetRings, out Errno errno);
        byte* entries = rings == null ? null
            : Libc.MapShared(entryBytes, ring, Libc.UringOffsetEntries, out errno);
        byte* buffer = entries == null ? null // page-aligned, as O_DIRECT needs it
            : Libc.Map(bytes, Libc.ProtReadWrite, Libc.MapAnonymous, -1, out errno);
        PolledRead outcome = new(errno, "mmap(io_uring)", 0);
        if (buffer != null)
        {
            *(Libc.UringEntry*)entries = new Libc.UringEntry // in bounds: the first of four
            {
                Operation = Libc.UringRead,
                Fd = file,
                Address = (ulong)buffer,
                Length = (uint)bytes,
            };
            *(uint*)(rings + parameters.SubmissionArray) = 0; // in bounds: the kernel's own offsets
            // Pairs with the kernel's look at the tail in io_uring_enter.
            Volatile.Write(ref *(uint*)(rings + parameters.SubmissionTail), 1);
            errno = Libc.UringSubmitAndWait(ring, 1);
            outcome = errno != Errno.Ok ? new PolledRead(errno, "io_uring_enter", 0)
                : Completed(rings, parameters);
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

    private static unsafe PolledRead Completed(byte* rings, in Libc.UringParams parameters)
    {
        if (Volatile.Read(ref *(uint*)(rings + parameters.CompletionTail)) == 0)
        {
            return new PolledRead(Errno.EAGAIN, "io_uring_enter", 0);
        }

        // In bounds: the first of the kernel's own.
        int result = ((Libc.UringCompletion*)(rings + parameters.Completions))->Result;
        return result >= 0
            ? new PolledRead(Errno.Ok, "", result)
            : new PolledRead((Errno)(-result), "read", 0);
    }
}
