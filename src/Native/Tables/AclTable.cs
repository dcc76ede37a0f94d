using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>A compiled access list: for each family some trees, each for a part of the rules. A node picks
/// bits of a key's word by a mask; together they number its child. A leaf is a run of blocks of eight rules,
/// compared at once. Immutable; written by <see cref="AclBuilder"/>, any reader, no locks.</summary>
/// <remarks>Every index that is read from the memory is checked: a damaged table matches wrong, and no more.
/// </remarks>
public readonly unsafe struct AclTable
{
    /// <summary>What <see cref="Match(in AclKey)"/> says when no rule matches.</summary>
    public const int NoRule = -1;

    /// <summary>Most trees of a family.</summary>
    public const int TreesMax = 8;

    internal const ulong MagicValue = 0x3130_4C43_414C_4C00;
    internal const int DepthMax = 40;
    internal const int FamilyCount = 3;
    internal const int BlockRules = 8;
    internal const int Rows4 = 12; // of a block: 384 bytes
    internal const int Rows6 = 24; // 768 bytes
    internal const int RowBytes = 32;

    private readonly Header* _header;
    private readonly Node* _nodes;
    private readonly byte* _blocks;
    private readonly uint _nodeCount;
    private readonly uint _rowCount;
    private readonly uint _ruleCount;

    /// <summary>A view of table memory. Memory that does not hold a table is an empty list.</summary>
    /// <param name="memory">Aligned to 32 bytes; must outlive the view.</param>
    public AclTable(NativeSpan<byte> memory)
    {
        Invariant.Require(memory.Length >= sizeof(Header));
        _header = (Header*)memory.Pointer;
        long room = memory.Length - sizeof(Header);
        if (_header->Magic == MagicValue && _header->RuleCount <= Limits.RulesMax
            && (long)_header->NodeCount * sizeof(Node) <= room)
        {
            _nodeCount = _header->NodeCount;
            _ruleCount = _header->RuleCount;
            _nodes = (Node*)(memory.Pointer + sizeof(Header));
            long nodeBytes = NodeBytes(_nodeCount);
            _blocks = memory.Pointer + sizeof(Header) + nodeBytes;
            _rowCount = (uint)(Math.Max(0, room - nodeBytes) / RowBytes);
        }
    }

    /// <summary>Count of rules.</summary>
    public int RuleCount => (int)_ruleCount;

    /// <summary>Bytes that the nodes take: whole rows, so that blocks are aligned.</summary>
    internal static long NodeBytes(uint nodes) => ((long)nodes * sizeof(Node) + 63) & ~63L;

    /// <summary>Trees of a family: 4, 6, 0.</summary>
    public int TreeCount(int family) =>
        _nodeCount == 0 ? 0 : (int)Math.Min(_header->Trees[Section(family)].Count, TreesMax);

    /// <summary>Index of the first rule that matches, or <see cref="NoRule"/>.</summary>
    public int Match(in AclKey key)
    {
        if (_nodeCount == 0)
        {
            return NoRule;
        }

        TreeList* list = (TreeList*)&_header->Trees + Section(key.Family); // in bounds: 0..2
        uint count = Math.Min(list->Count, TreesMax);
        uint best = _ruleCount;
        for (uint tree = 0; tree < count; tree++)
        {
            if (list->FirstRule[tree] >= best)
            {
                break; // trees are in the order of their first rules
            }

            Node leaf = Descend(list->Root[tree], key);
            best = key.Family == 6 ? Best6(leaf, key, best) : Best4(leaf, key, best);
        }

        return best < _ruleCount ? (int)best : NoRule;
    }

    /// <summary>The same for a burst: loads of different keys overlap.</summary>
    public void Match(ReadOnlySpan<AclKey> keys, Span<int> rules)
    {
        Invariant.Require(rules.Length >= keys.Length);
        for (int i = 0; i < keys.Length; i++)
        {
            rules[i] = Match(keys[i]);
        }
    }

    internal static int Section(int family) => family == 4 ? 0 : family == 6 ? 1 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Node Descend(uint at, in AclKey key)
    {
        for (int depth = 0; depth < DepthMax && at < _nodeCount; depth++)
        {
            Node node = _nodes[at]; // in bounds: just checked
            if (node.Word >= AclKey.WordCount)
            {
                return node;
            }

            at = node.First + (uint)Extract(key.Word(node.Word), node.Mask);
        }

        return default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Extract(ulong word, ulong mask) =>
        Bmi2.X64.IsSupported ? Bmi2.X64.ParallelBitExtract(word, mask) : ExtractSlowly(word, mask);

    internal static ulong ExtractSlowly(ulong word, ulong mask)
    {
        ulong result = 0;
        for (int bit = 0; mask != 0; bit++)
        {
            result |= ((word >> BitOperations.TrailingZeroCount(mask)) & 1) << bit;
            mask &= mask - 1;
        }

        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Best4(in Node leaf, in AclKey key, uint best)
    {
        if (leaf.Blocks == 0 || (ulong)leaf.First + ((ulong)leaf.Blocks * Rows4) > _rowCount)
        {
            return best;
        }

        Vector256<uint> source = Vector256.Create((uint)(key.Word(0) >> 32));
        Vector256<uint> destination = Vector256.Create((uint)key.Word(0));
        byte* block = _blocks + ((long)leaf.First * RowBytes); // in bounds for all its blocks: just checked
        for (uint i = 0; i < leaf.Blocks; i++, block += Rows4 * RowBytes)
        {
            Vector256<uint> differs = Differs(block, key)
                | ((source ^ Row(block, 8)) & Row(block, 9))
                | ((destination ^ Row(block, 10)) & Row(block, 11));
            uint hits = Vector256.Equals(differs, Vector256<uint>.Zero).ExtractMostSignificantBits();
            if (hits != 0)
            {
                return Math.Min(best, ((uint*)block)[BitOperations.TrailingZeroCount(hits)]);
            }
        }

        return best;
    }

    private uint Best6(in Node leaf, in AclKey key, uint best)
    {
        if (leaf.Blocks == 0 || (ulong)leaf.First + ((ulong)leaf.Blocks * Rows6) > _rowCount)
        {
            return best;
        }

        byte* block = _blocks + ((long)leaf.First * RowBytes); // in bounds for all its blocks: just checked
        for (uint i = 0; i < leaf.Blocks; i++, block += Rows6 * RowBytes)
        {
            Vector256<uint> differs = Differs(block, key);
            for (uint word = 0; word < 4; word++)
            {
                ulong half = key.Word(word);
                int row = 8 + ((int)word * 4);
                differs |= ((Vector256.Create((uint)(half >> 32)) ^ Row(block, row)) & Row(block, row + 1))
                    | ((Vector256.Create((uint)half) ^ Row(block, row + 2)) & Row(block, row + 3));
            }

            uint hits = Vector256.Equals(differs, Vector256<uint>.Zero).ExtractMostSignificantBits();
            if (hits != 0)
            {
                return Math.Min(best, ((uint*)block)[BitOperations.TrailingZeroCount(hits)]);
            }
        }

        return best;
    }

    // Rows: 0 rule, 1 and 2 select and its mask, 3 flags with their mask above, 4 ingress ports that do not match,
    // 5 VLAN: low end, and above it 65535 less the high end, 6 and 7 ports: low ends, high ends.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Differs(byte* block, in AclKey key)
    {
        Vector256<uint> select = Vector256.Create(key.Select);
        Vector256<uint> flags = Row(block, 3);
        Vector256<ushort> ports = Vector256.Create(key.Ports).AsUInt16();
        Vector256<ushort> vlan = Vector256.Create(key.Vlan | ((0xFFFF - key.Vlan) << 16)).AsUInt16();
        Vector256<ushort> clamped = Vector256.Max(
            Vector256.Min(ports, Row(block, 7).AsUInt16()), Row(block, 6).AsUInt16());
        return ((select ^ Row(block, 1)) & Row(block, 2))
            | ((Vector256.Create(key.Flags) ^ flags) & (flags >>> 16))
            | (Vector256.Create(key.IngressBit) & Row(block, 4))
            | (Vector256.Max(vlan, Row(block, 5).AsUInt16()) ^ vlan).AsUInt32()
            | (clamped ^ ports).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Row(byte* block, int row) => Vector256.Load((uint*)(block + (row * RowBytes)));

    /// <summary>Word 0..4: an inner node, whose children stand from First on. Else a leaf: First is a row,
    /// Blocks how many blocks from there.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Node
    {
        public const byte LeafWord = 255;
        public ulong Mask;
        public uint First;
        public byte Word;
        public byte Spare;
        public ushort Blocks;
    }

    internal struct TreeList
    {
        public uint Count;
        public fixed uint Root[TreesMax];
        public fixed uint FirstRule[TreesMax];
    }

    [InlineArray(FamilyCount)]
    internal struct TreeLists
    {
        private TreeList _first;
    }

    [StructLayout(LayoutKind.Sequential, Size = 256)]
    internal struct Header
    {
        public ulong Magic;
        public uint NodeCount;
        public uint RuleCount;
        public TreeLists Trees;
    }
}
