using System.Buffers.Binary;
using LowLatency.Control.Configuring;
using LowLatency.Native.Capture;

namespace LowLatency.Control.Recording;

/// <summary>Chooses packets by protocol, addresses and ports: <c>udp 10.0.0.1:5 > 10.0.0.0/8</c>. A packet of
/// which too little was kept to tell is not chosen. Pure.</summary>
internal sealed class FlowFilter
{
    /// <summary>What a filter's text must be.</summary>
    public const string Rule = "[udp|tcp|sctp|icmp|icmpv6|NUMBER] [SOURCE > DESTINATION], "
        + "'<>' for both ways; a side is any, an address or a prefix, and :PORT or :LOW-HIGH; IPv6 with a "
            + "port in brackets";

    private const int PortsBytes = 4;
    private readonly int? _protocol;
    private readonly Side _source;
    private readonly Side _destination;
    private readonly bool _isBothWays;

    private FlowFilter(int? protocol, Side source, Side destination, bool isBothWays) =>
        (_protocol, _source, _destination, _isBothWays) = (protocol, source, destination, isBothWays);

    private readonly record struct Side(Prefix? Prefix, PortRange? Ports)
    {
        // What an index is asked for: an address that is all of its prefix, a port that is all of its range.
        public byte[]? Address => Prefix is { } one && one.Address.GetAddressBytes() is var bytes
            && one.Bits == bytes.Length * 8 ? bytes : null;

        public int? Port => Ports is { } range && range.Low == range.High ? range.Low : null;

        public bool Has(ReadOnlySpan<byte> address, int port) =>
            (Ports is not PortRange ports || (port >= ports.Low && port <= ports.High))
            && (Prefix is null || IsIn(Prefix, address));
    }

    /// <summary>True when packets of this kind of link can be told apart.</summary>
    public static bool Reads(ushort linkType) => linkType is Pcapng.Ethernet or Pcapng.RawIp;

    /// <summary>Reads a filter; null when it is none.</summary>
    public static FlowFilter? Parse(string text)
    {
        List<string> words = [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        int? protocol = words.Count is 1 or 4 ? ProtocolOf(words[0]) : null;
        if (words.Count is not (1 or 3 or 4) || (words.Count != 3 && protocol is null))
        {
            return null;
        }

        if (words.Count == 1)
        {
            return new FlowFilter(protocol, default, default, false);
        }

        bool isGood = TryParseSide(words[^3], out Side source)
            & TryParseSide(words[^1], out Side destination);
        bool isOneFamily = source.Prefix is null || destination.Prefix is null
            || source.Prefix.Family == destination.Prefix.Family;
        return isGood && isOneFamily && words[^2] is (">" or "<>")
            ? new FlowFilter(protocol, source, destination, words[^2] == "<>") : null;
    }

    /// <summary>False when a part of a capture has no packet that would be chosen.</summary>
    public bool MayBeIn(in FlowIndexEntry entry) => MayBeIn(entry, _source, _destination)
        || (_isBothWays && MayBeIn(entry, _destination, _source));

    private static bool MayBeIn(in FlowIndexEntry entry, in Side source, in Side destination) =>
        (source.Address is not byte[] from || entry.Bits.MayHave(FlowKeys.OfSource(from)))
        && (destination.Address is not byte[] to || entry.Bits.MayHave(FlowKeys.OfDestination(to)))
        && (entry.HasUnknownPorts != 0
            || ((source.Port is not int low || entry.Bits.MayHave(FlowKeys.OfSourcePort(low)))
                && (destination.Port is not int high
                    || entry.Bits.MayHave(FlowKeys.OfDestinationPort(high)))));

    /// <summary>True when the packet is chosen.</summary>
    /// <param name="linkType">Of its interface; one that <see cref="Reads"/>.</param>
    /// <param name="data">What was kept of it.</param>
    public bool Has(ushort linkType, ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<byte> packet = linkType == Pcapng.Ethernet ? Payload(data) : data;
        if (packet.IsEmpty)
        {
            return false;
        }

        (int family, int protocol, int transport) = (packet[0] >> 4) switch
        {
            4 when packet.Length >= 20 => (4, packet[9], TransportOfIpv4(packet)),
            6 when packet.Length >= 40 => TransportOfIpv6(packet),
            _ => (0, 0, -1),
        };
        if (family == 0 || (_protocol is int wanted && protocol != wanted))
        {
            return false;
        }

        ReadOnlySpan<byte> from = family == 4 ? packet.Slice(12, 4) : packet.Slice(8, 16);
        ReadOnlySpan<byte> to = family == 4 ? packet.Slice(16, 4) : packet.Slice(24, 16);
        bool hasPorts = protocol is 6 or 17 or 132 && transport >= 0
            && packet.Length >= transport + PortsBytes;
        int low = hasPorts ? BinaryPrimitives.ReadUInt16BigEndian(packet[transport..]) : -1;
        int high = hasPorts ? BinaryPrimitives.ReadUInt16BigEndian(packet[(transport + 2)..]) : -1;
        return (_source.Has(from, low) && _destination.Has(to, high))
            || (_isBothWays && _source.Has(to, high) && _destination.Has(from, low));
    }

    private static int? ProtocolOf(string word) => word switch
    {
        "udp" => 17,
        "tcp" => 6,
        "sctp" => 132,
        "icmp" => 1,
        "icmpv6" => 58,
        _ => Quantities.Whole(word, 255),
    };

    private static bool TryParseSide(string text, out Side side)
    {
        side = default;
        string address = text;
        string? ports = null;
        if (text.StartsWith('['))
        {
            int close = text.IndexOf("]:", StringComparison.Ordinal);
            if (close < 0)
            {
                return false;
            }

            (address, ports) = (text[1..close], text[(close + 2)..]);
        }
        else if (text.Count(c => c == ':') == 1)
        {
            int colon = text.IndexOf(':');
            (address, ports) = (text[..colon], text[(colon + 1)..]);
        }

        Prefix? prefix = address == "any" ? null : Quantities.AddressPrefix(address);
        PortRange? range = ports is null ? null : Quantities.Ports(ports);
        side = new Side(prefix, range);
        return (address == "any" || prefix is not null) && (ports is null || range is not null);
    }

    private static bool IsIn(Prefix prefix, ReadOnlySpan<byte> address)
    {
        Span<byte> wanted = stackalloc byte[16];
        prefix.Address.TryWriteBytes(wanted, out int bytes);
        if (bytes != address.Length)
        {
            return false;
        }

        int whole = prefix.Bits / 8;
        int mask = (0xFF00 >> (prefix.Bits % 8)) & 0xFF;
        return wanted[..whole].SequenceEqual(address[..whole])
            && (mask == 0 || ((wanted[whole] ^ address[whole]) & mask) == 0);
    }

    // The IP packet of an Ethernet frame, behind up to two tags; empty for anything else.
    private static ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> frame)
    {
        for (int at = 12; at <= 20 && frame.Length >= at + 2; at += 4)
        {
            switch (BinaryPrimitives.ReadUInt16BigEndian(frame[at..]))
            {
                case 0x0800 or 0x86DD: // IPv4, IPv6
                    return frame[(at + 2)..];
                case 0x8100 or 0x88A8: // 802.1Q, 802.1ad
                    continue;
                default:
                    return default;
            }
        }

        return default;
    }

    // RFC 791, 3.1: -1 in a later fragment.
    private static int TransportOfIpv4(ReadOnlySpan<byte> packet) =>
        (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1FFF) == 0 ? (packet[0] & 15) * 4 : -1;

    // RFC 8200, 4: over the extension headers; -1 where no transport header follows.
    private static (int Family, int Protocol, int Transport) TransportOfIpv6(ReadOnlySpan<byte> packet)
    {
        int protocol = packet[6];
        int at = 40;
        while (protocol is 0 or 43 or 44 or 60 && packet.Length >= at + 8)
        {
            bool isLater = protocol == 44
                && (BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]) & 0xFFF8) != 0;
            int bytes = protocol == 44 ? 8 : (packet[at + 1] + 1) * 8;
            protocol = packet[at];
            at += bytes;
            if (isLater)
            {
                return (6, protocol, -1);
            }
        }

        return (6, protocol, at);
    }
}
