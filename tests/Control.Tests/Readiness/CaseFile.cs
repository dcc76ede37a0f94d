using LowLatency.Control.Readiness;

namespace LowLatency.Control.Tests.Readiness;

/// <summary>One recorded case of a check.</summary>
/// <param name="CheckId">The check.</param>
/// <param name="Number">Which in its file, from 1.</param>
/// <param name="State">What it must say.</param>
/// <param name="Host">On which recorded host.</param>
/// <param name="Says">What one of the deciding findings must hold; empty: anything.</param>
/// <param name="Overlay">What is different there.</param>
/// <param name="Window">A window was watched.</param>
/// <param name="Maintenance">Reads that disturb were allowed.</param>
/// <param name="Configured">The host's configuration was given.</param>
/// <param name="Profile">Profile to judge as; empty: the host's.</param>
internal sealed record RecordedCase(string CheckId, int Number, string State, string Host, string Says,
    string Overlay, bool Window, bool Maintenance, bool Configured, string Profile);

/// <summary>The cases of a check, in <c>Cases/ID.txt</c>. A case begins with a line <c>== STATE on HOST[, no
/// window][, no configuration][, no maintenance][, profile NAME][: what a finding says]</c>; what follows is
/// laid over the host, as
/// <see cref="SourceText"/> reads it. A line <c>applies everywhere</c> before the first case says that no
/// host and no profile can make the check inapplicable; <c>cannot be unreadable</c> and <c>never fails</c>
/// say what they say.</summary>
internal sealed record CaseFile(string CheckId, bool AppliesEverywhere, bool CannotBeUnreadable,
    bool NeverFails,
    IReadOnlyList<RecordedCase> Cases)
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Readiness", "Cases");

    /// <summary>All files.</summary>
    public static IReadOnlyList<CaseFile> All { get; } =
        [.. Directory.GetFiles(Folder, "*.txt").Order(StringComparer.Ordinal).Select(Load)];

    private static CaseFile Load(string path)
    {
        string id = Path.GetFileNameWithoutExtension(path);
        string[] parts = ("\n" + File.ReadAllText(path)).Split("\n== ");
        return new CaseFile(id, Has(parts[0], "applies everywhere"), Has(parts[0], "cannot be unreadable"),
            Has(parts[0], "never fails"), [.. parts.Skip(1).Select((part, i) =>
                Case(id, i + 1, part + "\n"))]);
    }

    private static bool Has(string preamble, string line) => preamble.Split('\n').Contains(line);

    private static RecordedCase Case(string id, int number, string text)
    {
        string head = text.Split('\n')[0];
        int colon = head.IndexOf(": ", StringComparison.Ordinal);
        string says = colon < 0 ? "" : head[(colon + 2)..];
        string[] terms = (colon < 0 ? head : head[..colon]).Split(", ");
        return terms[0].Split(" on ") is not [var state, var host]
            ? throw new InvalidDataException($"{id}: '{head}' is no head of a case")
            : new RecordedCase(id, number, state, host, says, text[(head.Length + 1)..],
                !terms.Contains("no window"), !terms.Contains("no maintenance"),
                !terms.Contains("no configuration"),
                terms.FirstOrDefault(term => term.StartsWith("profile ",
                    StringComparison.Ordinal))?["profile ".Length..] ?? "");
    }
}
