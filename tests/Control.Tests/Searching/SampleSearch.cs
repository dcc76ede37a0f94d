using HdrHistogram;
using LowLatency.Control.Measuring;
using LowLatency.Control.Searching;
using LowLatency.Control.Tests.Reporting;

namespace LowLatency.Control.Tests.Searching;

/// <summary>Searches that are made up: the same numbers each time.</summary>
internal static class SampleSearch
{
    /// <summary>A search with a curve.</summary>
    public static SearchDocument Make() => new(
        new SearchResult(SearchResult.SchemaName, "pdr", "loss <= 0.1 %", 412_000.5, 419_800, true,
            "the bounds are close enough", 0.02, 10, 30, 0.5,
            [
                Row(10_000_000, 1, 0.06, "generator: 600 000 pps"), Row(560_000, 1, 0.032, "loss 3.2 %"),
                Row(412_000.5, 10, 0.0004, ""), Row(419_800, 10, 0.0021, "loss 0.21 %"),
            ],
            [Row(41_200, 10, 0, ""), Row(206_000, 10, 0, ""), Row(412_000, 10, 0.0004, "")],
            ["the upper bound is the generator's, not the forwarder's"], true),
        SampleRun.Make().Manifest);

    /// <summary>A trial whose latency grows with its rate.</summary>
    public static TrialRow Row(double rate, double seconds, double loss, string why)
    {
        LongHistogram histogram = Histograms.New();
        Random random = new(1);
        for (int i = 0; i < 20_000; i++)
        {
            histogram.RecordValue((long)(4_000 + (rate / 100) + (Math.Pow(random.NextDouble(), 9) * rate)));
        }

        long sent = (long)(Math.Min(rate, 600_000) * seconds);
        long lost = (long)(sent * loss);
        return new TrialRow(rate, seconds, Math.Min(rate, 600_000), sent, sent - lost, lost, loss,
            LatencySummary.Of(histogram), why.Length == 0, why);
    }
}
