namespace LowLatency.Native.Tables;

/// <summary>Runs of units by size class, for <see cref="RangeTrieWriter"/>: what is retired waits until its
/// ticket is released. A larger free run is cut when the class has none; when there is none, neighbours are
/// made one again.</summary>
internal sealed class UnitAllocator(uint units)
{
    private readonly Stack<uint>[] _free =
        [.. Enumerable.Range(0, RangeTrie.ClassUnits.Length).Select(_ => new Stack<uint>())];

    private readonly Queue<(long Ticket, uint Unit, int SizeClass)> _retired = new();
    private long _ticket;
    private uint _freedSinceMerge;
    private uint _next;

    /// <summary>Units in use, retired ones, too.</summary>
    public uint InUse { get; private set; }

    /// <summary>The smallest class that holds this many entries.</summary>
    public static int ClassFor(int entries)
    {
        int sizeClass = 0;
        while (RangeTrie.ClassUnits[sizeClass] * RangeTrie.UnitRanges < entries)
        {
            sizeClass++;
        }

        return sizeClass;
    }

    /// <summary>Takes a run; false: no room.</summary>
    public bool TryTake(int sizeClass, out uint unit)
    {
        uint wanted = RangeTrie.ClassUnits[sizeClass];
        if (!_free[sizeClass].TryPop(out unit))
        {
            if (units - _next >= wanted)
            {
                unit = _next;
                _next += wanted;
            }
            else if (!TryCut(sizeClass, out unit) && !(TryMerge() && TakeWhole(sizeClass, out unit)))
            {
                return false;
            }
        }

        InUse += wanted;
        return true;
    }

    /// <summary>Gives a run back that no reader has seen.</summary>
    public void Free(uint unit, int sizeClass)
    {
        _free[sizeClass].Push(unit);
        _freedSinceMerge += RangeTrie.ClassUnits[sizeClass];
        InUse -= RangeTrie.ClassUnits[sizeClass];
    }

    /// <summary>Gives a run back that readers may still be in.</summary>
    public void Retire(uint unit, int sizeClass) => _retired.Enqueue((_ticket, unit, sizeClass));

    /// <summary>A ticket for all that was retired so far.</summary>
    public long Seal() => _ticket++;

    /// <summary>No reader is in what was retired up to a ticket.</summary>
    public void Release(long ticket)
    {
        while (_retired.TryPeek(out (long Ticket, uint Unit, int SizeClass) run) && run.Ticket <= ticket)
        {
            _retired.Dequeue();
            Free(run.Unit, run.SizeClass);
        }
    }

    private bool TakeWhole(int sizeClass, out uint unit) =>
        _free[sizeClass].TryPop(out unit) || TryCut(sizeClass, out unit);

    // Free runs in order, neighbours joined, then cut into the largest classes. It costs a walk over all free runs,
    // so it waits until as much as a sixteenth of the free units was freed since the last time.
    private bool TryMerge()
    {
        uint free = _next - InUse;
        if (_freedSinceMerge == 0 || _freedSinceMerge < free / 16)
        {
            return false;
        }

        List<(uint Unit, uint Units)> runs = [];
        for (int sizeClass = 0; sizeClass < _free.Length; sizeClass++)
        {
            foreach (uint unit in _free[sizeClass])
            {
                runs.Add((unit, RangeTrie.ClassUnits[sizeClass]));
            }

            _free[sizeClass].Clear();
        }

        runs.Sort();
        for (int i = 0; i < runs.Count;)
        {
            uint start = runs[i].Unit;
            uint end = start;
            for (; i < runs.Count && runs[i].Unit == end; i++)
            {
                end += runs[i].Units;
            }

            Push(start, end, _free.Length - 1);
        }

        _freedSinceMerge = 0;
        return true;
    }

    private bool TryCut(int sizeClass, out uint unit)
    {
        for (int larger = sizeClass + 1; larger < _free.Length; larger++)
        {
            if (_free[larger].TryPop(out unit))
            {
                Push(unit + RangeTrie.ClassUnits[sizeClass], unit + RangeTrie.ClassUnits[larger], larger - 1);
                return true;
            }
        }

        unit = 0;
        return false;
    }

    // A free run as classes, the largest first.
    private void Push(uint start, uint end, int largest)
    {
        for (int sizeClass = largest; sizeClass >= 0; sizeClass--)
        {
            for (; end - start >= RangeTrie.ClassUnits[sizeClass]; start += RangeTrie.ClassUnits[sizeClass])
            {
                _free[sizeClass].Push(start);
            }
        }
    }
}
