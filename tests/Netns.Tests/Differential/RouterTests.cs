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
    public void WhatTheRouterDoesInTheKernelIsWhatLinuxDoes()
    {
        int seed = Comparison.ChooseSeed();
        TestContext.Current.SendDiagnosticMessage($"{Comparison.SeedVariable}={seed}");
        Compare(new FrameSource(seed).Take(20_000), seed, outMin: 10_000, hearsLimited: false,
            isOffloaded: true, RouterDifferences.All);
    }

    [Fact]
    public void WhateverIsWrongWithAFrameTheKernelLeavesItToTheLane() =>
        Compare(Malformed.All(), seed: 0, outMin: 2000, hearsLimited: false, isOffloaded: true,
            RouterDifferences.All);

    [Fact]
    public void ARouteThatComesOrGoesCountsInTheKernelAtOnce()
    {
        using Bed bed = Bed.Create(RouterNet.Ports);
        RouterNet.MakeRouter(bed);
        bed.TakeRedirected();
        using Plane plane = Plane.Start(bed, Stages, offload: "kernel");
        WaitForKernel(plane);
        Stimulus probe = new(0, Packets.Ethernet(Bed.MacOf(0), RouterNet.MacOf(0, 2), Packets.Ipv4Type,
            Packets.Ipv4(IPAddress.Parse("30.1.1.1"), IPAddress.Parse("77.1.2.3"), Packets.Udp,
                Packets.UdpDatagram(
                    IPAddress.Parse("30.1.1.1"), IPAddress.Parse("77.1.2.3"), 7, 8, new byte[30]))));
        foreach ((string change, int port) in (ReadOnlySpan<(string, int)>)
            [("add 77.0.0.0/8 via 10.1.0.2", 1), ("replace 77.0.0.0/8 via 10.2.0.2", 2),
                ("del 77.0.0.0/8", 0)])
        {
            bed.Ip(["route " + change]);
            Lab.Eventually(() =>
            {
                ulong before = plane.Offloaded;
                Assert.True(bed.Send(probe));
                List<Captured> came = [];
                Lab.Eventually(() =>
                {
                    bed.Collect(came);
                    return came.Count > 0 && plane.Offloaded == before + 1;
                });
                return came.TrueForAll(captured => captured.Port == port);
            });
        }

        Assert.Equal(0UL, plane.Region.ReadCounters(0).RxFrames);
        Assert.Equal(0, plane.Stop().ExitCode);
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

    private static void WaitForKernel(Plane plane) => Lab.Eventually(() =>
        Enumerable.Range(0, RouterNet.Ports)
        .All(port => plane.Region.ReadPort(port).Offload.ToString() == "kernel: to p0, p1, p2"));

    private static void Compare(IEnumerable<Stimulus> frames, int seed, int outMin, bool hearsLimited,
        params Justified[] justified) => Compare(frames, seed, outMin, hearsLimited, isOffloaded: false,
            justified);

    private static void Compare(IEnumerable<Stimulus> frames, int seed, int outMin, bool hearsLimited,
        bool isOffloaded, params Justified[] justified)
    {
        using Bed linux = Bed.Create(RouterNet.Ports);
        using Bed ours = Bed.Create(RouterNet.Ports);
        RouterNet.MakeRouter(linux);
        RouterNet.MakeRouter(ours);
        if (isOffloaded)
        {
            ours.TakeRedirected();
        }

        using Plane plane = Plane.Start(ours, Stages, offload: isOffloaded ? "kernel" : "none");
        if (isOffloaded)
        {
            WaitForKernel(plane);
        }

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
        Assert.Equal(isOffloaded, plane.Offloaded > (ulong)outMin / 4);
        Assert.Equal(0UL, plane.Drops(DropReason.NoVerdict));
        Assert.Equal(0UL, plane.Region.ReadCounters(0).ConservationBreaks);
        Assert.Equal(0UL, plane.Region.ReadCounters(0).PuntsRefused);
        Assert.Equal(0, plane.Stop().ExitCode);
    }
}
