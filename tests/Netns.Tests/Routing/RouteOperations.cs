namespace LowLatency.Netns.Tests.Routing;

/// <summary>Random lines of ip(8) over few names, so that they meet each other; many are refused, as it
/// should be.</summary>
internal sealed class RouteOperations(Random random)
{
    private static readonly string[] Prefixes4 =
    [
        "0.0.0.0/0", "20.0.0.0/8", "20.0.0.0/12", "20.0.0.0/16", "20.0.0.0/24", "20.0.0.0/32", "20.0.0.1/32",
        "20.0.0.128/25", "20.0.128.0/17", "20.128.0.0/9", "20.255.255.254/31", "20.255.255.255/32",
        "10.1.0.0/24", "10.1.0.0/29", "10.1.0.2/32", "10.1.0.128/25", "10.0.0.0/8", "128.0.0.0/1",
    ];

    private static readonly string[] Prefixes6 =
    [
        "::/0", "2001:db8::/32", "2001:db8::/48", "2001:db8::/64", "2001:db8::/128", "2001:db8::1/128",
        "2001:db8:0:0:8000::/65", "2001:db8:8000::/33", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128",
        "fd01::/64", "fd01::/120", "fd01::2/128", "fd00::/8", "2000::/3",
    ];

    private static readonly string[] Links = ["a0", "a1", "c0"];

    /// <summary>The next line.</summary>
    public string Next() => random.Next(20) switch
    {
        < 10 => Route(),
        < 14 => Neighbour(),
        < 16 => NextHop(),
        < 18 => Address(),
        _ => Link(),
    };

    /// <summary>Addresses where decisions change: borders of the prefixes, and beside them.</summary>
    public static IReadOnlyList<string> Borders()
    {
        HashSet<string> addresses = [];
        foreach (string prefix in Prefixes4.Concat(Prefixes6))
        {
            string[] parts = prefix.Split('/');
            byte[] bytes = Lab.Address(parts[0]);
            addresses.Add(Text(bytes));
            for (int bit = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
                bit < bytes.Length * 8; bit++)
            {
                bytes[bit / 8] |= (byte)(0x80 >> (bit % 8));
            }

            addresses.Add(Text(bytes));
            for (int i = bytes.Length - 1; i >= 0 && ++bytes[i] == 0; i--)
            {
            }

            addresses.Add(Text(bytes));
        }

        foreach (string link in Links)
        {
            addresses.UnionWith(Enumerable.Range(1, 6).SelectMany(i =>
                new[] { Gateway(link, i, isIpv6: false), Gateway(link, i, isIpv6: true) }));
        }

        return [.. addresses.Where(IsForwarded)];
    }

    // Those that a router forwards at all: the route stage leaves the others before it looks them up.
    private static bool IsForwarded(string address)
    {
        byte[] bytes = Lab.Address(address);
        return bytes.Length == 4 ? bytes[0] is > 0 and < 224 and not 127
            : bytes[0] is > 0 and < 0xFE;
    }

    private static string Text(byte[] bytes) => new System.Net.IPAddress(bytes).ToString();

    private static string Gateway(string link, int number, bool isIpv6)
    {
        int net = link == "c0" ? 3 : link[1] - '0' + 1;
        return isIpv6 ? $"fd0{net}::{number}" : $"10.{net}.0.{number}";
    }

    private string Route()
    {
        bool isIpv6 = random.Next(2) == 0;
        string prefix = Of(isIpv6 ? Prefixes6 : Prefixes4);
        string verb = random.Next(10) switch
        {
            < 3 => "add",
            < 5 => "append",
            < 6 => "prepend",
            < 8 => "replace",
            _ => "del",
        };
        if (prefix == "0.0.0.0/0" && verb is ("append" or "prepend"))
        {
            verb = "replace"; // among default routes of one metric the kernel takes whose gateway answers
        }

        string metric = Of(["", "", " metric 10", " metric 20"]);
        string mtu = Of(["", "", "", " mtu 1400", " mtu 1280"]);
        if (verb == "del" && random.Next(2) == 0)
        {
            return $"route del {prefix}{metric}";
        }

        string type = Of(["blackhole", "unreachable", "prohibit", "throw"]);
        return random.Next(10) switch
        {
            < 4 => $"route {verb} {prefix} {Way(isIpv6)}{metric}{mtu}",
            < 5 => $"route {verb} {prefix} dev {Of(Links)}{metric}{mtu}",
            < 7 => $"route {verb} {prefix}{metric}{mtu} {Ways(isIpv6)}",
            < 8 => $"route {verb} {prefix} nhid {random.Next(1, 8)}{metric}{mtu}",
            _ => $"route {verb} {type} {prefix}{metric}",
        };
    }

    private string Way(bool isIpv6)
    {
        string link = Of(Links);
        bool isOther = !isIpv6 && random.Next(6) == 0; // RFC 5549
        string source = random.Next(8) == 0 ? $" src {Gateway(link, 1, isIpv6)}" : "";
        string gateway = Gateway(link, random.Next(2, 6), isIpv6 || isOther);
        return $"via {(isOther ? "inet6 " : "")}{gateway} dev {link}" + (isOther ? "" : source);
    }

    private string Ways(bool isIpv6)
    {
        IEnumerable<string> ways = Enumerable.Range(0, random.Next(1, 4)).Select(_ => Of(Links))
            .Select(link => random.Next(8) == 0 && !isIpv6 ? $"nexthop dev {link}"
                : $"nexthop via {Gateway(link, random.Next(2, 6), isIpv6)} dev {link}")
            .Select(way => $"{way} weight {random.Next(1, 4)}");
        return string.Join(' ', ways);
    }

    private string Neighbour()
    {
        string link = Of(Links);
        string address = Gateway(link, random.Next(2, 6), random.Next(2) == 0);
        string mac = $"02:00:00:00:00:{random.Next(1, 99):00}";
        return random.Next(6) switch
        {
            0 => $"neighbour del {address} dev {link}",
            1 => $"neighbour replace {address} dev {link} nud failed",
            2 => $"neighbour replace {address} lladdr {mac} dev {link} nud stale",
            3 => $"neighbour replace {address} lladdr {mac} dev {link} nud noarp",
            _ => $"neighbour replace {address} lladdr {mac} dev {link} nud permanent",
        };
    }

    private string NextHop()
    {
        int number = random.Next(1, 5);
        bool isIpv6 = random.Next(2) == 0;
        string link = Of(Links);
        return random.Next(8) switch
        {
            0 => $"nexthop del id {random.Next(1, 8)}",
            1 => $"nexthop replace id {number} blackhole",
            2 or 3 => $"nexthop replace id {random.Next(5, 8)} group "
                + string.Join('/', Enumerable.Range(1, 4).Where(_ => random.Next(2) == 0)
                    .Select(id => $"{id},{random.Next(1, 4)}")),
            _ => $"nexthop replace id {number} via {Gateway(link, random.Next(2, 6), isIpv6)} dev {link}",
        };
    }

    private string Address()
    {
        string link = Of(Links);
        bool isIpv6 = random.Next(2) == 0;
        string address = isIpv6 ? $"{Gateway(link, random.Next(1, 8), true)}/64 dev {link}"
            : $"{Gateway(link, random.Next(1, 8), false)}/24 dev {link}";
        return random.Next(2) == 0 ? $"address del {address}"
            : $"address add {address}{(isIpv6 ? " nodad" : "")}";
    }

    private string Link()
    {
        string link = Of(Links);
        return random.Next(8) switch
        {
            0 => $"link set {link} down",
            1 => $"link set {link} mtu {1300 + (100 * random.Next(3))}",
            2 => $"link set {Of(["b0", "b1", "e0"])} down", // the other end's carrier goes
            3 or 4 => $"link set {Of(["b0", "b1", "e0"])} up",
            _ => $"link set {link} up",
        };
    }

    private string Of(string[] choices) => choices[random.Next(choices.Length)];
}
