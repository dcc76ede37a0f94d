using System.Globalization;
using System.Text;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>A report as one self-contained page: verdict, what to do, the machine with what is wrong drawn on it, and
/// every check with its evidence behind a fold.</summary>
internal static class ReadinessHtml
{
    private const string Style = """
        <style>
        svg .node { fill: none; stroke: var(--line); stroke-width: 1.5; }
        svg .domain { fill: none; stroke: var(--line); stroke-dasharray: 4 3; }
        svg .cpu, svg .device { stroke: var(--line); stroke-width: 1.5; fill: var(--bg); }
        svg .cpu.data { fill: var(--c0); fill-opacity: .22; stroke: var(--c0); }
        svg .cpu.house { fill: var(--c2); fill-opacity: .14; stroke: var(--c2); }
        svg .cpu.off { stroke-dasharray: 3 3; opacity: .6; }
        svg .broken { stroke: var(--bad) !important; stroke-width: 2.5; }
        svg .arrow { stroke: var(--soft); stroke-width: 1.2; } svg .arrow.wrong { stroke: var(--bad); stroke-width: 2; }
        svg text.tiny { font-size: 10.5px; } svg text.mark { fill: var(--bad); text-anchor: end; font-weight: 650; }
        svg text.key { font-weight: 600; }
        details { border-top: 1px solid var(--line); padding: 5px 9px; } details:first-child { border-top: 0; }
        summary { cursor: pointer; display: grid; grid-template-columns: 118px 78px 290px 1fr; gap: 8px;
          font-size: 13.5px; }
        summary span:last-child { overflow-wrap: anywhere; }
        details pre { margin: 4px 0 8px; padding: 6px 9px; background: var(--bg); border: 1px solid var(--line);
          border-radius: 5px; font-size: 12px; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 260px;
          overflow-y: auto; }
        details dl { margin: 8px 0; } .legend { display: flex; flex-wrap: wrap; gap: 16px; margin: 8px 2px; }
        .legend i { display: inline-block; width: 14px; height: 14px; border-radius: 3px; margin-right: 6px;
          vertical-align: -2px; border: 1.5px solid var(--line); }
        @media (max-width: 720px) { summary { grid-template-columns: 100px 70px 1fr; }
          summary span:last-child { grid-column: 1 / -1; } }
        </style>

        """;

    /// <summary>Renders.</summary>
    public static string Render(ReadinessReport report, ReadinessDocument document)
    {
        StringBuilder body = new(Style);
        WriteHead(body, document);
        WriteToDo(body, document);
        body.Append("<h2>The host</h2>\n").Append(TopologyMap.Render(report)).Append(Legend);
        WriteChecks(body, document);
        WriteLimits(body, document);
        return HtmlText.Page($"lowlat check {document.Run.Host} {document.Run.TimeUtc}", body.ToString());
    }

    private const string Legend = """
        <p class="legend small soft"><span><i style="background:var(--c0);opacity:.5"></i>lane</span>
        <span><i style="background:var(--c2);opacity:.4"></i>housekeeping</span>
        <span><i></i>neither</span>
        <span><i style="border:2.5px solid var(--bad)"></i>a check fails or warns here</span>
        <span>arrows: interrupts of a device, red where they reach a lane</span></p>

        """;

    private static void WriteHead(StringBuilder body, ReadinessDocument document)
    {
        RunDocumentPart run = document.Run;
        bool isReady = document.Verdict == "ready";
        body.Append($"<p><span class=\"verdict {(isReady ? "good" : "bad")}\">{(isReady ? "READY" : "NOT READY")}</span></p>\n")
            .Append($"<h1>lowlat check: {Escape(run.Host ?? "unknown host")}</h1>\n<p class=\"soft\">Linux ")
            .Append($"{Escape(run.Kernel ?? "unknown")}, profile {run.Profile} ({Escape(run.ProfileWhy)}), ")
            .Append($"{Escape(run.Configuration ?? "no configuration")}, evidence of {run.TimeUtc}</p>\n");
        CountsPart counts = document.Counts;
        body.Append("<div class=\"cards\">\n");
        Card(body, counts.Pass, "pass");
        Card(body, counts.Fail, "fail");
        Card(body, counts.Warn, "warn");
        Card(body, counts.Unknown, "unknown");
        Card(body, counts.Unsupported + counts.NotApplicable, "unsupported or not applicable");
        Card(body, counts.Waived, "waived");
        body.Append("</div>\n");
        foreach (string note in document.Notes)
        {
            body.Append($"<p class=\"warn\">{Escape(note)}</p>\n");
        }
    }

    private static void WriteToDo(StringBuilder body, ReadinessDocument document)
    {
        IReadOnlyList<CheckPart> items = document.ToDo;
        body.Append("<h2>What to do</h2>\n");
        if (items.Count == 0)
        {
            body.Append("<p>Nothing.</p>\n");
            return;
        }

        body.Append(HtmlText.Table(["<severity", "<state", "<check", "=found", "=remedy", "<class"],
            items.Select(check => new[]
            {
                check.Severity + (check.Refuses ? "|refuses" : ""), check.State, check.Id,
                string.Join("; ", check.Findings.Where(finding => finding.State == check.State).Take(3).Select(Told))
                    .Replace('|', '/'),
                (check.Findings.SelectMany(finding => finding.Fix).FirstOrDefault() ?? check.Remedy.Do).Replace('|', '/'),
                check.Remedy.Class,
            })));
    }

    private static void WriteChecks(StringBuilder body, ReadinessDocument document)
    {
        foreach (IGrouping<string, CheckPart> group in document.Checks.GroupBy(check => check.Group))
        {
            body.Append($"<h2>{group.Key}</h2>\n<div class=\"scroll\">\n");
            foreach (CheckPart check in group)
            {
                WriteCheck(body, check);
            }

            body.Append("</div>\n");
        }
    }

    private static void WriteCheck(StringBuilder body, CheckPart check)
    {
        FindingPart first = check.Findings.First(finding => finding.State == check.State);
        string colour = check.State switch
        {
            "pass" => "good",
            "fail" or "error" => "bad",
            "warn" or "unknown" or "waived" => "warn",
            _ => "soft",
        };
        body.Append($"<details><summary><span class=\"{colour}\">{check.State}</span>")
            .Append($"<span class=\"soft\">{check.Severity}</span><span>{Escape(check.Id)}</span>")
            .Append($"<span>{Escape(Told(first))}</span></summary>\n<dl>")
            .Append(Row("expected", check.Expected));
        foreach (FindingPart finding in check.Findings.Count > 1 || first.Fix.Count > 0 ? check.Findings : [])
        {
            body.Append(Row(finding.State, Told(finding)
                + string.Concat(finding.Fix.Select(fix => $"\n{fix}"))));
        }

        body.Append(check.Waiver is WaiverPart waiver
                ? Row("waiver", $"{waiver.Owner} until {waiver.Expires}: {waiver.Reason}") : "")
            .Append(Row("why", check.Why)).Append(Row("source", check.Source))
            .Append(Row("remedy", $"{check.Remedy.Do} ({ExplainText.ClassOf(check.Remedy.Class)})"))
            .Append(check.Remedy.Boot is string boot ? Row("boot", boot) : "")
            .Append(check.Remedy.Hazard is string hazard ? Row("hazard", hazard) : "")
            .Append("</dl>\n");
        foreach (EvidencePart fact in check.Evidence.Take(24))
        {
            body.Append($"<p class=\"small soft\">{Escape(fact.Source)} [{fact.Intrusion}]")
                .Append(fact.Moment == "end" ? ", at the window's end" : "").Append("</p>\n")
                .Append($"<pre>{Escape(fact.Raw ?? $"{fact.State}: {fact.Problem}")}</pre>\n");
        }

        body.Append(check.Evidence.Count > 24
            ? string.Create(CultureInfo.InvariantCulture, $"<p class=\"small soft\">and {check.Evidence.Count - 24} more</p>\n")
            : "").Append("</details>\n");
    }

    private static void WriteLimits(StringBuilder body, ReadinessDocument document)
    {
        RunDocumentPart run = document.Run;
        string interrupts = run.InterruptsOnData is long count
            ? string.Create(CultureInfo.InvariantCulture, $"{count} on the lanes' CPUs, ours and others'") : "unknown";
        body.Append("<h2>Limits of this run</h2>\n<dl>")
            .Append(Row("window", run.WindowSeconds > 0
                ? string.Create(CultureInfo.InvariantCulture, $"{run.WindowSeconds} s") : "none: counters were not watched"))
            .Append(Row("reading took", string.Create(CultureInfo.InvariantCulture, $"{run.CollectMs:0} ms")))
            .Append(Row("cross-CPU interrupts", interrupts))
            .Append(Row("rules", run.Rules)).Append(Row("judged by", run.Tool)).Append(Row("collected by", run.CollectedBy))
            .Append("</dl>\n");
    }

    private static void Card(StringBuilder body, int count, string name) =>
        body.Append(CultureInfo.InvariantCulture, $"<div class=\"card\"><b>{count}</b><span>{name}</span></div>\n");

    private static string Row(string name, string text) =>
        $"<dt>{Escape(name)}</dt><dd>{Escape(text).Replace("\n", "<br/>", StringComparison.Ordinal)}</dd>";

    private static string Told(FindingPart finding) => finding.Subject.Kind == "host" ? finding.Observed
        : $"{finding.Subject.Kind} {finding.Subject.Name}: {finding.Observed}";

    private static string Escape(string text) => HtmlText.Escape(text);
}
