using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

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
    /// <summary>To the kernel's stack, but the lane's punt queue was full.</summary>
    PuntQueueFull = 12,
    /// <summary>An acl rule said so.</summary>
    AclRule = 13,
    /// <summary>No acl rule named it and the default is drop.</summary>
    AclDefault = 14,
    /// <summary>Vlan: the tag (or its absence) is not allowed on this port.</summary>
    VlanNotAllowed = 15,
    /// <summary>Vlan: no room before the frame for another tag, or more tags than the frame may
    /// have.</summary>
    VlanNoRoom = 16,
    /// <summary>Switch: the destination lives behind the port it came in by.</summary>
    SwitchSamePort = 17,
    /// <summary>Switch: its source is one that no station can have, or is fixed to another port.</summary>
    SwitchBadSource = 18,
    /// <summary>Switch: floods of this port are over its limit.</summary>
    SwitchStorm = 19,
    /// <summary>Switch: nobody to flood to, or a destination that no bridge may forward (IEEE 802.1Q
    /// 8.6.3).</summary>
    SwitchNoMember = 20,
    /// <summary>Route: not addressed to this port's MAC.</summary>
    RouteOtherHost = 21,
    /// <summary>Route: neither IPv4 nor IPv6.</summary>
    RouteNotIp = 22,
    /// <summary>Route: source or destination that no router may forward (RFC 1812 5.3.7, RFC 4291).</summary>
    RouteMartian = 23,
    /// <summary>Route: wrong IPv4 header checksum.</summary>
    RouteChecksum = 24,
    /// <summary>Route: no route in a table of our own (the kernel would not know better).</summary>
    RouteNone = 25,
    /// <summary>Route: a blackhole route.</summary>
    RouteBlackhole = 26,
    /// <summary>Route: an unreachable or prohibit route of a table of our own.</summary>
    RouteUnreachable = 27,
    /// <summary>Route: this lane has no port of the egress interface.</summary>
    RouteNoPort = 28,
    /// <summary>Route: TTL or hop limit used up, in a table of our own.</summary>
    RouteTtl = 29,
    /// <summary>Route: longer than the MTU of the egress interface, in a table of our own.</summary>
    RouteMtu = 30,
    /// <summary>Route: the next hop's MAC is not known, in a table of our own.</summary>
    RouteNeighbour = 31,
    /// <summary>Nat: no free port for another flow.</summary>
    NatNoPort = 32,
    /// <summary>Nat: the flow table is full.</summary>
    NatTableFull = 33,
    /// <summary>Nat: cannot be translated (fragment, protocol, or an ICMP error of no flow of
    /// ours).</summary>
    NatUnsupported = 34,
    /// <summary>Nat: from outside, to an address of ours, and no flow knows it.</summary>
    NatNoFlow = 35,
    /// <summary>Police: over its rate.</summary>
    Policed = 36,
    /// <summary>Arbitrate: the other line had this message before.</summary>
    ArbitrateDuplicate = 37,
    /// <summary>Arbitrate: behind the window: a message given up for lost, or far too old.</summary>
    ArbitrateLate = 38,
    /// <summary>Fanout: no member port but the one it came in by.</summary>
    FanoutNoMember = 39,
    /// <summary>All copies were made and the original is not needed any more.</summary>
    Replicated = 40,
    /// <summary>To the kernel's stack, but its port's program runs in generic mode: it would come back.</summary>
    PuntGeneric = 41,
    /// <summary>Record: kept for its recorder, and its way ends there.</summary>
    Recorded = 42,
    /// <summary>Record: its way ends there, and it was not kept: not in the sample, no rule's, or no
    /// room.</summary>
    NotRecorded = 43,
}

/// <summary>Why a lane gave a frame to the kernel's stack, on the port it came in by.</summary>
public enum PuntReason
{
    /// <summary>For an address of this host.</summary>
    Local = 0,
    /// <summary>TTL or hop limit used up: the kernel answers.</summary>
    Ttl = 1,
    /// <summary>IPv4 options or IPv6 hop-by-hop options.</summary>
    Options = 2,
    /// <summary>No route: the kernel answers.</summary>
    NoRoute = 3,
    /// <summary>The next hop's MAC is not known: the kernel asks for it and sends the frame.</summary>
    Neighbour = 4,
    /// <summary>Longer than the egress MTU: the kernel fragments or answers.</summary>
    Mtu = 5,
    /// <summary>An unreachable or prohibit route: the kernel answers.</summary>
    Unreachable = 6,
    /// <summary>Multicast or broadcast that this stage does not forward.</summary>
    Multicast = 7,
    /// <summary>Leaves by an interface that is no port of the data plane: the kernel forwards.</summary>
    OtherInterface = 8,
    /// <summary>Not IP: the kernel's own business (ARP behind a tag, LLDP, ...).</summary>
    NotIp = 9,
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
    /// <summary>Passed (claim route): a group or broadcast destination.</summary>
    PassedMulticast = 7,
    /// <summary>Passed (claim route): TTL or hop limit used up; the stack answers.</summary>
    PassedTtl = 8,
    /// <summary>Sent out of another interface in the kernel, past the lane.</summary>
    Offloaded = 9,
    /// <summary>Dropped in the kernel: a filter rule of the lane said so.</summary>
    DroppedRule = 10,
    /// <summary>Dropped in the kernel: no rule named it and the filter's default is drop.</summary>
    DroppedDefault = 11,
}

/// <summary>One 64-bit counter per <see cref="DropReason"/>, with room to grow.</summary>
[InlineArray(Count)]
public struct DropCounters
{
    /// <summary>Slots.</summary>
    public const int Count = 64;

    private ulong _first;
}

/// <summary>One 64-bit counter per <see cref="PuntReason"/>, with room to grow.</summary>
[InlineArray(Count)]
public struct PuntCounters
{
    /// <summary>Slots.</summary>
    public const int Count = 16;

    private ulong _first;
}

/// <summary>What one stage of a lane did. The lane writes with plain stores, on frames that end only; how
/// many frames came to a stage follows: those of the stage before, less what ended there, plus its
/// replicas.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct StageCounter
{
    /// <summary>Frames that it ended, by reason.</summary>
    public DropCounters Drops;
    /// <summary>Frames that it gave to the kernel's stack, by reason.</summary>
    public PuntCounters Punts;
    /// <summary>Frames that it made.</summary>
    public ulong Replicas;
    /// <summary>Frames that it should have made and had no room for.</summary>
    public ulong ReplicasMissed;
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
        "bad-descriptor", "stopping", "received", "foreign", "no-route", "punt-queue-full", "acl-rule",
        "acl-default", "vlan-not-allowed", "vlan-no-room", "switch-same-port", "switch-bad-source",
        "switch-storm", "switch-no-member", "route-other-host", "route-not-ip", "route-martian",
        "route-checksum", "route-none", "route-blackhole", "route-unreachable", "route-no-port", "route-ttl",
        "route-mtu", "route-neighbour", "nat-no-port", "nat-table-full", "nat-unsupported", "nat-no-flow",
        "policed", "arbitrate-duplicate", "arbitrate-late", "fanout-no-member", "replicated",
        "punt-generic", "recorded", "not-recorded",
    ];

    /// <summary>Names by <see cref="PuntReason"/>.</summary>
    public static readonly string[] Punts =
    [
        "punt-local", "punt-ttl", "punt-options", "punt-no-route", "punt-neighbour", "punt-mtu",
        "punt-unreachable", "punt-multicast", "punt-other-interface", "punt-not-ip",
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
        "redirected", "passed-not-ours", "passed-control", "passed-discovery", "passed-local",
        "passed-no-socket", "passed-malformed", "passed-multicast", "passed-ttl", "offloaded", "dropped-rule",
        "dropped-default",
    ];

    /// <summary>Names of <see cref="XdpStatistics"/>, in the kernel's order.</summary>
    public static readonly string[] XdpStatistics =
    [
        "rx-dropped", "rx-invalid-descs", TxInvalid, "rx-ring-full", "rx-fill-ring-empty", "tx-ring-empty",
    ];
}
