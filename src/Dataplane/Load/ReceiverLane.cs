using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Load;

/// <summary>Receives load and measures it: latency from the intended and from the real send time, loss,
/// order, duplicates, damage. Every frame ends here.</summary>
internal sealed class ReceiverLane : ILane
{
    private readonly SharedRegion _region;
    private readonly LoadFrames _frames;
    private readonly PlanLoad _plan;
    private readonly Banks[] _endToEnd;
    private readonly Banks[] _service;
    private readonly SequenceWindow[] _windows;
    private readonly uint[][] _flowNext;  // [path][flow]: one past the highest sequence number seen of the flow
    private readonly XdpDesc[] _descriptors;
    private long _measureFromNs = long.MaxValue;

    /// <summary>Makes the lane.</summary>
    public ReceiverLane(LaneCore core, SharedRegion region, int burst)
    {
        Core = core;
        _region = region;
        _plan = region.Plan.Header.Load;
        _frames = new LoadFrames(_plan);
        _endToEnd = [core.Histogram(HistogramKind.EndToEnd), core.Histogram(HistogramKind.EndToEndDirect)];
        _service = [core.Histogram(HistogramKind.Service), core.Histogram(HistogramKind.ServiceDirect)];
        _windows = new SequenceWindow[Limits.PathsMax];
        _flowNext = new uint[Limits.PathsMax][];
        for (int path = 0; path < Limits.PathsMax; path++)
        {
            _windows[path] = new SequenceWindow();
            _flowNext[path] = new uint[_plan.Flows];
        }

        _descriptors = new XdpDesc[burst];
    }

    /// <inheritdoc/>
    public LaneCore Core { get; }

    /// <inheritdoc/>
    public bool IsDrained => true;

    /// <inheritdoc/>
    public long Turn()
    {
        LaneCore core = Core;
        long nowNs = core.Begin();
        if (_measureFromNs == long.MaxValue)
        {
            TryStart();
        }

        int received = 0;
        foreach (LanePort port in core.Ports)
        {
            int count = port.Rx.Receive(_descriptors);
            if (count > 0)
            {
                received += count;
                Measure(_descriptors.AsSpan(0, count), ThreadControl.NowNs);
                port.Refill(core.Pool);
            }

            port.WakeRxIfNeeded(wasIdle: count == 0, ref core.Counters);
        }

        core.End(received > 0 ? Regime.Busy : Regime.Idle);
        return nowNs;
    }

    private void TryStart()
    {
        long startNs = Volatile.Read(ref _region.Header.StartAtNs);
        if (startNs != 0)
        {
            _measureFromNs = LoadSchedule.MeasureFrom(_plan, startNs);
        }
    }

    private void Measure(Span<XdpDesc> descriptors, long nowNs)
    {
        LaneCore core = Core;
        foreach (ref XdpDesc descriptor in descriptors)
        {
            core.Counters.RxFrames++;
            core.Counters.RxBytes += descriptor.Length;
            if (!core.Umem.Contains(descriptor.Address, descriptor.Length))
            {
                core.Lose();
                continue;
            }

            ReadOnlySpan<byte> frame = core.Umem.Frame(descriptor.Address, descriptor.Length);
            bool isIntact = true; // a replay's mark is sound, or none
            bool isLoad = _plan.ReplayCount > 0 ? ReplayFrames.TryRead(frame, out FrameStamp stamp)
                : _frames.TryRead(frame, out stamp, out isIntact);
            if (isLoad && stamp.Path < _plan.PathCount)
            {
                Measure(stamp, isIntact, nowNs);
                core.Drop(DropReason.Received, descriptor.Address);
            }
            else
            {
                core.Drop(DropReason.Foreign, descriptor.Address);
            }
        }
    }

    private void Measure(in FrameStamp stamp, bool isIntact, long nowNs)
    {
        ref LaneCounters counters = ref Core.Counters;
        int path = stamp.Path;
        if (!isIntact)
        {
            counters.Corrupt[path]++; // neither its times nor its number can be trusted: an end of its own
            return;
        }

        if (_windows[path].Take(stamp.Sequence) == Arrival.Duplicate)
        {
            counters.Duplicated[path]++;
            return;
        }

        counters.Received[path]++;
        ref uint flowNext = ref _flowNext[path][_frames.FlowOf(stamp.Sequence)];
        if (stamp.Sequence - flowNext >= 1U << 31)
        {
            counters.Reordered[path]++; // a later frame of its flow came before it (RFC 4737, 3.3)
        }
        else
        {
            flowNext = stamp.Sequence + 1;
        }

        if (stamp.IntendedNs >= _measureFromNs)
        {
            counters.ReceivedMeasured[path]++;
            long endToEndNs = nowNs - stamp.IntendedNs;
            _endToEnd[path].Active.Add(endToEndNs, 1);
            _service[path].Active.Add(endToEndNs - stamp.SentLateNs, 1);
        }
    }
}
