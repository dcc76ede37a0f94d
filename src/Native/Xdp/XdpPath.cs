using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Xdp;

/// <summary>Where a MAC of a frame that leaves comes from (xdp/lowlat.h <c>enum ll_mac_from</c>).</summary>
public enum MacFrom : uint
{
    /// <summary>The destination that it came with.</summary>
    Destination = 0,
    /// <summary>The source that it came with.</summary>
    Source = 1,
    /// <summary>A fixed one.</summary>
    Fixed = 2,
}

/// <summary>Where a path's filter stands (xdp/lowlat.h <c>enum ll_filter_at</c>).</summary>
public enum FilterPlace : uint
{
    /// <summary>Before tags change.</summary>
    First = 0,
    /// <summary>Between the vlan stages: every frame has a tag.</summary>
    Between = 1,
    /// <summary>As frames leave.</summary>
    Last = 2,
}

/// <summary>What a lane's stages come to for the frames of one interface (xdp/lowlat.h
/// <c>struct ll_path</c>): the lane's decision, taken by the XDP program.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct XdpPath
{
    /// <summary>New destination of <see cref="MacFrom.Fixed"/>, first byte lowest.</summary>
    public ulong Destination;
    /// <summary>New source of <see cref="MacFrom.Fixed"/>, first byte lowest.</summary>
    public ulong Source;
    /// <summary>Where the destination comes from.</summary>
    public MacFrom DestinationFrom;
    /// <summary>Where the source comes from.</summary>
    public MacFrom SourceFrom;
    /// <summary>Number of the interface that frames leave by, in the plan.</summary>
    public uint Egress;
    /// <summary>Longer frames go to the lane.</summary>
    public uint BytesMax;
    /// <summary>1: the rules and the default decide what is dropped.</summary>
    public uint HasFilter;
    /// <summary>Count of <see cref="Rules"/>.</summary>
    public uint RuleCount;
    /// <summary>1: what no rule names is dropped.</summary>
    public uint DefaultIsDrop;
    /// <summary>1: route tables say where a frame goes, not <see cref="Egress"/> and the MACs.</summary>
    public uint HasRoute;
    /// <summary>Bits of the direct array of the IPv4 routes.</summary>
    public uint RootBits4;
    /// <summary>Bits of the direct array of the IPv6 routes.</summary>
    public uint RootBits6;
    /// <summary>Next hops; groups stand behind them.</summary>
    public uint HopCount;
    /// <summary>Zero.</summary>
    public uint Reserved;
    /// <summary>Routed is what was sent to this MAC; first byte lowest.</summary>
    public ulong OwnMac;
    /// <summary>Where the tables start in the table memory: tells them from those of another
    /// generation.</summary>
    public long TablesAt;
    /// <summary>1: tags change; the path's <see cref="LowLatency.Native.Layout.VlanMap"/> says how.</summary>
    public uint HasVlan;
    /// <summary>EtherType of a tag that counts, host order; 0: none does.</summary>
    public ushort VlanTagIn;
    /// <summary>Another one; 0: there is none.</summary>
    public ushort VlanTagInToo;
    /// <summary>EtherType of the tag that frames leave with, host order.</summary>
    public ushort VlanTagOut;
    /// <summary>PCP and DEI of a tag that is added, in their place of its second word.</summary>
    public ushort VlanPriority;
    /// <summary>Where the filter stands: its counters count bytes as frames are there.</summary>
    public FilterPlace FilterAt;
    /// <summary>The rules, in order.</summary>
    public XdpRules Rules;
}

/// <summary>One rule as masks and ranges (xdp/lowlat.h <c>struct ll_rule</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct XdpRule
{
    /// <summary>Of <see cref="Kind"/>: where the protocol lies, above the family.</summary>
    public const int ProtocolShift = 8;
    /// <summary>Of <see cref="Kind"/>: the frame has ports.</summary>
    public const uint PortsBit = 0x1_0000;
    /// <summary>Of <see cref="Kind"/>: IPv4 or IPv6.</summary>
    public const uint IpBit = 0x2_0000;
    /// <summary>Of <see cref="Kind"/>: no frame has it.</summary>
    public const uint NeverBit = 0x8000_0000;

    /// <summary>Source, then destination; IPv4 in the last four of 16 bytes.</summary>
    public XdpAddressPair Addresses;
    /// <summary>The bits of <see cref="Addresses"/> that count.</summary>
    public XdpAddressPair AddressMask;
    /// <summary>Family, protocol and bits.</summary>
    public uint Kind;
    /// <summary>The bits of <see cref="Kind"/> that count.</summary>
    public uint KindMask;
    /// <summary>First source port, host order.</summary>
    public ushort SourceLow;
    /// <summary>How many more follow it.</summary>
    public ushort SourceSpan;
    /// <summary>First destination port, host order.</summary>
    public ushort DestinationLow;
    /// <summary>How many more follow it.</summary>
    public ushort DestinationSpan;
    /// <summary>1: drop.</summary>
    public uint IsDrop;
    /// <summary>Its number within the stage.</summary>
    public uint Counter;
}

/// <summary>Two addresses of 16 bytes, network order.</summary>
[InlineArray(32)]
public struct XdpAddressPair
{
    private byte _first;
}

/// <summary>The rules of a path.</summary>
[InlineArray(Max)]
public struct XdpRules
{
    /// <summary>xdp/lowlat.h LL_RULES_MAX.</summary>
    public const int Max = 64;

    private XdpRule _first;
}
