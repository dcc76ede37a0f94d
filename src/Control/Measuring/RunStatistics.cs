using HdrHistogram;

namespace LowLatency.Control.Measuring;

/// <summary>How often a measure lay above a value.</summary>
/// <param name="Count">Samples above it; a bucket that reaches over it counts whole.</param>
/// <param name="PerSecond">Of measured time.</param>
/// <param name="PerSecondAtMost">One-sided 95 % bound: with no event 3 / T.</param>
internal sealed record Exceeding(long Count, double PerSecond, double PerSecondAtMost)
{
    /// <summary>Counts; null: no such measure.</summary>
    public static Exceeding? Of(HistogramBase? histogram, long aboveNs, double seconds)
    {
        if (histogram is null || seconds <= 0)
        {
            return null;
        }

        long count = 0;
        foreach (var step in histogram.RecordedValues())
        {
            count += step.ValueIteratedTo > aboveNs ? step.CountAddedInThisIterationStep : 0;
        }

        return new Exceeding(count, Math.Round(count / seconds, 6), Math.Round(Bound(count) / seconds, 6));
    }

    /// <summary>The upper 95 % bound of a Poisson mean of which <paramref name="count"/> events were seen: 3
    /// for none (the rule of three), else Wilson and Hilferty's approximation of the chi-squared quantile
    /// (PNAS 17, 1931), right to a hundredth.</summary>
    public static double Bound(long count)
    {
        const double Z = 1.6449; // one-sided 95 % of the normal distribution
        double next = count + 1.0;
        return count == 0 ? 3 : next * Math.Pow(1 - (1 / (9 * next)) + (Z / (3 * Math.Sqrt(next))), 3);
    }
}

/// <summary>One round value and how often each measure lay above it.</summary>
/// <param name="AboveNs">The value.</param>
/// <param name="EndToEnd">Corrected: from the intended send time.</param>
/// <param name="ServiceTime">Raw: from the hand-over.</param>
/// <param name="Residence">In the forwarder.</param>
/// <param name="Gap">Of the lanes that the result's gap is about, together.</param>
internal sealed record ExceedanceRow(
    long AboveNs, Exceeding? EndToEnd, Exceeding? ServiceTime, Exceeding? Residence, Exceeding? Gap);

/// <summary>What a run's histograms carry beyond percentiles.</summary>
internal static class RunStatistics
{
    private static readonly string[] Tags =
    [
        HistogramSet.EndToEnd, HistogramSet.ServiceTime, HistogramSet.Direct, HistogramSet.Residence,
        HistogramSet.Gap,
    ];

    /// <summary>The values of <see cref="Exceedance"/>, ns: 1, 2, 5, 10 us … 10 ms.</summary>
    public static readonly long[] Thresholds =
    [
        1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
        5_000_000, 10_000_000,
    ];

    /// <summary>Confidence of every measure that has a percentile.</summary>
    /// <param name="whole">The run's histograms.</param>
    /// <param name="intervals">The same interval by interval; empty: order statistics alone.</param>
    public static List<MeasureConfidence> Confidence(HistogramSet whole, HistogramSet intervals)
    {
        List<MeasureConfidence> all = [];
        foreach (string tag in Tags)
        {
            if (whole[tag] is HistogramBase histogram
                && MeasureConfidence.Of(histogram, intervals.AllOf(tag)) is MeasureConfidence confidence)
            {
                all.Add(confidence);
            }
        }

        return all;
    }

    /// <summary>Rates above every value of <see cref="Thresholds"/>.</summary>
    /// <param name="set">The run's histograms.</param>
    /// <param name="seconds">Measured time.</param>
    public static List<ExceedanceRow> Exceedance(HistogramSet set, double seconds) =>
    [
        .. Thresholds.Select(ns => new ExceedanceRow(ns,
            Exceeding.Of(set[HistogramSet.EndToEnd], ns, seconds),
            Exceeding.Of(set[HistogramSet.ServiceTime], ns, seconds),
            Exceeding.Of(set[HistogramSet.Residence], ns, seconds),
            Exceeding.Of(set[HistogramSet.Gap], ns, seconds))),
    ];
}
