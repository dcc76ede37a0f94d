using System.Net;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>The router of lowlatd over the kernel's routes, against a Linux router with the same.</summary>
public sealed class RouterTests
{
    private const string Stages = """
        [[lane.stage]]
        kind = "route"
        table = "kernel"
        """;

    [Fact]
    public void WhatTheRouterDoesIsWhatLinuxDoes()
    {
        int seed = Comparison.ChooseSeed();
        TestContext.Current.SendDiagnosticMessage($"{Comparison.SeedVariable}={seed}");
        Compare(new FrameSource(seed).Take(20_000), seed, outMin: 10_000, hearsLimited: false,
            RouterDifferences.All);
    }

    [Fact]
    public void WhateverIsWrongWithAFrameTheRouterLivesAndDoesWhatLinuxDoes() =>
        Compare(Malformed.All(), seed: 0, outMin: 2000, hearsLimited: false, RouterDifferences.All);

    [Fact]
    public void RoutesThatLeadNowhereAreAnsweredAsLinuxAnswers() =>
        Compare(ToNowhere(), seed: 0, outMin: 300, hearsLimited: true);

    // One frame from each source: a kernel answers a source only five times at once.
    private static IEnumerable<Stimulus> ToNowhere()
    {
        for (int i = 1; i <= 100; i++)
        {
            foreach (string target in (string[])["20.2.0.9", "20.3.0.9", "20.4.0.9", "20.2.3.9"])
            {
                IPAddress from = new([30, 1, byte.Parse(target.Split('.')[1]), (byte)i]);
                IPAddress to = IPAddress.Parse(target);
                yield return new Stimulus(0, Packets.Ethernet(Bed.MacOf(0), RouterNet.MacOf(0, 2),
                    Packets.Ipv4Type,
                    Packets.Ipv4(from, to, Packets.Udp, Packets.UdpDatagram(from, to, 7, 8, new byte[i]))));
            }

            foreach (string target in (string[])["2001:db8:9000::9", "2001:db8:a000::9", "2001:db8:b000::9"])
            {
                IPAddress from = IPAddress.Parse($"3fff::{i}");
                IPAddress to = IPAddress.Parse(target);
                yield return new Stimulus(0, Packets.Ethernet(Bed.MacOf(0), RouterNet.MacOf(0, 2),
                    Packets.Ipv6Type,
                    Packets.Ipv6(from, to, Packets.Udp, Packets.UdpDatagram(from, to, 7, 8, new byte[i]))));
            }
        }
    }

    private static void Compare(IEnumerable<Stimulus> frames, int seed, int outMin, bool hearsLimited,
        params Justified[] justified)
    {
        using Bed linux = Bed.Create(RouterNet.Ports);
        using Bed ours = Bed.Create(RouterNet.Ports);
        RouterNet.MakeRouter(linux);
        RouterNet.MakeRouter(ours);
        using Plane plane = Plane.Start(ours, Stages);
        Bed.OnOneCpu(() =>
        {
            Comparison comparison = new(
                new Exchange(linux, Exchange.RouterMarks)
                {
                    HearsLimited = hearsLimited,
                    Says = () => Lab.Run("ip", "netns", "exec", linux.Device, "nstat", "-as"),
                },
                new Exchange(ours, Exchange.RouterMarks) 
                {
                    HearsLimited = hearsLimited,
                    Says = () => plane.Ledger,
                },
                justified);
            string? difference = comparison.Run(frames, seed);
            Assert.True(difference == null, difference);
            Assert.True(comparison.Out > outMin, $"only {comparison.Out} of {comparison.In} frames came out");
            Assert.Empty(comparison.Unused);
        });
        Assert.True(plane.IsAlive);
        Lab.Eventually(() => plane.Residual == 0);
        Assert.Equal(0UL, plane.Drops(DropReason.NoVerdict));
        Assert.Equal(0UL, plane.Region.ReadCounters(0).ConservationBreaks);
        Assert.Equal(0UL, plane.Region.ReadCounters(0).PuntsRefused);
        Assert.Equal(0, plane.Stop().ExitCode);
    }
}
