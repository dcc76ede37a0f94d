using System.Buffers.Binary;

namespace LowLatency.Native.Netlink;

/// <summary>An address or prefix of either family: its bits are the first of 128.</summary>
/// <param name="Family">4 or 6.</param>
/// <param name="Bits">First bits; the rest is 0.</param>
/// <param name="Length">Bits of a prefix; 32 or 128 for an address.</param>
public readonly record struct IpPrefix(byte Family, UInt128 Bits, byte Length)
{
    /// <summary>Bits of an address of the family.</summary>
    public byte Width => Family == 4 ? (byte)32 : (byte)128;

    /// <summary>From an address's bytes, network order; the bits behind the length are cut.</summary>
    public static IpPrefix From(ReadOnlySpan<byte> bytes, int length)
    {
        UInt128 value = bytes.Length == 4 ? (UInt128)BinaryPrimitives.ReadUInt32BigEndian(bytes) << 96
            : BinaryPrimitives.ReadUInt128BigEndian(bytes);
        UInt128 mask = length == 0 ? 0 : UInt128.MaxValue << (128 - length);
        return new IpPrefix(bytes.Length == 4 ? (byte)4 : (byte)6, value & mask, (byte)length);
    }

    /// <summary>True when an address lies in it.</summary>
    public bool Holds(IpPrefix address) => address.Family == Family
        && (Length == 0 || (address.Bits ^ Bits) >> (128 - Length) == 0);

    /// <summary>The shorter prefix around it.</summary>
    public IpPrefix Around(int length) =>
        new(Family, length == 0 ? 0 : Bits & (UInt128.MaxValue << (128 - length)), (byte)length);

    /// <summary>Bytes of the address, network order.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Bits);
        return Family == 4 ? bytes[..4] : bytes;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{new System.Net.IPAddress(ToBytes())}/{Length}";
}

/// <summary>What a route does (linux/rtnetlink.h RTN_*).</summary>
public enum RouteType : byte
{
    /// <summary>To a next hop.</summary>
    Unicast = 1,
    /// <summary>To this host.</summary>
    Local = 2,
    /// <summary>To this host, from one that called all.</summary>
    Broadcast = 3,
    /// <summary>To this host, one of several.</summary>
    Anycast = 4,
    /// <summary>Multicast.</summary>
    Multicast = 5,
    /// <summary>Dropped silently.</summary>
    Blackhole = 6,
    /// <summary>Answered with "host unreachable".</summary>
    Unreachable = 7,
    /// <summary>Answered with "administratively prohibited".</summary>
    Prohibit = 8,
    /// <summary>The next table decides.</summary>
    Throw = 9,
}

/// <summary>One way of a route.</summary>
/// <param name="InterfaceIndex">Egress ifindex.</param>
/// <param name="Gateway">Next router; null: the destination is a neighbour.</param>
/// <param name="Weight">1 to 256.</param>
/// <param name="IsDead">The kernel does not use it now (RTNH_F_DEAD).</param>
/// <param name="IsEncapsulated">Leaves in a tunnel: not a plain packet.</param>
public sealed record RouteHop(
    int InterfaceIndex, IpPrefix? Gateway, int Weight, bool IsDead, bool IsEncapsulated)
{
    /// <summary>The same way, whether or not it can be used now.</summary>
    public bool IsSameWay(RouteHop other) => InterfaceIndex == other.InterfaceIndex
        && Gateway == other.Gateway && Weight == other.Weight && IsEncapsulated == other.IsEncapsulated;
}

/// <summary>One route of the kernel.</summary>
public sealed record KernelRoute
{
    /// <summary>Destination.</summary>
    public required IpPrefix Prefix { get; init; }

    /// <summary>Table: 254 main, 255 local.</summary>
    public required uint Table { get; init; }

    /// <summary>What it does.</summary>
    public required RouteType Type { get; init; }

    /// <summary>Metric: the lowest wins.</summary>
    public required uint Priority { get; init; }

    /// <summary>Type of service it is for; 0: any.</summary>
    public required byte Tos { get; init; }

    /// <summary>Who made it (RTPROT_*).</summary>
    public required byte Protocol { get; init; }

    /// <summary>MTU of the route, bytes; 0: the interface's.</summary>
    public required uint MtuBytes { get; init; }

    /// <summary>Its ways; one for most. None where the kernel names only a next hop object.</summary>
    public required IReadOnlyList<RouteHop> Hops { get; init; }

    /// <summary>Next hop object that it names; 0: none.</summary>
    public uint NextHopId { get; init; }

    /// <summary>Sources that it is for; null: all.</summary>
    public IpPrefix? Source { get; init; }

    /// <summary>For some packets only, by more than their destination.</summary>
    public bool IsConditional => Tos != 0 || Source is not null;

    /// <summary>Same place in a table: one of them replaces the other.</summary>
    public bool IsSamePlace(KernelRoute other) => Prefix == other.Prefix && Table == other.Table
        && Priority == other.Priority && Tos == other.Tos && Source == other.Source;

    /// <summary>The same route, whether or not its ways can be used now.</summary>
    public bool IsSame(KernelRoute other) => IsSamePlace(other) && Type == other.Type
        && MtuBytes == other.MtuBytes && NextHopId == other.NextHopId
        && (NextHopId != 0 || HasSameHops(other));

    private bool HasSameHops(KernelRoute other)
    {
        bool isSame = Hops.Count == other.Hops.Count;
        for (int i = 0; isSame && i < Hops.Count; i++)
        {
            isSame = Hops[i].IsSameWay(other.Hops[i]);
        }

        return isSame;
    }
}

/// <summary>One neighbour of the kernel.</summary>
/// <param name="InterfaceIndex">ifindex.</param>
/// <param name="Address">Its address.</param>
/// <param name="Mac">First byte lowest; 0: not known.</param>
/// <param name="State">NUD_* of linux/neighbour.h.</param>
public sealed record KernelNeighbour(int InterfaceIndex, IpPrefix Address, ulong Mac, ushort State)
{
    // NUD_VALID: REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT
    private const ushort Valid = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;

    /// <summary>Not confirmed of late: NUD_STALE.</summary>
    public const ushort Stale = 0x04;

    /// <summary>Frames can be sent to its MAC.</summary>
    public bool IsUsable => (State & Valid) != 0 && Mac != 0;
}

/// <summary>What a <see cref="RouteMonitor"/> tells.</summary>
public enum RouteEventKind
{
    /// <summary>A route came; with <see cref="RouteEvent.Replaces"/> in place of another.</summary>
    RouteAdded,
    /// <summary>A route went.</summary>
    RouteRemoved,
    /// <summary>A neighbour came or changed.</summary>
    Neighbour,
    /// <summary>A neighbour went.</summary>
    NeighbourRemoved,
    /// <summary>An interface came or changed.</summary>
    Link,
    /// <summary>An interface went.</summary>
    LinkRemoved,
    /// <summary>A next hop object came or changed.</summary>
    NextHop,
    /// <summary>A next hop object went.</summary>
    NextHopRemoved,
    /// <summary>Something whose consequences the kernel does not tell (an address that goes takes routes with
    /// it, rules, settings), or events were lost: read everything anew.</summary>
    Resync,
}

/// <summary>A next hop object (ip-nexthop(8)): one way, or a group of others.</summary>
/// <param name="Id">Its number.</param>
/// <param name="IsBlackhole">Packets to it are dropped.</param>
/// <param name="Way">Of a single one; null: a group, a blackhole, or not for IP.</param>
/// <param name="Members">Of a group: numbers and weights.</param>
public sealed record KernelNextHop(
    uint Id, bool IsBlackhole, RouteHop? Way, IReadOnlyList<(uint Id, int Weight)> Members);

/// <summary>One change.</summary>
/// <param name="Kind">What.</param>
/// <param name="Route">Of routes.</param>
/// <param name="Neighbour">Of neighbours.</param>
/// <param name="Replaces">NLM_F_REPLACE: another route of the same place is gone.</param>
/// <param name="Appends">NLM_F_APPEND: behind others of the same place.</param>
/// <param name="Link">Of interfaces.</param>
/// <param name="NextHop">Of next hop objects.</param>
public readonly record struct RouteEvent(
    RouteEventKind Kind, KernelRoute? Route, KernelNeighbour? Neighbour, bool Replaces, bool Appends,
    LinkInfo? Link = null, KernelNextHop? NextHop = null);
