using System.Globalization;
using System.Text;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>What mends a host at run time, as a script for a person to read and run; nothing is changed here.
/// </summary>
internal static class FixPlan
{
    // What frees CPUs first, what touches links and disks last: an interrupt moved before its irqbalance is
    // gone moves back, a link that goes down must not take the session with it before the rest is done.
    private static readonly string[] Order =
        ["svc", "kern", "wd", "sys", "sec", "topo", "cpu", "irq", "mem", "clk", "pwr", "hw", "app", "iommu",
            "fs", "blk",
            "nvme", "nic", "boot"];

    /// <summary>Renders.</summary>
    public static string Render(ReadinessDocument document)
    {
        StringBuilder text = new("#!/bin/sh\n");
        text.Append($"# What 'lowlat check' would change on {document.Run.Host ?? "this host"} at run "
            + $"time, in a safe ")
            .Append("order.\n# Nothing has been changed. Read it, then run what you agree with.\nset -eu\n");
        HashSet<string> printed = [];
        List<CheckPart> broken =
        [
            .. document.Checks.Where(check => check.State is "fail" or "warn")
                .OrderBy(check => Array.IndexOf(Order, check.Group) is >= 0 and int place ? place
                    : Order.Length),
        ];
        foreach (CheckPart check in broken)
        {
            List<(string Command, string About)> commands =
            [
                .. check.Findings.Where(finding => finding.State is "fail" or "warn").SelectMany(finding =>
                    finding.Fix.Where(printed.Add).Select(fix => (fix, $"{finding.Observed}"))),
            ];
            if (commands.Count == 0)
            {
                continue;
            }

            text.Append($"\n# {check.Id} ({check.Severity}): {commands[0].About}\n")
                .Append($"#   rollback {check.Remedy.Class}: {ExplainText.ClassOf(check.Remedy.Class)}\n");
            if (check.Remedy.Hazard is string hazard)
            {
                text.Append($"#   hazard: {hazard}\n");
            }

            foreach ((string command, _) in commands)
            {
                text.Append(command).Append('\n');
            }
        }

        AddRest(text, broken);
        return text.ToString();
    }

    private static void AddRest(StringBuilder text, List<CheckPart> broken)
    {
        List<CheckPart> rest = [.. broken.Where(check => check.Findings.All(finding =>
            finding.Fix.Count == 0))];
        if (broken.Count == 0)
        {
            text.Append("\n# There is nothing to mend.\n");
        }

        if (rest.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n# {rest.Count} not mended by a command at run "
                + $"time:\n");
        }

        foreach (CheckPart check in rest)
        {
            string boot = check.Remedy.Boot is null ? "" : "; see --boot-args";
            text.Append($"#   {check.Id} ({check.Severity}): {check.Remedy.Do}{boot}\n");
        }
    }
}
