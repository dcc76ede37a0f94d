using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Dataplane.Load;

/// <summary>Sends open-loop load: each frame at the time its schedule gives, however late the last ones came
/// through.
/// It waits until Control writes a start time into the region.</summary>
internal sealed class GeneratorLane : ILane
{
    // frames given up in one turn: some 100 us, so that a turn stays bounded
    private const int GiveUpMax = 4096;
    private const long GiveUpNs = 100_000_000; // a frame this late at the end of the run counts as unsent
    private readonly SharedRegion _region;
    private readonly LoadFrames _frames;
    private readonly ReplayFrames? _replay;
    private readonly Banks _lateness;
    private readonly PlanLoad _plan;
    private readonly int _burst;
    private readonly long[] _intendedNs = new long[Limits.BurstMax]; // of the measured frames of this turn
    private readonly ulong[] _reaped = new ulong[Limits.BurstMax * 2];
    private LoadSchedule _schedule;
    private SplitMix _sizes;
    private PathSequences _sequences;
    private long _measureFromNs;
    private int _intended;
    private bool _hasStarted;
    private bool _isEnding;
    private bool _isDone;

    /// <summary>Makes the lane.</summary>
    public GeneratorLane(LaneCore core, SharedRegion region, TableMemory tables, in PlanLane lane)
    {
        Core = core;
        _region = region;
        _plan = region.Plan.Header.Load;
        _frames = new LoadFrames(_plan);
        _replay = ReplayFrames.Of(_plan, tables, (int)lane.ChunkBytes);
        _lateness = core.Histogram(HistogramKind.Lateness);
        _burst = (int)lane.Burst;
        _schedule = new LoadSchedule(_plan, _replay);
        _sizes = new SplitMix(~_plan.Seed);
    }

    /// <inheritdoc/>
    public LaneCore Core { get; }

    /// <inheritdoc/>
    public bool IsDrained => true; // a generator's last frames are its receiver's business, not worth a wait

    /// <inheritdoc/>
    public long Turn()
    {
        LaneCore core = Core;
        long nowNs = core.Begin();
        int reaped = core.ReapAll(_reaped);
        if (!_hasStarted && !TryStart())
        {
            core.End(Regime.Idle);
            if (!_isDone && _region.Header.StopLoad != 0)
            {
                Finish();
            }

            return nowNs;
        }

        int sent = 0;
        while (sent < _burst && _schedule.NextNs <= nowNs && TrySend(nowNs))
        {
            sent++;
        }

        if (_intended > 0)
        {
            MeasureLateness(ThreadControl.NowNs);
        }

        foreach (LanePort port in core.Ports)
        {
            port.Flush(ref core.Counters);
        }

        if (sent == 0 && _schedule.NextNs <= nowNs)
        {
            OnBlocked(nowNs);
        }
        else
        {
            core.End(sent > 0 || reaped > 0 ? Regime.Busy : Regime.Idle);
        }

        if (!_isDone && (_isEnding || _schedule.IsOver || _region.Header.StopLoad != 0))
        {
            Finish();
        }

        return nowNs;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // until the start
    private bool TryStart()
    {
        long startNs = Volatile.Read(ref _region.Header.StartAtNs); // acquire: Control wrote it last
        if (startNs == 0)
        {
            return false;
        }

        _schedule.Start(startNs);
        _measureFromNs = LoadSchedule.MeasureFrom(_plan, startNs);
        Core.Page.MeasureFromNs = _measureFromNs;
        _hasStarted = true;
        return true;
    }

    private bool TrySend(long nowNs)
    {
        LaneCore core = Core;
        int path = _schedule.Path;
        LanePort port = core.Ports[(int)_plan.Paths[path].TxPort];
        if (!port.CanSend || !core.Pool.TryTake(out ulong address))
        {
            return false;
        }

        int bytes = _replay?.NextBytes ?? _frames.PickBytes(ref _sizes);
        if (!port.Tx.TryWrite(address, (uint)bytes))
        {
            core.Pool.Give(address);
            return false;
        }

        long lateNs = nowNs - _schedule.NextNs;
        FrameStamp stamp = new()
        {
            IntendedNs = _schedule.NextNs,
            SentLateNs = (uint)Math.Min(lateNs, uint.MaxValue),
            Sequence = _sequences[path]++,
            Path = (byte)path,
        };
        Span<byte> frame = core.Umem.Frame(address, (uint)bytes);
        if (_replay is null)
        {
            _frames.Write(frame, stamp);
        }
        else
        {
            _replay.Write(frame, stamp);
        }

        core.Counters.TxFrames++;
        core.Counters.TxBytes += (uint)bytes;
        core.Counters.Sent[path]++;
        if (_schedule.NextNs >= _measureFromNs)
        {
            core.Counters.SentMeasured[path]++;
            _intendedNs[_intended++] = _schedule.NextNs;
        }

        _schedule.Advance();
        return true;
    }

    // The frames of a turn are published together, once all are written: that is when each is sent.
    private void MeasureLateness(long publishNs)
    {
        ReadOnlySpan<long> intendedNs = _intendedNs.AsSpan(0, _intended);
        foreach (long intended in intendedNs)
        {
            _lateness.Active.Add(publishNs - intended, 1);
        }

        _intended = 0;
    }

    // No frame or no slot: the frame stays due, and its lateness grows, unless the port is down or the run
    // is long over.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void OnBlocked(long nowNs)
    {
        LaneCore core = Core;
        bool isPoolEmpty = core.Pool.Count == 0;
        if (isPoolEmpty)
        {
            core.Counters.PoolEmpty++;
        }

        core.End(isPoolEmpty ? Regime.Starved : Regime.TxBlocked);
        for (int i = 0; i < GiveUpMax && _schedule.NextNs <= nowNs - GiveUpNs; i++)
        {
            core.Counters.Unsent[_schedule.Path]++;
            _schedule.Advance();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // from the end of the schedule until the kernel has sent all
    private void Finish()
    {
        if (!_isEnding)
        {
            _isEnding = true;
            _schedule = new LoadSchedule(_plan, _replay); // one that never starts: nothing is due any more
        }

        foreach (LanePort port in Core.Ports)
        {
            if (port.TxSide != 0 && port.CanSend)
            {
                return; // the kernel still holds frames: not done yet
            }
        }

        _isDone = true;
        Core.CheckConservation();
        LanePage.SetState(ref Core.Page, LaneState.Done);
    }

    [InlineArray(Limits.PathsMax)]
    private struct PathSequences
    {
        private uint _first;
    }
}
