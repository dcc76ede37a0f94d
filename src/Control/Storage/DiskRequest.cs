namespace LowLatency.Control.Storage;

/// <summary>How a drive's transfers are completed.</summary>
internal enum TransferMode
{
    /// <summary>Polled where the device can be, else by interrupt.</summary>
    Auto,
    /// <summary>By interrupt.</summary>
    Interrupt,
    /// <summary>Polled by the caller (IORING_SETUP_IOPOLL).</summary>
    IoPoll,
    /// <summary>Submitted by a thread of the kernel (IORING_SETUP_SQPOLL).</summary>
    SqPoll,
    /// <summary>NVMe commands past the block layer.</summary>
    Passthrough,
}

/// <summary>What <c>lowlat disk</c> is to measure.</summary>
internal sealed record DiskRequest
{
    /// <summary>A file, a block device, or a folder for a file without a name.</summary>
    public required string Path { get; init; }

    /// <summary>Of a hundred transfers, those that read.</summary>
    public int ReadPercent { get; init; } = 100;

    /// <summary>At random places; false: one after the other.</summary>
    public bool IsRandom { get; init; } = true;

    /// <summary>Bytes of a transfer.</summary>
    public int BlockBytes { get; init; } = 4096;

    /// <summary>Transfers under way at most.</summary>
    public int Depth { get; init; } = 1;

    /// <summary>Transfers a second that are intended; null: the next as soon as one ends.</summary>
    public double? Rate { get; init; }

    /// <summary>Measured time, ns.</summary>
    public long DurationNs { get; init; } = 10_000_000_000;

    /// <summary>Time before it that counts nowhere, ns.</summary>
    public long WarmupNs { get; init; } = 1_000_000_000;

    /// <summary>How transfers are to be completed.</summary>
    public TransferMode Mode { get; init; }

    /// <summary>Bytes of the area from the start; null: all there is, of a folder 1 GiB.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>CPU of the measuring thread; null: any.</summary>
    public int? Cpu { get; init; }

    /// <summary>Seed of places and of what is written.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>What is on PATH may be lost.</summary>
    public bool MayOverwrite { get; init; }

    /// <summary>What the user says is on the device: told twice.</summary>
    public string? Really { get; init; }

    /// <summary>Transfers write, some or all.</summary>
    public bool Writes => ReadPercent < 100;

    /// <summary>"random read", "sequential 70 % read".</summary>
    public string Pattern => (IsRandom ? "random " : "sequential ") + ReadPercent switch
    {
        100 => "read",
        0 => "write",
        _ => FormattableString.Invariant($"{ReadPercent} % read"),
    };
}
