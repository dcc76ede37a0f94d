using System.Numerics;
using System.Runtime.InteropServices;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>Builds the table of an access list in managed memory. A rule that a cut would copy too often
/// leaves its tree for the next one, so memory is bounded; the last tree keeps what is left, in longer
/// leaves.</summary>
/// <remarks>Bound: <see cref="AclTable.TreesMax"/> trees a family, <see cref="CopiesMax"/> copies of a rule
/// in each but the last, and <see cref="BytesFor"/> in all.</remarks>
public sealed class AclBuilder
{
    private const int LeafRules = AclBlock.Rules; // one comparison
    private const int LongLeafRules = 16; // where no cut parts them well
    private const int CopiesMax = 64;
    private const int WideBits4 = 4; // prefixes that leave more free part too little
    private const int WideBits6 = 32;
    private const long BytesPerRule = 8192;
    private const long BytesAtLeast = 1 << 16;
    private static readonly int[] s_words4 = [0, AclKey.SelectWord];
    private static readonly int[] s_words6 = [0, 1, 2, 3, AclKey.SelectWord];
    private static readonly int[] s_wordsOther = [AclKey.SelectWord];

    private readonly IReadOnlyList<AclRule> _rules;
    private readonly List<AclTable.Node> _nodes = [];
    private readonly List<uint> _rows = [];
    private readonly AclCut _cut = new();
    private readonly long _bytesMax;
    private AclTable.Header _header;
    private List<int> _evicted = [];
    private bool _isLast;
    private int _family;
    private int _emptyRow = -1; // of this family

    private AclBuilder(IReadOnlyList<AclRule> rules)
    {
        _rules = rules;
        _bytesMax = BytesFor(rules.Count);
    }

    /// <summary>Most memory that a table of so many rules may take, bytes; ordinary ones take far
    /// less.</summary>
    public static long BytesFor(int rules) => BytesAtLeast + (rules * BytesPerRule);

    /// <summary>Builds a table.</summary>
    /// <param name="rules">In order: the first that matches counts.</param>
    /// <param name="table">Content of a table's memory; null when it did not fit.</param>
    /// <param name="problem">Why not: what kind of rule grows beyond <see cref="BytesFor"/>.</param>
    public static bool TryBuild(IReadOnlyList<AclRule> rules, out byte[]? table, out string? problem)
    {
        ArgumentNullException.ThrowIfNull(rules);
        AclBuilder builder = new(rules);
        table = null;
        problem = null;
        foreach (int family in (int[])[4, 6, 0])
        {
            if (!builder.TryAddFamily(family))
            {
                problem = builder.Problem();
                return false;
            }
        }

        table = builder.Image();
        return true;
    }

    private long Bytes => ((long)_rows.Count * sizeof(uint)) + ((long)_nodes.Count * 16) + 512;

    private bool TryAddFamily(int family)
    {
        _family = family;
        _emptyRow = -1;
        List<int>[] groups = Groups(family);
        List<int> rest = groups[^1];
        List<(uint Root, uint First)> trees = [];
        for (int group = 0; group < groups.Length - 1 || rest.Count > 0; group++)
        {
            bool isRest = group >= groups.Length - 1;
            List<int> rules = isRest ? rest : groups[group];
            if (rules.Count == 0)
            {
                continue;
            }

            _isLast = trees.Count == AclTable.TreesMax - 1 || (isRest && rules.Count <= LongLeafRules);
            _evicted = [];
            AclEntry[] entries = [.. rules.Select(rule => new AclEntry(_rules[rule], rule, family))];
            uint root = (uint)_nodes.Count;
            _nodes.Add(default);
            if (!TryFill(root, entries, depth: 0))
            {
                return false;
            }

            trees.Add((root, (uint)rules[0]));
            rest = [.. (isRest ? [] : rest).Concat(_evicted).Distinct().Order()];
        }

        SetTrees(AclTable.Section(family), trees);
        return true;
    }

    // By which addresses they fix: rules that fix the same are parted by the same bits. What is few, or fixes
    // none, is the last group.
    private List<int>[] Groups(int family)
    {
        List<int>[] groups = [[], [], [], []];
        int wideBits = family == 6 ? WideBits6 : WideBits4;
        int count = 0;
        for (int i = 0; i < _rules.Count; i++)
        {
            AclRule rule = _rules[i];
            if (rule.Concerns(family))
            {
                int wide = (rule.SourceBits > wideBits ? 0 : 1) + (rule.DestinationBits > wideBits ? 0 : 2);
                groups[wide].Add(i);
                count++;
            }
        }

        for (int i = 0; i < groups.Length - 1; i++)
        {
            if (groups[i].Count <= Math.Max(LongLeafRules, count / 128))
            {
                groups[^1] = [.. groups[^1].Concat(groups[i]).Order()];
                groups[i] = [];
            }
        }

        return groups;
    }

    private unsafe void SetTrees(int section, List<(uint Root, uint First)> trees)
    {
        ref AclTable.TreeList list = ref _header.Trees[section];
        trees.Sort((a, b) => a.First.CompareTo(b.First));
        list.Count = (uint)trees.Count;
        for (int i = 0; i < trees.Count; i++)
        {
            list.Root[i] = trees[i].Root;
            list.FirstRule[i] = trees[i].First;
        }
    }

    private bool TryFill(uint at, AclEntry[] entries, int depth)
    {
        if (Bytes > _bytesMax)
        {
            return false;
        }

        entries = AclEntry.WithoutCovered(entries, _rules);
        if (entries.Length <= LeafRules || depth == AclTable.DepthMax - 1)
        {
            SetLeaf(at, entries);
            return true;
        }

        int[] words = _family == 4 ? s_words4 : _family == 6 ? s_words6 : s_wordsOther;
        _cut.Choose(entries, words, LeafRules);
        int word = _cut.Word;
        ulong mask = _cut.Mask;
        if (mask == 0 || (entries.Length <= LongLeafRules && BitOperations.PopCount(mask) > 3))
        {
            return LeafOrEvict(at, entries);
        }

        int children = 1 << BitOperations.PopCount(mask);
        List<AclEntry>[] parts = new List<AclEntry>[children];
        for (int i = 0; i < children; i++)
        {
            parts[i] = [];
        }

        foreach (ref readonly AclEntry entry in entries.AsSpan())
        {
            Place(entry, word, mask, parts);
        }

        uint first = (uint)_nodes.Count;
        CollectionsMarshal.SetCount(_nodes, _nodes.Count + children);
        _nodes[(int)at] = new AclTable.Node { Info = (uint)word, Mask = mask, First = first };
        ShareLeaves(first, parts);
        for (int i = 0; i < children; i++)
        {
            AclEntry[] part = [.. parts[i]];
            parts[i] = [];
            if (part.Length > LeafRules && !TryFill(first + (uint)i, part, depth + 1))
            {
                return false;
            }
        }

        return true;
    }

    // Small children one after the other share a block as long as it holds the rules of all: it says of each
    // rule whether it matches, wherever a key came from.
    private void ShareLeaves(uint first, List<AclEntry>[] parts)
    {
        List<uint> members = [];
        SortedSet<int> shared = [];
        for (int i = 0; i <= parts.Length; i++)
        {
            bool isEnd = i == parts.Length;
            if (!isEnd && parts[i].Count > LeafRules)
            {
                continue;
            }

            int[] rules = isEnd ? [] : [.. parts[i].Select(entry => entry.Rule).Distinct()];
            if (isEnd || shared.Union(rules).Count() > LeafRules)
            {
                uint row = AddBlocks([.. shared]);
                members.ForEach(child => SetLeaf(child, row));
                members.Clear();
                shared.Clear();
            }

            if (!isEnd)
            {
                members.Add(first + (uint)i);
                shared.UnionWith(rules);
            }
        }
    }

    // Nothing parts them: the next tree may, with other rules gone. The last one has to take them.
    private bool LeafOrEvict(uint at, AclEntry[] entries)
    {
        int kept = _isLast || _evicted.Count == 0 ? entries.Length : Math.Min(entries.Length, LongLeafRules);
        for (int i = kept; i < entries.Length; i++)
        {
            _evicted.Add(entries[i].Rule);
        }

        SetLeaf(at, entries.AsSpan(0, kept));
        return true;
    }

    private void Place(in AclEntry entry, int word, ulong mask, List<AclEntry>[] parts)
    {
        ulong free = mask & ~entry.Mask[word];
        int copies = entry.Copies << Math.Min(16, BitOperations.PopCount(free));
        if (copies > CopiesMax && !_isLast)
        {
            _evicted.Add(entry.Rule);
            return;
        }

        for (ulong choice = 0; ;)
        {
            AclEntry copy = entry;
            copy.Copies = copies;
            for (ulong left = free; left != 0;)
            {
                int bit = BitOperations.Log2(left);
                left &= ~(1UL << bit);
                copy.Fix(word, bit, (choice >> bit) & 1);
            }

            ulong chosen = (entry.Value[word] & mask & ~free) | choice;
            parts[(int)AclTable.ExtractSlowly(chosen, mask)].Add(copy);
            choice = (choice - free) & free; // the next subset of the free bits
            if (choice == 0)
            {
                return;
            }
        }
    }

    private void SetLeaf(uint at, ReadOnlySpan<AclEntry> entries)
    {
        int[] rules = new int[entries.Length];
        for (int i = 0; i < entries.Length; i++)
        {
            rules[i] = entries[i].Rule;
        }

        Array.Sort(rules); // a lane of a block before the next, a block before the next
        SetLeaf(at, AddBlocks(rules));
    }

    private void SetLeaf(uint at, uint row) =>
        _nodes[(int)at] = new AclTable.Node { First = at, Info = row };

    // The row where they start.
    private uint AddBlocks(ReadOnlySpan<int> rules)
    {
        uint first = (uint)(_rows.Count / AclBlock.Rules);
        if (rules.Length == 0 && _emptyRow >= 0)
        {
            return (uint)_emptyRow;
        }

        _emptyRow = rules.Length == 0 ? (int)first : _emptyRow;
        do
        {
            ReadOnlySpan<int> chosen = rules[..Math.Min(AclBlock.Rules, rules.Length)];
            rules = rules[chosen.Length..];
            bool isWide = false;
            foreach (int rule in chosen)
            {
                isWide |= AclBlock.IsWide(_rules[rule]);
            }

            int start = _rows.Count;
            CollectionsMarshal.SetCount(_rows, start + (AclBlock.RowsOf(_family, isWide) * AclBlock.Rules));
            Span<uint> block = CollectionsMarshal.AsSpan(_rows)[start..];
            block.Clear();
            AclBlock.Write(block, _rules, chosen, _family, hasNext: rules.Length > 0);
        }
        while (rules.Length > 0);
        return first;
    }

    private unsafe byte[] Image()
    {
        _header.Magic = AclTable.MagicValue;
        _header.NodeCount = (uint)_nodes.Count;
        _header.RuleCount = (uint)_rules.Count;
        CollectionsMarshal.SetCount(_rows, _rows.Count + (AclBlock.RowsMax * AclBlock.Rules)); // see RowsMax
        long nodeBytes = AclTable.NodeBytes((uint)_nodes.Count);
        byte[] image = new byte[sizeof(AclTable.Header) + nodeBytes + ((long)_rows.Count * sizeof(uint))];
        MemoryMarshal.Write(image, _header);
        Span<byte> rest = image.AsSpan(sizeof(AclTable.Header));
        MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_nodes)).CopyTo(rest);
        MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_rows)).CopyTo(rest[(int)nodeBytes..]);
        return image;
    }

    // The pattern of fixed parts that most of the rules left have in common.
    private string Problem()
    {
        IEnumerable<int> rules = _evicted.Count > 0 ? _evicted : Enumerable.Range(0, _rules.Count);
        string pattern = rules.Select(rule => PatternOf(_rules[rule])).GroupBy(text => text)
            .OrderByDescending(group => group.Count()).First().Key;
        return $"{_rules.Count} rules need more than {_bytesMax >> 20} MiB; what grows are rules with "
            + $"{pattern}: they overlap in too many ways. Give them a longer prefix or a protocol.";
    }

    private static string PatternOf(AclRule rule) =>
        (rule.SourceBits == 0 ? "any source" : $"source /{rule.SourceBits}") + ", "
        + (rule.DestinationBits == 0 ? "any destination" : $"destination /{rule.DestinationBits}")
        + (rule.HasPorts ? ", port ranges" : "");
}
