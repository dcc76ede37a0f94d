using HdrHistogram;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Measuring;

/// <summary>One percentile of the product's fixed set, written as "one in N lies above".</summary>
/// <param name="Name">As people write it: p99.99.</param>
/// <param name="Percent">0..100.</param>
/// <param name="OneIn">One sample of this many lies above it; an integer, so that refusing is exact.</param>
internal readonly record struct Percentile(string Name, double Percent, long OneIn)
{
    /// <summary>Samples that must lie above a percentile before it is shown: with fewer, one outlier moves
    /// it.</summary>
    public const int SamplesAboveMin = 10;

    /// <summary>The set that every table and file uses, in order.</summary>
    public static readonly Percentile[] All =
    [
        new("p50", 50, 2), new("p90", 90, 10), new("p99", 99, 100), new("p99.9", 99.9, 1_000),
        new("p99.99", 99.99, 10_000), new("p99.999", 99.999, 100_000),
    ];

    /// <summary>Samples of <paramref name="count"/> that lie above it, whole ones.</summary>
    public long SamplesAbove(long count) => count / OneIn;

    /// <summary>True when fewer than <see cref="SamplesAboveMin"/> samples lie above it.</summary>
    public bool IsRefused(long count) => count < SamplesAboveMin * OneIn;
}

/// <summary>What a histogram says in ten numbers; a number that the samples do not carry is null.</summary>
/// <remarks>As HdrHistogram: three digits, a percentile is the upper edge of its bucket, so it never
/// flatters.</remarks>
internal sealed record LatencySummary(
    long Count,
    long? MinNs,
    double? MeanNs,
    long? P50Ns,
    long? P90Ns,
    long? P99Ns,
    long? P999Ns,
    long? P9999Ns,
    long? P99999Ns,
    long? MaxNs)
{
    /// <summary>Summary of no samples.</summary>
    public static readonly LatencySummary Empty = new(0, null, null, null, null, null, null, null, null,
        null);

    /// <summary>Summarises a histogram; null stays null (there is no such measure in this run).</summary>
    public static LatencySummary? Of(HistogramBase? histogram)
    {
        if (histogram is null)
        {
            return null;
        }

        long count = histogram.TotalCount;
        if (count == 0)
        {
            return Empty;
        }

        long?[] at = new long?[Percentile.All.Length];
        for (int i = 0; i < at.Length; i++)
        {
            Percentile percentile = Percentile.All[i];
            at[i] = percentile.IsRefused(count) ? null : histogram.GetValueAtPercentile(percentile.Percent);
        }

        return new LatencySummary(count, Histograms.Min(histogram), Math.Round(histogram.GetMean(), 1),
            at[0], at[1], at[2], at[3], at[4], at[5], histogram.GetMaxValue());
    }

    /// <summary>The value of <see cref="Percentile.All"/>[<paramref name="index"/>]; null: refused.</summary>
    public long? At(int index) => index switch
    {
        0 => P50Ns,
        1 => P90Ns,
        2 => P99Ns,
        3 => P999Ns,
        4 => P9999Ns,
        5 => P99999Ns,
        _ => throw new ArgumentOutOfRangeException(nameof(index)),
    };
}

/// <summary>The bridge between a lane's buckets and the HdrHistogram library.</summary>
internal static class Histograms
{
    /// <summary>An empty histogram of the lanes' geometry.</summary>
    public static LongHistogram New(string? tag = null) =>
        new(1, HdrGeometry.HighestValue, HdrGeometry.Digits) { Tag = tag };

    /// <summary>Adds a lane's buckets.</summary>
    public static void Add(LongHistogram target, ReadOnlySpan<ulong> buckets)
    {
        for (int i = 0; i < buckets.Length; i++)
        {
            if (buckets[i] != 0)
            {
                target.RecordValueWithCount(HdrGeometry.ValueAt(i), (long)buckets[i]);
            }
        }
    }

    /// <summary>Lowest edge of the first bucket that holds a sample; null when none does.</summary>
    public static long? Min(HistogramBase histogram)
    {
        foreach (var step in histogram.RecordedValues())
        {
            return histogram.LowestEquivalentValue(step.ValueIteratedTo);
        }

        return null;
    }
}
