using System.IO.Enumeration;

namespace LowLatency.Control.Readiness;

/// <summary>What is known of how a source reads.</summary>
[Flags]
internal enum ReadTraits
{
    /// <summary>Text of whole lines, read once.</summary>
    None = 0,

    /// <summary>Read at the start and at the end of the window.</summary>
    Window = 1,

    /// <summary>No bytes at all is a good answer.</summary>
    MayBeEmpty = 2,

    /// <summary>A good answer need not end in a newline, or is not text.</summary>
    Raw = 4,
}

/// <summary>A read that a check declares: what it may look at, and nothing else.</summary>
/// <param name="Pattern">Source with placeholders of the topology (see <see cref="Expansion"/>) and <c>*</c>
/// within a path component.</param>
/// <param name="Intrusion">What it costs.</param>
/// <param name="Traits">How it reads.</param>
internal sealed record Read(string Pattern, Intrusion Intrusion = Intrusion.I0,
    ReadTraits Traits = ReadTraits.None)
{
    /// <summary>Reads once, at no cost.</summary>
    public static implicit operator Read(string pattern) => new(pattern);

    /// <summary>True if a source is one of those a pattern without placeholders stands for. Pure.</summary>
    public static bool Matches(string pattern, string source)
    {
        if (!pattern.Contains('*', StringComparison.Ordinal))
        {
            return pattern == source;
        }

        string[] wanted = pattern.Split('/');
        string[] parts = source.Split('/');
        for (int i = 0; i < wanted.Length; i++)
        {
            if (wanted.Length != parts.Length || (wanted[i] != parts[i]
                && !FileSystemName.MatchesSimpleExpression(wanted[i], parts[i], ignoreCase: false)))
            {
                return false;
            }
        }

        return true;
    }
}
