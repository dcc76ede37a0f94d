using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

/// <summary>Addresses, protocol and ports of a frame, in three words so that a filter's loop keeps them in
/// registers.
/// IPv4 addresses are the low 32 bits.</summary>
internal readonly struct FiveTuple
{
    /// <summary>Of <see cref="Kind"/>: the family.</summary>
    public const ulong FamilyMask = 0xFF;
    /// <summary>Of <see cref="Kind"/>: the protocol.</summary>
    public const ulong ProtocolMask = 0xFF00;
    /// <summary>Of <see cref="Kind"/>: set for a frame with ports.</summary>
    public const ulong PortsBit = 0x1_0000;
    /// <summary>Of <see cref="Kind"/>: set for IPv4 and IPv6.</summary>
    public const ulong IpBit = 0x2_0000;
    /// <summary>Where the protocol lies in <see cref="Kind"/>.</summary>
    public const int ProtocolShift = 8;
    private const int Ipv4HeaderBytes = 20;  // RFC 791, 3.1
    private const int Ipv6HeaderBytes = 40;  // RFC 8200, 3
    private const int ExtensionsMax = 8;     // a longer chain is not traffic; it counts as without ports

    private FiveTuple(Vector256<ulong> addresses, ulong kind, uint ports)
    {
        Addresses = addresses;
        Kind = kind;
        Ports = ports;
    }

    /// <summary>Source, then destination, 16 bytes each in network order; IPv4 in the last four of
    /// each.</summary>
    public Vector256<ulong> Addresses { get; }

    /// <summary>Family, protocol and the two bits.</summary>
    public ulong Kind { get; }

    /// <summary>Source port above destination port; 0 without ports.</summary>
    public uint Ports { get; }

    /// <summary>4 or 6.</summary>
    public uint Family => (uint)(Kind & FamilyMask);

    /// <summary>IP protocol of the transport header.</summary>
    public uint Protocol => (uint)(Kind & ProtocolMask) >> ProtocolShift;

    /// <summary>Source address, upper 64 bits (IPv6).</summary>
    public ulong SourceHigh => BinaryPrimitives.ReverseEndianness(Addresses[0]);

    /// <summary>Source address, lower 64 bits.</summary>
    public ulong SourceLow => BinaryPrimitives.ReverseEndianness(Addresses[1]);

    /// <summary>Destination address, upper 64 bits (IPv6).</summary>
    public ulong DestinationHigh => BinaryPrimitives.ReverseEndianness(Addresses[2]);

    /// <summary>Destination address, lower 64 bits.</summary>
    public ulong DestinationLow => BinaryPrimitives.ReverseEndianness(Addresses[3]);

    /// <summary>Source port; 0 without ports.</summary>
    public ushort SourcePort => (ushort)(Ports >> 16);

    /// <summary>Destination port; 0 without ports.</summary>
    public ushort DestinationPort => (ushort)Ports;

    /// <summary>True when the frame carries TCP, UDP or SCTP ports (no fragment but the first).</summary>
    public bool HasPorts => (Kind & PortsBit) != 0;

    /// <summary>A hash of all of it: one flow, one number.</summary>
    public uint Hash
    {
        get
        {
            uint hash = BitOperations.Crc32C(uint.MaxValue, Addresses[0]);
            hash = BitOperations.Crc32C(hash, Addresses[1]);
            hash = BitOperations.Crc32C(hash, Addresses[2]);
            hash = BitOperations.Crc32C(hash, Addresses[3]);
            hash = BitOperations.Crc32C(hash, ((ulong)Protocol << 32) | Ports);
            return hash ^ (hash >> 16);
        }
    }

    /// <summary>The same without ports: all fragments of a packet have it.</summary>
    public FiveTuple WithoutPorts => new(Addresses, Kind & ~PortsBit, 0);

    /// <summary>Parses a frame; VLAN tags are skipped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ParseResult Parse(ReadOnlySpan<byte> frame, out FiveTuple tuple)
    {
        if (!Ethernet.TryReadType(frame, out ushort type, out int at))
        {
            tuple = default;
            return ParseResult.Malformed;
        }

        if (type == Ethernet.Ipv4)
        {
            return ParseIpv4(frame[at..], out tuple);
        }

        if (type != Ethernet.Ipv6)
        {
            tuple = default;
            return ParseResult.NotIp;
        }

        tuple = ParseIpv6(frame[at..]); // by value: no address of a local escapes, it can stay in registers
        return tuple.Kind == 0 ? ParseResult.Malformed : ParseResult.Ip;
    }

    // RFC 791, 3.1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ParseResult ParseIpv4(ReadOnlySpan<byte> packet, out FiveTuple tuple)
    {
        if (packet.Length < Ipv4HeaderBytes)
        {
            tuple = default;
            return ParseResult.Malformed;
        }

        ReadOnlySpan<byte> header = packet[..Ipv4HeaderBytes]; // a constant length: no check at any read below
        int headerBytes = (header[0] & 0xF) * 4;
        int totalBytes = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        if (header[0] >> 4 != 4 || headerBytes < Ipv4HeaderBytes || totalBytes < headerBytes
            || packet.Length < totalBytes)
        {
            tuple = default;
            return ParseResult.Malformed;
        }

        ulong pair = BinaryPrimitives.ReadUInt64LittleEndian(header[12..]); // source below destination
        ulong kind = 4 | ((ulong)header[9] << ProtocolShift) | IpBit;
        uint ports = 0;
        bool isFirst = (BinaryPrimitives.ReadUInt16BigEndian(header[6..]) & 0x1FFF) == 0;
        if (isFirst && !TryReadPorts(packet[headerBytes..totalBytes], ref kind, ref ports))
        {
            tuple = default;
            return ParseResult.Malformed;
        }

        tuple = new FiveTuple(Vector256.Create(0, pair << 32, 0, pair & 0xFFFF_FFFF_0000_0000), kind, ports);
        return ParseResult.Ip;
    }

    // RFC 8200, 3 and 4. Malformed: a tuple of no kind.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FiveTuple ParseIpv6(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < Ipv6HeaderBytes || packet[0] >> 4 != 6)
        {
            return default;
        }

        int totalBytes = Ipv6HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (packet.Length < totalBytes)
        {
            return default;
        }

        uint protocol = packet[6];
        ReadOnlySpan<byte> rest = packet[Ipv6HeaderBytes..totalBytes];
        if (!TrySkipExtensions(ref rest, ref protocol, out bool hasTransport))
        {
            return default;
        }

        ulong kind = 6 | (protocol << ProtocolShift) | IpBit;
        uint ports = 0;
        if (hasTransport && !TryReadPorts(rest, ref kind, ref ports))
        {
            return default;
        }

        return new FiveTuple(Vector256.Create(packet.Slice(8, 32)).AsUInt64(), kind, ports);
    }

    // False when the packet ends inside a header. No transport header: a later fragment, or a chain too long.
    private static bool TrySkipExtensions(ref ReadOnlySpan<byte> rest, ref uint protocol, out bool hasTransport)
    {
        hasTransport = false;
        for (int i = 0; i < ExtensionsMax; i++)
        {
            int bytes;
            switch (protocol)
            {
                case 0 or 43 or 60: // hop-by-hop, routing, destination options
                    bytes = rest.Length >= 2 ? (rest[1] + 1) * 8 : 8;
                    break;
                case 44: // fragment
                    bytes = 8;
                    break;
                default:
                    hasTransport = true;
                    return true;
            }

            if (rest.Length < bytes)
            {
                return false;
            }

            bool isLaterFragment = protocol == 44 && (BinaryPrimitives.ReadUInt16BigEndian(rest[2..]) & 0xFFF8) != 0;
            protocol = rest[0];
            rest = rest[bytes..];
            if (isLaterFragment)
            {
                return true;
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryReadPorts(ReadOnlySpan<byte> transport, ref ulong kind, ref uint ports)
    {
        if ((kind & ProtocolMask) >> ProtocolShift is not (IpProtocol.Udp or IpProtocol.Tcp or IpProtocol.Sctp))
        {
            return true;
        }

        if (transport.Length < 4)
        {
            return false;
        }

        ports = BinaryPrimitives.ReadUInt32BigEndian(transport);
        kind |= PortsBit;
        return true;
    }
}
