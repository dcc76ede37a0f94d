using HdrHistogram;
using LowLatency.Control.Measuring;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

public sealed class ConfidenceTests
{
    private const int Worlds = 150;

    [Theory]
    [InlineData(0.0, 30)]
    [InlineData(0.6, 30)]
    [InlineData(0.6, 100)]
    public void The_interval_holds_the_true_percentile_whether_seconds_depend_on_each_other_or_not(
        double memory, int seconds)
    {
        Percentile p99 = Percentile.All[2];
        double truth = Synthetic.TrueValue(p99.OneIn, memory);
        int held = 0, heldByRanks = 0;
        for (int world = 0; world < Worlds; world++)
        {
            List<HistogramBase> intervals = Synthetic.Run(world, seconds, 1_000, memory);
            HistogramBase whole = Synthetic.Sum(intervals);
            PercentileInterval interval = PercentileInterval.Of(whole, p99, BlockSeries.Of(intervals))!;
            PercentileInterval ranks = PercentileInterval.Of(whole, p99)!;
            held += interval.LowNs <= truth && truth <= interval.HighNs ? 1 : 0;
            heldByRanks += ranks.LowNs <= truth && truth <= ranks.HighNs ? 1 : 0;
            Assert.InRange(interval.ValueNs, interval.LowNs, interval.HighNs);
        }

        // 99 % promised; three deviations of that many tries below it.
        Assert.InRange(held, (int)(Worlds * 0.96), Worlds);
        if (memory > 0)
        {
            Assert.True(heldByRanks < Worlds * 0.9, $"order statistics alone held {heldByRanks}");
        }
    }

    [Fact]
    public void With_few_intervals_order_statistics_alone_are_named_and_refused_percentiles_left_out()
    {
        List<HistogramBase> seven = Synthetic.Run(1, BatchMeans.IntervalsMin - 1, 1_000, 0);
        List<HistogramBase> eight = Synthetic.Run(1, BatchMeans.IntervalsMin, 1_000, 0);
        MeasureConfidence few = MeasureConfidence.Of(Synthetic.Sum(seven), seven)!;
        MeasureConfidence enough = MeasureConfidence.Of(Synthetic.Sum(eight), eight)!;
        Assert.Equal(("order-statistics", 7, 0), (few.Method, few.Intervals, few.BlockIntervals));
        Assert.Equal(("order-statistics+batch-means", 8, 2),
            (enough.Method, enough.Intervals, enough.BlockIntervals));
        Assert.Equal(["p50", "p90", "p99"], few.Percentiles.Select(p => p.Name));
        Assert.Null(MeasureConfidence.Of(Histograms.New(), []));
    }

    [Fact]
    public void The_ranks_of_all_intervals_are_those_of_the_whole()
    {
        List<HistogramBase> intervals = Synthetic.Run(3, 20, 500, 0.5);
        HistogramBase whole = Synthetic.Sum(intervals);
        BlockSeries series = BlockSeries.Of([.. intervals, Histograms.New()]);
        Assert.Equal((20, whole.TotalCount), (series.Count, series.Total));
        foreach (Percentile percentile in Percentile.All.Take(4))
        {
            long rank = series.Total - (series.Total / percentile.OneIn);
            long value = series.ValueAtRank(rank);
            Assert.Equal(whole.GetValueAtPercentile(percentile.Percent), value);
            Assert.InRange(series.Above(value).Sum(interval => interval.Above), 0, series.Total - rank);
        }

        Assert.Equal(whole.GetMaxValue(), whole.HighestEquivalentValue(series.ValueAtRank(long.MaxValue)));
    }

    [Fact]
    public void One_stall_widens_no_interval_beyond_what_occurred_and_higher_percentiles_are_no_lower()
    {
        List<HistogramBase> intervals = Synthetic.Run(5, 12, 100_000, 0);
        for (int i = 0; i < 3000; i++)
        {
            intervals[4].RecordValue(500_000 + (i * 3_000)); // 9 ms in one second of twelve
        }

        HistogramBase whole = Synthetic.Sum(intervals);
        MeasureConfidence confidence = MeasureConfidence.Of(whole, intervals)!;
        PercentileBounds before = confidence.Percentiles[0];
        foreach (PercentileBounds bounds in confidence.Percentiles)
        {
            Assert.InRange(bounds.ValueNs, bounds.LowNs, bounds.HighNs);
            Assert.InRange(bounds.HighNs, before.HighNs, whole.GetMaxValue());
            Assert.True(bounds.LowNs >= before.LowNs, $"{bounds.Name} begins below {before.Name}");
            before = bounds;
        }

        PercentileBounds p999 = confidence.Percentiles.First(p => p.Name == "p99.9");
        // Without the stall, and with two of them.
        Assert.True(p999.LowNs < 30_000 && p999.HighNs > 5_000_000, $"{p999}");
    }

    [Theory]
    [InlineData(1, 63.657)]
    [InlineData(4.9, 4.604)]
    [InlineData(30, 2.750)]
    [InlineData(60, 2.660)]
    [InlineData(1e9, 2.5758)]
    public void Students_quantiles_are_those_of_the_tables(double freedom, double quantile) =>
        Assert.Equal(quantile, StudentT.Critical(freedom), 0.003);

    [Fact]
    public void A_long_run_joins_neighbours_and_loses_no_sample_but_those_of_the_unfinished_interval()
    {
        BlockLog log = new();
        DateTimeOffset at = DateTimeOffset.UnixEpoch;
        for (int second = 0; second < 1001; second++)
        {
            LongHistogram one = Histograms.New();
            one.RecordValue(second + 1);
            log.Add(at.AddSeconds(second), at.AddSeconds(second + 1), [("m", one), ("none", null)]);
        }

        HistogramBase[] kept = [.. log.ToSet().AllOf("m")];
        Assert.Equal(4, log.SamplesPerInterval);
        Assert.Equal(1001 / 4, kept.Length);
        Assert.All(kept, h => Assert.Equal(4, h.TotalCount));
        Assert.Equal(4, kept[0].GetMaxValue());
        Assert.Equal((4_000, 8_000), (kept[1].StartTimeStamp, kept[1].EndTimeStamp));
        Assert.Empty(log.ToSet().AllOf("none"));
    }
}
