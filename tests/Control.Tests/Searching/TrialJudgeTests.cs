using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Control.Searching;
using LowLatency.Control.Tests.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Searching;

/// <summary>What makes a trial count for its rate.</summary>
public sealed class TrialJudgeTests
{
    // 20 000 pps intended, 22 of 210 000 frames lost.
    private static readonly RunDocument Run = SampleRun.Make();

    [Fact]
    public void A_trial_without_a_lost_frame_is_good_for_ndr()
    {
        RunResult clean = Run.Result with { Loss = Run.Result.Loss! with { Lost = 0 } };
        TrialRow row = Judge("ndr", Loss(0), clean, 20_000);
        Assert.Equal((true, "", 0), (row.Good, row.Why, row.LossRatio));
    }

    [Fact]
    public void One_lost_frame_speaks_against_ndr_and_a_few_do_not_against_pdr()
    {
        TrialRow strict = Judge("ndr", Loss(0), Run.Result, 20_000);
        Assert.Equal((false, "loss 0.0105 %"), (strict.Good, strict.Why));
        Assert.True(Judge("pdr", Loss(0.001), Run.Result, 20_000).Good);
    }

    [Fact]
    public void A_rate_that_was_not_offered_is_not_shown()
    {
        TrialRow row = Judge("pdr", Loss(1), Run.Result, 25_000);
        Assert.Equal((false, "generator: 19 996 pps"), (row.Good, row.Why));
        Assert.InRange(TrialJudge.AnswerOf(row).HintPps!.Value, 19_990, 19_996.2);
    }

    [Fact]
    public void A_missed_or_unshown_percentile_speaks_against_latency()
    {
        Promise tight = Loss(1) with { Percentiles = [new Objective(50m, 1_000)] };
        Assert.StartsWith("p50 3.", Judge("latency", tight, Run.Result, 20_000).Why,
            StringComparison.Ordinal);
        Promise rare = Loss(1) with { Percentiles = [new Objective(99.999m, 1_000_000)] };
        Assert.Equal("p99.999: too few samples", Judge("latency", rare, Run.Result, 20_000).Why);
        Promise loose = Loss(1) with { Percentiles = [new Objective(99.9m, 1_000_000)] };
        Assert.True(Judge("latency", loose, Run.Result, 20_000).Good);
    }

    [Fact]
    public void A_point_of_a_curve_is_never_bad()
    {
        TrialRow row = Judge("curve", Promise.None, Run.Result, 25_000);
        Assert.Equal((true, "generator: 19 996 pps"), (row.Good, row.Why));
    }

    [Fact]
    public void A_trial_is_as_long_as_its_rarest_percentile_needs()
    {
        Promise limits = Loss(0) with
        {
            Percentiles = [new Objective(99m, 1), new Objective(99.99m, 1)],
        };
        Assert.Equal(15, new TrialJudge("latency", limits).SecondsMin(10_000), 6);
        Assert.Equal(0, new TrialJudge("ndr", Loss(0)).SecondsMin(10_000));
    }

    [Fact]
    public void What_is_judged_by_is_said()
    {
        Promise limits = Loss(0.001) with
        {
            Percentiles = [new Objective(99.99m, 50_000)],
            MaxNs = 1_000_000,
        };
        Assert.Equal("loss <= 0.1 %, p99.99 <= 50.00 us, max <= 1000.00 us",
            new TrialJudge("latency", limits).Criterion);
    }

    private static Promise Loss(double most) => Promise.None with { LossMax = most };

    private static TrialRow Judge(string kind, Promise limits, RunResult run, double rate) =>
        new TrialJudge(kind, limits).Judge(rate, 10,
            new RunMeasurement(run, Run.Timeline!, Run.Histograms!, new HistogramSet()));
}
