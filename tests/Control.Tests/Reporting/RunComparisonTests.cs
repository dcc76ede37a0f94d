using System.Xml;
using HdrHistogram;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Reporting;

public sealed class RunComparisonTests
{
    [Fact]
    public void The_interval_holds_the_true_percentile_in_about_99_of_100_runs()
    {
        // Exponential samples, whose percentiles are known: mean * ln(oneIn).
        Random random = new(5);
        int inside = 0;
        const int Runs = 400;
        Percentile p99 = Percentile.All[2];
        for (int run = 0; run < Runs; run++)
        {
            LongHistogram histogram = Histograms.New();
            for (int i = 0; i < 3_000; i++)
            {
                histogram.RecordValue((long)(-10_000 * Math.Log(1 - random.NextDouble())));
            }

            PercentileInterval interval = PercentileInterval.Of(histogram, p99)!;
            double truth = 10_000 * Math.Log(p99.OneIn);
            inside += interval.LowNs <= truth && truth <= interval.HighNs ? 1 : 0;
            Assert.InRange(interval.ValueNs, interval.LowNs, interval.HighNs);
        }

        // 396 expected; all 400 would be too wide an interval
        Assert.InRange(inside, (int)(Runs * 0.97), Runs - 1);
    }

    [Fact]
    public void Two_runs_of_the_same_thing_show_no_difference()
    {
        RunComparison same = new(SampleRun.Make(seed: 1), "a", SampleRun.Make(seed: 2), "b");
        Assert.Equal(30, same.Rows.Count);
        Assert.All(same.Rows, r => Assert.True(r.Finding is Finding.NoneShown or Finding.Refused, $"{r}"));
        Assert.Contains(same.Rows, r =>
            r is { Measure: "end-to-end", Name: "p99.999", Finding: Finding.Refused });
    }

    [Fact]
    public void A_run_one_and_a_half_times_as_slow_is_called_slower_and_the_other_way_faster()
    {
        RunDocument a = SampleRun.Make(seed: 1), b = SampleRun.Make(seed: 2, factor: 1.5);
        Assert.Equal(Finding.Slower, new RunComparison(a, "a", b, "b").Rows[0].Finding);
        Assert.Equal(Finding.Faster, new RunComparison(b, "b", a, "a").Rows[0].Finding);
    }

    [Fact]
    public void A_sure_but_small_difference_is_not_called_one()
    {
        PercentileInterval a = new(1000, 999, 1001);
        Assert.Equal(Finding.NoneShown, RunComparison.Compare("m", "p50", a, new(1140, 1139, 1141)).Finding);
        Assert.Equal(Finding.Slower, RunComparison.Compare("m", "p50", a, new(1160, 1159, 1161)).Finding);
        Assert.Equal(Finding.NoneShown, RunComparison.Compare("m", "p50", a, new(1160, 1000, 1300)).Finding);
        Assert.Equal(Finding.Refused, RunComparison.Compare("m", "p50", a, null).Finding);
    }

    [Fact]
    public void Text_fits_100_columns_and_the_page_is_well_formed_and_both_say_what_else_differs()
    {
        RunDocument a = SampleRun.Make(), b = SampleRun.Make(seed: 2, factor: 30);
        b = b with { Manifest = b.Manifest with { Kernel = "6.18.44 <other>" } };
        RunComparison comparison = new(a, new string('a', 200), b, "b");
        string text = comparison.ToText(), page = comparison.ToHtml();

        Assert.All(text.Split('\n'), l => Assert.True(l.Length <= 100, $"{l.Length}: {l}"));
        Assert.Contains("differs: kernel: 6.12.95-rt -> 6.18.44 <other>", text, StringComparison.Ordinal);
        Assert.Contains("6.18.44 &lt;other&gt;", page, StringComparison.Ordinal);
        Assert.Contains("none shown", text, StringComparison.Ordinal);
        using XmlReader reader = XmlReader.Create(new StringReader(page),
            new() { DtdProcessing = DtdProcessing.Ignore });
        while (reader.Read())
        {
        }
    }
}
