namespace LowLatency.Control.Readiness;

/// <summary>What became of an attempt to read something.</summary>
internal enum FactState
{
    /// <summary>It was read.</summary>
    Read,

    /// <summary>There is no such file, device or request here (ENOENT, ENODEV, EOPNOTSUPP).</summary>
    Missing,

    /// <summary>Reading it was not allowed (EACCES, EPERM).</summary>
    Denied,

    /// <summary>The kernel answered with another error.</summary>
    Refused,

    /// <summary>We did not try: the read disturbs and no maintenance was declared.</summary>
    Withheld,

    /// <summary>Nobody asked for it when the evidence was collected.</summary>
    NotCollected,
}

/// <summary>What a read costs the CPU, port or disk it is about.</summary>
internal enum Intrusion
{
    /// <summary>Memory read of procfs or sysfs.</summary>
    I0,

    /// <summary>Takes a shared lock, or pulls cache lines of the data-plane CPUs.</summary>
    I1,

    /// <summary>May interrupt the CPU it is about.</summary>
    I2,

    /// <summary>Wakes or commands a device.</summary>
    I3,

    /// <summary>Writes.</summary>
    I4,
}

/// <summary>When in the window a fact was read.</summary>
internal enum Moment
{
    /// <summary>At its start; facts that are read once are read then.</summary>
    Start,

    /// <summary>At its end.</summary>
    End,
}

/// <summary>One thing read from a host, as it came.</summary>
internal sealed record Fact
{
    /// <summary>Where from: a path, [namespace]path, "netlink:request interface", "link:path",
    /// "probe:name".</summary>
    public required string Source { get; init; }

    /// <summary>When in the window.</summary>
    public Moment Moment { get; init; }

    /// <summary>What became of it.</summary>
    public required FactState State { get; init; }

    /// <summary>The bytes; empty unless <see cref="FactState.Read"/>.</summary>
    public byte[] Bytes { get; init; } = [];

    /// <summary>Why it was not read: the error's name and what it means; empty when it was.</summary>
    public string Problem { get; init; } = "";

    /// <summary>CLOCK_REALTIME at the read, ns since 1970.</summary>
    public required long TimeNs { get; init; }

    /// <summary>What the read cost.</summary>
    public required Intrusion Intrusion { get; init; }
}
