using System.Text;
using LowLatency.Tidy.Tests.Text;

namespace LowLatency.Tidy.Tests.Rules;

/// <summary>How wide a line, how long a method and a file may be.</summary>
internal static class SizeRules
{
    /// <summary>Columns of code; a tab is four.</summary>
    public const int CodeColumnsMax = 110;

    /// <summary>Columns of a configuration, whose comments stand beside the values.</summary>
    public const int TomlColumnsMax = 120;

    /// <summary>Lines of a file.</summary>
    public const int FileLinesMax = 400;

    /// <summary>Lines of a file that no exception lifts.</summary>
    public const int FileLinesHardMax = 600;

    /// <summary>Lines of a method, from its first word to its closing brace.</summary>
    public const int MethodLinesMax = 70;

    private const int TabColumns = 4;

    /// <summary>Lines that are too wide.</summary>
    public static IEnumerable<Finding> Width(SourceFile file)
    {
        int most = file.IsCode ? CodeColumnsMax
            : file.Path.EndsWith(".toml", StringComparison.Ordinal) ? TomlColumnsMax : int.MaxValue;
        return from line in file.Lines.Index()
               let columns = Columns(line.Item)
               where columns > most
               select new Finding(file.Path, line.Index + 1, "line-width",
                   $"{columns} columns; break it at {most}");
    }

    /// <summary>Files that are too long to hold one noun.</summary>
    public static IEnumerable<Finding> FileLength(SourceFile file)
    {
        bool isLimited = file.IsCode || file.IsIn("scripts");
        if (isLimited && file.LineCount > FileLinesHardMax)
        {
            yield return new Finding(file.Path, 0, "file-length-hard",
                $"{file.LineCount} lines; {FileLinesHardMax} is the end: split it by noun");
        }
        else if (isLimited && file.LineCount > FileLinesMax)
        {
            yield return new Finding(file.Path, 0, "file-length",
                $"{file.LineCount} lines; move a noun out to stay within {FileLinesMax}")
            {
                Amount = file.LineCount,
            };
        }
    }

    /// <summary>Methods that do not fit a screen.</summary>
    public static IEnumerable<Finding> MethodLength(SourceFile file) =>
        from block in file.IsCode ? Blocks.Of(file) : []
        where block.Kind == BlockKind.Member && block.Length > MethodLinesMax
        select new Finding(file.Path, block.FirstLine, "method-length",
            $"{block.Name} has {block.Length} lines; name its steps to stay within {MethodLinesMax}")
        {
            Item = block.Name,
            Amount = block.Length,
        };

    private static int Columns(string line)
    {
        int columns = 0;
        foreach (Rune rune in line.EnumerateRunes())
        {
            columns += rune.Value == '\t' ? TabColumns - columns % TabColumns : 1;
        }

        return columns;
    }
}
