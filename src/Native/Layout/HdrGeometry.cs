using System.Numerics;
using System.Runtime.CompilerServices;

namespace LowLatency.Native.Layout;

/// <summary>The bucket index of HdrHistogram(1, 68719476735, 3): lanes count with it, Control hands the
/// counts to the library. Source: HdrHistogram's <c>countsArrayIndex</c> (Gil Tene, public domain);
/// golden-tested index by index.</summary>
public static class HdrGeometry
{
    /// <summary>Significant decimal digits.</summary>
    public const int Digits = 3;

    /// <summary>Largest value counted as itself, ns (68.7 s); larger ones count as this.</summary>
    public const long HighestValue = (1L << 36) - 1;

    /// <summary>Buckets of one histogram.</summary>
    public const int Length = 27 * HalfCount;

    private const int HalfCountMagnitude = 10;               // 2048 sub-buckets: the power of two over 2 * 10^3
    private const int HalfCount = 1 << HalfCountMagnitude;
    private const long SubBucketMask = (2 * HalfCount) - 1;

    /// <summary>The bucket of a value in ns; negative counts as 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int IndexOf(long valueNs)
    {
        long value = Math.Clamp(valueNs, 0, HighestValue);
        int bucket = 64 - (HalfCountMagnitude + 1) - BitOperations.LeadingZeroCount((ulong)(value | SubBucketMask));
        int sub = (int)(value >> bucket);
        return ((bucket + 1) << HalfCountMagnitude) + (sub - HalfCount);
    }

    /// <summary>The lowest value that falls into bucket <paramref name="index"/>, ns.</summary>
    public static long ValueAt(int index)
    {
        Invariant.Require((uint)index < Length);
        int bucket = (index >> HalfCountMagnitude) - 1;
        int sub = (index & (HalfCount - 1)) + HalfCount;
        if (bucket < 0)
        {
            sub -= HalfCount;
            bucket = 0;
        }

        return (long)sub << bucket;
    }
}
