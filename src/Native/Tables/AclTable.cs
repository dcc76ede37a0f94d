using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>A compiled access list: for each family some trees, each for a part of the rules. A node picks
/// bits of a key's word by a mask; together they number its child. A leaf names a run of blocks of eight
/// rules, compared at once. Immutable; written by <see cref="AclBuilder"/>, any reader, no locks.</summary>
/// <remarks>Every index that is read from the memory is checked: a damaged table matches wrong, and no more.
/// </remarks>
public readonly unsafe struct AclTable
{
    /// <summary>What <see cref="Match(in AclKey)"/> says when no rule matches.</summary>
    public const int NoRule = -1;

    /// <summary>Most trees of a family.</summary>
    public const int TreesMax = 8;

    /// <summary>Keys that are looked up together: one burst of a lane.</summary>
    public const int BurstMax = 64;

    /// <summary>Least memory that a view takes.</summary>
    public static readonly int BytesMin = sizeof(Header);

    internal const ulong MagicValue = 0x3130_4C43_414C_4C00;
    internal const int DepthMax = 40;
    internal const int FamilyCount = 3;

    private readonly Header* _header;
    private readonly Node* _nodes;
    private readonly byte* _rows;
    private readonly uint _nodeCount;
    private readonly uint _rowCount;
    private readonly uint _ruleCount;

    /// <summary>A view of table memory. Memory that does not hold a table is an empty list.</summary>
    /// <param name="memory">Aligned to a cache line; must outlive the view.</param>
    public AclTable(NativeSpan<byte> memory)
    {
        Invariant.Require(memory.Length >= sizeof(Header));
        _header = (Header*)memory.Pointer;
        Header header = *_header;
        long room = memory.Length - sizeof(Header) - NodeBytes(header.NodeCount);
        if (header.Magic == MagicValue && header.RuleCount <= Limits.RulesMax
            && room >= AclBlock.RowsMax * AclBlock.RowBytes)
        {
            _nodeCount = header.NodeCount;
            _ruleCount = header.RuleCount;
            _nodes = (Node*)(memory.Pointer + sizeof(Header));
            _rows = memory.Pointer + sizeof(Header) + NodeBytes(_nodeCount);
            _rowCount = (uint)(room / AclBlock.RowBytes);
        }
    }

    /// <summary>Count of rules.</summary>
    public int RuleCount => (int)_ruleCount;

    /// <summary>Trees of a family: 4, 6, 0.</summary>
    public int TreeCount(int family) =>
        _nodeCount == 0 ? 0 : (int)Math.Min(Trees(Section(family))->Count, TreesMax);

    /// <summary>Index of the first rule that matches, or <see cref="NoRule"/>.</summary>
    public int Match(in AclKey key)
    {
        int rule = 0;
        Match(new ReadOnlySpan<AclKey>(in key), new Span<int>(ref rule));
        return rule;
    }

    /// <summary>The same for many. Keys go down a tree together, one level at a time, so that their loads
    /// overlap and no branch depends on one of them.</summary>
    /// <param name="keys">Of any families.</param>
    /// <param name="rules">As many or more.</param>
    [SkipLocalsInit]
    public void Match(ReadOnlySpan<AclKey> keys, Span<int> rules)
    {
        Invariant.Require(rules.Length >= keys.Length);
        byte* members = stackalloc byte[FamilyCount * BurstMax];
        int* counts = stackalloc int[FamilyCount];
        fixed (AclKey* key = keys)
        fixed (int* rule = rules)
        {
            for (int start = 0; start < keys.Length; start += BurstMax)
            {
                int count = Math.Min(BurstMax, keys.Length - start);
                new Span<int>(counts, FamilyCount).Clear();
                for (int i = 0; i < count; i++)
                {
                    int section = Section(key[start + i].Family);
                    members[(section * BurstMax) + counts[section]++] = (byte)i;
                    rule[start + i] = NoRule;
                }

                for (int section = 0; section < FamilyCount && _nodeCount != 0; section++)
                {
                    if (counts[section] != 0)
                    {
                        MatchSection(section, members + (section * BurstMax), counts[section],
                            key + start, rule + start);
                    }
                }
            }
        }
    }

    internal static int Section(int family) => family == 4 ? 0 : family == 6 ? 1 : 2;

    /// <summary>Bytes that the nodes take: whole cache lines, so that blocks are aligned.</summary>
    internal static long NodeBytes(uint nodes) => (((long)nodes * sizeof(Node)) + 63) & ~63L;

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

    // In bounds: sections are 0..2.
    private TreeList* Trees(int section) => (TreeList*)&_header->Trees + section;

    // Members number keys of one section; all pointers have room for BurstMax.
    [SkipLocalsInit]
    private void MatchSection(int section, byte* members, int count, AclKey* keys, int* rules)
    {
        TreeList* trees = Trees(section);
        uint treeCount = Math.Min(trees->Count, TreesMax);
        uint* rows = stackalloc uint[BurstMax];
        uint worst = _ruleCount; // unsigned, NoRule is above every rule
        for (uint tree = 0; tree < treeCount && trees->FirstRule[tree] < worst; tree++)
        {
            Descend(trees->Root[tree], members, count, keys, rows);
            worst = 0;
            for (int i = 0; i < count; i++)
            {
                uint best = (uint)rules[members[i]];
                AclKey* key = keys + members[i];
                uint found = section == 1 ? Block6(rows[i], *key) : Block4(rows[i], *key);
                best = Math.Min(best, found);
                rules[members[i]] = (int)best;
                worst = Math.Max(worst, best);
            }
        }

        for (int i = 0; i < count; i++)
        {
            int rule = rules[members[i]];
            rules[members[i]] = (uint)rule < _ruleCount ? rule : NoRule;
        }
    }

    // Leaves the first row of each key's leaf. A leaf's mask is 0 and its first child itself, so that keys
    // wait there for others to arrive.
    private void Descend(uint root, byte* members, int count, AclKey* keys, uint* at)
    {
        Node* nodes = _nodes;
        uint nodeCount = _nodeCount;
        root = root < nodeCount ? root : 0;
        for (int i = 0; i < count; i++)
        {
            at[i] = root;
        }

        ulong masks = nodes[root].Mask;
        for (int depth = 0; depth < DepthMax && masks != 0; depth++)
        {
            masks = 0;
            for (int i = 0; i < count; i++)
            {
                Node node = nodes[at[i]]; // in bounds: checked below, before it was stored
                uint next = node.First + (uint)Extract(keys[members[i]].Word(node.Info), node.Mask);
                next = next < nodeCount ? next : 0;
                at[i] = next;
                masks |= nodes[next].Mask;
            }
        }

        for (int i = 0; i < count; i++)
        {
            at[i] = nodes[at[i]].Info;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Extract(ulong word, ulong mask) =>
        Bmi2.X64.IsSupported ? Bmi2.X64.ParallelBitExtract(word, mask) : ExtractSlowly(word, mask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Block4(uint row, in AclKey key)
    {
        uint more;
        do
        {
            if (row + AclBlock.RowsMax > _rowCount || row > _rowCount)
            {
                break;
            }

            byte* block = _rows + ((long)row * AclBlock.RowBytes); // in bounds for its rows: just checked
            uint found = AclBlock.Match4(block, key, out more);
            if (found != uint.MaxValue)
            {
                return found;
            }

            row += more;
        }
        while (more != 0);
        return uint.MaxValue;
    }

    private uint Block6(uint row, in AclKey key)
    {
        uint more;
        do
        {
            if (row + AclBlock.RowsMax > _rowCount || row > _rowCount)
            {
                break;
            }

            byte* block = _rows + ((long)row * AclBlock.RowBytes); // in bounds for its rows: just checked
            uint found = AclBlock.Match6(block, key, out more);
            if (found != uint.MaxValue)
            {
                return found;
            }

            row += more;
        }
        while (more != 0);
        return uint.MaxValue;
    }

    /// <summary>Inner: which bits of which word number a child, and the first child; Info is the word. Leaf:
    /// a mask of 0, itself as First, and its first row as Info.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Node
    {
        public ulong Mask;
        public uint First;
        public uint Info;
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
