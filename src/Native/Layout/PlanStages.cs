using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>The kinds of stage that a plan can name.</summary>
public enum StageKind : uint
{
    /// <summary>What comes in at one port goes out at the other (<see cref="PlanStage.PortA"/>,
    /// PortB).</summary>
    CrossConnect = 0,
    /// <summary>Sets source and destination MAC of frames that leave by
    /// <see cref="PlanStage.PortA"/>.</summary>
    MacRewrite = 1,
    /// <summary>Swaps source and destination MAC of every frame.</summary>
    MacSwap = 2,
    /// <summary>5-tuple rules that count or drop; first match ends.</summary>
    Filter = 3,
    /// <summary>UDP back to where it came from: MACs, addresses and ports swapped.</summary>
    Reflect = 4,
    /// <summary>Pushes, pops, rewrites and checks 802.1Q tags, by port.</summary>
    Vlan = 5,
    /// <summary>Learns source MACs, forwards by destination MAC, floods what it does not know.</summary>
    Switch = 6,
    /// <summary>IPv4 and IPv6 by longest prefix match.</summary>
    Route = 7,
    /// <summary>Ordered rules in a compiled classifier; first match ends.</summary>
    Acl = 8,
    /// <summary>Translates addresses and ports.</summary>
    Nat = 9,
    /// <summary>Token buckets.</summary>
    Police = 10,
    /// <summary>Copies frames to a port.</summary>
    Mirror = 11,
    /// <summary>One frame in, one to each of several ports out.</summary>
    Fanout = 12,
    /// <summary>Of two lines that carry one stream, the first copy of each message wins.</summary>
    Arbitrate = 13,
    /// <summary>Measures the time since the frames were dequeued, at this place of the pipeline.</summary>
    Stamp = 14,
    /// <summary>Copies frames for a recorder (<see cref="RecordSettings"/>).</summary>
    Record = 15,
    /// <summary>The one stage of a recorder's lane: where and how it writes
    /// (<see cref="RecorderSettings"/>).</summary>
    Recorder = 16,
    /// <summary>The one stage of a replay's lane: what it sends (<see cref="ReplaySettings"/>).</summary>
    Replay = 17,
}

/// <summary>What a table holds.</summary>
public enum TableKind : uint
{
    /// <summary><see cref="RuleCounter"/>s of one stage.</summary>
    RuleCounters = 0,
    /// <summary>IPv4 routes.</summary>
    Routes4 = 1,
    /// <summary>IPv6 routes.</summary>
    Routes6 = 2,
    /// <summary>Next hops and groups of them.</summary>
    NextHops = 3,
    /// <summary>A compiled access list.</summary>
    Acl = 4,
    /// <summary>MAC addresses of a switch, one lane's.</summary>
    Macs = 5,
    /// <summary>Translations of a nat stage, one lane's.</summary>
    Flows = 6,
    /// <summary>Token buckets of a police stage, one lane's.</summary>
    Buckets = 7,
    /// <summary>Sequence windows of an arbitrate stage, one lane's.</summary>
    Windows = 8,
    /// <summary>A histogram with HdrHistogram's geometry (<see cref="HdrGeometry"/>).</summary>
    Histogram = 9,
    /// <summary>VLAN membership of ports, tag rewrites.</summary>
    Vlans = 10,
    /// <summary>Static entries, ports, translations or members of a stage, as it defines them.</summary>
    Entries = 11,
    /// <summary><see cref="ReplayFrame"/>s of a load.</summary>
    Replay = 12,
    /// <summary>The bytes of these frames.</summary>
    Frames = 13,
    /// <summary>A <see cref="RecordQueueHeader"/> and blocks of pcapng.</summary>
    Records = 14,
}

/// <summary>What a filter rule does with a match.</summary>
public enum RuleAction : uint
{
    /// <summary>Counts and lets pass.</summary>
    Pass = 0,
    /// <summary>Counts and drops with <see cref="DropReason.FilterRule"/>.</summary>
    Drop = 1,
}

/// <summary>Which fragments of a packet a rule means.</summary>
public enum FragmentMatch : ushort
{
    /// <summary>Any frame.</summary>
    Any = 0,
    /// <summary>Whole packets and first fragments: frames that have a transport header.</summary>
    First = 1,
    /// <summary>Later fragments: frames without one.</summary>
    Later = 2,
}

/// <summary>Settings of a stage; what each means is defined beside the stage's own layout.</summary>
[InlineArray(16)]
public struct StageSettings
{
    private long _first;
}

/// <summary>One stage of a lane; ports are the lane's own port numbers.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PlanStage
{
    /// <summary>What it does.</summary>
    public StageKind Kind;
    /// <summary>First port; -1: any.</summary>
    public int PortA;
    /// <summary>Second port; -1: none.</summary>
    public int PortB;
    /// <summary>Index of the first rule.</summary>
    public uint FirstRule;
    /// <summary>Count of rules.</summary>
    public uint RuleCount;
    /// <summary>What a filter does with frames that no rule names.</summary>
    public RuleAction DefaultAction;
    /// <summary>New source MAC, first byte lowest; 0: leave.</summary>
    public ulong SourceMac;
    /// <summary>New destination MAC, first byte lowest; 0: leave.</summary>
    public ulong DestinationMac;
    /// <summary>Index of its first table; its tables stand together, in the order its kind defines.</summary>
    public uint FirstTable;
    /// <summary>Count of its tables.</summary>
    public uint TableCount;
    /// <summary>What else its kind needs.</summary>
    public StageSettings Settings;
}

/// <summary>One table: memory that Control fills, or that a lane keeps state in, and that both see. It lives
/// longer than a plan: a reload that names the same table keeps its memory and what stands in it.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PlanTable
{
    /// <summary>What tells it from others of the instance; a reload keeps a table of the same name, kind and
    /// size.</summary>
    public Text32 Name;
    /// <summary>What it holds.</summary>
    public TableKind Kind;
    /// <summary>How many of it, as its kind counts: routes, rules, addresses.</summary>
    public uint Capacity;
    /// <summary>Where it starts in the table memory, bytes; a multiple of a page.</summary>
    public long Offset;
    /// <summary>Its size, bytes.</summary>
    public long Bytes;
    /// <summary>What static content it was filled with; a reload keeps a table only when this is the same,
    /// too. 0: content that runs on.</summary>
    public ulong ContentHash;
}

/// <summary>One rule of a filter or acl stage.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PlanRule
{
    /// <summary>Its name, for counters.</summary>
    public Text32 Name;
    /// <summary>4, 6, or 0 for both.</summary>
    public uint Family;
    /// <summary>IP protocol number; 256: any.</summary>
    public uint Protocol;
    /// <summary>Source prefix.</summary>
    public Address16 Source;
    /// <summary>Destination prefix.</summary>
    public Address16 Destination;
    /// <summary>Bits of <see cref="Source"/> that count.</summary>
    public uint SourceBits;
    /// <summary>Bits of <see cref="Destination"/> that count.</summary>
    public uint DestinationBits;
    /// <summary>Source L4 port range, host order; 0..65535: any (also frames without ports).</summary>
    public ushort SourcePortLow;
    /// <inheritdoc cref="SourcePortLow"/>
    public ushort SourcePortHigh;
    /// <summary>Destination L4 port range, host order.</summary>
    public ushort DestinationPortLow;
    /// <inheritdoc cref="DestinationPortLow"/>
    public ushort DestinationPortHigh;
    /// <summary>Ingress port, lane's own number; -1: any.</summary>
    public int Port;
    /// <summary>What happens.</summary>
    public RuleAction Action;
    /// <summary>acl: first VLAN id, 0: untagged; both ends 0 and 4095: any.</summary>
    public ushort VlanLow;
    /// <summary>acl: last VLAN id.</summary>
    public ushort VlanHigh;
    /// <summary>acl: TCP flags that must be set, of those in <see cref="TcpFlagsMask"/>.</summary>
    public byte TcpFlags;
    /// <summary>acl: TCP flags that count; 0: any, also other protocols.</summary>
    public byte TcpFlagsMask;
    /// <summary>acl: what it may be a fragment of.</summary>
    public FragmentMatch Fragment;
}
