namespace LowLatency.Control.Readiness;

/// <summary>The words that reports, JSON and the command line use.</summary>
internal static class Words
{
    /// <summary>pass, warn, fail, unknown, unsupported, not-applicable, waived, error.</summary>
    public static string Of(CheckState state) => state switch
    {
        CheckState.NotApplicable => "not-applicable",
        _ => state.ToString().ToLowerInvariant(),
    };

    /// <summary>blocker, high, medium, low, info; "none" where a check says nothing.</summary>
    public static string Of(Severity severity) => severity.ToString().ToLowerInvariant();

    /// <summary>R, R~, S, B, F, O.</summary>
    public static string Of(RollbackClass rollback) => rollback switch
    {
        RollbackClass.Runtime => "R",
        RollbackClass.RuntimeNearly => "R~",
        RollbackClass.Restart => "S",
        RollbackClass.Boot => "B",
        RollbackClass.Firmware => "F",
        _ => "O",
    };

    /// <summary>i0 ... i4.</summary>
    public static string Of(Intrusion intrusion) => intrusion.ToString().ToLowerInvariant();

    /// <summary>static, probe, behaviour, joined with +.</summary>
    public static string Of(CheckKind kind) => string.Join('+',
        new[] { CheckKind.Static, CheckKind.Probe, CheckKind.Behaviour }.Where(one => kind.HasFlag(one))
            .Select(one => one.ToString().ToLowerInvariant()));

    /// <summary>What a read does to what it is about, completing "it ...".</summary>
    public static string Cost(Intrusion intrusion) => intrusion switch
    {
        Intrusion.I0 => "reads memory",
        Intrusion.I1 => "takes a shared lock",
        Intrusion.I2 => "may interrupt a data-plane CPU",
        Intrusion.I3 => "wakes or commands a device",
        _ => "writes",
    };
}
