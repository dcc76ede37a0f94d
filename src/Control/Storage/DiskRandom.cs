using System.Buffers.Binary;

namespace LowLatency.Control.Storage;

/// <summary>SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): places and
/// bytes that a seed repeats, and that no drive can compress.</summary>
internal static class DiskRandom
{
    /// <summary>The next number.</summary>
    public static ulong Next(ref ulong state)
    {
        state += 0x9E37_79B9_7F4A_7C15;
        ulong mixed = (state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>A number below <paramref name="bound"/>, without a division.</summary>
    public static long Below(ref ulong state, long bound) =>
        (long)Math.BigMul(Next(ref state), (ulong)bound, out _);

    /// <summary>Fills memory, whole words of it.</summary>
    public static void Fill(Span<byte> target, ref ulong state)
    {
        for (; target.Length >= sizeof(ulong); target = target[sizeof(ulong)..])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(target, Next(ref state));
        }
    }
}
