using System.Globalization;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Planning;

/// <summary>Options of the command line that stand in for keys of [load], as typed; null: not
/// given.</summary>
internal sealed record LoadOverrides
{
    /// <summary>No option given.</summary>
    public static readonly LoadOverrides None = new();

    /// <summary>--rate.</summary>
    public string? Rate { get; init; }

    /// <summary>--size.</summary>
    public string? Size { get; init; }

    /// <summary>--imix.</summary>
    public string? Imix { get; init; }

    /// <summary>--schedule.</summary>
    public string? Schedule { get; init; }

    /// <summary>--duration.</summary>
    public string? Duration { get; init; }

    /// <summary>--warmup.</summary>
    public string? Warmup { get; init; }

    /// <summary>--flows.</summary>
    public int? Flows { get; init; }

    /// <summary>--no-direct: the path through the device under test only.</summary>
    public bool NoDirect { get; init; }

    /// <summary>--slo, each as <c>p99.99=50us</c> or <c>max_loss=0.001</c>.</summary>
    public IReadOnlyList<string> Slo { get; init; } = [];
}

/// <summary>What a load run shall be: the file, then the command line over it. Pure.</summary>
internal sealed record LoadRequest
{
    /// <summary>Frames a second.</summary>
    public required double RatePps { get; init; }

    /// <summary>Frame sizes.</summary>
    public required IReadOnlyList<SizeShare> Sizes { get; init; }

    /// <summary>Where the sizes are said.</summary>
    public required Place SizesAt { get; init; }

    /// <summary>Exponential distances.</summary>
    public required bool IsPoisson { get; init; }

    /// <summary>Measured time, ns.</summary>
    public required long DurationNs { get; init; }

    /// <summary>Time before it, ns.</summary>
    public required long WarmupNs { get; init; }

    /// <summary>Flows.</summary>
    public required int Flows { get; init; }

    /// <summary>Paths to compare.</summary>
    public required IReadOnlyList<PathConfiguration> Paths { get; init; }

    /// <summary>Objectives.</summary>
    public required IReadOnlyList<SloLimit> Slo { get; init; }

    /// <summary>Puts the command line over the file; errors name the option.</summary>
    public static LoadRequest From(LoadConfiguration load, LoadOverrides options, Findings findings)
    {
        Section section = load.Section;
        List<ConfigurationError> errors = findings.Errors;
        if (options.Size != null && options.Imix != null)
        {
            findings.Error(Option("--imix", options.Imix), "--size says it already", "Give one of them.");
        }

        (IReadOnlyList<SizeShare> sizes, Place sizesAt) = ReadSizes(load, options, findings);
        int flows = (int)Read(Schema.Flows, "--flows", options.Flows is { } n ? $"{n}" : null,
            section.Get<long>("flows"), errors);
        CheckLastPort(section, options, flows, findings);
        return new LoadRequest
        {
            RatePps = Read(Schema.Rate, "--rate", options.Rate, section.Get<double>("rate"), errors),
            Sizes = sizes,
            SizesAt = sizesAt,
            IsPoisson = Read(
                Schema.Arrivals, "--schedule", options.Schedule, section.Get<string>("schedule"), errors)
                == "poisson",
            DurationNs = Read(
                Schema.RunTime, "--duration", options.Duration, section.Get<long>("duration"), errors),
            WarmupNs = Read(Schema.Warmup, "--warmup", options.Warmup, section.Get<long>("warmup"), errors),
            Flows = flows,
            Paths = [.. load.Paths.Where(path => path != load.Direct || !options.NoDirect)],
            Slo = ReadSlo(load.Slo, options.Slo, findings),
        };
    }

    private static Place Option(string name, string value) => new("", 0, 0, name, value);

    private static (IReadOnlyList<SizeShare> Sizes, Place At) ReadSizes(
        LoadConfiguration load, LoadOverrides options, Findings findings)
    {
        if (options.Size == null && options.Imix == null)
        {
            string key = load.Section.Has("imix") ? "imix" : "size";
            return (LoadRules.Sizes(load), load.Section.At(key, load.FrameBytesLeast));
        }

        int before = findings.Errors.Count;
        Place place = options.Imix != null ? Option("--imix", options.Imix) : Option("--size", options.Size!);
        IReadOnlyList<SizeShare> sizes = options.Imix != null
            ? Read<IReadOnlyList<SizeShare>>(Schema.Imix, "--imix", options.Imix, [], findings.Errors)
            : [new SizeShare((int)Read(Schema.FrameSize, "--size", options.Size, 60L, findings.Errors), 1)];
        if (findings.Errors.Count == before)
        {
            LoadRules.CheckSizes(sizes, load.Family, place, findings);
        }

        return (sizes, place);
    }

    private static void CheckLastPort(Section section, LoadOverrides options, int flows, Findings findings)
    {
        long most = 65536 - section.Get<long>("source_port");
        if (options.Flows != null && flows > most)
        {
            findings.Error(Option("--flows", $"{flows}"),
                $"flow n adds n to source_port {section.Get<long>("source_port")}; 65535 is the last port",
                $"Give at most {most}, or lower source_port.");
        }
    }

    private static List<SloLimit> ReadSlo(
        IReadOnlyList<SloLimit> fromFile, IReadOnlyList<string> options, Findings findings)
    {
        List<SloLimit> limits = [.. fromFile];
        foreach (string option in options)
        {
            Place place = Option("--slo", option);
            string[] parts = option.Split('=', 2);
            bool isLoss = parts[0] == SloLimit.LossName;
            if (parts.Length != 2 || (!isLoss && !Schema.SloNames.Contains(parts[0])))
            {
                findings.Error(place,
                    $"must be NAME=LIMIT, with a name of {string.Join(", ", Schema.SloNames)}, "
                        + $"{SloLimit.LossName}",
                    "Write --slo p99.99=50us, for example.");
                continue;
            }

            int before = findings.Errors.Count;
            TomlValue value = new(place, isLoss ? Number(parts[1]) : parts[1]);
            OptionType type = isLoss ? OptionType.Fraction() : Schema.SloLimit;
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

    private static T Read<T>(
        OptionType type, string name, string? text, T otherwise, List<ConfigurationError> errors)
    {
        if (text == null)
        {
            return otherwise;
        }

        // An integer type takes no string: what is typed as a number is one.
        bool isNumber = long.TryParse(
            text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            && type.Takes.Contains("an integer");
        return (T)type.Read(new TomlValue(Option(name, text), isNumber ? number : text), errors);
    }

    private static object Number(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            ? value : text;
}
