using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Dataplane.Lanes;

/// <summary>Follows some frames of a lane through its stages, when Control asks for it. A burst in which one
/// of
/// them may be runs stage by stage; without a request all that this costs is one load a burst. Lane
/// only.</summary>
internal sealed class Tracer
{
    private readonly TraceArea _area;
    private readonly ulong[] _frames = new ulong[Limits.BurstMax
        + Limits.ReplicasMax]; // number of each; 0: not followed
    private Filter.Rule _rule;
    private uint _epoch;
    private uint _left;
    private ulong _next;

    /// <summary>A tracer over a lane's area.</summary>
    public Tracer(TraceArea area) => _area = area;

    /// <summary>True when frames of this burst may have to be followed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsWanted(long nowNs)
    {
        uint epoch = Volatile.Read(ref _area.Request.Value.Epoch); // acquire: the request was written before
        return epoch != 0 && IsOn(epoch, nowNs);
    }

    /// <summary>Runs a burst stage by stage and tells what its followed frames meet.</summary>
    public void Run(ref Burst burst, Pipeline pipeline, ForwardLane lane)
    {
        Choose(ref burst);
        bool onlyDrops = _area.Request.Value.OnlyDrops != 0;
        IStage[] stages = pipeline.Single;
        for (int stage = 0; stage < stages.Length; stage++)
        {
            int before = burst.Count;
            uint missed = burst.Missed;
            stages[stage].Run(ref burst);
            if (burst.Count != before || burst.Missed != missed)
            {
                lane.CountReplicas(stage, (uint)(burst.Count - before), burst.Missed - missed);
            }

            // What a stage made is followed when it looks as asked for.
            for (int i = before; i < burst.Count; i++)
            {
                _frames[i] = onlyDrops ? 0 : NumberOf(ref burst, i);
            }

            long nowNs = ThreadControl.NowNs;
            for (int i = 0; i < burst.Count && !onlyDrops; i++)
            {
                bool sawIt = !burst.Verdicts[i].IsEnded || burst.Verdicts[i].Stage == stage;
                if (_frames[i] != 0 && sawIt)
                {
                    Tell(ref burst, i, TracePoint.Stage, stage, burst.Verdicts[i], nowNs);
                }
            }
        }
    }

    /// <summary>Tells how a followed frame left the lane.</summary>
    /// <param name="burst">The burst.</param>
    /// <param name="index">Which frame.</param>
    /// <param name="end">What became of it in the end.</param>
    public void TellEnd(ref Burst burst, int index, Verdict end)
    {
        if (_area.Request.Value.OnlyDrops != 0)
        {
            bool isWanted = !end.IsForward && !end.IsPunt && _left > 0 && Matches(ref burst, index);
            _frames[index] = isWanted ? Take() : 0;
        }

        if (_frames[index] != 0)
        {
            Tell(ref burst, index, TracePoint.Out, end.Stage, end, ThreadControl.NowNs);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool IsOn(uint epoch, long nowNs)
    {
        ref TraceRequest request = ref _area.Request.Value;
        if (epoch != _epoch)
        {
            _epoch = epoch;
            _left = request.Count;
            _next = 0;
            _rule = new Filter.Rule(request.Rule);
        }

        return _left > 0 && nowNs < request.UntilNs;
    }

    private void Choose(ref Burst burst)
    {
        bool onlyDrops = _area.Request.Value.OnlyDrops != 0;
        for (int i = 0; i < burst.Count; i++)
        {
            _frames[i] = onlyDrops ? 0 : NumberOf(ref burst, i);
            if (_frames[i] != 0)
            {
                Tell(ref burst, i, TracePoint.In, 0, burst.Verdicts[i], burst.NowNs);
            }
        }
    }

    private ulong NumberOf(ref Burst burst, int index) =>
        _left > 0 && !burst.Verdicts[index].IsEnded && Matches(ref burst, index) ? Take() : 0;

    private ulong Take()
    {
        _left--;
        return ++_next;
    }

    private bool Matches(ref Burst burst, int index)
    {
        ref TraceRequest request = ref _area.Request.Value;
        if (request.Port >= 0 && request.Port != burst.Ingress)
        {
            return false;
        }

        // A bad descriptor's bytes are not ours to read.
        bool isReadable = burst.Umem.Contains(burst.Descriptors[index].Address,
            burst.Descriptors[index].Length);
        ReadOnlySpan<byte> frame = isReadable ? burst.Frame(index) : default;
        int at = (int)Math.Min(request.FilterAt, int.MaxValue / 2);
        int bytes = (int)Math.Min(request.FilterBytes, TraceRequest.FilterBytesMax);
        if (at + bytes > frame.Length && bytes > 0)
        {
            return false;
        }

        for (int i = 0; i < bytes; i++)
        {
            if (((frame[at + i] ^ request.Bytes[i]) & request.Mask[i]) != 0)
            {
                return false;
            }
        }

        return request.HasRule == 0 || (FiveTuple.Parse(frame, out FiveTuple tuple) != ParseResult.Malformed
            && _rule.Matches(tuple.Addresses, tuple.Kind, tuple.Ports));
    }

    private void Tell(ref Burst burst, int index, TracePoint point, int stage, Verdict verdict, long nowNs)
    {
        if (!_area.TryBegin(out NativeRef<TraceEvent> slot))
        {
            return; // nobody reads: the frame's story has a hole, its way does not
        }

        bool isReadable = burst.Umem.Contains(burst.Descriptors[index].Address,
            burst.Descriptors[index].Length);
        ReadOnlySpan<byte> frame = isReadable ? burst.Frame(index) : default;
        int captured = Math.Min(frame.Length, TraceBytes.Length);
        ref TraceEvent told = ref slot.Value;
        told.Frame = _frames[index];
        told.Ns = nowNs;
        told.DequeuedNs = burst.NowNs;
        told.Point = point;
        told.Stage = (ushort)stage;
        told.Port = (short)(verdict.IsForward ? verdict.Port : -1);
        told.Ingress = (short)burst.Ingress;
        bool hasEnded = verdict.IsEnded || (point == TracePoint.Out && !verdict.IsForward);
        told.Drop = (short)(hasEnded && !verdict.IsPunt ? (int)verdict.Reason : -1);
        told.Punt = (short)(hasEnded && verdict.IsPunt ? (int)verdict.PuntReason : -1);
        told.BurstFrames = (ushort)burst.Count;
        told.Captured = (ushort)captured;
        told.Length = burst.Descriptors[index].Length;
        told.Epoch = _epoch;
        frame[..captured].CopyTo(told.Bytes);
        _area.Commit();
    }
}
