using LowLatency.Native.Layout;
using LowLatency.Native.Tables;

namespace LowLatency.Native.Tests.Tables;

/// <summary>What a made rule set looks like, after the three kinds that ClassBench takes from real ones
/// (Taylor, Turner 2007): shares of address pairs, prefix lengths, protocols and port classes.</summary>
public enum RuleSetKind
{
    /// <summary>Access list: long prefixes, few source ports, many exact destination ports.</summary>
    Acl,
    /// <summary>Firewall: many wildcards in source or destination, ranges in both ports.</summary>
    Firewall,
    /// <summary>Packet filter of a chain: between both.</summary>
    Chain,
}

/// <summary>What a key is made of: addresses in host order, IPv4 in the low 32 bits.</summary>
public readonly record struct AclSample(
    int Family, UInt128 Source, UInt128 Destination, AclKey.Parts Parts)
{
    /// <summary>The key.</summary>
    public AclKey Key => Family switch
    {
        4 => AclKey.OfIpv4((uint)Source, (uint)Destination, Parts),
        6 => AclKey.OfIpv6((ulong)(Source >> 64), (ulong)Source, (ulong)(Destination >> 64),
            (ulong)Destination, Parts),
        _ => AclKey.OfOther(Parts with { Protocol = 0, Ports = 0, HasPorts = false, TcpFlags = -1 }),
    };
}

/// <summary>Makes rule sets and keys that lie at their borders, both from a seed.</summary>
public static class AclRuleSets
{
    private static readonly ushort[] s_services =
        [22, 25, 53, 80, 110, 123, 143, 161, 443, 445, 514, 1433, 3306, 8080];

    /// <summary>Rules that ask for what 5-tuple classifiers know, the last for anything.</summary>
    public static AclRule[] Make(RuleSetKind kind, int count, int seed, int family = 4)
    {
        Random random = new(seed);
        int sites = Math.Max(4, count / 24);
        UInt128[] networks = new UInt128[sites];
        for (int i = 0; i < sites; i++)
        {
            // Sites share providers: first bits come from a few.
            UInt128 provider = Top((uint)(new Random((seed * 977) + (i % 23)).Next(1, 223) << 24), family);
            networks[i] = provider | (Random(random, family) & ((UInt128.One << (Width(family) - 8)) - 1));
        }

        AclRule[] rules = new AclRule[count];
        for (int i = 0; i < count - 1; i++)
        {
            rules[i] = MakeRule(kind, random, networks, family);
        }

        rules[count - 1] = new AclRule { Family = family };
        return rules;
    }

    /// <summary>What a key at or beside a border of a rule: inside, first, last, or one beyond
    /// is made of.</summary>
    public static AclSample Near(AclRule rule, Random random, int family)
    {
        UInt128 source = AddressNear(rule.Source, rule.SourceBits, random, family);
        UInt128 destination = AddressNear(rule.Destination, rule.DestinationBits, random, family);
        uint other = random.Next(4) switch { 0 => 1, 1 => 6, 2 => 17, _ => (uint)random.Next(256) };
        uint protocol = rule.Protocol < 256 && random.Next(16) != 0 ? rule.Protocol : other;
        bool isFirst = random.Next(8) != 0;
        bool hasPorts = isFirst && protocol is 6 or 17;
        uint ports = !hasPorts ? 0
            : ((uint)PortNear(rule.SourcePorts, random) << 16) | PortNear(rule.DestinationPorts, random);
        int flags = protocol == 6 && hasPorts
            ? random.Next(2) == 0 ? rule.TcpFlags | (random.Next(256) & ~rule.TcpFlagsMask) : random.Next(64)
            : -1;
        uint vlan = (uint)Math.Clamp(random.Next(4) switch
        {
            0 => rule.Vlans.Low - 1, 1 => rule.Vlans.High + 1, 2 => rule.Vlans.Low, _ => rule.Vlans.High,
        }, 0, 4095);
        int ingress = random.Next(4) == 0 || rule.Ingress == 0 ? random.Next(32)
            : (int)uint.TrailingZeroCount(rule.Ingress);
        return new AclSample(family, source, destination,
            new AclKey.Parts(protocol, ports, hasPorts, isFirst, flags, vlan, ingress));
    }

    /// <summary>The key of <see cref="Near"/>.</summary>
    public static AclKey KeyNear(AclRule rule, Random random, int family) => Near(rule, random, family).Key;

    /// <summary>Rules of every condition there is, close together so that they overlap.</summary>
    public static AclRule[] MakeWild(Random random, int count)
    {
        AclRule[] rules = new AclRule[count];
        for (int i = 0; i < count; i++)
        {
            int family = random.Next(5) switch { 0 => 0, 1 or 2 => 6, _ => 4 };
            int width = Width(family);
            bool hasAddresses = family != 0;
            rules[i] = new AclRule
            {
                Family = family,
                Source = hasAddresses ? Close(random, width) : 0,
                SourceBits = hasAddresses ? Bits(random, width) : 0,
                Destination = hasAddresses ? Close(random, width) : 0,
                DestinationBits = hasAddresses ? Bits(random, width) : 0,
                Protocol = random.Next(3) switch { 0 => 6, 1 => 17, _ => AclRule.AnyProtocol },
                SourcePorts = random.Next(3) == 0 ? Range(random, 65536) : ((ushort)0, ushort.MaxValue),
                DestinationPorts = random.Next(2) == 0 ? Range(random, 65536) : ((ushort)0, ushort.MaxValue),
                Vlans = random.Next(4) == 0 ? Range(random, 4096) : ((ushort)0, (ushort)4095),
                TcpFlagsMask = (byte)(random.Next(5) == 0 ? 1 << random.Next(6) : 0),
                TcpFlags = (byte)(1 << random.Next(6)),
                Ingress = random.Next(5) switch
                {
                    0 => 1u << random.Next(32),
                    1 => (uint)random.Next(),
                    _ => uint.MaxValue,
                },
                Fragment = (FragmentMatch)Math.Max(0, random.Next(10) - 7),
            };
        }

        return rules;
    }

    private static AclRule MakeRule(RuleSetKind kind, Random random, UInt128[] networks, int family)
    {
        (int anySource, int anyDestination, int ranges) = kind switch
        {
            RuleSetKind.Acl => (2, 1, 12),
            RuleSetKind.Firewall => (35, 25, 40),
            _ => (10, 10, 20),
        };
        (int[] source, int[] destination) = kind == RuleSetKind.Firewall
            ? (new[] { 32, 32, 24, 16, 8 }, new[] { 32, 32, 32, 28, 24 })
            : (new[] { 32, 30, 28, 27, 24, 23, 22, 20, 16 }, new[] { 32, 32, 32, 30, 29, 27, 24, 24, 21 });
        int sourceBits = random.Next(100) < anySource ? 0 : Scale(source[random.Next(source.Length)], family);
        int destinationBits = random.Next(100) < anyDestination ? 0
            : Scale(destination[random.Next(destination.Length)], family);
        uint protocol = random.Next(100) switch
        {
            < 55 => 6, < 85 => 17, < 90 => 1, < 92 => 47, _ => AclRule.AnyProtocol,
        };
        bool isOpen = sourceBits == 0 && destinationBits == 0; // then it is about a service
        protocol = isOpen ? 6u : protocol;
        bool hasPorts = protocol is 6 or 17;
        return new AclRule
        {
            Family = family,
            SourceBits = sourceBits,
            Source = Prefix(networks[Skewed(random, networks.Length)], sourceBits, random, family),
            DestinationBits = destinationBits,
            Destination = Prefix(networks[Skewed(random, networks.Length)], destinationBits, random, family),
            Protocol = protocol,
            SourcePorts = hasPorts ? Ports(random, any: 85, ranges) : ((ushort)0, ushort.MaxValue),
            DestinationPorts = hasPorts ? Ports(random, any: isOpen ? 0 : 12, isOpen ? 0 : ranges)
                : ((ushort)0, ushort.MaxValue),
        };
    }

    private static (ushort Low, ushort High) Ports(Random random, int any, int ranges)
    {
        if (random.Next(100) < any)
        {
            return (0, ushort.MaxValue);
        }

        if (random.Next(100) < ranges)
        {
            return random.Next(3) switch
            {
                0 => (1024, ushort.MaxValue),
                1 => (0, 1023),
                _ => ((ushort)(random.Next(1, 600) * 100), (ushort)60100),
            };
        }

        ushort port = random.Next(3) == 0 ? (ushort)random.Next(1, 65536)
            : s_services[random.Next(s_services.Length)];
        return (port, port);
    }

    private static int Width(int family) => family == 6 ? 128 : 32;

    private static int Scale(int bits, int family) => family == 6 ? 32 + (bits * 3) : bits;

    private static UInt128 Top(uint bits, int family) => family == 6 ? (UInt128)bits << 96 : bits;

    private static int Skewed(Random random, int count) => (int)(count * Math.Pow(random.NextDouble(), 1.6));

    private static UInt128 Random(Random random, int family) => family == 6
        ? new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64())
        : (uint)random.NextInt64(1L << 32);

    private static UInt128 Prefix(UInt128 network, int bits, Random random, int family)
    {
        int width = Width(family);
        int hostBits = width - (width * 5 / 8); // hosts and subnets differ below the site's own prefix
        UInt128 address = network ^ (Random(random, family) & ((UInt128.One << hostBits) - 1) & 0x3FF);
        return bits == 0 ? 0 : (address >> (width - bits)) << (width - bits);
    }

    private static UInt128 Close(Random random, int width) =>
        ((UInt128)0x0A000000u << (width - 32)) | ((UInt128)random.Next(256) << (width - 16))
        | (uint)random.Next(16);

    private static int Bits(Random random, int width) =>
        random.Next(4) switch
        {
            0 => 0,
            1 => width,
            2 => width - random.Next(5),
            _ => random.Next(width + 1),
        };

    private static (ushort Low, ushort High) Range(Random random, int end)
    {
        int low = random.Next(end);
        int high = Math.Min(end - 1, low + (random.Next(2) == 0 ? random.Next(end) : random.Next(4)));
        return ((ushort)low, (ushort)high);
    }

    private static ushort PortNear((ushort Low, ushort High) range, Random random) =>
        (ushort)(random.Next(6) switch
        {
            0 => range.Low - 1,
            1 => range.High + 1,
            2 => range.Low,
            3 => range.High,
            _ => random.Next(range.Low, range.High + 1),
        });

    private static UInt128 AddressNear(UInt128 prefix, int bits, Random random, int family)
    {
        int width = Width(family);
        UInt128 host = bits == 0 ? UInt128.MaxValue : bits == width ? 0 : (UInt128.One << (width - bits)) - 1;
        UInt128 all = family == 6 ? UInt128.MaxValue : uint.MaxValue;
        UInt128 first = prefix & ~host;
        UInt128 wide = new((ulong)random.NextInt64(long.MinValue, long.MaxValue),
            (ulong)random.NextInt64(long.MinValue, long.MaxValue));
        return all & (random.Next(8) switch
        {
            0 => first - 1,
            1 => (first | host) + 1,
            2 => first,
            3 => first | host,
            _ => first | (wide & host),
        });
    }
}
