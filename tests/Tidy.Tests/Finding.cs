namespace LowLatency.Tidy.Tests;

/// <summary>One thing that is out of order: where, which rule, what to write instead.</summary>
/// <param name="Path">From the repository's folder, with slashes.</param>
/// <param name="Line">From 1; 0 for a file as a whole.</param>
/// <param name="Rule">The rule's id.</param>
/// <param name="Fix">What to do instead.</param>
internal sealed record Finding(string Path, int Line, string Rule, string Fix)
{
    /// <summary>What within the file is meant (a method's name), for rules that see several things.</summary>
    public string Item { get; init; } = "";

    /// <summary>How much of it there is: lines for rules about length, else 1.</summary>
    public int Amount { get; init; } = 1;

    /// <summary><c>file:line: rule: what to do instead</c>.</summary>
    public override string ToString() => $"{Path}:{Line}: {Rule}: {Fix}";
}
