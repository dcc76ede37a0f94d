using LowLatency.Control.Measuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Running;

/// <summary>What a run was asked for, planned and checked.</summary>
internal sealed record RunRequest
{
    /// <summary>load, run: part of the folder's name.</summary>
    public required string Verb { get; init; }

    /// <summary>Plan of generator and receiver; null: no load.</summary>
    public PlanImage? Load { get; init; }

    /// <summary>Plan of the forward lanes; null: none, or one that runs already.</summary>
    public PlanImage? Forward { get; init; }

    /// <summary>What the tables of <see cref="Forward"/> are filled with before its lanes start.</summary>
    public TableBuilder? Tables { get; init; }

    /// <summary>What the tables of <see cref="Load"/> are filled with.</summary>
    public TableBuilder? LoadTables { get; init; }

    /// <summary>Name of a running data plane to look at instead of starting one; null: none.</summary>
    public string? AttachTo { get; init; }

    /// <summary>The configuration lets us switch real-time throttling off.</summary>
    public required bool MayStopThrottling { get; init; }

    /// <summary>Folder of the cgroup that the data planes enter; empty: that of this process.</summary>
    public required string Cgroup { get; init; }

    /// <summary>What is promised and judged.</summary>
    public Promise Promise { get; init; } = Promise.None;

    /// <summary>End of the run, ns after arming; 0: when the load ends, or a signal comes.</summary>
    public long DurationNs { get; init; }

    /// <summary>Trace the kernel and name what took the lanes' time.</summary>
    public bool Explains { get; init; }

    /// <summary>Length of the intervals that a long load keeps, seconds; null: it keeps seconds.</summary>
    public double? IntervalSeconds { get; init; }

    /// <summary>Where run folders are made.</summary>
    public required string OutRoot { get; init; }

    /// <summary>The run folder itself; null: a new one below <see cref="OutRoot"/>.</summary>
    public string? Folder { get; init; }

    /// <summary>Standard output gets result.json and nothing else.</summary>
    public bool IsJson { get; init; }

    /// <summary>Path of the configuration.</summary>
    public required string ConfigPath { get; init; }

    /// <summary>Its text.</summary>
    public required string ConfigText { get; init; }

    /// <summary>As typed.</summary>
    public required IReadOnlyList<string> CommandLine { get; init; }

    /// <summary>The plans, those there are.</summary>
    public IEnumerable<PlanImage> Plans
    {
        get
        {
            if (Load is not null)
            {
                yield return Load;
            }

            if (Forward is not null)
            {
                yield return Forward;
            }
        }
    }
}
