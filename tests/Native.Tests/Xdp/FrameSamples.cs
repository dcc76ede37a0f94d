using System.Buffers.Binary;
using System.Net;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Tests.Xdp;

/// <summary>A frame and what the XDP program must make of it, by hand: not from the program's own
/// logic.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Frame">The whole frame.</param>
/// <param name="Ip">Outcome under <see cref="Claim.Ip"/>.</param>
/// <param name="IpNeeds">Bytes from which it can be judged so; shorter is malformed.</param>
/// <param name="Udp">Outcome under <see cref="Claim.Udp"/>, ports 4000 to 4999.</param>
/// <param name="UdpNeeds">Bytes from which it can be judged so.</param>
public sealed record FrameSample(
    string Name, byte[] Frame, XdpOutcome Ip, int IpNeeds, XdpOutcome Udp, int UdpNeeds)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>One frame of every kind the program tells apart. This port owns 10.9.0.1 and fd00:9::1.</summary>
internal static class FrameSamples
{
    public const ushort PortLow = 4000;
    public const ushort PortHigh = 4999;
    public const ulong OwnMac = 0x0100_0000_0002; // 02:00:00:00:00:01, first byte lowest
    public static readonly byte[] Local4 = [10, 9, 0, 1];
    public static readonly byte[] Local6 = IPAddress.Parse("fd00:9::1").GetAddressBytes();

    private const int Eth = 14;
    private const int Eth4 = Eth + 20;
    private const int Eth6 = Eth + 40;
    private const ushort TypeIp4 = 0x0800;
    private const ushort TypeIp6 = 0x86DD;
    private const ushort TypeVlan = 0x8100;
    private const ushort TypeQinQ = 0x88A8;
    private const byte Tcp = 6;
    private const byte UdpProtocol = 17;
    private const byte Icmp6 = 58;
    private const XdpOutcome Ours = XdpOutcome.Redirected;
    private const XdpOutcome NotOurs = XdpOutcome.PassedNotOurs;
    private const XdpOutcome Control = XdpOutcome.PassedControl;
    private const XdpOutcome Discovery = XdpOutcome.PassedDiscovery;
    private const XdpOutcome Local = XdpOutcome.PassedLocal;
    private const XdpOutcome Malformed = XdpOutcome.PassedMalformed;

    public static FrameSample[] All { get; } =
    [
        .. LinkLayer(), .. Ipv4(), .. Ipv6(), .. Ipv6Discovery(), .. Tagged(), .. Contradictory(),
    ];

    /// <summary>The frame with another TTL or hop limit.</summary>
    public static byte[] WithTtl(byte[] frame, byte ttl)
    {
        byte[] changed = (byte[])frame.Clone();
        int at = 12;
        while (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at)) is TypeVlan or TypeQinQ)
        {
            at += 4;
        }

        changed[at + 2 + (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at)) == TypeIp4 ? 8 : 7)] = ttl;
        return changed;
    }

    private static IEnumerable<FrameSample> LinkLayer()
    {
        yield return Same("ARP", Ethernet(0x0806, new byte[46], "ff:ff:ff:ff:ff:ff"), Control, Eth);
        yield return Same("LLDP to its MAC", Ethernet(0x88CC, new byte[46], "01:80:c2:00:00:0e"), Control,
            Eth);
        yield return Same("LLDP to another MAC", Ethernet(0x88CC, new byte[46]), Control, Eth);
        yield return Same("STP", Ethernet(0x0026, new byte[46], "01:80:c2:00:00:00"), Control, Eth);
        yield return Same("LACP", Ethernet(0x8809, new byte[46], "01:80:c2:00:00:02"), Control, Eth);
        yield return Same("IPv4 to a reserved MAC",
            Ethernet(TypeIp4, Ip4("10.9.0.77", UdpProtocol, UdpTo(4000)), "01:80:c2:00:00:0f"), Control, Eth);
        yield return Same("GARP, past the reserved MACs", Ethernet(0x0026, new byte[46], "01:80:c2:00:00:20"),
            NotOurs, Eth);
        yield return Same("an unknown ethertype", Ethernet(0x88F7, new byte[46]), NotOurs, Eth);
    }

    private static IEnumerable<FrameSample> Ipv4()
    {
        byte[] udp = UdpTo(4000);
        yield return new("UDP at the first port", Plain4("10.9.0.77", udp), Ours, Eth4, Ours, Eth4 + 8);
        yield return new("UDP at the last port", Plain4("10.9.0.77", UdpTo(4999)), Ours, Eth4, Ours,
            Eth4 + 8);
        yield return new("UDP below the range", Plain4("10.9.0.77", UdpTo(3999)), Ours, Eth4, NotOurs,
            Eth4 + 8);
        yield return new("UDP above the range", Plain4("10.9.0.77", UdpTo(5000)), Ours, Eth4, NotOurs,
            Eth4 + 8);
        yield return new("UDP with options",
            Ethernet(TypeIp4, Ip4("10.9.0.77", UdpProtocol, udp, options: 8)),
            Ours, Eth4 + 8, Ours, Eth4 + 16);
        yield return new("TCP", Ethernet(TypeIp4, Ip4("10.9.0.77", Tcp, udp)), Ours, Eth4, NotOurs, Eth4);
        yield return new("a first fragment",
            Ethernet(TypeIp4, Ip4("10.9.0.77", UdpProtocol, udp, fragment: 0x2000)),
            Ours, Eth4, Ours, Eth4 + 8);
        yield return new("a later fragment",
            Ethernet(TypeIp4, Ip4("10.9.0.77", UdpProtocol, udp, fragment: 0x2001)),
            Ours, Eth4, NotOurs, Eth4);
        yield return new("a last fragment",
            Ethernet(TypeIp4, Ip4("10.9.0.77", UdpProtocol, udp, fragment: 0x00B9)),
            Ours, Eth4, NotOurs, Eth4);
        yield return new("don't-fragment is no fragment",
            Ethernet(TypeIp4, Ip4("10.9.0.77", UdpProtocol, udp, fragment: 0x4000)), Ours, Eth4, Ours,
                Eth4 + 8);
        yield return Same("the port's own IPv4 address", Plain4("10.9.0.1", udp), Local, Eth4);
        yield return Same("224.0.0.5, OSPF", Ethernet(TypeIp4, Ip4("224.0.0.5", 89, udp)), Control, Eth4);
        yield return new("224.0.1.1, multicast that leaves a link", Plain4("224.0.1.1", udp),
            Ours, Eth4, Ours, Eth4 + 8);
    }

    private static IEnumerable<FrameSample> Ipv6()
    {
        byte[] udp = UdpTo(4500);
        yield return new("IPv6 UDP in the range", Plain6("fd00:9::77", udp), Ours, Eth6, Ours, Eth6 + 8);
        yield return new("IPv6 UDP out of the range", Plain6("fd00:9::77", UdpTo(80)), Ours, Eth6, NotOurs,
            Eth6 + 8);
        yield return new("IPv6 TCP", Ethernet(TypeIp6, Ip6("fd00:9::77", Tcp, udp)), Ours, Eth6, NotOurs,
            Eth6);
        yield return Same("the port's own IPv6 address", Plain6("fd00:9::1", udp), Local, Eth6);
        yield return new("ff05::1, multicast that leaves a link", Plain6("ff05::1", udp),
            Ours, Eth6, Ours, Eth6 + 8);
        yield return new("IPv6 UDP behind destination options",
            Ethernet(TypeIp6, Ip6("fd00:9::77", 60, [UdpProtocol, 0, 1, 4, 0, 0, 0, 0, .. udp])),
            Ours, Eth6 + 8, Ours, Eth6 + 16);
        yield return new("IPv6 UDP behind 16 bytes of routing header",
            Ethernet(TypeIp6, Ip6("fd00:9::77", 43, [UdpProtocol, 1, .. new byte[14], .. udp])),
            Ours, Eth6 + 8, Ours, Eth6 + 24);
        yield return new("an IPv6 first fragment",
            Ethernet(TypeIp6, Ip6("fd00:9::77", 44, [UdpProtocol, 0, 0, 1, 0, 0, 0, 7, .. udp])),
            Ours, Eth6 + 8, Ours, Eth6 + 16);
        yield return new("an IPv6 later fragment",
            Ethernet(TypeIp6, Ip6("fd00:9::77", 44, [UdpProtocol, 0, 0, 9, 0, 0, 0, 7, .. udp])),
            Ours, Eth6 + 8, NotOurs, Eth6 + 8);
        byte[] five = [60, 0, 1, 4, 0, 0, 0, 0];
        yield return new("more extension headers than are looked through",
            Ethernet(TypeIp6, Ip6("fd00:9::77", 60,
                [.. five, .. five, .. five, .. five, UdpProtocol, 0, 1, 4, 0, 0, 0, 0, .. udp])),
            Ours, Eth6 + 32, NotOurs, Eth6 + 32);
    }

    private static IEnumerable<FrameSample> Ipv6Discovery()
    {
        foreach (byte type in (byte[])[130, 131, 132, 133, 134, 135, 136, 137, 143])
        {
            yield return Same($"ICMPv6 type {type}",
                Ethernet(TypeIp6, Ip6("fd00:9::77", Icmp6, [type, .. new byte[23]])), Discovery, Eth6 + 1);
        }

        yield return new("ICMPv6 echo", Ethernet(TypeIp6, Ip6("fd00:9::77", Icmp6, [128, .. new byte[23]])),
            Ours, Eth6 + 1, NotOurs, Eth6 + 1);
        yield return Same("MLD behind hop-by-hop options",
            Ethernet(TypeIp6, Ip6("ff0e::42", 0, [Icmp6, 0, 5, 2, 0, 0, 1, 0, 131, .. new byte[23]])),
            Discovery, Eth6 + 9);
        yield return Same("UDP to fe80::1", Plain6("fe80::1", UdpTo(4000)), Discovery, Eth6);
        yield return Same("UDP to febf::1, the last of fe80::/10", Plain6("febf::1", UdpTo(4000)), Discovery,
            Eth6);
        yield return new("UDP to fec0::1, past fe80::/10", Plain6("fec0::1", UdpTo(4000)), Ours, Eth6, Ours,
            Eth6 + 8);
        yield return Same("UDP to ff02::fb", Plain6("ff02::fb", UdpTo(4000)), Discovery, Eth6);
    }

    private static IEnumerable<FrameSample> Tagged()
    {
        byte[] ip = Ip4("10.9.0.77", UdpProtocol, UdpTo(4000));
        byte[] ip6 = Ip6("fd00:9::77", UdpProtocol, UdpTo(4000));
        yield return new("one tag", Ethernet(TypeVlan, Tag(TypeIp4, ip)), Ours, Eth4 + 4, Ours, Eth4 + 12);
        yield return new("one service tag", Ethernet(TypeQinQ, Tag(TypeIp4, ip)), Ours, Eth4 + 4, Ours,
            Eth4 + 12);
        yield return new("two tags", Ethernet(TypeQinQ, Tag(TypeVlan, Tag(TypeIp4, ip))),
            Ours, Eth4 + 8, Ours, Eth4 + 16);
        yield return new("two tags over IPv6", Ethernet(TypeQinQ, Tag(TypeVlan, Tag(TypeIp6, ip6))),
            Ours, Eth6 + 8, Ours, Eth6 + 16);
        yield return Same("three tags", Ethernet(TypeQinQ, Tag(TypeVlan, Tag(TypeVlan, Tag(TypeIp4, ip)))),
            NotOurs, Eth + 8);
        yield return Same("ARP behind a tag", Ethernet(TypeVlan, Tag(0x0806, new byte[42])), Control,
            Eth + 4);
        yield return Same("the port's own address behind a tag",
            Ethernet(TypeVlan, Tag(TypeIp4, Ip4("10.9.0.1", UdpProtocol, UdpTo(4000)))), Local, Eth4 + 4);
    }

    private static IEnumerable<FrameSample> Contradictory()
    {
        byte[] version = Plain4("10.9.0.77", UdpTo(4000));
        version[Eth] = 0x65;
        yield return Same("IPv4 that says version 6", version, Malformed, 0);
        byte[] length = Plain4("10.9.0.77", UdpTo(4000));
        length[Eth] = 0x44;
        yield return Same("an IPv4 header of 16 bytes", length, Malformed, 0);
        byte[] version6 = Plain6("fd00:9::77", UdpTo(4000));
        version6[Eth] = 0x45;
        yield return Same("IPv6 that says version 4", version6, Malformed, 0);
    }

    private static FrameSample Same(string name, byte[] frame, XdpOutcome outcome, int needs) =>
        new(name, frame, outcome, needs, outcome, needs);

    private static byte[] Plain4(string to, byte[] payload) =>
        Ethernet(TypeIp4, Ip4(to, UdpProtocol, payload));

    private static byte[] Plain6(string to, byte[] payload) =>
        Ethernet(TypeIp6, Ip6(to, UdpProtocol, payload));

    private static byte[] Ethernet(ushort type, byte[] payload, string to = "02:00:00:00:00:01") =>
        [.. Convert.FromHexString(to.Replace(":", "", StringComparison.Ordinal)), 2, 0, 0, 0, 0, 2,
            .. Be(type),
            .. payload];

    private static byte[] Tag(ushort type, byte[] payload) => [0, 5, .. Be(type), .. payload];

    private static byte[] Ip4(string to, byte protocol, byte[] payload, ushort fragment = 0,
        int options = 0) =>
    [
        (byte)(0x45 + (options / 4)), 0, .. Be((ushort)(20 + options + payload.Length)), 0, 1,
            .. Be(fragment),
        64, protocol, 0, 0, 10, 9, 0, 2, .. IPAddress.Parse(to).GetAddressBytes(), .. new byte[options],
            .. payload,
    ];

    private static byte[] Ip6(string to, byte next, byte[] payload) =>
    [
        0x60, 0, 0, 0, .. Be((ushort)payload.Length), next, 64,
            .. IPAddress.Parse("fd00:9::2").GetAddressBytes(),
        .. IPAddress.Parse(to).GetAddressBytes(), .. payload,
    ];

    private static byte[] UdpTo(ushort port) => [.. Be(9), .. Be(port), .. Be(26), 0, 0, .. new byte[18]];

    private static byte[] Be(ushort value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return bytes;
    }
}
