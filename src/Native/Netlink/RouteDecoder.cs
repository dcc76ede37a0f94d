using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Netlink;

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

    public const ushort NewRule = 32;
    public const ushort DelRule = 33;
    public const ushort GetRule = 34;
    public const ushort NewConfiguration = 80;  // RTM_NEWNETCONF
    public const ushort GetConfiguration = 82;  // RTM_GETNETCONF
    public const ushort GetNextHop = 106;

    public const uint GroupNeighbour = 3;  // RTNLGRP_NEIGH
    public const uint GroupRoute4 = 7;     // RTNLGRP_IPV4_ROUTE
    public const uint GroupRule4 = 8;      // RTNLGRP_IPV4_RULE
    public const uint GroupRoute6 = 11;    // RTNLGRP_IPV6_ROUTE
    public const uint GroupRule6 = 19;     // RTNLGRP_IPV6_RULE
    public const uint GroupConfiguration4 = 24; // RTNLGRP_IPV4_NETCONF
    public const uint GroupConfiguration6 = 25; // RTNLGRP_IPV6_NETCONF
    public const uint GroupNextHop = 32;   // RTNLGRP_NEXTHOP

    public const ushort FlagAck = 0x04;    // NLM_F_ACK
    public const ushort FlagCreate = 0x400; // NLM_F_CREATE

    public const int RouteDestination = 1; // RTA_*
    public const int RouteSource = 2;
    public const int RouteOutput = 4;
    public const int RouteGateway = 5;
    public const int RoutePriority = 6;
    public const int RouteMetrics = 8;
    public const int RouteMultipath = 9;
    public const int RouteTable = 15;
    public const int RouteVia = 18;
    public const int RouteEncapsulation = 22;
    public const int RouteNextHop = 30;
    public const int MetricMtu = 2;        // RTAX_MTU
    public const uint FlagCloned = 0x200;  // RTM_F_CLONED: a cached exception, no route
    public const byte HopDead = 1;         // RTNH_F_DEAD

    public const int NeighbourAddress = 1; // NDA_DST
    public const int NeighbourMac = 2;     // NDA_LLADDR
    public const byte NeighbourUse = 1;    // NTF_USE
    public const byte NeighbourProxy = 8;  // NTF_PROXY: an address that the kernel answers for

    public const int NextHopId = 1;        // NHA_*
    public const int NextHopGroup = 2;
    public const int NextHopBlackhole = 4;
    public const int NextHopOutput = 5;
    public const int NextHopGateway = 6;
    public const int NextHopEncapsulationType = 7;

    public const int RulePriority = 6;     // FRA_*
    public const int RuleSuppressGroup = 13; // FRA_SUPPRESS_IFGROUP
    public const int RuleSuppress = 14;    // FRA_SUPPRESS_PREFIXLEN
    public const int RuleTable = 15;
    public const int RulePad = 18;
    public const int RuleProtocol = 21;    // who made it: says nothing of packets
    public const byte RuleToTable = 1;     // FR_ACT_TO_TBL
    public const uint RuleInvert = 2;      // FIB_RULE_INVERT

    public const int ConfigurationIndex = 1;      // NETCONFA_*
    public const int ConfigurationForwarding = 2;
    public const int ConfigurationOfAll = -1;     // NETCONFA_IFINDEX_ALL

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

    /// <summary><c>struct nhmsg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct NextHopMessage
    {
        public byte Family;
        public byte Scope;
        public byte Protocol;
        public byte Reserved;
        public uint Flags;
    }

    /// <summary><c>struct fib_rule_hdr</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct RuleMessage
    {
        public byte Family;
        public byte DestinationLength;
        public byte SourceLength;
        public byte Tos;
        public byte Table;
        public byte Reserved1;
        public byte Reserved2;
        public byte Action;
        public uint Flags;
    }

    /// <summary><c>struct netconfmsg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ConfigurationMessage
    {
        public byte Family;
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
            || header.Family is not (Rt.FamilyIpv4 or Rt.FamilyIpv6)
                || (header.Flags & RtRoute.FlagCloned) != 0)
        {
            return null;
        }

        RouteParts parts = new(header);
        NetlinkAttributes attributes = message.AttributesAfter(Unsafe.SizeOf<RtRoute.RouteMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            parts.Take(type, value);
        }

        // IPv6 has no default table (net/ipv6/fib6_rules.c).
        uint tableMin = header.Family == Rt.FamilyIpv4 ? TableMin : TableMin + 1;
        return parts.Table < tableMin || parts.Table > 255 ? null : parts.Make();
    }

    public static KernelNeighbour? Neighbour(NetlinkMessage message)
    {
        if (!MemoryMarshal.TryRead(message.Payload, out RtRoute.NeighbourMessage header)
            || header.Family is not (Rt.FamilyIpv4 or Rt.FamilyIpv6)
            || (header.Flags & RtRoute.NeighbourProxy) != 0)
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

        return address is { } found ? new KernelNeighbour(header.InterfaceIndex, found, mac, header.State)
            : null;
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
        private uint _nextHop;
        private IpPrefix? _source;
        private bool _isEncapsulated;

        public uint Table { get; private set; } = header.Table;

        public void Take(int type, ReadOnlySpan<byte> value)
        {
            switch (type)
            {
                case RtRoute.RouteDestination when value.Length is 4 or 16:
                    _destination = IpPrefix.From(value, header.DestinationLength);
                    break;
                case RtRoute.RouteSource when value.Length is 4 or 16:
                    _source = IpPrefix.From(value, header.SourceLength);
                    break;
                case RtRoute.RouteNextHop:
                    _nextHop = (uint)NetlinkAttributes.Number(value);
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
                NextHopId = _nextHop,
                Source = header.SourceLength == 0 ? null
                    : _source ?? new IpPrefix(_family, 0, header.SourceLength),
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
