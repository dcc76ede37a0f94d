using System.Text.Json.Serialization;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>About the run that collected and the one that judged.</summary>
/// <param name="Tool">Version of the program that judged.</param>
/// <param name="CollectedBy">Version of the program that collected.</param>
/// <param name="TimeUtc">When collecting began.</param>
/// <param name="Host">Name of the host.</param>
/// <param name="Kernel">Its kernel's release.</param>
/// <param name="Configuration">Name of the configuration; null: none.</param>
/// <param name="Profile">bare-metal, sriov or lab.</param>
/// <param name="ProfileWhy">Why this one.</param>
/// <param name="Rules">Count of checks and SHA-256 over their ids and versions.</param>
/// <param name="WindowSeconds">Length of the window; 0: none.</param>
/// <param name="CollectMs">What collecting took without the window, ms.</param>
/// <param name="InterruptsOnData">Cross-CPU interrupts on the data-plane CPUs meanwhile; null:
/// unknown.</param>
internal sealed record RunDocumentPart(string Tool, string CollectedBy, string TimeUtc, string? Host,
    string? Kernel,
    string? Configuration, string Profile, string ProfileWhy, string Rules, double WindowSeconds,
        double CollectMs,
    long? InterruptsOnData);

/// <summary>What the rules were relative to.</summary>
internal sealed record TopologyPart(string DataCpus, string HousekeepingCpus, string OnlineCpus,
    IReadOnlyList<LanePart> Lanes, IReadOnlyList<PortPart> Ports, IReadOnlyList<DiskPart> Disks,
        int? DataPlanePid);

/// <summary>A lane.</summary>
internal sealed record LanePart(string Name, int Cpu, string Policy, int Priority,
    IReadOnlyList<string> Ports);

/// <summary>A port.</summary>
internal sealed record PortPart(string Name, string Interface, string? Netns, string? Pci, string? Absence);

/// <summary>A disk.</summary>
internal sealed record DiskPart(string Name, string Path, string? Block, string? Pci, string? Absence);

/// <summary>How many checks came to each state.</summary>
internal sealed record CountsPart(
    int Pass, int Warn, int Fail, int Unknown, int Unsupported, int NotApplicable, int Waived, int Error);

/// <summary>What a finding is about.</summary>
internal sealed record SubjectPart(string Kind, string Name, int? Cpu);

/// <summary>A finding.</summary>
internal sealed record FindingPart(SubjectPart Subject, string State, string Observed,
    IReadOnlyList<string> Fix);

/// <summary>A fact a rule looked at. <c>Raw</c> holds at most 2 000 characters; base64 where it is not
/// text.</summary>
internal sealed record EvidencePart(string Source, string Moment, string State, string? Raw, bool Cut,
    int Bytes,
    string? Problem, string TimeUtc, string Intrusion);

/// <summary>What to do.</summary>
internal sealed record RemedyPart(string Class, string Do, string? Boot, string? Hazard);

/// <summary>Who took a failure upon himself.</summary>
internal sealed record WaiverPart(string Owner, string Reason, string Expires, bool Expired);

/// <summary>A check and what it came to.</summary>
internal sealed record CheckPart(string Id, int Version, string Group, string Kind, string Intrusion,
    string State,
    string Severity, bool Refuses, string Expected, IReadOnlyList<FindingPart> Findings, string Why,
        string Source,
    RemedyPart Remedy, WaiverPart? Waiver, IReadOnlyList<EvidencePart> Evidence);

/// <summary>What <c>lowlat check --json</c> says: schema <c>lowlat.readiness/1</c>. Everything that other
/// formats show is in it.</summary>
internal sealed record ReadinessDocument(string Schema, RunDocumentPart Run, string Verdict, bool Strict,
    CountsPart Counts, IReadOnlyList<string> Refusals, IReadOnlyList<string> Notes, TopologyPart Topology,
    IReadOnlyList<CheckPart> Checks)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.readiness/1";

    private static readonly string[] Doable = ["fail", "error", "warn", "unknown"];
    private static readonly string[] Severities = ["blocker", "high", "medium", "low", "info", "none"];

    /// <summary>What there is to do, gravest first, what refuses before all else. Gates that nothing
    /// measures, and
    /// counters that nobody watched, are told once and not one by one.</summary>
    [JsonIgnore]
    public IReadOnlyList<CheckPart> ToDo =>
    [
        .. Checks.Where(check => Doable.Contains(check.State) && (check.Refuses || !IsUnmeasured(check)))
            .OrderByDescending(check => check.Refuses)
            .ThenBy(check => Array.IndexOf(Severities, check.Severity))
            .ThenBy(check => Array.IndexOf(Doable, check.State)),
    ];

    private bool IsUnmeasured(CheckPart check) => check.State == "unknown" && (check.Evidence.Count == 0
        || (Run.WindowSeconds == 0 && check.Kind.Contains("behaviour", StringComparison.Ordinal)));
}
