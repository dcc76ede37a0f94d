using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>Routes of IPv4 for a reader. Any thread, no locks. Two shapes, told apart by the memory's size: a
/// small table has 18 bits direct (1 MiB), then one node over 14; one for more than
/// <see cref="NarrowRoutesMax"/> routes has 24 bits direct (64 MiB), then one node over 8, so that all but
/// longer prefixes are found with one load.</summary>
public readonly struct Lpm4
{
    /// <summary>Routes up to which a table is small.</summary>
    public const uint NarrowRoutesMax = 65_536;

    internal const int NarrowBits = 18;
    internal const int WideBits = 24;
    private const int Burst = Limits.BurstMax;

    private readonly RangeTrie _trie;

    /// <summary>A view of table memory of at least <see cref="BytesFor"/> some routes.</summary>
    public Lpm4(NativeSpan<byte> memory) => _trie = new RangeTrie(memory, RootBitsOf(memory.Length));

    /// <summary>Least memory of a table, bytes.</summary>
    public static long BytesMin => RangeTrie.RootBytes(NarrowBits);

    /// <summary>Memory that holds this many routes whatever they are, bytes: up to 152 a route above the
    /// direct array; a real table uses a fraction of it at any time.</summary>
    public static long BytesFor(uint routes)
    {
        int rootBits = routes > NarrowRoutesMax ? WideBits : NarrowBits;
        return RangeTrie.BytesFor(rootBits, 32 - rootBits, levels: 1, routes);
    }

    /// <summary>The writer of a table.</summary>
    /// <param name="memory">Zeroed, of <see cref="BytesFor"/> bytes.</param>
    /// <param name="capacity">Routes that it takes at most.</param>
    public static RangeTrieWriter WriterOf(NativeSpan<byte> memory, uint capacity)
    {
        int rootBits = RootBitsOf(memory.Length);
        return new RangeTrieWriter(memory, rootBits, 32 - rootBits, capacity);
    }

    /// <summary>Bits that the direct array of a table of this memory is for.</summary>
    public static int RootBitsOf(long bytes) => bytes > RangeTrie.RootBytes(WideBits) ? WideBits : NarrowBits;

    /// <summary>The value of the longest prefix that holds an address; 0: none.</summary>
    /// <param name="address">Host order.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Lookup(uint address)
    {
        uint entry = _trie.Root(address);
        return (int)entry >= 0 ? entry : Below(entry, address);
    }

    /// <summary>The same for many: loads of different addresses overlap.</summary>
    public void Lookup(ReadOnlySpan<uint> addresses, Span<uint> values)
    {
        Invariant.Require(values.Length >= addresses.Length);
        while (addresses.Length > Burst)
        {
            LookupBurst(addresses[..Burst], values);
            addresses = addresses[Burst..];
            values = values[Burst..];
        }

        LookupBurst(addresses, values);
    }

    // All first loads, then all second ones: which addresses need one is a bit each, so that no guess of the
    // CPU stands between the first loads.
    private unsafe void LookupBurst(ReadOnlySpan<uint> addresses, Span<uint> values)
    {
        RangeTrie trie = _trie;
        fixed (uint* keys = addresses)
        fixed (uint* found = values) // as long as addresses at least, these at most a burst: Lookup saw to it
        {
            ulong nodes = trie.Roots(keys, found, addresses.Length);
            for (ulong left = nodes; left != 0; left &= left - 1)
            {
                trie.Prefetch(found[BitOperations.TrailingZeroCount(left)]);
            }

            for (; nodes != 0; nodes &= nodes - 1)
            {
                int at = BitOperations.TrailingZeroCount(nodes);
                found[at] = Below(found[at], keys[at]);
            }
        }
    }

    // The mask keeps what damaged memory may hold from looking like a node.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private uint Below(uint entry, uint address) =>
        _trie.Search(entry, address & (uint.MaxValue >> _trie.RootBits)) & RangeTrie.ValueMax;

    // A small table's memory stays below where it would be taken for a large one.
    internal static bool ShapesDiffer => BytesFor(NarrowRoutesMax) <= RangeTrie.RootBytes(WideBits);
}

/// <summary>Routes of IPv6 for a reader. Any thread, no locks. Two shapes, told apart by the memory's size:
/// 16
/// bits direct (256 KiB), or 24 (64 MiB) for more than <see cref="NarrowRoutesMax"/> routes; then nodes over
/// 16 bits each.</summary>
public readonly struct Lpm6
{
    /// <summary>Routes up to which a table is small.</summary>
    public const uint NarrowRoutesMax = 16_384;

    internal const int NarrowBits = 16;
    internal const int WideBits = 24;
    internal const int NodeBits = 16;

    private const int Levels = (128 - NarrowBits) / NodeBits;
    private readonly RangeTrie _trie;

    /// <summary>A view of table memory of at least <see cref="BytesFor"/> some routes.</summary>
    public Lpm6(NativeSpan<byte> memory) => _trie = new RangeTrie(memory, RootBitsOf(memory.Length));

    /// <summary>Least memory of a table, bytes.</summary>
    public static long BytesMin => RangeTrie.RootBytes(NarrowBits);

    /// <summary>Memory that holds this many routes of up to 64 bits whatever they are, and of 128 bits as far
    /// as they stand together, bytes.</summary>
    public static long BytesFor(uint routes) => RangeTrie.BytesFor(
        routes > NarrowRoutesMax ? WideBits : NarrowBits, NodeBits, levels: 3, routes);

    /// <summary>The writer of a table.</summary>
    /// <param name="memory">Zeroed, of <see cref="BytesFor"/> bytes.</param>
    /// <param name="capacity">Routes that it takes at most.</param>
    public static RangeTrieWriter WriterOf(NativeSpan<byte> memory, uint capacity) =>
        new(memory, RootBitsOf(memory.Length), NodeBits, capacity);

    /// <summary>Bits that the direct array of a table of this memory is for.</summary>
    public static int RootBitsOf(long bytes) => bytes > RangeTrie.RootBytes(WideBits) ? WideBits : NarrowBits;

    /// <summary>The value of the longest prefix that holds an address; 0: none.</summary>
    /// <param name="high">First 64 bits, host order.</param>
    /// <param name="low">Last 64 bits, host order.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Lookup(ulong high, ulong low)
    {
        uint entry = _trie.Root((uint)(high >> 32));
        int bits = _trie.RootBits;
        for (int level = 0; (int)entry < 0 && level < Levels; level++)
        {
            high = (high << bits) | (low >> (64 - bits));
            low <<= bits;
            entry = _trie.Search(entry, (uint)(high >> 48));
            bits = NodeBits;
        }

        return entry & RangeTrie.ValueMax;
    }

    /// <summary>The same for an address as bytes, network order.</summary>
    public uint Lookup(ReadOnlySpan<byte> address) => Lookup(
        BinaryPrimitives.ReadUInt64BigEndian(address), BinaryPrimitives.ReadUInt64BigEndian(address[8..]));

    // A small table's memory stays below where it would be taken for a large one.
    internal static bool ShapesDiffer => BytesFor(NarrowRoutesMax) <= RangeTrie.RootBytes(WideBits);
}
