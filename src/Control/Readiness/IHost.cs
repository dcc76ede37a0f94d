namespace LowLatency.Control.Readiness;

/// <summary>A host that can be asked: the live one, or a recorded one.</summary>
internal interface IHost
{
    /// <summary>Reads one source now. Never throws for what the host answers.</summary>
    Fact Read(string source, Intrusion intrusion);

    /// <summary>Names in a directory, unordered; null when there is none.</summary>
    /// <param name="directory">Path, or [namespace]path.</param>
    /// <param name="problem">Why it could not be listed although it is there; else empty.</param>
    IReadOnlyList<string>? List(string directory, out string problem);
}
