using System.Net;
using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>Nat and route of lowlatd against a Linux router that does the same with nftables.</summary>
public sealed class NatTests
{
    private const int Inside = 0;
    private const int Outside = 1;
    private const byte EchoRequest = 8; // RFC 792
    private static readonly IPAddress InsideHost = RouterNet.Host4(Inside, 3);
    private static readonly IPAddress OutsideAddress = IPAddress.Parse("198.51.100.3");

    private static readonly string Stages = $"""
        [[lane.stage]]
        kind = "nat"
        inside = ["p{Inside}"]
        outside = ["p{Outside}"]
        [[lane.stage.static]]
        inside = "{InsideHost}"
        outside = "{OutsideAddress}"
        [[lane.stage]]
        kind = "route"
        table = "kernel"
        """;

    private static readonly string[] Ruleset =
    [
        "table ip t { }",
        "chain ip t out { type nat hook postrouting priority 100; }",
        "chain ip t in { type nat hook prerouting priority -100; }",
        $"rule ip t out oifname p{Outside} ip saddr {InsideHost} snat to {OutsideAddress}",
        $"rule ip t in iifname p{Outside} ip daddr {OutsideAddress} dnat to {InsideHost}",
    ];

    [Fact]
    public void AStaticPairIsTranslatedBothWaysAsNftablesDoes()
    {
        int seed = Comparison.ChooseSeed();
        TestContext.Current.SendDiagnosticMessage($"{Comparison.SeedVariable}={seed}");
        using Bed linux = Bed.Create(RouterNet.Ports);
        using Bed ours = Bed.Create(RouterNet.Ports);
        RouterNet.MakeRouter(linux);
        RouterNet.MakeRouter(ours);
        foreach (string line in Ruleset)
        {
            Lab.Run("ip", ["netns", "exec", linux.Device, "nft", "add", .. line.Split(' ')]);
        }

        using Plane plane = Plane.Start(ours, Stages);
        Bed.OnOneCpu(() =>
        {
            Comparison comparison = new(
                new Exchange(linux, Exchange.RouterMarks),
                new Exchange(ours, Exchange.RouterMarks) { Says = () => plane.Ledger })
            {
                IsStateful = true,
            };
            string? difference = comparison.Run(Frames(seed, 5000), seed);
            Assert.True(difference == null, difference);
            Assert.Equal(comparison.In, comparison.Out);
        });
        Lab.Eventually(() => plane.Residual == 0);
        Assert.Equal(0, plane.Stop().ExitCode);
    }

    private static IEnumerable<Stimulus> Frames(int seed, int count)
    {
        Random random = new(seed);
        for (int i = 0; i < count; i++)
        {
            bool isOut = random.Next(2) == 0;
            IPAddress peer = new([20, 5, 0, (byte)random.Next(1, 255)]); // via port 1
            (IPAddress from, IPAddress to) = isOut ? (InsideHost, peer) : (peer, OutsideAddress);
            byte protocol = random.Next(3) switch { 0 => Packets.Tcp, 1 => Packets.Udp, _ => Packets.Icmp };
            (int source, int target) = (random.Next(1, 65536), random.Next(1, 65536));
            byte[] content = new byte[random.Next(4, 600)];
            random.NextBytes(content);
            byte[] segment = protocol switch
            {
                Packets.Tcp => Packets.TcpSegment(from, to, source, target, 7, flags: 2, content),
                Packets.Udp => Packets.UdpDatagram(from, to, source, target, content),
                _ => Packets.IcmpMessage(from, to, EchoRequest, 0, content),
            };
            int port = isOut ? Inside : Outside;
            yield return new Stimulus(port, Packets.Ethernet(Bed.MacOf(port), RouterNet.MacOf(port, 2),
                Packets.Ipv4Type, Packets.Ipv4(from, to, protocol, segment, random.Next(2, 256),
                    service: random.Next(256), id: random.Next(65536), fragment: random.Next(2) * 0x4000)));
        }
    }
}
