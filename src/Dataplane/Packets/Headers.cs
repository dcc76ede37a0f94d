using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace LowLatency.Dataplane.Packets;

/// <summary>Ethernet II (IEEE 802.3 clause 3) and 802.1Q tags: offsets and MAC stores.</summary>
internal static class Ethernet
{
    /// <summary>Bytes of an untagged header.</summary>
    public const int HeaderBytes = 14;
    /// <summary>EtherType of IPv4.</summary>
    public const ushort Ipv4 = 0x0800;
    /// <summary>EtherType of IPv6.</summary>
    public const ushort Ipv6 = 0x86DD;
    /// <summary>EtherType of a tag (802.1Q).</summary>
    public const ushort Vlan = 0x8100;
    /// <summary>EtherType of a tag around another (802.1ad).</summary>
    public const ushort ServiceVlan = 0x88A8;
    private const int VlanBytes = 4;
    private const int TagsMax = 2;
    private const ulong MacMask = 0x0000_FFFF_FFFF_FFFF;

    /// <summary>Reads the EtherType behind up to two VLAN tags; false when the frame ends before
    /// it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadType(ReadOnlySpan<byte> frame, out ushort type, out int payload)
    {
        payload = HeaderBytes;
        type = 0;
        if (frame.Length < HeaderBytes)
        {
            return false;
        }

        type = BinaryPrimitives.ReadUInt16BigEndian(frame[..HeaderBytes][12..]); // constant length: one check
        if (type is not (Vlan or ServiceVlan))
        {
            return true;
        }

        int found = SkipTags(frame, type);
        type = (ushort)found;
        payload = found >> 16;
        return found >= 0;
    }

    // Payload offset above the inner type; negative when the frame ends before it. One number, so that no
    // address of a caller's variable escapes.
    [MethodImpl(MethodImplOptions.NoInlining)] // tagged frames only
    private static int SkipTags(ReadOnlySpan<byte> frame, ushort type)
    {
        int payload = HeaderBytes;
        for (int tag = 0; tag < TagsMax && type is Vlan or ServiceVlan; tag++)
        {
            payload += VlanBytes;
            if (frame.Length < payload)
            {
                return -1;
            }

            type = BinaryPrimitives.ReadUInt16BigEndian(frame[(payload - 2)..]);
        }

        return (payload << 16) | type;
    }

    /// <summary>Writes destination and source MAC with two stores (first byte of an address
    /// lowest).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteMacs(Span<byte> frame, ulong destination, ulong source)
    {
        Span<byte> macs = frame[..12]; // a constant length: one check for both stores
        BinaryPrimitives.WriteUInt64LittleEndian(macs, (destination & MacMask) | (source << 48));
        BinaryPrimitives.WriteUInt32LittleEndian(macs[8..], (uint)(source >> 16));
    }

    /// <summary>Destination MAC.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ReadDestination(ReadOnlySpan<byte> frame) =>
        BinaryPrimitives.ReadUInt64LittleEndian(frame) & MacMask;

    /// <summary>Source MAC.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ReadSource(ReadOnlySpan<byte> frame) =>
        BinaryPrimitives.ReadUInt64LittleEndian(frame[..12][4..]) >> 16;
}

/// <summary>IP protocol numbers that have a place in this code (IANA).</summary>
internal static class IpProtocol
{
    /// <summary>TCP.</summary>
    public const byte Tcp = 6;
    /// <summary>UDP.</summary>
    public const byte Udp = 17;
    /// <summary>SCTP: ports where TCP and UDP have them.</summary>
    public const byte Sctp = 132;
}

/// <summary>The Internet checksum (RFC 1071) over bytes in any grouping.</summary>
internal static class InternetChecksum
{
    /// <summary>Adds bytes to a running one's complement sum; an odd tail counts as its byte and a
    /// zero.</summary>
    public static ulong Add(ulong sum, ReadOnlySpan<byte> bytes)
    {
        // 32-bit words into a 64-bit sum cannot overflow below 2^32 words; byte order cancels out (RFC 1071,
        // 2.B).
        while (bytes.Length >= 16)
        {
            sum += BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            sum += BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            sum += BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
            sum += BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
            bytes = bytes[16..];
        }

        while (bytes.Length >= 2)
        {
            sum += BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            bytes = bytes[2..];
        }

        return bytes.Length == 1 ? sum + bytes[0] : sum;
    }

    /// <summary>Folds a sum to 16 bits; not complemented, in memory order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Fold(ulong sum)
    {
        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)sum;
    }
}
