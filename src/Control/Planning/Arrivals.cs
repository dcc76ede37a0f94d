using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>When a load sends its frames: the file, then the command line over it. Pure.</summary>
internal sealed record Arrivals
{
    private const string RateKey = "rate";
    private static readonly (string Key, string Option, string Word)[] Shapes =
        [("burst", "--burst", "burst"), ("ramp_to", "--ramp-to", "ramp"), ("steps", "--steps", "steps")];

    /// <summary>Process.</summary>
    public required Schedule Schedule { get; init; }

    /// <summary>Mean frames a second over wall time.</summary>
    public required double RatePps { get; init; }

    /// <summary>Measured time, ns.</summary>
    public required long DurationNs { get; init; }

    /// <summary>Of schedule burst; null with any other.</summary>
    public BurstShape? Burst { get; init; }

    /// <summary>Of schedules ramp and steps: one part after the other; empty with any other.</summary>
    public IReadOnlyList<PlanRate> Rates { get; init; } = [];

    /// <summary>Reads both; what contradicts itself is named by key or option.</summary>
    public static Arrivals From(
        Section section, PromiseConfiguration? promise, LoadOverrides options, Findings findings)
    {
        int before = findings.Errors.Count;
        bool isTimed = Replay.PlaceOf(section, options) != null
            && Replay.SpeedOf(section, options, new Findings()) > 0;
        string word = isTimed ? "constant" : Word(section, options, findings);
        Place rateAt = options.Rate != null ? LoadOverrides.Option("--rate", options.Rate)
            : section.At(RateKey);
        double rate = LoadOverrides.Read(
            LoadSchema.Rate, "--rate", options.Rate,
            promise?.RatePps ?? section.GetOr(RateKey, 1.0), findings.Errors);
        long duration = LoadOverrides.Read(LoadSchema.RunTime, "--duration", options.Duration,
            promise?.DurationNs ?? section.Get<long>("duration"), findings.Errors);
        BurstShape? burst = LoadOverrides.Read(
            LoadSchema.Burst, "--burst", options.Burst, section.GetOr<BurstShape?>("burst", null),
            findings.Errors);
        double? rampTo = LoadOverrides.Read(LoadSchema.Rate, "--ramp-to", options.RampTo,
            section.Has("ramp_to") ? section.Get<double>("ramp_to") : (double?)null, findings.Errors);
        IReadOnlyList<RateStep> steps = LoadOverrides.Read(LoadSchema.Steps, "--steps", options.Steps,
            section.GetOr<IReadOnlyList<RateStep>>("steps", []), findings.Errors);
        Arrivals constant = new()
        {
            Schedule = word == "poisson" ? Schedule.Poisson : Schedule.Constant,
            RatePps = rate,
            DurationNs = duration,
        };
        if (isTimed || findings.Errors.Count > before || !IsWhole(section, options, word, findings))
        {
            return constant;
        }

        switch (word)
        {
            case "burst":
                CheckGap(section, options, rateAt, burst!, rate, findings);
                return constant with { Schedule = Schedule.Burst, Burst = burst };
            case "ramp":
                return constant with
                {
                    Schedule = Schedule.Ramp,
                    RatePps = (rate + rampTo!.Value) / 2,
                    Rates = [new PlanRate { FromPps = rate, ToPps = rampTo.Value, ForNs = duration }],
                };
            case "steps":
                return OfSteps(steps);
            default:
                return constant;
        }
    }

    private static Arrivals OfSteps(IReadOnlyList<RateStep> steps)
    {
        long sum = steps.Sum(step => step.ForNs);
        return new Arrivals
        {
            Schedule = Schedule.Steps,
            RatePps = steps.Sum(step => step.RatePps * step.ForNs) / sum,
            DurationNs = sum,
            Rates = [.. steps.Select(step => new PlanRate
            {
                FromPps = step.RatePps,
                ToPps = step.RatePps,
                ForNs = step.ForNs,
            })],
        };
    }

    // An option that only one schedule has says which one it is.
    private static string Word(Section section, LoadOverrides options, Findings findings)
    {
        (string Option, string Text, string Word)[] given =
        [
            .. new (string Option, string? Text, string Word)[]
            {
                ("--schedule", options.Schedule, options.Schedule ?? ""), ("--burst", options.Burst, "burst"),
                ("--ramp-to", options.RampTo, "ramp"), ("--steps", options.Steps, "steps"),
            }.Where(one => one.Text != null).Select(one => (one.Option, one.Text!, one.Word)),
        ];
        string word = LoadOverrides.Read(LoadSchema.Arrivals, "--schedule", options.Schedule,
            given.Length > 0 ? given[0].Word : section.Get<string>("schedule"), findings.Errors);
        foreach ((string option, string text, string other) in given.Where(one => one.Word != given[0].Word))
        {
            findings.Error(LoadOverrides.Option(option, text),
                $"is schedule {other}, and {given[0].Option} is schedule {given[0].Word}", "Give one of "
                    + "them.");
        }

        return word;
    }

    // Each schedule has what it needs, and nothing that only another understands.
    private static bool IsWhole(Section section, LoadOverrides options, string word, Findings findings)
    {
        int before = findings.Errors.Count;
        string? Option(string key) => key switch
        {
            "burst" => options.Burst,
            "ramp_to" => options.RampTo,
            "steps" => options.Steps,
            RateKey => options.Rate,
            _ => options.Duration,
        };

        bool isOfFile = section.Get<string>("schedule") == word && options.Schedule == null;
        foreach ((string key, string option, string owner) in Shapes)
        {
            bool isGiven = Option(key) != null || section.Has(key);
            if (owner == word && !isGiven && section.IsGood(key))
            {
                findings.Error(Missing(section, options, key), $"schedule {word} needs {key}",
                    $"Add {key} to [load], or give {option}.");
            }
            else if (owner != word && section.Has(key) && isOfFile)
            {
                findings.Error(section.At(key), $"only schedule {owner} has it, schedule is {word}",
                    $"Write schedule = \"{owner}\", or remove {key}.");
            }
        }

        bool isSteps = word == "steps";
        if (!isSteps && options.Rate == null && !section.Has(RateKey))
        {
            findings.Error(Missing(section, options, RateKey), $"schedule {word} needs a rate",
                "Add rate = \"100k\" to [load], for example.");
        }

        foreach (string key in isSteps ? [RateKey, "duration"] : Array.Empty<string>())
        {
            // What the file says of another schedule falls away with --steps.
            if (Option(key) is { } text)
            {
                findings.Error(
                    LoadOverrides.Option("--" + key, text), $"the steps of this load say their {key}",
                    $"Give --steps, or --schedule constant with --{key}.");
            }
            else if (section.Has(key) && isOfFile)
            {
                findings.Error(section.At(key), $"steps says it: each has its {key}", $"Remove {key}.");
            }
        }

        return findings.Errors.Count == before;
    }

    private static Place Missing(Section section, LoadOverrides options, string key) =>
        options.Schedule != null
        ? LoadOverrides.Option("--schedule", options.Schedule) : section.Head with { Key = key, Value = "" };

    // N frames take N mean distances, the gap among them.
    private static void CheckGap(Section section, LoadOverrides options, Place rateAt, BurstShape burst,
        double rate, Findings findings)
    {
        long every = section.Get<long>("quiet_every");
        double share = every == 0 ? 1
            : (double)(every - section.Get<long>("quiet_for") - section.Get<long>("quiet_guard")) / every;
        double periodNs = burst.Frames * (1e9 / rate * share);
        if (burst.GapNs > periodNs && share > 0)
        {
            Place place = options.Burst != null ? LoadOverrides.Option("--burst", options.Burst)
                : options.Rate != null ? rateAt : section.At("burst");
            string quiet = every == 0 ? "" : " outside the quiet windows";
            findings.Error(place,
                $"at {rate:0.###} frames a second {burst.Frames} frames have {periodNs / 1000:0.###} "
                    + $"us{quiet}, "
                    + $"less than their gap of {burst.GapNs / 1000.0:0.###} us",
                "Shorten the gap, send more frames in a burst, or lower the rate.");
        }
    }
}
