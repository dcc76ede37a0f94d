using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>The one writer of a <see cref="RangeTrie"/>: keeps the routes as given in memory of its own, and
/// for each change writes one node anew and one word that links it. Readers go on meanwhile. One
/// thread.</summary>
/// <remarks>A key is an address in the first bits of 128. Nodes that are not linked any more wait
/// (<see cref="Seal"/>) until no reader can be in them (<see cref="Release"/>).</remarks>
public sealed class RangeTrieWriter
{
    private readonly RangeTrie _trie;
    private readonly UnitAllocator _units;
    private readonly int _rootBits;
    private readonly int _nodeBits;
    private readonly uint _capacity;
    private readonly RootCover _cover;
    private readonly Dictionary<uint, RangeNode> _roots = [];
    private readonly RangeSweep _sweep;

    /// <summary>A writer over zeroed memory.</summary>
    /// <param name="memory">As both sides see it.</param>
    /// <param name="rootBits">Bits of the direct array.</param>
    /// <param name="nodeBits">Bits of a node, at most 16.</param>
    /// <param name="capacity">Routes that it takes at most.</param>
    public RangeTrieWriter(NativeSpan<byte> memory, int rootBits, int nodeBits, uint capacity)
    {
        _trie = new RangeTrie(memory, rootBits);
        _units = new UnitAllocator(_trie.UnitCount);
        _rootBits = rootBits;
        _nodeBits = nodeBits;
        _sweep = new RangeSweep(nodeBits);
        _capacity = capacity;
        _cover = new RootCover(rootBits);
    }

    /// <summary>Routes that it has.</summary>
    public uint Count { get; private set; }

    /// <summary>Units in use, retired ones, too.</summary>
    public uint UnitsInUse => _units.InUse;

    /// <summary>Memory in use, retired nodes, too, bytes.</summary>
    public long BytesInUse => RangeTrie.RootBytes(_rootBits) + ((long)_units.InUse * RangeTrie.UnitBytes);

    /// <summary>Adds a route, or gives one that is there another value.</summary>
    /// <param name="key">The prefix in the first bits; those behind it are 0.</param>
    /// <param name="length">Bits that count.</param>
    /// <param name="value">1 to <see cref="RangeTrie.ValueMax"/>.</param>
    /// <returns>False: full, and nothing was changed; retired nodes may make room once released.</returns>
    public bool Set(UInt128 key, int length, uint value)
    {
        Invariant.Require(value is > 0 and <= RangeTrie.ValueMax && length is >= 0 and <= 128);
        Invariant.Require(length == 128 || key << length == 0);
        if (length <= _rootBits)
        {
            bool isNew = !_cover.Has(key, length);
            if (isNew && Count == _capacity)
            {
                return false;
            }

            Count += isNew ? 1u : 0u;
            _cover.Set(key, length, value, Pass);
            return true;
        }

        return SetLong(key, length, value);
    }

    /// <summary>Takes a route away.</summary>
    /// <returns>False: full, and nothing was changed (a node is written anew for this, too).</returns>
    public bool Remove(UInt128 key, int length)
    {
        if (length <= _rootBits)
        {
            Count -= _cover.Remove(key, length, Pass) ? 1u : 0u;
            return true;
        }

        return RemoveLong(key, length);
    }

    /// <summary>A ticket for all nodes that were retired so far.</summary>
    public long Seal() => _units.Seal();

    /// <summary>No reader can be in what was retired up to this ticket: it may be used again.</summary>
    public void Release(long ticket) => _units.Release(ticket);

    // What covers some slots has changed; a node below learns it in place.
    private void Pass(uint first, uint count, uint value)
    {
        for (uint slot = first; slot < first + count; slot++)
        {
            ref uint entry = ref _trie.RootRef(slot);
            if ((entry & RangeTrie.NodeBit) == 0)
            {
                Volatile.Write(ref entry, value);
            }
            else
            {
                Inherit(_roots[slot], value);
            }
        }
    }

    private void Inherit(RangeNode node, uint value)
    {
        node.Inherited = value;
        Volatile.Write(ref _trie.Values(node.Unit, node.Units)[^1], value);
        foreach ((ushort key, RangeNode child) in node.Children)
        {
            if (node.ValueAt(key, _nodeBits) == 0)
            {
                Inherit(child, value);
            }
        }
    }

    private bool SetLong(UInt128 key, int length, uint value)
    {
        List<(RangeNode Parent, RangeNode Made)> made = [];
        RangeNode node = Descend(key, length, made)!;
        int at = node.Find(StartOf(key, node.Depth), length - node.Depth, out bool exists);
        RangeRoute before = exists ? node.Routes[at] : default;
        RangeRoute route = new(StartOf(key, node.Depth), (byte)(length - node.Depth), value);
        if (exists)
        {
            node.Routes[at] = route;
        }
        else
        {
            if (Count == _capacity)
            {
                Undo(made);
                return false;
            }

            node.Routes.Insert(at, route);
        }

        // From the node up to the highest that was made: each is written before the one that names it.
        RangeNode top = made.Count > 0 ? made[0].Made : node;
        if (!Write(node, top))
        {
            if (exists)
            {
                node.Routes[at] = before;
            }
            else
            {
                node.Routes.RemoveAt(at);
            }

            Undo(made);
            return false;
        }

        Count += exists ? 0u : 1u;
        return true;
    }

    private bool RemoveLong(UInt128 key, int length)
    {
        RangeNode? node = Descend(key, length, made: null);
        if (node == null)
        {
            return true;
        }

        int at = node.Find(StartOf(key, node.Depth), length - node.Depth, out bool exists);
        if (!exists)
        {
            return true;
        }

        RangeRoute before = node.Routes[at];
        node.Routes.RemoveAt(at);
        if (node.IsEmpty)
        {
            RangeNode top = node;
            while (top.Parent is { } parent && parent.Routes.Count + parent.Children.Count == 1)
            {
                top = parent; // it has nothing but this child
            }

            Unlink(top, node);
            Count--;
            return true;
        }

        if (!Write(node, node))
        {
            node.Routes.Insert(at, before);
            return false;
        }

        Count--;
        return true;
    }

    // Takes a node out, with all that hangs below it down to the one that lost its last route.
    private void Unlink(RangeNode top, RangeNode bottom)
    {
        if (top.Parent == null)
        {
            _roots.Remove(top.Key);
            Volatile.Write(ref _trie.RootRef(top.Key), top.Inherited);
        }
        else
        {
            // The entry stays as a range of its own, with the value that its neighbours have: right, and the
            // node above is written without it at its next change.
            top.Parent.Children.Remove((ushort)top.Key);
            WriteEntry(top.Parent, (ushort)top.Key, top.Parent.ValueAt((ushort)top.Key, _nodeBits));
        }

        for (RangeNode? node = bottom; node != null; node = node == top ? null : node.Parent)
        {
            _units.Retire(node.Unit, node.SizeClass);
        }
    }

    private RangeNode? Descend(UInt128 key, int length, List<(RangeNode Parent, RangeNode Made)>? made)
    {
        uint slot = (uint)(key >> (128 - _rootBits));
        if (!_roots.TryGetValue(slot, out RangeNode? node))
        {
            if (made == null)
            {
                return null;
            }

            node = new RangeNode(null, slot, _rootBits) { Inherited = _trie.RootRef(slot) };
            _roots[slot] = node;
            made.Add((node, node));
        }

        while (length > node.Depth + _nodeBits)
        {
            ushort start = StartOf(key, node.Depth);
            if (!node.Children.TryGetValue(start, out RangeNode? child))
            {
                if (made == null)
                {
                    return null;
                }

                uint own = node.ValueAt(start, _nodeBits);
                child = new RangeNode(node, start, node.Depth + _nodeBits)
                {
                    Inherited = own != 0 ? own : node.Inherited,
                };
                node.Children[start] = child;
                made.Add((node, child));
            }

            node = child;
        }

        return node;
    }

    private void Undo(List<(RangeNode Parent, RangeNode Made)> made)
    {
        foreach ((RangeNode parent, RangeNode node) in made)
        {
            if (parent == node)
            {
                _roots.Remove(node.Key);
            }
            else
            {
                parent.Children.Remove((ushort)node.Key);
            }
        }
    }

    // Writes a node, then those above it up to the top, then links: the parent of the top is changed in place
    // when it has an entry for it, else it is written, too.
    private bool Write(RangeNode bottom, RangeNode top)
    {
        List<(RangeNode Node, uint Unit, int SizeClass)> written = [];
        RangeNode node = bottom;
        while (true)
        {
            if (!TryBuild(node, written))
            {
                foreach ((_, uint unit, int sizeClass) in written)
                {
                    _units.Free(unit, sizeClass); // never linked: nobody has seen it
                }

                return false;
            }

            bool isTop = node == top && (node.Parent == null || node.IsLinked);
            if (isTop || node.Parent == null)
            {
                break;
            }

            node = node.Parent; // has no entry for it yet
            top = node;
        }

        Commit(written, node);
        return true;
    }

    private void Commit(List<(RangeNode Node, uint Unit, int SizeClass)> written, RangeNode top)
    {
        foreach ((RangeNode node, uint unit, int sizeClass) in written)
        {
            if (node.IsLinked)
            {
                _units.Retire(node.Unit, node.SizeClass);
            }

            (node.Unit, node.SizeClass, node.IsLinked) = (unit, sizeClass, true);
            PassOn(node);
        }

        if (top.Parent == null)
        {
            // Release: the nodes are whole before they are linked.
            Volatile.Write(ref _trie.RootRef(top.Key), top.Entry);
        }
        else
        {
            WriteEntry(top.Parent, (ushort)top.Key, top.Entry);
        }
    }

    // What a changed route covers of the nodes below.
    private void PassOn(RangeNode node)
    {
        foreach ((ushort key, RangeNode child) in node.Children)
        {
            uint own = node.ValueAt(key, _nodeBits);
            uint covers = own != 0 ? own : node.Inherited;
            if (child.IsLinked && child.Inherited != covers)
            {
                Inherit(child, covers);
            }
        }
    }

    private bool TryBuild(RangeNode node, List<(RangeNode Node, uint Unit, int SizeClass)> written)
    {
        _sweep.Run(node, child => EntryOf(child, written));
        int sizeClass = UnitAllocator.ClassFor(_sweep.Count + 1);
        if (!_units.TryTake(sizeClass, out uint unit))
        {
            return false;
        }

        int units = RangeTrie.ClassUnits[sizeClass];
        Span<short> starts = _trie.Starts(unit, units);
        Span<uint> values = _trie.Values(unit, units);
        _sweep.CopyTo(starts, values);
        values[^1] = node.Inherited;
        written.Add((node, unit, sizeClass));
        return true;
    }

    private static uint EntryOf(RangeNode child, List<(RangeNode Node, uint Unit, int SizeClass)> written)
    {
        foreach ((RangeNode node, uint unit, int sizeClass) in written)
        {
            if (node == child)
            {
                return RangeTrie.NodeBit | ((uint)sizeClass << RangeTrie.ClassShift) | unit;
            }
        }

        return child.Entry;
    }

    private void WriteEntry(RangeNode node, ushort key, uint value) =>
        _trie.WriteEntry(node.Unit, node.Units, key, value);

    private ushort StartOf(UInt128 key, int depth) =>
        (ushort)((uint)(key << depth >> (128 - _nodeBits)) & ((1u << _nodeBits) - 1));
}
