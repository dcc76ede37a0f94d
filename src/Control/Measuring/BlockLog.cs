using HdrHistogram;

namespace LowLatency.Control.Measuring;

/// <summary>A run's measures interval by interval, all of one length. A long run keeps no more than
/// <see cref="IntervalsMax"/>: then neighbours are joined and an interval is twice as long. The sampling
/// thread only.</summary>
internal sealed class BlockLog
{
    /// <summary>Intervals kept at most.</summary>
    public const int IntervalsMax = 256;

    private readonly Dictionary<string, List<HistogramBase>> _byTag = [];
    private readonly Dictionary<string, LongHistogram> _open = [];
    private DateTimeOffset _openedUtc;
    private int _samplesInOpen;
    private int _samplesPerInterval = 1;

    /// <summary>Intervals kept now, closed ones.</summary>
    public int Count { get; private set; }

    /// <summary>Samples (about a second each) in one interval.</summary>
    public int SamplesPerInterval => _samplesPerInterval;

    /// <summary>Takes one sample of every measure in; null has nothing measured.</summary>
    /// <param name="fromUtc">Its start.</param>
    /// <param name="toUtc">Its end.</param>
    /// <param name="measures">By tag.</param>
    public void Add(DateTimeOffset fromUtc, DateTimeOffset toUtc,
        IEnumerable<(string Tag, HistogramBase? Histogram)> measures)
    {
        _openedUtc = _samplesInOpen == 0 ? fromUtc : _openedUtc;
        foreach ((string tag, HistogramBase? histogram) in measures)
        {
            if (histogram is not null)
            {
                Open(tag).Add(histogram);
            }
        }

        if (++_samplesInOpen == _samplesPerInterval)
        {
            Close(toUtc);
        }
    }

    /// <summary>All closed intervals, measure by measure in order of time; an unfinished one is left
    /// out: it would weigh less than the others.</summary>
    public HistogramSet ToSet()
    {
        HistogramSet set = new();
        foreach ((string tag, List<HistogramBase> intervals) in _byTag)
        {
            foreach (HistogramBase interval in intervals)
            {
                set.Add(tag, interval);
            }
        }

        return set;
    }

    private LongHistogram Open(string tag)
    {
        if (!_open.TryGetValue(tag, out LongHistogram? histogram))
        {
            _open[tag] = histogram = Histograms.New(tag);
            _byTag.TryAdd(tag, []);
        }

        return histogram;
    }

    private void Close(DateTimeOffset toUtc)
    {
        foreach ((string tag, LongHistogram histogram) in _open)
        {
            histogram.StartTimeStamp = _openedUtc.ToUnixTimeMilliseconds();
            histogram.EndTimeStamp = toUtc.ToUnixTimeMilliseconds();
            _byTag[tag].Add(histogram);
        }

        _open.Clear();
        _samplesInOpen = 0;
        if (++Count == IntervalsMax)
        {
            JoinNeighbours();
        }
    }

    private void JoinNeighbours()
    {
        foreach (List<HistogramBase> intervals in _byTag.Values)
        {
            for (int i = 0; i < intervals.Count / 2; i++)
            {
                HistogramBase first = intervals[2 * i], second = intervals[(2 * i) + 1];
                first.Add(second);
                first.EndTimeStamp = second.EndTimeStamp;
                intervals[i] = first;
            }

            intervals.RemoveRange(intervals.Count / 2, intervals.Count - (intervals.Count / 2));
        }

        Count /= 2;
        _samplesPerInterval *= 2;
    }
}
