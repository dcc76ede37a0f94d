using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LowLatency.Native.Interop;

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
    int InterfaceIndex, IpPrefix? Gateway, int Weight, bool IsDead, bool IsEncapsulated);

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

    /// <summary>Its ways; one for most.</summary>
    public required IReadOnlyList<RouteHop> Hops { get; init; }

    /// <summary>Same place in a table: one of them replaces the other.</summary>
    public bool IsSamePlace(KernelRoute other) => Prefix == other.Prefix && Table == other.Table
        && Priority == other.Priority && Tos == other.Tos;

    /// <summary>The same route.</summary>
    public bool IsSame(KernelRoute other) => IsSamePlace(other) && Type == other.Type
        && MtuBytes == other.MtuBytes && Hops.SequenceEqual(other.Hops);
}

/// <summary>One neighbour of the kernel.</summary>
/// <param name="InterfaceIndex">ifindex.</param>
/// <param name="Address">Its address.</param>
/// <param name="Mac">First byte lowest; 0: not known.</param>
/// <param name="State">NUD_* of linux/neighbour.h.</param>
public sealed record KernelNeighbour(int InterfaceIndex, IpPrefix Address, ulong Mac, ushort State)
{
    private const ushort Valid = 0x02 | 0x04 | 0x08 | 0x10 | 0x80; // REACHABLE, STALE, DELAY, PROBE, PERMANENT

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
    /// <summary>Something that the kernel does not tell in full (links, next hop objects), or lost events: read
    /// everything anew.</summary>
    Resync,
}

/// <summary>One change.</summary>
/// <param name="Kind">What.</param>
/// <param name="Route">Of routes.</param>
/// <param name="Neighbour">Of neighbours.</param>
/// <param name="Replaces">NLM_F_REPLACE: another route of the same place is gone.</param>
/// <param name="Appends">NLM_F_APPEND: behind others of the same place.</param>
public readonly record struct RouteEvent(
    RouteEventKind Kind, KernelRoute? Route, KernelNeighbour? Neighbour, bool Replaces, bool Appends);

/// <summary>Routes, neighbours and what they depend on, in one network namespace: as they are now, and each
/// change from when it is opened. Open it, then read the state, then the changes: what happens in between is
/// told twice, which is harmless. One thread.</summary>
public sealed class RouteMonitor : IDisposable
{
    private const int QueueBytes = 8 << 20; // some ten thousand routes: one fast reload of a routing daemon
    private const ushort FlagReplace = 0x100; // NLM_F_REPLACE, NLM_F_APPEND of linux/netlink.h
    private const ushort FlagAppend = 0x800;
    private readonly NetlinkSocket _events;
    private readonly NetlinkSocket _questions;
    private readonly Queue<RouteEvent> _read = new();

    private RouteMonitor(NetlinkSocket events, NetlinkSocket questions)
    {
        _events = events;
        _questions = questions;
    }

    /// <summary>Readable (poll(2)) when there may be a change.</summary>
    public int Fd => _events.Fd;

    /// <summary>Opens one in a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public static RouteMonitor Open(string networkNamespace, int queueBytes = QueueBytes)
    {
        NetlinkSocket events = NetlinkSocket.Open(networkNamespace, Nl.ProtocolRoute);
        NetlinkSocket? questions = null;
        try
        {
            Libc.NetGrowReceiveBuffer(events.Fd, queueBytes);
            ReadOnlySpan<uint> groups =
            [
                Rt.GroupLink, RtRoute.GroupNeighbour, RtRoute.GroupRoute4, RtRoute.GroupRoute6, RtRoute.GroupNextHop,
            ];
            foreach (uint group in groups)
            {
                Errno errno = Libc.NetJoinGroup(events.Fd, group);
                if (errno != Errno.Ok)
                {
                    throw new NativeException($"setsockopt(NETLINK_ADD_MEMBERSHIP, {group})", errno,
                        "The kernel does not tell this process of route changes: run as root.");
                }
            }

            questions = NetlinkSocket.Open(networkNamespace, Nl.ProtocolRoute);
            return new RouteMonitor(events, questions);
        }
        catch
        {
            questions?.Dispose();
            events.Dispose();
            throw;
        }
    }

    /// <summary>The next change; false when there is none now. Never waits.</summary>
    public bool TryRead(out RouteEvent change)
    {
        while (!_read.TryDequeue(out change))
        {
            ReadOnlySpan<byte> datagram = _events.TryReceive(out Errno errno);
            if (errno == Errno.ENOBUFS)
            {
                change = new RouteEvent(RouteEventKind.Resync, null, null, false, false);
                return true;
            }

            if (errno != Errno.Ok)
            {
                Invariant.Require(errno == Errno.EAGAIN); // our own open socket: nothing else can be
                return false;
            }

            NetlinkMessages messages = new(datagram);
            while (messages.TryNext(out NetlinkMessage message))
            {
                if (EventOf(message) is { } told)
                {
                    _read.Enqueue(told);
                }
            }
        }

        return true;
    }

    /// <summary>All routes of the main, default and local tables.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public List<KernelRoute> Routes()
    {
        return [.. RoutesOf(Rt.FamilyIpv4), .. RoutesOf(Rt.FamilyIpv6)];
    }

    /// <summary>All neighbours of both families.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public List<KernelNeighbour> Neighbours()
    {
        List<KernelNeighbour> neighbours = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.GetNeighbour, Nl.FlagDump);
        request.Append(default(RtRoute.NeighbourMessage));
        Check("RTM_GETNEIGH",
            _questions.Dump(request.Bytes, RouteDecoder.Neighbour, neighbours));
        return neighbours;
    }

    /// <summary>All links.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public List<LinkInfo> Links()
    {
        List<LinkInfo> links = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, Rt.GetLink, Nl.FlagDump);
        request.Append(default(Rt.InterfaceMessage));
        Check("RTM_GETLINK", _questions.Dump(request.Bytes, RouteNetlink.ParseLink, links));
        return links;
    }

    /// <summary>Has the kernel find out or confirm a neighbour's MAC (NTF_USE); the answer comes as a
    /// change.</summary>
    public Errno Resolve(int interfaceIndex, IpPrefix address)
    {
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.NewNeighbour, RtRoute.FlagCreate | RtRoute.FlagAck);
        request.Append(new RtRoute.NeighbourMessage
        {
            Family = address.Family == 4 ? Rt.FamilyIpv4 : Rt.FamilyIpv6,
            InterfaceIndex = interfaceIndex,
            Flags = RtRoute.NeighbourUse,
        });
        request.Attribute(RtRoute.NeighbourAddress, address.ToBytes());
        return _questions.Get(request.Bytes, out _);
    }

    /// <summary>Closes the sockets.</summary>
    public void Dispose()
    {
        _events.Dispose();
        _questions.Dispose();
    }

    private List<KernelRoute> RoutesOf(byte family)
    {
        List<KernelRoute> routes = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.GetRoute, Nl.FlagDump);
        request.Append(new RtRoute.RouteMessage { Family = family });
        Check("RTM_GETROUTE", _questions.Dump(request.Bytes, RouteDecoder.Route, routes));
        return routes;
    }

    private static RouteEvent? EventOf(NetlinkMessage message)
    {
        switch (message.Type)
        {
            case RtRoute.NewRoute or RtRoute.DelRoute when RouteDecoder.Route(message) is { } route:
                return new RouteEvent(
                    message.Type == RtRoute.NewRoute ? RouteEventKind.RouteAdded : RouteEventKind.RouteRemoved,
                    route, null, (message.Flags & FlagReplace) != 0, (message.Flags & FlagAppend) != 0);
            case RtRoute.NewNeighbour or RtRoute.DelNeighbour when RouteDecoder.Neighbour(message) is { } neighbour:
                return new RouteEvent(
                    message.Type == RtRoute.NewNeighbour ? RouteEventKind.Neighbour
                        : RouteEventKind.NeighbourRemoved,
                    null, neighbour, false, false);
            case Rt.NewLink or Rt.DelLink or RtRoute.NewNextHop or RtRoute.DelNextHop:
                return new RouteEvent(RouteEventKind.Resync, null, null, false, false);
            default:
                return null;
        }
    }

    private static void Check(string what, Errno errno)
    {
        if (errno != Errno.Ok)
        {
            throw new NativeException($"netlink({what})", errno,
                "Is the network namespace still there, and netlink allowed?");
        }
    }
}

/// <summary>linux/rtnetlink.h, neighbour.h, nexthop.h: what routes and neighbours need.</summary>
internal static class RtRoute
{
    public const ushort NewRoute = 24;
    public const ushort DelRoute = 25;
    public const ushort GetRoute = 26;
    public const ushort NewNeighbour = 28;
    public const ushort DelNeighbour = 29;
    public const ushort GetNeighbour = 30;
    public const ushort NewNextHop = 104;
    public const ushort DelNextHop = 105;

    public const uint GroupNeighbour = 3;  // RTNLGRP_NEIGH
    public const uint GroupRoute4 = 7;     // RTNLGRP_IPV4_ROUTE
    public const uint GroupRoute6 = 11;    // RTNLGRP_IPV6_ROUTE
    public const uint GroupNextHop = 32;   // RTNLGRP_NEXTHOP

    public const ushort FlagAck = 0x04;    // NLM_F_ACK
    public const ushort FlagCreate = 0x400; // NLM_F_CREATE

    public const int RouteDestination = 1; // RTA_*
    public const int RouteOutput = 4;
    public const int RouteGateway = 5;
    public const int RoutePriority = 6;
    public const int RouteMetrics = 8;
    public const int RouteMultipath = 9;
    public const int RouteTable = 15;
    public const int RouteVia = 18;
    public const int RouteEncapsulation = 22;
    public const int MetricMtu = 2;        // RTAX_MTU
    public const uint FlagCloned = 0x200;  // RTM_F_CLONED: a cached exception, no route
    public const byte HopDead = 1;         // RTNH_F_DEAD

    public const int NeighbourAddress = 1; // NDA_DST
    public const int NeighbourMac = 2;     // NDA_LLADDR
    public const byte NeighbourUse = 1;    // NTF_USE

    /// <summary><c>struct rtmsg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct RouteMessage
    {
        public byte Family;
        public byte DestinationLength;
        public byte SourceLength;
        public byte Tos;
        public byte Table;
        public byte Protocol;
        public byte Scope;
        public byte Type;
        public uint Flags;
    }

    /// <summary><c>struct rtnexthop</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct HopMessage
    {
        public ushort Length;
        public byte Flags;
        public byte WeightLessOne;
        public int InterfaceIndex;
    }

    /// <summary><c>struct ndmsg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct NeighbourMessage
    {
        public byte Family;
        public byte Padding1;
        public ushort Padding2;
        public int InterfaceIndex;
        public ushort State;
        public byte Flags;
        public byte Type;
    }
}

/// <summary>Reads route and neighbour messages; null for what is none, or of no interest.</summary>
internal static class RouteDecoder
{
    private const uint TableMin = 253; // default, main, local: what the standard rules look at

    public static KernelRoute? Route(NetlinkMessage message)
    {
        if (!MemoryMarshal.TryRead(message.Payload, out RtRoute.RouteMessage header)
            || header.Family is not (Rt.FamilyIpv4 or Rt.FamilyIpv6) || (header.Flags & RtRoute.FlagCloned) != 0
            || header.SourceLength != 0)
        {
            return null;
        }

        RouteParts parts = new(header);
        NetlinkAttributes attributes = message.AttributesAfter(Unsafe.SizeOf<RtRoute.RouteMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            parts.Take(type, value);
        }

        return parts.Table is < TableMin or > 255 ? null : parts.Make();
    }

    public static KernelNeighbour? Neighbour(NetlinkMessage message)
    {
        if (!MemoryMarshal.TryRead(message.Payload, out RtRoute.NeighbourMessage header)
            || header.Family is not (Rt.FamilyIpv4 or Rt.FamilyIpv6))
        {
            return null;
        }

        IpPrefix? address = null;
        ulong mac = 0;
        NetlinkAttributes attributes = message.AttributesAfter(Unsafe.SizeOf<RtRoute.NeighbourMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            if (type == RtRoute.NeighbourAddress && value.Length is 4 or 16)
            {
                address = IpPrefix.From(value, value.Length * 8);
            }
            else if (type == RtRoute.NeighbourMac && value.Length == 6)
            {
                mac = BinaryPrimitives.ReadUInt32LittleEndian(value)
                    | ((ulong)BinaryPrimitives.ReadUInt16LittleEndian(value[4..]) << 32);
            }
        }

        return address is { } found ? new KernelNeighbour(header.InterfaceIndex, found, mac, header.State) : null;
    }

    /// <summary>A route as its attributes come.</summary>
    private ref struct RouteParts(RtRoute.RouteMessage header)
    {
        private readonly byte _family = header.Family == Rt.FamilyIpv4 ? (byte)4 : (byte)6;
        private readonly List<RouteHop> _hops = [];
        private IpPrefix? _destination;
        private IpPrefix? _gateway;
        private int _output;
        private uint _priority;
        private uint _mtu;
        private bool _isEncapsulated;

        public uint Table { get; private set; } = header.Table;

        public void Take(int type, ReadOnlySpan<byte> value)
        {
            switch (type)
            {
                case RtRoute.RouteDestination when value.Length is 4 or 16:
                    _destination = IpPrefix.From(value, header.DestinationLength);
                    break;
                case RtRoute.RouteOutput:
                    _output = (int)NetlinkAttributes.Number(value);
                    break;
                case RtRoute.RoutePriority:
                    _priority = (uint)NetlinkAttributes.Number(value);
                    break;
                case RtRoute.RouteTable:
                    Table = (uint)NetlinkAttributes.Number(value);
                    break;
                case RtRoute.RouteMetrics:
                    _mtu = Mtu(value);
                    break;
                case RtRoute.RouteMultipath:
                    TakeHops(value);
                    break;
                default:
                    TakeWay(type, value, ref _gateway, ref _isEncapsulated);
                    break;
            }
        }

        public readonly KernelRoute Make()
        {
            bool isDead = (header.Flags & RtRoute.HopDead) != 0;
            if (_hops.Count == 0 && _output != 0)
            {
                _hops.Add(new RouteHop(_output, _gateway, 1, isDead, _isEncapsulated));
            }

            return new KernelRoute
            {
                Prefix = _destination ?? new IpPrefix(_family, 0, header.DestinationLength),
                Table = Table,
                Type = (RouteType)header.Type,
                Priority = _priority,
                Tos = header.Tos,
                Protocol = header.Protocol,
                MtuBytes = _mtu,
                Hops = _hops,
            };
        }

        private readonly void TakeHops(ReadOnlySpan<byte> rest)
        {
            int headerBytes = Unsafe.SizeOf<RtRoute.HopMessage>();
            while (MemoryMarshal.TryRead(rest, out RtRoute.HopMessage hop) && hop.Length >= headerBytes
                && hop.Length <= rest.Length)
            {
                IpPrefix? gateway = null;
                bool isEncapsulated = false;
                NetlinkAttributes attributes = new(rest[headerBytes..hop.Length]);
                while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
                {
                    TakeWay(type, value, ref gateway, ref isEncapsulated);
                }

                _hops.Add(new RouteHop(hop.InterfaceIndex, gateway, hop.WeightLessOne + 1,
                    (hop.Flags & RtRoute.HopDead) != 0, isEncapsulated));
                rest = rest[Math.Min(Nl.Align(hop.Length), rest.Length)..];
            }
        }

        private static void TakeWay(
            int type, ReadOnlySpan<byte> value, ref IpPrefix? gateway, ref bool isEncapsulated)
        {
            if (type == RtRoute.RouteGateway && value.Length is 4 or 16)
            {
                gateway = IpPrefix.From(value, value.Length * 8);
            }
            else if (type == RtRoute.RouteVia && value.Length is 6 or 18) // struct rtvia: family, address
            {
                gateway = IpPrefix.From(value[2..], (value.Length - 2) * 8);
            }
            else if (type == RtRoute.RouteEncapsulation)
            {
                isEncapsulated = true;
            }
        }

        private static uint Mtu(ReadOnlySpan<byte> metrics)
        {
            NetlinkAttributes attributes = new(metrics);
            while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
            {
                if (type == RtRoute.MetricMtu)
                {
                    return (uint)NetlinkAttributes.Number(value);
                }
            }

            return 0;
        }
    }
}
