using System.Runtime.CompilerServices;

namespace LowLatency.Native.Layout;

/// <summary>Why a lane ended a frame. A new reason is a new row here; its name is
/// <see cref="CounterNames"/>.</summary>
public enum DropReason
{
    /// <summary>No stage gave a verdict.</summary>
    NoVerdict = 0,
    /// <summary>The tx ring of the port it should leave by was full.</summary>
    TxRingFull = 1,
    /// <summary>The port it should leave by was down or gone.</summary>
    PortDown = 2,
    /// <summary>A filter rule said so.</summary>
    FilterRule = 3,
    /// <summary>No filter rule named it and the filter's default is drop.</summary>
    FilterDefault = 4,
    /// <summary>Too short or inconsistent for the headers it claims.</summary>
    Malformed = 5,
    /// <summary>Reflect: not UDP over IPv4 or IPv6.</summary>
    NotUdp = 6,
    /// <summary>The kernel gave a descriptor outside the UMEM.</summary>
    BadDescriptor = 7,
    /// <summary>The data plane was stopping: it drained what it held.</summary>
    Stopping = 8,
    /// <summary>A receiver lane's end: the frame was measured.</summary>
    Received = 9,
    /// <summary>A receiver lane's end: the frame was not ours.</summary>
    Foreign = 10,
    /// <summary>A cross-connect has no other side for the port it came in by.</summary>
    NoRoute = 11,
}

/// <summary>Where a turn's time went; every nanosecond of a lane falls into exactly one.</summary>
public enum Regime
{
    /// <summary>Frames were moved.</summary>
    Busy = 0,
    /// <summary>Nothing to do.</summary>
    Idle = 1,
    /// <summary>Publishing, checking, planned pauses.</summary>
    Housekeeping = 2,
    /// <summary>A tx ring was full.</summary>
    TxBlocked = 3,
    /// <summary>The frame pool was empty.</summary>
    Starved = 4,
}

/// <summary>What the XDP program did with a frame (xdp/lowlat.h <c>enum ll_outcome</c>), counted per
/// CPU.</summary>
public enum XdpOutcome
{
    /// <summary>Redirected to the socket of its queue.</summary>
    Redirected = 0,
    /// <summary>Passed: not in this port's claim.</summary>
    PassedNotOurs = 1,
    /// <summary>Passed: ARP, LLDP or another link-local control frame.</summary>
    PassedControl = 2,
    /// <summary>Passed: neighbour discovery or another link-local IPv6 frame.</summary>
    PassedDiscovery = 3,
    /// <summary>Passed: for an address of this port.</summary>
    PassedLocal = 4,
    /// <summary>Passed: no socket serves its queue.</summary>
    PassedNoSocket = 5,
    /// <summary>Passed: too short to judge.</summary>
    PassedMalformed = 6,
}

/// <summary>One 64-bit counter per <see cref="DropReason"/>, with room to grow.</summary>
[InlineArray(Count)]
public struct DropCounters
{
    /// <summary>Slots.</summary>
    public const int Count = 32;

    private ulong _first;
}

/// <summary>One sum of ns per <see cref="Regime"/>, with room to grow.</summary>
[InlineArray(Count)]
public struct RegimeCounters
{
    /// <summary>Slots.</summary>
    public const int Count = 8;

    private long _first;
}

/// <summary>One 64-bit counter per <see cref="XdpOutcome"/>, with room to grow.</summary>
[InlineArray(Count)]
public struct OutcomeCounters
{
    /// <summary>Slots; equals LL_OUTCOMES of xdp/lowlat.h.</summary>
    public const int Count = 16;

    private ulong _first;
}

/// <summary>One 64-bit counter per path.</summary>
[InlineArray(Limits.PathsMax)]
public struct PathCounters
{
    private ulong _first;
}

/// <summary>The one place where counters get their names: text, JSON and docs all use these.</summary>
public static class CounterNames
{
    /// <summary>Names by <see cref="DropReason"/>.</summary>
    public static readonly string[] Drops =
    [
        "no-verdict", "tx-ring-full", "port-down", "filter-rule", "filter-default", "malformed", "not-udp",
        "bad-descriptor", "stopping", "received", "foreign", "no-route",
    ];

    /// <summary>A frame in a tx ring that the kernel has not taken: it was not sent.</summary>
    public const string TxNotTaken = "tx-not-taken";

    /// <summary>A frame that the kernel took from a tx ring and has not given back: sent or not, nobody
    /// knows.</summary>
    public const string TxNotCompleted = "tx-not-completed";

    /// <summary>A frame whose tx descriptor the kernel refused: it is never given back.</summary>
    public const string TxInvalid = "tx-invalid-descs";

    /// <summary>Names by <see cref="Regime"/>.</summary>
    public static readonly string[] Regimes = ["busy", "idle", "housekeeping", "tx-blocked", "starved"];

    /// <summary>Names by <see cref="XdpOutcome"/>.</summary>
    public static readonly string[] Outcomes =
    [
        "redirected", "passed-not-ours", "passed-control", "passed-discovery", "passed-local", "passed-no-socket",
        "passed-malformed",
    ];

    /// <summary>Names of <see cref="XdpStatistics"/>, in the kernel's order.</summary>
    public static readonly string[] XdpStatistics =
    [
        "rx-dropped", "rx-invalid-descs", TxInvalid, "rx-ring-full", "rx-fill-ring-empty", "tx-ring-empty",
    ];
}
