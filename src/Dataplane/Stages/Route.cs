using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Tables;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Stages;

/// <summary>Forwards IPv4 and IPv6 by longest prefix match, as Linux does (net/ipv4/ip_input.c, ip_forward.c,
/// net/ipv6/ip6_input.c, ip6_output.c), byte for byte: checks, TTL, checksum, MACs, padding cut off. What it
/// does not do itself (answers, options, fragments to be made, neighbours to be found) the kernel does, for a
/// table that mirrors the kernel's; of a table of our own it ends with a reason.</summary>
internal sealed class Route : IStage
{
    private const int Ipv4HeaderBytes = 20;  // RFC 791, 3.1
    private const int Ipv6HeaderBytes = 40;  // RFC 8200, 3
    private const ulong MulticastBit = 1;    // of a MAC whose first byte is lowest (IEEE 802)
    private const byte HopByHop = 0;         // RFC 8200, 4.3
    private readonly int _number;
    private readonly bool _isKernels;
    private readonly Lpm4 _routes4;
    private readonly Lpm6 _routes6;
    private readonly NextHops _hops;
    private readonly int[] _ports;
    private readonly ulong[] _macs;

    /// <summary>Makes the stage over its three tables.</summary>
    public Route(in StageContext context)
    {
        RouteSettings settings = RouteSettings.Read(context.Stage);
        _number = context.Number;
        _isKernels = settings.IsKernels;
        _routes4 = new Lpm4(context.Table<byte>(RouteSettings.Routes4));
        _routes6 = new Lpm6(context.Table<byte>(RouteSettings.Routes6));
        _hops = new NextHops(
            context.Table<byte>(RouteSettings.NextHops), context.TablePlan(RouteSettings.NextHops).Capacity);
        _ports = context.PortsByInterface();
        _macs = new ulong[context.Lane.PortCount];
        for (int port = 0; port < _macs.Length; port++)
        {
            _macs[port] = context.Port(port).Mac;
        }
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        Span<XdpDesc> descriptors = burst.Descriptors;
        Span<Verdict> verdicts = burst.Verdicts[..descriptors.Length];
        ulong mac = _macs[burst.Ingress];
        for (int i = 0; i < descriptors.Length; i++)
        {
            if (verdicts[i].IsDone)
            {
                continue;
            }

            Span<byte> frame = burst.Umem.Frame(descriptors[i].Address, descriptors[i].Length);
            Verdict verdict = Decide(frame, mac, out int bytes);
            verdicts[i] = verdict.IsEnded ? verdict.At(_number) : verdict;
            descriptors[i].Length = (uint)bytes;
        }
    }

    /// <summary>Decides, and writes the header of what it forwards.</summary>
    /// <param name="frame">From the destination MAC on.</param>
    /// <param name="mac">MAC of the port that it came in by.</param>
    /// <param name="bytes">Length that it has from now on.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Verdict Decide(Span<byte> frame, ulong mac, out int bytes)
    {
        bytes = frame.Length;
        if (frame.Length < Ethernet.HeaderBytes)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        ulong destination = Ethernet.ReadDestination(frame);
        if (destination != mac)
        {
            return (destination & MulticastBit) != 0 ? Unless(PuntReason.Multicast, DropReason.RouteOtherHost)
                : Verdict.Drop(DropReason.RouteOtherHost);
        }

        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        return type == Ethernet.Ipv4 ? Decide4(frame, ref bytes)
            : type == Ethernet.Ipv6 ? Decide6(frame, ref bytes)
            : Unless(PuntReason.NotIp, DropReason.RouteNotIp);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Verdict Decide4(Span<byte> frame, ref int bytes)
    {
        Span<byte> packet = frame[Ethernet.HeaderBytes..];
        if (packet.Length < Ipv4HeaderBytes)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        Span<byte> header = packet[..Ipv4HeaderBytes]; // a constant length: no check at any read below
        int headerBytes = (header[0] & 0xF) * 4;
        int totalBytes = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        if (header[0] >> 4 != 4 || headerBytes < Ipv4HeaderBytes || totalBytes < headerBytes
            || totalBytes > packet.Length)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        ushort sum = headerBytes == Ipv4HeaderBytes ? SumOf20(header)
            : InternetChecksum.Fold(InternetChecksum.Add(0, packet[..headerBytes]));
        if (sum != 0xFFFF)
        {
            return Verdict.Drop(DropReason.RouteChecksum);
        }

        uint source = BinaryPrimitives.ReadUInt32BigEndian(header[12..]);
        uint target = BinaryPrimitives.ReadUInt32BigEndian(header[16..]);
        if (IsMartian4(source, target))
        {
            return target >> 28 == 0xE || target == uint.MaxValue
                ? Unless(PuntReason.Multicast, DropReason.RouteMartian)
                    : Verdict.Drop(DropReason.RouteMartian);
        }

        if (headerBytes != Ipv4HeaderBytes)
        {
            return Unless(PuntReason.Options,
                DropReason.RouteNotIp); // wrong ones are answered whatever the route
        }

        uint value = _routes4.Lookup(target);
        uint hash = (value & NextHops.GroupBit) == 0 ? 0 : HashOf(frame);
        ref NextHop hop = ref _hops.Find(value, hash);
        ulong first = Volatile.Read(ref hop.Destination); // acquire: the rest was written before
        if (NextHop.KindOf(first) != NextHopKind.Forward)
        {
            return NotForwarded(NextHop.KindOf(first), isExpired: header[8] <= 1);
        }

        if (header[8] <= 1)
        {
            return Unless(PuntReason.Ttl, DropReason.RouteTtl);
        }

        if ((uint)totalBytes > hop.MtuBytes)
        {
            return Unless(PuntReason.Mtu, DropReason.RouteMtu);
        }

        int port = _ports[(int)(NextHop.InterfaceOf(hop.Source) & (Limits.PortsMax - 1))];
        if (port < 0)
        {
            return Unless(PuntReason.OtherInterface, DropReason.RouteNoPort);
        }

        DecrementTtl(header);
        Ethernet.WriteMacs(frame, first, hop.Source);
        bytes = Ethernet.HeaderBytes + totalBytes; // what stands behind the packet is the link's padding
        return Verdict.Forward(port);
    }

    // One less in the first byte of a word adds 0x0100 to the complement's sum (RFC 1624; as
    // ip_decrease_ttl).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DecrementTtl(Span<byte> header)
    {
        header[8]--;
        uint checksum = BinaryPrimitives.ReadUInt16BigEndian(header[10..]) + 0x0100u;
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], (ushort)(checksum
            + (checksum >= 0xFFFF ? 1u : 0u)));
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // keeps the IPv4 path small
    private Verdict Decide6(Span<byte> frame, ref int bytes)
    {
        Span<byte> packet = frame[Ethernet.HeaderBytes..];
        if (packet.Length < Ipv6HeaderBytes || packet[0] >> 4 != 6)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        Span<byte> header = packet[..Ipv6HeaderBytes];
        int totalBytes = Ipv6HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(header[4..]);
        if (totalBytes > packet.Length)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        if (IsMartian6(header.Slice(8, 16), header.Slice(24, 16)))
        {
            return header[24] == 0xFF && header[8] != 0xFF
                ? Unless(PuntReason.Multicast, DropReason.RouteMartian)
                : Verdict.Drop(DropReason.RouteMartian);
        }

        if (header[6] == HopByHop)
        {
            return Unless(PuntReason.Options, DropReason.RouteNotIp); // also a jumbogram (RFC 2675)
        }

        if (IsLinkLocal6(header[8..]) || IsLinkLocal6(header[24..]))
        {
            // Beyond its scope: RFC 4291, 2.5.6.
            return Unless(PuntReason.Unreachable, DropReason.RouteMartian);
        }

        uint value = _routes6.Lookup(header[24..]);
        uint hash = (value & NextHops.GroupBit) == 0 ? 0 : HashOf(frame);
        ref NextHop hop = ref _hops.Find(value, hash);
        ulong first = Volatile.Read(ref hop.Destination); // acquire: the rest was written before
        if (NextHop.KindOf(first) != NextHopKind.Forward)
        {
            return NotForwarded(NextHop.KindOf(first), isExpired: header[7] <= 1);
        }

        if (header[7] <= 1)
        {
            return Unless(PuntReason.Ttl, DropReason.RouteTtl);
        }

        if ((uint)totalBytes > hop.MtuBytes)
        {
            return Unless(PuntReason.Mtu, DropReason.RouteMtu);
        }

        int port = _ports[(int)(NextHop.InterfaceOf(hop.Source) & (Limits.PortsMax - 1))];
        if (port < 0)
        {
            return Unless(PuntReason.OtherInterface, DropReason.RouteNoPort);
        }

        header[7]--;
        Ethernet.WriteMacs(frame, first, hop.Source);
        bytes = Ethernet.HeaderBytes + totalBytes;
        return Verdict.Forward(port);
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // what is not forwarded is rare
    private Verdict NotForwarded(NextHopKind kind, bool isExpired) => kind switch
    {
        NextHopKind.Blackhole => Verdict.Drop(DropReason.RouteBlackhole),
        NextHopKind.Local => Unless(PuntReason.Local, DropReason.RouteNone),
        NextHopKind.Unreachable => Unless(PuntReason.Unreachable, DropReason.RouteUnreachable),
        NextHopKind.Neighbour when isExpired => Unless(PuntReason.Ttl, DropReason.RouteTtl),
        NextHopKind.Neighbour => Unless(PuntReason.Neighbour, DropReason.RouteNeighbour),
        NextHopKind.OtherInterface => Unless(PuntReason.OtherInterface, DropReason.RouteNoPort),
        _ => Unless(PuntReason.NoRoute, DropReason.RouteNone),
    };

    private Verdict Unless(PuntReason kernels, DropReason own) =>
        _isKernels ? Verdict.Punt(kernels) : Verdict.Drop(own);

    // Source: 0, loopback, multicast, broadcast; destination: the same. The rest of 0/8 is like any other
    // (net/ipv4/route.c ip_route_input_slow).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsMartian4(uint source, uint target)
    {
        uint from = source >> 24;
        uint to = target >> 24;
        // 1 to 223 without 127 is the common case: one subtraction each.
        return from - 1 >= 223 || to - 1 >= 223 || from == 127 || to == 127
            ? IsReallyMartian4(source, target) : false;
    }

    private static bool IsReallyMartian4(uint source, uint target)
    {
        uint from = source >> 24;
        uint to = target >> 24;
        bool isOddSource = source == 0 || from == 127 || source >> 28 == 0xE || source == uint.MaxValue;
        return isOddSource || target == 0 || to == 127 || target >> 28 == 0xE || target == uint.MaxValue;
    }

    // Source: multicast, unspecified, loopback; destination: multicast, unspecified, loopback
    // (net/ipv6/ip6_input.c ip6_rcv_core, ip6_output.c ip6_forward).
    private static bool IsMartian6(ReadOnlySpan<byte> source, ReadOnlySpan<byte> target)
    {
        if (source[0] == 0xFF || target[0] == 0xFF)
        {
            return true;
        }

        ulong sourceHigh = BinaryPrimitives.ReadUInt64BigEndian(source);
        ulong sourceLow = BinaryPrimitives.ReadUInt64BigEndian(source[8..]);
        ulong targetHigh = BinaryPrimitives.ReadUInt64BigEndian(target);
        ulong targetLow = BinaryPrimitives.ReadUInt64BigEndian(target[8..]);
        return (sourceHigh == 0 && sourceLow <= 1) || (targetHigh == 0 && targetLow <= 1);
    }

    private static bool IsLinkLocal6(ReadOnlySpan<byte> address) =>
        (BinaryPrimitives.ReadUInt16BigEndian(address) & 0xFFC0) == 0xFE80;

    // One flow, one path: addresses, protocol, and ports where the packet has them (fragments have none, so
    // that all of a packet go one way).
    private static uint HashOf(ReadOnlySpan<byte> frame)
    {
        if (FiveTuple.Parse(frame, out FiveTuple tuple) != ParseResult.Ip)
        {
            return 0;
        }

        return IsFragment(frame) ? tuple.WithoutPorts.Hash : tuple.Hash;
    }

    private static bool IsFragment(ReadOnlySpan<byte> frame) =>
        frame[12] == 0x08 && (BinaryPrimitives.ReadUInt16BigEndian(frame[20..]) & 0x3FFF) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort SumOf20(ReadOnlySpan<byte> header)
    {
        ulong sum = BinaryPrimitives.ReadUInt32LittleEndian(header)
            + (ulong)BinaryPrimitives.ReadUInt32LittleEndian(header[4..])
            + BinaryPrimitives.ReadUInt32LittleEndian(header[8..])
            + BinaryPrimitives.ReadUInt32LittleEndian(header[12..])
            + BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        return InternetChecksum.Fold(sum);
    }
}
