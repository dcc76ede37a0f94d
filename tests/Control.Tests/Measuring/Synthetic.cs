using HdrHistogram;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Tests.Measuring;

/// <summary>Made-up latencies whose percentiles are known: log-normal within a second, and the seconds'
/// medians either all alike or an autoregressive walk.</summary>
internal static class Synthetic
{
    private const double Median = 10_000, SigmaWithin = 0.3, SigmaBetween = 0.2;

    /// <summary>Seconds of <paramref name="samples"/> each.</summary>
    public static List<HistogramBase> Run(
        int seed, int seconds, int samples, double memory, double factor = 1)
    {
        Random random = new(seed * 7919 + 1);
        double level = Normal(random); // stationary from the first second on
        List<HistogramBase> intervals = [];
        for (int second = 0; second < seconds; second++)
        {
            double between = memory > 0 ? SigmaBetween * level : 0;
            LongHistogram histogram = Histograms.New("m");
            for (int i = 0; i < samples; i++)
            {
                histogram.RecordValue((long)(
                    factor * Median * Math.Exp(between + (SigmaWithin * Normal(random)))));
            }

            intervals.Add(histogram);
            level = (memory * level) + (Math.Sqrt(1 - (memory * memory)) * Normal(random));
        }

        return intervals;
    }

    /// <summary>The true value that one sample of <paramref name="oneIn"/> = 100 lies above.</summary>
    public static double TrueValue(long oneIn, double memory)
    {
        double z = oneIn == 100 ? 2.3263 : throw new ArgumentOutOfRangeException(nameof(oneIn));
        double sigma = memory > 0 ? Math.Sqrt((SigmaWithin * SigmaWithin) + (SigmaBetween * SigmaBetween))
            : SigmaWithin;
        return Median * Math.Exp(sigma * z);
    }

    public static HistogramBase Sum(IEnumerable<HistogramBase> intervals)
    {
        LongHistogram sum = Histograms.New("m");
        foreach (HistogramBase interval in intervals)
        {
            sum.Add(interval);
        }

        return sum;
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
