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
        Compare(new FrameSource(seed).Take(20_000), seed, outMin: 10_000, RouterDifferences.All);
    }

    [Fact]
    public void WhateverIsWrongWithAFrameTheRouterLivesAndDoesWhatLinuxDoes() =>
        Compare(Malformed.All(), seed: 0, outMin: 2000, RouterDifferences.All);

    private static void Compare(IEnumerable<Stimulus> frames, int seed, int outMin, params Justified[] justified)
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
                    Says = () => Lab.Run("ip", "netns", "exec", linux.Device, "nstat", "-asz"),
                },
                new Exchange(ours, Exchange.RouterMarks) { Says = () => plane.Ledger }, justified);
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
