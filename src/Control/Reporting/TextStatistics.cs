using System.Globalization;
using System.Text;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>How sure a run's latencies are and how often they were exceeded, as text and as HTML.</summary>
internal static class TextStatistics
{
    private const string IntervalRule = "99 % interval of percentiles, us: order statistics or (if wider) "
        + "batch means of intervals";

    private const string RateRule = "Above, times a second of measured time; in brackets at most, 95 % "
        + "(no event: 3 / time measured)";

    /// <summary>Appends both tables and what was left out; nothing for a run of an older version.</summary>
    public static void Write(StringBuilder text, RunResult run)
    {
        if (run.Window is RunWindow window)
        {
            text.Append("  ").Append(Text(window)).Append('\n');
        }

        if (run.Confidence is { Count: > 0 } confidence)
        {
            text.Append('\n').Append(IntervalRule).Append('\n');
            TextTable table = new(["measure", "intervals", .. Names(confidence).Select(n => "<" + n)]);
            foreach (string[] row in Rows(confidence))
            {
                table.Add(row);
            }

            table.WriteTo(text);
        }

        if (run.Exceedance is { Count: > 0 } exceedance)
        {
            text.Append('\n').Append(RateRule).Append('\n');
            TextTable table = new(Heads(exceedance));
            foreach (string[] row in Rows(exceedance))
            {
                table.Add(row);
            }

            table.WriteTo(text);
        }
    }

    /// <summary>The same as a page's part.</summary>
    public static void WriteHtml(StringBuilder body, RunResult run)
    {
        if (run.Window is RunWindow window)
        {
            body.Append($"<p class=\"soft small\">{HtmlText.Escape(Text(window))}</p>\n");
        }

        if (run.Confidence is { Count: > 0 } confidence)
        {
            body.Append("<h2>Confidence</h2>\n").Append(HtmlText.Table(
                ["measure", "intervals", .. Names(confidence).Select(n => "<" + n)], Rows(confidence)))
                .Append($"<p class=\"soft small\">{HtmlText.Escape(IntervalRule)}</p>\n");
        }

        if (run.Exceedance is { Count: > 0 } exceedance)
        {
            body.Append("<h2>Exceedance</h2>\n")
                .Append(HtmlText.Table(Heads(exceedance), Rows(exceedance)))
                .Append($"<p class=\"soft small\">{HtmlText.Escape(RateRule)}</p>\n");
        }
    }

    private static string Text(RunWindow window) => string.Create(CultureInfo.InvariantCulture,
        $"measured {window.MeasuredSeconds:0.0} s; left out: warm-up {window.WarmupSeconds:0.0} s before, "
        + $"draining {window.DrainSeconds:0.0} s after");

    private static List<string> Names(IReadOnlyList<MeasureConfidence> confidence) =>
        [.. Percentile.All.Select(p => p.Name)
            .Where(name => confidence.Any(c => c.Percentiles.Any(p => p.Name == name)))];

    private static IEnumerable<string[]> Rows(IReadOnlyList<MeasureConfidence> confidence)
    {
        List<string> names = Names(confidence);
        return confidence.Select(c => (string[])
        [
            c.Measure, Units.Short(c.Intervals),
            .. names.Select(name => c.Percentiles.FirstOrDefault(p => p.Name == name) is { } p
                ? $"{Edge(p.LowNs)}-{Edge(p.HighNs)}" : "-"),
        ]);
    }

    private static string[] Heads(IReadOnlyList<ExceedanceRow> rows) =>
    [
        "us", .. rows[0].EndToEnd is null ? Array.Empty<string>()
            : ["<end-to-end (corrected)", "<service (raw)"],
        .. rows[0].Residence is null ? Array.Empty<string>() : ["<residence"],
        .. rows[0].Gap is null ? Array.Empty<string>() : ["<gap"],
    ];

    // Down to the first value that nothing was above: what follows says the same.
    private static List<string[]> Rows(IReadOnlyList<ExceedanceRow> exceedance)
    {
        List<string[]> rows = [];
        foreach (ExceedanceRow row in exceedance)
        {
            Exceeding?[] cells = row.EndToEnd is null ? [] : [row.EndToEnd, row.ServiceTime];
            cells = [.. cells, .. row.Residence is null ? Array.Empty<Exceeding>() : [row.Residence],
                .. row.Gap is null ? Array.Empty<Exceeding>() : [row.Gap]];
            rows.Add([(row.AboveNs / 1000).ToString(CultureInfo.InvariantCulture), .. cells.Select(Cell)]);
            if (cells.All(c => c is null or { Count: 0 }))
            {
                break;
            }
        }

        return rows;
    }

    private static string Cell(Exceeding? rate) => rate is null ? "-"
        : $"{Rate(rate.PerSecond)} [{Rate(rate.PerSecondAtMost)}]";

    private static string Rate(double perSecond) => perSecond.ToString(
        perSecond >= 100 ? "0" : perSecond >= 1 || perSecond == 0 ? "0.0" : "0.000",
        CultureInfo.InvariantCulture);

    private static string Edge(long ns) => (ns / 1000.0).ToString(
        ns < 100_000 ? "0.00" : ns < 1_000_000 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
