namespace LowLatency.Control.Configuring;

/// <summary>[objective]: what the data plane is to hold end to end, and under which load.</summary>
internal sealed record PromiseConfiguration
{
    /// <summary>The places.</summary>
    public required Section Section { get; init; }

    /// <summary>Latency limits, and the limit of the loss under <see cref="SloLimit.LossName"/>.</summary>
    public required IReadOnlyList<SloLimit> Slo { get; init; }

    /// <summary>Frames a second at which it holds; null: those of [load].</summary>
    public double? RatePps => Section.Has("rate") ? Section.Get<double>("rate") : null;

    /// <summary>Measured time over which it holds, ns; null: that of [load].</summary>
    public long? DurationNs => Section.Has("duration") ? Section.Get<long>("duration") : null;
}

/// <summary>What must hold of [objective], whatever the host. Pure.</summary>
internal static class PromiseRules
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        if (configuration.Promise is not { } promise)
        {
            return;
        }

        if (promise.Slo.Count == 0)
        {
            findings.Error(promise.Section.Head with { Key = "objective" }, "promises nothing",
                "Add \"p99.99\" = \"50us\" or loss = 0, for example.");
        }

        foreach (SloLimit limit in promise.Slo)
        {
            if (configuration.Load?.Slo.Any(there => there.Name == limit.Name) == true)
            {
                findings.Error(limit.Place, "[load.slo] says it already", "Write it in one of them.");
            }
        }
    }
}
