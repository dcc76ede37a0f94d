using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using LowLatency.Native.Tables;

namespace LowLatency.Dataplane.Packets;

/// <summary>Reads from a frame what an access list asks: the 5-tuple, and VLAN, TCP flags and whether it is a
/// later fragment.</summary>
internal static class AclFrames
{
    private const int FlagsAt = 13;      // of a TCP header (RFC 9293, 3.1)
    private const int NoFlags = -1;
    private const int Ipv6HeaderBytes = 40;
    private const byte FragmentHeader = 44; // RFC 8200, 4.5
    private const int ExtensionsMax = 8; // as FiveTuple has it

    /// <summary>Makes the key of a frame; false when it is shorter than its headers claim.</summary>
    /// <param name="frame">From the destination MAC on.</param>
    /// <param name="ingress">The lane's own number of the port it came in by.</param>
    /// <param name="key">The key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadKey(ReadOnlySpan<byte> frame, int ingress, out AclKey key)
    {
        ParseResult result = FiveTuple.Parse(frame, out FiveTuple tuple);
        if (result == ParseResult.Malformed || !Ethernet.TryReadType(frame, out _, out int payload))
        {
            key = default;
            return false;
        }

        uint vlan = payload == Ethernet.HeaderBytes ? 0u
            : BinaryPrimitives.ReadUInt16BigEndian(frame[Ethernet.HeaderBytes..]) & 0xFFFu; // the outer tag
        if (result != ParseResult.Ip)
        {
            key = AclKey.OfOther(new AclKey.Parts(0, 0, false, true, NoFlags, vlan, ingress));
            return true;
        }

        ReadOnlySpan<byte> packet = frame[payload..];
        bool isFirst = true;
        int transport;
        if (tuple.Family == 4)
        {
            isFirst = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1FFF) == 0;
            transport = (packet[0] & 0xF) * 4;
        }
        else
        {
            transport = TransportOfIpv6(packet);
            isFirst = transport >= 0;
        }

        int flags = tuple.Protocol == IpProtocol.Tcp && isFirst && packet.Length > transport + FlagsAt
            ? packet[transport + FlagsAt] : NoFlags;
        AclKey.Parts parts = new(
            tuple.Protocol, tuple.Ports, tuple.HasPorts, isFirst, flags, vlan, ingress);
        key = tuple.Family == 4
            ? AclKey.OfIpv4((uint)tuple.SourceLow, (uint)tuple.DestinationLow, parts)
            : AclKey.OfIpv6(
                tuple.SourceHigh, tuple.SourceLow, tuple.DestinationHigh, tuple.DestinationLow, parts);
        return true;
    }

    // Of a packet that FiveTuple has parsed; negative: it has no transport header.
    private static int TransportOfIpv6(ReadOnlySpan<byte> packet)
    {
        int at = Ipv6HeaderBytes;
        byte protocol = packet[6];
        for (int i = 0; i < ExtensionsMax; i++)
        {
            if (protocol is not (0 or 43 or 60 or FragmentHeader))
            {
                return at;
            }

            if (packet.Length < at + 8
                || (protocol == FragmentHeader
                    && (BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]) & 0xFFF8) != 0))
            {
                return -1;
            }

            int bytes = protocol == FragmentHeader ? 8 : (packet[at + 1] + 1) * 8;
            protocol = packet[at];
            at += bytes;
        }

        return -1;
    }
}
