using System.Net;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>Frames that are wrong in one way each, all of them, not a sample: cut at every byte, lengths
/// that lie, chains of headers without end, tags upon tags, addresses that nobody has.</summary>
public static class Malformed
{
    private const int In = 0;
    private static readonly IPAddress From4 = RouterNet.Host4(In, 2);
    private static readonly IPAddress To4 = IPAddress.Parse("20.1.128.65");
    private static readonly IPAddress From6 = RouterNet.Host6(In, 2);
    private static readonly IPAddress To6 = IPAddress.Parse("2001:db8:8000:8000::1");

    /// <summary>All of them.</summary>
    public static IEnumerable<Stimulus> All() => Cut().Concat(Bytes()).Concat(Lengths()).Concat(Options())
        .Concat(Chains()).Concat(Tags()).Concat(Addresses()).Concat(Sizes());

    // Every prefix of one frame of each kind.
    private static IEnumerable<Stimulus> Cut()
    {
        byte[] chain = Packets.Extension(60, [], Packets.Extension(Packets.Udp, [], Udp6(9)));
        byte[][] whole =
        [
            Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(9))),
            Frame4(Packets.Ipv4(From4, To4, Packets.Tcp, Packets.TcpSegment(From4, To4, 5, 6, 7, 2, [1, 2]),
                options: [7, 7, 4, 0, 0, 0, 0])),
            Frame6(Packets.Ipv6(From6, To6, Packets.Udp, Udp6(9))),
            Frame6(Packets.Ipv6(From6, To6, 0, chain)),
            Packets.Tag(Packets.Tag(Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(1))),
                Packets.VlanType, 5), Packets.ServiceType, 6),
        ];
        return whole.SelectMany(frame => Enumerable.Range(14, frame.Length - 13)
            .Select(length => new Stimulus(In, frame[..length])));
    }

    // Every byte of both headers as 0, 255, and with its lowest and highest bit turned.
    private static IEnumerable<Stimulus> Bytes()
    {
        foreach (byte[] frame in (byte[][])[
            Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(20))),
            Frame6(Packets.Ipv6(From6, To6, Packets.Udp, Udp6(20)))])
        {
            for (int at = 12; at < 62; at++)
            {
                foreach (int value in (int[])[0, 255, frame[at] ^ 1, frame[at] ^ 0x80])
                {
                    byte[] changed = [.. frame];
                    changed[at] = (byte)value;
                    yield return new Stimulus(In, [.. changed]);
                    Packets.Repair(changed);
                    yield return new Stimulus(In, changed);
                }
            }
        }
    }

    // Lengths that lie, at every layer.
    private static IEnumerable<Stimulus> Lengths()
    {
        foreach (int length in (int[])[0, 1, 19, 20, 21, 27, 28, 29, 47, 48, 49, 255, 256, 1500, 0x7FFF,
            0xFFFF])
        {
            byte[] ipv4 = Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(20)));
            (ipv4[16], ipv4[17]) = ((byte)(length >> 8), (byte)length);
            Packets.Repair(ipv4);
            yield return new Stimulus(In, ipv4);

            byte[] ipv6 = Frame6(Packets.Ipv6(From6, To6, Packets.Udp, Udp6(20)));
            (ipv6[18], ipv6[19]) = ((byte)(length >> 8), (byte)length);
            yield return new Stimulus(In, ipv6);

            byte[] udp = Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(20)));
            (udp[38], udp[39]) = ((byte)(length >> 8), (byte)length); // to the router too: its stack reads it
            yield return new Stimulus(In, udp);
            byte[] own = [.. udp];
            RouterNet.Own4(In).GetAddressBytes().CopyTo(own, 30);
            Packets.Repair(own);
            yield return new Stimulus(In, own);
        }

        for (int first = 0; first < 256; first++) // every version with every header length
        {
            byte[] frame = Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(60)));
            frame[14] = (byte)first;
            yield return new Stimulus(In, [.. frame]);
            Packets.Repair(frame);
            yield return new Stimulus(In, frame);
            byte[] asIpv6 = Frame6(Packets.Ipv6(From6, To6, Packets.Udp, Udp6(60)));
            asIpv6[14] = (byte)first;
            yield return new Stimulus(In, asIpv6);
        }
    }

    // Each kind of IPv4 option with each length that it cannot have; not the timestamp, which holds the time.
    private static IEnumerable<Stimulus> Options()
    {
        for (int kind = 0; kind < 256; kind++)
        {
            foreach (byte length in (byte[])[0, 1, 2, 3, 8, 40, 255])
            {
                if (kind != 68)
                {
                    yield return new Stimulus(In, Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(4),
                        options: [(byte)kind, length, 4, 0, 0, 0, 0, 0])));
                }
            }
        }
    }

    // Extension headers: each kind, repeated, without end, cut, longer than the packet, jumbo, unknown.
    private static IEnumerable<Stimulus> Chains()
    {
        foreach (IPAddress to in (IPAddress[])[To6, RouterNet.Own6(In)])
        {
            foreach (byte kind in (byte[])[0, 43, 44, 51, 60, 135, 139, 140, 253, 59])
            {
                foreach (int count in (int[])[1, 2, 8, 60, 170])
                {
                    byte[] chain = Packets.UdpDatagram(From6, to, 7, 8, new byte[4]);
                    byte next = Packets.Udp;
                    for (int i = 0; i < count; i++)
                    {
                        chain = Packets.Extension(next, kind == 0 ? [] : [0, 0, 0, 0, 0, 0], chain);
                        next = kind;
                    }

                    yield return new Stimulus(In, Frame6(Packets.Ipv6(From6, to, next, chain)));
                    byte[] endless = [.. chain];
                    endless[^20] = kind; // the last one names itself again
                    yield return new Stimulus(In, Frame6(Packets.Ipv6(From6, to, next, endless)));
                    byte[] lying = [.. chain];
                    lying[1] = 255; // its length is beyond the packet
                    yield return new Stimulus(In, Frame6(Packets.Ipv6(From6, to, next, lying)));
                    yield return new Stimulus(In, Frame6(Packets.Ipv6(From6, to, next, chain[..^13])));
                }
            }

            foreach (byte[] option in (byte[][])[[0xC2, 4, 0, 1, 0, 0], [0xC2, 4, 0, 0, 0, 20],
                [0xC2, 2, 0, 0, 0, 0],
                [5, 2, 0, 0, 0, 0], [0x3E, 4, 0, 0, 0, 0], [0x7E, 4, 0, 0, 0, 0], [0xBE, 4, 0, 0, 0, 0],
                [0xFE, 4, 0, 0, 0, 0], [1, 255, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
            {
                byte[] behind = Packets.UdpDatagram(From6, to, 7, 8, new byte[4]);
                byte[] packet = Packets.Ipv6(From6, to, 0, Packets.Extension(Packets.Udp, option, behind));
                yield return new Stimulus(In, Frame6(packet));
                byte[] jumbo = [.. packet];
                (jumbo[4], jumbo[5]) = (0, 0); // RFC 2675: a jumbogram's length is in its option
                yield return new Stimulus(In, Frame6(jumbo));
                yield return new Stimulus(In, Frame6(Packets.Ipv6(
                    From6, to, 60, Packets.Extension(Packets.Udp, option, behind))));
            }
        }
    }

    // No tag to four, of both types, with IP of both families behind, whole and cut.
    private static IEnumerable<Stimulus> Tags()
    {
        foreach (byte[] inner in (byte[][])[
            Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(20))),
            Frame6(Packets.Ipv6(From6, To6, Packets.Udp, Udp6(20)))])
        {
            for (int tags = 0; tags <= 4; tags++)
            {
                foreach (int control in (int[])[0, 1, 0x0FFF, 0xE064, 0xFFFF])
                {
                    foreach (int outer in (int[])[Packets.VlanType, Packets.ServiceType, 0x9100])
                    {
                        byte[] frame = inner;
                        for (int i = 0; i < tags; i++)
                        {
                            frame = Packets.Tag(frame, i == tags - 1 ? outer : Packets.VlanType, control);
                        }

                        yield return new Stimulus(In, frame);
                        yield return new Stimulus(In, frame[..(14 + (4 * tags))]);
                        yield return new Stimulus(In, frame[..(12 + (4 * tags) + 1 + (tags == 0 ? 1 : 0))]);
                    }
                }
            }
        }
    }

    // From and to what nobody is; from itself to itself.
    private static IEnumerable<Stimulus> Addresses()
    {
        IPAddress[] odd4 = [.. ((string[])["0.0.0.0", "0.0.0.1", "127.0.0.1", "224.0.0.1", "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255", "10.0.0.255", "10.0.0.1", "10.1.0.1", "20.1.128.65", "169.254.0.1"])
            .Select(IPAddress.Parse)];
        IPAddress[] odd6 = [.. ((string[])["::", "::1", "::ffff:1.2.3.4", "fe80::1", "ff02::1", "ff0e::1",
            "fec0::1",
            "2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:8000:8000::1"]).Select(IPAddress.Parse)];
        foreach (IPAddress from in odd4)
        {
            foreach (IPAddress to in odd4)
            {
                yield return new Stimulus(In, Frame4(Packets.Ipv4(from, to, Packets.Udp,
                    Packets.UdpDatagram(from, to, 7, 8, new byte[4]))));
                yield return new Stimulus(In, Frame4(Packets.Ipv4(from, to, Packets.Tcp,
                    Packets.TcpSegment(from, to, 139, 139, 1, 2, []))));
            }
        }

        foreach (IPAddress from in odd6)
        {
            foreach (IPAddress to in odd6)
            {
                yield return new Stimulus(In, Frame6(Packets.Ipv6(from, to, Packets.Udp,
                    Packets.UdpDatagram(from, to, 7, 8, new byte[4]))));
            }
        }

        foreach (byte[] mac in (byte[][])[new byte[6], [255, 255, 255, 255, 255, 255], Bed.MacOf(In),
            [1, 0, 0x5E, 0, 0, 1]])
        {
            byte[] frame = Frame4(Packets.Ipv4(From4, To4, Packets.Udp, Udp4(4)));
            mac.CopyTo(frame, 6); // as the source
            yield return new Stimulus(In, frame);
        }
    }

    // Around every MTU of the way, both families, with and without DF; datagrams without content.
    private static IEnumerable<Stimulus> Sizes()
    {
        foreach (int mtu in (int[])[20, 40, 60, 900, 1280, 1300, 1400, 1500])
        {
            for (int bytes = mtu - 2; bytes <= mtu + 2; bytes++)
            {
                foreach (string target in (string[])["20.1.128.65", "20.0.0.1", "40.0.0.1"])
                {
                    IPAddress to = IPAddress.Parse(target);
                    foreach (int fragment in (int[])[0, 0x4000])
                    {
                        yield return new Stimulus(In, Frame4(Packets.Ipv4(
                            From4, to, Packets.Udp, new byte[Math.Max(0, bytes - 20)], id: bytes,
                                fragment: fragment)));
                    }
                }

                foreach (string target in (string[])["2001:db8:8000:8000::1", "2001:db8:8000::1",
                    "2001:db8:c000::1"])
                {
                    yield return new Stimulus(In, Frame6(Packets.Ipv6(
                        From6, IPAddress.Parse(target), Packets.Udp, new byte[Math.Max(0, bytes - 40)])));
                }
            }
        }
    }

    private static byte[] Frame4(byte[] packet) =>
        Packets.Ethernet(Bed.MacOf(In), RouterNet.MacOf(In, 2), Packets.Ipv4Type, packet);

    private static byte[] Frame6(byte[] packet) =>
        Packets.Ethernet(Bed.MacOf(In), RouterNet.MacOf(In, 2), Packets.Ipv6Type, packet);

    private static byte[] Udp4(int bytes) => Packets.UdpDatagram(From4, To4, 7, 8, new byte[bytes]);

    private static byte[] Udp6(int bytes) => Packets.UdpDatagram(From6, To6, 7, 8, new byte[bytes]);
}
