using System.Globalization;
using HdrHistogram;
using LowLatency.Control.Configuring;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Measuring;

/// <summary>Everything that a run is to show: latency limits, loss, and the load under which they hold.
/// Immutable.</summary>
/// <param name="Percentiles">Latency limits by percentile.</param>
/// <param name="MaxNs">Limit of the largest end-to-end latency, ns; null: none.</param>
/// <param name="LossMax">Limit of lost frames as a share of those sent; null: none.</param>
/// <param name="RatePps">Least rate, frames a second; null: any.</param>
/// <param name="DurationNs">Least measured time, ns; null: any.</param>
internal sealed record Promise(
    IReadOnlyList<Objective> Percentiles, long? MaxNs, double? LossMax, double? RatePps, long? DurationNs)
{
    // The generator counts as on time down to this share of its rate; so does a clock at the ends of a run.
    private const double FullShare = 0.99;

    /// <summary>Nothing.</summary>
    public static readonly Promise None = new([], null, null, null, null);

    /// <summary>From limits of a configuration or command line.</summary>
    public static Promise Of(IReadOnlyList<SloLimit> limits, double? ratePps, long? durationNs) => new(
        [.. limits.Where(limit => limit.Name[0] == 'p').Select(limit =>
            new Objective(decimal.Parse(limit.Name[1..], CultureInfo.InvariantCulture), limit.LimitNs))],
        limits.FirstOrDefault(limit => limit.Name == "max")?.LimitNs,
        limits.FirstOrDefault(limit => limit.Name == SloLimit.LossName)?.LossMax,
        ratePps,
        durationNs);

    /// <summary>Judges a run.</summary>
    /// <returns>Null: nothing was promised.</returns>
    public PromiseResult? Judge(RunResult run, HistogramSet histograms)
    {
        List<PromiseRow> rows = [];
        HistogramBase? endToEnd = histograms[HistogramSet.EndToEnd];
        foreach (Objective objective in Percentiles)
        {
            SloResult slo = objective.Judge(endToEnd);
            rows.Add(new PromiseRow(slo.Percentile, PromiseRow.Nanoseconds, slo.LimitNs, slo.ActualNs,
                slo.Met));
        }

        if (MaxNs is long maxNs)
        {
            long? actual = run.EndToEnd?.MaxNs;
            rows.Add(new PromiseRow("max", PromiseRow.Nanoseconds, maxNs, actual, actual <= maxNs));
        }

        if (LossMax is double lossMax)
        {
            double? actual = run.Loss is { Sent: > 0 } loss ? (double)loss.Lost / loss.Sent : null;
            rows.Add(new PromiseRow("loss", PromiseRow.Share, lossMax, actual, actual <= lossMax));
        }

        if (RatePps is double rate)
        {
            // A Poisson count varies by its root: three of them are no shortfall.
            double slack = 1 - (3 / Math.Sqrt(Math.Max(1, run.Loss?.Sent ?? 0)));
            double? actual = run.Generator?.AchievedRate;
            rows.Add(new PromiseRow("rate", PromiseRow.PerSecond, rate, actual,
                actual >= rate * FullShare * slack));
        }

        if (DurationNs is long duration)
        {
            double seconds = duration / 1e9;
            rows.Add(new PromiseRow("duration", PromiseRow.Seconds, seconds, run.DurationSeconds,
                run.DurationSeconds >= seconds * FullShare));
        }

        return rows.Count == 0 ? null
            : new PromiseResult(rows.TrueForAll(row => row.Met), rows, Budget.Of(rows, histograms));
    }
}

/// <summary>One promise and what was measured.</summary>
/// <param name="Name">p99.99, max, loss, rate, duration.</param>
/// <param name="Unit">ns, share, pps or s.</param>
/// <param name="Limit">At most; of rate and duration: at least.</param>
/// <param name="Actual">Measured; null: not measured, or too few samples.</param>
/// <param name="Met">Whether it holds.</param>
internal sealed record PromiseRow(string Name, string Unit, double Limit, double? Actual, bool Met)
{
    /// <summary>Units of <see cref="Unit"/>.</summary>
    public const string Nanoseconds = "ns";

    /// <inheritdoc cref="Nanoseconds"/>
    public const string Share = "share";

    /// <inheritdoc cref="Nanoseconds"/>
    public const string PerSecond = "pps";

    /// <inheritdoc cref="Nanoseconds"/>
    public const string Seconds = "s";

    /// <summary>A value for eyes.</summary>
    public string TextOf(double value) => Unit switch
    {
        Nanoseconds => $"{Units.Us(value)} us",
        Share => (value * 100).ToString("0.######", CultureInfo.InvariantCulture) + " %",
        PerSecond => $"{Units.Rate(value)} pps",
        _ => value.ToString("0.0##", CultureInfo.InvariantCulture) + " s",
    };

    /// <summary>The row as one line.</summary>
    public override string ToString() =>
        $"{Name} {(Unit is PerSecond or Seconds ? ">=" : "<=")} {TextOf(Limit)}: "
        + $"{(Actual is double actual ? TextOf(actual) : "not measured")}, {(Met ? "met" : "not met")}";
}

/// <summary>What became of all that was promised.</summary>
/// <param name="Met">All of it holds.</param>
/// <param name="Rows">In the order of the file.</param>
/// <param name="Budget">What took the time; null without a latency limit.</param>
internal sealed record PromiseResult(bool Met, IReadOnlyList<PromiseRow> Rows, Budget? Budget)
{
    /// <summary>Reasons against the run beside those of the percentiles, which <see cref="Judgement"/> gives.
    /// </summary>
    public IEnumerable<string> Missed => Rows.Where(row => !row.Met).Select(row => row.Name switch
    {
        ['p', ..] => "",
        "rate" or "duration" => $"objective not shown: {row}",
        _ => $"objective missed: {row}",
    }).Where(line => line.Length > 0);
}
