namespace LowLatency.Control.Readiness;

/// <summary>Timers that systemd starts by itself, from its folders of units (systemd.unit(5)).
/// Pure.</summary>
internal static class TimerUnits
{
    // In the order in which a unit of one folder hides that of the next.
    private static readonly string[] Folders =
        ["/etc/systemd/system/", "/run/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"];

    /// <summary>Reads that rules which ask for timers declare. A unit that is empty, or a link to nothing, is
    /// masked.</summary>
    public static IReadOnlyList<Read> Reads { get; } =
    [
        .. Folders.Select(folder => new Read(Wants(folder))),
        .. Folders.Select(folder => new Read(Units(folder), Traits: ReadTraits.MayBeEmpty)),
    ];

    /// <summary>Names of timers that some unit wants, the vendor's as well as the operator's, each once; and
    /// whether it is masked: then it is not started any more.</summary>
    /// <exception cref="NotReadException">A folder or a unit cannot be read.</exception>
    public static IReadOnlyList<(string Name, bool IsMasked)> Wanted(Facts facts) =>
    [
        .. Folders.SelectMany(folder => facts.Match(Wants(folder))).Select(match => match.Parts[1]).Distinct()
            .Order(StringComparer.Ordinal).Select(name => (name, Text(facts, name) is "")),
    ];

    /// <summary>When a timer fires, as its unit writes it; null: by no calendar.</summary>
    public static string? Calendar(Facts facts, string name) => Text(facts, name)?.Split('\n')
        .FirstOrDefault(line => line.StartsWith("OnCalendar=", StringComparison.Ordinal))
        ?["OnCalendar=".Length..];

    private static string? Text(Facts facts, string name)
    {
        string? source = Folders.Select(folder => facts.Match(Units(folder))
            .FirstOrDefault(unit => unit.Parts[0] == name).Source).FirstOrDefault(found => found is not null);
        return source is null ? null : facts.TextOrMissing(source);
    }

    private static string Wants(string folder) => $"link:{folder}*.wants/*.timer";

    private static string Units(string folder) => folder + "*.timer";
}
