using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>Routes of IPv4 for a reader: 18 bits direct, then one node over 14. Any thread, no
/// locks.</summary>
public readonly struct Lpm4
{
    /// <summary>Bits of the direct array: 1 MiB, and most nodes fit one or two units.</summary>
    public const int RootBits = 18;

    /// <summary>Bits of a node.</summary>
    public const int NodeBits = 32 - RootBits;

    private readonly RangeTrie _trie;

    /// <summary>A view of table memory of at least <see cref="BytesFor"/> some routes.</summary>
    public Lpm4(NativeSpan<byte> memory) => _trie = new RangeTrie(memory, RootBits);

    /// <summary>Memory that holds this many routes whatever they are, bytes; a real table needs a fraction of
    /// it at any time.</summary>
    public static long BytesFor(uint routes) =>
        RangeTrieWriter.BytesFor(RootBits, NodeBits, levels: 1, routes);

    /// <summary>The value of the longest prefix that holds an address; 0: none.</summary>
    /// <param name="address">Host order.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Lookup(uint address)
    {
        uint entry = _trie.Root(address >> NodeBits);
        return (int)entry >= 0 ? entry : _trie.Search(entry, address & ((1u << NodeBits) - 1));
    }

    /// <summary>The same for many: loads of different addresses overlap.</summary>
    public void Lookup(ReadOnlySpan<uint> addresses, Span<uint> values)
    {
        Invariant.Require(values.Length >= addresses.Length);
        for (int i = 0; i < addresses.Length; i++)
        {
            values[i] = Lookup(addresses[i]);
        }
    }
}

/// <summary>Routes of IPv6 for a reader: 16 bits direct, then nodes over 16 bits each. Any thread, no
/// locks.</summary>
public readonly struct Lpm6
{
    /// <summary>Bits of the direct array.</summary>
    public const int RootBits = 16;

    /// <summary>Bits of a node.</summary>
    public const int NodeBits = 16;

    private const int Levels = (128 - RootBits) / NodeBits;
    private readonly RangeTrie _trie;

    /// <summary>A view of table memory of at least <see cref="BytesFor"/> some routes.</summary>
    public Lpm6(NativeSpan<byte> memory) => _trie = new RangeTrie(memory, RootBits);

    /// <summary>Memory that holds this many routes of up to 64 bits whatever they are, and of 128 bits as far
    /// as they stand together, bytes.</summary>
    public static long BytesFor(uint routes) =>
        RangeTrieWriter.BytesFor(RootBits, NodeBits, levels: 3, routes);

    /// <summary>The value of the longest prefix that holds an address; 0: none.</summary>
    /// <param name="high">First 64 bits, host order.</param>
    /// <param name="low">Last 64 bits, host order.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Lookup(ulong high, ulong low)
    {
        uint entry = _trie.Root((uint)(high >> 48));
        for (int level = 0; (int)entry < 0 && level < Levels; level++)
        {
            high = (high << NodeBits) | (low >> (64 - NodeBits));
            low <<= NodeBits;
            entry = _trie.Search(entry, (uint)(high >> 48));
        }

        return entry & RangeTrie.ValueMax;
    }

    /// <summary>The same for an address as bytes, network order.</summary>
    public uint Lookup(ReadOnlySpan<byte> address) => Lookup(
        BinaryPrimitives.ReadUInt64BigEndian(address), BinaryPrimitives.ReadUInt64BigEndian(address[8..]));
}
