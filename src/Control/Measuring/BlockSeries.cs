using HdrHistogram;

namespace LowLatency.Control.Measuring;

/// <summary>One measure of a run, interval by interval, so that intervals can be drawn again: the cumulated
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

    /// <summary>The percentile of the samples of the intervals, each as often as its weight says.</summary>
    /// <param name="weights">One an interval; not all 0.</param>
    /// <param name="oneIn">One sample of this many lies above it.</param>
    /// <returns>Upper edge of its bucket, ns, at least 1.</returns>
    public long ValueAt(ReadOnlySpan<int> weights, long oneIn)
    {
        long total = CountUpTo(weights, _values.Length - 1);
        long rank = total - (total / oneIn);
        int low = 0, high = _values.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (CountUpTo(weights, middle) >= rank)
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

    private long CountUpTo(ReadOnlySpan<int> weights, int bucket)
    {
        long sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            sum += weights[i] * _cumulative[i][bucket];
        }

        return sum;
    }
}
