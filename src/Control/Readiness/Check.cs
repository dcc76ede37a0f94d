using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness;

/// <summary>How a check comes to know.</summary>
[Flags]
internal enum CheckKind
{
    /// <summary>Reads what is set.</summary>
    Static = 1,

    /// <summary>Tries the thing and undoes it.</summary>
    Probe = 2,

    /// <summary>Watches counters over a window.</summary>
    Behaviour = 4,
}

/// <summary>How much a failure weighs.</summary>
internal enum Severity
{
    /// <summary>The check says nothing about this profile.</summary>
    None,

    /// <summary>Worth knowing.</summary>
    Info,

    /// <summary>Small.</summary>
    Low,

    /// <summary>Shows in the tail now and then.</summary>
    Medium,

    /// <summary>Shows in the tail; --strict refuses.</summary>
    High,

    /// <summary>Refuses go-live.</summary>
    Blocker,
}

/// <summary>Severity in each profile.</summary>
/// <param name="BareMetal">bare-metal.</param>
/// <param name="Sriov">sriov.</param>
/// <param name="Lab">lab.</param>
internal readonly record struct SeverityByProfile(Severity BareMetal, Severity Sriov, Severity Lab)
{
    /// <summary>From a row such as "B/H/-".</summary>
    public static SeverityByProfile Parse(string row) => row.Split('/') is [var bareMetal, var sriov, var lab]
        ? new SeverityByProfile(One(bareMetal), One(sriov), One(lab))
        : throw new ArgumentException($"'{row}' is not three severities");

    private static Severity One(string letter) => letter switch
    {
        "B" => Severity.Blocker,
        "H" => Severity.High,
        "M" => Severity.Medium,
        "L" => Severity.Low,
        "I" => Severity.Info,
        "-" => Severity.None,
        _ => throw new ArgumentException($"'{letter}' is not a severity"),
    };
}

/// <summary>What it takes to take a remedy back.</summary>
internal enum RollbackClass
{
    /// <summary>At run time, exactly.</summary>
    Runtime,

    /// <summary>At run time, but later, clamped or nearly.</summary>
    RuntimeNearly,

    /// <summary>Restart of the program or a service.</summary>
    Restart,

    /// <summary>Boot argument or image: a reboot.</summary>
    Boot,

    /// <summary>Firmware.</summary>
    Firmware,

    /// <summary>Nothing to change: observe.</summary>
    Observe,
}

/// <summary>What to do about a failure, in general; a finding may carry exact commands besides.</summary>
/// <param name="Class">What it takes to take it back.</param>
/// <param name="Do">What to do, in a sentence or as a command.</param>
/// <param name="Boot">Boot argument that does it for good; empty: none. <c>{D}</c> and <c>{H}</c> stand for
/// the lists of CPUs.</param>
/// <param name="Hazard">What may go wrong while doing it; empty: nothing known.</param>
internal sealed record Remedy(RollbackClass Class, string Do, string Boot = "", string Hazard = "");

/// <summary>A rule: facts to findings. Pure; may throw <see cref="NotReadException"/>, which is an
/// unknown.</summary>
internal delegate IEnumerable<Finding> Rule(Facts facts);

/// <summary>One row of the catalogue of readiness checks.</summary>
internal sealed record Check
{
    /// <summary>Stable id, group.subject.property.</summary>
    public required string Id { get; init; }

    /// <summary>Raised by one when the rule changes its mind about the same facts.</summary>
    public int Version { get; init; } = 1;

    /// <summary>How it comes to know.</summary>
    public required CheckKind Kind { get; init; }

    /// <summary>Severity in each profile, as "B/H/-".</summary>
    public required string Severities { get; init; }

    /// <summary>All it may look at.</summary>
    public required IReadOnlyList<Read> Reads { get; init; }

    /// <summary>What must be so, in a sentence.</summary>
    public required string Expects { get; init; }

    /// <summary>Why the tail depends on it.</summary>
    public required string Why { get; init; }

    /// <summary>Where that is known from: kernel document, driver source, thread, measurement.</summary>
    public required string Source { get; init; }

    /// <summary>What to do about it.</summary>
    public required Remedy Remedy { get; init; }

    /// <summary>The rule.</summary>
    public required Rule Judge { get; init; }

    /// <summary>A gate that only a measurement can open: says nothing until there is one, and does not refuse
    /// go-live by being unknown.</summary>
    public bool IsMeasuredGate { get; init; }

    /// <summary>Id of the check whose failure takes this one's evidence away: what it says is unknown then.
    /// Null:
    /// none.</summary>
    public string? RestsOn { get; init; }

    /// <summary>First part of the id.</summary>
    public string Group => Id[..Id.IndexOf('.', StringComparison.Ordinal)];

    /// <summary>Most a read of it costs.</summary>
    public Intrusion Intrusion => Reads.Count == 0 ? Intrusion.I0 : Reads.Max(read => read.Intrusion);

    /// <summary>Severity in a profile.</summary>
    public Severity SeverityIn(HostProfile profile)
    {
        SeverityByProfile row = SeverityByProfile.Parse(Severities);
        return profile switch
        {
            HostProfile.Lab => row.Lab,
            HostProfile.Sriov => row.Sriov,
            _ => row.BareMetal,
        };
    }
}
