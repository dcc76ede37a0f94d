using System.CommandLine;
using System.Globalization;
using LowLatency.Control.Configuring;
using LowLatency.Control.Measuring;
using LowLatency.Control.Running;
using LowLatency.Control.Searching;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Commands;

/// <summary>Options of <c>lowlat load</c> that make many trials of one load.</summary>
internal sealed class SearchOptions
{
    private const double DefaultTolerance = 0.001;
    private const double DefaultMinPps = 1_000;
    private const double DefaultMaxPps = 10_000_000;
    private const double InitialSeconds = 1;
    private const int FullTrials = 3; // the majority of three decides
    private const double TrialSecondsMax = 60;
    private static readonly string[] Kinds = ["ndr", "pdr", "latency"];

    private readonly Option<string?> _search = new("--search")
    {
        Description = "Find the highest rate without loss (ndr), with little loss (pdr), or that meets the "
            + "objective (latency); trials of --duration",
        HelpName = "WHAT",
    };

    private readonly Option<string?> _tolerance = new("--loss-tolerance")
    {
        Description = "Loss that a trial of pdr or latency may have: 0.1%, 0.001 [default: 0.1%]",
        HelpName = "SHARE",
    };

    private readonly Option<string?> _least = new("--min-rate")
    {
        Description = "Lowest rate of a search [default: 1k]",
        HelpName = "PPS",
    };

    private readonly Option<string?> _most = new("--max-rate")
    {
        Description = "Highest rate of a search [default: 10M]",
        HelpName = "PPS",
    };

    private readonly Option<string?> _width = new("--width")
    {
        Description = "Distance of the bounds at the end of a search [default: 2%]",
        HelpName = "SHARE",
    };

    private readonly Option<string?> _curve = new("--curve")
    {
        Description = "Measure latency at these rates: 10k,50k,100k; or auto, around what a search found or "
            + "up to --rate",
        HelpName = "RATES",
    };

    /// <summary>Adds all.</summary>
    public void AddTo(Command command)
    {
        Option[] options = [_search, _tolerance, _least, _most, _width, _curve];
        foreach (Option option in options)
        {
            command.Add(option);
        }
    }

    /// <summary>What was typed; null: one plain run.</summary>
    /// <exception cref="CommandFailure">Wrong: exit code 1.</exception>
    public TypedSearch? Read(ParseResult parsed)
    {
        string? kind = parsed.GetValue(_search);
        string? curve = parsed.GetValue(_curve);
        if (kind is not null && !Kinds.Contains(kind))
        {
            throw CommandFailure.Input($"--search {kind}: must be one of {string.Join(", ", Kinds)}");
        }

        Option<string?>[] own = [_tolerance, _least, _most, _width];
        if (kind is null && own.FirstOrDefault(o => parsed.GetValue(o) is not null) is Option<string?> lone)
        {
            throw CommandFailure.Input($"{lone.Name}: belongs to a search. Add --search ndr, for example");
        }

        if (kind is null && curve is null)
        {
            return null;
        }

        double least = Rate(_least, parsed) ?? DefaultMinPps;
        double most = Rate(_most, parsed) ?? DefaultMaxPps;
        if (least >= most)
        {
            throw CommandFailure.Input($"--min-rate {least:0}: must be less than --max-rate, {most:0}");
        }

        double? tolerance = Share(_tolerance, parsed);
        if (kind == "ndr" && tolerance > 0)
        {
            throw CommandFailure.Input("--loss-tolerance: ndr allows no loss. Write --search pdr");
        }

        double width = Share(_width, parsed) ?? 0.02;
        if (width is < 0.0001 or > 0.5)
        {
            throw CommandFailure.Input("--width: must be from 0.01% to 50%");
        }

        return new TypedSearch(kind ?? SearchRequest.CurveKind, kind == "ndr" ? 0 : tolerance, least, most,
            width, Rates(curve));
    }

    /// <summary>A share: 0.1%, 0.001; null: neither.</summary>
    public static double? ShareOf(string text)
    {
        bool isPercent = text.EndsWith('%');
        return double.TryParse(isPercent ? text[..^1] : text, NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture, out double value) && value / (isPercent ? 100 : 1) is >= 0 and <= 1
            ? value / (isPercent ? 100 : 1) : null;
    }

    private static double? Share(Option<string?> option, ParseResult parsed) =>
        parsed.GetValue(option) is not string text ? null : ShareOf(text)
            ?? throw CommandFailure.Input($"{option.Name} {text}: must be a share such as 0.1% or 0.001");

    private static double? Rate(Option<string?> option, ParseResult parsed) =>
        parsed.GetValue(option) is string text ? RateOf(option.Name, text) : null;

    private static List<double>? Rates(string? text) => text is null ? null : text == "auto" ? []
        : [.. text.Split(',').Select(rate => RateOf("--curve", rate)).Distinct().Order()];

    private static double RateOf(string option, string text) =>
        LoadSchema.Rate.Parse(new TomlValue(new Place("", 0, 0, option, text), text)) as double?
            ?? throw CommandFailure.Input($"{option} {text}: must be {LoadSchema.Rate.Rule}");

    /// <summary>A search as typed.</summary>
    /// <param name="Kind">ndr, pdr, latency or curve.</param>
    /// <param name="Tolerance">Loss that is allowed; null: not said.</param>
    /// <param name="MinPps">Lowest rate.</param>
    /// <param name="MaxPps">Highest rate.</param>
    /// <param name="Width">Of the bounds.</param>
    /// <param name="Curve">Rates; empty: automatic; null: none.</param>
    internal sealed record TypedSearch(
        string Kind, double? Tolerance, double MinPps, double MaxPps, double Width, List<double>? Curve)
    {
        /// <summary>The search of a planned load.</summary>
        /// <param name="load">Its largest rate and full length are that plan's.</param>
        /// <param name="promise">Of the configuration and command line.</param>
        /// <param name="planAt">Plans a trial.</param>
        /// <exception cref="CommandFailure">There is nothing to search by: exit code 1.</exception>
        public SearchRequest With(in PlanLoad load, Promise promise, Func<double, double, PlanImage> planAt)
        {
            bool isLatency = Kind == "latency";
            if (isLatency && promise.Percentiles.Count == 0 && promise.MaxNs is null)
            {
                throw CommandFailure.Input("--search latency: needs an objective. "
                    + "Add --slo p99.99=50us, or [objective] to the configuration");
            }

            Promise limits = Kind == SearchRequest.CurveKind ? Promise.None
                : (isLatency ? promise : Promise.None) with
                {
                    LossMax = Tolerance ?? (isLatency ? promise.LossMax : null) ?? DefaultTolerance,
                    RatePps = null,
                    DurationNs = null,
                };
            double seconds = load.DurationNs / 1e9;
            // A rate whose samples would take longer than a minute to carry the percentile is not tried.
            double carried = new TrialJudge(Kind, limits).SecondsMin(1) / TrialSecondsMax;
            SearchGoal goal = new()
            {
                MinPps = Math.Min(Math.Max(MinPps, carried), MaxPps / 2),
                MaxPps = Kind == SearchRequest.CurveKind ? Math.Max(load.RatePps, MinPps + 1) : MaxPps,
                Width = Width,
                InitialSeconds = Math.Min(InitialSeconds, seconds),
                FinalSeconds = seconds,
                SumSeconds = seconds * FullTrials,
            };
            return new SearchRequest(Kind, goal, limits, Curve, planAt);
        }
    }
}
