using System.Globalization;
using System.Text;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>A report as OpenMetrics text, for a collector of text files (OpenMetrics 1.0). A check's state is
/// a state set: one sample a state, 1 for the one it is in.</summary>
internal static class ReadinessMetrics
{
    private static readonly string[] States =
        ["pass", "warn", "fail", "unknown", "unsupported", "not-applicable", "waived", "error"];

    /// <summary>Renders.</summary>
    public static string Render(ReadinessDocument document)
    {
        StringBuilder text = new();
        Head(text, "lowlat_ready", "gauge", "1 when nothing stands between the host and go-live");
        text.Append(CultureInfo.InvariantCulture,
            $"lowlat_ready{{profile=\"{document.Run.Profile}\"}} {(document.Verdict == "ready" ? 1 : 0)}\n");
        Head(text, "lowlat_check_state", "stateset", "State of each readiness check");
        foreach (CheckPart check in document.Checks)
        {
            foreach (string state in States)
            {
                text.Append($"lowlat_check_state{{id=\"{Escape(check.Id)}\",severity=\"{check.Severity}\",")
                    .Append($"lowlat_check_state=\"{state}\"}} {(check.State == state ? '1' : '0')}\n");
            }
        }

        Head(text, "lowlat_check_findings", "gauge", "Subjects of a check that are in its state");
        foreach (CheckPart check in document.Checks)
        {
            int count = check.Findings.Count(finding => finding.State == check.State);
            text.Append(CultureInfo.InvariantCulture, $"lowlat_check_findings{{id=\"{Escape(check.Id)}\"}} "
                + $"{count}\n");
        }

        Head(text, "lowlat_check_collect_seconds", "gauge", "Time that collecting the evidence took");
        text.Append(CultureInfo.InvariantCulture,
            $"lowlat_check_collect_seconds {document.Run.CollectMs / 1000:0.######}\n");
        Head(text, "lowlat_check_time_seconds", "gauge", "When the evidence was collected");
        text.Append(CultureInfo.InvariantCulture, $"lowlat_check_time_seconds "
            + $"{Seconds(document.Run.TimeUtc)}\n");
        return text.Append("# EOF\n").ToString();
    }

    private static void Head(StringBuilder text, string name, string type, string help) =>
        text.Append($"# TYPE {name} {type}\n# HELP {name} {help}.\n");

    private static long Seconds(string utc) => new DateTimeOffset(DateTime.Parse(
        utc, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal))
        .ToUnixTimeSeconds();

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal);
}
