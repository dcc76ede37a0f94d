using System.Text.RegularExpressions;

namespace LowLatency.Tidy.Tests.Text;

/// <summary>What a pair of braces at the level of declarations holds.</summary>
internal enum BlockKind
{
    /// <summary>A namespace, or an <c>extern</c> block.</summary>
    Namespace,

    /// <summary>A class, struct, record, interface or enum.</summary>
    Type,

    /// <summary>A method, constructor, operator, property or C function.</summary>
    Member,
}

/// <summary>A declaration with its braces.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">Its name.</param>
/// <param name="FirstLine">Line of its first word, attributes included; from 1.</param>
/// <param name="LastLine">Line of the closing brace.</param>
/// <param name="Depth">How many types it is within.</param>
internal sealed record Block(BlockKind Kind, string Name, int FirstLine, int LastLine, int Depth)
{
    /// <summary>Lines from the first word to the closing brace.</summary>
    public int Length => LastLine - FirstLine + 1;
}

/// <summary>Finds declarations by counting braces; knows just enough of the grammar to name them.</summary>
internal static partial class Blocks
{
    /// <summary>The declarations of a file, in the order in which they close.</summary>
    public static List<Block> Of(SourceFile file)
    {
        var blocks = new List<Block>();
        var open = new Stack<(BlockKind? Kind, string Name, int Line)>();
        int headerStart = 0;
        int parens = 0;
        for (int at = 0; at < file.Code.Length; at++)
        {
            switch (file.Code[at])
            {
                case '(' or '[':
                    parens++;
                    break;
                case ')' or ']':
                    parens--;
                    break;
                case '{':
                    bool inMember = parens > 0
                        || (open.Count > 0 && open.Peek().Kind is null or BlockKind.Member);
                    open.Push(inMember ? (null, "", 0) : Declaration(file, headerStart, at));
                    headerStart = parens > 0 ? headerStart : at + 1;
                    break;
                case '}' when open.Count > 0:
                    (BlockKind? kind, string name, int line) = open.Pop();
                    if (kind is { } known)
                    {
                        int depth = open.Count(outer => outer.Kind == BlockKind.Type);
                        blocks.Add(new Block(known, name, line, file.LineAt(at), depth));
                    }

                    headerStart = parens > 0 ? headerStart : at + 1;
                    break;
                case ';' when parens == 0:
                    if ((open.Count == 0 || open.Peek().Kind is BlockKind.Namespace or BlockKind.Type)
                        && Declaration(file, headerStart, at) is (BlockKind.Type, var bodyless, var start))
                    {
                        int depth = open.Count(outer => outer.Kind == BlockKind.Type);
                        blocks.Add(new Block(BlockKind.Type, bodyless, start, file.LineAt(at), depth));
                    }

                    headerStart = at + 1;
                    break;
            }
        }

        return blocks;
    }

    /// <summary>Types that are not within another: name, and line of the first word.</summary>
    public static IEnumerable<(string Name, int Line)> TopLevelTypes(SourceFile file) =>
        from block in Of(file)
        where block.Kind == BlockKind.Type && block.Depth == 0
        select (block.Name, block.FirstLine);

    private static (BlockKind? Kind, string Name, int Line) Declaration(SourceFile file, int start, int end)
    {
        string header = file.Code[start..end];
        string bare = DirectiveLine().Replace(header, match => new string(' ', match.Length));
        int first = bare.Length - bare.TrimStart().Length;
        int line = file.LineAt(start + first);
        bare = Brackets().Replace(Parens().Replace(bare, "()"), "");
        string head = Constraint().Replace(bare, "");
        if (Space().Match(head) is { Success: true } space)
        {
            return (BlockKind.Namespace, space.Groups[1].Value, line);
        }

        if (TypeName().Match(head) is { Success: true } type && !Assignment().IsMatch(head))
        {
            return (BlockKind.Type, type.Groups[1].Value, line);
        }

        string name = MemberName().Match(head) is { Success: true } member ? member.Groups[1].Value : "";
        bool isMember = name.Length > 0 && !Assignment().IsMatch(head);
        return isMember ? (BlockKind.Member, name, line) : (null, "", 0);
    }

    [GeneratedRegex(@"\((?>[^()]+|(?<open>\()|(?<-open>\)))*(?(open)(?!))\)")]
    private static partial Regex Parens();

    [GeneratedRegex(@"\[(?>[^\[\]]+|(?<open>\[)|(?<-open>\]))*(?(open)(?!))\]")]
    private static partial Regex Brackets();

    [GeneratedRegex(@"^[ \t]*#(.*\\\n)*.*$", RegexOptions.Multiline)]
    private static partial Regex DirectiveLine();

    [GeneratedRegex(@"\bwhere\s+\w+\s*:[^{]*$", RegexOptions.Singleline)]
    private static partial Regex Constraint();

    [GeneratedRegex(@"\bnamespace\s+([\w.]+)\s*$|\bextern\s+""\s*""\s*$")]
    private static partial Regex Space();

    [GeneratedRegex(@"\b(?:class|struct|interface|enum|union|record(?:\s+(?:class|struct))?)\s+(\w+)"
        + @"\s*(?:<[^()]*>)?\s*(?:\(\))?\s*(?::[^{]*)?$", RegexOptions.Singleline)]
    private static partial Regex TypeName();

    [GeneratedRegex(@"(?<![=!<>])=(?![=>])")]
    private static partial Regex Assignment();

    [GeneratedRegex(@"(\w+)\s*(?:<[^()]*>)?\s*(?:\(\)(?!\s*\w)|=>|$)")]
    private static partial Regex MemberName();
}
