using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using LowLatency.Native.Layout;
using LowLatency.Netns.Tests.Control;
using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>Acl and switch of lowlatd against a Linux bridge with the same rules in nftables: the same frames
/// pass, and every rule has counted the same.</summary>
public sealed partial class AclTests
{
    private const int RuleCount = 150;
    private static readonly byte[] Protocols = [Packets.Tcp, Packets.Udp, Packets.Icmp, 132, 47];
    private static readonly int[] Ports = [0, 1, 2, 1023, 1024, 1025, 3999, 4000, 4001, 32768, 65534, 65535];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatPassesAndWhatRulesCountIsWhatNftablesSays(bool dropsByDefault)
    {
        int seed = Comparison.ChooseSeed();
        TestContext.Current.SendDiagnosticMessage($"{Comparison.SeedVariable}={seed}");
        IReadOnlyList<AclRule> rules = AclRules.Draw(seed, RuleCount);
        using Bed linux = Bed.Create(SwitchNet.Ports);
        using Bed ours = Bed.Create(SwitchNet.Ports);
        SwitchNet.MakeBridge(linux);
        SwitchNet.Quiet(ours);
        Load(linux, AclRules.Ruleset(rules, dropsByDefault));
        using Plane plane = Plane.Start(
            ours, AclRules.Stage(rules, dropsByDefault) + SwitchNet.Stages, claim: "all");
        Bed.OnOneCpu(() =>
        {
            Comparison comparison = new(
                new Exchange(linux, Marks), new Exchange(ours, Marks) { Says = () => plane.Ledger })
            {
                IsStateful = true, // its counters are
            };
            string? difference = comparison.Run(Frames(seed, 6000), seed);
            Assert.True(difference == null, difference + Wrong(linux, ours, rules));
            Assert.True(comparison.Out > 500, $"only {comparison.Out} frames came of {comparison.In}");
        });
        long[] expected = CountersOfNft(linux, rules.Count);
        Assert.True(expected.Count(count => count > 0) > 15, "most rules were never hit");
        Lab.Eventually(() => plane.Residual == 0);
        string wrong = Wrong(linux, ours, rules);
        Assert.True(wrong.Length == 0, $"{Comparison.SeedVariable}={seed}\n{wrong}");
        Assert.True(plane.Drops(DropReason.AclRule) > 0);
        Assert.True(dropsByDefault || plane.Drops(DropReason.AclDefault) == 0);
        Assert.Equal(0, plane.Stop().ExitCode);
    }

    private static IEnumerable<Stimulus> Marks(int port, byte[] payload) =>
        Enumerable.Range(0, SwitchNet.Ports).Where(other => other != port).Select(other =>
        {
            byte[] datagram = Packets.UdpDatagram(AclRules.MarkSource, AclRules.Pool4[0], 9, 9, payload);
            byte[] packet = Packets.Ipv4(AclRules.MarkSource, AclRules.Pool4[0], Packets.Udp, datagram);
            return new Stimulus(port, Packets.Ethernet(SwitchNet.FixedMac(other, 0),
                SwitchNet.FixedMac(port, 0), Packets.Ipv4Type, packet));
        });

    // Right frames only, and to one port each: a bridge filters what leaves it, once for each port.
    private static IEnumerable<Stimulus> Frames(int seed, int count)
    {
        Random random = new(seed);
        for (int i = 0; i < count; i++)
        {
            int port = random.Next(SwitchNet.Ports);
            int other = (port + random.Next(1, SwitchNet.Ports)) % SwitchNet.Ports;
            int vlan = SwitchNet.Vlans[random.Next(SwitchNet.Vlans.Length)];
            (int type, byte[] packet) = random.Next(10) switch
            {
                0 => (Packets.ArpType, Bytes(random, 28)),
                < 6 => (Packets.Ipv4Type, Ipv4(random)),
                _ => (Packets.Ipv6Type, Ipv6(random)),
            };
            byte[] frame = Packets.Ethernet(
                SwitchNet.FixedMac(other, vlan), SwitchNet.FixedMac(port, vlan), type, packet);
            yield return new Stimulus(port, vlan == 0 ? frame
                : Packets.Tag(frame, Packets.VlanType, (random.Next(16) << 12) | vlan));
        }
    }

    private static byte[] Ipv4(Random random)
    {
        IPAddress from = Pick(random, AclRules.Pool4);
        IPAddress to = Pick(random, AclRules.Pool4);
        byte protocol = Pick(random, Protocols);
        int fragment = random.Next(10) switch
        { 0 => random.Next(1, 1000), 1 => 0x2000, 2 => 0x4000, _ => 0 };
        byte[] content = (fragment & 0x1FFF) != 0 ? Bytes(random, 64) : Transport(random, from, to, protocol);
        return Packets.Ipv4(from, to, protocol, content, fragment: fragment,
            options: random.Next(8) == 0 ? [1, 1, 1, 0] : null);
    }

    private static byte[] Ipv6(Random random)
    {
        IPAddress from = Pick(random, AclRules.Pool6);
        IPAddress to = Pick(random, AclRules.Pool6);
        byte protocol = Pick(random, Protocols);
        byte[] content = Transport(random, from, to, protocol);
        if (random.Next(6) == 0)
        {
            content = Packets.Extension(protocol, [], content);
            protocol = 60; // destination options
        }

        return Packets.Ipv6(from, to, protocol, content);
    }

    private static byte[] Transport(Random random, IPAddress from, IPAddress to, byte protocol)
    {
        (int source, int target) = (Pick(random, Ports), Pick(random, Ports));
        return protocol switch
        {
            Packets.Tcp => Packets.TcpSegment(from, to, source, target, 7, (byte)random.Next(256), [1, 2]),
            Packets.Udp => Packets.UdpDatagram(from, to, source, target, [1, 2, 3]),
            132 => [.. Packets.UdpDatagram(from, to, source, target, [])[..4], .. Bytes(random, 12)],
            _ => Bytes(random, 24),
        };
    }

    private static void Load(Bed bed, string ruleset)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, ruleset);
            Lab.Run("ip", "netns", "exec", bed.Device, "nft", "-f", path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    // Rules whose counters differ.
    private static string Wrong(Bed linux, Bed ours, IReadOnlyList<AclRule> rules)
    {
        long[] expected = CountersOfNft(linux, rules.Count);
        long[] actual = CountersOfLane(ours.Name, rules.Count);
        return string.Concat(Enumerable.Range(0, rules.Count).Where(i => expected[i] != actual[i])
            .Select(i => $"  r{i}: nft {expected[i]}, lane {actual[i]}: {rules[i].Nft}\n"));
    }

    private static long[] CountersOfNft(Bed bed, int count)
    {
        long[] counters = new long[count];
        string text = Lab.Run("ip", "netns", "exec", bed.Device, "nft", "list", "table", "bridge", "t");
        foreach (Match match in Counter().Matches(text))
        {
            counters[int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture)] =
                long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        }

        return counters;
    }

    private static long[] CountersOfLane(string name, int count)
    {
        using JsonDocument document = JsonDocument.Parse(
            Lab.Run(ControlLab.Program, "status", "--name", name, "--json"));
        return [.. Enumerable.Range(0, count).Select(i => Find(document.RootElement, $"r{i}") ?? -1)];
    }

    // The rule of a name, wherever it is.
    private static long? Find(JsonElement element, string rule) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().Select(item => Find(item, rule))
            .FirstOrDefault(found => found != null),
        JsonValueKind.Object when element.TryGetProperty("name", out JsonElement name)
            && name.ValueKind == JsonValueKind.String && name.GetString() == rule =>
            element.GetProperty("frames").GetInt64(),
        JsonValueKind.Object => element.EnumerateObject().Select(item => Find(item.Value, rule))
            .FirstOrDefault(found => found != null),
        _ => null,
    };

    private static T Pick<T>(Random random, T[] of) => of[random.Next(of.Length)];

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    [GeneratedRegex("counter packets (\\d+) bytes \\d+ \\w+ comment \"r(\\d+)\"")]
    private static partial Regex Counter();
}
