using System.Text;
using Tomlyn;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace LowLatency.Control.Configuring;

/// <summary>A TOML value with its place. <see cref="Data"/> is a string, long, double, bool, <see
/// cref="TomlTable"/>, list of values, or null for what no option takes (dates).</summary>
internal sealed record TomlValue(Place Place, object? Data)
{
    /// <summary>What it is, for messages.</summary>
    public string KindName => Data switch
    {
        string => "a string",
        long => "an integer",
        double => "a number",
        bool => "a boolean",
        TomlTable => "a table",
        List<TomlValue> => "an array",
        _ => "a date or time",
    };
}

/// <summary>A TOML table: its keys in the order of the file.</summary>
internal sealed class TomlTable(Place head)
{
    private readonly Dictionary<string, TomlValue> _values = [];

    /// <summary>Where it begins.</summary>
    public Place Head { get; } = head;

    /// <summary>Its entries.</summary>
    public Dictionary<string, TomlValue> Entries => _values;
}

/// <summary>Turns TOML text into a tree of values that know their line and column. Pure.</summary>
internal sealed class TomlTree
{
    private const int ShownCharsMax = 40;

    private readonly string _file;
    private readonly string _text;

    private TomlTree(string text, string file)
    {
        _text = text;
        _file = file;
    }

    /// <summary>Reads a text; null, with errors added, when it is not TOML.</summary>
    public static TomlTable? Read(string text, string file, List<ConfigurationError> errors)
    {
        DocumentSyntax document;
        try
        {
            document = SyntaxParser.Parse(text, file, validate: true);
        }
        catch (ArgumentOutOfRangeException)
        {
            // Tomlyn 2.10.2 throws while it words its own error for a backslash at the end of the file.
            Place end = new(
                file, text.Count(c => c == '\n') + 1, text.Length - text.LastIndexOf('\n'), "TOML", "");
            errors.Add(new ConfigurationError(
                end, "the file ends inside an escape of a string", "Close the string."));
            return null;
        }
        catch (TomlException)
        {
            // Everything else the parser collects; at its bound of 64 levels it throws, and says no place.
            Place at = new(file, FirstTooDeepLine(text), 1, "TOML", "");
            errors.Add(new ConfigurationError(at, "arrays and tables are nested too deep",
                "No key takes more than a list of tables."));
            return null;
        }

        if (document.HasErrors)
        {
            foreach (DiagnosticMessage message in document.Diagnostics)
            {
                Place place = new(
                    file, message.Span.Start.Line + 1, message.Span.Start.Column + 1, "TOML", "");
                errors.Add(new ConfigurationError(place, Shown(message.Message, int.MaxValue).TrimEnd('.'),
                    "The file is TOML 1.0 (toml.io)."));
            }

            return null;
        }

        return new TomlTree(text, file).Root(document);
    }

    // The text up to some line is too deep from the line on that is at fault.
    private static int FirstTooDeepLine(string text)
    {
        string[] lines = text.Split('\n');
        int good = 0;
        int bad = lines.Length;
        while (good + 1 < bad)
        {
            int middle = (good + bad) / 2;
            (good, bad) = IsTooDeep(string.Join('\n', lines[..middle]) + "\n") ? (good, middle) : (middle, bad);
        }

        return bad;
    }

    private static bool IsTooDeep(string text)
    {
        try
        {
            SyntaxParser.Parse(text, "", validate: true);
            return false;
        }
        catch (TomlException)
        {
            return true;
        }
    }

    private TomlTable Root(DocumentSyntax document)
    {
        TomlTable root = new(new Place(_file, 1, 1, "", ""));
        foreach (KeyValueSyntax pair in document.KeyValues)
        {
            Add(root, pair);
        }

        foreach (TableSyntaxBase header in document.Tables)
        {
            TomlTable table = Open(root, header);
            foreach (KeyValueSyntax pair in header.Items)
            {
                Add(table, pair);
            }
        }

        return root;
    }

    // [a.b] and [[a.b]]: a is the table so far, or the last of its array.
    private TomlTable Open(TomlTable root, TableSyntaxBase header)
    {
        List<string> path = KeyPath(header.Name);
        TomlTable table = root;
        for (int i = 0; i < path.Count - 1; i++)
        {
            table = Child(table, path[i], header);
        }

        string last = path.Count == 0 ? "" : path[^1];
        if (header is not TableArraySyntax)
        {
            return Child(table, last, header);
        }

        TomlTable item = new(PlaceOf(header, last, ""));
        TomlValue value = new(item.Head, item);
        if (table.Entries.TryGetValue(last, out TomlValue? there) && there.Data is List<TomlValue> list)
        {
            list.Add(value);
        }
        else
        {
            table.Entries[last] = new TomlValue(item.Head, new List<TomlValue> { value });
        }

        return item;
    }

    private TomlTable Child(TomlTable parent, string key, SyntaxNode at)
    {
        if (parent.Entries.TryGetValue(key, out TomlValue? there))
        {
            switch (there.Data)
            {
                case TomlTable table:
                    return table;
                case List<TomlValue> { Count: > 0 } list when list[^1].Data is TomlTable last:
                    return last;
            }
        }

        TomlTable made = new(PlaceOf(at, key, ""));
        parent.Entries[key] = new TomlValue(made.Head, made);
        return made;
    }

    private void Add(TomlTable table, KeyValueSyntax pair)
    {
        List<string> path = KeyPath(pair.Key);
        for (int i = 0; i < path.Count - 1; i++)
        {
            table = Child(table, path[i], pair);
        }

        string key = path.Count == 0 ? "" : path[^1];
        table.Entries[key] = Value(key, pair.Value, pair);
    }

    private TomlValue Value(string key, ValueSyntax? value, SyntaxNode pair)
    {
        SyntaxNode at = (SyntaxNode?)value ?? pair;
        Place place = PlaceOf(at, key, value == null ? "" : SourceOf(value));
        object? data = value switch
        {
            StringValueSyntax text => text.Value ?? "",
            IntegerValueSyntax integer => integer.Value,
            FloatValueSyntax number => number.Value,
            BooleanValueSyntax flag => flag.Value,
            ArraySyntax array => Items(key, array),
            InlineTableSyntax table => Inline(place, table),
            _ => null,
        };
        return new TomlValue(place, data);
    }

    private List<TomlValue> Items(string key, ArraySyntax array)
    {
        List<TomlValue> items = [];
        foreach (ArrayItemSyntax item in array.Items)
        {
            items.Add(Value(key, item.Value, item));
        }

        return items;
    }

    private TomlTable Inline(Place place, InlineTableSyntax syntax)
    {
        TomlTable table = new(place with { Value = "" });
        foreach (InlineTableItemSyntax item in syntax.Items)
        {
            if (item.KeyValue != null)
            {
                Add(table, item.KeyValue);
            }
        }

        return table;
    }

    private static List<string> KeyPath(KeySyntax? key)
    {
        List<string> path = [];
        if (key?.Key != null)
        {
            path.Add(KeyText(key.Key));
            foreach (DottedKeyItemSyntax item in key.DotKeys)
            {
                path.Add(item.Key == null ? "" : KeyText(item.Key));
            }
        }

        return path;
    }

    private static string KeyText(BareKeyOrStringValueSyntax key) => key switch
    {
        BareKeySyntax bare => bare.Key?.Text ?? "",
        StringValueSyntax quoted => quoted.Value ?? "",
        _ => "",
    };

    private Place PlaceOf(SyntaxNode node, string key, string value) =>
        new(_file, node.Span.Start.Line + 1, node.Span.Start.Column + 1, Shown(key, ShownCharsMax), value);

    private string SourceOf(SyntaxNode node)
    {
        int start = Math.Clamp(node.Span.Start.Offset, 0, _text.Length);
        int end = Math.Clamp(node.Span.End.Offset + 1, start, _text.Length);
        return Shown(_text[start..end].Trim(), ShownCharsMax);
    }

    // A message is one line, whatever bytes the file has.
    private static string Shown(string text, int charsMax)
    {
        StringBuilder shown = new();
        foreach (char c in text)
        {
            shown.Append(char.IsControl(c) ? ' ' : c);
            if (shown.Length >= charsMax)
            {
                return shown.Append("...").ToString();
            }
        }

        return shown.ToString();
    }
}
