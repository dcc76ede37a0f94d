using System.Globalization;
using System.Text;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>Everything there is to say of one check, for eyes.</summary>
internal static class ExplainText
{
    private const int MostLines = 12;

    /// <summary>Renders.</summary>
    public static string Render(CheckPart check)
    {
        StringBuilder text = new();
        text.Append($"{check.Id}  (version {check.Version.ToString(CultureInfo.InvariantCulture)}, "
            + $"{check.Kind}, ")
            .Append($"reads at {check.Intrusion}, severity here: {check.Severity})\n")
            .Append($"  state     {check.State}{(check.Refuses ? ", refuses go-live" : "")}\n")
            .Append($"  expected  {check.Expected}\n");
        foreach (FindingPart finding in check.Findings)
        {
            string about = finding.Subject.Kind == "host" ? ""
                : $"{finding.Subject.Kind} {finding.Subject.Name}: ";
            text.Append($"  found     {finding.State}: {about}{finding.Observed}\n");
            foreach (string fix in finding.Fix)
            {
                text.Append($"              {fix}\n");
            }
        }

        if (check.Waiver is WaiverPart waiver)
        {
            text.Append($"  waiver    {waiver.Owner} until "
                + $"{waiver.Expires}{(waiver.Expired ? " (expired)" : "")}: ")
                .Append($"{waiver.Reason}\n");
        }

        text.Append($"  why       {check.Why}\n  source    {check.Source}\n")
            .Append($"  remedy    {check.Remedy.Do} (rollback class {check.Remedy.Class}: "
                + $"{ClassOf(check.Remedy.Class)})\n");
        if (check.Remedy.Boot is string boot)
        {
            text.Append($"  boot      {boot}\n");
        }

        if (check.Remedy.Hazard is string hazard)
        {
            text.Append($"  hazard    {hazard}\n");
        }

        text.Append("  evidence\n");
        foreach (EvidencePart fact in check.Evidence)
        {
            AddFact(text, fact);
        }

        return text.Append(check.Evidence.Count == 0 ? "    none was looked at\n" : "").ToString();
    }

    /// <summary>What a rollback class means.</summary>
    public static string ClassOf(string letter) => letter switch
    {
        "R" => "taken back at run time, exactly",
        "R~" => "taken back at run time, nearly",
        "S" => "restart of a program",
        "B" => "boot argument or image",
        "F" => "firmware or hardware",
        _ => "nothing to change: observe",
    };

    private static void AddFact(StringBuilder text, EvidencePart fact)
    {
        text.Append($"    {fact.Source}{(fact.Moment == "end" ? " at the window's end" : "")}  "
            + $"[{fact.Intrusion}, ")
            .Append($"{fact.TimeUtc}]\n");
        if (fact.Raw is not string raw)
        {
            text.Append($"      {fact.State}: {fact.Problem}\n");
            return;
        }

        string[] lines = raw.TrimEnd('\n').Split('\n');
        foreach (string line in lines.Take(MostLines))
        {
            string shown = new([.. line.Select(c => char.IsControl(c) && c != '\t' ? '.' : c)]);
            text.Append($"      | {(shown.Length > 160 ? shown[..157] + "..." : shown)}\n");
        }

        if (lines.Length > MostLines || fact.Cut)
        {
            text.Append(CultureInfo.InvariantCulture, $"      | ... {fact.Bytes} bytes in all\n");
        }
    }
}
