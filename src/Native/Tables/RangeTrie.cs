using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>Longest prefix match as ranges: a direct array over an address's first bits, and below it nodes
/// over the next 14 or 16 bits, each a sorted list of range starts with one value a range (after DXR, Zec,
/// Rizzo, Mikuc 2012). A node is a run of units of 16 ranges: 16-bit starts together, then 32-bit values, so
/// that one vector comparison finds a range among 16. Compact: at most two ranges a route and some padding,
/// 96 bytes a 16 ranges. The part that both sides share: layout and search; all zero is the empty
/// table.</summary>
/// <remarks>An entry is a value (0: no route), or, with its highest bit set, a node: 5 bits of size class, 26
/// bits of unit number. Each is one aligned 32-bit word, stored and read whole, so a reader sees an old or a
/// new node, never half of one; a node is never changed but for single entries of it. Its last entry has no
/// range: it is the value that covers the whole node from above, what its own ranges with value 0
/// mean.</remarks>
public readonly unsafe struct RangeTrie
{
    /// <summary>Ranges of a unit.</summary>
    public const int UnitRanges = 16;

    /// <summary>Bytes of a unit: starts, then values.</summary>
    public const int UnitBytes = UnitRanges * (sizeof(ushort) + sizeof(uint));

    /// <summary>Set in an entry that names a node.</summary>
    public const uint NodeBit = 1u << 31;

    /// <summary>Largest value.</summary>
    public const uint ValueMax = NodeBit - 1;

    private const int CacheLineBytes = 64;
    internal const int ClassShift = 26;
    internal const uint UnitMask = (1u << ClassShift) - 1;
    internal const ushort Bias = 0x8000; // signed comparison orders biased numbers as unsigned ones

    /// <summary>Units of a node by size class: steps of at most a half; the last is for 65536
    /// ranges and the entry above them.</summary>
    internal static ReadOnlySpan<ushort> ClassUnits =>
    [
        1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072,
            4096,
        5120,
    ];

    private readonly uint* _root;
    private readonly byte* _units;
    private readonly uint _unitCount;
    private readonly int _rootBits;

    /// <summary>A view of table memory.</summary>
    /// <param name="memory">Zeroed, or written by a <see cref="RangeTrieWriter"/>.</param>
    /// <param name="rootBits">Bits of the direct array.</param>
    public RangeTrie(NativeSpan<byte> memory, int rootBits)
    {
        long rootBytes = RootBytes(rootBits);
        Invariant.Require(rootBits is > 0 and < 32 && memory.Length >= rootBytes);
        _root = (uint*)memory.Pointer;
        _units = memory.Pointer + rootBytes;
        _unitCount = (uint)((memory.Length - rootBytes) / UnitBytes);
        _rootBits = rootBits;
    }

    /// <summary>Count of units that the memory holds.</summary>
    public uint UnitCount => _unitCount;

    /// <summary>Bytes of the direct array.</summary>
    public static long RootBytes(int rootBits) => (long)sizeof(uint) << rootBits;

    /// <summary>Memory for any set of routes: each a node of its own at each level, two ranges, and a third
    /// for size classes and nodes that wait for readers.</summary>
    public static long BytesFor(int rootBits, int nodeBits, int levels, uint routes)
    {
        Invariant.Require(nodeBits <= 16 && levels > 0);
        long firstNodes = Math.Min(1L << rootBits, routes);
        long nodes = firstNodes + ((levels - 1) * (long)routes);
        long units = nodes + (((2L * routes) + nodes) / UnitRanges);
        return RootBytes(rootBits) + ((units + (units / 3) + 4096) * UnitBytes);
    }

    /// <summary>Bits of the direct array.</summary>
    public int RootBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _rootBits;
    }

    /// <summary>The entry of the direct array for a key's first bits.</summary>
    /// <param name="first32">The first 32 bits of the key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Root(uint first32)
    {
        // In bounds: RootBits bits are left. Acquire: the node was written before it was linked.
        return Volatile.Read(ref _root[first32 >> (32 - _rootBits)]);
    }

    /// <summary>Entries of the direct array for up to 64 keys of 32 bits.</summary>
    /// <returns>A bit for each that is a node.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Roots(uint* keys, uint* entries, int count)
    {
        ulong nodes = 0;
        int i = 0;
        if (Avx2.IsSupported)
        {
            Vector128<uint> shift = Vector128.CreateScalar((uint)(32 - _rootBits));
            for (; i + Vector256<uint>.Count <= count; i += Vector256<uint>.Count)
            {
                // In bounds as in Root; each element is one aligned load, whole.
                Vector256<uint> index = Avx2.ShiftRightLogical(Vector256.Load(keys + i), shift);
                Vector256<uint> found = Avx2.GatherVector256(_root, index.AsInt32(), sizeof(uint));
                found.Store(entries + i);
                nodes |= (ulong)(uint)Avx.MoveMask(found.AsSingle()) << i;
            }
        }

        for (; i < count; i++)
        {
            entries[i] = Root(keys[i]);
            nodes |= (ulong)(entries[i] >> 31) << i;
        }

        return nodes;
    }

    /// <summary>Asks for the first bytes of a node that will be searched soon.</summary>
    /// <param name="node">An entry with <see cref="NodeBit"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(uint node)
    {
        if (Sse.IsSupported)
        {
            byte* at = _units + ((node & UnitMask) * (long)UnitBytes); // a hint: no address can fault
            Sse.Prefetch0(at);
            Sse.Prefetch0(at + CacheLineBytes);
        }
    }

    /// <summary>The entry of a node for a key of at most 16 bits.</summary>
    /// <param name="node">An entry with <see cref="NodeBit"/>; one that lies outside of the memory is no
    /// route.</param>
    /// <param name="key">The key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Search(uint node, uint key)
    {
        uint unit = node & UnitMask;
        uint sizeClass = (node >> ClassShift) & 31;
        uint units = sizeClass < (uint)ClassUnits.Length ? ClassUnits[(int)sizeClass] : 0u;
        if (units == 0 || unit + units > _unitCount)
        {
            return 0; // damaged memory must not end a lane
        }

        byte* at = _units + ((long)unit * UnitBytes); // in bounds up to unit + units: just checked
        short* starts = (short*)at;
        uint* values = (uint*)(at + (units * (UnitRanges * sizeof(ushort))));
        short wanted = (short)(key ^ Bias);
        uint first = 0;
        for (uint left = units; left > 1;)
        {
            uint half = left >> 1;
            first = starts[(first + half) * UnitRanges] <= wanted ? first + half : first;
            left -= half;
        }

        uint last = (units * UnitRanges) - 1;
        uint index = (first * UnitRanges) + CountUpTo(starts + (first * UnitRanges), wanted) - 1;
        // In memory that a writer wrote start 0 is never above the key; elsewhere the subtraction wraps.
        // Padding
        // has the highest key and the value of the last range, so the last entry but one is right for it.
        index = index < last ? index : last - 1;
        uint value = Volatile.Read(ref values[index]);
        return value != 0 ? value : Volatile.Read(ref values[last]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint CountUpTo(short* starts, short wanted)
    {
        if (Avx2.IsSupported)
        {
            Vector256<short> above = Avx2.CompareGreaterThan(Vector256.Load(starts),
                Vector256.Create(wanted));
            uint mask = (uint)Avx2.MoveMask(above.AsByte());
            return UnitRanges - ((uint)BitOperations.PopCount(mask) >> 1);
        }

        uint count = 0;
        while (count < UnitRanges && starts[count] <= wanted)
        {
            count++;
        }

        return count;
    }

    internal ref uint RootRef(uint index)
    {
        Invariant.Require(index >> _rootBits == 0);
        return ref _root[index];
    }

    internal Span<short> Starts(uint unit, int units)
    {
        Invariant.Require(unit + (uint)units <= _unitCount);
        return new Span<short>(_units + ((long)unit * UnitBytes), units * UnitRanges);
    }

    internal Span<uint> Values(uint unit, int units)
    {
        Invariant.Require(unit + (uint)units <= _unitCount);
        return new Span<uint>(
            _units + ((long)unit * UnitBytes) + (units * UnitRanges * sizeof(ushort)), units * UnitRanges);
    }

    /// <summary>Writer: gives the range that begins with a key another entry, in place.</summary>
    internal void WriteEntry(uint unit, int units, ushort key, uint value)
    {
        Span<short> starts = Starts(unit, units);
        Span<uint> values = Values(unit, units);
        short start = (short)(key ^ Bias);
        int at = starts.BinarySearch(start);
        Invariant.Require(at >= 0);
        while (at > 0 && starts[at - 1] == start)
        {
            at--;
        }

        // Padding has the highest key, too, and readers of that key look at its end. The last value is what
        // is inherited.
        for (; at < values.Length - 1 && starts[at] == start; at++)
        {
            Volatile.Write(ref values[at], value); // release: what it names is whole before it is linked
        }
    }
}
