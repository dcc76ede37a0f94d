using System.Numerics;
using System.Runtime.CompilerServices;

namespace LowLatency.Native.Layout;

/// <summary>What a sampled burst passes besides its stages, in order.</summary>
public enum PipelinePart
{
    /// <summary>Descriptors judged, stamps read: rx-ring dequeue to the first stage.</summary>
    Admit,
    /// <summary>Verdicts to tx rings, pools and queues: the last stage to the last tx slot written.</summary>
    Dispatch,
    /// <summary>Tx slots written to told to the kernel, wake-ups included.</summary>
    Publish,
    /// <summary>Told to the kernel until every frame sent by then had come back.</summary>
    Completion,
}

/// <summary>Where a lane's bursts spend their time: log-linear histograms, cumulative since arming, of ns a
/// burst and ns a frame, one pair for each <see cref="PipelinePart"/> and each stage. The lane writes with
/// plain stores, one burst in <see cref="BurstsPerSample"/>; 1/16 of resolution.</summary>
public static class StageTimes
{
    /// <summary>One burst of this many is measured.</summary>
    public const int BurstsPerSample = 256;

    /// <summary>Buckets of one histogram: up to 2^27 ns (0.13 s), longer counts as that.</summary>
    public const int Length = (MagnitudeMax - SubBits + 1) * SubCount;

    /// <summary>Histograms of a lane.</summary>
    public const int Histograms = 2 * (PartCount + Limits.StagesPerLaneMax);

    /// <summary>Bytes of a lane's histograms.</summary>
    public const long Bytes = (long)Histograms * Length * sizeof(ulong);

    private const int PartCount = (int)PipelinePart.Completion + 1;
    private const int SubBits = 4;
    private const int SubCount = 1 << SubBits;
    private const int MagnitudeMax = 27;

    /// <summary>Where the histogram of a part begins, in buckets.</summary>
    public static int At(PipelinePart part, bool isPerFrame) =>
        ((2 * (int)part) + (isPerFrame ? 1 : 0)) * Length;

    /// <summary>Where the histogram of a stage begins, in buckets.</summary>
    public static int At(int stage, bool isPerFrame)
    {
        Invariant.Require((uint)stage < Limits.StagesPerLaneMax);
        return ((2 * (PartCount + stage)) + (isPerFrame ? 1 : 0)) * Length;
    }

    /// <summary>The bucket of a time in ns; negative counts as 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int IndexOf(long valueNs)
    {
        uint value = (uint)Math.Clamp(valueNs, 0, (1L << MagnitudeMax) - 1);
        int shift = Math.Max(0, 31 - SubBits - BitOperations.LeadingZeroCount(value | 1));
        return (shift << SubBits) + (int)(value >> shift);
    }

    /// <summary>The highest value of a bucket, ns: a percentile of it never flatters.</summary>
    public static long ValueAt(int index)
    {
        Invariant.Require((uint)index < Length);
        int shift = Math.Max(0, (index >> SubBits) - 1);
        long low = (long)(index - (shift << SubBits)) << shift;
        return low + (1L << shift) - 1;
    }
}
