using HdrHistogram;

namespace LowLatency.Control.Measuring;

/// <summary>What a CPU loses, in numbers that do not depend on how fast the meter's loop is: rates of gaps,
/// and what a packet that arrives at any moment waits.</summary>
/// <param name="Lane">The meter.</param>
/// <param name="Cpu">CPU.</param>
/// <param name="Seconds">Exposure: the time that the meter looked.</param>
/// <param name="LostNs">Time in gaps over the threshold, ns.</param>
/// <param name="MaxNs">Longest gap, ns.</param>
/// <param name="Over">Rates of gaps.</param>
/// <param name="Wait">What packets wait.</param>
internal sealed record NoiseSpectrum(
    string Lane, int Cpu, double Seconds, long LostNs, long? MaxNs, IReadOnlyList<GapRate> Over,
    IReadOnlyList<PacketWait> Wait)
{
    // A decade and a half in steps of 1, 2, 5: what a budget is written in.
    private static readonly long[] Limits =
        [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 10_000_000];

    private const double UpperOfNone = 3.0; // none seen: fewer than 3 / T with 95 % (rule of three)

    /// <summary>From the histogram of all turns of a meter.</summary>
    /// <param name="lane">Its name.</param>
    /// <param name="cpu">Its CPU.</param>
    /// <param name="gaps">Times between turns, ns.</param>
    /// <param name="thresholdNs">Shorter ones are the loop itself.</param>
    public static NoiseSpectrum Of(string lane, int cpu, HistogramBase gaps, long thresholdNs)
    {
        List<(long Ns, long Count)> steps = [.. gaps.RecordedValues()
            .Select(step => (step.ValueIteratedTo, step.CountAddedInThisIterationStep))];
        double exposureNs = steps.Sum(step => (double)step.Ns * step.Count);
        double seconds = exposureNs / 1e9;
        List<(long Ns, long Count)> lost = [.. steps.Where(step => step.Ns > thresholdNs)];
        return new NoiseSpectrum(
            lane, cpu, Math.Round(seconds, 3), (long)lost.Sum(step => (double)step.Ns * step.Count),
            steps.Count == 0 ? null : gaps.GetMaxValue(),
            [.. Limits.Where(limit => limit >= thresholdNs).Select(limit => RateOf(lost, limit, seconds))],
            [.. Percentile.All.Skip(2).Append(new Percentile("p99.9999", 99.9999, 1_000_000))
                .Select(percentile => WaitOf(lost, percentile, exposureNs))]);
    }

    private static GapRate RateOf(List<(long Ns, long Count)> lost, long limit, double seconds)
    {
        long count = lost.Where(step => step.Ns > limit).Sum(step => step.Count);
        return new GapRate(limit, count, seconds > 0 ? Math.Round(count / seconds, 4) : 0,
            count == 0 && seconds > 0 ? Math.Round(UpperOfNone / seconds, 4) : null);
    }

    // W(x) = sum of (g - x) over gaps g > x, by the exposure: the share of arrivals that wait longer than x.
    // It falls with x: the percentile is where it crosses the share that lies above it.
    private static PacketWait WaitOf(List<(long Ns, long Count)> lost, Percentile percentile,
        double exposureNs)
    {
        double share = 1.0 / percentile.OneIn;
        double above = 0; // sum of gaps longer than x
        long count = 0;
        long longer = 0;
        for (int i = lost.Count - 1; i >= 0; i--)
        {
            // Between this length and the next longer one, W is a straight line.
            (long ns, long times) = lost[i];
            double atNs = (above - ((double)count * ns)) / exposureNs;
            if (atNs >= share)
            {
                double x = count == 0 ? longer : (above - (share * exposureNs)) / count;
                return new PacketWait(percentile.Name, (long)x);
            }

            above += (double)ns * times;
            count += times;
            longer = ns;
        }

        double rest = count == 0 ? -1 : (above - (share * exposureNs)) / count;
        return new PacketWait(percentile.Name, (long)Math.Max(0, rest));
    }
}

/// <summary>How often a CPU is away for longer than a limit.</summary>
/// <param name="OverNs">The limit, ns.</param>
/// <param name="Count">Gaps longer than it.</param>
/// <param name="PerSecond">The same, by the exposure.</param>
/// <param name="UpperPerSecond">Where none was seen: the rate that this time excludes with 95 %; else
/// null.</param>
internal sealed record GapRate(long OverNs, long Count, double PerSecond, double? UpperPerSecond);

/// <summary>What a packet that arrives at a random moment waits for its lane.</summary>
/// <param name="Percentile">Share of packets that wait no longer.</param>
/// <param name="Ns">The wait, ns; 0: they meet no gap.</param>
internal sealed record PacketWait(string Percentile, long Ns);
