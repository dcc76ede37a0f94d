using HdrHistogram;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Measuring;

/// <summary>What Control has read of one lane: histograms (whole run and since the last sample), first and
/// last counters, gaps. Used by the sampling thread alone.</summary>
internal sealed class LaneTrack
{
    private readonly SharedRegion _region;
    private readonly Dictionary<HistogramKind, LongHistogram> _whole = [];
    private readonly Dictionary<HistogramKind, LongHistogram> _interval = [];
    private ulong[]? _stageTimesBefore;
    private bool _isFlipPending;
    private uint _wanted;

    /// <summary>Starts with nothing read.</summary>
    public LaneTrack(SharedRegion region, string process, int index)
    {
        _region = region;
        Process = process;
        Index = index;
        Plan = region.Plan.Lane(index);
        Name = Plan.Name.ToString();
        foreach (HistogramKind kind in RegionLayout.Kinds(Plan.Kind))
        {
            _whole[kind] = Histograms.New();
            _interval[kind] = Histograms.New();
        }
    }

    /// <summary>Index in the plan.</summary>
    public int Index { get; }

    /// <summary>Its row of the plan.</summary>
    public PlanLane Plan { get; }

    /// <summary>What its process is called in reports.</summary>
    public string Process { get; }

    /// <summary>Its name, of which its process has no other.</summary>
    public string Name { get; }

    /// <summary>Counters at the baseline.</summary>
    public LaneCounters First { get; private set; }

    /// <summary>Counters of the latest sample.</summary>
    public LaneCounters Last { get; private set; }

    /// <summary>Gaps over the threshold.</summary>
    public GapLog Gaps { get; } = new();

    /// <summary>Told of each gap that is kept; null: nobody asks.</summary>
    public Action<GapRecord>? GapSeen { get; set; }

    /// <summary>The page as it is now.</summary>
    public ref LanePage Page => ref _region.LanePage(Index).Value;

    /// <summary>Everything measured so far; null when the lane has none of this kind.</summary>
    public LongHistogram? Whole(HistogramKind kind) => _whole.GetValueOrDefault(kind);

    /// <summary>Measured in the latest sample's interval; null when the lane has none of this kind.</summary>
    public LongHistogram? Interval(HistogramKind kind) => _interval.GetValueOrDefault(kind);

    /// <summary>Asks the lane to write the other bank; a request that still stands is not repeated.</summary>
    public void RequestFlip()
    {
        if (_isFlipPending)
        {
            return;
        }

        ref LanePage page = ref Page;
        _wanted = 1 - (Volatile.Read(ref page.BankActive) & 1);
        Volatile.Write(ref page.BankWanted, _wanted); // release: the wanted bank was zeroed before
        _isFlipPending = true;
    }

    /// <summary>True when the lane writes the bank it was asked to.</summary>
    public bool HasFlipped => _isFlipPending && Volatile.Read(ref Page.BankActive) == _wanted; // acquire

    /// <summary>Opens a new interval: what was read before stays in the whole only.</summary>
    public void BeginInterval()
    {
        foreach (LongHistogram histogram in _interval.Values)
        {
            histogram.Reset();
        }
    }

    /// <summary>Reads and zeroes the bank that the lane left.</summary>
    /// <param name="isKept">False: what it holds is thrown away (baseline, warm-up); measured latencies of
    /// receivers hold no warm-up and are kept unless <paramref name="isBaseline"/>.</param>
    /// <param name="isBaseline">True: everything is thrown away.</param>
    public void TakeLeftBank(bool isKept, bool isBaseline)
    {
        Invariant.Require(HasFlipped);
        TakeBank((int)(1 - _wanted), isKept, isBaseline);
        _isFlipPending = false;
    }

    /// <summary>Reads both banks of a lane that writes no more, or does not answer at the end.</summary>
    /// <param name="isKept">As in <see cref="TakeLeftBank"/>.</param>
    public void TakeBothBanks(bool isKept)
    {
        TakeBank(0, isKept, isBaseline: false);
        TakeBank(1, isKept, isBaseline: false);
        _isFlipPending = false;
    }

    /// <summary>Reads the counters.</summary>
    public void ReadCounters(bool isBaseline)
    {
        Last = _region.ReadCounters(Index);
        if (isBaseline)
        {
            First = Last;
        }
    }

    /// <summary>What its bursts spent until now is left out of <see cref="ReadStageTimes"/>.</summary>
    public void SkipStageTimes() => _stageTimesBefore =
        Plan.Kind == LaneKind.Forward ? StageTimeReader.Copy(_region, Index) : null;

    /// <summary>Where its bursts spent their time; empty unless it forwards.</summary>
    public List<StageTimeResult> ReadStageTimes() => Plan.Kind != LaneKind.Forward ? []
        : StageTimeReader.Read(_region, _region.Plan, Index, _stageTimesBefore);

    /// <summary>Empties the event ring.</summary>
    public void TakeGaps(bool isKept)
    {
        EventRing ring = _region.Events(Index);
        // A bound, so that a lane that writes as fast as we read cannot hold the reader.
        for (int i = 0; i < 2 * Limits.EventRingSlots && ring.TryRead(out GapEvent gap); i++)
        {
            if (isKept)
            {
                string regime = (int)gap.Regime < CounterNames.Regimes.Length && gap.Regime >= 0
                    ? CounterNames.Regimes[(int)gap.Regime] : "unknown";
                GapRecord record = new(
                    Process, Name, gap.StartNs, gap.EndNs - gap.StartNs, gap.Turn, regime, gap.Frames);
                Gaps.Add(record);
                GapSeen?.Invoke(record);
            }
        }
    }

    private void TakeBank(int bank, bool isKept, bool isBaseline)
    {
        foreach ((HistogramKind kind, LongHistogram interval) in _interval)
        {
            Span<ulong> buckets = _region.Histogram(Index, kind, bank).Span;
            bool isMeasured = kind is HistogramKind.EndToEnd or HistogramKind.EndToEndDirect
                or HistogramKind.Service or HistogramKind.ServiceDirect;
            if (!isBaseline && (isKept || isMeasured))
            {
                Histograms.Add(interval, buckets);
                Histograms.Add(_whole[kind], buckets);
            }

            buckets.Clear();
        }
    }
}
