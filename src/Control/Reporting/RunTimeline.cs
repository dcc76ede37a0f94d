using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>One interval of a run (about a second).</summary>
/// <param name="AtSeconds">Its end, since the baseline.</param>
/// <param name="LengthSeconds">Its length.</param>
/// <param name="IsWarmup">Before measuring started.</param>
/// <param name="Sent">Frames sent, all paths.</param>
/// <param name="Received">Distinct frames received, all paths.</param>
/// <param name="SentPerSecond">Rate.</param>
/// <param name="ReceivedPerSecond">Rate.</param>
/// <param name="Forwarded">Frames the forward lanes put into tx rings.</param>
/// <param name="P50Ns">End-to-end through the forwarder; null: too few samples.</param>
/// <param name="P99Ns">Likewise.</param>
/// <param name="MaxNs">Likewise.</param>
/// <param name="DirectP50Ns">End-to-end direct.</param>
/// <param name="DirectP99Ns">Likewise.</param>
/// <param name="GapMaxNs">Longest gap of the lanes that <see cref="RunResult.Gap"/> is about.</param>
internal sealed record Interval(
    double AtSeconds,
    double LengthSeconds,
    bool IsWarmup,
    long Sent,
    long Received,
    double SentPerSecond,
    double ReceivedPerSecond,
    long Forwarded,
    long? P50Ns,
    long? P99Ns,
    long? MaxNs,
    long? DirectP50Ns,
    long? DirectP99Ns,
    long? GapMaxNs);

/// <summary>A run second by second and its longest gaps: timeline.json, schema
/// <c>lowlat.timeline/1</c>.</summary>
/// <param name="Schema"><see cref="SchemaName"/>.</param>
/// <param name="StartNs">CLOCK_MONOTONIC of the baseline, ns.</param>
/// <param name="Intervals">In order.</param>
/// <param name="GapsSeen">Gaps over the threshold, all.</param>
/// <param name="Gaps">The longest of them, in order of time.</param>
internal sealed record RunTimeline(
    string Schema,
    long StartNs,
    IReadOnlyList<Interval> Intervals,
    long GapsSeen,
    IReadOnlyList<GapRecord> Gaps)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.timeline/1";
}
