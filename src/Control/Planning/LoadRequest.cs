using System.Globalization;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Planning;

/// <summary>What a load run shall be: the file, then the command line over it. Pure.</summary>
internal sealed record LoadRequest
{
    /// <summary>When frames are sent.</summary>
    public required Arrivals Arrivals { get; init; }

    /// <summary>The capture they come from; null: none.</summary>
    public required Replay? Replay { get; init; }

    /// <summary>Where it is named.</summary>
    public required Place? ReplayAt { get; init; }

    /// <summary>What the frames are.</summary>
    public required Traffic Traffic { get; init; }

    /// <summary>Time before it, ns.</summary>
    public required long WarmupNs { get; init; }

    /// <summary>Paths to compare.</summary>
    public required IReadOnlyList<PathConfiguration> Paths { get; init; }

    /// <summary>Objectives.</summary>
    public required IReadOnlyList<SloLimit> Slo { get; init; }

    /// <summary>Puts the command line over the file; errors name the option.</summary>
    public static LoadRequest From(
        LoadConfiguration load, PromiseConfiguration? promise, LoadOverrides options, Findings findings)
    {
        Section section = load.Section;
        List<ConfigurationError> errors = findings.Errors;
        return new LoadRequest
        {
            Replay = Replay.From(section, options, findings),
            ReplayAt = Replay.PlaceOf(section, options),
            Traffic = Traffic.From(section, options, findings),
            Arrivals = Arrivals.From(section, promise, options, findings),
            WarmupNs = LoadOverrides.Read(LoadSchema.Warmup, "--warmup", options.Warmup,
                section.Get<long>("warmup"), errors),
            Paths = [.. load.Paths.Where(path => path != load.Direct || !options.NoDirect)],
            Slo = ReadSlo([.. load.Slo, .. promise?.Slo ?? []], options.Slo, findings),
        };
    }

    private static List<SloLimit> ReadSlo(
        IReadOnlyList<SloLimit> fromFile, IReadOnlyList<string> options, Findings findings)
    {
        List<SloLimit> limits = [.. fromFile];
        foreach (string option in options)
        {
            Place place = LoadOverrides.Option("--slo", option);
            string[] parts = option.Split('=', 2);
            bool isLoss = parts[0] == SloLimit.LossName;
            if (parts.Length != 2 || (!isLoss && !LoadSchema.SloNames.Contains(parts[0])))
            {
                findings.Error(place,
                    $"must be NAME=LIMIT, with a name of {string.Join(", ", LoadSchema.SloNames)}, "
                        + $"{SloLimit.LossName}",
                    "Write --slo p99.99=50us, for example.");
                continue;
            }

            int before = findings.Errors.Count;
            TomlValue value = new(place, isLoss ? Number(parts[1]) : parts[1]);
            OptionType type = isLoss ? OptionType.Fraction() : LoadSchema.SloLimit;
            string example = $"{parts[0]}={type.Example.Trim('"')}";
            object limit = (type with { Example = example }).Read(value, findings.Errors);
            if (findings.Errors.Count == before)
            {
                limits.RemoveAll(there => there.Name == parts[0]);
                limits.Add(isLoss
                    ? new SloLimit(parts[0], 0, (double)limit, place)
                    : new SloLimit(parts[0], (long)limit, 0, place));
            }
        }

        return limits;
    }

    private static object Number(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            ? value : text;
}
