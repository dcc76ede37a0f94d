namespace LowLatency.Native.Uring;

/// <summary>What a request asks of the kernel.</summary>
public enum IoOperation
{
    /// <summary>Nothing: it only completes.</summary>
    None,
    /// <summary>Reads into a slot (IORING_OP_READ_FIXED).</summary>
    Read,
    /// <summary>Writes from a slot (IORING_OP_WRITE_FIXED).</summary>
    Write,
    /// <summary>Data and what is needed to find it are durable before it completes (fdatasync(2)).</summary>
    DataSync,
    /// <summary>Data and all that is known of the file are durable before it completes (fsync(2)).</summary>
    Sync,
    /// <summary>Reserves a file's bytes (fallocate(2), mode 0).</summary>
    Allocate,
    /// <summary>An NVMe read command that goes past the block layer (IORING_OP_URING_CMD); offset and length
    /// in whole blocks of the namespace.</summary>
    NvmeRead,
    /// <summary>An NVMe write command.</summary>
    NvmeWrite,
}

/// <summary>How a request stands to the ones after it: linux/io_uring.h IOSQE_*.</summary>
[Flags]
public enum IoOrder : byte
{
    /// <summary>Not at all.</summary>
    None = 0,
    /// <summary>It starts when all before it have completed, and none after it starts before
    /// (IO_DRAIN).</summary>
    Drain = 1 << 1,
    /// <summary>The next one starts when this has succeeded; a short transfer, too, breaks the chain
    /// (IO_LINK).</summary>
    Link = 1 << 2,
}

/// <summary>One request to a ring.</summary>
public readonly record struct IoRequest
{
    /// <summary>What to do.</summary>
    public required IoOperation Operation { get; init; }

    /// <summary>Number of the file among the ring's.</summary>
    public required int File { get; init; }

    /// <summary>Slot of the ring's buffers, where data moves.</summary>
    public int Slot { get; init; }

    /// <summary>First byte in the slot.</summary>
    public int SlotOffset { get; init; }

    /// <summary>Length, bytes; of <see cref="IoOperation.Allocate"/>, too.</summary>
    public long Bytes { get; init; }

    /// <summary>Place in the file, bytes.</summary>
    public long Offset { get; init; }

    /// <summary>Comes back with the completion.</summary>
    public ulong Token { get; init; }

    /// <summary>Order among the ring's requests.</summary>
    public IoOrder Order { get; init; }
}

/// <summary>How a request ended.</summary>
/// <param name="Token">The request's.</param>
/// <param name="Result">Bytes, or minus an errno; of NVMe commands 0, or the drive's status.</param>
public readonly record struct IoCompletion(ulong Token, int Result)
{
    /// <summary>Ok, or why it failed. A drive's own refusal is EIO.</summary>
    public Errno Errno => Result >= 0 ? Errno.Ok : (Errno)(-Result);
}

/// <summary>A queue of requests to files: <see cref="Ring"/>, or a test's own in its place. One
/// thread.</summary>
public interface IIoRing
{
    /// <summary>Requests that have not come back by <see cref="Reap"/>.</summary>
    int InFlight { get; }

    /// <summary>Queues a request; false: as many as the ring holds are under way.</summary>
    bool TryAdd(in IoRequest request);

    /// <summary>Hands queued requests to the kernel and looks for completions.</summary>
    /// <param name="awaited">Completions to wait for; 0: none.</param>
    /// <param name="timeoutNs">Longest wait; 0: for ever.</param>
    /// <returns>Ok; ETIME or EINTR: ended earlier; EAGAIN, EBUSY: later; others: the ring is of no
    /// use.</returns>
    Errno Submit(uint awaited, long timeoutNs);

    /// <summary>Takes completions; their count.</summary>
    int Reap(Span<IoCompletion> completions);

    /// <summary>Puts an open file in a place of the ring's table, or nothing (-1).</summary>
    /// <returns>Ok, or what io_uring_register(2) answered.</returns>
    Errno SetFile(int index, int fd);
}
