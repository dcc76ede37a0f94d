using System.Globalization;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness;

/// <summary>The waivers of a configuration: an owner takes a failure upon himself until a day.
/// Pure.</summary>
/// <param name="configuration">The configuration; null: no waivers.</param>
/// <param name="today">Day of the evidence.</param>
internal sealed class Waivers(Configuration? configuration, DateOnly today)
{
    private readonly IReadOnlyList<WaiverConfiguration> _all = configuration?.Host.Waivers ?? [];

    /// <summary>Takes what is waived out of a result's state. Only failures and warnings can be waived: what
    /// could not be read is nobody's to answer for.</summary>
    public CheckResult Apply(CheckResult result)
    {
        List<Finding> findings = [];
        WaiverUse? used = null;
        foreach (Finding finding in result.Findings)
        {
            WaiverConfiguration? waiver = finding.State is CheckState.Fail or CheckState.Warn
                ? _all.FirstOrDefault(row => row.Check == result.Check.Id && IsAbout(row, finding.Subject))
                    : null;
            used = waiver is null ? used
                : new WaiverUse(waiver.Owner, waiver.Reason, waiver.Expires, waiver.Expires < today);
            findings.Add(waiver is null || waiver.Expires < today ? finding
                : finding with { State = CheckState.Waived });
        }

        return used is null ? result : result with
        {
            State = findings.Max(finding => finding.State),
            Findings = findings,
            Waiver = used,
        };
    }

    /// <summary>What is odd about them, one line each.</summary>
    public IReadOnlyList<string> Notes(IReadOnlyList<CheckResult> results)
    {
        List<string> notes = [];
        foreach (WaiverConfiguration waiver in _all)
        {
            string name = waiver.Subject.Length == 0 ? waiver.Check : $"{waiver.Check} ({waiver.Subject})";
            if (waiver.Expires < today)
            {
                notes.Add(string.Create(CultureInfo.InvariantCulture,
                    $"waiver of {name} by {waiver.Owner} expired on {waiver.Expires:yyyy-MM-dd}: not "
                        + $"honoured"));
            }
            else if (results.All(result => result.Check.Id != waiver.Check || !result.Findings.Any(finding =>
                finding.State == CheckState.Waived && IsAbout(waiver, finding.Subject))))
            {
                notes.Add($"waiver of {name} by {waiver.Owner} is not needed: nothing there fails");
            }
        }

        return notes;
    }

    private static bool IsAbout(WaiverConfiguration waiver, Subject subject) =>
        waiver.Subject.Length == 0 || waiver.Subject == subject.Name || waiver.Subject == subject.ToString();
}
