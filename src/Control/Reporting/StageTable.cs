using System.Text;
using LowLatency.Control.Measuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Reporting;

/// <summary>Where bursts spend their time, for status, report and page.</summary>
internal static class StageTable
{
    private static readonly string[] Heads =
    [
        "lane", "stage", "<kind", "samples", "burst p50", "p99", "max", "a frame p50", "p99",
    ];

    private static readonly string Rule =
        $"Stages, us a burst and a frame; one burst in {StageTimes.BurstsPerSample} measured, within 1/16";

    /// <summary>Appends a table; nothing without samples.</summary>
    /// <param name="text">Where.</param>
    /// <param name="rows">Lane by lane.</param>
    /// <param name="lead">What goes before each head.</param>
    public static void Write(StringBuilder text, IReadOnlyList<StageTimeResult>? rows, string lead)
    {
        if (rows is null or { Count: 0 })
        {
            return;
        }

        text.Append(lead).Append(Rule).Append('\n');
        TextTable table = new(Heads);
        foreach (StageTimeResult row in rows)
        {
            table.Add(Cells(row));
        }

        table.WriteTo(text);
    }

    /// <summary>The same as a page's part.</summary>
    public static void WriteHtml(StringBuilder body, IReadOnlyList<StageTimeResult>? rows)
    {
        if (rows is { Count: > 0 })
        {
            body.Append("<h2>Stages</h2>\n").Append(HtmlText.Table(Heads, rows.Select(Cells)))
                .Append($"<p class=\"soft small\">{HtmlText.Escape(Rule)}. Admit: from the rx ring to the "
                    + $"first "
                    + "stage. Dispatch: into tx rings. Publish: told to the kernel. Completion: until all "
                        + "that "
                    + "was sent by then had come back.</p>\n");
        }
    }

    private static string[] Cells(StageTimeResult row) =>
    [
        row.Lane, row.Stage is int stage ? $"{stage}" : "", row.Kind, Units.Short(row.Samples), Us(row.P50Ns),
        Us(row.P99Ns), Us(row.MaxNs), Us(row.FrameP50Ns), Us(row.FrameP99Ns),
    ];

    // Stages take tens of ns: three decimals.
    private static string Us(long? ns) => ns is long value
        ? (value / 1000.0).ToString("0.000", System.Globalization.CultureInfo.InvariantCulture) : "-";
}
