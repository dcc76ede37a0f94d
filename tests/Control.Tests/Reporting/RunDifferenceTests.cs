using HdrHistogram;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Control.Tests.Measuring;
using Xunit;

namespace LowLatency.Control.Tests.Reporting;

public sealed class RunDifferenceTests
{
    private static readonly Percentile P99 = Percentile.All[2];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_a_hundred_comparisons_of_equal_series_about_one_is_called_different(bool arePaired)
    {
        const int Worlds = 4_000;
        Random random = new(11);
        int different = 0;
        for (int world = 0; world < Worlds; world++)
        {
            double[] a = Series(random, 4, 1), b = Series(random, 4, 1);
            RatioInterval ratio = RatioInterval.AcrossRuns(a, b, arePaired)!;
            different += ratio.Low > 1 || ratio.High < 1 ? 1 : 0;
        }

        Assert.InRange(different, 1, Worlds * 2 / 100);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.6)]
    public void Drawn_intervals_seldom_tell_equal_runs_apart_though_seconds_depend_on_each_other(
        double memory)
    {
        const int Worlds = 60;
        int different = 0;
        for (int world = 0; world < Worlds; world++)
        {
            List<HistogramBase> a = Synthetic.Run(2 * world, 30, 500, memory);
            List<HistogramBase> b = Synthetic.Run((2 * world) + 1, 30, 500, memory);
            RatioInterval ratio = Within(a, b);
            different += ratio.Low > 1 || ratio.High < 1 ? 1 : 0;
        }

        Assert.InRange(different, 0, 3);
        List<HistogramBase> one = Synthetic.Run(1, 30, 500, memory);
        Assert.True(Within(one, Synthetic.Run(2, 30, 500, memory, factor: 3)).Low > 1);
    }

    [Fact]
    public void Five_percent_are_found_by_pairs_that_drift_together_and_not_without_them()
    {
        double[] a = [1000, 1300, 1700, 2200, 2600], b = [1051, 1364, 1786, 2309, 2731];
        RatioInterval paired = RatioInterval.AcrossRuns(a, b, arePaired: true)!;
        RatioInterval apart = RatioInterval.AcrossRuns(a, b, arePaired: false)!;
        Assert.Equal(1.05, paired.Value, 0.001);
        Assert.True(paired.Low > 1.04 && apart.Low < 1);
        Assert.Null(RatioInterval.AcrossRuns([1, 2], b, arePaired: false));
    }

    [Fact]
    public void Three_runs_a_side_show_what_one_does_not()
    {
        (RunDocument, string)[] a = [Run(1, 1, 0), Run(2, 1, 2), Run(3, 1, 4)];
        (RunDocument, string)[] b = [Run(4, 1.1, 1), Run(5, 1.1, 3), Run(6, 1.1, 5)];
        RunComparison three = new(a, b);
        Assert.Equal(Finding.NoneShown, new RunComparison([a[0]], [b[0]]).Rows[0].Finding);
        Assert.Equal(Finding.Slower, three.Rows[0].Finding);
        Assert.Equal(Finding.Faster, new RunComparison(b, a).Rows[0].Finding);
        Assert.Contains("the runs took turns", three.ToText(), StringComparison.Ordinal);
        (RunDocument, string)[] later = [.. b.Select((_, i) => Run(4 + i, 1.1, 10 + i))];
        Assert.Contains("Welch's t", new RunComparison(a, later).ToText(), StringComparison.Ordinal);
        Assert.All(three.ToText().Split('\n'), l => Assert.True(l.Length <= 100, $"{l.Length}: {l}"));
    }

    private static RatioInterval Within(List<HistogramBase> a, List<HistogramBase> b) =>
        RatioInterval.WithinRuns(Synthetic.Sum(a).GetValueAtPercentile(99),
            Synthetic.Sum(b).GetValueAtPercentile(99), BlockSeries.Of(a), BlockSeries.Of(b), P99)!;

    private static (RunDocument, string) Run(int seed, double factor, int minute)
    {
        RunDocument run = SampleRun.Make(seed, factor);
        DateTime start = SampleRun.Start.AddMinutes(minute);
        return (run with { Manifest = run.Manifest with { StartUtc = start } }, $"run{seed}");
    }

    // What a percentile of run after run looks like: a tenth of deviation.
    private static double[] Series(Random random, int runs, double factor) =>
        [.. Enumerable.Range(0, runs).Select(_ => 10_000 * factor * Math.Exp(0.1 * (
            Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()))
            * Math.Cos(2 * Math.PI * random.NextDouble()))))];
}
