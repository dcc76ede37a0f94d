using System.Buffers.Binary;
using System.Net;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>Makes frames byte by byte, written from the RFCs and not from the data plane's own code, so that
/// the
/// two cannot be wrong together.</summary>
public static class Packets
{
    /// <summary>Ethertypes and protocol numbers (IANA).</summary>
    public const int Ipv4Type = 0x0800, ArpType = 0x0806, Ipv6Type = 0x86DD, VlanType = 0x8100,
        ServiceType = 0x88A8;

    /// <summary>Protocol numbers (IANA).</summary>
    public const byte Icmp = 1, Igmp = 2, Tcp = 6, Udp = 17, Fragment = 44, Icmp6 = 58, NoNext = 59;

    /// <summary>An Ethernet frame; never padded.</summary>
    public static byte[] Ethernet(byte[] to, byte[] from, int type, byte[] payload) =>
        [.. to, .. from, (byte)(type >> 8), (byte)type, .. payload];

    /// <summary>A frame with one more tag in front of its type.</summary>
    public static byte[] Tag(byte[] frame, int type, int control) =>
        [.. frame[..12], (byte)(type >> 8), (byte)type, (byte)(control >> 8), (byte)control, .. frame[12..]];

    /// <summary>An IPv4 packet (RFC 791) with a right checksum; options are padded to words.</summary>
    public static byte[] Ipv4(
        IPAddress from, IPAddress to, byte protocol, byte[] payload, int ttl = 64, int service = 0,
            int id = 0,
        int fragment = 0, byte[]? options = null)
    {
        byte[] extra = options ?? [];
        int headerBytes = 20 + (extra.Length + 3) / 4 * 4;
        byte[] packet = new byte[headerBytes + payload.Length];
        packet[0] = (byte)(0x40 | (headerBytes / 4));
        packet[1] = (byte)service;
        Put16(packet, 2, packet.Length);
        Put16(packet, 4, id);
        Put16(packet, 6, fragment);
        packet[8] = (byte)ttl;
        packet[9] = protocol;
        from.GetAddressBytes().CopyTo(packet, 12);
        to.GetAddressBytes().CopyTo(packet, 16);
        extra.CopyTo(packet, 20);
        payload.CopyTo(packet, headerBytes);
        Put16(packet, 10, Checksum(packet.AsSpan(0, headerBytes)));
        return packet;
    }

    /// <summary>An IPv6 packet (RFC 8200).</summary>
    public static byte[] Ipv6(
        IPAddress from, IPAddress to, byte next, byte[] payload, int hopLimit = 64, int service = 0,
            int flow = 0)
    {
        byte[] packet = new byte[40 + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(packet, (6u << 28) | ((uint)service << 20) | (uint)flow);
        Put16(packet, 4, payload.Length);
        packet[6] = next;
        packet[7] = (byte)hopLimit;
        from.GetAddressBytes().CopyTo(packet, 8);
        to.GetAddressBytes().CopyTo(packet, 24);
        payload.CopyTo(packet, 40);
        return packet;
    }

    /// <summary>An extension header of 8 bytes and more (RFC 8200, 4): next header, length, then
    /// content.</summary>
    public static byte[] Extension(byte next, byte[] content, byte[] payload)
    {
        byte[] padded = new byte[(2 + content.Length + 7) / 8 * 8];
        padded[0] = next;
        padded[1] = (byte)((padded.Length / 8) - 1);
        content.CopyTo(padded, 2);
        if (content.Length == 0)
        {
            (padded[2], padded[3]) = (1, 4); // PadN over the rest
        }

        return [.. padded, .. payload];
    }

    /// <summary>A UDP datagram (RFC 768).</summary>
    public static byte[] UdpDatagram(IPAddress from, IPAddress to, int fromPort, int toPort, byte[] payload)
    {
        byte[] segment = new byte[8 + payload.Length];
        Put16(segment, 0, fromPort);
        Put16(segment, 2, toPort);
        Put16(segment, 4, segment.Length);
        payload.CopyTo(segment, 8);
        int sum = Checksum(Pseudo(from, to, Udp, segment));
        Put16(segment, 6, sum == 0 ? 0xFFFF : sum);
        return segment;
    }

    /// <summary>A TCP segment without options (RFC 9293).</summary>
    public static byte[] TcpSegment(
        IPAddress from, IPAddress to, int fromPort, int toPort, uint sequence, byte flags, byte[] payload)
    {
        byte[] segment = new byte[20 + payload.Length];
        Put16(segment, 0, fromPort);
        Put16(segment, 2, toPort);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), sequence);
        segment[12] = 5 << 4;
        segment[13] = flags;
        Put16(segment, 14, 0x7000);
        payload.CopyTo(segment, 20);
        Put16(segment, 16, Checksum(Pseudo(from, to, Tcp, segment)));
        return segment;
    }

    /// <summary>An ICMP message (RFC 792, RFC 4443): type, code, then what follows the checksum.</summary>
    public static byte[] IcmpMessage(IPAddress from, IPAddress to, byte type, byte code, byte[] rest)
    {
        byte[] message = [type, code, 0, 0, .. rest];
        bool isIpv6 = from.GetAddressBytes().Length == 16;
        Put16(message, 2, Checksum(isIpv6 ? Pseudo(from, to, Icmp6, message) : message));
        return message;
    }

    /// <summary>The Internet checksum (RFC 1071).</summary>
    public static int Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (uint)bytes[i] << (i % 2 == 0 ? 8 : 0);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (int)(~sum & 0xFFFF);
    }

    /// <summary>Where IPv4 or IPv6 begins behind up to four tags, and which; 0: neither.</summary>
    public static (int Type, int Offset) FindIp(ReadOnlySpan<byte> frame)
    {
        int offset = 12;
        for (int tags = 0; tags <= 4 && offset + 2 <= frame.Length; tags++)
        {
            int type = BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]);
            if (type is not (VlanType or ServiceType))
            {
                bool isIp = type is Ipv4Type or Ipv6Type && offset + 2 < frame.Length;
                return isIp ? (type, offset + 2) : (0, 0);
            }

            offset += 4;
        }

        return (0, 0);
    }

    /// <summary>Makes an IPv4 header's checksum right again, if there is a whole header.</summary>
    public static void Repair(Span<byte> frame)
    {
        (int type, int offset) = FindIp(frame);
        int headerBytes = type == Ipv4Type ? (frame[offset] & 0xF) * 4 : 0;
        if (headerBytes >= 20 && offset + headerBytes <= frame.Length)
        {
            frame.Slice(offset + 10, 2).Clear();
            int sum = Checksum(frame.Slice(offset, headerBytes));
            BinaryPrimitives.WriteUInt16BigEndian(frame[(offset + 10)..], (ushort)sum);
        }
    }

    private static byte[] Pseudo(IPAddress from, IPAddress to, byte protocol, byte[] segment) =>
    [
        .. from.GetAddressBytes(), .. to.GetAddressBytes(), 0, protocol,
        (byte)(segment.Length >> 8), (byte)segment.Length, .. segment,
    ];

    private static void Put16(byte[] bytes, int at, int value) =>
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)value);
}
