using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace LowLatency.Dataplane.Packets;

/// <summary>What a frame's headers said.</summary>
internal enum ParseResult
{
    /// <summary>IPv4 or IPv6; the tuple is filled.</summary>
    Ip,
    /// <summary>Some other EtherType.</summary>
    NotIp,
    /// <summary>Shorter than its headers claim.</summary>
    Malformed,
}

/// <summary>Addresses, protocol and ports of a frame. IPv4 addresses are the low 32 bits, host order.</summary>
internal ref struct FiveTuple
{
    private const int Ipv6HeaderBytes = 40;  // RFC 8200, 3
    private const int ExtensionsMax = 8;     // a longer chain is not traffic; it counts as without ports

    /// <summary>4 or 6.</summary>
    public uint Family;
    /// <summary>IP protocol of the transport header.</summary>
    public uint Protocol;
    /// <summary>Source address, upper 64 bits (IPv6).</summary>
    public ulong SourceHigh;
    /// <summary>Source address, lower 64 bits.</summary>
    public ulong SourceLow;
    /// <summary>Destination address, upper 64 bits (IPv6).</summary>
    public ulong DestinationHigh;
    /// <summary>Destination address, lower 64 bits.</summary>
    public ulong DestinationLow;
    /// <summary>Source port; 0 without ports.</summary>
    public ushort SourcePort;
    /// <summary>Destination port; 0 without ports.</summary>
    public ushort DestinationPort;
    /// <summary>True when the frame carries TCP, UDP or SCTP ports (no fragment but the first).</summary>
    public bool HasPorts;

    /// <summary>Parses a frame; VLAN tags are skipped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ParseResult Parse(ReadOnlySpan<byte> frame, out FiveTuple tuple)
    {
        tuple = default;
        if (!Ethernet.TryReadType(frame, out ushort type, out int at))
        {
            return ParseResult.Malformed;
        }

        if (type == Ethernet.Ipv4)
        {
            return ParseIpv4(frame[at..], ref tuple);
        }

        return type == Ethernet.Ipv6 ? ParseIpv6(frame[at..], ref tuple) : ParseResult.NotIp;
    }

    // RFC 791, 3.1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ParseResult ParseIpv4(ReadOnlySpan<byte> packet, ref FiveTuple tuple)
    {
        if (packet.Length < 20)
        {
            return ParseResult.Malformed;
        }

        int headerBytes = (packet[0] & 0xF) * 4;
        int totalBytes = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (packet[0] >> 4 != 4 || headerBytes < 20 || totalBytes < headerBytes || packet.Length < totalBytes)
        {
            return ParseResult.Malformed;
        }

        tuple.Family = 4;
        tuple.Protocol = packet[9];
        tuple.SourceLow = BinaryPrimitives.ReadUInt32BigEndian(packet[12..]);
        tuple.DestinationLow = BinaryPrimitives.ReadUInt32BigEndian(packet[16..]);
        bool isFirst = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1FFF) == 0;
        return isFirst ? ReadPorts(packet[headerBytes..totalBytes], ref tuple) : ParseResult.Ip;
    }

    // RFC 8200, 3 and 4.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ParseResult ParseIpv6(ReadOnlySpan<byte> packet, ref FiveTuple tuple)
    {
        if (packet.Length < Ipv6HeaderBytes || packet[0] >> 4 != 6)
        {
            return ParseResult.Malformed;
        }

        int totalBytes = Ipv6HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (packet.Length < totalBytes)
        {
            return ParseResult.Malformed;
        }

        tuple.Family = 6;
        tuple.SourceHigh = BinaryPrimitives.ReadUInt64BigEndian(packet[8..]);
        tuple.SourceLow = BinaryPrimitives.ReadUInt64BigEndian(packet[16..]);
        tuple.DestinationHigh = BinaryPrimitives.ReadUInt64BigEndian(packet[24..]);
        tuple.DestinationLow = BinaryPrimitives.ReadUInt64BigEndian(packet[32..]);
        tuple.Protocol = packet[6];
        return SkipExtensions(packet[Ipv6HeaderBytes..totalBytes], ref tuple);
    }

    private static ParseResult SkipExtensions(ReadOnlySpan<byte> rest, ref FiveTuple tuple)
    {
        for (int i = 0; i < ExtensionsMax; i++)
        {
            int bytes;
            switch (tuple.Protocol)
            {
                case 0 or 43 or 60: // hop-by-hop, routing, destination options
                    bytes = rest.Length >= 2 ? (rest[1] + 1) * 8 : 8;
                    break;
                case 44: // fragment
                    bytes = 8;
                    break;
                default:
                    return ReadPorts(rest, ref tuple);
            }

            if (rest.Length < bytes)
            {
                return ParseResult.Malformed;
            }

            bool isLaterFragment = tuple.Protocol == 44
                && (BinaryPrimitives.ReadUInt16BigEndian(rest[2..]) & 0xFFF8) != 0;
            tuple.Protocol = rest[0];
            rest = rest[bytes..];
            if (isLaterFragment)
            {
                return ParseResult.Ip;
            }
        }

        return ParseResult.Ip;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ParseResult ReadPorts(ReadOnlySpan<byte> transport, ref FiveTuple tuple)
    {
        if (tuple.Protocol is not (IpProtocol.Udp or IpProtocol.Tcp or IpProtocol.Sctp))
        {
            return ParseResult.Ip;
        }

        if (transport.Length < 4)
        {
            return ParseResult.Malformed;
        }

        tuple.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(transport);
        tuple.DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(transport[2..]);
        tuple.HasPorts = true;
        return ParseResult.Ip;
    }
}
