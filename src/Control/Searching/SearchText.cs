using System.Globalization;
using System.Text;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Searching;

/// <summary>A search as text for eyes.</summary>
internal static class SearchText
{
    private static readonly string[] Kinds = ["ndr", "pdr", "latency"];

    /// <summary>Renders.</summary>
    public static string Render(SearchResult search)
    {
        StringBuilder text = new();
        text.Append($"{Headline(search)}\n");
        if (Kinds.Contains(search.Kind))
        {
            text.Append($"  a trial holds: {search.Criterion}\n")
                .Append($"  ended after {search.Trials.Count} trials: {search.Why}\n")
                .Append(CultureInfo.InvariantCulture, $"  goal: bounds within {search.Width * 100:0.##} %, ")
                .Append(CultureInfo.InvariantCulture, $"full trials of {search.FinalSeconds:0.##} s, ")
                .Append(CultureInfo.InvariantCulture, $"{search.SumSeconds:0.##} s of them decide, ")
                .Append(CultureInfo.InvariantCulture, $"{search.ExceedRatio * 100:0.##} % may be bad\n");
        }

        foreach (string note in search.Notes)
        {
            text.Append($"  note: {note}\n");
        }

        WriteTrials(text, search.Trials);
        WriteCurve(text, search.Curve);
        return text.ToString();
    }

    /// <summary>The answer in one line.</summary>
    public static string Headline(SearchResult search) => search.Kind switch
    {
        "curve" => $"latency at {search.Curve.Count} rates",
        _ when search.LowerPps is double lower =>
            $"{search.Kind.ToUpperInvariant()} {Units.Rate(lower)} pps"
            + (search.UpperPps is double upper ? $"; {Units.Rate(upper)} pps fails"
                : "; nothing tried fails"),
        _ => $"{search.Kind.ToUpperInvariant()} not found: no rate"
            + (search.UpperPps is double lowest ? $" below {Units.Rate(lowest)} pps" : "") + " passed",
    };

    /// <summary>Cells of a row of the page, all but the verdict.</summary>
    public static string[] Cells(TrialRow row, string none) =>
    [
        .. Load(row), Us(row.EndToEnd?.P50Ns, none), Us(row.EndToEnd?.P99Ns, none),
        Us(row.EndToEnd?.P999Ns, none), Us(row.EndToEnd?.P9999Ns, none), Us(row.EndToEnd?.MaxNs, none),
    ];

    private static string[] Load(TrialRow row) =>
    [
        Units.Rate(row.RatePps), row.Seconds.ToString("0.0", CultureInfo.InvariantCulture),
        Units.Share(row.AchievedPps, row.RatePps),
        (row.LossRatio * 100).ToString("0.####", CultureInfo.InvariantCulture),
    ];

    private static void WriteTrials(StringBuilder text, IReadOnlyList<TrialRow> rows)
    {
        if (rows.Count > 0)
        {
            text.Append("\nTrials, latency in us one way\n");
            TextTable table = new("pps", "s", "sent %", "loss %", "p50", "p99.9", "max", "<");
            foreach (TrialRow row in rows)
            {
                table.Add([.. Load(row), Us(row.EndToEnd?.P50Ns, "-"), Us(row.EndToEnd?.P999Ns, "-"),
                    Us(row.EndToEnd?.MaxNs, "-"), row.Good ? "good" : row.Why]);
            }

            table.WriteTo(text);
        }
    }

    private static void WriteCurve(StringBuilder text, IReadOnlyList<TrialRow> rows)
    {
        if (rows.Count > 0)
        {
            text.Append("\nLatency by rate, us one way\n");
            TextTable table = new("pps", "s", "sent %", "loss %", "p50", "p99", "p99.9", "p99.99", "max");
            foreach (TrialRow row in rows)
            {
                table.Add(Cells(row, "-"));
            }

            table.WriteTo(text);
        }
    }

    private static string Us(long? ns, string none) => ns is long value ? Units.Us(value) : none;
}
