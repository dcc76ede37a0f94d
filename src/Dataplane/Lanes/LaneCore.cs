using System.Runtime.CompilerServices;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Lanes;

/// <summary>A lane as its host sees it. Each call runs on the lane's thread.</summary>
internal interface ILane
{
    /// <summary>What every lane has.</summary>
    LaneCore Core { get; }

    /// <summary>One bounded pass; returns its start, CLOCK_MONOTONIC ns.</summary>
    long Turn();

    /// <summary>True once nothing is left to send.</summary>
    bool IsDrained { get; }

    /// <summary>Before arming: acquires what must be the thread's own.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    void Open()
    {
    }

    /// <summary>After the last turn: ends what needs more time than a turn, and gives back what
    /// <see cref="Open"/> acquired.</summary>
    void Close()
    {
    }
}

/// <summary>What every lane has: ports, frames, counters, histograms, events and housekeeping. The lane's
/// thread only; what others read lies in the shared region.</summary>
internal sealed class LaneCore
{
    private const long PublishEveryNs = 1_000_000;   // a reader is never more than a millisecond behind
    private const long AccountEveryNs = 100_000_000; // getrusage is a system call: ten a second are nothing

    // hot
    private LaneCounters _counters;
    private Bank _gap;
    private long _turnStartNs;
    private long _publishAtNs;
    private Regime _regime;
    private readonly long _gapThresholdNs;

    // warm
    private readonly NativeRef<LanePage> _page;
    private readonly NativeRef<RegionHeader> _region;
    private readonly EventRing _events;
    private readonly Banks[] _histograms;
    private PuntQueue[] _punts = [];
    private long _accountAtNs;
    private uint _framesBefore;
    private int _bank;

    // cold
    private ThreadUsage _usageAtArm;
    private long _allocatedAtArm;
    private int _collectionsAtArm;

    /// <summary>Makes a lane's common part; <paramref name="region"/> holds its page.</summary>
    public LaneCore(SharedRegion region, int lane, UmemView umem, FramePool pool, LanePort[] ports)
    {
        ref readonly PlanLane plan = ref region.Plan.Lane(lane);
        Umem = umem;
        Pool = pool;
        Ports = ports;
        _gapThresholdNs = plan.GapThresholdNs;
        _page = region.LanePage(lane);
        _region = region.HeaderRef;
        _events = region.Events(lane);
        _counters.FramesTotal = pool.Count;
        ReadOnlySpan<HistogramKind> kinds = RegionLayout.Kinds(plan.Kind);
        _histograms = new Banks[kinds.Length];
        for (int i = 0; i < kinds.Length; i++)
        {
            _histograms[i] = new Banks(
                kinds[i], region.Histogram(lane, kinds[i], 0), region.Histogram(lane, kinds[i], 1));
        }

        _gap = Histogram(HistogramKind.Gap).Active;
    }

    /// <summary>Frames.</summary>
    public UmemView Umem { get; }

    /// <summary>Free frames.</summary>
    public FramePool Pool { get; }

    /// <summary>Ports, by the lane's own numbers.</summary>
    public LanePort[] Ports { get; }

    /// <summary>The lane's counters.</summary>
    public ref LaneCounters Counters => ref _counters;

    /// <summary>The lane's page.</summary>
    public ref LanePage Page => ref _page.Value;

    /// <summary>Boot: the lane's queues to the kernel's stack.</summary>
    public void SetPuntQueues(PuntQueue[] queues) => _punts = queues;

    /// <summary>A histogram's two banks; its Active follows the flips.</summary>
    public Banks Histogram(HistogramKind kind)
    {
        foreach (Banks banks in _histograms)
        {
            if (banks.Kind == kind)
            {
                return banks;
            }
        }

        Invariant.Require(false);
        return null!;
    }

    /// <summary>Nanoseconds between two housekeepings; a test that must not meet one between two turns sets
    /// it beyond its own end, before <see cref="Resume"/>.</summary>
    public long HousekeepEveryNs { get; init; } = PublishEveryNs;

    /// <summary>Starts a turn: one clock read, the gap since the last one, its regime, housekeeping when
    /// due.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Begin()
    {
        long nowNs = ThreadControl.NowNs;
        long gapNs = nowNs - _turnStartNs;
        _gap.Add(gapNs, 1);
        _counters.RegimeNs[(int)_regime] += gapNs;
        _counters.Turns++;
        if (gapNs > _gapThresholdNs)
        {
            OnGap(nowNs, gapNs);
        }

        _turnStartNs = nowNs;
        _framesBefore = (uint)(_counters.RxFrames + _counters.TxFrames);
        if (nowNs >= _publishAtNs)
        {
            Housekeep(nowNs);
        }

        return nowNs;
    }

    /// <summary>Ends a turn: where the time until the next one belongs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void End(Regime regime) => _regime = regime;

    /// <summary>Takes sent frames back from every port.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ReapAll(Span<ulong> scratch)
    {
        int reaped = 0;
        foreach (LanePort port in Ports)
        {
            int count = port.Completion.Reap(scratch);
            for (int i = 0; i < count; i++)
            {
                scratch[i] = Umem.ChunkOf(scratch[i]); // it comes back as it was sent, headroom and all
            }

            if (count > 0)
            {
                Pool.Give(scratch[..count]);
                reaped += count;
            }
        }

        _counters.CompletedFrames += (uint)reaped;
        return reaped;
    }

    /// <summary>Ends a frame with a reason.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Drop(DropReason reason, ulong address)
    {
        _counters.Drops[(int)reason]++;
        Pool.Give(Umem.ChunkOf(address));
    }

    /// <summary>Ends a frame whose descriptor the kernel never should have given: its chunk is unknown, so
    /// it is lost to the lane, counted, and no longer part of the total.</summary>
    public void Lose()
    {
        _counters.Drops[(int)DropReason.BadDescriptor]++;
        _counters.FramesTotal--;
    }

    /// <summary>First breath of the lane's thread, pinned and with its policy: zeroes what counts from
    /// arming on.
    /// </summary>
    public void Arm()
    {
        ref LanePage page = ref Page;
        page.ThreadId = ThreadControl.ThreadId;
        page.Cpu = ThreadControl.CurrentCpu;
        (page.Policy, page.Priority) = ThreadControl.ReadPolicy();
        Account();                     // touches every page that accounting touches
        Publish(ThreadControl.NowNs);
        _usageAtArm = ThreadControl.Usage();
        _allocatedAtArm = GC.GetAllocatedBytesForCurrentThread();
        _collectionsAtArm = GC.CollectionCount(0);
        Resume(ThreadControl.NowNs);
        LanePage.SetState(ref page, LaneState.Armed);
    }

    /// <summary>After a planned pause: what passed is a pause, not a gap.</summary>
    public void OnYielded(long fromNs, long toNs)
    {
        _counters.Yields++;
        _counters.YieldNs += toNs - fromNs;
        _counters.RegimeNs[(int)Regime.Housekeeping] += toNs - fromNs;
        _counters.RegimeNs[(int)_regime] += fromNs - _turnStartNs;
        _turnStartNs = toNs;
    }

    /// <summary>The lane's clock starts here.</summary>
    public void Resume(long nowNs)
    {
        _turnStartNs = nowNs;
        _publishAtNs = nowNs + HousekeepEveryNs;
        _accountAtNs = nowNs + AccountEveryNs;
        _regime = Regime.Idle;
    }

    /// <summary>Last breath: exact counters and the state.</summary>
    public void Stop(LaneState state)
    {
        Account();
        CheckConservation();
        Publish(ThreadControl.NowNs);
        LanePage.SetState(ref Page, state);
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // once a millisecond
    private void Housekeep(long nowNs)
    {
        foreach (LanePort port in Ports)
        {
            port.Retry();
        }

        CheckConservation();
        // Between two turns: nothing of a table is held. Release: what was read before was read before.
        Volatile.Write(ref Page.TableEpochSeen, Volatile.Read(ref _region.Value.TableEpoch));
        uint wanted = Volatile.Read(ref Page.BankWanted) & 1;
        if (wanted != (uint)_bank)
        {
            Flip((int)wanted);
        }

        if (nowNs >= _accountAtNs)
        {
            Account();
            _accountAtNs = nowNs + AccountEveryNs;
        }

        Publish(nowNs);
        _publishAtNs = nowNs + HousekeepEveryNs;
    }

    /// <summary>Pool, fill side and tx side, less what is shared, are all frames: from ring indices alone, at
    /// a turn's border.</summary>
    public void CheckConservation()
    {
        long fillSide = 0;
        long txSide = 0;
        long txRing = 0;
        foreach (LanePort port in Ports)
        {
            fillSide += port.FillSide;
            txSide += port.TxSide;
            txRing += port.TxWaiting;
        }

        _counters.FramesPool = Pool.Count;
        _counters.FramesFillSide = fillSide;
        _counters.FramesTxSide = txSide;
        _counters.FramesTxRing = txRing;
        _counters.FramesShared = Pool.Shared;
        if (Pool.Count + fillSide + txSide - Pool.Shared != _counters.FramesTotal)
        {
            _counters.ConservationBreaks++;
        }
    }

    private void Flip(int bank)
    {
        foreach (Banks banks in _histograms)
        {
            banks.Flip(bank);
        }

        _bank = bank;
        _gap = Histogram(HistogramKind.Gap).Active;
        Volatile.Write(ref Page.BankActive, (uint)bank); // release: no count of ours follows in the old bank
    }

    private void Account()
    {
        ThreadUsage usage = ThreadControl.Usage();
        _counters.MinorFaults = usage.MinorFaults - _usageAtArm.MinorFaults;
        _counters.MajorFaults = usage.MajorFaults - _usageAtArm.MajorFaults;
        _counters.VoluntarySwitches = usage.VoluntarySwitches - _usageAtArm.VoluntarySwitches;
        _counters.InvoluntarySwitches = usage.InvoluntarySwitches - _usageAtArm.InvoluntarySwitches;
        _counters.AllocatedBytes = GC.GetAllocatedBytesForCurrentThread() - _allocatedAtArm;
        _counters.Collections = GC.CollectionCount(0) - _collectionsAtArm;
        ulong refused = 0;
        foreach (PuntQueue queue in _punts)
        {
            refused += (ulong)queue.Refused;
        }

        _counters.PuntsRefused = refused;
    }

    private void Publish(long nowNs)
    {
        _counters.PublishedNs = nowNs;
        ref LanePage page = ref Page;
        Seqlock.Write(ref page.Epoch, ref page.Counters, _counters);
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // a gap over the threshold
    private void OnGap(long nowNs, long gapNs)
    {
        _counters.Gaps++;
        _counters.GapMaxNs = Math.Max(_counters.GapMaxNs, gapNs);
        GapEvent gap = new()
        {
            StartNs = _turnStartNs,
            EndNs = nowNs,
            Turn = _counters.Turns,
            Regime = _regime,
            Frames = (uint)(_counters.RxFrames + _counters.TxFrames) - _framesBefore,
        };
        if (!_events.TryWrite(gap))
        {
            _counters.EventsLost++;
        }
    }
}

/// <summary>One bank of a histogram: HdrHistogram's buckets, plain increments.</summary>
internal readonly struct Bank(NativeSpan<ulong> counts)
{
    /// <summary>Counts a value in ns <paramref name="times"/> times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(long valueNs, uint times) => counts[HdrGeometry.IndexOf(valueNs)] += times;
}

/// <summary>The two banks of one histogram of a lane; the lane writes the active one, Control empties the
/// other.</summary>
internal sealed class Banks(HistogramKind kind, NativeSpan<ulong> first, NativeSpan<ulong> second)
{
    private Bank _active = new(first);

    /// <summary>What is counted.</summary>
    public HistogramKind Kind { get; } = kind;

    /// <summary>The bank to write. Take it anew each turn: it changes in
    /// <see cref="LaneCore.Begin"/>.</summary>
    public Bank Active => _active;

    /// <summary>Makes a bank the active one, at a turn's border.</summary>
    public void Flip(int bank) => _active = new Bank(bank == 0 ? first : second);
}
