using System.Globalization;
using HdrHistogram;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>The three plots of a run's page.</summary>
internal static class RunCharts
{
    private const double OneInMax = 100_000; // the curves end at 99.999 %
    private static readonly (double OneIn, string Text)[] PercentTicks =
    [
        (1, "0"), (2, "50"), (10, "90"), (100, "99"), (1_000, "99.9"), (10_000, "99.99"), (100_000, "99.999"),
    ];

    /// <summary>Percentile curves: x is how rare, y how long, both logarithmic. A curve ends where fewer than
    /// ten samples lie above it, as the table does.</summary>
    public static string Percentiles(IReadOnlyList<(string Name, HistogramBase? Histogram,
        int Colour)> series)
    {
        Chart chart = new(400, "Latency by percentile");
        List<(string Name, HistogramBase Histogram, int Colour)> filled =
            [.. series.Where(s => s.Histogram?.TotalCount > 0).Select(s => (s.Name, s.Histogram!, s.Colour))];
        List<List<(double OneIn, double Us)>> curves = [.. filled.Select(s => CurveOf(s.Histogram))];
        List<double> values = [.. curves.SelectMany(c => c.Select(p => p.Us)).Where(v => v > 0)];
        if (values.Count == 0)
        {
            return "<p class=\"soft\">No samples.</p>\n";
        }

        ChartScale x = new(1, OneInMax, Chart.X.From, Chart.X.To, isLog: true);
        ChartScale y = new(Math.Max(values.Min() * 0.8, 0.01), values.Max() * 1.25, chart.Y.From, chart.Y.To,
            isLog: true);
        chart.DrawX(x, PercentTicks, "percentile");
        chart.DrawY(y, y.Ticks(6).Select(v => (v, Tick(v))), "microseconds");
        for (int i = 0; i < filled.Count; i++)
        {
            chart.Curve([.. curves[i].Select(p => (x.At(p.OneIn), y.At(p.Us)))], filled[i].Colour);
            chart.Legend(filled[i].Name, filled[i].Colour);
        }

        return chart.Finish();
    }

    /// <summary>p50, p99 and max of each second.</summary>
    public static string Timeline(RunTimeline timeline)
    {
        (string Name, Func<Interval, long?> Of, int Colour)[] series =
        [
            ("end-to-end p50", i => i.P50Ns, 0), ("p99", i => i.P99Ns, 1), ("max", i => i.MaxNs, 5),
            ("direct p50", i => i.DirectP50Ns, 2), ("longest gap", i => i.GapMaxNs, 4),
        ];
        List<double> values = [.. timeline.Intervals.SelectMany(i => series.Select(s => s.Of(i)))
            .OfType<long>().Where(v => v > 0).Select(v => v / 1000.0)];
        if (values.Count == 0)
        {
            return "<p class=\"soft\">No samples.</p>\n";
        }

        Chart chart = new(320, "Latency by second");
        double end = timeline.Intervals.Max(i => i.AtSeconds);
        ChartScale x = new(0, end, Chart.X.From, Chart.X.To, isLog: false);
        ChartScale y = new(Math.Max(values.Min() * 0.8, 0.01), values.Max() * 1.25, chart.Y.From, chart.Y.To,
            isLog: true);
        chart.DrawX(x, x.Ticks(10).Select(v => (v, Tick(v))), "seconds since the baseline");
        chart.DrawY(y, y.Ticks(6).Select(v => (v, Tick(v))), "microseconds");
        double warm = timeline.Intervals.Where(i => i.IsWarmup).Select(i => i.AtSeconds).DefaultIfEmpty(0)
            .Max();
        if (warm > 0)
        {
            chart.Shade(x.At(0), x.At(warm), "warm-up");
        }

        foreach ((string name, Func<Interval, long?> of, int colour) in series)
        {
            List<(double X, double Y)> points = [.. timeline.Intervals.Where(i => of(i) > 0)
                .Select(i => (x.At(i.AtSeconds), y.At(of(i)!.Value / 1000.0)))];
            if (points.Count > 0)
            {
                chart.Curve(points, colour);
                points.ForEach(p => chart.Dot(p.X, p.Y, 2.5, colour, name));
                chart.Legend(name, colour);
            }
        }

        return chart.Finish();
    }

    /// <summary>When lanes did not turn, and for how long.</summary>
    public static string Gaps(RunTimeline timeline)
    {
        if (timeline.Gaps.Count == 0)
        {
            return "<p class=\"soft\">No gap was over the threshold.</p>\n";
        }

        Chart chart = new(300, "Gaps by time");
        double end = Math.Max(timeline.Intervals.Select(i => i.AtSeconds).DefaultIfEmpty(0).Max(),
            timeline.Gaps.Max(g => Seconds(timeline, g)));
        ChartScale x = new(0, end, Chart.X.From, Chart.X.To, isLog: false);
        ChartScale y = new(timeline.Gaps.Min(g => g.LengthNs) / 1250.0,
            timeline.Gaps.Max(g => g.LengthNs) / 800.0,
            chart.Y.From, chart.Y.To, isLog: true);
        chart.DrawX(x, x.Ticks(10).Select(v => (v, Tick(v))), "seconds since the baseline");
        chart.DrawY(y, y.Ticks(5).Select(v => (v, Tick(v))), "gap, microseconds");
        string[] lanes = [.. timeline.Gaps.Select(Who).Distinct().Order(StringComparer.Ordinal)];
        foreach (GapRecord gap in timeline.Gaps)
        {
            int colour = Array.IndexOf(lanes, Who(gap)) % 6;
            string at = Seconds(timeline, gap).ToString("0.000000", CultureInfo.InvariantCulture);
            chart.Dot(x.At(Seconds(timeline, gap)), y.At(gap.LengthNs / 1000.0), 3, colour,
                $"{Who(gap)}: {Units.Us(gap.LengthNs)} us at {at} s, {gap.Regime}, turn {gap.Turn}, "
                    + $"{gap.Frames} frames");
        }

        for (int i = 0; i < lanes.Length && i < 6; i++)
        {
            chart.Legend(lanes[i], i);
        }

        return chart.Finish();
    }

    private static List<(double OneIn, double Us)> CurveOf(HistogramBase histogram)
    {
        double last = Math.Min(OneInMax, (double)histogram.TotalCount / Percentile.SamplesAboveMin);
        List<(double, double)> points = [];
        for (double oneIn = 1; oneIn <= last * 1.0001; oneIn *= 1.08)
        {
            points.Add((oneIn, histogram.GetValueAtPercentile(100 * (1 - (1 / oneIn))) / 1000.0));
        }

        if (last > 1)
        {
            points.Add((last, histogram.GetValueAtPercentile(100 * (1 - (1 / last))) / 1000.0));
        }

        return points;
    }

    private static string Who(GapRecord gap) => $"{gap.Process}/{gap.Lane}";

    private static double Seconds(RunTimeline timeline, GapRecord gap) =>
        (gap.StartNs - timeline.StartNs) / 1e9;

    private static string Tick(double value) => value.ToString("#,0.###", CultureInfo.InvariantCulture)
        .Replace(',', ' ');
}
