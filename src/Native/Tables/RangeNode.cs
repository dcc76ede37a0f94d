using System.Runtime.InteropServices;

namespace LowLatency.Native.Tables;

/// <summary>A route within a node.</summary>
/// <param name="Start">First key that it holds.</param>
/// <param name="Length">Bits of the key that count.</param>
/// <param name="Value">Its value.</param>
internal readonly record struct RangeRoute(ushort Start, byte Length, uint Value);

/// <summary>A node as given: its routes by start and length, and the nodes below it.</summary>
internal sealed class RangeNode(RangeNode? parent, uint key, int depth)
{
    public RangeNode? Parent { get; } = parent;
    public uint Key { get; } = key;
    public int Depth { get; } = depth;
    public List<RangeRoute> Routes { get; } = [];
    public Dictionary<ushort, RangeNode> Children { get; } = [];
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
            RangeRoute route = Routes[middle];
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

/// <summary>Routes and children of a node, by start and length, to ranges: what is open covers until it
/// ends.</summary>
internal sealed class RangeSweep(int nodeBits)
{
    private readonly int _nodeBits = nodeBits;
    private readonly List<ushort> _starts = [];
    private readonly List<uint> _values = [];
    private readonly Stack<(int End, uint Value)> _open = new();

    /// <summary>Ranges of the last run.</summary>
    public int Count => _starts.Count;

    /// <summary>Computes the ranges of a node.</summary>
    /// <param name="node">Its routes and children.</param>
    /// <param name="entryOf">The entry of a child.</param>
    public void Run(RangeNode node, Func<RangeNode, uint> entryOf)
    {
        _starts.Clear();
        _values.Clear();
        _open.Clear();
        Emit(0, 0);
        ushort[] keys = [.. node.Children.Keys];
        Array.Sort(keys);
        int child = 0;
        foreach (RangeRoute route in node.Routes)
        {
            // A child stands behind every route that begins with its key or before it.
            while (child < keys.Length && keys[child] < route.Start)
            {
                Open(keys[child], 1, entryOf(node.Children[keys[child]]));
                child++;
            }

            Open(route.Start, 1 << (_nodeBits - route.Length), route.Value);
        }

        for (; child < keys.Length; child++)
        {
            Open(keys[child], 1, entryOf(node.Children[keys[child]]));
        }

        CloseUpTo(1 << _nodeBits);
    }

    /// <summary>Writes the ranges of the last run; what is left has the highest key and the last
    /// value.</summary>
    public void CopyTo(Span<short> starts, Span<uint> values)
    {
        for (int i = 0; i < _starts.Count; i++)
        {
            starts[i] = (short)(_starts[i] ^ RangeTrie.Bias);
        }

        CollectionsMarshal.AsSpan(_values).CopyTo(values);
        starts[_starts.Count..].Fill(short.MaxValue);
        values[_values.Count..].Fill(_values[^1]);
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
}
