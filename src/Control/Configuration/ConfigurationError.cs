namespace LowLatency.Control.Configuration;

/// <summary>One thing the user must change, as one line: where, what stands there, the rule, the way out.</summary>
/// <param name="Where"><c>file:line:column</c>, or the option of the command line.</param>
/// <param name="What">The key and its value as written.</param>
/// <param name="Rule">What must hold.</param>
/// <param name="Fix">What to do.</param>
internal sealed record ConfigurationError(string Where, string What, string Rule, string Fix)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Where}: {What}: {Rule}. {Fix}";
}
