using System.Globalization;
using System.Text;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>A report for eyes: the verdict, then what to do, then the rest on demand.</summary>
/// <param name="document">The report.</param>
/// <param name="width">Columns of the terminal.</param>
/// <param name="isColoured">With colours.</param>
internal sealed class ReadinessText(ReadinessDocument document, int width, bool isColoured)
{
    private const int MostItems = 8;        // of two lines each; with head and counts, one screen of 24 lines
    private const int IdColumns = 34;       // the longest id is 33

    private const string Bold = "\u001b[1m", Red = "\u001b[1;31m", Green = "\u001b[1;32m",
        Yellow = "\u001b[33m",
        Soft = "\u001b[2m", Plain = "\u001b[0m";

    private readonly StringBuilder _text = new();

    /// <summary>Renders.</summary>
    /// <param name="isAll">Every check, not only what there is to do.</param>
    public string Render(bool isAll)
    {
        WriteHead();
        WriteToDo(isAll);
        foreach (string note in document.Notes)
        {
            _text.Append($"  note: {note}\n");
        }

        if (isAll)
        {
            WriteAll();
        }

        WriteFoot(isAll);
        return _text.ToString();
    }

    private void WriteHead()
    {
        RunDocumentPart run = document.Run;
        _text.Append(CultureInfo.InvariantCulture,
            $"lowlat check: {run.Host ?? "unknown host"}, Linux {run.Kernel ?? "unknown"}, profile "
                + $"{run.Profile} ")
            .Append($"({run.ProfileWhy}), {run.Configuration ?? "no configuration"}\n");
        TopologyPart topology = document.Topology;
        _text.Append($"  lanes on CPUs {topology.DataCpus}; housekeeping {topology.HousekeepingCpus}; ")
            .Append(topology.DataPlanePid is int pid ? $"lowlatd runs (pid {pid})\n" : "no lowlatd runs\n");
        CountsPart counts = document.Counts;
        bool isReady = document.Verdict == "ready";
        _text.Append(Paint(isReady ? Green : Red, isReady ? "READY" : "NOT READY"))
            .Append(Refusals())
            .Append(CultureInfo.InvariantCulture, $"\n  {counts.Pass} pass, {counts.Fail} fail, "
                + $"{counts.Warn} warn, ")
            .Append(CultureInfo.InvariantCulture, $"{counts.Unknown} unknown, {counts.Unsupported} "
                + $"unsupported, ")
            .Append(CultureInfo.InvariantCulture, $"{counts.NotApplicable} not applicable, {counts.Waived} "
                + $"waived")
            .Append(counts.Error > 0 ? string.Create(CultureInfo.InvariantCulture, $", {counts.Error} error")
                : "")
            .Append(CultureInfo.InvariantCulture, $"; read in {run.CollectMs:0} ms, ")
            .Append(run.InterruptsOnData is long count
                ? string.Create(CultureInfo.InvariantCulture,
                    $"{count} cross-CPU interrupts on the lanes' CPUs\n")
                : "cross-CPU interrupts unknown\n");
    }

    private string Refusals()
    {
        int count = document.Refusals.Count;
        int unread = document.Checks.Count(check => check.Refuses && check.State == "unknown");
        return count == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
            $": {count} {(count == 1 ? "check refuses" : "checks refuse")} go-live")
            + (unread == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
                $", {unread} of them for evidence that could not be read"));
    }

    private void WriteToDo(bool isAll)
    {
        IReadOnlyList<CheckPart> items = document.ToDo;
        if (items.Count == 0)
        {
            return;
        }

        _text.Append('\n');
        foreach (CheckPart check in items.Take(isAll ? items.Count : MostItems))
        {
            WriteItem(check);
        }

        if (!isAll && items.Count > MostItems)
        {
            _text.Append(CultureInfo.InvariantCulture, $"  and {items.Count - MostItems} more; --all shows "
                + $"them\n");
        }
    }

    private void WriteItem(CheckPart check)
    {
        List<FindingPart> findings = [.. check.Findings.Where(finding => finding.State == check.State)];
        string more = findings.Count > 1
            ? string.Create(CultureInfo.InvariantCulture, $" (and {findings.Count - 1} more)") : "";
        string colour = check.Refuses || check.Severity is "blocker" or "high" && check.State == "fail" ? Red
            : Yellow;
        string head = $"  {Paint(colour, $"{Letter(check.Severity)} {check.State,-7}")} "
            + $"{check.Id.PadRight(IdColumns)} ";
        int left = Math.Max(width - (2 + 2 + 7 + 1 + IdColumns + 1), 30);
        _text.Append(head).Append(Clip(Told(findings[0]), left - more.Length)).Append(more).Append('\n');
        if (findings.SelectMany(finding => finding.Fix).FirstOrDefault() is string fix)
        {
            _text.Append(Paint(Soft, new string(' ', 12) + Clip($"fix: {fix}", width - 12))).Append('\n');
        }
        else if (check.State is "fail" or "warn")
        {
            _text.Append(Paint(Soft, new string(' ', 12) + Clip($"fix: {check.Remedy.Do}", width - 12)))
                .Append('\n');
        }
    }

    private void WriteAll()
    {
        foreach (IGrouping<string, CheckPart> group in document.Checks.GroupBy(check => check.Group))
        {
            _text.Append($"\n{Paint(Bold, group.Key)}\n");
            foreach (CheckPart check in group)
            {
                FindingPart first = check.Findings.First(finding => finding.State == check.State);
                string head = $"  {check.State,-14} {Letter(check.Severity)} {check.Id.PadRight(IdColumns)} ";
                _text.Append(head).Append(Clip(Told(first), Math.Max(width - head.Length, 30))).Append('\n');
            }
        }
    }

    private void WriteFoot(bool isAll)
    {
        bool hasGates = document.Checks.Any(check => check.Group == "noise" && check.State == "unknown");
        bool wantsWindow = document.Run.WindowSeconds == 0
            && document.Checks.Any(check => check.State == "unknown"
                && check.Kind.Contains("behaviour", StringComparison.Ordinal)
                && check.Group != "noise");
        _text.Append('\n')
            .Append(wantsWindow ? "  counters were not watched: --window 10s judges what they say\n" : "")
            .Append(hasGates ? "  the noise of the lanes' CPUs was not measured; its gates do not count "
                + "yet\n" : "")
            .Append("  'lowlat check explain ID' shows evidence, rule, reason and remedy of a check");
        _text.Append(isAll ? "\n" : "; --all shows every one\n");
    }

    private static string Told(FindingPart finding) => finding.Subject.Kind == "host" ? finding.Observed
        : $"{finding.Subject.Kind} {finding.Subject.Name}: {finding.Observed}";

    private static string Letter(string severity) => severity == "none" ? "-"
        : severity[..1].ToUpperInvariant();

    private static string Clip(string text, int columns) =>
        text.Length <= columns ? text : string.Concat(text.AsSpan(0, Math.Max(columns - 3, 0)), "...");

    private string Paint(string colour, string text) => isColoured ? colour + text + Plain : text;
}
