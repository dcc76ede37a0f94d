using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>How a port's sockets are bound and its XDP program attached.</summary>
public enum BindMode : uint
{
    /// <summary>Zero-copy, then copy, then generic: the first that the kernel grants.</summary>
    Auto = 0,
    /// <summary>Native program, XDP_ZEROCOPY: the driver fills our frames.</summary>
    ZeroCopy = 1,
    /// <summary>Native program, XDP_COPY: the kernel copies into our frames.</summary>
    Copy = 2,
    /// <summary>Generic (skb) program, XDP_COPY: works on every interface, slowest.</summary>
    Generic = 3,
}

/// <summary>Which frames of a port are ours; the XDP program passes the rest to the kernel stack.</summary>
public enum Claim : uint
{
    /// <summary>Nothing: a port that only sends.</summary>
    None = 0,
    /// <summary>IPv4 and IPv6 frames that are not for an address of this port, ND or link-local
    /// control.</summary>
    Ip = 1,
    /// <summary>UDP over IPv4/IPv6 to a destination port in the range, otherwise as
    /// <see cref="Ip"/>.</summary>
    Udp = 2,
    /// <summary>Every frame, ARP and LLDP too: a wire.</summary>
    All = 3,
    /// <summary>As <see cref="Ip"/>, of frames to this port's own MAC, without what the stack answers and
    /// never forwards: groups, broadcasts, a TTL that is used up.</summary>
    Route = 4,
}

/// <summary>Who forwards what a lane's stages decide on: the lane, or the XDP program where these stages come
/// to a path (<see cref="Xdp.PathCompiler"/>).</summary>
public enum Offload : uint
{
    /// <summary>The lane.</summary>
    None = 0,
    /// <summary>The XDP program where it can.</summary>
    Auto = 1,
    /// <summary>The XDP program; a lane whose stages it cannot do is refused.</summary>
    Kernel = 2,
}

/// <summary>When a lane asks the kernel to look at a port's rings.</summary>
public enum WakePolicy : uint
{
    /// <summary>XDP_USE_NEED_WAKEUP: when the kernel raises the flag.</summary>
    NeedWakeup = 0,
    /// <summary>Every turn that has something to send.</summary>
    Always = 1,
    /// <summary>SO_PREFER_BUSY_POLL: the lane runs the driver's NAPI itself.</summary>
    BusyPoll = 2,
}

/// <summary>Where the receive time of a frame comes from.</summary>
public enum StampSource : uint
{
    /// <summary>No metadata slot.</summary>
    None = 0,
    /// <summary>The XDP program writes CLOCK_MONOTONIC before the frame (<see cref="FrameMeta"/>).</summary>
    Software = 1,
}

/// <summary>What a lane does.</summary>
public enum LaneKind : uint
{
    /// <summary>Moves frames between its ports through its pipeline.</summary>
    Forward = 0,
    /// <summary>Sends open-loop load.</summary>
    Generator = 1,
    /// <summary>Receives load and measures it.</summary>
    Receiver = 2,
    /// <summary>Looks at the clock and does nothing else: its gaps are the noise of its CPU. No
    /// ports.</summary>
    Meter = 3,
    /// <summary>The same, and touches as much memory a turn as a forwarding lane does.</summary>
    ShapedMeter = 4,
    /// <summary>Writes what record stages of other lanes have copied to files. No ports.</summary>
    Storage = 5,
    /// <summary>Sends a capture from its file. One port.</summary>
    Replay = 6,
}

/// <summary>The thread under a lane.</summary>
public enum LaneHost : uint
{
    /// <summary>One thread on one CPU for this lane alone.</summary>
    Pinned = 0,
    /// <summary>Several lanes in turn on one thread (same <see cref="PlanLane.Thread"/>).</summary>
    Shared = 1,
}

/// <summary>Scheduling policy of a lane's thread (sched(7)).</summary>
public enum LanePolicy : uint
{
    /// <summary>SCHED_OTHER; <see cref="PlanLane.Priority"/> is a nice value.</summary>
    Other = 0,
    /// <summary>SCHED_FIFO | SCHED_RESET_ON_FORK; <see cref="PlanLane.Priority"/> is 1..99.</summary>
    Fifo = 1,
}

/// <summary>Whether UMEM lies on 2 MiB pages.</summary>
public enum HugePages : uint
{
    /// <summary>4 KiB pages.</summary>
    Never = 0,
    /// <summary>2 MiB pages when the host has them free.</summary>
    Auto = 1,
    /// <summary>Boot fails without them.</summary>
    Require = 2,
}

/// <summary>32 bytes: a SHA-256.</summary>
[InlineArray(32)]
public struct Hash32
{
    private byte _first;

    /// <summary>Lower-case hexadecimal.</summary>
    public override readonly string ToString() => Convert.ToHexStringLower(this);
}

/// <summary>16 bytes: an IPv6 address, or an IPv4 address in the first four; network order.</summary>
[InlineArray(16)]
public struct Address16
{
    private byte _first;
}

/// <summary>Indices into the plan's ports, in the order of the lane's own port numbers.</summary>
[InlineArray(Limits.PortsPerLaneMax)]
public struct LanePorts
{
    private int _first;
}

/// <summary>First bytes of a plan file. Written by Control, re-checked by lowlatd, never changed
/// after.</summary>
/// <remarks>The file is header, ports, lanes, stages, rules, tables, one after the other, and nothing
/// else.</remarks>
[StructLayout(LayoutKind.Sequential)]
public struct PlanHeader
{
    /// <summary>"LLPLAN" and two zero bytes, little-endian.</summary>
    public const ulong MagicValue = 0x0000_4E41_4C50_4C4C;

    /// <summary>Grows with every change of any struct of the plan.</summary>
    public const uint VersionValue = 3;

    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;
    /// <summary><see cref="VersionValue"/>.</summary>
    public uint Version;
    /// <summary>Size of the file, bytes.</summary>
    public uint TotalBytes;
    /// <summary>CRC-32C of everything behind this field (from byte 20).</summary>
    public uint Checksum;
    /// <summary>1 for the plan that lowlatd boots with; each reload is one more.</summary>
    public uint Generation;
    /// <summary>Count of <see cref="PlanPort"/>.</summary>
    public uint PortCount;
    /// <summary>Count of <see cref="PlanLane"/>.</summary>
    public uint LaneCount;
    /// <summary>Count of <see cref="PlanStage"/>.</summary>
    public uint StageCount;
    /// <summary>Count of <see cref="PlanRule"/>.</summary>
    public uint RuleCount;
    /// <summary>Non-zero: mlockall before arming; boot fails when the host refuses.</summary>
    public uint LockMemory;
    /// <summary>Count of <see cref="PlanTable"/>.</summary>
    public uint TableCount;
    /// <summary>CPUs of every thread that is not a lane.</summary>
    public CpuSet HousekeepingCpus;
    /// <summary>Name of the instance: one live data plane per name.</summary>
    public Text32 Name;
    /// <summary>Path of the shared region, made by lowlatd.</summary>
    public Text128 RegionPath;
    /// <summary>SHA-256 of the configuration text.</summary>
    public Hash32 ConfigHash;
    /// <summary>Load of the generator and receiver lanes; all zero where there are none.</summary>
    public PlanLoad Load;
}

/// <summary>One (port, queue) pair: one AF_XDP socket.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PlanPort
{
    /// <summary>The port's name in the configuration.</summary>
    public Text16 Name;
    /// <summary>The kernel's interface name.</summary>
    public Text16 Interface;
    /// <summary>Path of the network namespace (<c>/run/netns/x</c>); empty: the one lowlatd runs
    /// in.</summary>
    public Text128 NetworkNamespace;
    /// <summary>ifindex when planned; boot refuses when the name has another one now.</summary>
    public int InterfaceIndex;
    /// <summary>Queue number.</summary>
    public uint Queue;
    /// <summary>Requested mode.</summary>
    public BindMode Mode;
    /// <summary>What the XDP program redirects to us.</summary>
    public Claim Claim;
    /// <summary>First UDP destination port of <see cref="Claim.Udp"/>, host order.</summary>
    public ushort ClaimPortLow;
    /// <summary>Last UDP destination port of <see cref="Claim.Udp"/>, host order.</summary>
    public ushort ClaimPortHigh;
    /// <summary>Wake-up policy.</summary>
    public WakePolicy Wake;
    /// <summary>SO_BUSY_POLL, microseconds (busy-poll policy).</summary>
    public uint BusyPollUs;
    /// <summary>SO_BUSY_POLL_BUDGET, packets (busy-poll policy).</summary>
    public uint BusyPollBudget;
    /// <summary>Receive time source.</summary>
    public StampSource Stamps;
    /// <summary>Slots of the rx ring, power of two.</summary>
    public uint RxSlots;
    /// <summary>Slots of the tx ring, power of two.</summary>
    public uint TxSlots;
    /// <summary>Slots of the fill ring, power of two.</summary>
    public uint FillSlots;
    /// <summary>Slots of the completion ring, power of two.</summary>
    public uint CompletionSlots;
    /// <summary>Frames that the lane keeps on the fill side; at most <see cref="FillSlots"/>.</summary>
    public uint FillLevel;
    /// <summary>MTU when planned, bytes.</summary>
    public uint MtuBytes;
    /// <summary>NUMA node of the device; -1 unknown.</summary>
    public int NumaNode;
    /// <summary>Number of the interface among those of the plan: what tables name as egress. Ports of one
    /// interface, one a queue, share it.</summary>
    public uint InterfaceNumber;
    /// <summary>Own MAC, first byte of the address in the lowest byte.</summary>
    public ulong Mac;
}

/// <summary>One lane.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PlanLane
{
    /// <summary>Its name.</summary>
    public Text16 Name;
    /// <summary>What it does.</summary>
    public LaneKind Kind;
    /// <summary>The thread under it.</summary>
    public LaneHost Host;
    /// <summary>Lanes with the same number share a thread (only <see cref="LaneHost.Shared"/>).</summary>
    public uint Thread;
    /// <summary>CPU of the thread.</summary>
    public int Cpu;
    /// <summary>Policy of the thread.</summary>
    public LanePolicy Policy;
    /// <summary>1..99 for FIFO, nice -20..19 for OTHER.</summary>
    public int Priority;
    /// <summary>Count of its ports.</summary>
    public uint PortCount;
    /// <summary>Index of its first stage in the plan.</summary>
    public uint FirstStage;
    /// <summary>Count of its stages.</summary>
    public uint StageCount;
    /// <summary>Chunks of its UMEM.</summary>
    public uint Frames;
    /// <summary>Bytes of a chunk: 2048 or 4096.</summary>
    public uint ChunkBytes;
    /// <summary>Extra headroom before each frame, bytes.</summary>
    public uint HeadroomBytes;
    /// <summary>Huge pages for the UMEM.</summary>
    public HugePages HugePages;
    /// <summary>NUMA node of the UMEM; -1: where the CPU is.</summary>
    public int NumaNode;
    /// <summary>Frames handled together, 1..<see cref="Limits.BurstMax"/>.</summary>
    public uint Burst;
    /// <summary>Whether the XDP program may decide in the lane's place.</summary>
    public Offload Offload;
    /// <summary>Gaps longer than this become events, ns.</summary>
    public long GapThresholdNs;
    /// <summary>A planned pause starts at every multiple of this on CLOCK_MONOTONIC, ns; 0: never.</summary>
    public long YieldEveryNs;
    /// <summary>Length of a planned pause, ns: what a FIFO lane leaves to the kernel's own threads of its
    /// CPU.</summary>
    public long YieldForNs;
    /// <summary>Its ports, as indices into the plan's ports.</summary>
    public LanePorts Ports;
}
