using System.Globalization;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Searching;

/// <summary>Turns a measured trial into its row. Pure.</summary>
/// <param name="kind">ndr, pdr, latency, or curve.</param>
/// <param name="limits">What a trial has to hold; only the loss for ndr and pdr.</param>
internal sealed class TrialJudge(string kind, Promise limits)
{
    // Below this share of its rate the generator did not offer what was asked for: nothing is shown of it.
    private const double OfferedShareMin = 0.99;

    // So many more samples than the percentile needs: rates vary a little.
    private const double SamplesMargin = 1.5;

    /// <summary>What it judges by, in words.</summary>
    public string Criterion => kind == "curve" ? "anything" : string.Join(", ",
        (string[])[
            .. limits.LossMax is double loss ? [$"loss <= {Percent(loss)}"] : Array.Empty<string>(),
            .. limits.Percentiles.Select(p => string.Create(CultureInfo.InvariantCulture,
                $"p{p.Percent} <= {Units.Us(p.LimitNs)} us")),
            .. limits.MaxNs is long max ? [$"max <= {Units.Us(max)} us"] : Array.Empty<string>(),
        ]);

    /// <summary>Least length of a trial at a rate, so that its samples carry the percentiles;
    /// seconds.</summary>
    public double SecondsMin(double ratePps) => limits.Percentiles.Select(p =>
        (double)(Percentile.SamplesAboveMin * 100 / (100 - p.Percent)) * SamplesMargin / ratePps)
        .DefaultIfEmpty(0).Max();

    /// <summary>Judges.</summary>
    /// <param name="ratePps">Intended.</param>
    /// <param name="seconds">Intended.</param>
    /// <param name="measured">The trial.</param>
    public TrialRow Judge(double ratePps, double seconds, RunMeasurement measured)
    {
        RunResult run = measured.Result;
        Loss? loss = run.Loss;
        double ratio = loss is { Sent: > 0 } ? (double)loss.Lost / loss.Sent : 1;
        double achieved = run.Generator?.AchievedRate ?? 0;
        string why = "";
        // A Poisson count varies by its root: three of them are no shortfall.
        if (achieved < ratePps * OfferedShareMin * (1 - (3 / Math.Sqrt(Math.Max(1, loss?.Sent ?? 0)))))
        {
            why = $"generator: {Units.Rate(achieved)} pps";
        }
        else if (limits.LossMax is double most && ratio > most)
        {
            why = $"loss {Percent(ratio)}";
        }
        else if (limits.Judge(run, measured.Histograms)?.Rows.FirstOrDefault(row => !row.Met) is { } row)
        {
            why = row.Actual is double actual ? $"{row.Name} {row.TextOf(actual)}"
                : $"{row.Name}: too few samples";
        }

        bool isGood = why.Length == 0 || kind == "curve";
        return new TrialRow(Math.Round(ratePps, 1), Math.Round(seconds, 3), achieved, loss?.Sent ?? 0,
            loss?.Received ?? 0, loss?.Lost ?? 0, Math.Round(ratio, 9), run.EndToEnd, isGood, why);
    }

    /// <summary>What the search is told.</summary>
    public static TrialAnswer AnswerOf(TrialRow row)
    {
        double hint = Math.Min(row.AchievedPps, row.RatePps) * (1 - row.LossRatio);
        return new TrialAnswer(row.Good, hint > 0 ? hint : null);
    }

    private static string Percent(double share) =>
        (share * 100).ToString("0.####", CultureInfo.InvariantCulture) + " %";
}
