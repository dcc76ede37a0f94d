namespace LowLatency.Control.Explaining;

/// <summary>Where a run's lost time went: the "explain" part of result.json.</summary>
/// <param name="Tier">"T3": raw tracepoints; "T0": no tracing, nothing is named (what the tiers are:
/// DECISIONS.md).</param>
/// <param name="Why">At T0: why there is no tracing; otherwise "".</param>
/// <param name="Gaps">Gaps that were looked at.</param>
/// <param name="GapsUnseen">Gaps that found no room in the lanes' event rings: counted, not
/// explained.</param>
/// <param name="LostNs">Time in them, ns.</param>
/// <param name="NamedTimeShare">Share of <paramref name="LostNs"/> that has a name; null: no time was
/// lost.</param>
/// <param name="NamedCountShare">Share of gaps most of which has a name; null: none.</param>
/// <param name="Buckets">One row for each class that took time, largest first.</param>
/// <param name="Culprits">One row for each cause and lane, largest first.</param>
/// <param name="Worst">The longest gaps, longest first.</param>
/// <param name="Observer">What looking cost.</param>
/// <param name="Notes">What limits this explanation.</param>
internal sealed record Explanation(
    string Tier, string Why, long Gaps, long GapsUnseen, long LostNs, double? NamedTimeShare,
    double? NamedCountShare, IReadOnlyList<BucketRow> Buckets, IReadOnlyList<CulpritRow> Culprits,
    IReadOnlyList<ExplainedGap> Worst, ObserverCost Observer, IReadOnlyList<string> Notes);

/// <summary>One class.</summary>
/// <param name="Bucket">Its name.</param>
/// <param name="Gaps">Gaps that it has a part of.</param>
/// <param name="LostNs">Its time, ns.</param>
/// <param name="Share">Of all lost time.</param>
/// <param name="MaxNs">Its largest part of one gap, ns.</param>
internal sealed record BucketRow(string Bucket, long Gaps, long LostNs, double Share, long MaxNs);

/// <summary>One cause.</summary>
/// <param name="Lane">Whose time it took.</param>
/// <param name="Bucket">Its class.</param>
/// <param name="Name">Its name.</param>
/// <param name="Gaps">Gaps that it has a part of.</param>
/// <param name="LostNs">Its time, ns.</param>
/// <param name="MaxNs">Its largest part of one gap, ns.</param>
/// <param name="PeriodNs">Time from one to the next where that hardly varies, ns; null: irregular, or too
/// few.
/// </param>
/// <param name="Check">The readiness check that judges it; "" where none does.</param>
internal sealed record CulpritRow(
    string Lane, string Bucket, string Name, long Gaps, long LostNs, long MaxNs, long? PeriodNs,
        string Check);

/// <summary>One gap and what it is made of.</summary>
/// <param name="Lane">Whose.</param>
/// <param name="Cpu">Where.</param>
/// <param name="StartNs">CLOCK_MONOTONIC, ns.</param>
/// <param name="LengthNs">From one turn to the next, ns.</param>
/// <param name="Parts">Largest first; they add up to the length.</param>
internal sealed record ExplainedGap(
    string Lane, int Cpu, long StartNs, long LengthNs, IReadOnlyList<GapPart> Parts);

/// <summary>A part of a gap.</summary>
/// <param name="Bucket">Class.</param>
/// <param name="Name">Cause; "" where the class says it all.</param>
/// <param name="Ns">Its time, ns.</param>
internal sealed record GapPart(string Bucket, string Name, long Ns);

/// <summary>What the observer itself did.</summary>
/// <param name="ArmNs">Time that arming took, before the measured window, ns.</param>
/// <param name="Events">Events read.</param>
/// <param name="EventsLost">Events lost.</param>
/// <param name="OwnNs">Time of lanes that our own other threads took, ns.</param>
internal sealed record ObserverCost(long ArmNs, long Events, long EventsLost, long OwnNs);
