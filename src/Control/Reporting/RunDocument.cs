using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>A run as reports see it: just measured, or read from its folder.</summary>
/// <param name="Result">result.json.</param>
/// <param name="Manifest">manifest.json.</param>
/// <param name="Timeline">timeline.json; without it a page has no time plots.</param>
/// <param name="Histograms">latency.hlog; without it a page has no percentile curves.</param>
internal sealed record RunDocument(
    RunResult Result, RunManifest Manifest, RunTimeline? Timeline, HistogramSet? Histograms)
{
    /// <summary>intervals.hlog; without it a comparison knows no more than the whole run.</summary>
    public HistogramSet? Intervals { get; init; }
}
