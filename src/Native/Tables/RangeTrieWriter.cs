using System.Runtime.InteropServices;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>The one writer of a <see cref="RangeTrie"/>: keeps the routes as given in memory of its own, and
/// for each change writes one node anew and one word that links it. Readers go on meanwhile. One
/// thread.</summary>
/// <remarks>A key is an address in the first bits of 128. Nodes that are not linked any more wait
/// (<see cref="Seal"/>) until no reader can be in them (<see cref="Release"/>).</remarks>
public sealed class RangeTrieWriter
{
    private const int NoLength = -1;
    private readonly RangeTrie _trie;
    private readonly UnitAllocator _units;
    private readonly int _rootBits;
    private readonly int _nodeBits;
    private readonly uint _capacity;
    private readonly Dictionary<(UInt128 Key, int Length), uint> _shorts = []; // prefixes that end in the direct array
    private readonly sbyte[] _coverLength;
    private readonly uint[] _cover;
    private readonly Dictionary<uint, Node> _roots = [];
    private readonly List<ushort> _starts = [];
    private readonly List<uint> _values = [];
    private readonly Stack<(int End, uint Value)> _open = new();

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
        _capacity = capacity;
        _coverLength = new sbyte[1 << rootBits];
        _cover = new uint[1 << rootBits];
        Array.Fill(_coverLength, (sbyte)NoLength);
    }

    /// <summary>Routes that it has.</summary>
    public uint Count { get; private set; }

    /// <summary>Units in use, retired ones, too.</summary>
    public uint UnitsInUse => _units.InUse;

    /// <summary>Memory for any set of routes: each a node of its own at each level, two ranges, and a third
    /// for size classes and nodes that wait for readers.</summary>
    public static long BytesFor(int rootBits, int nodeBits, int levels, uint routes)
    {
        Invariant.Require(nodeBits <= 16 && levels > 0);
        long firstNodes = Math.Min(1L << rootBits, routes);
        long nodes = firstNodes + ((levels - 1) * (long)routes);
        long units = nodes + (((2L * routes) + nodes) / RangeTrie.UnitRanges);
        return RangeTrie.RootBytes(rootBits) + ((units + (units / 3) + 4096) * RangeTrie.UnitBytes);
    }

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
            bool isNew = !_shorts.ContainsKey((key, length));
            if (isNew && Count == _capacity)
            {
                return false;
            }

            _shorts[(key, length)] = value;
            Count += isNew ? 1u : 0u;
            Cover(key, length, length, value, isRemoval: false);
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
            if (_shorts.Remove((key, length)))
            {
                Count--;
                int shorter = length - 1;
                while (shorter >= 0 && !_shorts.ContainsKey((Mask(key, shorter), shorter)))
                {
                    shorter--;
                }

                Cover(key, length, shorter, shorter < 0 ? 0 : _shorts[(Mask(key, shorter), shorter)],
                    isRemoval: true);
            }

            return true;
        }

        return RemoveLong(key, length);
    }

    /// <summary>A ticket for all nodes that were retired so far.</summary>
    public long Seal() => _units.Seal();

    /// <summary>No reader can be in what was retired up to this ticket: it may be used again.</summary>
    public void Release(long ticket) => _units.Release(ticket);

    // Prefixes of the direct array: what covers a slot is the longest; a node below learns it in place.
    private void Cover(UInt128 key, int length, int coverLength, uint value, bool isRemoval)
    {
        uint first = (uint)(key >> (128 - _rootBits));
        uint slots = 1u << (_rootBits - length);
        for (uint slot = first; slot < first + slots; slot++)
        {
            bool isOurs = isRemoval ? _coverLength[slot] == length : _coverLength[slot] <= length;
            if (!isOurs)
            {
                continue;
            }

            _coverLength[slot] = (sbyte)coverLength;
            _cover[slot] = value;
            if (_roots.TryGetValue(slot, out Node? node))
            {
                Inherit(node, value);
            }
            else
            {
                Volatile.Write(ref _trie.RootRef(slot), value);
            }
        }
    }

    private void Inherit(Node node, uint value)
    {
        node.Inherited = value;
        Volatile.Write(ref _trie.Values(node.Unit, node.Units)[^1], value);
        foreach ((ushort key, Node child) in node.Children)
        {
            if (node.ValueAt(key, _nodeBits) == 0)
            {
                Inherit(child, value);
            }
        }
    }

    private bool SetLong(UInt128 key, int length, uint value)
    {
        List<(Node Parent, Node Made)> made = [];
        Node node = Descend(key, length, made)!;
        int at = node.Find(StartOf(key, node.Depth), length - node.Depth, out bool exists);
        Route before = exists ? node.Routes[at] : default;
        Route route = new(StartOf(key, node.Depth), (byte)(length - node.Depth), value);
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
        Node top = made.Count > 0 ? made[0].Made : node;
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
        Node? node = Descend(key, length, made: null);
        if (node == null)
        {
            return true;
        }

        int at = node.Find(StartOf(key, node.Depth), length - node.Depth, out bool exists);
        if (!exists)
        {
            return true;
        }

        Route before = node.Routes[at];
        node.Routes.RemoveAt(at);
        if (node.IsEmpty)
        {
            Node top = node;
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
    private void Unlink(Node top, Node bottom)
    {
        if (top.Parent == null)
        {
            _roots.Remove(top.Key);
            Volatile.Write(ref _trie.RootRef(top.Key), _cover[top.Key]);
        }
        else
        {
            // The entry stays as a range of its own, with the value that its neighbours have: right, and the
            // node above is written without it at its next change.
            top.Parent.Children.Remove((ushort)top.Key);
            Volatile.Write(ref Slot(top.Parent, (ushort)top.Key), top.Parent.ValueAt((ushort)top.Key, _nodeBits));
        }

        for (Node? node = bottom; node != null; node = node == top ? null : node.Parent)
        {
            _units.Retire(node.Unit, node.SizeClass);
        }
    }

    private Node? Descend(UInt128 key, int length, List<(Node Parent, Node Made)>? made)
    {
        uint slot = (uint)(key >> (128 - _rootBits));
        if (!_roots.TryGetValue(slot, out Node? node))
        {
            if (made == null)
            {
                return null;
            }

            node = new Node(null, slot, _rootBits) { Inherited = _cover[slot] };
            _roots[slot] = node;
            made.Add((node, node));
        }

        while (length > node.Depth + _nodeBits)
        {
            ushort start = StartOf(key, node.Depth);
            if (!node.Children.TryGetValue(start, out Node? child))
            {
                if (made == null)
                {
                    return null;
                }

                uint own = node.ValueAt(start, _nodeBits);
                child = new Node(node, start, node.Depth + _nodeBits)
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

    private void Undo(List<(Node Parent, Node Made)> made)
    {
        foreach ((Node parent, Node node) in made)
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
    private bool Write(Node bottom, Node top)
    {
        List<(Node Node, uint Unit, int SizeClass)> written = [];
        Node node = bottom;
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

    private void Commit(List<(Node Node, uint Unit, int SizeClass)> written, Node top)
    {
        foreach ((Node node, uint unit, int sizeClass) in written)
        {
            if (node.IsLinked)
            {
                _units.Retire(node.Unit, node.SizeClass);
            }

            (node.Unit, node.SizeClass, node.IsLinked) = (unit, sizeClass, true);
            PassOn(node);
        }

        uint entry = top.Entry;
        if (top.Parent == null)
        {
            Volatile.Write(ref _trie.RootRef(top.Key), entry); // release: the nodes are whole before they are linked
        }
        else
        {
            Volatile.Write(ref Slot(top.Parent, (ushort)top.Key), entry);
        }
    }

    // What a changed route covers of the nodes below.
    private void PassOn(Node node)
    {
        foreach ((ushort key, Node child) in node.Children)
        {
            uint own = node.ValueAt(key, _nodeBits);
            uint covers = own != 0 ? own : node.Inherited;
            if (child.IsLinked && child.Inherited != covers)
            {
                Inherit(child, covers);
            }
        }
    }

    private bool TryBuild(Node node, List<(Node Node, uint Unit, int SizeClass)> written)
    {
        Sweep(node, written);
        int sizeClass = UnitAllocator.ClassFor(_starts.Count + 1);
        if (!_units.TryTake(sizeClass, out uint unit))
        {
            return false;
        }

        int units = RangeTrie.ClassUnits[sizeClass];
        Span<short> starts = _trie.Starts(unit, units);
        Span<uint> values = _trie.Values(unit, units);
        for (int i = 0; i < _starts.Count; i++)
        {
            starts[i] = (short)(_starts[i] ^ RangeTrie.Bias);
        }

        CollectionsMarshal.AsSpan(_values).CopyTo(values);
        starts[_starts.Count..].Fill(short.MaxValue);
        values[_values.Count..].Fill(_values[^1]);
        values[^1] = node.Inherited;
        written.Add((node, unit, sizeClass));
        return true;
    }

    // Routes and children, by start and length, to ranges: what is open covers until it ends.
    private void Sweep(Node node, List<(Node Node, uint Unit, int SizeClass)> written)
    {
        _starts.Clear();
        _values.Clear();
        _open.Clear();
        Emit(0, 0);
        ushort[] keys = [.. node.Children.Keys];
        Array.Sort(keys);
        int child = 0;
        foreach (Route route in node.Routes)
        {
            // A child stands behind every route that begins with its key or before it.
            while (child < keys.Length && keys[child] < route.Start)
            {
                Open(keys[child], 1, EntryOf(node.Children[keys[child]], written));
                child++;
            }

            Open(route.Start, 1 << (_nodeBits - route.Length), route.Value);
        }

        for (; child < keys.Length; child++)
        {
            Open(keys[child], 1, EntryOf(node.Children[keys[child]], written));
        }

        CloseUpTo(1 << _nodeBits);
    }

    private static uint EntryOf(Node child, List<(Node Node, uint Unit, int SizeClass)> written)
    {
        foreach ((Node node, uint unit, int sizeClass) in written)
        {
            if (node == child)
            {
                return RangeTrie.NodeBit | ((uint)sizeClass << RangeTrie.ClassShift) | unit;
            }
        }

        return child.Entry;
    }

    private void Open(int start, int size, uint value)
    {
        CloseUpTo(start);
        _open.Push((start + size, value));
        Emit(start, value);
    }

    private void CloseUpTo(int start)
    {
        while (_open.TryPeek(out (int End, uint Value) top) && top.End <= start)
        {
            _open.Pop();
            if (top.End < 1 << _nodeBits)
            {
                Emit(top.End, _open.TryPeek(out (int End, uint Value) below) ? below.Value : 0);
            }
        }
    }

    private void Emit(int start, uint value)
    {
        if (_starts.Count > 0 && _starts[^1] == start)
        {
            _starts.RemoveAt(_starts.Count - 1);
            _values.RemoveAt(_values.Count - 1);
        }

        if (_values.Count == 0 || _values[^1] != value)
        {
            _starts.Add((ushort)start);
            _values.Add(value);
        }
    }

    private ref uint Slot(Node node, ushort key)
    {
        Span<short> starts = _trie.Starts(node.Unit, node.Units);
        int at = starts.BinarySearch((short)(key ^ RangeTrie.Bias));
        Invariant.Require(at >= 0);
        while (at > 0 && starts[at - 1] == starts[at])
        {
            at--; // padding has the highest key, too
        }

        return ref _trie.Values(node.Unit, node.Units)[at];
    }

    private ushort StartOf(UInt128 key, int depth) =>
        (ushort)((uint)(key << depth >> (128 - _nodeBits)) & ((1u << _nodeBits) - 1));

    private static UInt128 Mask(UInt128 key, int length) =>
        length == 0 ? UInt128.Zero : key & (UInt128.MaxValue << (128 - length));

    private readonly record struct Route(ushort Start, byte Length, uint Value);

    /// <summary>A node as given: its routes by start and length, and the nodes below it.</summary>
    private sealed class Node(Node? parent, uint key, int depth)
    {
        public Node? Parent { get; } = parent;
        public uint Key { get; } = key;
        public int Depth { get; } = depth;
        public List<Route> Routes { get; } = [];
        public Dictionary<ushort, Node> Children { get; } = [];
        public uint Inherited { get; set; }
        public uint Unit { get; set; }
        public int SizeClass { get; set; }
        public bool IsLinked { get; set; }
        public int Units => RangeTrie.ClassUnits[SizeClass];

        public bool IsEmpty => Routes.Count == 0 && Children.Count == 0;
        public uint Entry => RangeTrie.NodeBit | ((uint)SizeClass << RangeTrie.ClassShift) | Unit;

        public int Find(ushort start, int length, out bool exists)
        {
            int low = 0;
            int high = Routes.Count;
            while (low < high)
            {
                int middle = (low + high) >> 1;
                Route route = Routes[middle];
                bool isBefore = route.Start < start || (route.Start == start && route.Length < length);
                (low, high) = isBefore ? (middle + 1, high) : (low, middle);
            }

            exists = low < Routes.Count && Routes[low].Start == start && Routes[low].Length == length;
            return low;
        }

        // What its own routes say of one key; 0: nothing.
        public uint ValueAt(ushort key, int nodeBits)
        {
            for (int length = nodeBits; length > 0; length--)
            {
                int start = key & ~((1 << (nodeBits - length)) - 1);
                int at = Find((ushort)start, length, out bool exists);
                if (exists)
                {
                    return Routes[at].Value;
                }
            }

            return 0;
        }
    }
}
