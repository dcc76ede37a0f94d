using LowLatency.Control.Measuring;
using LowLatency.Native;

namespace LowLatency.Control.Explaining;

/// <summary>A lane whose gaps are explained.</summary>
/// <param name="Name">As in reports; no other one has it.</param>
/// <param name="Cpu">Of its thread.</param>
/// <param name="Tid">Of its thread.</param>
/// <param name="IsMeter">It does nothing but look at the clock: no gap is its own work.</param>
internal sealed record ExplainedLane(string Name, int Cpu, int Tid, bool IsMeter);

/// <summary>Joins gaps of lanes with what the kernel tells of their CPUs, while both come in. One thread, on
/// the housekeeping CPUs.</summary>
internal sealed class Explainer : IDisposable
{
    private const long SettleNs = 60_000_000;      // three rounds of reading: all CPUs' events are there
    private const long SlackNs = 500;              // between the kernel's stamps and the lane's
    private const long SenderBackNs = 1_000_000;   // an IPI arrives within microseconds; its CPU may be busy
    private const long ReturnPathNs = 5_000;       // entry, exit and cold caches of one interruption
    private const long WorkBaseNs = 10_000;        // a turn with its wake-up calls
    private const long WorkOfFrameNs = 3_000;      // copy mode sends inside the call: 1 to 3 us a frame
    private const int PendingMax = 200_000;

    private readonly KernelTrace? _trace;
    private readonly string _why;
    private readonly IReadOnlyList<ExplainedLane> _lanes;
    private readonly Dictionary<int, CpuTimeline> _timelines = [];
    private readonly Dictionary<int, OrderedWindow<CpuEvent>> _sent = [];
    private readonly List<(int Cpu, long FromNs, long ToNs)> _lost = [];
    private readonly Queue<(ExplainedLane Lane, GapRecord Gap)> _pending = new();
    // For stalls of the whole machine.
    private readonly Dictionary<ExplainedLane, OrderedWindow<GapRecord>> _told = [];
    private readonly ThreadNames _names;
    private readonly CpuCounters _counters;
    private readonly Tally _tally = new();
    private bool _leavesNetwork;
    private long _untilNs;
    private long _unseen;

    private Explainer(IReadOnlyList<ExplainedLane> lanes, IReadOnlyList<int> ownPids, KernelTrace? trace,
        string why)
    {
        _lanes = lanes;
        _trace = trace;
        _why = why;
        _names = new ThreadNames(ownPids, [.. lanes.Select(lane => lane.Tid)]);
        int[] cpus = [.. lanes.Select(lane => lane.Cpu).Distinct()];
        _counters = new CpuCounters(cpus);
        foreach (ExplainedLane lane in lanes)
        {
            _told[lane] = new OrderedWindow<GapRecord>(gap => gap.StartNs);
        }

        foreach (int cpu in cpus)
        {
            // Lanes that share a thread share its number.
            _timelines[cpu] = new CpuTimeline(lanes.First(lane => lane.Cpu == cpu).Tid, _names.OwnName);
            _sent[cpu] = new OrderedWindow<CpuEvent>(sent => sent.AtNs);
        }
    }

    /// <summary>Begins to trace, before the measured window; where that is not possible, gaps are counted and
    /// nothing is named.</summary>
    /// <param name="lanes">Armed: their threads are known.</param>
    /// <param name="ownPids">Processes of ours.</param>
    /// <param name="arming">What was prepared; ends with this.</param>
    /// <param name="tracesNetwork">False where the kernel copies frames for lanes: it does so in NET_RX and
    /// NET_TX softirqs of their CPUs, several a frame, which are the lanes' own work.</param>
    public static Explainer Start(IReadOnlyList<ExplainedLane> lanes, IReadOnlyList<int> ownPids,
        TraceArming arming, bool tracesNetwork)
    {
        int[] meters = [.. lanes.Where(lane => lane.IsMeter).Select(lane => lane.Tid)];
        arming.Begin([.. lanes.Select(lane => lane.Cpu).Distinct()], meters, tracesNetwork);
        return new Explainer(lanes, ownPids, arming.Trace, arming.Why) { _leavesNetwork = !tracesNetwork };
    }

    /// <summary>Without a kernel: events come by <see cref="Feed"/>.</summary>
    internal static Explainer ForTest(IReadOnlyList<ExplainedLane> lanes) => new(lanes, [], null, "a test");

    /// <summary>Takes a gap in; of a lane that it was not started with: nothing.</summary>
    /// <param name="lane">Whose it is.</param>
    /// <param name="gap">Later than the one before of this lane.</param>
    public void Add(ExplainedLane lane, GapRecord gap)
    {
        if (!_told.TryGetValue(lane, out OrderedWindow<GapRecord>? told))
        {
            return;
        }

        if (_pending.Count == PendingMax)
        {
            _unseen++;
            return;
        }

        _pending.Enqueue((lane, gap));
        told.Add(gap);
    }

    /// <summary>Gaps that lanes counted and could not tell of.</summary>
    public void AddUnseen(long count) => _unseen += count;

    /// <summary>Takes in what the kernel told, and explains gaps that nothing more can come for. Often: every
    /// few ten milliseconds.</summary>
    public void Turn()
    {
        while (_trace is not null && _trace.Batches.TryRead(out TraceBatch? batch))
        {
            Feed(batch);
        }

        _counters.Read();
        if (_trace is null)
        {
            _untilNs = MeasurementSession.NowNs - SettleNs;
        }

        Explain(_untilNs - SettleNs);
    }

    /// <summary>Takes events in.</summary>
    internal void Feed(TraceBatch batch)
    {
        foreach (int cpu in batch.Lost)
        {
            _lost.Add((cpu, _untilNs, batch.UntilNs));
            _timelines.GetValueOrDefault(cpu)?.Interrupt();
        }

        foreach (CpuEvent told in batch.Events)
        {
            if (told.Kind == EventKind.IpiSent)
            {
                if (_sent.TryGetValue(told.Other, out OrderedWindow<CpuEvent>? sent))
                {
                    sent.Add(told);
                }
            }
            else if (_timelines.TryGetValue(told.Cpu, out CpuTimeline? timeline))
            {
                if (told.Kind == EventKind.Switch)
                {
                    _names.Learn(told.Other, told.Name);
                }

                timeline.Add(told);
            }
        }

        _untilNs = batch.UntilNs;
    }

    /// <summary>Ends tracing and explains what is left.</summary>
    public Explanation Finish()
    {
        Dispose();
        while (_trace is not null && _trace.Batches.TryRead(out TraceBatch? batch))
        {
            Feed(batch);
        }

        Explain(long.MaxValue);
        List<string> notes = [];
        if (_trace is null)
        {
            notes.AddRange(_counters.Moved());
        }
        else if (_trace.Missing.Count > 0)
        {
            notes.Add("this kernel has no " + string.Join(", ", _trace.Missing));
        }

        if (_trace is not null && _leavesNetwork)
        {
            notes.Add("NET_RX and NET_TX softirqs are not told apart from the lanes' own work: ports in "
                + "copy mode are served by them");
        }

        if (_trace?.Failure is { } failure)
        {
            notes.Add($"tracing ended early: {failure}");
        }

        if (_trace?.LostCount > 0)
        {
            notes.Add($"{_trace.LostCount} events were lost: gaps of that time are 'unknown'");
        }

        notes.AddRange(_counters.Notes());
        ObserverCost observer = new(
            _trace?.ArmNs ?? 0, _trace?.Count ?? 0, _trace?.LostCount ?? 0, _tally.NsOf(Bucket.Own));
        return _tally.Make(_trace is null ? "T0" : "T3", _why, _unseen, observer, notes);
    }

    /// <summary>Ends tracing; a second call does nothing more.</summary>
    public void Dispose() => _trace?.Dispose();

    private void Explain(long untilNs)
    {
        while (_pending.TryPeek(out (ExplainedLane Lane, GapRecord Gap) next)
            && next.Gap.StartNs + next.Gap.LengthNs <= untilNs)
        {
            _pending.Dequeue();
            _tally.Add(next.Lane, next.Gap, [.. PartsOf(next.Gap, next.Lane)]);
        }

        // What is older than the oldest gap that is still to come is of no use; a lane tells within a second.
        long oldNs = Math.Min(untilNs, _untilNs) - 3_000_000_000;
        foreach (OrderedWindow<GapRecord> told in _told.Values)
        {
            told.DropBefore(oldNs);
        }

        _lost.RemoveAll(window => window.ToNs < oldNs);
        foreach ((int cpu, CpuTimeline timeline) in _timelines)
        {
            timeline.ForgetBefore(oldNs);
            _sent[cpu].DropBefore(oldNs);
        }
    }

    private IEnumerable<(Bucket Bucket, string Name, long Ns)> PartsOf(GapRecord gap, ExplainedLane lane)
    {
        (long startNs, long endNs) = (gap.StartNs, gap.StartNs + gap.LengthNs);
        if (_trace is not null && _lost.Exists(window =>
            window.Cpu == lane.Cpu && window.FromNs <= endNs && window.ToNs >= startNs))
        {
            return [(Bucket.Unknown, "", gap.LengthNs)];
        }

        CpuTimeline timeline = _timelines[lane.Cpu];
        Dictionary<(Bucket, string), long> named = [];
        long namedNs = 0;
        foreach (Segment segment in timeline.Within(startNs - SlackNs, endNs + SlackNs))
        {
            // The lane ran when the gap began: whoever got the CPU before had lost it by then.
            if (segment.By.SinceNs < startNs - SlackNs)
            {
                continue;
            }

            // The slack finds what ended just before; its time counts only inside.
            long ns = Math.Max(0, Math.Min(segment.EndNs, endNs) - Math.Max(segment.StartNs, startNs));
            FindSender(segment, lane.Cpu);
            (Bucket, string) key = (segment.By.Bucket, segment.By.Name);
            named[key] = named.GetValueOrDefault(key) + ns;
            namedNs += ns;
        }

        long restNs = Math.Max(0, gap.LengthNs - namedNs);
        if (restNs > 0 && timeline.FaultWithin(startNs, endNs) is { } fault)
        {
            named[(Bucket.OwnFault, fault)] = restNs;
            restNs = 0;
        }

        if (restNs > 0 && !lane.IsMeter && (gap.Frames > 0 || gap.Regime is not "idle"))
        {
            Put(Bucket.OwnWork, "", Math.Min(restNs, WorkBaseNs + (gap.Frames * WorkOfFrameNs)));
        }

        if (restNs > 0 && namedNs > 0)
        {
            Put(Bucket.ReturnPath, "", Math.Min(restNs, Math.Max(namedNs, ReturnPathNs)));
        }

        if (restNs > 0)
        {
            (Bucket bucket, string name) = Eliminate(gap, lane);
            Put(bucket, name, restNs);
        }

        return named.Where(part => part.Value > 0).Select(part =>
            (part.Key.Item1, part.Key.Item2, part.Value));

        void Put(Bucket bucket, string name, long ns)
        {
            named[(bucket, name)] = named.GetValueOrDefault((bucket, name)) + ns;
            restNs -= ns;
        }
    }

    // No event tells: what else moved at that time.
    private (Bucket Bucket, string Name) Eliminate(GapRecord gap, ExplainedLane lane)
    {
        (long startNs, long endNs) = (gap.StartNs, gap.StartNs + gap.LengthNs);
        if (_counters.ThrottleMoved(lane.Cpu, startNs, endNs))
        {
            return (Bucket.Thermal, "throttled");
        }

        if (_counters.StealMoved(lane.Cpu, startNs, endNs))
        {
            return (Bucket.Host, "stolen by the hypervisor");
        }

        int others = _lanes.Select(other => other.Cpu).Distinct().Count() - 1;
        long nearNs = Math.Max(2_000, gap.LengthNs / 10);
        int still = _lanes.Where(other => other.Cpu != lane.Cpu
            && _told[other].From(startNs - nearNs + 1)
                .TakeWhile(theirs => theirs.StartNs < startNs + nearNs)
                .Any(theirs => Math.Abs(theirs.LengthNs - gap.LengthNs)
                    < Math.Max(2_000, gap.LengthNs / 4)))
            .Select(other => other.Cpu).Distinct().Count();
        return others > 0 && still == others ? (Bucket.Machine, "all measured CPUs at once")
            : (Bucket.Unattributed, "");
    }

    private void FindSender(in Segment segment, int cpu)
    {
        if (!segment.By.IsSent || segment.By.Name.EndsWith(')'))
        {
            return;
        }

        long atNs = segment.StartNs;
        CpuEvent? found = null;
        foreach (CpuEvent sent in _sent[cpu].From(atNs - SenderBackNs)
            .TakeWhile(sent => sent.AtNs <= atNs + SlackNs))
        {
            if (found is not { } before || sent.AtNs > before.AtNs
                || (sent.Name.Length > 0 && before.Name.Length == 0))
            {
                found = sent;
            }
        }

        if (found is { } sender)
        {
            string what = sender.Name.Length > 0 ? sender.Name + " " : "";
            segment.By.Detail($"{what}from {_names.Of(sender.Pid)} on CPU {sender.Cpu}");
        }
    }
}
