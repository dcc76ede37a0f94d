using System.Text.RegularExpressions;
using LowLatency.Tidy.Tests.Text;

namespace LowLatency.Tidy.Tests.Rules;

/// <summary>What no text of the repository may hold, comments and documents included.</summary>
internal static partial class TextRules
{
    /// <summary>Left-over reminders, paths of one machine, hosts of package registries.</summary>
    public static IEnumerable<Finding> Check(SourceFile file) =>
    [
        .. Lines(file, Reminder(), "no-reminders", "do it now, or open an issue and leave no trace here"),
        .. Lines(file, MachinePath(), "machine-path", "a path from the repository's folder, or the user's"),
        .. Lines(file, RegistryHost(), "registry-host", "name the package; its source is the host's setting"),
    ];

    private static IEnumerable<Finding> Lines(SourceFile file, Regex pattern, string rule, string fix) =>
        from line in file.Lines.Index()
        let match = pattern.Match(line.Item)
        where match.Success
        select new Finding(file.Path, line.Index + 1, rule, $"'{match.Value}': {fix}");

    // Written apart, so that this file does not hold what it looks for.
    [GeneratedRegex("\\b(?:TO" + "DO|FIX" + "ME|XX" + "X|HA" + "CK)\\b")]
    private static partial Regex Reminder();

    [GeneratedRegex("(?<![\\w.$})*-])/(?:wo" + "rk|ho" + "me/\\w+|ro" + "ot)/")]
    private static partial Regex MachinePath();

    [GeneratedRegex("\\b(?:nu" + "get\\.org|npm" + "js\\.(?:org|com)|py" + "pi\\.org|cra" + "tes\\.io"
        + "|pkgs\\.dev\\." + "azure\\.com|deb\\." + "debian\\.org)\\b", RegexOptions.IgnoreCase)]
    private static partial Regex RegistryHost();
}
