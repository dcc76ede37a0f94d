using LowLatency.Control.Measuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Running;

/// <summary>What <c>lowlat status --json</c> says: schema <c>lowlat.status/1</c>. A contract: fields are
/// added, never renamed.</summary>
/// <param name="Schema"><see cref="SchemaName"/>.</param>
/// <param name="DataPlanes">By name.</param>
internal sealed record StatusDocument(string Schema, IReadOnlyList<PlaneStatus> DataPlanes)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.status/1";
}

/// <summary>One data plane, live or dead.</summary>
internal sealed record PlaneStatus(
    string Name,
    bool IsAlive,
    int Pid,
    string State,
    string BootStep,
    string? Failure,
    double UptimeSeconds,
    double HeartbeatAgeSeconds,
    long ResidentBytes,
    long UmemBytes,
    long RtRuntimeUs,
    long Generation,
    IReadOnlyList<LaneStatus> Lanes,
    IReadOnlyList<PortStatus> Ports,
    string? Hint)
{
    /// <summary>What its recorders have done.</summary>
    public IReadOnlyList<RecordStatus> Recordings { get; init; } = [];
}

/// <summary>One lane; rates over the window, counts since arming. Of the frames put into tx rings
/// (<c>TxFrames</c>), those on the tx side now are <c>Held</c>, by reason.</summary>
internal sealed record LaneStatus(
    string Name,
    string Kind,
    string State,
    int Cpu,
    string Policy,
    int Priority,
    double RxPerSecond,
    double TxPerSecond,
    long RxFrames,
    long TxFrames,
    double BusyShare,
    IReadOnlyDictionary<string, long> Held,
    IReadOnlyDictionary<string, long> Drops,
    long PoolEmpty,
    long GapMaxNs,
    long AllocatedBytes,
    long Collections,
    long Faults,
    long ConservationBreaks,
    long Replicas,
    long ReplicasMissed,
    IReadOnlyDictionary<string, long> Punts,
    IReadOnlyList<StageStatus> Stages)
{
    /// <summary>Where its bursts spend their time, since arming or the last reload.</summary>
    public IReadOnlyList<StageTimeResult> Times { get; init; } = [];
}

/// <summary>One stage of a lane, counted since the lane took its generation.</summary>
/// <param name="Number">Its place in the lane, from 0.</param>
/// <param name="Kind">As the configuration writes it.</param>
/// <param name="Frames">Frames that came to it.</param>
/// <param name="Drops">Frames that it ended, by reason.</param>
/// <param name="Punts">Frames that it gave to the kernel's stack, by reason.</param>
/// <param name="Replicas">Frames that it made.</param>
/// <param name="Rules">Its rules and what they matched; empty for stages without.</param>
internal sealed record StageStatus(
    int Number,
    string Kind,
    long Frames,
    IReadOnlyDictionary<string, long> Drops,
    IReadOnlyDictionary<string, long> Punts,
    long Replicas,
    IReadOnlyList<RuleStatus> Rules)
{
    /// <summary>Of a stamp stage: time since the frames were dequeued, ns; null: none, or nothing measured
    /// yet.</summary>
    public StampStatus? Stamp { get; init; }
}

/// <summary>What a stamp stage measured since the data plane began, ns.</summary>
internal sealed record StampStatus(long Count, long P50Ns, long P99Ns, long P999Ns, long MaxNs);

/// <summary>One rule and what it matched.</summary>
internal sealed record RuleStatus(string Name, string Action, long Frames, long Bytes);

/// <summary>One port; counts since arming: the socket's (<see cref="CounterNames.XdpStatistics"/>) and its
/// XDP program's, those that are not 0, with the bytes of what ended there. <c>Offload</c> is who forwards
/// what comes in; empty: the lane, as asked.</summary>
internal sealed record PortStatus(
    string Name,
    string Interface,
    string Netns,
    long Queue,
    string Driver,
    string RequestedMode,
    string EffectiveMode,
    string Why,
    string Link,
    long LinkDowns,
    long LinkUps,
    IReadOnlyDictionary<string, long> Xdp,
    IReadOnlyDictionary<string, long> Program,
    IReadOnlyDictionary<string, long> ProgramBytes,
    string Offload,
    double? OffloadShare);
