namespace LowLatency.Control.Readiness.Checks;

/// <summary>Gates that only a measurement of the lanes' CPUs can open. Nothing measures yet: each says
/// so.</summary>
internal static class NoiseChecks
{
    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } =
    [
        Gate("noise.gap.max", "B/H/I", "the longest gap of a lane's CPU is within its objective",
            "the longest gap is what the tail ends in"),
        Gate("noise.gap.budget", "H/H/I", "gaps above the threshold take no more than their share of time",
            "one number to compare before and after a change"),
        Gate("noise.attributed.share", "M/M/I", "at least 95 % of the time lost in gaps has a name",
            "only what is named can be removed"),
        Gate("noise.wakeup.p9999", "M/M/I", "a sleeping thread wakes within its objective",
            "here the preemption model of the kernel shows"),
        Gate("noise.drift.vs-baseline", "H/H/L", "the host is no noisier than when it was accepted",
            "firmware, memory and agents age"),
    ];

    private static Check Gate(string id, string severities, string expects, string why) => new()
    {
        Id = id,
        Kind = CheckKind.Behaviour,
        Severities = severities,
        Reads = [],
        Expects = expects,
        Why = why,
        Source = "a percentile of loop turns depends on how fast the loop is; a rate of gaps does not",
        Remedy = new Remedy(RollbackClass.Observe, "measure the lanes' CPUs"),
        IsMeasuredGate = true,
        Judge = static _ => [Finding.Unknown("not measured")],
    };
}
