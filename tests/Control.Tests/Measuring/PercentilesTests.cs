using HdrHistogram;
using LowLatency.Control.Measuring;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

public sealed class PercentilesTests
{
    [Fact]
    public void Every_bucket_of_ours_is_the_same_bucket_of_the_library()
    {
        LongHistogram histogram = Histograms.New();
        Assert.Equal(27_648, HdrGeometry.Length);
        long previousHigh = -1;
        for (int index = 0; index < HdrGeometry.Length; index++)
        {
            long low = HdrGeometry.ValueAt(index);
            long high = histogram.HighestEquivalentValue(low);
            Assert.Equal(low, histogram.LowestEquivalentValue(low));
            Assert.Equal(previousHigh + 1, low); // no hole, no overlap
            Assert.Equal(index, HdrGeometry.IndexOf(low));
            Assert.Equal(index, HdrGeometry.IndexOf(high));
            previousHigh = high;
        }

        Assert.Equal(HdrGeometry.HighestValue, previousHigh);
    }

    [Fact]
    public void Buckets_handed_to_the_library_come_back_index_for_index()
    {
        ulong[] buckets = new ulong[HdrGeometry.Length];
        for (int i = 0; i < buckets.Length; i++)
        {
            buckets[i] = (ulong)((i % 7) + 1);
        }

        LongHistogram histogram = Histograms.New();
        Histograms.Add(histogram, buckets);
        Assert.Equal(buckets.Sum(b => (long)b), histogram.TotalCount);
        for (int i = 0; i < buckets.Length; i++)
        {
            Assert.Equal((long)buckets[i], histogram.GetCountAtValue(HdrGeometry.ValueAt(i)));
        }
    }

    [Theory]
    [InlineData(19, 0)]
    [InlineData(20, 1)]
    [InlineData(99, 1)]
    [InlineData(100, 2)]
    [InlineData(999, 2)]
    [InlineData(1_000, 3)]
    [InlineData(9_999, 3)]
    [InlineData(10_000, 4)]
    [InlineData(99_999, 4)]
    [InlineData(100_000, 5)]
    [InlineData(999_999, 5)]
    [InlineData(1_000_000, 6)]
    public void A_percentile_needs_ten_samples_above_it(int samples, int shown)
    {
        LongHistogram histogram = Histograms.New();
        histogram.RecordValueWithCount(500, samples);
        LatencySummary summary = LatencySummary.Of(histogram)!;
        for (int i = 0; i < Percentile.All.Length; i++)
        {
            Assert.Equal(i < shown ? 500 : null, summary.At(i));
        }

        Assert.Equal((500L, 500L, (long)samples), (summary.MinNs, summary.MaxNs, summary.Count));
    }

    [Fact]
    public void Percentiles_are_those_of_the_sorted_samples_within_three_digits()
    {
        Random random = new(11);
        long[] samples = [.. Enumerable.Range(0, 200_000)
            .Select(_ => random.NextInt64(1, 1L << random.Next(8, 34)))];
        LongHistogram histogram = Histograms.New();
        ulong[] buckets = new ulong[HdrGeometry.Length];
        foreach (long sample in samples)
        {
            buckets[HdrGeometry.IndexOf(sample)]++;
        }

        Histograms.Add(histogram, buckets);
        Array.Sort(samples);
        LatencySummary summary = LatencySummary.Of(histogram)!;
        for (int i = 0; i < 5; i++)
        {
            long exact = samples[(int)Math.Ceiling(samples.Length * Percentile.All[i].Percent / 100) - 1];
            Assert.InRange(summary.At(i)!.Value, exact, exact * 1.001 + 1);
        }

        Assert.InRange(summary.MeanNs!.Value, samples.Average() * 0.999, samples.Average() * 1.001);
    }

    [Theory]
    [InlineData(0, 3.00)]
    [InlineData(1, 4.74)]
    [InlineData(10, 16.96)]
    [InlineData(100, 118.08)]
    public void The_bound_of_a_count_is_that_of_the_tables(long count, double bound) =>
        Assert.Equal(bound, Exceeding.Bound(count), 0.03); // chi-squared, 2 (n + 1) degrees, 0.95, halved

    [Fact]
    public void Rates_count_what_lies_above_and_none_in_ten_seconds_is_at_most_three_in_ten()
    {
        LongHistogram histogram = Histograms.New();
        histogram.RecordValueWithCount(1_000, 50);
        histogram.RecordValueWithCount(1_001, 7);
        histogram.RecordValueWithCount(40_000, 3);
        Assert.Equal((10L, 1.0), (Exceeding.Of(histogram, 1_000, 10)!.Count,
            Exceeding.Of(histogram, 1_000, 10)!.PerSecond));
        Assert.Equal(new Exceeding(0, 0, 0.3), Exceeding.Of(histogram, 50_000, 10));
        Assert.Null(Exceeding.Of(null, 1_000, 10));
        Assert.Null(Exceeding.Of(histogram, 1_000, 0));
    }

    [Fact]
    public void No_samples_are_no_numbers()
    {
        Assert.Equal(LatencySummary.Empty, LatencySummary.Of(Histograms.New()));
        Assert.Null(LatencySummary.Of(null));
    }

    [Theory]
    [InlineData("p99.99=50us", "99.99", 50_000)]
    [InlineData("p50=1.5us", "50", 1_500)]
    [InlineData("p99.9=2ms", "99.9", 2_000_000)]
    [InlineData("p99=1s", "99", 1_000_000_000)]
    [InlineData("p99=700ns", "99", 700)]
    public void An_objective_is_read(string text, string percent, long limitNs)
    {
        Assert.True(Objective.TryParse(text, out Objective? objective));
        Assert.Equal((decimal.Parse(percent), limitNs), (objective!.Percent, objective.LimitNs));
    }

    [Theory]
    [InlineData("")]
    [InlineData("p=1us")]
    [InlineData("99=1us")]
    [InlineData("p100=1us")]
    [InlineData("p0=1us")]
    [InlineData("p99=1")]
    [InlineData("p99=us")]
    [InlineData("p99=-1us")]
    [InlineData("p99=0us")]
    [InlineData("p99=99999999s")]
    public void A_wrong_objective_is_refused(string text) => Assert.False(Objective.TryParse(text, out _));

    [Fact]
    public void An_objective_without_enough_samples_is_not_met()
    {
        Assert.True(Objective.TryParse("p99.9=1ms", out Objective? objective));
        LongHistogram histogram = Histograms.New();
        histogram.RecordValueWithCount(500, 9_999);
        Assert.Equal(new SloResult("p99.9", 1_000_000, null, false), objective!.Judge(histogram));
        histogram.RecordValue(500);
        Assert.Equal(new SloResult("p99.9", 1_000_000, 500, true), objective.Judge(histogram));
        Assert.False(new Objective(99.9m, 499).Judge(histogram).Met);
    }
}
