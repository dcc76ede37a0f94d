using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;
using LowLatency.Control.Running;
using LowLatency.Control.Storage;

namespace LowLatency.Control.Reporting;

/// <summary>What one run measured: result.json, schema <c>lowlat.run/1</c>. A contract: fields are added,
/// never renamed. A number that the samples do not carry, or that this run has no measure for, is
/// null.</summary>
/// <param name="Schema"><see cref="SchemaName"/>.</param>
/// <param name="Verb">The command: load, run.</param>
/// <param name="DurationSeconds">Measured wall time.</param>
/// <param name="EndToEnd">Intended to received, through the forwarder.</param>
/// <param name="ServiceTime">Handed over to received, through the forwarder.</param>
/// <param name="Direct">The same two without the forwarder, in the same run; null: not asked for.</param>
/// <param name="ForwarderCost">End-to-end through less direct, number by number.</param>
/// <param name="Residence">Rx-ring dequeue to tx-ring publish in the forwarder.</param>
/// <param name="RxWait">XDP program to rx-ring dequeue, where ports have software stamps.</param>
/// <param name="Gap">Time between two turn starts of the forward lanes (without them: of all lanes).</param>
/// <param name="Loss">The ledger.</param>
/// <param name="Ports">All ports of both processes.</param>
/// <param name="Lanes">All lanes of both processes.</param>
/// <param name="Generator">How well the load was as intended; null without a generator.</param>
/// <param name="Process">The data planes.</param>
/// <param name="Slo">Objectives and what became of them.</param>
/// <param name="Verdict">Whether the run may be believed and the objectives hold.</param>
/// <param name="Noise">What each measured CPU loses; empty where the lanes had work of their own.</param>
/// <param name="Explain">Where lost time went; null: not asked for.</param>
internal sealed record RunResult(
    string Schema,
    string Verb,
    double DurationSeconds,
    LatencySummary? EndToEnd,
    LatencySummary? ServiceTime,
    DirectResult? Direct,
    ForwarderCost? ForwarderCost,
    LatencySummary? Residence,
    LatencySummary? RxWait,
    LatencySummary? Gap,
    Loss? Loss,
    IReadOnlyList<PortResult> Ports,
    IReadOnlyList<LaneResult> Lanes,
    GeneratorResult? Generator,
    IReadOnlyList<ProcessResult> Process,
    IReadOnlyList<SloResult> Slo,
    Verdict Verdict,
    IReadOnlyList<NoiseSpectrum>? Noise = null,
    Explanation? Explain = null)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.run/1";

    /// <summary>What was measured and what was left out; null in runs of older versions, as the
    /// following.</summary>
    public RunWindow? Window { get; init; }

    /// <summary>How sure the percentiles are, by measure.</summary>
    public IReadOnlyList<MeasureConfidence>? Confidence { get; init; }

    /// <summary>How often a second each measure was above round values.</summary>
    public IReadOnlyList<ExceedanceRow>? Exceedance { get; init; }

    /// <summary>Where the forward lanes' bursts spent their time.</summary>
    public IReadOnlyList<StageTimeResult>? Stages { get; init; }

    /// <summary>Everything that was promised, row by row, and what took the time; null: nothing
    /// was.</summary>
    public PromiseResult? Promise { get; init; }

    /// <summary>What recorders have done; null: there were none.</summary>
    public IReadOnlyList<RecordStatus>? Recordings { get; init; }

    /// <summary>What a drive did; null: none was measured.</summary>
    public DiskResult? Disk { get; init; }

    /// <summary>The load ended before its time: interrupted, or something failed.</summary>
    public bool IsPartial { get; init; }
}

/// <summary>The windows of a run, seconds. Frames intended in warm-up count nowhere but in the ledger; the
/// lanes' own measures (residence, gap) leave draining out as well.</summary>
/// <param name="WarmupSeconds">Before measuring.</param>
/// <param name="MeasuredSeconds">Measured.</param>
/// <param name="DrainSeconds">After the load's end, until the last frame had time to arrive.</param>
internal sealed record RunWindow(double WarmupSeconds, double MeasuredSeconds, double DrainSeconds);

/// <summary>The path without the forwarder.</summary>
internal sealed record DirectResult(LatencySummary? EndToEnd, LatencySummary? ServiceTime);

/// <summary>Through less direct, ns, signed; null where either is refused.</summary>
internal sealed record ForwarderCost(
    long? MinNs,
    double? MeanNs,
    long? P50Ns,
    long? P90Ns,
    long? P99Ns,
    long? P999Ns,
    long? P9999Ns,
    long? P99999Ns,
    long? MaxNs)
{
    /// <summary>Subtracts.</summary>
    public static ForwarderCost? Of(LatencySummary? through, LatencySummary? direct) =>
        through is null || direct is null ? null : new ForwarderCost(
            through.MinNs - direct.MinNs,
            through.MeanNs - direct.MeanNs is double mean ? Math.Round(mean, 1) : null,
            through.P50Ns - direct.P50Ns,
            through.P90Ns - direct.P90Ns,
            through.P99Ns - direct.P99Ns,
            through.P999Ns - direct.P999Ns,
            through.P9999Ns - direct.P9999Ns,
            through.P99999Ns - direct.P99999Ns,
            through.MaxNs - direct.MaxNs);

    /// <summary>The value at <see cref="Percentile.All"/>[<paramref name="index"/>].</summary>
    public long? At(int index) => index switch
    {
        0 => P50Ns,
        1 => P90Ns,
        2 => P99Ns,
        3 => P999Ns,
        4 => P9999Ns,
        5 => P99999Ns,
        _ => throw new ArgumentOutOfRangeException(nameof(index)),
    };
}

/// <summary>One port.</summary>
internal sealed record PortResult(
    string Name,
    string Process,
    string Interface,
    string Netns,
    long Queue,
    string RequestedMode,
    string EffectiveMode,
    string Why,
    string Driver,
    string Link,
    long LinkDowns,
    long LinkUps,
    IReadOnlyDictionary<string, long> XdpStatistics,
    IReadOnlyDictionary<string, long> XdpOutcomes);

/// <summary>One lane. Bytes, collections, faults, switches and pauses count from arming, frames from the
/// baseline.</summary>
internal sealed record LaneResult(
    string Name,
    string Process,
    string Kind,
    string Host,
    int Cpu,
    string Policy,
    int Priority,
    long Turns,
    long RxFrames,
    long TxFrames,
    long AllocatedBytes,
    long Collections,
    long MinorFaults,
    long MajorFaults,
    long VoluntarySwitches,
    long InvoluntarySwitches,
    long Yields,
    long YieldNs,
    long ConservationBreaks,
    IReadOnlyDictionary<string, long> RegimesNs,
    IReadOnlyDictionary<string, long> Drops,
    LatencySummary? Gap,
    long GapsOverThreshold,
    long EventsLost,
    bool HugePages,
    bool Fused);

/// <summary>How well the load was as intended.</summary>
/// <param name="IntendedRate">Mean frames a second that were asked for.</param>
/// <param name="AchievedRate">Mean frames a second that were sent.</param>
/// <param name="LateP50Ns">Of <paramref name="Lateness"/>.</param>
/// <param name="LateP999Ns">Of <paramref name="Lateness"/>.</param>
/// <param name="LateMaxNs">Of <paramref name="Lateness"/>.</param>
/// <param name="Unsent">Frames given up: so late that the run was over before they could be sent.</param>
/// <param name="IsLate">Something stands in <paramref name="WhyLate"/>.</param>
/// <param name="Schedule">constant, poisson, burst, ramp, steps.</param>
/// <param name="Quiet">The quiet windows; null: none.</param>
/// <param name="Lateness">Intended time to hand-over to the kernel, of every measured frame; its histogram is
/// in latency.hlog.</param>
/// <param name="WhyLate">What <see cref="GeneratorLateness"/> holds against it; empty: nothing; null in a
/// result from before it was there.</param>
internal sealed record GeneratorResult(
    double IntendedRate,
    double AchievedRate,
    long? LateP50Ns,
    long? LateP999Ns,
    long? LateMaxNs,
    long Unsent,
    bool IsLate,
    string Schedule,
    QuietResult? Quiet,
    LatencySummary? Lateness,
    IReadOnlyList<string>? WhyLate);

/// <summary>The windows in which the generator pauses and nothing is intended.</summary>
internal sealed record QuietResult(long EveryNs, long ForNs, long GuardNs);

/// <summary>One lowlatd.</summary>
internal sealed record ProcessResult(
    string Name,
    int Pid,
    long? PlanToArmedNs,
    long ResidentBytes,
    long UmemBytes,
    long Collections,
    long RtRuntimeUs);

/// <summary>The answer in one word, and why.</summary>
/// <param name="Ok">No reason stands against it.</param>
/// <param name="Reasons">What stands against it.</param>
/// <param name="Notes">What a reader should know although it does not.</param>
internal sealed record Verdict(bool Ok, IReadOnlyList<string> Reasons, IReadOnlyList<string> Notes);
