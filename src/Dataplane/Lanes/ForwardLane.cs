using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Lanes;

/// <summary>Moves frames between its ports through its pipeline. To forward is to move a descriptor: bytes
/// stay.
/// </summary>
internal sealed class ForwardLane : ILane
{
    private readonly NativeSpan<StageCounter> _stageCounters;
    private readonly Tracer _tracer;
    private readonly StageTimer _timer;
    private readonly PuntQueue?[] _punts;
    private readonly Banks _residence;
    private readonly Banks _rxWait;
    private readonly XdpDesc[] _descriptors;
    private readonly Verdict[] _verdicts;
    private readonly ulong[] _reaped = new ulong[Limits.BurstMax * 2];
    private readonly int _burst;
    private Pipeline _pipeline;
    private Pipeline? _next;

    /// <summary>Makes the lane; <paramref name="burst"/> is the most frames taken from one ring in one
    /// turn.</summary>
    public ForwardLane(
        LaneCore core, Pipeline pipeline, NativeSpan<StageCounter> stageCounters, Tracer tracer,
        StageTimer timer, int burst)
    {
        Invariant.Require(burst is > 0 and <= Limits.BurstMax);
        Core = core;
        _burst = burst;
        _pipeline = pipeline;
        _stageCounters = stageCounters;
        _tracer = tracer;
        _timer = timer;
        _punts = new PuntQueue?[core.Ports.Length];
        core.Page.Generation = pipeline.Generation;
        core.Page.IsFused = pipeline.IsFused ? 1u : 0u;
        _residence = core.Histogram(HistogramKind.Residence);
        _rxWait = core.Histogram(HistogramKind.RxWait);
        _descriptors = new XdpDesc[burst + Limits.ReplicasMax];
        _verdicts = new Verdict[burst + Limits.ReplicasMax];
    }

    /// <inheritdoc/>
    public LaneCore Core { get; }

    /// <inheritdoc/>
    public bool IsDrained
    {
        get
        {
            foreach (LanePort port in Core.Ports)
            {
                if (port.TxSide != 0 && port.CanSend)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>The pipeline that runs; another thread may only compare it.</summary>
    public Pipeline Pipeline => Volatile.Read(ref _pipeline);

    /// <summary>Boot: where frames of a port go that are for the kernel's stack; a port without a queue keeps
    /// none.</summary>
    public void SetPuntQueue(int port, PuntQueue queue) => _punts[port] = queue;

    /// <summary>Main thread: runs this pipeline from the next turn on; the lane's page says when.</summary>
    public void Swap(Pipeline pipeline) =>
        Volatile.Write(ref _next, pipeline); // release: the lane sees it whole

    /// <inheritdoc/>
    public long Turn()
    {
        LaneCore core = Core;
        LanePort[] ports = core.Ports;
        if (Volatile.Read(ref _next) != null) // acquire: pairs with the release in Swap
        {
            TakeNext();
        }

        long nowNs = core.Begin();
        int reaped = core.ReapAll(_reaped);
        if (_timer.IsUnderway)
        {
            _timer.OnReaped(core.Counters);
        }

        int received = 0;
        uint forwarded = 0;
        for (int i = 0; i < ports.Length; i++)
        {
            int count = ports[i].Rx.Receive(_descriptors.AsSpan(0, _burst));
            if (count > 0)
            {
                received += count;
                forwarded += Process(i, count, nowNs); // a packet changes hands here: rx ring -> lane
            }
        }

        if (received == 0 && reaped == 0)
        {
            Idle(ports);
            core.End(Regime.Idle);
            return nowNs;
        }

        foreach (LanePort port in ports)
        {
            port.Flush(ref core.Counters); // and here: lane -> tx ring -> kernel
        }

        if (_timer.IsUnpublished)
        {
            _timer.PastPublish(core.Counters);
        }

        if (forwarded > 0)
        {
            _residence.Active.Add(ThreadControl.NowNs - nowNs, forwarded);
        }

        foreach (LanePort port in ports)
        {
            port.Refill(core.Pool);
            port.WakeRxIfNeeded(wasIdle: false, ref core.Counters);
        }

        core.End(EndRegime(core));
        return nowNs;
    }

    private static Regime EndRegime(LaneCore core)
    {
        if (core.Pool.Count != 0)
        {
            return Regime.Busy;
        }

        core.Counters.PoolEmpty++;
        return Regime.Starved;
    }

    private void Idle(LanePort[] ports)
    {
        ref LaneCounters counters = ref Core.Counters;
        foreach (LanePort port in ports)
        {
            port.Flush(ref counters); // frames that the kernel asked to try later
            port.Refill(Core.Pool);
            port.WakeRxIfNeeded(wasIdle: true, ref counters);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // once a reload
    private void TakeNext()
    {
        Pipeline next = _next!;
        Volatile.Write(ref _pipeline, next);
        _next = null;
        _stageCounters.Span.Clear(); // they were of other stages
        _timer.Clear();
        Core.Counters.RxFramesBefore = Core.Counters.RxFrames;
        ref LanePage page = ref Core.Page;
        page.IsFused = next.IsFused ? 1u : 0u;
        // release: nothing of the old one is used after it
        Volatile.Write(ref page.Generation, next.Generation);
    }

    private uint Process(int ingress, int count, long nowNs)
    {
        LaneCore core = Core;
        bool isTimed = _timer.IsDue();
        Admit(ingress, _descriptors.AsSpan(0, count), _verdicts.AsSpan(0, count), nowNs);
        Burst burst = new(_descriptors, _verdicts, count)
        {
            Umem = core.Umem,
            Pool = core.Pool,
            Ingress = ingress,
            NowNs = nowNs,
        };
        if (_tracer.IsWanted(nowNs))
        {
            _tracer.Run(ref burst, _pipeline, this);
            return Dispatch(ref burst, isTraced: true);
        }

        if (isTimed)
        {
            return ProcessTimed(ref burst);
        }

        IStage[] stages = _pipeline.Stages;
        for (int i = 0; i < stages.Length; i++)
        {
            RunStage(ref burst, stages[i], i);
        }

        return Dispatch(ref burst, isTraced: false);
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // one burst in many
    private uint ProcessTimed(ref Burst burst)
    {
        _timer.Past(PipelinePart.Admit, burst.Count);
        IStage[] stages = _pipeline.Stages;
        for (int i = 0; i < stages.Length; i++)
        {
            int frames = burst.Count;
            RunStage(ref burst, stages[i], i);
            _timer.PastStage(_pipeline.Numbers[i], frames);
        }

        uint forwarded = Dispatch(ref burst, isTraced: false);
        _timer.PastDispatch(forwarded);
        return forwarded;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void RunStage(ref Burst burst, IStage stage, int index)
    {
        int before = burst.Count;
        uint missedBefore = burst.Missed;
        stage.Run(ref burst);
        if (burst.Count != before || burst.Missed != missedBefore)
        {
            CountReplicas(_pipeline.Numbers[index], (uint)(burst.Count - before),
                burst.Missed - missedBefore);
        }
    }

    /// <summary>Counts frames that a stage made, or had no room for.</summary>
    public void CountReplicas(int stage, uint made, uint missed)
    {
        Core.Counters.Replicas += made;
        Core.Counters.ReplicasMissed += missed;
        ref StageCounter counter = ref _stageCounters[stage];
        counter.Replicas += made;
        counter.ReplicasMissed += missed;
    }

    private void Admit(int ingress, Span<XdpDesc> descriptors, Span<Verdict> verdicts, long nowNs)
    {
        LaneCore core = Core;
        UmemView umem = core.Umem;
        bool hasStamps = core.Ports[ingress].HasStamps;
        ulong bytes = 0;
        for (int i = 0; i < descriptors.Length; i++)
        {
            verdicts[i] = Verdict.None;
            bytes += descriptors[i].Length;
            if (!umem.Contains(descriptors[i].Address, descriptors[i].Length))
            {
                verdicts[i] = Verdict.Drop(DropReason.BadDescriptor); // ended: no stage touches its bytes
            }
            else if (hasStamps && umem.TryReadMeta(descriptors[i].Address, out FrameMeta meta))
            {
                _rxWait.Active.Add(nowNs - (long)meta.ReceivedNs, 1);
            }
        }

        core.Counters.RxFrames += (uint)descriptors.Length;
        core.Counters.RxBytes += bytes;
    }

    private uint Dispatch(ref Burst burst, bool isTraced)
    {
        LaneCore core = Core;
        Span<XdpDesc> descriptors = burst.Descriptors;
        Span<Verdict> verdicts = burst.Verdicts;
        LanePort[] ports = core.Ports;
        uint forwarded = 0;
        ulong bytes = 0;
        for (int i = 0; i < descriptors.Length; i++)
        {
            ref XdpDesc descriptor = ref descriptors[i];
            Verdict verdict = verdicts[i];
            if (isTraced)
            {
                _tracer.TellEnd(ref burst, i, Foretell(verdict));
            }

            if (!verdict.IsForward)
            {
                End(verdict, burst.Ingress, descriptor);
                continue;
            }

            LanePort port = ports[verdict.Port];
            if (port.CanSend && port.Tx.TryWrite(descriptor.Address, descriptor.Length))
            {
                forwarded++;
                bytes += descriptor.Length;
            }
            else if (OnCannotSend(port, descriptor))
            {
                forwarded++;
                bytes += descriptor.Length;
            }
        }

        core.Counters.TxFrames += forwarded;
        core.Counters.TxBytes += bytes;
        return forwarded;
    }

    // How dispatching will end, told before it does: afterwards the frame's bytes are the kernel's.
    private Verdict Foretell(Verdict verdict) => !verdict.IsForward ? verdict
        : !Core.Ports[verdict.Port].CanSend ? Verdict.Drop(DropReason.PortDown).At(_pipeline.Single.Length)
        : verdict;

    private void End(Verdict verdict, int ingress, in XdpDesc descriptor)
    {
        if (verdict.IsPunt)
        {
            Punt(verdict, ingress, descriptor);
            return;
        }

        if (verdict.Reason == DropReason.BadDescriptor)
        {
            Core.Lose();
            return;
        }

        _stageCounters[verdict.Stage].Drops[(int)verdict.Reason]++;
        Core.Drop(verdict.Reason, descriptor.Address);
    }

    private void Punt(Verdict verdict, int ingress, in XdpDesc descriptor)
    {
        PuntQueue? queue = _punts[ingress];
        Span<byte> frame = Core.Umem.Frame(descriptor.Address, descriptor.Length);
        if (queue == null || !queue.TryWrite(frame, ingress))
        {
            Core.Drop(queue == null ? DropReason.PuntGeneric : DropReason.PuntQueueFull, descriptor.Address);
            return;
        }

        _stageCounters[verdict.Stage].Punts[(int)verdict.PuntReason]++;
        Core.Counters.Punts[(int)verdict.PuntReason]++;
        Core.Pool.Give(Core.Umem.ChunkOf(descriptor.Address));
    }

    // The port is down, or its tx ring is full: one more chance after the kernel was asked to empty it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool OnCannotSend(LanePort port, in XdpDesc descriptor)
    {
        if (!port.CanSend)
        {
            Core.Drop(DropReason.PortDown, descriptor.Address);
            return false;
        }

        port.Flush(ref Core.Counters);
        Core.ReapAll(_reaped);
        if (port.Tx.TryWrite(descriptor.Address, descriptor.Length))
        {
            return true;
        }

        Core.Drop(DropReason.TxRingFull, descriptor.Address);
        return false;
    }
}
