using System.Runtime.CompilerServices;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Dataplane.Lanes;

/// <summary>Measures one burst in <see cref="StageTimes.BurstsPerSample"/> from rx ring to completion: a
/// clock read after each step of it. Every other burst pays a decrement, every turn two branches. Lane
/// only.</summary>
internal sealed class StageTimer
{
    private readonly NativeSpan<ulong> _counts;
    private int _left = StageTimes.BurstsPerSample;
    private long _fromNs;
    private uint _frames;
    private ulong _completedAt;

    /// <summary>A timer over a lane's histograms.</summary>
    public StageTimer(NativeSpan<ulong> counts) => _counts = counts;

    /// <summary>True: the burst of this turn that was measured is not told to the kernel yet.</summary>
    public bool IsUnpublished { get; private set; }

    /// <summary>True: it was told, and its frames are not back.</summary>
    public bool IsUnderway { get; private set; }

    /// <summary>True for the burst that is to be measured; its clock starts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsDue() => --_left == 0 && Start();

    /// <summary>The burst got past <paramref name="part"/>.</summary>
    public void Past(PipelinePart part, int frames) =>
        Add(StageTimes.At(part, isPerFrame: false), StageTimes.At(part, isPerFrame: true), frames);

    /// <summary>The burst got past the stage of this number.</summary>
    public void PastStage(int stage, int frames) =>
        Add(StageTimes.At(stage, isPerFrame: false), StageTimes.At(stage, isPerFrame: true), frames);

    /// <summary>The burst's frames are in tx rings.</summary>
    /// <param name="frames">Those that were forwarded.</param>
    public void PastDispatch(uint frames)
    {
        Past(PipelinePart.Dispatch, (int)frames);
        _frames = frames;
        IsUnpublished = frames > 0;
    }

    /// <summary>The rings are told to the kernel.</summary>
    /// <param name="counters">What has been sent until now is what completion waits for.</param>
    [MethodImpl(MethodImplOptions.NoInlining)] // a burst in many
    public void PastPublish(in LaneCounters counters)
    {
        Past(PipelinePart.Publish, (int)_frames);
        IsUnpublished = false;
        IsUnderway = true;
        _completedAt = counters.TxFrames;
    }

    /// <summary>Frames have come back.</summary>
    /// <param name="counters">All of them.</param>
    [MethodImpl(MethodImplOptions.NoInlining)] // while one is underway
    public void OnReaped(in LaneCounters counters)
    {
        if (counters.CompletedFrames >= _completedAt)
        {
            Past(PipelinePart.Completion, (int)_frames);
            IsUnderway = false;
        }
    }

    /// <summary>Another generation's stages follow: these were of other ones.</summary>
    public void Clear() => _counts.Span.Clear();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Start()
    {
        // Two bursts of one turn are never both measured: the second waits for the next.
        if (IsUnpublished)
        {
            _left = 1;
            return false;
        }

        _left = StageTimes.BurstsPerSample;
        IsUnderway = false; // what has not come back by now is not a completion time but a loss of frames
        _fromNs = ThreadControl.NowNs;
        return true;
    }

    private void Add(int perBurst, int perFrame, int frames)
    {
        long nowNs = ThreadControl.NowNs;
        long ns = nowNs - _fromNs;
        _fromNs = nowNs;
        _counts[perBurst + StageTimes.IndexOf(ns)]++;
        _counts[perFrame + StageTimes.IndexOf(ns / Math.Max(1, frames))]++;
    }
}
