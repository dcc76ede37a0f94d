using System.Globalization;
using System.Net;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>A random rule, in the words of a lane's acl and in those of nftables.</summary>
/// <param name="Toml">Keys of a <c>[[lane.stage.rule]]</c>.</param>
/// <param name="Nft">Matches of a rule of the bridge family; the frame's mark has its VLAN id.</param>
/// <param name="IsDrop">Its action.</param>
public sealed record AclRule(string Toml, string Nft, bool IsDrop);

/// <summary>Draws the same rules for both, from few addresses, ports and VLANs: they overlap.</summary>
public sealed class AclRules
{
    /// <summary>Addresses that rules and frames are made of.</summary>
    public static readonly IPAddress[] Pool4 =
    [
        .. ((string[])["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.1.0.1", "10.128.0.1", "172.16.0.1",
            "192.0.2.129", "255.255.255.255"]).Select(IPAddress.Parse),
    ];

    /// <summary>Addresses that rules and frames are made of.</summary>
    public static readonly IPAddress[] Pool6 = [.. ((string[])["2001:db8::1", "2001:db8::2",
        "2001:db8:0:1::1", "2001:db8:8000::1", "2001:db9::1", "fe80::1", "::1"]).Select(IPAddress.Parse)];

    /// <summary>Source of the frames that end a batch: the first rule lets them pass.</summary>
    public static readonly IPAddress MarkSource = IPAddress.Parse("198.51.100.1");

    private const int LaterFragment = 0x10000; // of a frame's mark, above its VLAN id
    private static readonly int[] Edges = [0, 1, 1023, 1024, 4000, 4001, 32768, 65534, 65535];
    private static readonly string[] Flags = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    private readonly Random _random;
    private readonly List<string> _toml = [];
    private readonly List<string> _nft = [];

    private AclRules(Random random) => _random = random;

    /// <summary>So many rules; the first is for marks.</summary>
    public static IReadOnlyList<AclRule> Draw(int seed, int count)
    {
        AclRules source = new(new Random(seed));
        return
        [
            new AclRule($"source = \"{MarkSource}/32\"", $"meta protocol ip ip saddr {MarkSource}", false),
            .. Enumerable.Range(1, count).Select(_ => source.Next()),
        ];
    }

    /// <summary>The lane's stage; rule i is called r<c>i</c>.</summary>
    public static string Stage(IReadOnlyList<AclRule> rules, bool dropsByDefault) =>
        $"[[lane.stage]]\nkind = \"acl\"\ndefault = \"{(dropsByDefault ? "drop" : "pass")}\"\n"
        + string.Concat(rules.Select((rule, i) => string.Create(CultureInfo.InvariantCulture,
            $"[[lane.stage.rule]]\nname = \"r{i}\"\n{rule.Toml}\n"
            + $"action = \"{(rule.IsDrop ? "drop" : "pass")}\"\n")));

    /// <summary>A file for <c>nft -f</c>; rule i has the comment r<c>i</c>.</summary>
    public static string Ruleset(IReadOnlyList<AclRule> rules, bool dropsByDefault) =>
        "table bridge t {\n chain vlans {\n  type filter hook prerouting priority 0;\n"
        + string.Concat(SwitchNet.Vlans.Where(vlan => vlan != 0).Select(vlan =>
            string.Create(CultureInfo.InvariantCulture, $"  vlan id {vlan} meta mark set {vlan}\n")))
        + $"  meta protocol ip ip frag-off & 0x1fff != 0 meta mark set meta mark | {LaterFragment}\n"
        + " }\n chain acl {\n  type filter hook forward priority 0; policy "
        + (dropsByDefault ? "drop" : "accept") + ";\n"
        + string.Concat(rules.Select((rule, i) => string.Create(CultureInfo.InvariantCulture,
            $"  {rule.Nft} counter {(rule.IsDrop ? "drop" : "accept")} comment \"r{i}\"\n")))
        + " }\n}\n";

    private AclRule Next()
    {
        _toml.Clear();
        _nft.Clear();
        int family = _random.Next(3) switch { 0 => 4, 1 => 6, _ => 0 };
        if (family != 0)
        {
            Family(family);
        }

        if (Chance(20))
        {
            int port = _random.Next(SwitchNet.Ports);
            Add($"port = \"p{port}\"", $"iifname \"p{port}\"");
        }

        if (Chance(30))
        {
            Vlan();
        }

        Transport();
        if (family == 4 && Chance(10))
        {
            bool isLater = Chance(50);
            Add($"fragment = \"{(isLater ? "later" : "first")}\"",
                $"ip frag-off & 0x1fff {(isLater ? "!=" : "==")} 0");
        }

        return _toml.Count == 0 ? Next() // a rule that takes everything ends the list
            : new AclRule(string.Join('\n', _toml), string.Join(' ', _nft), Chance(50));
    }

    private void Family(int family)
    {
        string word = family == 4 ? "ip" : "ip6";
        Add($"family = {family}", $"meta protocol {word}");
        foreach ((string key, string field) in
            (ReadOnlySpan<(string, string)>)[("source", "saddr"), ("destination", "daddr")])
        {
            if (Chance(55))
            {
                string prefix = Prefix(family == 4 ? Pool4 : Pool6);
                Add($"{key} = \"{prefix}\"", $"{word} {field} {prefix}");
            }
        }
    }

    private void Vlan()
    {
        int[] tagged = [.. SwitchNet.Vlans.Where(vlan => vlan != 0)];
        int low = tagged[_random.Next(tagged.Length)];
        int high = tagged[_random.Next(tagged.Length)];
        switch (_random.Next(3))
        {
            case 0:
                Add("vlan = \"untagged\"", "meta mark & 0xffff == 0");
                break;
            case 1:
                Add($"vlan = \"{low}\"", $"meta mark & 0xffff == {low}");
                break;
            default:
                (low, high) = (Math.Min(low, high) - 1, Math.Max(low, high));
                Add($"vlan = \"{low}-{high}\"", $"meta mark & 0xffff {low}-{high}");
                break;
        }
    }

    private void Transport()
    {
        string[] protocols = ["tcp", "udp", "icmp", "sctp", "47", ""];
        string protocol = protocols[_random.Next(protocols.Length)];
        bool hasFlags = protocol == "tcp" && Chance(50);
        bool hasPorts = protocol is "tcp" or "udp" or "" && Chance(50);
        string number = protocol switch
        { "tcp" => "6", "udp" => "17", "icmp" => "1", "sctp" => "132", _ => protocol };
        if (protocol.Length > 0)
        {
            Add($"protocol = {(protocol is "tcp" or "udp" or "icmp" ? $"\"{protocol}\"" : number)}",
                $"meta l4proto {number}");
        }
        else if (hasPorts)
        {
            _nft.Add("meta l4proto { 6, 17, 132 }"); // what has ports for a lane
        }

        if (hasPorts || hasFlags) // this family reads them in later fragments, too, where they are not
        {
            _nft.Add($"meta mark & {LaterFragment} == 0");
        }

        foreach ((string key, string field) in
            (ReadOnlySpan<(string, string)>)[("source_ports", "sport"), ("destination_ports", "dport")])
        {
            if (hasPorts && (Chance(60) || field == "dport"))
            {
                (int one, int other) = (Edges[_random.Next(Edges.Length)], Edges[_random.Next(Edges.Length)]);
                (int low, int high) = (Math.Min(one, other), Math.Max(one, other));
                low += low == 0 && high == ushort.MaxValue ? 1 : 0; // all of them are as none, to a lane
                string text = low == high ? $"{low}" : $"{low}-{high}";
                Add($"{key} = \"{text}\"", $"th {field} {text}");
            }
        }

        if (hasFlags)
        {
            int mask = _random.Next(1, 256);
            int set = mask & _random.Next(256);
            string words = string.Join(',', Enumerable.Range(0, 8).Where(bit => (mask >> bit & 1) != 0)
                .Select(bit => ((set >> bit & 1) != 0 ? "" : "!") + Flags[bit]));
            Add($"tcp_flags = \"{words}\"", $"@th,104,8 & {mask} == {set}");
        }
    }

    private string Prefix(IPAddress[] pool)
    {
        byte[] bytes = pool[_random.Next(pool.Length)].GetAddressBytes();
        int bits = Chance(30) ? bytes.Length * 8 : _random.Next(1, (bytes.Length * 8) + 1);
        for (int bit = bits; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return $"{new IPAddress(bytes)}/{bits}";
    }

    private void Add(string toml, string nft)
    {
        _toml.Add(toml);
        _nft.Add(nft);
    }

    private bool Chance(int percent) => _random.Next(100) < percent;
}
