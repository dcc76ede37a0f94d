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
        using Bed linux = Bed.Create(RouterNet.Ports);
        using Bed ours = Bed.Create(RouterNet.Ports);
        RouterNet.MakeRouter(linux);
        RouterNet.MakeRouter(ours);
        using Plane plane = Plane.Start(ours, Stages);
        int seed = Comparison.ChooseSeed();
        TestContext.Current.SendDiagnosticMessage($"{Comparison.SeedVariable}={seed}");
        Bed.OnOneCpu(() =>
        {
            Comparison comparison = new(
                new Exchange(linux, Exchange.RouterMarks),
                new Exchange(ours, Exchange.RouterMarks) { Says = () => plane.Ledger },
                RouterDifferences.All);
            string? difference = comparison.Run(new FrameSource(seed).Take(6000), seed);
            Assert.True(difference == null, difference);
            Assert.True(comparison.Out > 3000, $"only {comparison.Out} frames came out");
            Assert.Empty(comparison.Unused);
        });
        Assert.True(plane.IsAlive);
        Lab.Eventually(() => plane.Residual == 0);
        Assert.Equal(0, plane.Stop().ExitCode);
    }
}
