using System.Globalization;
using HdrHistogram;

namespace LowLatency.Control.Measuring;

/// <summary>What took the time of a latency limit: the parts of the way at the limit's percentile.
/// Percentiles of parts do not add up to that of the whole; they show which part is large.</summary>
/// <param name="Name">The limit it is about: the one missed by most, or met by least.</param>
/// <param name="LimitNs">Limit, ns.</param>
/// <param name="Rows">The whole first, then its parts.</param>
internal sealed record Budget(string Name, long LimitNs, IReadOnlyList<BudgetRow> Rows)
{
    // In the order of a frame's way.
    private static readonly (string Tag, string Part)[] Parts =
    [
        (HistogramSet.EndToEnd, "end to end, through"), (HistogramSet.Lateness, "generator late"),
        (HistogramSet.Direct, "direct floor"), (HistogramSet.RxWait, "wait before the lane"),
        (HistogramSet.Residence, "residence in the lane"),
    ];

    /// <summary>Makes the budget of the tightest latency row.</summary>
    /// <returns>Null: no latency was promised or measured.</returns>
    public static Budget? Of(IReadOnlyList<PromiseRow> rows, HistogramSet histograms)
    {
        PromiseRow? tightest = rows.Where(row => row.Unit == PromiseRow.Nanoseconds && row.Actual is not null)
            .MaxBy(row => row.Actual / row.Limit);
        if (tightest is null)
        {
            return null;
        }

        double percent = tightest.Name == "max" ? 100
            : double.Parse(tightest.Name[1..], CultureInfo.InvariantCulture);
        List<BudgetRow> parts = [];
        foreach ((string tag, string part) in Parts.Concat(histograms.All
            .Where(h => h.Tag.StartsWith(HistogramSet.StagePrefix, StringComparison.Ordinal))
            .Select(h => (h.Tag, h.Tag.Replace('.', ' ')))))
        {
            if (histograms[tag] is { TotalCount: > 0 } histogram)
            {
                parts.Add(Row(part, histogram, percent, tightest.Limit));
            }
        }

        return new Budget(tightest.Name, (long)tightest.Limit, parts);
    }

    private static BudgetRow Row(string part, HistogramBase histogram, double percent, double limitNs)
    {
        bool isCarried = percent >= 100
            || histogram.TotalCount * (100 - percent) / 100 >= Percentile.SamplesAboveMin;
        long? at = isCarried ? histogram.GetValueAtPercentile(percent) : null;
        long? median = Percentile.All[0].IsRefused(histogram.TotalCount) ? null
            : histogram.GetValueAtPercentile(50);
        return new BudgetRow(part, median, at, at is long ns ? Math.Round(ns / limitNs, 4) : null);
    }
}

/// <summary>One part of the way.</summary>
/// <param name="Part">In words.</param>
/// <param name="P50Ns">Its median, ns; null: too few samples.</param>
/// <param name="AtNs">Its value at the limit's percentile, ns; null: too few samples.</param>
/// <param name="Share">That of the limit: 0.5 is half of what was allowed.</param>
internal sealed record BudgetRow(string Part, long? P50Ns, long? AtNs, double? Share);
