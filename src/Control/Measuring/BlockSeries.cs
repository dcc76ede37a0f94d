using HdrHistogram;

namespace LowLatency.Control.Measuring;

/// <summary>One measure of a run, interval by interval, so that they can be compared: the cumulated
/// counts of each over the buckets that any of them uses. Immutable.</summary>
internal sealed class BlockSeries
{
    private readonly long[] _values;       // upper edges of the used buckets, rising
    private readonly long[][] _cumulative; // by interval, then bucket

    private BlockSeries(long[] values, long[][] cumulative)
    {
        _values = values;
        _cumulative = cumulative;
    }

    /// <summary>Intervals that hold a sample.</summary>
    public int Count => _cumulative.Length;

    /// <summary>Takes the intervals of a run in order of time; those without a sample are left out.</summary>
    public static BlockSeries Of(IEnumerable<HistogramBase> intervals)
    {
        List<SortedDictionary<long, long>> counts = [];
        SortedSet<long> used = [];
        foreach (HistogramBase interval in intervals.Where(h => h.TotalCount > 0))
        {
            SortedDictionary<long, long> own = [];
            foreach (var step in interval.RecordedValues())
            {
                own[step.ValueIteratedTo] = step.CountAddedInThisIterationStep;
                used.Add(step.ValueIteratedTo);
            }

            counts.Add(own);
        }

        long[] values = [.. used];
        return new BlockSeries(values, [.. counts.Select(own => Cumulate(own, values))]);
    }

    /// <summary>Samples of all intervals.</summary>
    public long Total => UpTo(_values.Length - 1);

    /// <summary>The value of the sample of this rank among those of all intervals.</summary>
    /// <param name="rank">From 1 on; what is outside is the first or the last.</param>
    /// <returns>Upper edge of its bucket, ns, at least 1.</returns>
    public long ValueAtRank(long rank)
    {
        rank = Math.Clamp(rank, 1, Math.Max(1, Total));
        int low = 0, high = _values.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (UpTo(middle) >= rank)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return Math.Max(1, _values[low]);
    }

    /// <summary>How many samples of each interval lie above a value that occurred, and how many it
    /// has.</summary>
    public (long Above, long Total)[] Above(long value)
    {
        int at = Array.BinarySearch(_values, value);
        return [.. _cumulative.Select(own => (own[^1] - (at < 0 ? 0 : own[at]), own[^1]))];
    }

    private static long[] Cumulate(SortedDictionary<long, long> counts, long[] values)
    {
        long[] cumulative = new long[values.Length];
        long sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            sum += counts.GetValueOrDefault(values[i]);
            cumulative[i] = sum;
        }

        return cumulative;
    }

    private long UpTo(int bucket) => _cumulative.Sum(own => own[bucket]);
}
