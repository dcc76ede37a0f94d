using LowLatency.Control.Commands;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Control.Searching;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Running;

/// <summary>What a search needs beside a run's request.</summary>
/// <param name="Kind">ndr, pdr, latency, or curve: nothing is searched.</param>
/// <param name="Goal">Range, width and times.</param>
/// <param name="Limits">What a trial has to hold.</param>
/// <param name="Curve">Rates of the curve; empty: made from what was found; null: no curve.</param>
/// <param name="PlanAt">Plans a load of a rate and a length in seconds.</param>
internal sealed record SearchRequest(
    string Kind,
    SearchGoal Goal,
    Promise Limits,
    IReadOnlyList<double>? Curve,
    Func<double, double, PlanImage> PlanAt)
{
    /// <summary>The kind that searches nothing.</summary>
    public const string CurveKind = "curve";
}

/// <summary>Trial after trial through one forwarder that stays armed: each trial arms a load plane of its
/// own, and its counters are read once all has arrived. One thread, on the housekeeping CPUs.</summary>
/// <param name="request">With a load plan.</param>
/// <param name="search">What is looked for.</param>
/// <param name="io">Report and progress.</param>
internal sealed class SearchRun(RunRequest request, SearchRequest search, CommandIo io)
{
    // Tenths of the rate that was found or asked for; the last two lie over it.
    private static readonly double[] CurveShares = [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.05, 1.1];

    private readonly List<TrialRow> _trials = [];
    private readonly List<TrialRow> _curve = [];
    private readonly List<string> _deaths = [];

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandFailure">Refused before anything was measured.</exception>
    public int Execute()
    {
        using RunHost host = new(request, io);
        if (!host.Arm(hasLoad: false))
        {
            io.Say("interrupted before the first trial");
            return ExitCode.Interrupted;
        }

        SearchOutcome outcome = new(null, null, true, "every rate was measured", false);
        TrialJudge judge = new(search.Kind, search.Limits);
        if (search.Kind != SearchRequest.CurveKind)
        {
            outcome = new RateSearch(search.Goal, (rate, seconds) =>
                Try(host, judge, rate, seconds, _trials) is TrialRow row ? TrialJudge.AnswerOf(row) : null)
                .Run();
        }

        bool isWhole = Draw(host, outcome);
        return host.FinishSearch(faults => Result(judge, outcome, isWhole, faults), _deaths);
    }

    // The curve; false: interrupted.
    private bool Draw(RunHost host, SearchOutcome outcome)
    {
        if (search.Curve is not { } rates)
        {
            return true;
        }

        double? top = search.Kind == SearchRequest.CurveKind ? search.Goal.MaxPps : outcome.LowerPps;
        IEnumerable<double> all = rates.Count > 0 ? rates.Order()
            : CurveShares.Select(share => share * (top ?? search.Goal.MinPps))
                .Where(rate => rate <= search.Goal.MaxPps);
        TrialJudge judge = new(SearchRequest.CurveKind, Promise.None);
        return all.All(rate => Try(host, judge, rate, search.Goal.FinalSeconds, _curve) is not null);
    }

    private TrialRow? Try(RunHost host, TrialJudge judge, double rate, double seconds, List<TrialRow> rows)
    {
        if (host.Interrupt.IsAsked || _deaths.Count > 0)
        {
            return null;
        }

        double length = Math.Max(seconds, judge.SecondsMin(rate));
        if (!host.ArmLoad(search.PlanAt(rate, length)))
        {
            return null;
        }

        LoadMeter meter = new(host, io) { Prefix = $"{Units.Rate(rate)} pps " };
        RunMeasurement measured = meter.Measure(request.Verb, search.Limits);
        if (meter.Death is string death)
        {
            _deaths.Add(death);
        }

        if (meter.Death is not null || host.Interrupt.IsAsked)
        {
            return null; // a trial that was cut short shows nothing
        }

        TrialRow row = judge.Judge(rate, length, measured);
        rows.Add(row);
        io.Say($"{_trials.Count + _curve.Count}: {Units.Rate(rate)} pps for {length:0.0} s: "
            + (row.Why.Length > 0 ? row.Why : row.Lost == 0 ? "no loss" : $"{row.Lost} lost"));
        return row;
    }

    private SearchResult Result(
        TrialJudge judge, SearchOutcome outcome, bool isCurveWhole, IReadOnlyList<string> faults)
    {
        List<string> notes = [.. faults];
        bool isSearch = search.Kind != SearchRequest.CurveKind;
        if (_trials.Exists(row => row.RatePps >= outcome.UpperPps - 1 && row.Why.StartsWith("generator",
            StringComparison.Ordinal)) && !_trials.Exists(row => row.RatePps <= outcome.UpperPps + 1
                && !row.Good && !row.Why.StartsWith("generator", StringComparison.Ordinal)))
        {
            notes.Add("the upper bound is the generator's, not the forwarder's");
        }

        if (outcome.IsUneven)
        {
            notes.Add("a rate above the upper bound passed: the bounds are of the lowest rate that fails");
        }

        if (!outcome.IsComplete || !isCurveWhole)
        {
            notes.Add("partial: not every trial was made");
        }

        return new SearchResult(SearchResult.SchemaName, search.Kind, judge.Criterion,
            outcome.LowerPps is double lower ? Math.Round(lower, 1) : null,
            outcome.UpperPps is double upper ? Math.Round(upper, 1) : null,
            outcome.IsComplete && isCurveWhole, isCurveWhole ? outcome.Why : "interrupted", search.Goal.Width,
            search.Goal.FinalSeconds, search.Goal.SumSeconds, search.Goal.ExceedRatio, _trials, _curve, notes,
            faults.Count == 0 && (isSearch ? outcome.LowerPps is not null : isCurveWhole));
    }
}
