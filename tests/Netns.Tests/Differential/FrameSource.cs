using System.Net;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>Draws frames that a router may meet, right and a little wrong ones; the same for the same
/// seed.</summary>
public sealed class FrameSource
{
    private static readonly byte[][] Ipv4Options =
    [
        [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0], // record route, RFC 791
        [148, 4, 0, 0],                     // router alert, RFC 2113
        [1, 1, 1, 0],                       // no operations, end
        [131, 7, 4, 10, 1, 0, 2],           // loose source route
        [130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0], // security
        [7, 3, 4],                          // record route without room
        [7, 40, 4, 0],                      // longer than the header
        [7, 1, 0, 0],                       // shorter than an option
    ];

    private static readonly IPAddress[] Odd4 =
    [
        .. ((string[])["0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "224.0.0.5",
            "239.1.2.3",
            "240.0.0.1", "255.255.255.255", "10.0.0.255", "10.1.0.255", "223.255.255.255", "1.0.0.0",
                "126.255.255.255",
            "128.0.0.0", "192.0.2.1"]).Select(IPAddress.Parse),
    ];

    private static readonly IPAddress[] Odd6 =
    [
        .. ((string[])["::", "::1", "::ffff:10.0.0.2", "fe80::1", "ff02::1", "ff02::2", "ff05::1",
            "ff0e::1234",
            "fec0::1", "fd00::1", "2002:a00:2::1", "64:ff9b::a00:2", "ff01::1", "100::1"])
                .Select(IPAddress.Parse),
    ];

    private readonly Random _random;
    private readonly IPAddress[] _borders4;
    private readonly IPAddress[] _borders6;
    private int _number;

    /// <summary>Makes one.</summary>
    public FrameSource(int seed)
    {
        _random = new Random(seed);
        _borders4 = [.. RouterNet.Routes4.SelectMany(BordersOf).Where(IsResolved)];
        _borders6 = [.. RouterNet.Routes6.SelectMany(BordersOf).Where(IsResolved)];
    }

    /// <summary>So many frames.</summary>
    public IEnumerable<Stimulus> Take(int count)
    {
        for (int i = 0; i < count; i++)
        {
            yield return Next();
        }
    }

    /// <summary>The next frame.</summary>
    public Stimulus Next()
    {
        _number++;
        int port = _random.Next(RouterNet.Ports);
        bool isIpv6 = Chance(40);
        byte[] packet = isIpv6 ? NextIpv6(port) : NextIpv4(port);
        int type = isIpv6 ? Packets.Ipv6Type : Packets.Ipv4Type;
        type = Chance(1) ? Pick(Packets.ArpType, 0x8847, 0x88CC, 0x22F0, 46, 1500) : type;
        byte[] frame = Packets.Ethernet(NextMac(port), RouterNet.MacOf(port, 2), type, packet);
        if (Chance(25) && frame.Length < 60)
        {
            frame = [.. frame, .. Bytes(60 - frame.Length)]; // as a card pads it, but not with zeroes
        }

        for (int tags = Chance(4) ? _random.Next(1, 4) : 0; tags > 0; tags--)
        {
            frame = Packets.Tag(frame, Pick(Packets.VlanType, Packets.ServiceType), _random.Next(0x10000));
        }

        return new Stimulus(port, Chance(6) ? Damage(frame) : frame);
    }

    private byte[] NextIpv4(int port)
    {
        IPAddress from = NextSource4(port);
        IPAddress to = NextTarget4();
        byte[]? options = Chance(8) ? Pick(Ipv4Options) : null;
        int fragment = Chance(20) ? 0x4000 : Chance(8) ? NextFragment() : 0;
        (byte protocol, byte[] payload) = NextPayload(from, to, NextPayloadBytes(), Packets.Icmp);
        byte[] packet = Packets.Ipv4(from, to, protocol, payload, NextTtl(), _random.Next(256),
            _number & 0xFFFF,
            fragment, options);
        if (Chance(3))
        {
            packet[10] ^= (byte)_random.Next(1, 256); // a wrong header checksum
        }

        return packet;
    }

    private byte[] NextIpv6(int port)
    {
        IPAddress from = Chance(75) ? RouterNet.Host6(port, 2) : Chance(70) ? NextTarget6() : Pick(Odd6);
        IPAddress to = NextTarget6();
        (byte next, byte[] payload) = NextPayload(from, to, NextPayloadBytes(), Packets.Icmp6);
        for (int extensions = Chance(10) ? _random.Next(1, 4) : 0; extensions > 0; extensions--)
        {
            byte kind = Pick<byte>(0, 43, 44, 60);
            payload = kind == Packets.Fragment
                ? [next, 0, 0, Pick<byte>(0, 1, 9), .. Bytes(4), .. payload]
                : Packets.Extension(next, kind == 43 ? [Pick<byte>(0, 4), 0, 0, 0, 0, 0] : [], payload);
            next = kind;
        }

        return Packets.Ipv6(from, to, next, payload, NextTtl(), _random.Next(256), _random.Next(1 << 20));
    }

    private (byte Protocol, byte[] Bytes) NextPayload(IPAddress from, IPAddress to, int bytes, byte icmp)
    {
        int fromPort = _random.Next(1024, 65_536);
        int toPort = Chance(20) ? Pick(0, 22, 53, 179, 33434) : _random.Next(65_536);
        byte[] content = Bytes(bytes);
        (byte protocol, byte[] segment) = _random.Next(10) switch
        {
            < 5 => (Packets.Udp, Packets.UdpDatagram(from, to, fromPort, toPort, content)),
            < 7 => (Packets.Tcp, Packets.TcpSegment(from, to, fromPort, toPort, (uint)_random.Next(),
                Pick<byte>(2, 16, 17, 4, 24, 18), content)),
            < 9 => (icmp, Packets.IcmpMessage(from, to,
                icmp == Packets.Icmp ? Pick<byte>(8, 8, 0, 3, 11) : Pick<byte>(128, 129, 1, 2, 3, 4), 0,
                [.. Bytes(4), .. content])),
            _ => (Pick<byte>(47, 50, 89, 132, 253, Packets.NoNext), content),
        };
        if (Chance(10) && segment.Length >= 8)
        {
            // a wrong checksum, or something else that is wrong
            segment[protocol == Packets.Udp ? 6 : 2] ^= 0x55;
        }

        return (protocol, segment);
    }

    private byte[] NextMac(int port) => _random.Next(100) switch
    {
        < 93 => Bed.MacOf(port),
        < 95 => [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        < 96 => [1, 0, 0x5E, 0, 0, 5],
        < 97 => [0x33, 0x33, 0, 0, 0, 1],
        < 98 => Bed.MacOf((port + 1) % RouterNet.Ports),
        < 99 => [1, 0x80, 0xC2, 0, 0, (byte)_random.Next(16)],
        _ => RouterNet.MacOf(port, 99),
    };

    private IPAddress NextSource4(int port) => _random.Next(100) switch
    {
        < 80 => RouterNet.Host4(port, Pick(2, 3)),
        < 94 => Pick(_borders4),
        < 97 => Pick(Odd4),
        _ => RouterNet.Own4(_random.Next(RouterNet.Ports)),
    };

    private IPAddress NextTarget4() => _random.Next(100) switch
    {
        < 60 => Pick(_borders4),
        < 78 => RouterNet.Host4(_random.Next(RouterNet.Ports), Pick(2, 3)),
        < 86 => RouterNet.Own4(_random.Next(RouterNet.Ports)),
        < 92 => Pick(Odd4),
        _ => Inside(Pick(RouterNet.Routes4)),
    };

    private IPAddress NextTarget6() => _random.Next(100) switch
    {
        < 60 => Pick(_borders6),
        < 78 => RouterNet.Host6(_random.Next(RouterNet.Ports), Pick(2, 3)),
        < 86 => RouterNet.Own6(_random.Next(RouterNet.Ports)),
        < 91 => Pick(Odd6),
        _ => Inside(Pick(RouterNet.Routes6)),
    };

    // Any address that a prefix covers; a subnet of ours inside would want its host's MAC.
    private IPAddress Inside(TestRoute route)
    {
        (IPAddress first, IPAddress last) = route.Borders();
        byte[] low = first.GetAddressBytes();
        byte[] high = last.GetAddressBytes();
        byte[] bytes = Bytes(low.Length);
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)((bytes[i] & (high[i] ^ low[i])) | low[i]);
        }

        IPAddress address = new(bytes);
        return IsResolved(address) ? address : last;
    }

    // From nothing to a byte more than the longest MTU holds.
    private int NextPayloadBytes() => _random.Next(100) switch
    {
        < 60 => _random.Next(64),
        < 80 => _random.Next(64, 1300),
        < 90 => Pick(1300, 1352, 1372, 900, 872, 868) + _random.Next(-30, 31),
        _ => 1452 + _random.Next(-60, 30),
    };

    private int NextTtl() => Chance(80) ? Pick(64, 255, 128, 2) : Pick(0, 1, 1, 2, 3);

    private int NextFragment() => Pick(0x2000, 0x2000 | 185, 185, 1, 0x1FFF, 0x6000, 0x8000);

    // Bits flip, the end is cut off, or some bytes come twice; never the MACs, never below a header.
    private byte[] Damage(byte[] frame)
    {
        switch (_random.Next(3))
        {
            case 0:
                return frame[.._random.Next(14, frame.Length + 1)];
            case 1:
                return [.. frame, .. Bytes(_random.Next(1, 40))];
            default:
                byte[] copy = [.. frame];
                for (int i = _random.Next(1, 4); i > 0 && copy.Length > 14; i--)
                {
                    copy[_random.Next(14, Math.Min(copy.Length, 80))] ^= (byte)(1 << _random.Next(8));
                }

                if (Chance(70))
                {
                    Packets.Repair(copy);
                }

                return copy;
        }
    }

    private static IEnumerable<IPAddress> BordersOf(TestRoute route)
    {
        (IPAddress first, IPAddress last) = route.Borders();
        return [first, last, Step(first, -1), Step(last, 1), Step(first, 1)];
    }

    private static IPAddress Step(IPAddress address, int by)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int i = bytes.Length - 1, carry = by; i >= 0 && carry != 0; i--)
        {
            int sum = bytes[i] + carry;
            bytes[i] = (byte)sum;
            carry = sum < 0 ? -1 : sum > 255 ? 1 : 0;
        }

        return new IPAddress(bytes);
    }

    // Hosts of the connected subnets that are not there would make the kernel ask for them, again and again.
    private static bool IsResolved(IPAddress address)
    {
        byte[] bytes = address.GetAddressBytes();
        bool isConnected = bytes.Length == 4 ? bytes is [10, < RouterNet.Ports, 0, _]
            : bytes is [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, >= 1 and <= RouterNet.Ports, ..];
        return !isConnected;
    }

    private bool Chance(int percent) => _random.Next(100) < percent;

    private T Pick<T>(params T[] from) => from[_random.Next(from.Length)];

    private byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }
}
