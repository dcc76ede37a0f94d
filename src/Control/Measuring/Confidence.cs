using HdrHistogram;

namespace LowLatency.Control.Measuring;

/// <summary>How sure the percentiles of one measure are.</summary>
/// <param name="Measure">Its tag: endToEnd, residence.</param>
/// <param name="Method">order-statistics; or order-statistics+batch-means, where the run has intervals
/// enough: then the wider of the two.</param>
/// <param name="Intervals">Intervals that hold a sample.</param>
/// <param name="BlockIntervals">Neighbours that made a batch; 0: there were no batches.</param>
/// <param name="Percentiles">Those that are not refused.</param>
internal sealed record MeasureConfidence(
    string Measure, string Method, int Intervals, int BlockIntervals,
    IReadOnlyList<PercentileBounds> Percentiles)
{
    /// <summary>Judges one measure.</summary>
    /// <param name="whole">The run's histogram.</param>
    /// <param name="intervals">The same, interval by interval.</param>
    /// <returns>Null: every percentile is refused.</returns>
    public static MeasureConfidence? Of(HistogramBase whole, IEnumerable<HistogramBase> intervals)
    {
        BlockSeries series = BlockSeries.Of(intervals);
        bool hasBlocks = series.Count >= BatchMeans.IntervalsMin;
        List<PercentileBounds> bounds = [];
        foreach (Percentile percentile in Percentile.All)
        {
            if (PercentileInterval.Of(whole, percentile, series) is PercentileInterval interval)
            {
                bounds.Add(new(percentile.Name, interval.ValueNs, interval.LowNs, interval.HighNs));
            }
        }

        return bounds.Count == 0 ? null : new MeasureConfidence(
            whole.Tag ?? "", hasBlocks ? "order-statistics+batch-means" : "order-statistics",
            series.Count, hasBlocks ? BatchMeans.BatchLength(series.Count) : 0, bounds);
    }
}

/// <summary>A percentile and the interval in which the true one lies with 99 % confidence, ns.</summary>
internal sealed record PercentileBounds(string Name, long ValueNs, long LowNs, long HighNs);

/// <summary>A percentile and the interval in which the true one lies with 99 % confidence, ns.</summary>
internal sealed record PercentileInterval(long ValueNs, long LowNs, long HighNs)
{
    /// <summary>By order statistics: the number of samples below the true p-quantile is binomial(n, p), so
    /// the samples of rank np ∓ z·sqrt(np(1-p)) enclose it, whatever the distribution, if samples are
    /// independent. W. J. Conover, Practical Nonparametric Statistics, 3rd ed., §3.2; G. J. Hahn,
    /// W. Q. Meeker, Statistical Intervals, §5.2.</summary>
    /// <returns>Null when the percentile is refused.</returns>
    public static PercentileInterval? Of(HistogramBase? histogram, Percentile percentile)
    {
        long n = histogram?.TotalCount ?? 0;
        if (histogram is null || percentile.IsRefused(n))
        {
            return null;
        }

        double p = 1 - (1.0 / percentile.OneIn);
        double spread = StudentT.Normal * Math.Sqrt(n * p * (1 - p));
        long low = Math.Clamp((long)Math.Floor((n * p) - spread), 1, n);
        long high = Math.Clamp((long)Math.Ceiling((n * p) + spread) + 1, 1, n);
        return new PercentileInterval(
            histogram.GetValueAtPercentile(percentile.Percent),
            histogram.LowestEquivalentValue(histogram.GetValueAtPercentile(100.0 * low / n)),
            histogram.GetValueAtPercentile(100.0 * high / n));
    }

    /// <summary>The wider of order statistics and, where there are intervals enough, batch means: samples of a
    /// run are not independent.</summary>
    /// <returns>Null when the percentile is refused.</returns>
    public static PercentileInterval? Of(
        HistogramBase? histogram, Percentile percentile, BlockSeries? intervals)
    {
        PercentileInterval? ranks = Of(histogram, percentile);
        if (ranks is null || intervals is null
            || BatchMeans.Of(intervals, percentile) is not (long low, long high))
        {
            return ranks;
        }

        return new PercentileInterval(ranks.ValueNs,
            Math.Min(ranks.LowNs, low), Math.Max(ranks.HighNs, high));
    }
}
