namespace LowLatency.Control.Configuring;

/// <summary>Where a setting stands, and how it is written there: what a message points at.</summary>
/// <param name="File">File name; empty for an option of the command line.</param>
/// <param name="Line">Line, from 1; 0: the file as a whole.</param>
/// <param name="Column">Column, from 1.</param>
/// <param name="Key">The key, or the option's name; empty where there is none.</param>
/// <param name="Value">The value as written; empty where there is none.</param>
internal readonly record struct Place(string File, int Line, int Column, string Key, string Value)
{
    /// <summary>As <c>file:line:col: key = value</c>, or <c>--option value</c>.</summary>
    public override string ToString()
    {
        if (File.Length == 0)
        {
            return Value.Length == 0 ? Key : $"{Key} {Value}";
        }

        string where = Line == 0 ? File : $"{File}:{Line}:{Column}";
        return Key.Length == 0 ? where : Value.Length == 0 ? $"{where}: {Key}" : $"{where}: {Key} = {Value}";
    }
}

/// <summary>One thing that is wrong (or worth knowing) about a configuration: one line for the
/// user.</summary>
/// <param name="Place">Where.</param>
/// <param name="Rule">What must hold, as a clause without a full stop.</param>
/// <param name="Fix">What to do, as a sentence; may be empty.</param>
internal sealed record ConfigurationError(Place Place, string Rule, string Fix)
{
    /// <inheritdoc/>
    public override string ToString() => Fix.Length == 0 ? $"{Place}: {Rule}" : $"{Place}: {Rule}. {Fix}";
}
