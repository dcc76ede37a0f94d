using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Lanes;

/// <summary>Moves frames between its ports through its pipeline. To forward is to move a descriptor: bytes
/// stay.
/// </summary>
internal sealed class ForwardLane : ILane
{
    private readonly IStage[] _stages;
    private readonly Banks _residence;
    private readonly Banks _rxWait;
    private readonly XdpDesc[] _descriptors;
    private readonly Verdict[] _verdicts;
    private readonly ulong[] _reaped = new ulong[Limits.BurstMax * 2];

    /// <summary>Makes the lane; <paramref name="burst"/> is the most frames taken from one ring in one
    /// turn.</summary>
    public ForwardLane(LaneCore core, IStage[] stages, int burst)
    {
        Invariant.Require(burst is > 0 and <= Limits.BurstMax);
        Core = core;
        _stages = stages;
        _residence = core.Histogram(HistogramKind.Residence);
        _rxWait = core.Histogram(HistogramKind.RxWait);
        _descriptors = new XdpDesc[burst];
        _verdicts = new Verdict[burst];
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

    /// <inheritdoc/>
    public long Turn()
    {
        LaneCore core = Core;
        LanePort[] ports = core.Ports;
        long nowNs = core.Begin();
        int reaped = core.ReapAll(_reaped);
        int received = 0;
        uint forwarded = 0;
        for (int i = 0; i < ports.Length; i++)
        {
            int count = ports[i].Rx.Receive(_descriptors);
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

    private uint Process(int ingress, int count, long nowNs)
    {
        LaneCore core = Core;
        Span<XdpDesc> descriptors = _descriptors.AsSpan(0, count);
        Span<Verdict> verdicts = _verdicts.AsSpan(0, count);
        Admit(ingress, descriptors, verdicts, nowNs);
        Burst burst = new()
        {
            Descriptors = descriptors,
            Verdicts = verdicts,
            Umem = core.Umem,
            Ingress = ingress,
        };
        foreach (IStage stage in _stages)
        {
            stage.Run(burst);
        }

        return Dispatch(descriptors, verdicts);
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

    private uint Dispatch(Span<XdpDesc> descriptors, Span<Verdict> verdicts)
    {
        LaneCore core = Core;
        LanePort[] ports = core.Ports;
        uint forwarded = 0;
        ulong bytes = 0;
        for (int i = 0; i < descriptors.Length; i++)
        {
            ref XdpDesc descriptor = ref descriptors[i];
            Verdict verdict = verdicts[i];
            if (!verdict.IsForward)
            {
                End(verdict.Reason, descriptor.Address);
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

    private void End(DropReason reason, ulong address)
    {
        if (reason == DropReason.BadDescriptor)
        {
            Core.Lose();
            return;
        }

        Core.Drop(reason, address);
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
