namespace LowLatency.Control.Measuring;

/// <summary>How far a percentile would move in another run of the same length: the run's intervals are drawn
/// again, in blocks of neighbours, because latency now says something of latency a second later. Circular
/// block bootstrap: D. N. Politis, J. P. Romano, 1992. Deterministic: the seed is fixed.</summary>
internal static class BlockBootstrap
{
    /// <summary>Intervals below which nothing can be said of how they differ.</summary>
    public const int IntervalsMin = 8;

    private const int Draws = 2000;
    private const int Seed = 20_260_304;

    /// <summary>Neighbours that are drawn together, of <paramref name="intervals"/>: a fifth. Few and long
    /// on purpose, as batch means are: blocks shorter than what latency remembers promise too much, and how
    /// long that is, a run does not tell; what five blocks cost, Student's quantile pays.</summary>
    public static int BlockLength(int intervals) => Math.Max(2, intervals / 5);

    /// <summary>The 99 % interval of the percentile's logarithm, as distances from the value
    /// itself.</summary>
    /// <returns>At most 0 and at least 0; null: fewer than <see cref="IntervalsMin"/> intervals.</returns>
    public static (double Low, double High)? Spread(BlockSeries series, long oneIn) =>
        series.Count < IntervalsMin ? null
            : Spread(Deviations(series, oneIn, Seed), Widening(series.Count));

    /// <summary>The 99 % interval of log(B / A), as distances from its value: both drawn by
    /// themselves.</summary>
    /// <returns>As <see cref="Spread(BlockSeries, long)"/>.</returns>
    public static (double Low, double High)? SpreadOfRatio(BlockSeries a, BlockSeries b, long oneIn)
    {
        if (Math.Min(a.Count, b.Count) < IntervalsMin)
        {
            return null;
        }

        double[] ofA = Deviations(a, oneIn, Seed), ofB = Deviations(b, oneIn, Seed + 1);
        return Spread([.. ofA.Zip(ofB, (x, y) => y - x)], Widening(Math.Min(a.Count, b.Count)));
    }

    private static (double Low, double High) Spread(double[] deviations, double widening)
    {
        Array.Sort(deviations);
        int cut = (int)(Draws * (1 - StudentT.Confidence) / 2);
        return (Math.Min(0, deviations[cut] * widening), Math.Max(0, deviations[^(cut + 1)] * widening));
    }

    // Few blocks spread less than the world they came from: n/(n-1), and Student's quantile for the normal's.
    private static double Widening(int intervals)
    {
        double blocks = Math.Max(2, (double)intervals / BlockLength(intervals));
        return StudentT.Critical(blocks - 1) / StudentT.Normal * Math.Sqrt(blocks / (blocks - 1));
    }

    private static double[] Deviations(BlockSeries series, long oneIn, int seed)
    {
        int count = series.Count, length = BlockLength(count);
        int[] weights = new int[count];
        Array.Fill(weights, 1);
        double value = Math.Log(series.ValueAt(weights, oneIn));
        Random random = new(seed);
        double[] deviations = new double[Draws];
        for (int draw = 0; draw < Draws; draw++)
        {
            Array.Clear(weights);
            for (int taken = 0; taken < count;)
            {
                int start = random.Next(count);
                for (int i = 0; i < length && taken < count; i++, taken++)
                {
                    weights[(start + i) % count]++;
                }
            }

            deviations[draw] = Math.Log(series.ValueAt(weights, oneIn)) - value;
        }

        return deviations;
    }
}

/// <summary>Two-sided 99 % quantiles of Student's distribution.</summary>
internal static class StudentT
{
    /// <summary>The confidence of every interval of the product.</summary>
    public const double Confidence = 0.99;

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
