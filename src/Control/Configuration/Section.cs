using System.Globalization;

namespace LowLatency.Control.Configuration;

/// <summary>Reads one table of the configuration: typed values with defaults, every mistake collected with its place,
/// unknown keys named. It stays with the record made from it, so that the planner's errors have places too.</summary>
internal sealed class Section(TomlTree tree, string file, string name, List<ConfigurationError> errors)
{
    private readonly List<string> _known = [];

    /// <summary>How messages call it, e.g. <c>[[port]] a</c>.</summary>
    public string Name { get; } = name;

    /// <summary>Keys that were asked for: what this table can hold.</summary>
    public IReadOnlyList<string> Known => _known;

    /// <summary>True when the user wrote the key.</summary>
    public bool Has(string key) => tree.Values.ContainsKey(key);

    /// <summary>Adds an error about a key; without it, about the table.</summary>
    public void Fail(string key, string rule, string fix) => errors.Add(Error(key, rule, fix));

    /// <summary>An error about a key that is not added to the reader's list: the planner keeps its own.</summary>
    public ConfigurationError Error(string key, string rule, string fix)
    {
        bool isWritten = tree.Values.TryGetValue(key, out TomlNode? node);
        string where = isWritten ? $"{file}:{node!.Line}:{node.Column}" : $"{file}:{tree.Line}:{tree.Column}";
        string what = isWritten ? $"{key} = {node!.Text}" : key.Length == 0 ? Name : $"{key} in {Name}";
        return new ConfigurationError(where, what, rule, fix);
    }

    /// <summary>Text, or the default.</summary>
    public string Text(string key, string fallback, params string[] allowed)
    {
        string? text = Get<string>(key, "text in quotes");
        if (text != null && allowed.Length > 0 && !allowed.Contains(text))
        {
            Fail(key, $"one of {string.Join(", ", allowed.Select(one => $"\"{one}\""))}",
                Suggestion(text, allowed) ?? "Write one of these.");
            return fallback;
        }

        return text ?? fallback;
    }

    /// <summary>Text that must be there.</summary>
    public string Required(string key)
    {
        if (!Has(key))
        {
            _known.Add(key);
            Fail("", $"{key} is missing", $"Add {key} = \"…\".");
            return "";
        }

        return Text(key, "");
    }

    /// <summary>A whole number in a range, or the default.</summary>
    public long Number(string key, long fallback, long low, long high)
    {
        if (Get<object>(key, "a whole number") is not object value)
        {
            return fallback;
        }

        if (value is not long number)
        {
            Fail(key, "a whole number", $"Write a number from {low} to {high}, without quotes.");
            return fallback;
        }

        if (number < low || number > high)
        {
            Fail(key, $"from {low} to {high}", "Choose a value in this range.");
            return fallback;
        }

        return number;
    }

    /// <summary>A fraction in [0, 1], or the default.</summary>
    public double Fraction(string key, double fallback)
    {
        object? value = Get<object>(key, "a number");
        double number = value switch { double real => real, long whole => whole, null => fallback, _ => -1 };
        if (number is >= 0 and <= 1)
        {
            return number;
        }

        Fail(key, "a number from 0 to 1", "Write a fraction such as 0.2.");
        return fallback;
    }

    /// <summary>true or false, or the default.</summary>
    public bool Flag(string key, bool fallback) => Get<object>(key, "true or false") switch
    {
        bool flag => flag,
        null => fallback,
        _ => FailFlag(key, fallback),
    };

    /// <summary>A duration such as "50us", ns.</summary>
    public long Duration(string key, string fallback)
    {
        string text = Text(key, fallback);
        if (Quantity.TryDuration(text, out long ns))
        {
            return ns;
        }

        Fail(key, "a duration with its unit (ns, us, ms, s, min, h)", "Write for example \"50us\" or \"10s\".");
        _ = Quantity.TryDuration(fallback, out ns);
        return ns;
    }

    /// <summary>A list of texts.</summary>
    public string[] Texts(string key)
    {
        TomlNode[]? items = Get<TomlNode[]>(key, "a list of texts, as in [\"a\", \"b\"]");
        if (items == null)
        {
            return [];
        }

        if (Array.Exists(items, item => item.Value is not string))
        {
            Fail(key, "a list of texts", "Write for example [\"a\", \"b\"].");
            return [];
        }

        return Array.ConvertAll(items, item => (string)item.Value!);
    }

    /// <summary>A text with a grammar of its own.</summary>
    public T Parse<T>(string key, T fallback, TryParser<T> parser, string rule, string example)
    {
        string? text = Get<string>(key, "text in quotes");
        if (text == null)
        {
            return fallback;
        }

        if (parser(text, out T value))
        {
            return value;
        }

        Fail(key, rule, $"Write for example {example}.");
        return fallback;
    }

    /// <summary>A table inside this one; null when there is none.</summary>
    public Section? Table(string key) => Get<TomlTree>(key, $"a table, [{key}]") is TomlTree inner
        ? new Section(inner, file, $"[{key}]", errors) : null;

    /// <summary>The tables of an array of tables.</summary>
    public List<Section> Tables(string key)
    {
        TomlNode[] items = Get<TomlNode[]>(key, $"tables, [[{key}]]") ?? [];
        List<Section> sections = [];
        foreach (TomlNode item in items)
        {
            if (item.Value is not TomlTree inner)
            {
                Fail(key, $"tables, each headed [[{key}]]", $"Write [[{key}]] on a line of its own.");
                return [];
            }

            string label = inner.Values.TryGetValue("name", out TomlNode? node) && node.Value is string own
                ? $"[[{key}]] {own}" : $"[[{key}]]";
            sections.Add(new Section(inner, file, label, errors));
        }

        return sections;
    }

    /// <summary>Names every key that nobody asked for.</summary>
    public void RejectUnknown()
    {
        foreach (string key in tree.Values.Keys.Where(key => !_known.Contains(key)))
        {
            Fail(key, $"{Name} has no such key",
                Suggestion(key, _known) ?? $"Its keys are {string.Join(", ", _known)}.");
        }
    }

    private bool FailFlag(string key, bool fallback)
    {
        Fail(key, "true or false", "Write true or false, without quotes.");
        return fallback;
    }

    private T? Get<T>(string key, string expected)
        where T : class
    {
        _known.Add(key);
        if (!tree.Values.TryGetValue(key, out TomlNode? node))
        {
            return null;
        }

        if (node.Value is T value)
        {
            return value;
        }

        Fail(key, $"must be {expected}", $"Write {key} as {expected}.");
        return null;
    }

    private static string? Suggestion(string text, IReadOnlyList<string> known)
    {
        string? nearest = known.MinBy(one => Distance(text, one));
        return nearest != null && Distance(text, nearest) <= Math.Max(1, nearest.Length / 3)
            ? string.Create(CultureInfo.InvariantCulture, $"Did you mean {nearest}?") : null;
    }

    // Levenshtein: insertions, deletions and substitutions.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int next = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = next;
            }
        }

        return row[b.Length];
    }
}

/// <summary>Parses a text; false where it is not one.</summary>
internal delegate bool TryParser<T>(string text, out T value);
