using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>B / A of one percentile, and the interval in which the true ratio lies with 99 %
/// confidence.</summary>
/// <param name="Value">The ratio.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
/// <param name="IsAcrossRuns">From how runs of one side differ: it knows what changes from run to run. False:
/// from the intervals within one run a side, which does not.</param>
internal sealed record RatioInterval(double Value, double Low, double High, bool IsAcrossRuns)
{
    /// <summary>Runs of a side from which on they are judged by how they differ.</summary>
    public const int RunsMin = 3;

    /// <summary>From one value a run. Paired (the n-th of A with the n-th of B, one-sample t of the log
    /// ratios) where runs alternated, so that what drifts meets both; else Welch's t of the logs: B. L.
    /// Welch, Biometrika 34, 1947.</summary>
    /// <returns>Null: fewer than <see cref="RunsMin"/> runs on a side.</returns>
    public static RatioInterval? AcrossRuns(double[] a, double[] b, bool arePaired)
    {
        if (Math.Min(a.Length, b.Length) < RunsMin)
        {
            return null;
        }

        double[] logA = [.. a.Select(v => Math.Log(v))], logB = [.. b.Select(v => Math.Log(v))];
        double difference = logB.Average() - logA.Average();
        double half;
        if (arePaired && a.Length == b.Length)
        {
            double[] pairs = [.. logB.Zip(logA, (y, x) => y - x)];
            half = StudentT.Critical(pairs.Length - 1) * Math.Sqrt(Variance(pairs) / pairs.Length);
        }
        else
        {
            double ofA = Variance(logA) / a.Length, ofB = Variance(logB) / b.Length;
            double sum = ofA + ofB;
            double freedom = sum == 0 ? Math.Min(a.Length, b.Length) - 1
                : sum * sum / ((ofA * ofA / (a.Length - 1)) + (ofB * ofB / (b.Length - 1)));
            half = StudentT.Critical(freedom) * Math.Sqrt(sum);
        }

        return Of(difference, -half, half, isAcrossRuns: true);
    }

    /// <summary>From the intervals of a percentile in one or two runs a side: their logs' distances are added
    /// as errors that have nothing to do with each other. G. Y. Zou, A. Donner, Construction of confidence
    /// limits about effect measures: a general approach, Statistics in Medicine 27, 2008.</summary>
    /// <returns>Null: too few intervals.</returns>
    public static RatioInterval? WithinRuns(
        double a, double b, BlockSeries ofA, BlockSeries ofB, Percentile percentile)
    {
        if (BatchMeans.Of(ofA, percentile) is not (long lowA, long highA)
            || BatchMeans.Of(ofB, percentile) is not (long lowB, long highB))
        {
            return null;
        }

        return Of(Log(b) - Log(a), -Both(Log(b) - Log(lowB), Log(highA) - Log(a)),
            Both(Log(highB) - Log(b), Log(a) - Log(lowA)), isAcrossRuns: false);
    }

    private static double Log(double ns) => Math.Log(Math.Max(1, ns));

    private static double Both(double one, double other) => Math.Sqrt((one * one) + (other * other));

    private static RatioInterval Of(double log, double low, double high, bool isAcrossRuns) =>
        new(Math.Exp(log), Math.Exp(log + low), Math.Exp(log + high), isAcrossRuns);

    private static double Variance(double[] values)
    {
        double mean = values.Average();
        return values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1);
    }
}

/// <summary>The runs of one side of a comparison.</summary>
internal sealed class ComparedRuns
{
    private readonly HistogramSet _whole = new();
    private readonly Dictionary<string, BlockSeries> _series = [];

    /// <summary>Takes runs; at least one.</summary>
    public ComparedRuns(IReadOnlyList<(RunDocument Run, string Name)> runs)
    {
        Runs = [.. runs.Select(r => r.Run)];
        Name = string.Join(", ", runs.Select(r => r.Name));
        foreach (string tag in Runs.SelectMany(r => r.Histograms?.All ?? []).Select(h => h.Tag).Distinct())
        {
            HdrHistogram.LongHistogram sum = Histograms.New();
            foreach (RunDocument run in Runs.Where(r => r.Histograms?[tag] is not null))
            {
                sum.Add(run.Histograms![tag]!);
            }

            _whole.Add(tag, sum);
            _series[tag] = BlockSeries.Of(Runs.SelectMany(r => r.Intervals?.AllOf(tag) ?? []));
        }
    }

    /// <summary>The runs, in the order given.</summary>
    public RunDocument[] Runs { get; }

    /// <summary>Names of their folders.</summary>
    public string Name { get; }

    /// <summary>The first: what else differs is told of it.</summary>
    public RunDocument First => Runs[0];

    /// <summary>All runs' samples; null when no run has the measure.</summary>
    public HdrHistogram.HistogramBase? Whole(string tag) => _whole[tag];

    /// <summary>All runs' intervals.</summary>
    public BlockSeries Series(string tag) => _series[tag];

    /// <summary>A percentile of each run; null: refused in one of them.</summary>
    public double[]? Values(string tag, Percentile percentile)
    {
        double?[] values = [.. Runs.Select(run => run.Histograms?[tag] is { } histogram
            && !percentile.IsRefused(histogram.TotalCount)
            ? Math.Max(1, histogram.GetValueAtPercentile(percentile.Percent)) : (double?)null)];
        return values.Contains(null) ? null : [.. values.Select(v => v!.Value)];
    }

    /// <summary>True when the runs of both sides took turns: A B A B, or B A B A.</summary>
    public static bool AreInterleaved(ComparedRuns a, ComparedRuns b)
    {
        int count = Math.Min(a.Runs.Length, b.Runs.Length);
        bool isEqual = a.Runs.Length == b.Runs.Length;
        for (int i = 1; i < count && isEqual; i++)
        {
            DateTime before = Later(a, b, i - 1), after = Earlier(a, b, i);
            isEqual = before < after;
        }

        return isEqual;
    }

    private static DateTime Later(ComparedRuns a, ComparedRuns b, int i) => new(Math.Max(
        a.Runs[i].Manifest.StartUtc.Ticks, b.Runs[i].Manifest.StartUtc.Ticks), DateTimeKind.Utc);

    private static DateTime Earlier(ComparedRuns a, ComparedRuns b, int i) => new(Math.Min(
        a.Runs[i].Manifest.StartUtc.Ticks, b.Runs[i].Manifest.StartUtc.Ticks), DateTimeKind.Utc);
}
