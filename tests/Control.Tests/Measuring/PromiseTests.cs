using HdrHistogram;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Control.Tests.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

/// <summary>What was promised is judged row by row, and what took the time is named.</summary>
public sealed class PromiseTests
{
    private static readonly RunDocument Run = SampleRun.Make();

    [Fact]
    public void A_promise_that_holds_has_no_reason_against_it()
    {
        Promise promise = new([new Objective(99.9m, 500_000)], 2_000_000, 0.001, 19_000, 10_000_000_000);
        PromiseResult result = Judge(promise, Run.Result);
        Assert.True(result.Met);
        Assert.Empty(result.Missed);
        Assert.Equal(["p99.9", "max", "loss", "rate", "duration"], result.Rows.Select(row => row.Name));
    }

    [Fact]
    public void Each_row_is_missed_for_itself()
    {
        Promise promise = new([new Objective(50m, 1)], 1, 0, 1_000_000, 3_600_000_000_000);
        PromiseResult result = Judge(promise, Run.Result);
        Assert.False(result.Met);
        Assert.DoesNotContain(result.Rows, row => row.Met);
        Assert.Equal(
            [
                "objective missed: loss <= 0 %: 0.010476 %, not met",
                "objective not shown: rate >= 1 000 000 pps: 19 996 pps, not met",
                "objective not shown: duration >= 3600.0 s: 10.004 s, not met",
            ],
            result.Missed.Skip(1));
    }

    [Fact]
    public void What_was_not_measured_is_not_met()
    {
        RunResult empty = Run.Result with { EndToEnd = null, Loss = null, Generator = null };
        Promise promise = new([new Objective(50m, 1_000_000)], 1_000_000, 1, 1, null);
        PromiseResult result = promise.Judge(empty, new HistogramSet())!;
        Assert.All(result.Rows, row => Assert.Equal((null, false), (row.Actual, row.Met)));
        Assert.Null(result.Budget);
    }

    [Fact]
    public void Nothing_promised_gives_nothing() =>
        Assert.Null(Promise.None.Judge(Run.Result, Run.Histograms!));

    [Fact]
    public void The_budget_is_of_the_tightest_limit_and_names_every_part()
    {
        Promise promise = new([new Objective(50m, 1_000_000), new Objective(99.9m, 50_000)], null, null, null,
            null);
        Budget budget = Judge(promise, Run.Result).Budget!;
        Assert.Equal(("p99.9", 50_000), (budget.Name, budget.LimitNs));
        Assert.Equal(["end to end, through", "direct floor", "residence in the lane"],
            budget.Rows.Select(row => row.Part));
        HistogramBase residence = Run.Histograms![HistogramSet.Residence]!;
        BudgetRow row = budget.Rows[2];
        Assert.Equal(residence.GetValueAtPercentile(99.9), row.AtNs);
        Assert.Equal(residence.GetValueAtPercentile(50), row.P50Ns);
        Assert.Equal(row.AtNs!.Value / 50_000.0, row.Share!.Value, 4);
    }

    [Fact]
    public void A_stage_that_has_a_histogram_is_part_of_the_budget()
    {
        HistogramSet set = new();
        LongHistogram histogram = Histograms.New();
        histogram.RecordValueWithCount(700, 1_000);
        set.Add(HistogramSet.EndToEnd, histogram);
        set.Add("stage.filter", histogram.Copy());
        Promise promise = new([new Objective(50m, 1_400)], null, null, null, null);
        BudgetRow stage = promise.Judge(Run.Result, set)!.Budget!.Rows[1];
        Assert.Equal(("stage filter", 0.5), (stage.Part, stage.Share));
    }

    [Fact]
    public void A_part_with_too_few_samples_for_the_percentile_says_none()
    {
        HistogramSet set = new();
        LongHistogram many = Histograms.New();
        many.RecordValueWithCount(700, 100_000);
        LongHistogram few = Histograms.New();
        few.RecordValueWithCount(300, 999);
        set.Add(HistogramSet.EndToEnd, many);
        set.Add(HistogramSet.Direct, few);
        Promise promise = new([new Objective(99m, 1_400)], null, null, null, null);
        BudgetRow direct = promise.Judge(Run.Result, set)!.Budget!.Rows[1];
        Assert.Equal(("direct floor", 300, null), (direct.Part, direct.P50Ns, direct.AtNs));
    }

    [Fact]
    public void Text_and_page_show_the_promise_and_what_took_the_time()
    {
        Promise promise = new([new Objective(99.9m, 50_000)], null, 0, null, null);
        RunDocument judged = Run with
        {
            Result = Run.Result with { Promise = Judge(promise, Run.Result) },
        };
        string text = TextReport.Render(judged);
        Assert.Contains("\nObjective\n", text, StringComparison.Ordinal);
        Assert.Contains("  no loss <= 0 %: 0.010476 %, not met\n", text, StringComparison.Ordinal);
        Assert.Contains("\nWhat took the 50.00 us of p99.9", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n'), line => Assert.True(line.Length <= TextTable.WidthMax, line));
        Assert.Contains("<h2>Objective</h2>", HtmlReport.Render(judged), StringComparison.Ordinal);
        string json = RunJson.Write(judged.Result);
        Assert.Equal(json, RunJson.Write(RunJson.ReadResult(json)));
    }

    private static PromiseResult Judge(Promise promise, RunResult run) =>
        promise.Judge(run, Run.Histograms!)!;
}
