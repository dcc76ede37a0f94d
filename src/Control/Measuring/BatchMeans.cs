namespace LowLatency.Control.Measuring;

/// <summary>How sure a percentile is where samples depend on each other: the share of samples above it is
/// counted batch by batch (few and long ones, so that what latency remembers stays within one), the batches'
/// spread gives the error of the share by Student's distribution, and the values at the shares so far below and
/// above are the interval's ends. Batch means: A. M. Law, Simulation Modeling and Analysis, ch. 9; from shares
/// to values: R. S. Woodruff, Confidence Intervals for Medians and Other Position Measures, JASA 47,
/// 1952. The ends are always values that occurred.</summary>
internal static class BatchMeans
{
    /// <summary>Intervals below which nothing can be said of how they differ.</summary>
    public const int IntervalsMin = 8;

    private const int BatchesWanted = 5; // fewer cost too much by Student's quantile, more are too short

    /// <summary>Neighbours that make a batch, of <paramref name="intervals"/>.</summary>
    public static int BatchLength(int intervals) => Math.Max(2, intervals / BatchesWanted);

    /// <summary>The 99 % interval of a percentile.</summary>
    /// <returns>Null: fewer than <see cref="IntervalsMin"/> intervals.</returns>
    public static (long LowNs, long HighNs)? Of(BlockSeries series, Percentile percentile)
    {
        if (series.Count < IntervalsMin)
        {
            return null;
        }

        double p = 1 - (1.0 / percentile.OneIn);
        double n = series.Total;
        long value = series.ValueAtRank((long)Math.Ceiling(n * p));
        double[] residuals = Residuals(series.Above(value), BatchLength(series.Count));
        int batches = residuals.Length;
        double error = Math.Sqrt(residuals.Sum(r => r * r) * batches / (batches - 1));
        double spread = StudentT.Critical(batches - 1) * error;
        return (series.ValueAtRank((long)Math.Floor((n * p) - spread)),
            series.ValueAtRank((long)Math.Ceiling((n * p) + spread) + 1));
    }

    // Samples above, less what is the batch's part of all that are.
    private static double[] Residuals((long Above, long Total)[] intervals, int length)
    {
        double share = intervals.Sum(i => (double)i.Above) / intervals.Sum(i => (double)i.Total);
        int batches = Math.Max(2, intervals.Length / length);
        double[] residuals = new double[batches];
        for (int i = 0; i < intervals.Length; i++)
        {
            residuals[(int)((long)i * batches / intervals.Length)] +=
                intervals[i].Above - (share * intervals[i].Total);
        }

        return residuals;
    }
}

/// <summary>Two-sided 99 % quantiles of Student's distribution.</summary>
internal static class StudentT
{
    /// <summary>The normal distribution's.</summary>
    public const double Normal = 2.5758;

    // By degrees of freedom from 1; any table of the distribution, column 0.995.
    private static readonly double[] Table =
    [
        63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977,
        2.947, 2.921, 2.898, 2.878, 2.861, 2.845, 2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763,
        2.756, 2.750,
    ];

    /// <summary>The quantile for <paramref name="freedom"/> degrees; between two of the table the wider
    /// one.</summary>
    public static double Critical(double freedom)
    {
        int whole = Math.Max(1, (int)freedom);
        return whole <= Table.Length ? Table[whole - 1]
            : Normal + (((Normal * Normal * Normal) + Normal) / (4 * freedom)); // Fisher's first term
    }
}
