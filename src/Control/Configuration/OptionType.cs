using System.Globalization;

namespace LowLatency.Control.Configuring;

/// <summary>What an option may be: one definition for parsing, for messages and for the list of
/// keys.</summary>
/// <param name="Rule">Completes "must be ...".</param>
/// <param name="Example">A value as written in TOML.</param>
/// <param name="Parse">The value, or null when it is not one.</param>
/// <param name="Takes">TOML kinds that it can come as, for "not a string".</param>
/// <param name="Empty">Stands in for a value that was wrong, so that the other checks can go on.</param>
internal sealed record OptionType(
    string Rule, string Example, Func<TomlValue, object?> Parse, string[] Takes, object Empty)
{
    /// <summary>A whole number.</summary>
    public static OptionType Integer(long least, long most, long example) => new(
        $"an integer from {least} to {most}",
        example.ToString(CultureInfo.InvariantCulture),
        value => value.Data is long number && number >= least && number <= most ? number : null,
        ["an integer"],
        example);

    /// <summary>A number between two, the ends not in it.</summary>
    public static OptionType Between(double over, double under, string example) => new(
        $"a number over {over} and under {under}",
        example,
        value => Number(value) is { } number && number > over && number < under ? number : null,
        ["an integer", "a number"],
        (over + under) / 2);

    /// <summary>A number from zero to one.</summary>
    public static OptionType Fraction() => new(
        "a fraction from 0 to 1",
        "0.0",
        value => Number(value) is >= 0 and <= 1 ? Number(value) : null,
        ["an integer", "a number"],
        0.0);

    /// <summary>true or false.</summary>
    public static OptionType Flag() =>
        new("true or false", "true", value => value.Data as bool?, ["a boolean"], false);

    /// <summary>One of some words.</summary>
    public static OptionType Word(params string[] words) => new(
        "one of " + string.Join(", ", words.Select(word => $"\"{word}\"")),
        $"\"{words[0]}\"",
        value => value.Data is string text && words.Contains(text, StringComparer.Ordinal) ? text : null,
        ["a string"],
        words[0]);

    /// <summary>One of two numbers.</summary>
    public static OptionType Either(long first, long second) => new(
        $"{first} or {second}",
        first.ToString(CultureInfo.InvariantCulture),
        value => value.Data is long number && (number == first || number == second) ? number : null,
        ["an integer"],
        first);

    /// <summary>A power of two.</summary>
    public static OptionType PowerOfTwo(int least, int most, long example) => new(
        $"a power of two from {least} to {most}",
        example.ToString(CultureInfo.InvariantCulture),
        value => value.Data is long number && number >= least && number <= most && long.IsPow2(number)
            ? number : null,
        ["an integer"],
        example);

    /// <summary>Text that a test accepts.</summary>
    public static OptionType Text(string rule, string example, Func<string, bool> isGood) => new(
        rule, $"\"{example}\"", value => value.Data is string text && isGood(text) ? text : null,
        ["a string"], "");

    /// <summary>Text that stands for something else.</summary>
    public static OptionType Parsed(
        string rule, string example, Func<string, object?> parse, object empty) => new(
        rule, $"\"{example}\"", value => value.Data is string text ? parse(text) : null, ["a string"], empty);

    /// <summary>Text or whole number that stands for something else.</summary>
    public static OptionType Loose(string rule, string example, Func<string, object?> parse, object empty) =>
        new(
        rule,
        $"\"{example}\"",
        value => value.Data switch
        {
            string text => parse(text),
            long number => parse(number.ToString(CultureInfo.InvariantCulture)),
            _ => null,
        },
        ["a string", "an integer"],
        empty);

    /// <summary>A duration in ns.</summary>
    public static OptionType Duration(string example, long leastNs = 0, long mostNs = 86_400_000_000_000) =>
        new(
        (leastNs == 0 ? "a duration" : $"a duration of at least {DurationText(leastNs)}")
            + " with its unit: ns, us, ms, s or min",
        $"\"{example}\"",
        value =>
            value.Data is string text && Quantities.Duration(text) is { } ns && ns >= leastNs && ns <= mostNs
            ? ns : null,
        ["a string"],
        Quantities.Duration(example)!);

    /// <summary>A size in bytes.</summary>
    public static OptionType Bytes(string example) => Parsed(
        "a size with its unit: KiB, MiB, GiB or TiB", example, text => Quantities.Bytes(text),
        Quantities.Bytes(example)!);

    /// <summary>A name.</summary>
    public static OptionType Name(int charsMax) => Text(
        $"a name of 1 to {charsMax} letters, digits, '.', '_' and '-'", "a",
        text => text.Length > 0 && text.Length <= charsMax
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'));

    /// <summary>An array of names.</summary>
    public static OptionType Names(int least, int most, string example) => new(
        least == most ? $"an array of {least} names" : $"an array of {least} to {most} names",
        example,
        value => value.Data is List<TomlValue> items && items.Count >= least && items.Count <= most
            && items.TrueForAll(item => item.Data is string { Length: > 0 })
                ? items.ConvertAll(item => (string)item.Data!).ToArray() : null,
        ["an array"],
        Array.Empty<string>());

    /// <summary>An array of values that a function reads.</summary>
    public static OptionType List<T>(string rule, string example, int most, Func<TomlValue, object?> read) =>
        new(
        rule,
        example,
        value => value.Data is List<TomlValue> items && items.Count >= 1 && items.Count <= most
            && items.TrueForAll(item => read(item) is T)
                ? items.ConvertAll(item => (T)read(item)!).ToArray() : null,
        ["an array"],
        Array.Empty<T>());

    /// <summary>A duration in its largest whole unit: 20us, 1500ms.</summary>
    public static string DurationText(long ns) => ns switch
    {
        _ when ns % 1_000_000_000 == 0 => $"{ns / 1_000_000_000}s",
        _ when ns % 1_000_000 == 0 => $"{ns / 1_000_000}ms",
        _ when ns % 1_000 == 0 => $"{ns / 1_000}us",
        _ => $"{ns}ns",
    };

    /// <summary>A key as TOML wants it.</summary>
    public static string Written(string key) => key.Contains('.') ? $"\"{key}\"" : key;

    /// <summary>Reads a value, or says what is wrong with it; the empty stand-in then.</summary>
    public object Read(TomlValue value, List<ConfigurationError> errors)
    {
        object? parsed = Parse(value);
        if (parsed != null)
        {
            return parsed;
        }

        bool isOption = value.Place.File.Length == 0; // of the command line, where everything is text
        string not = isOption || Takes.Contains(value.KindName) ? "" : $", not {value.KindName}";
        string fix = isOption
            ? $"Write {value.Place.Key} {Example.Trim('"')}, for example."
            : $"Write {Written(value.Place.Key)} = {Example}, for example.";
        errors.Add(new ConfigurationError(value.Place, $"must be {Rule}{not}", fix));
        return Empty;
    }

    private static double? Number(TomlValue value) => value.Data switch
    {
        double number when double.IsFinite(number) => number,
        long number => number,
        _ => null,
    };
}
