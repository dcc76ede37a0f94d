using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>The harness itself: two Linux routers are alike, and one that is a little different is caught
/// with
/// one small frame.</summary>
public sealed class LinuxAgainstLinuxTests
{
    [Fact]
    public void TwoLinuxRoutersAreIdentical()
    {
        using Bed one = Bed.Create(RouterNet.Ports);
        using Bed other = Bed.Create(RouterNet.Ports);
        RouterNet.MakeRouter(one);
        RouterNet.MakeRouter(other);
        int seed = Comparison.ChooseSeed();
        TestContext.Current.SendDiagnosticMessage($"{Comparison.SeedVariable}={seed}");
        Bed.OnOneCpu(() =>
        {
            Exchange oracle = new(one, Exchange.RouterMarks);
            Comparison comparison = new(oracle, new Exchange(other, Exchange.RouterMarks));
            string? difference = comparison.Run(new FrameSource(seed).Take(6000), seed);
            Assert.True(difference == null, difference);
            Assert.True(comparison.Out > 3000, $"only {comparison.Out} frames came out");
            Assert.InRange(oracle.Unsent, 0, 600);
        });
    }

    [Theory]
    [InlineData("route change 20.1.128.65/32 via 10.2.0.2")]
    [InlineData("route delete blackhole 20.2.0.0/16")]
    [InlineData("neighbour change 10.1.0.3 lladdr 02:00:00:00:02:04 dev p1 nud permanent")]
    [InlineData("link set p2 mtu 1399")]
    [InlineData("route change 2001:db8:8000:8000::1/128 via 2001:db8:0:1::2")]
    public void ALittleDifferenceIsFoundAndShrunkToOneShortFrame(string odd)
    {
        using Bed one = Bed.Create(RouterNet.Ports);
        using Bed other = Bed.Create(RouterNet.Ports);
        RouterNet.MakeRouter(one);
        RouterNet.MakeRouter(other, odd);
        Bed.OnOneCpu(() =>
        {
            Comparison comparison = new(
                new Exchange(one, Exchange.RouterMarks), new Exchange(other, Exchange.RouterMarks));
            string? difference = comparison.Run(new FrameSource(seed: 1).Take(6000), seed: 1);
            Assert.NotNull(difference);
            Assert.StartsWith("LOWLAT_SEED=1: 1 frame(s) differ\n", difference, StringComparison.Ordinal);
        });
    }
}
