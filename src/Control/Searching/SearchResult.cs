using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Searching;

/// <summary>One trial: a rate, sent for a time, and what came of it.</summary>
/// <param name="RatePps">Intended, frames a second.</param>
/// <param name="Seconds">Intended length.</param>
/// <param name="AchievedPps">What the generator reached.</param>
/// <param name="Sent">Frames handed to the kernel.</param>
/// <param name="Received">Distinct frames received.</param>
/// <param name="Lost">Sent less received; counted after the drain.</param>
/// <param name="LossRatio">Lost of those sent.</param>
/// <param name="EndToEnd">Latency; null: no samples.</param>
/// <param name="Good">It counts for the rate.</param>
/// <param name="Why">What spoke against it; empty: nothing.</param>
internal sealed record TrialRow(
    double RatePps,
    double Seconds,
    double AchievedPps,
    long Sent,
    long Received,
    long Lost,
    double LossRatio,
    LatencySummary? EndToEnd,
    bool Good,
    string Why);

/// <summary>What was searched and found: search.json. A contract: fields are added, never renamed.</summary>
/// <param name="Schema"><see cref="SchemaName"/>.</param>
/// <param name="Kind">ndr, pdr, latency, or curve.</param>
/// <param name="Criterion">What a trial had to hold, in words.</param>
/// <param name="LowerPps">Highest rate that passed; null: none did, or nothing was searched.</param>
/// <param name="UpperPps">Lowest rate that failed; null: none did.</param>
/// <param name="IsComplete">The bounds are as close as asked for, or an end of the range; every point of the
/// curve is there.</param>
/// <param name="Why">Why it ended.</param>
/// <param name="Width">Distance of the bounds that was asked for, a share of the upper one.</param>
/// <param name="FinalSeconds">Length of a full trial.</param>
/// <param name="SumSeconds">Time of full trials that decided about a rate.</param>
/// <param name="ExceedRatio">Share of that time that may be bad.</param>
/// <param name="Trials">All, in their order.</param>
/// <param name="Curve">Latency by rate, lowest first; empty: not asked for.</param>
/// <param name="Notes">What a reader should know.</param>
/// <param name="Ok">A rate was found, or a curve made, and nothing went wrong.</param>
internal sealed record SearchResult(
    string Schema,
    string Kind,
    string Criterion,
    double? LowerPps,
    double? UpperPps,
    bool IsComplete,
    string Why,
    double Width,
    double FinalSeconds,
    double SumSeconds,
    double ExceedRatio,
    IReadOnlyList<TrialRow> Trials,
    IReadOnlyList<TrialRow> Curve,
    IReadOnlyList<string> Notes,
    bool Ok)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.search/1";
}

/// <summary>A search as reports see it.</summary>
/// <param name="Result">search.json.</param>
/// <param name="Manifest">manifest.json.</param>
internal sealed record SearchDocument(SearchResult Result, RunManifest Manifest);
