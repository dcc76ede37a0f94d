namespace LowLatency.Control.Readiness;

/// <summary>What collecting cost.</summary>
/// <param name="CollectMs">Time of all reads without the window, ms.</param>
/// <param name="InterruptsOnData">Call-function, reschedule and TLB interrupts that the data-plane CPUs took
/// meanwhile, ours or others'; null: no counters.</param>
internal sealed record SelfNoise(double CollectMs, long? InterruptsOnData);

/// <summary>Everything read from one host at one time: what judging needs, and all that it needs. Immutable
/// once collected.</summary>
internal sealed class Evidence
{
    private readonly Dictionary<(string Source, Moment Moment), Fact> _facts = [];

    /// <summary>Version of the program that collected it.</summary>
    public required string Tool { get; init; }

    /// <summary>CLOCK_REALTIME when collecting began, ns since 1970.</summary>
    public required long TimeNs { get; init; }

    /// <summary>Name of the configuration file; empty: none.</summary>
    public string ConfigurationName { get; init; } = "";

    /// <summary>Text of the configuration; empty: none.</summary>
    public string ConfigurationText { get; init; } = "";

    /// <summary>Profile asked for on the command line; null: none.</summary>
    public string? ProfileAsked { get; init; }

    /// <summary>Length of the window, seconds; 0: there was none.</summary>
    public double WindowSeconds { get; set; }

    /// <summary>What collecting cost.</summary>
    public SelfNoise Noise { get; set; } = new(0, null);

    /// <summary>All facts, in the order they were read.</summary>
    public IReadOnlyCollection<Fact> Facts => _facts.Values;

    /// <summary>Keeps a fact; the first of a source and moment stays.</summary>
    public void Add(Fact fact) => _facts.TryAdd((fact.Source, fact.Moment), fact);

    /// <summary>It has been asked for.</summary>
    public bool Has(string source, Moment moment = Moment.Start) => _facts.ContainsKey((source, moment));

    /// <summary>A fact; of one that nobody asked for, that it was not collected.</summary>
    public Fact Find(string source, Moment moment = Moment.Start) =>
        _facts.TryGetValue((source, moment), out Fact? fact) ? fact : new Fact
        {
            Source = source,
            Moment = moment,
            State = FactState.NotCollected,
            Problem = moment == Moment.Start ? "it is not in the evidence"
                : "no window was watched; --window 10s watches one",
            TimeNs = TimeNs,
            Intrusion = Intrusion.I0,
        };
}
