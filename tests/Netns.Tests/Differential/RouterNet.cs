using System.Globalization;
using System.Net;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>A route of the test's net: where it leads, or that it leads nowhere.</summary>
public sealed record TestRoute(string Prefix, string Rest)
{
    /// <summary>First and last address.</summary>
    public (IPAddress First, IPAddress Last) Borders()
    {
        IPNetwork network = IPNetwork.Parse(Prefix);
        byte[] first = network.BaseAddress.GetAddressBytes();
        byte[] last = [.. first];
        for (int bit = network.PrefixLength; bit < last.Length * 8; bit++)
        {
            last[bit / 8] |= (byte)(0x80 >> (bit % 8));
        }

        return (new IPAddress(first), new IPAddress(last));
    }
}

/// <summary>The net that the routers of all beds stand in: three ports, static neighbours, nested routes of
/// both
/// families, two with a smaller MTU, some that lead nowhere.</summary>
public static class RouterNet
{
    /// <summary>Ports of the router.</summary>
    public const int Ports = 3;

    /// <summary>MTU of each port.</summary>
    public static readonly int[] Mtu = [1500, 1500, 1400];

    /// <summary>IPv4 routes beside the connected ones.</summary>
    public static readonly TestRoute[] Routes4 =
    [
        new("0.0.0.0/0", "via 10.0.0.2"),
        new("20.0.0.0/8", "via 10.1.0.2"),
        new("20.1.0.0/16", "via 10.2.0.2"),
        new("20.1.0.0/30", "via 10.1.0.3"),
        new("20.1.128.0/17", "via 10.0.0.3"),
        new("20.1.128.64/26", "via 10.1.0.3"),
        new("20.1.128.65/32", "via 10.2.0.3"),
        new("20.2.0.0/16", "type blackhole"),
        new("20.2.3.0/24", "via 10.1.0.2"),
        new("20.3.0.0/16", "type unreachable"),
        new("20.4.0.0/16", "type prohibit"),
        new("20.255.255.255/32", "via 10.0.0.2"),
        new("30.0.0.0/9", "via 10.2.0.2"),
        new("40.0.0.0/8", "via 10.1.0.2 mtu 900"),
        new("198.18.0.0/15", "via 10.1.0.3"),
    ];

    /// <summary>IPv6 routes beside the connected ones.</summary>
    public static readonly TestRoute[] Routes6 =
    [
        new("::/0", "via 2001:db8:0:1::2"),
        new("2001:db8:8000::/33", "via 2001:db8:0:2::2"),
        new("2001:db8:8000::/48", "via 2001:db8:0:3::2"),
        new("2001:db8:8000:8000::/49", "via 2001:db8:0:1::3"),
        new("2001:db8:8000:8000::/64", "via 2001:db8:0:2::3"),
        new("2001:db8:8000:8000:8000::/65", "via 2001:db8:0:3::3"),
        new("2001:db8:8000:8000::1/128", "via 2001:db8:0:3::2"),
        new("2001:db8:9000::/36", "type blackhole"),
        new("2001:db8:a000::/36", "type unreachable"),
        new("2001:db8:b000::/36", "type prohibit"),
        new("2001:db8:c000::/36", "via 2001:db8:0:2::2 mtu 1300"),
        new("3fff::/20", "via 2001:db8:0:3::2"),
    ];

    /// <summary>The router's address on a port.</summary>
    public static IPAddress Own4(int port) => Host4(port, 1);

    /// <summary>The router's address on a port.</summary>
    public static IPAddress Own6(int port) => Host6(port, 1);

    /// <summary>An IPv4 address in a port's subnet; hosts 2 and 3 are neighbours.</summary>
    public static IPAddress Host4(int port, int host) => new([10, (byte)port, 0, (byte)host]);

    /// <summary>An IPv6 address in a port's subnet; hosts 2 and 3 are neighbours.</summary>
    public static IPAddress Host6(int port, int host) =>
        IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"2001:db8:0:{port + 1:x}::{host:x}"));

    /// <summary>MAC of a neighbour.</summary>
    public static byte[] MacOf(int port, int host) => [2, 0, 0, 0, (byte)(port + 1), (byte)host];

    /// <summary>Makes the device's namespace of a bed a Linux router in this net.</summary>
    /// <param name="bed">A bed of <see cref="Ports"/> ports.</param>
    /// <param name="odd">More lines of <c>ip -batch</c>, such as one that makes it differ.</param>
    public static void MakeRouter(Bed bed, params string[] odd)
    {
        foreach ((string path, string value) in Settings())
        {
            Bed.Sysctl(bed.Device, path, value);
        }

        List<string> lines = [];
        for (int port = 0; port < Ports; port++)
        {
            lines.Add($"link set p{port} mtu {Mtu[port]}");
            lines.Add($"address add {Own4(port)}/24 dev p{port}");
            lines.Add($"address add {Own6(port)}/64 dev p{port} nodad");
            foreach (int host in (ReadOnlySpan<int>)[2, 3])
            {
                string mac = Convert.ToHexStringLower(MacOf(port, host));
                string text = string.Join(':', Enumerable.Range(0, 6).Select(i => mac.Substring(i * 2, 2)));
                lines.Add($"neighbour add {Host4(port, host)} lladdr {text} dev p{port} nud permanent");
                lines.Add($"neighbour add {Host6(port, host)} lladdr {text} dev p{port} nud permanent");
            }
        }

        foreach (TestRoute route in Routes4.Concat(Routes6))
        {
            string[] words = route.Rest.Split(' ');
            lines.Add(words[0] == "type" ? $"route add {words[1]} {route.Prefix}"
                : $"route add {route.Prefix} {route.Rest}");
        }

        bed.Ip(lines.Concat(odd));
    }

    // Nothing that depends on the clock: no limit on the rate of errors, no redirects, long-lived fragments.
    private static IEnumerable<(string Path, string Value)> Settings()
    {
        yield return ("ipv4/icmp_ratelimit", "0");
        yield return ("ipv4/icmp_ratemask", "0");
        yield return ("ipv4/icmp_msgs_per_sec", "1000000");
        yield return ("ipv4/icmp_msgs_burst", "1000000");
        yield return ("ipv6/icmp/ratelimit", "0");
        yield return ("ipv4/ipfrag_time", "600");
        yield return ("ipv6/ip6frag_time", "600");
        yield return ("ipv6/auto_flowlabels", "0");
        yield return ("ipv4/ip_forward", "1");
        yield return ("ipv6/conf/all/forwarding", "1");
        foreach (string scope in (string[])["all", "default", "p0", "p1", "p2"])
        {
            yield return ($"ipv4/conf/{scope}/rp_filter", "0");
            yield return ($"ipv4/conf/{scope}/send_redirects", "0");
            yield return ($"ipv4/conf/{scope}/accept_redirects", "0");
            yield return ($"ipv4/conf/{scope}/accept_source_route", "0");
            yield return ($"ipv4/conf/{scope}/log_martians", "0");
            yield return ($"ipv6/conf/{scope}/accept_redirects", "0");
            yield return ($"ipv6/conf/{scope}/accept_ra", "0");
        }
    }
}
