using LowLatency.Control.Configuring;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Readiness;

/// <summary>Judges evidence by rules. Pure: the same evidence and rules give the same report, on any machine
/// at any time. No rule can throw through it.</summary>
internal static class Judge
{
    private const int MostChars = 300; // what a rule quotes may be as long as a file


    /// <summary>Judges.</summary>
    /// <param name="evidence">What was read.</param>
    /// <param name="configuration">What is declared; null: nothing.</param>
    /// <param name="asked">Profile asked for now; null: that of the evidence, else declared or
    /// guessed.</param>
    /// <param name="checks">The rules.</param>
    /// <param name="isStrict">High severities refuse too.</param>
    public static ReadinessReport Run(Evidence evidence, Configuration? configuration, HostProfile? asked,
        IReadOnlyList<Check> checks, bool isStrict)
    {
        Topology topology = new TopologyBuilder(source => evidence.Find(source))
            .Build(configuration, asked ?? HostProfiles.Find(evidence.ProfileAsked));
        Waivers waivers = new(configuration, DateOnly.FromDateTime(
            DateTime.UnixEpoch.AddTicks(evidence.TimeNs / TimeSpan.NanosecondsPerTick)));
        List<CheckResult> said = [.. checks.Select(check => One(check, evidence, topology))];
        List<CheckResult> results = [.. said.Select(result => waivers.Apply(Doubted(result, said)))];
        return new ReadinessReport
        {
            Evidence = evidence,
            Topology = topology,
            Results = results,
            IsStrict = isStrict,
            Notes = waivers.Notes(results),
        };
    }

    private static CheckResult Doubted(CheckResult result, List<CheckResult> said) =>
        result.Check.RestsOn is string id && result.State is CheckState.Pass or CheckState.Warn
            or CheckState.Fail
        && said.Exists(other => other.Check.Id == id && other.State == CheckState.Fail)
            ? result with
            {
                State = CheckState.Unknown,
                Findings = [Finding.Unknown($"what it read contradicts itself: see {id}")],
            }
            : result;

    private static CheckResult One(Check check, Evidence evidence, Topology topology)
    {
        Severity severity = check.SeverityIn(topology.Profile);
        CheckResult result = new()
        {
            Check = check,
            State = CheckState.NotApplicable,
            Severity = severity,
            Findings = [],
            Evidence = [],
        };
        if (severity == Severity.None)
        {
            return result with
            {
                Findings = [Finding.NotApplicable($"profile {HostProfiles.WordOf(topology.Profile)} has no "
                    + $"such thing")],
            };
        }

        Facts facts = new(evidence, topology, check);
        List<Finding> findings = [];
        try
        {
            findings.AddRange(check.Judge(facts));
        }
        catch (Exception e) when (e is NotReadException or NetlinkFormatException)
        {
            findings.Add(Finding.Unknown(e.Message));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            findings.Add(new Finding(Subject.Host, CheckState.Error, $"the rule broke: {e.Message}"));
        }

        if (findings.Count == 0)
        {
            findings.Add(new Finding(Subject.Host, CheckState.Error, "the rule said nothing"));
        }

        return result with
        {
            State = findings.Max(finding => finding.State),
            Findings = [.. findings.Select(finding => finding.Observed.Length <= MostChars ? finding
                : finding with { Observed = finding.Observed[..(MostChars - 3)] + "..." })],
            Evidence = facts.Used,
        };
    }
}
