using System.Buffers.Binary;
using System.Net;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>What two devices need not have in common: identifications that a kernel draws at random for
/// packets
/// of its own, and what it sends because of a timer.</summary>
public static class Normal
{
    /// <summary>True for frames that come by a clock: ARP and neighbour discovery, IGMP and MLD
    /// reports.</summary>
    public static bool IsChatter(ReadOnlySpan<byte> frame)
    {
        (int type, int at) = Packets.FindIp(frame);
        if (type == Packets.Ipv4Type)
        {
            return at + 10 <= frame.Length && frame[at + 9] == Packets.Igmp && IsOwn(frame, type, at);
        }

        if (type != Packets.Ipv6Type)
        {
            return frame.Length >= 14 && BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == Packets.ArpType
                && IsDevices(frame[6..12]);
        }

        int message = at + 40 + (frame.Length > at + 6 && frame[at + 6] == 0 ? 8
            : 0); // MLD: hop-by-hop before
        bool isDiscovery = message < frame.Length && frame[message] is (>= 130 and <= 137) or 143;
        return isDiscovery && (frame[at + 6] is 0 or Packets.Icmp6) && IsOwnOrNobody(frame, at);
    }

    /// <summary>True for answers that a kernel sends only so often to one address, or seconds later: IPv4
    /// route errors (ip_error, with a budget per source that no setting of a namespace lifts), and
    /// neighbours that did not answer.</summary>
    public static bool IsLimited(ReadOnlySpan<byte> frame)
    {
        (int type, int at) = Packets.FindIp(frame);
        int message = at + (type == Packets.Ipv4Type ? (frame[at] & 0xF) * 4 : 40);
        return type != 0 && message + 2 <= frame.Length && IsOwn(frame, type, at)
            && (type == Packets.Ipv4Type
                ? frame[at + 9] == Packets.Icmp && frame[message] == 3 && frame[message + 1] is (0 or 1 or 13)
                : frame[at + 6] == Packets.Icmp6 && frame[message] == 1 && frame[message + 1] == 3);
    }

    /// <summary>A copy with the random fields of packets from the device itself zeroed.</summary>
    public static byte[] Of(byte[] frame)
    {
        (int type, int at) = Packets.FindIp(frame);
        if (type == 0 || !IsOwn(frame, type, at))
        {
            return frame;
        }

        byte[] copy = [.. frame];
        if (type == Packets.Ipv4Type)
        {
            copy.AsSpan(at + 4, 2).Clear();
            Packets.Repair(copy);
        }
        else if (copy[at + 6] == Packets.Fragment && copy.Length >= at + 48)
        {
            copy.AsSpan(at + 44, 4).Clear();
        }

        return copy;
    }

    private static bool IsDevices(ReadOnlySpan<byte> mac)
    {
        for (int port = 0; port < RouterNet.Ports; port++)
        {
            if (mac.SequenceEqual(Bed.MacOf(port)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>True for a packet from one of the router's own addresses.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="type">Ethertype of what is at <paramref name="at"/>.</param>
    /// <param name="at">Where IP begins.</param>
    public static bool IsOwn(ReadOnlySpan<byte> frame, int type, int at)
    {
        if (type is not (Packets.Ipv4Type or Packets.Ipv6Type))
        {
            return false;
        }

        int bytes = type == Packets.Ipv4Type ? 4 : 16;
        int from = at + (type == Packets.Ipv4Type ? 12 : 8);
        if (from + (bytes * 2) > frame.Length)
        {
            return false;
        }

        IPAddress source = new(frame.Slice(from, bytes));
        for (int port = 0; port < RouterNet.Ports; port++)
        {
            if (source.Equals(RouterNet.Own4(port)) || source.Equals(RouterNet.Own6(port)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsOwnOrNobody(ReadOnlySpan<byte> frame, int at) =>
        IsOwn(frame, Packets.Ipv6Type, at) || frame.Slice(at + 8, 16).IndexOfAnyExcept((byte)0) < 0;
}
