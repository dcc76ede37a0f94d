namespace LowLatency.Control.Readiness;

/// <summary>What a check says.</summary>
internal enum CheckState
{
    /// <summary>It says nothing here: profile or topology have no such thing.</summary>
    NotApplicable,

    /// <summary>It is so.</summary>
    Pass,

    /// <summary>Kernel or device have no such knob.</summary>
    Unsupported,

    /// <summary>Failed, and somebody took that upon himself until a day.</summary>
    Waived,

    /// <summary>It is so only just, or in part.</summary>
    Warn,

    /// <summary>The evidence could not be read.</summary>
    Unknown,

    /// <summary>The rule itself broke.</summary>
    Error,

    /// <summary>It is not so.</summary>
    Fail,
}

/// <summary>What a finding is about.</summary>
internal enum SubjectKind
{
    /// <summary>The host as a whole.</summary>
    Host,

    /// <summary>A CPU.</summary>
    Cpu,

    /// <summary>A declared port.</summary>
    Port,

    /// <summary>A declared disk.</summary>
    Disk,

    /// <summary>An interrupt.</summary>
    Irq,

    /// <summary>A process or thread.</summary>
    Thread,

    /// <summary>A lane.</summary>
    Lane,
}

/// <summary>What a finding is about.</summary>
/// <param name="Kind">What kind of thing.</param>
/// <param name="Name">Which: number of the CPU or interrupt, name of the port, disk, thread or lane.</param>
/// <param name="Cpu">The CPU it concerns; -1: none in particular.</param>
internal readonly record struct Subject(SubjectKind Kind, string Name, int Cpu = -1)
{
    /// <summary>The host as a whole.</summary>
    public static Subject Host { get; } = new(SubjectKind.Host, "");

    /// <summary>A CPU.</summary>
    public static Subject OfCpu(int cpu) =>
        new(SubjectKind.Cpu, cpu.ToString(System.Globalization.CultureInfo.InvariantCulture), cpu);

    /// <summary>A declared port.</summary>
    public static Subject Of(TopologyPort port) => new(SubjectKind.Port, port.Name);

    /// <summary>A declared disk.</summary>
    public static Subject Of(TopologyDisk disk) => new(SubjectKind.Disk, disk.Name);

    /// <summary>A lane.</summary>
    public static Subject Of(TopologyLane lane) => new(SubjectKind.Lane, lane.Name, lane.Cpu);

    /// <summary>For eyes: "cpu 3", "port a"; empty for the host.</summary>
    public override string ToString() =>
        Kind == SubjectKind.Host ? "" : $"{Kind.ToString().ToLowerInvariant()} {Name}";
}

/// <summary>What a rule found about one subject.</summary>
/// <param name="Subject">About what.</param>
/// <param name="State">What it says.</param>
/// <param name="Observed">What was seen, in a short line.</param>
internal sealed record Finding(Subject Subject, CheckState State, string Observed)
{
    /// <summary>Shell commands that mend it at run time, each whole by itself, in order; empty: none, or none
    /// that is safe to print.</summary>
    public IReadOnlyList<string> Fix { get; init; } = [];

    /// <summary>It is so.</summary>
    public static Finding Pass(string observed, Subject? about = null) =>
        new(about ?? Subject.Host, CheckState.Pass, observed);

    /// <summary>Only just, or in part.</summary>
    public static Finding Warn(string observed, Subject? about = null, params string[] fix) =>
        new(about ?? Subject.Host, CheckState.Warn, observed) { Fix = fix };

    /// <summary>It is not so.</summary>
    public static Finding Fail(string observed, Subject? about = null, params string[] fix) =>
        new(about ?? Subject.Host, CheckState.Fail, observed) { Fix = fix };

    /// <summary>Could not be read, or is not what can be judged.</summary>
    public static Finding Unknown(string observed, Subject? about = null) =>
        new(about ?? Subject.Host, CheckState.Unknown, observed);

    /// <summary>No such knob here.</summary>
    public static Finding Unsupported(string observed, Subject? about = null) =>
        new(about ?? Subject.Host, CheckState.Unsupported, observed);

    /// <summary>Says nothing here.</summary>
    public static Finding NotApplicable(string observed, Subject? about = null) =>
        new(about ?? Subject.Host, CheckState.NotApplicable, observed);
}

/// <summary>A rule needs evidence that is not there, or that is not what it should be; the engine answers
/// <see cref="CheckState.Unknown"/>.</summary>
/// <param name="message">Which source, and what is wrong with it.</param>
internal sealed class NotReadException(string message) : Exception(message);
