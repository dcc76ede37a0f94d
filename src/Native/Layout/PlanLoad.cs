using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>The generator's arrival process.</summary>
public enum Schedule : uint
{
    /// <summary>Equal distances.</summary>
    Constant = 0,
    /// <summary>Exponential distances (seeded, so a run can be repeated).</summary>
    Poisson = 1,
    /// <summary>Bursts of <see cref="PlanLoad.BurstFrames"/> with <see cref="PlanLoad.BurstGapNs"/> of
    /// silence between.</summary>
    Burst = 2,
    /// <summary>Equal distances at a rate that changes linearly.</summary>
    Ramp = 3,
    /// <summary>Equal distances at one rate after the other.</summary>
    Steps = 4,
    /// <summary>The times of a capture's frames, again and again.</summary>
    Replay = 5,
}

/// <summary>One frame of a capture that a load sends.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ReplayFrame
{
    /// <summary>Bytes of it in a table.</summary>
    public const int SizeBytes = 16;

    /// <summary>When it is sent within a round, active ns; grows from frame to frame.</summary>
    public long AtNs;
    /// <summary>Of its first byte in the table of frames.</summary>
    public uint Offset;
    /// <summary>Its length as captured.</summary>
    public uint Bytes;
}

/// <summary>One size of an IMIX, or a range of sizes that are equally likely.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PlanSize
{
    /// <summary>Frame length without FCS, tags in it, bytes; of a range: the least.</summary>
    public uint FrameBytes;
    /// <summary>The largest of a range, otherwise the same.</summary>
    public uint FrameBytesMax;
    /// <summary>Share among all weights.</summary>
    public uint Weight;
}

/// <summary>Up to eight sizes; a zero weight ends the list.</summary>
[InlineArray(8)]
public struct PlanSizes
{
    private PlanSize _first;
}

/// <summary>A part of a load whose rate changes linearly, or not at all.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PlanRate
{
    /// <summary>Frames a second over wall time at its beginning.</summary>
    public double FromPps;
    /// <summary>Frames a second over wall time at its end.</summary>
    public double ToPps;
    /// <summary>Measured time of the first path in it, ns.</summary>
    public long ForNs;
}

/// <summary>Up to <see cref="Limits.RatesMax"/> parts; a zero time ends the list.</summary>
[InlineArray(Limits.RatesMax)]
public struct PlanRates
{
    private PlanRate _first;
}

/// <summary>Where one path of a load run starts and what its frames carry.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PlanPath
{
    /// <summary>"through" or "direct".</summary>
    public Text16 Name;
    /// <summary>Source MAC, first byte lowest.</summary>
    public ulong SourceMac;
    /// <summary>Destination MAC, first byte lowest.</summary>
    public ulong DestinationMac;
    /// <summary>Generator lane's own port number.</summary>
    public uint TxPort;
    /// <summary>Receiver lane's own port number.</summary>
    public uint RxPort;
    /// <summary>Length of this path's slice of each cycle, active ns.</summary>
    public long SliceNs;
}

/// <summary>The paths of a load run; the cycle takes them in order.</summary>
[InlineArray(Limits.PathsMax)]
public struct PlanPaths
{
    private PlanPath _first;
}

/// <summary>What the generator sends and the receiver expects.</summary>
/// <remarks>Active time is wall time without the quiet windows: a planned pause of the generator's thread
/// starts at every multiple of <see cref="QuietEveryNs"/> on CLOCK_MONOTONIC and lasts
/// <see cref="QuietForNs"/>;
/// nothing is
/// intended inside it nor in the <see cref="QuietGuardNs"/> before it. The rate holds over wall
/// time.</remarks>
[StructLayout(LayoutKind.Sequential)]
public struct PlanLoad
{
    /// <summary>Frames a second over wall time; of a ramp and of steps: their mean.</summary>
    public double RatePps;
    /// <summary>Arrival process.</summary>
    public Schedule Schedule;
    /// <summary>Count of <see cref="Paths"/>.</summary>
    public uint PathCount;
    /// <summary>Count of flows, round-robin: flow n is the n-th of the combinations of the four ranges,
    /// source ports first, then source addresses, destination addresses, destination ports.</summary>
    public uint Flows;
    /// <summary>4 or 6.</summary>
    public uint Family;
    /// <summary>Random seed (Poisson, IMIX).</summary>
    public ulong Seed;
    /// <summary>Time before measuring starts, ns; its frames count in the ledger, not in the
    /// histograms.</summary>
    public long WarmupNs;
    /// <summary>Measured time of the first path, ns: the run ends when its slices add up to it.</summary>
    public long DurationNs;
    /// <summary>See remarks; 0: never quiet.</summary>
    public long QuietEveryNs;
    /// <summary>See remarks.</summary>
    public long QuietForNs;
    /// <summary>See remarks.</summary>
    public long QuietGuardNs;
    /// <summary>First source address; the others add to its last 32 bits.</summary>
    public Address16 Source;
    /// <summary>First destination address; the others add to its last 32 bits.</summary>
    public Address16 Destination;
    /// <summary>Count of source addresses.</summary>
    public uint SourceCount;
    /// <summary>Count of destination addresses.</summary>
    public uint DestinationCount;
    /// <summary>Count of UDP source ports.</summary>
    public uint SourcePortCount;
    /// <summary>Count of UDP destination ports.</summary>
    public uint DestinationPortCount;
    /// <summary>Count of VLAN tags: 0, 1 (802.1Q), 2 (802.1ad around 802.1Q).</summary>
    public uint VlanCount;
    /// <summary>VLAN of the outer tag.</summary>
    public ushort OuterVlan;
    /// <summary>VLAN of the inner of two tags.</summary>
    public ushort InnerVlan;
    /// <summary>First UDP source port, host order.</summary>
    public ushort SourcePort;
    /// <summary>First UDP destination port, host order.</summary>
    public ushort DestinationPort;
    /// <summary>Frames of a burst; 0 with any other schedule.</summary>
    public uint BurstFrames;
    /// <summary>From the last frame of a burst to the first of the next, active ns; 0 with any other
    /// schedule.</summary>
    public long BurstGapNs;
    /// <summary>Rates of a ramp and of steps, in the order of measured time; the warm-up has the
    /// first.</summary>
    public PlanRates Rates;
    /// <summary>Count of the frames of a capture, sent in turn, again and again; 0: frames are made, of
    /// <see cref="Sizes"/> and flows.</summary>
    public uint ReplayCount;
    /// <summary>Index of the table of <see cref="ReplayFrame"/>s; that of their bytes follows it.</summary>
    public uint ReplayTable;
    /// <summary>Length of a round of schedule replay, active ns; 0 with any other.</summary>
    public long ReplayRoundNs;
    /// <summary>Frame sizes.</summary>
    public PlanSizes Sizes;
    /// <summary>Paths.</summary>
    public PlanPaths Paths;
}
