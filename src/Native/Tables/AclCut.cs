using System.Numerics;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Tables;

/// <summary>Finds the bits of one word that part a node's entries best: bit by bit, each time the one after
/// which the parts, squared, sum to least; an entry that does not fix it goes to both sides.</summary>
internal sealed class AclCut
{
    private const int BitsMax = 12;
    private const int GrowthMax = 8; // copies of all entries by one cut
    private const int SampleMax = 4096; // entries looked at: more tell no other bits
    private const double GainMin = 0.95; // a bit has to lessen the cost by so much
    private readonly List<(int Entry, int Part)> _copies = [];
    private int[] _zeros = [];
    private int[] _ones = [];

    /// <summary>The word.</summary>
    public int Word { get; private set; }

    /// <summary>The bits; 0: none part anything.</summary>
    public ulong Mask { get; private set; }

    /// <summary>Chooses among words.</summary>
    /// <param name="entries">More than one.</param>
    /// <param name="words">Which words.</param>
    /// <param name="leafRules">Rules of a part that is small enough.</param>
    public void Choose(ReadOnlySpan<AclEntry> entries, ReadOnlySpan<int> words, int leafRules)
    {
        Mask = 0;
        int step = Math.Max(1, entries.Length / SampleMax);
        int leaves = entries.Length / Math.Max(1, leafRules);
        int bits = Math.Clamp(BitOperations.Log2((uint)leaves) + 2, 1, BitsMax);
        double best = double.MaxValue;
        foreach (int word in words)
        {
            (ulong mask, double cost) = Refine(entries, word, step, bits);
            if (mask != 0 && cost < best)
            {
                best = cost;
                Word = word;
                Mask = mask;
            }
        }
    }

    private (ulong Mask, double Cost) Refine(ReadOnlySpan<AclEntry> entries, int word, int step, int bits)
    {
        _copies.Clear();
        for (int i = 0; i < entries.Length; i += step)
        {
            _copies.Add((i, 0));
        }

        int limit = _copies.Count * GrowthMax;
        double cost = (double)_copies.Count * _copies.Count;
        ulong mask = 0;
        for (int parts = 1; BitOperations.PopCount(mask) < bits; parts *= 2)
        {
            (int bit, double after) = BestBit(entries, word, mask, parts);
            if (bit < 0 || after > cost * GainMin)
            {
                break;
            }

            Split(entries, word, bit);
            if (_copies.Count > limit)
            {
                break;
            }

            mask |= 1UL << bit;
            cost = after;
        }

        return (mask, cost);
    }

    private (int Bit, double Cost) BestBit(ReadOnlySpan<AclEntry> entries, int word, ulong used, int parts)
    {
        Count(entries, word, used, parts, out int[] sizes);
        int best = -1;
        double bestCost = double.MaxValue;
        for (int bit = 0; bit < 64; bit++)
        {
            if ((used & (1UL << bit)) != 0)
            {
                continue;
            }

            double cost = 0;
            for (int part = 0; part < parts; part++)
            {
                double left = sizes[part] - _ones[(part * 64) + bit];
                double right = sizes[part] - _zeros[(part * 64) + bit];
                cost += (left * left) + (right * right);
            }

            if (cost < bestCost)
            {
                best = bit;
                bestCost = cost;
            }
        }

        return (best, bestCost);
    }

    private void Count(ReadOnlySpan<AclEntry> entries, int word, ulong used, int parts, out int[] sizes)
    {
        if (_zeros.Length < parts * 64)
        {
            _zeros = new int[parts * 64];
            _ones = new int[parts * 64];
        }

        _zeros.AsSpan(0, parts * 64).Clear();
        _ones.AsSpan(0, parts * 64).Clear();
        sizes = new int[parts];
        foreach ((int entry, int part) in CollectionsMarshal.AsSpan(_copies))
        {
            sizes[part]++;
            ulong value = entries[entry].Value[word];
            for (ulong left = entries[entry].Mask[word] & ~used; left != 0; left &= left - 1)
            {
                int bit = BitOperations.TrailingZeroCount(left);
                int[] counts = ((value >> bit) & 1) == 0 ? _zeros : _ones;
                counts[(part * 64) + bit]++;
            }
        }
    }

    private void Split(ReadOnlySpan<AclEntry> entries, int word, int bit)
    {
        int count = _copies.Count;
        for (int i = 0; i < count; i++)
        {
            (int entry, int part) = _copies[i];
            bool isFixed = ((entries[entry].Mask[word] >> bit) & 1) != 0;
            int side = (int)((entries[entry].Value[word] >> bit) & 1);
            _copies[i] = (entry, (part * 2) + (isFixed ? side : 0));
            if (!isFixed)
            {
                _copies.Add((entry, (part * 2) + 1));
            }
        }
    }
}
