using System.Runtime.CompilerServices;
using System.Text;

namespace LowLatency.Native.Layout;

/// <summary>Short text inside a shared layout: UTF-8, zero-padded, always ends with at least one
/// zero.</summary>
public static class FixedText
{
    /// <summary>Writes <paramref name="text"/>, cut at a character border if it does not fit.</summary>
    public static void Write(Span<byte> target, ReadOnlySpan<char> text)
    {
        target.Clear();
        while (Encoding.UTF8.GetByteCount(text) > target.Length - 1)
        {
            bool isPair = text.Length > 1 && char.IsSurrogatePair(text[^2], text[^1]);
            text = text[..^(isPair ? 2 : 1)];
        }

        Encoding.UTF8.GetBytes(text, target);
    }

    /// <summary>Reads up to the first zero.</summary>
    public static string Read(ReadOnlySpan<byte> source)
    {
        int end = source.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? source : source[..end]);
    }
}

/// <summary>16 bytes of text: IFNAMSIZ, and our own names.</summary>
[InlineArray(16)]
public struct Text16
{
    private byte _first;

    /// <summary>Writes the text, cut to 15 bytes.</summary>
    public void Set(ReadOnlySpan<char> text) => FixedText.Write(this, text);

    /// <inheritdoc/>
    public override readonly string ToString() => FixedText.Read(this);
}

/// <summary>32 bytes of text.</summary>
[InlineArray(32)]
public struct Text32
{
    private byte _first;

    /// <summary>Writes the text, cut to 31 bytes.</summary>
    public void Set(ReadOnlySpan<char> text) => FixedText.Write(this, text);

    /// <inheritdoc/>
    public override readonly string ToString() => FixedText.Read(this);
}

/// <summary>128 bytes of text: paths of ours.</summary>
[InlineArray(128)]
public struct Text128
{
    private byte _first;

    /// <summary>Writes the text, cut to 127 bytes.</summary>
    public void Set(ReadOnlySpan<char> text) => FixedText.Write(this, text);

    /// <inheritdoc/>
    public override readonly string ToString() => FixedText.Read(this);
}

/// <summary>512 bytes of text: one error line.</summary>
[InlineArray(512)]
public struct Text512
{
    private byte _first;

    /// <summary>Writes the text, cut to 511 bytes.</summary>
    public void Set(ReadOnlySpan<char> text) => FixedText.Write(this, text);

    /// <inheritdoc/>
    public override readonly string ToString() => FixedText.Read(this);
}

/// <summary>A set of up to 1024 CPUs, one bit each: the kernel's own mask (sched_setaffinity(2)).</summary>
[InlineArray(Limits.CpusMax / 64)]
public struct CpuSet
{
    private ulong _first;

    /// <summary>Adds a CPU.</summary>
    public void Add(int cpu)
    {
        Invariant.Require((uint)cpu < Limits.CpusMax);
        this[cpu / 64] |= 1UL << (cpu % 64);
    }

    /// <summary>True when the CPU is in the set.</summary>
    public readonly bool Contains(int cpu) =>
        (uint)cpu < Limits.CpusMax && (this[cpu / 64] & (1UL << (cpu % 64))) != 0;

    /// <summary>True when no CPU is in the set.</summary>
    public readonly bool IsEmpty
    {
        get
        {
            foreach (ulong word in (ReadOnlySpan<ulong>)this)
            {
                if (word != 0)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>The kernel's cpulist form: <c>0,2-3</c>; empty text for the empty set.</summary>
    public override readonly string ToString()
    {
        StringBuilder text = new();
        for (int cpu = 0; cpu < Limits.CpusMax; cpu++)
        {
            if (!Contains(cpu))
            {
                continue;
            }

            int last = cpu;
            while (Contains(last + 1))
            {
                last++;
            }

            text.Append(text.Length == 0 ? "" : ",").Append(cpu);
            if (last > cpu)
            {
                text.Append('-').Append(last);
            }

            cpu = last;
        }

        return text.ToString();
    }
}
