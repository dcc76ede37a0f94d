namespace LowLatency.Control.Configuring;

/// <summary>One table of the file, checked against its schema row: typed values, and their places.</summary>
internal sealed class Section
{
    private readonly Dictionary<string, object> _values = [];
    private readonly Dictionary<string, Place> _places = [];
    private readonly Dictionary<string, List<Section>> _tables = [];
    private readonly HashSet<string> _bad = [];
    private readonly TableRow _row;

    private Section(TableRow row, Place head)
    {
        _row = row;
        Head = head;
    }

    /// <summary>Where the table begins.</summary>
    public Place Head { get; }

    /// <summary>Keys that the file gives, in its order.</summary>
    public IEnumerable<string> GivenKeys => _places.Keys;

    /// <summary>Checks a table and all below it; whatever is wrong is added to <paramref
    /// name="errors"/>.</summary>
    public static Section Read(TableRow row, TomlTable table, List<ConfigurationError> errors)
    {
        Section section = new(row, table.Head);
        foreach ((string key, TomlValue value) in table.Entries)
        {
            section.Take(key, value, errors);
        }

        foreach (OptionRow option in row.Options)
        {
            if (section._places.ContainsKey(option.Key))
            {
                continue;
            }

            if (option.IsRequired)
            {
                section._bad.Add(option.Key);
                errors.Add(new ConfigurationError(section.Head with { Key = option.Key, Value = "" },
                    $"is missing{(row.Key.Length == 0 ? "" : $" in {row.Header}")}, it must be "
                        + $"{option.Type.Rule}",
                    $"Add {OptionType.Written(option.Key)} = {option.Type.Example}, for example."));
            }

            if ((option.Default ?? (option.IsRequired ? option.Type.Empty : null)) is { } value)
            {
                section._values[option.Key] = value;
            }
        }

        return section;
    }

    /// <summary>The value of a key that has a default or is required.</summary>
    public T Get<T>(string key) => (T)_values[key];

    /// <summary>The value of a key, or <paramref name="otherwise"/> where the file does not give
    /// it.</summary>
    public T GetOr<T>(string key, T otherwise) =>
        _values.TryGetValue(key, out object? value) ? (T)value : otherwise;

    /// <summary>An integer as int; the schema bounds it.</summary>
    public int Int(string key) => (int)(long)_values[key];

    /// <summary>True when the file gives the key.</summary>
    public bool Has(string key) => _places.ContainsKey(key);

    /// <summary>False when the key was reported already, so that one mistake is one line.</summary>
    public bool IsGood(string key) => !_bad.Contains(key);

    /// <summary>Where the key stands; for a default, the table's head and the default's value.</summary>
    public Place At(string key, object? byDefault = null)
    {
        if (_places.TryGetValue(key, out Place place))
        {
            return place;
        }

        object? value = byDefault ?? _values.GetValueOrDefault(key);
        return Head with { Key = key, Value = value == null ? "" : $"{value} (the default)" };
    }

    /// <summary>The tables under a key; empty where there are none.</summary>
    public IReadOnlyList<Section> Tables(string key) => _tables.GetValueOrDefault(key) ?? [];

    /// <summary>The one table under a key; null where there is none.</summary>
    public Section? Table(string key) => Tables(key) is [Section table, ..] ? table : null;

    private void Take(string key, TomlValue value, List<ConfigurationError> errors)
    {
        OptionRow? option = Array.Find(_row.Options, row => row.Key == key);
        TableRow? table = Array.Find(_row.Tables, row => row.Key == key);
        if (option != null)
        {
            _places[key] = value.Place;
            int before = errors.Count;
            _values[key] = option.Type.Read(value, errors);
            if (errors.Count > before)
            {
                _bad.Add(key);
            }
        }
        else if (table != null)
        {
            int before = errors.Count;
            _tables[key] = TakeTables(table, value, errors);
            if (errors.Count > before)
            {
                _bad.Add(key);
            }
        }
        else
        {
            errors.Add(Unknown(key, value));
        }
    }

    private static List<Section> TakeTables(TableRow row, TomlValue value, List<ConfigurationError> errors)
    {
        List<Section> sections = [];
        if (!row.IsArray && value.Data is TomlTable table)
        {
            sections.Add(Read(row, table, errors));
        }
        else if (row.IsArray && value.Data is List<TomlValue> items
            && items.TrueForAll(item => item.Data is TomlTable))
        {
            sections.AddRange(items.Select(item => Read(row, (TomlTable)item.Data!, errors)));
        }
        else
        {
            string wanted = row.IsArray ? "an array of tables" : "a table";
            errors.Add(new ConfigurationError(
                value.Place, $"must be {wanted}, not {value.KindName}", $"Begin it with {row.Header}."));
        }

        return sections;
    }

    private ConfigurationError Unknown(string key, TomlValue value)
    {
        string[] known = [.. _row.Options.Select(row => row.Key), .. _row.Tables.Select(row => row.Key)];
        string? near = known.Where(name => Distance(name, key) <= Math.Max(2, name.Length / 3))
            .MinBy(name => Distance(name, key));
        string where = _row.Key.Length == 0 ? "at the top of the file" : $"in {_row.Header}";
        string rule = $"no such key {where}";
        return new ConfigurationError(value.Place, rule, near != null
            ? $"Did you mean {near}?"
            : $"Keys there: {string.Join(", ", known)}.");
    }

    // Levenshtein, bounded by the longest key: a key of a thousand characters resembles none.
    private static int Distance(string a, string b)
    {
        if (b.Length > 40)
        {
            return int.MaxValue;
        }

        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int corner = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
                corner = row[j];
                row[j] = Math.Min(change, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
