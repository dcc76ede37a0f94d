using System.Globalization;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace LowLatency.Control.Configuration;

/// <summary>A value of a TOML document with its place (1-based).</summary>
/// <param name="Value">string, long, double, bool, <see cref="TomlNode"/>[] or <see cref="TomlTree"/>; null: some other
/// type that no key takes.</param>
/// <param name="Line">Line.</param>
/// <param name="Column">Column.</param>
internal sealed record TomlNode(object? Value, int Line, int Column)
{
    /// <summary>The value as a user would write it.</summary>
    public string Text => Value switch
    {
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        double real => real.ToString(CultureInfo.InvariantCulture),
        TomlNode[] items => $"[{string.Join(", ", items.Select(item => item.Text))}]",
        TomlTree => "{…}",
        null => "(a date or time)",
        object other => Convert.ToString(other, CultureInfo.InvariantCulture)!,
    };
}

/// <summary>A TOML table as parsed: keys in order, each value with its place. Built from Tomlyn's syntax tree, because a
/// model would have lost the places.</summary>
internal sealed class TomlTree(int line, int column)
{
    private readonly Dictionary<string, TomlNode> _values = [];

    /// <summary>Line of its header, 1-based.</summary>
    public int Line { get; } = line;

    /// <summary>Column of its header, 1-based.</summary>
    public int Column { get; } = column;

    /// <summary>Keys and values.</summary>
    public IReadOnlyDictionary<string, TomlNode> Values => _values;

    /// <summary>Parses a document; every syntax error becomes one error.</summary>
    public static TomlTree Parse(string text, string file, List<ConfigurationError> errors)
    {
        DocumentSyntax document = SyntaxParser.Parse(text, file, true);
        foreach (DiagnosticMessage message in document.Diagnostics)
        {
            errors.Add(new ConfigurationError(
                $"{file}:{message.Span.Start.Line + 1}:{message.Span.Start.Column + 1}", "syntax",
                message.Message.TrimEnd('.'), "See toml.io for the grammar."));
        }

        TomlTree root = new(1, 1);
        if (errors.Count > 0)
        {
            return root;
        }

        root.AddAll(document.KeyValues);
        foreach (TableSyntaxBase table in document.Tables)
        {
            TomlTree? target = root.Open(KeyPath(table.Name), table is TableArraySyntax, table.Span);
            target?.AddAll(table.Items);
        }

        return root;
    }

    private void AddAll(SyntaxList<KeyValueSyntax> pairs)
    {
        foreach (KeyValueSyntax pair in pairs)
        {
            Add(pair);
        }
    }

    private void Add(KeyValueSyntax pair)
    {
        string[] path = KeyPath(pair.Key);
        TomlTree? target = path.Length == 1 ? this : Open(path[..^1], false, pair.Span);
        if (target != null && pair.Value != null)
        {
            target._values[path[^1]] = ToNode(pair.Value, pair.Span);
        }
    }

    // Walks to a table, making what is missing; the last element of an array of tables stands for the array.
    private TomlTree? Open(string[] path, bool isArray, SourceSpan span)
    {
        TomlTree at = this;
        for (int i = 0; i < path.Length; i++)
        {
            bool isLast = i == path.Length - 1;
            bool isKnown = at._values.TryGetValue(path[i], out TomlNode? node);
            TomlTree made = new(span.Start.Line + 1, span.Start.Column + 1);
            if (isLast && isArray)
            {
                TomlNode[] before = isKnown && node!.Value is TomlNode[] items ? items : [];
                at._values[path[i]] = new TomlNode(
                    (TomlNode[])[.. before, new TomlNode(made, made.Line, made.Column)], made.Line, made.Column);
                return made;
            }

            if (!isKnown)
            {
                at._values[path[i]] = new TomlNode(made, made.Line, made.Column);
                at = made;
                continue;
            }

            TomlTree? next = node!.Value as TomlTree ?? (node.Value as TomlNode[])?.LastOrDefault()?.Value as TomlTree;
            if (next == null)
            {
                return null; // Tomlyn has reported it
            }

            at = next;
        }

        return at;
    }

    private static TomlNode ToNode(ValueSyntax syntax, SourceSpan span)
    {
        int line = span.Start.Line + 1;
        int column = span.Start.Column + 1;
        switch (syntax)
        {
            case StringValueSyntax text:
                return new TomlNode(text.Value ?? "", line, column);
            case IntegerValueSyntax number:
                return new TomlNode(number.Value, line, column);
            case FloatValueSyntax real:
                return new TomlNode(real.Value, line, column);
            case BooleanValueSyntax flag:
                return new TomlNode(flag.Value, line, column);
            case ArraySyntax array:
                return new TomlNode(
                    array.Items.Where(item => item.Value != null).Select(item => ToNode(item.Value!, item.Span)).ToArray(),
                    line, column);
            case InlineTableSyntax inline:
                TomlTree tree = new(line, column);
                foreach (InlineTableItemSyntax item in inline.Items)
                {
                    if (item.KeyValue != null)
                    {
                        tree.Add(item.KeyValue);
                    }
                }

                return new TomlNode(tree, line, column);
            default:
                return new TomlNode(null, line, column);
        }
    }

    private static string[] KeyPath(KeySyntax? key)
    {
        if (key == null)
        {
            return [""];
        }

        List<string> path = [Name(key.Key)];
        foreach (DottedKeyItemSyntax item in key.DotKeys)
        {
            path.Add(Name(item.Key));
        }

        return [.. path];
    }

    private static string Name(BareKeyOrStringValueSyntax? part) => part switch
    {
        BareKeySyntax bare => bare.Key?.Text ?? "",
        StringValueSyntax text => text.Value ?? "",
        _ => "",
    };
}
