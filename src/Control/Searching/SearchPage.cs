using System.Globalization;
using System.Text;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Searching;

/// <summary>A search as one self-contained page: the answer, the curve, every trial.</summary>
internal static class SearchPage
{
    /// <summary>Renders.</summary>
    public static string Render(SearchDocument document)
    {
        SearchResult search = document.Result;
        StringBuilder body = new();
        string kind = search.Ok ? "good" : "bad";
        string word = !search.Ok ? "NOT OK" : search.IsComplete ? "OK" : "PARTIAL";
        string title = $"lowlat load, {search.Kind}: {SearchText.Headline(search)}";
        string at = document.Manifest.StartUtc.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        string held = search.Kind == "curve" ? "" : $"a trial holds: {HtmlText.Escape(search.Criterion)}; ";
        body.Append($"<p><span class=\"verdict {kind}\">{word}</span></p>\n")
            .Append($"<h1>{HtmlText.Escape(title)}</h1>\n")
            .Append($"<p class=\"soft\">{held}")
            .Append($"{HtmlText.Escape(search.Why)}; started {at} UTC</p>\n");
        foreach (string note in search.Notes)
        {
            body.Append($"<p class=\"warn\">{HtmlText.Escape(note)}</p>\n");
        }

        body.Append("<h2>Latency by rate</h2>\n").Append(Curve(search));
        WriteRows(body, "Curve", search.Curve, hasVerdict: false);
        WriteRows(body, "Trials", search.Trials, hasVerdict: true);
        return HtmlText.Page(title, body.ToString());
    }

    /// <summary>Latency against rate; x the achieved rate, y logarithmic. From the curve; without one from
    /// the longest trial of each rate.</summary>
    public static string Curve(SearchResult search)
    {
        List<TrialRow> rows = [.. (search.Curve.Count > 0 ? search.Curve
            : search.Trials.GroupBy(row => row.RatePps)
                .Select(group => group.MaxBy(row => row.EndToEnd?.Count ?? 0)!))
            .Where(row => row.EndToEnd is { Count: > 0 } && row.AchievedPps > 0).OrderBy(r => r.AchievedPps)];
        (string Name, Func<LatencySummary, long?> Of, int Colour)[] series =
        [
            ("p50", s => s.P50Ns, 0), ("p99", s => s.P99Ns, 1), ("p99.9", s => s.P999Ns, 2),
            ("p99.99", s => s.P9999Ns, 3), ("max", s => s.MaxNs, 5),
        ];
        List<double> values = [.. rows.SelectMany(row => series.Select(s => s.Of(row.EndToEnd!)))
            .OfType<long>().Where(ns => ns > 0).Select(ns => ns / 1000.0)];
        if (values.Count == 0)
        {
            return "<p class=\"soft\">No samples.</p>\n";
        }

        Chart chart = new(400, "Latency by rate");
        ChartScale x = new(0, rows.Max(row => row.AchievedPps) * 1.05, Chart.X.From, Chart.X.To,
            isLog: false);
        ChartScale y = new(values.Min() * 0.8, values.Max() * 1.25, chart.Y.From, chart.Y.To, isLog: true);
        chart.DrawX(x, x.Ticks(8).Select(v => (v, Units.Short((long)v))), "frames a second, achieved");
        chart.DrawY(y, y.Ticks(6).Select(v => (v, v.ToString("#,0.###", CultureInfo.InvariantCulture)
            .Replace(',', ' '))), "microseconds");
        if (search is { LowerPps: double lower, UpperPps: double upper })
        {
            chart.Shade(x.At(lower), x.At(upper), search.Kind);
        }

        foreach ((string name, Func<LatencySummary, long?> of, int colour) in series)
        {
            List<(TrialRow Row, double Us)> shown = [.. rows.Where(row => of(row.EndToEnd!) > 0)
                .Select(row => (row, of(row.EndToEnd!)!.Value / 1000.0))];
            if (shown.Count > 0)
            {
                chart.Curve([.. shown.Select(p => (x.At(p.Row.AchievedPps), y.At(p.Us)))], colour);
                shown.ForEach(p => chart.Dot(x.At(p.Row.AchievedPps), y.At(p.Us), 3, colour,
                    $"{name} {Units.Us(p.Us * 1000)} us at {Units.Rate(p.Row.AchievedPps)} pps"));
                chart.Legend(name, colour);
            }
        }

        return chart.Finish();
    }

    private static void WriteRows(
        StringBuilder body, string title, IReadOnlyList<TrialRow> rows, bool hasVerdict)
    {
        if (rows.Count == 0)
        {
            return;
        }

        string[] heads = ["pps", "s", "sent %", "loss %", "p50 µs", "p99 µs", "p99.9 µs", "p99.99 µs",
            "max µs"];
        body.Append($"<h2>{title}</h2>\n").Append(HtmlText.Table(
            [.. heads, .. hasVerdict ? ["<"] : Array.Empty<string>()],
            rows.Select(row => (string[])[.. SearchText.Cells(row, "–"), .. hasVerdict
                ? [row.Good ? "good" : row.Why] : Array.Empty<string>()])));
    }
}
