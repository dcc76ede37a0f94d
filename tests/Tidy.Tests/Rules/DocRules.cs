using LowLatency.Tidy.Tests.Text;

namespace LowLatency.Tidy.Tests.Rules;

/// <summary>What must be said above a type.</summary>
internal static class DocRules
{
    /// <summary>Top-level types of src without a summary, positional records included.</summary>
    public static IEnumerable<Finding> Summaries(SourceFile file)
    {
        if (!file.IsCSharp || !file.IsIn("src"))
        {
            yield break;
        }

        foreach ((string name, int line) in Blocks.TopLevelTypes(file))
        {
            int above = line - 2;
            while (above >= 0 && file.Lines[above].TrimStart().StartsWith('['))
            {
                above--;
            }

            int last = above;
            while (above >= 0 && file.Lines[above].TrimStart().StartsWith("///", StringComparison.Ordinal))
            {
                above--;
            }

            string docs = string.Concat(file.Lines[(above + 1)..(last + 1)]);
            if (!docs.Contains("<summary>", StringComparison.Ordinal))
            {
                yield return new Finding(file.Path, line, "type-summary",
                    $"say above {name} what it is: /// <summary>…</summary>") { Item = name };
            }
        }
    }
}
