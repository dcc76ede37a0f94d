namespace LowLatency.Control.Readiness;

/// <summary>What a check came to.</summary>
internal sealed record CheckResult
{
    /// <summary>The check.</summary>
    public required Check Check { get; init; }

    /// <summary>The gravest of its findings, or waived.</summary>
    public required CheckState State { get; init; }

    /// <summary>What it weighs in this profile.</summary>
    public required Severity Severity { get; init; }

    /// <summary>All findings, as the rule gave them; a waived one has the state waived.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>What the rule looked at.</summary>
    public required IReadOnlyCollection<Fact> Evidence { get; init; }

    /// <summary>Who took a failure upon himself; null: nobody.</summary>
    public WaiverUse? Waiver { get; init; }

    /// <summary>The findings that decide its state.</summary>
    public IEnumerable<Finding> Decisive => Findings.Where(finding => finding.State == State);

    /// <summary>It stands between the host and go-live.</summary>
    public bool IsRefusal(bool isStrict) => !Check.IsMeasuredGate
        && Severity >= (isStrict ? Severity.High : Severity.Blocker)
        && State is CheckState.Fail or CheckState.Error or CheckState.Unknown;
}

/// <summary>A waiver and what became of it.</summary>
/// <param name="Owner">Who.</param>
/// <param name="Reason">Why.</param>
/// <param name="Expires">Last day on which it counts.</param>
/// <param name="IsExpired">It no longer counts.</param>
internal sealed record WaiverUse(string Owner, string Reason, DateOnly Expires, bool IsExpired);

/// <summary>A host judged.</summary>
internal sealed record ReadinessReport
{
    /// <summary>The evidence.</summary>
    public required Evidence Evidence { get; init; }

    /// <summary>What the rules were relative to.</summary>
    public required Topology Topology { get; init; }

    /// <summary>One result a check, in the order of the catalogue.</summary>
    public required IReadOnlyList<CheckResult> Results { get; init; }

    /// <summary>High severities refuse too.</summary>
    public required bool IsStrict { get; init; }

    /// <summary>What is odd about the waivers: expired, unused. One line each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Nothing stands between the host and go-live.</summary>
    public bool IsReady => !Results.Any(result => result.IsRefusal(IsStrict));

    /// <summary>How many came to a state.</summary>
    public int Count(CheckState state) => Results.Count(result => result.State == state);
}
