using System.Diagnostics;
using HdrHistogram;
using LowLatency.Control.Reporting;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Measuring;

/// <summary>Everything one run measured.</summary>
/// <param name="Result">result.json.</param>
/// <param name="Timeline">timeline.json.</param>
/// <param name="Histograms">latency.hlog.</param>
/// <param name="Intervals">intervals.hlog: the same measures, interval by interval.</param>
internal sealed record RunMeasurement(
    RunResult Result, RunTimeline Timeline, HistogramSet Histograms, HistogramSet Intervals);

/// <summary>One run's measuring, from armed to drained: <see cref="Baseline"/> once when all lanes are armed
/// and before the load starts, <see cref="Sample"/> about every second (<see cref="NextSampleNs"/> says
/// when), <see cref="Finish"/> once after the generator's schedule has ended and frames had time to arrive;
/// the processes may still run then, or have stopped. One thread; nothing here makes a lane wait.</summary>
internal sealed class MeasurementSession
{
    private const long SampleEveryNs = 1_000_000_000;

    private readonly List<RegionSampler> _samplers = [];
    private readonly List<Interval> _intervals = [];
    private readonly Dictionary<LaneTrack, RateTrack> _rates = [];
    private readonly BlockLog _blocks = new();
    private readonly bool _hasLoad;
    private bool _isDraining;
    private long _startNs;
    private long _sampleNs;
    private long _sendEndNs;

    /// <summary>Starts a session over one or two live data planes.</summary>
    /// <param name="load">Region of the process with generator and receiver; null: no load, lanes
    /// alone.</param>
    /// <param name="forward">Region of the device under test; null: none.</param>
    /// <param name="role">What the latter is called in reports.</param>
    public MeasurementSession(SharedRegion? load, SharedRegion? forward, string role = "forward")
    {
        Invariant.Require(load is not null || forward is not null);
        if (load is not null)
        {
            _samplers.Add(new RegionSampler(load, "load"));
        }

        if (forward is not null)
        {
            _samplers.Add(new RegionSampler(forward, role));
        }

        _hasLoad = load is not null && Lanes.Any(l => l.Plan.Kind == LaneKind.Generator);
        foreach (LaneTrack lane in Lanes.Where(l => l.Plan.Kind == LaneKind.Generator))
        {
            _rates[lane] = new RateTrack();
        }
    }

    /// <summary>Takes the intervals of a long run; null: each sample is one.</summary>
    public IntervalLog? Log { get; init; }

    /// <summary>CLOCK_MONOTONIC ns at which the next <see cref="Sample"/> is due: every second, and once at
    /// the moment that measuring starts, so that warm-up and measured time do not share an
    /// interval.</summary>
    public long NextSampleNs
    {
        get
        {
            long next = _sampleNs + SampleEveryNs;
            long from = MeasureFromNs;
            return from > _sampleNs && from < next ? from : next;
        }
    }

    /// <summary>True once every generator has ended its schedule.</summary>
    public bool IsLoadDone => _hasLoad && _rates.Keys.All(lane => lane.Page.State >= LaneState.Done);

    /// <summary>CLOCK_MONOTONIC, ns.</summary>
    public static long NowNs => Stopwatch.GetTimestamp() * (1_000_000_000 / Stopwatch.Frequency);

    /// <summary>All lanes.</summary>
    public IEnumerable<LaneTrack> Lanes => _samplers.SelectMany(s => s.Lanes);

    private long MeasureFromNs => _rates.Count == 0 ? 0
        : _rates.Keys.Max(l => Volatile.Read(ref l.Page.MeasureFromNs));

    /// <summary>Throws away what was counted until now: every delta of the run starts here.</summary>
    public void Baseline()
    {
        Read(isKept: false, isBaseline: true);
        _startNs = _sampleNs = NowNs;
    }

    /// <summary>Takes one interval in.</summary>
    /// <returns>What a progress line needs.</returns>
    public Interval Sample()
    {
        long now = NowNs;
        // An interval that began before measuring did is warm-up: NextSampleNs ends it at that moment.
        bool isWarmup = _hasLoad && (MeasureFromNs == 0 || _sampleNs < MeasureFromNs);
        LaneCounters[] before = [.. Lanes.Select(l => l.Last)];
        Read(isKept: !isWarmup, isBaseline: false);
        return Close(before, now, isWarmup);
    }

    /// <summary>Takes gaps in between two samples, so that those who are told of them hear soon, and the
    /// lanes' rings do not fill. In warm-up and when draining: nothing.</summary>
    public void TakeGaps()
    {
        bool isKept = !_isDraining && (!_hasLoad || (MeasureFromNs != 0 && NowNs >= MeasureFromNs));
        foreach (LaneTrack lane in Lanes)
        {
            lane.TakeGaps(isKept);
        }
    }

    /// <summary>Takes the last of the load in: what follows is draining. Latencies of frames that were
    /// intended before still count, the lanes' own (residence, gap) do not.</summary>
    public void EndLoad()
    {
        Sample();
        _isDraining = true;
    }

    /// <summary>Takes the rest in and makes the result.</summary>
    /// <param name="verb">load, run.</param>
    /// <param name="objectives">Promises to judge.</param>
    public RunMeasurement Finish(string verb, IReadOnlyList<Objective> objectives)
    {
        long now = NowNs;
        LaneCounters[] before = [.. Lanes.Select(l => l.Last)];
        foreach (RegionSampler sampler in _samplers)
        {
            sampler.Finish(isKept: !_isDraining);
        }

        Close(before, now, isWarmup: false);
        Log?.Close();
        _intervals.AddRange(Log?.Rows ?? []);
        long from = Math.Max(MeasureFromNs, _startNs);
        long to = _sendEndNs == 0 ? now : _sendEndNs;
        RunWindow window = new(Seconds(from - _startNs), Seconds(to - from), Seconds(now - to));
        return new RunBuilder(_samplers, _rates, _intervals, _blocks.ToSet(), _startNs, from)
            .Make(verb, window, objectives);
    }

    private void Read(bool isKept, bool isBaseline)
    {
        foreach (RegionSampler sampler in _samplers)
        {
            sampler.RequestFlips();
        }

        foreach (RegionSampler sampler in _samplers)
        {
            sampler.Collect(isKept, isBaseline);
        }
    }

    private Interval Close(LaneCounters[] before, long now, bool isWarmup)
    {
        long sent = 0, received = 0, forwarded = 0;
        int index = 0;
        foreach (LaneTrack lane in Lanes)
        {
            LaneCounters a = before[index++];
            LaneCounters b = lane.Last;
            sent += Total(b.Sent) - Total(a.Sent);
            received += Total(b.Received) - Total(a.Received);
            forwarded += lane.Plan.Kind == LaneKind.Forward ? (long)(b.TxFrames - a.TxFrames) : 0;
            if (_rates.TryGetValue(lane, out RateTrack? rate))
            {
                rate.Add(b.PublishedNs, (ulong)Total(b.Sent), lane.Page.State < LaneState.Done);
            }
        }

        _sendEndNs = sent > 0 ? now : _sendEndNs;
        double seconds = Math.Max((now - _sampleNs) / 1e9, 1e-9);
        _sampleNs = now;
        HistogramBase? through = Merge(HistogramKind.EndToEnd);
        HistogramBase? direct = Merge(HistogramKind.EndToEndDirect);
        LatencySummary? a2 = LatencySummary.Of(through);
        LatencySummary? d2 = LatencySummary.Of(direct);
        Interval interval = new(
            Math.Round((now - _startNs) / 1e9, 3), Math.Round(seconds, 3), isWarmup, sent, received,
            Math.Round(sent / seconds, 1), Math.Round(received / seconds, 1), forwarded,
            a2?.P50Ns, a2?.P99Ns, a2?.MaxNs, d2?.P50Ns, d2?.P99Ns, LatencySummary.Of(MergeGaps())?.MaxNs);
        if (!isWarmup && !_isDraining)
        {
            AddBlock(seconds, through, direct);
        }

        if (Log is null)
        {
            _intervals.Add(interval);
        }

        Log?.Add(interval,
        [
            (HistogramSet.EndToEnd, through), (HistogramSet.ServiceTime, Merge(HistogramKind.Service)),
            (HistogramSet.Direct, direct), (HistogramSet.Residence, Merge(HistogramKind.Residence)),
            (HistogramSet.Gap, MergeGaps()), (HistogramSet.Lateness, Merge(HistogramKind.Lateness)),
        ]);
        return interval;
    }

    // A sample shorter than half a second would weigh as much as a whole one when it is drawn again.
    private void AddBlock(double seconds, HistogramBase? through, HistogramBase? direct)
    {
        if (seconds < SampleEveryNs / 2e9)
        {
            return;
        }

        DateTimeOffset to = DateTimeOffset.UtcNow;
        bool hasDirect = direct?.TotalCount > 0;
        _blocks.Add(to.AddSeconds(-seconds), to,
        [
            (HistogramSet.EndToEnd, through), (HistogramSet.ServiceTime, Merge(HistogramKind.Service)),
            (HistogramSet.Direct, hasDirect ? direct : null),
            (HistogramSet.Residence, Merge(HistogramKind.Residence)), (HistogramSet.Gap, MergeGaps()),
        ]);
    }

    private static double Seconds(long ns) => Math.Round(Math.Max(0, ns / 1e9), 3);

    private HistogramBase? Merge(HistogramKind kind) =>
        RunBuilder.Merge(Lanes.Select(l => l.Interval(kind)));

    private HistogramBase? MergeGaps() =>
        RunBuilder.Merge(RunBuilder.GapLanes(Lanes).Select(l => l.Interval(HistogramKind.Gap)));

    private static long Total(PathCounters counters)
    {
        long total = 0;
        for (int path = 0; path < Limits.PathsMax; path++)
        {
            total += (long)counters[path];
        }

        return total;
    }
}
