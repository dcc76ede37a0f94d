using LowLatency.Control.Configuration;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>What planning gave: a plan, or every reason why there is none; and what was decided on the way.</summary>
internal sealed record PlanResult
{
    /// <summary>The plan; null when there are errors.</summary>
    public required PlanImage? Plan { get; init; }

    /// <summary>What the user must change.</summary>
    public required IReadOnlyList<ConfigurationError> Errors { get; init; }

    /// <summary>What the user may want to change.</summary>
    public required IReadOnlyList<ConfigurationError> Warnings { get; init; }

    /// <summary>What was decided for the user, one sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>True: FIFO lanes run, and RT throttling must go off while they do.</summary>
    public bool NeedsRtThrottlingOff { get; init; }
}

/// <summary>Options of the command line that override [load]; as typed, so that errors can show them.</summary>
internal sealed record LoadOverrides
{
    /// <summary>--rate.</summary>
    public string? Rate { get; init; }
    /// <summary>--size.</summary>
    public string? Size { get; init; }
    /// <summary>--imix.</summary>
    public string? Imix { get; init; }
    /// <summary>--schedule, or --poisson.</summary>
    public string? Schedule { get; init; }
    /// <summary>--duration.</summary>
    public string? Duration { get; init; }
    /// <summary>--warmup.</summary>
    public string? Warmup { get; init; }
    /// <summary>--flows.</summary>
    public int? Flows { get; init; }
    /// <summary>--no-direct.</summary>
    public bool NoDirect { get; init; }
}
