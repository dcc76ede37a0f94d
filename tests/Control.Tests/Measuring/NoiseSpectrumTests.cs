using HdrHistogram;
using LowLatency.Control.Measuring;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

/// <summary>Numbers that do not depend on the loop.</summary>
public sealed class NoiseSpectrumTests
{
    private const long Loop = 50;

    [Fact]
    public void TheWaitOfAPacketIsWhereTheShareOfArrivalsThatWaitLongerIsThePercentile()
    {
        Random random = new(11);
        LongHistogram gaps = Histograms.New();
        List<long> lengths = [];
        for (int i = 0; i < 500; i++)
        {
            long length = (long)Math.Exp(7 + (random.NextDouble() * 8)); // 1 us to 3 ms
            lengths.Add(length);
            gaps.RecordValue(length);
        }

        gaps.RecordValueWithCount(Loop, 20_000_000);
        NoiseSpectrum noise = NoiseSpectrum.Of("m", 1, gaps, 1000);
        double exposure = lengths.Sum() + (20_000_000.0 * Loop);
        double Longer(double ns) => lengths.Sum(length => Math.Max(0, length - ns)) / exposure;
        foreach ((PacketWait wait, double share) in noise.Wait.Zip([1e-2, 1e-3, 1e-4, 1e-5, 1e-6]))
        {
            // Buckets have three digits: a hair shorter, and more wait longer; a hair longer, and fewer do.
            Assert.True(Longer(wait.Ns * 0.998) >= share, wait.Percentile);
            Assert.True(Longer(wait.Ns * 1.002) <= share, wait.Percentile);
        }
    }

    [Fact]
    public void ThePercentileDoesNotMoveWhenTheLoopIsFaster()
    {
        NoiseSpectrum[] both =
        [
            .. new[] { (Ns: 50L, Count: 20_000_000L), (Ns: 25L, Count: 40_000_000L) }.Select(loop =>
            {
                LongHistogram gaps = Histograms.New();
                gaps.RecordValueWithCount(loop.Ns, loop.Count);
                gaps.RecordValueWithCount(100_000, 100);
                return NoiseSpectrum.Of("m", 1, gaps, 1000);
            }),
        ];
        Assert.Equal(both[0].Wait, both[1].Wait);
        Assert.Equal(both[0].Over, both[1].Over);
    }

    [Fact]
    public void WhereNoGapWasSeenTheRateHasAnUpperBound()
    {
        LongHistogram gaps = Histograms.New();
        gaps.RecordValueWithCount(50, 40_000_000); // 2 s
        NoiseSpectrum noise = NoiseSpectrum.Of("m", 1, gaps, 1000);
        Assert.All(noise.Over, rate => Assert.Equal((0, 0, 1.5),
            (rate.Count, rate.PerSecond, rate.UpperPerSecond)));
        Assert.All(noise.Wait, wait => Assert.Equal(0, wait.Ns));
        Assert.Equal(0, noise.LostNs);
    }

    [Fact]
    public void RatesCountLongerGapsOnly()
    {
        LongHistogram gaps = Histograms.New();
        gaps.RecordValueWithCount(50, 20_000_000); // 1 s
        gaps.RecordValueWithCount(3_000, 10);
        gaps.RecordValueWithCount(30_000, 2);
        NoiseSpectrum noise = NoiseSpectrum.Of("m", 1, gaps, 1000);
        Assert.Equal(12, noise.Over.Single(rate => rate.OverNs == 1_000).Count);
        Assert.Equal(2, noise.Over.Single(rate => rate.OverNs == 5_000).Count);
        Assert.Equal(0, noise.Over.Single(rate => rate.OverNs == 50_000).Count);
    }
}
