namespace LowLatency.Native.Tables;

/// <summary>Runs of units by size class, for <see cref="RangeTrieWriter"/>: what is retired waits until its
/// ticket is released. A larger free run is cut when the class has none.</summary>
internal sealed class UnitAllocator(uint units)
{
    private readonly Stack<uint>[] _free =
        [.. Enumerable.Range(0, RangeTrie.ClassUnits.Length).Select(_ => new Stack<uint>())];

    private readonly Queue<(long Ticket, uint Unit, int SizeClass)> _retired = new();
    private long _ticket;
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
            else if (!TryCut(sizeClass, out unit))
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

    private bool TryCut(int sizeClass, out uint unit)
    {
        for (int larger = sizeClass + 1; larger < _free.Length; larger++)
        {
            if (!_free[larger].TryPop(out unit))
            {
                continue;
            }

            uint rest = unit + RangeTrie.ClassUnits[sizeClass];
            uint end = unit + RangeTrie.ClassUnits[larger];
            for (int smaller = larger - 1; smaller >= 0; smaller--)
            {
                for (; end - rest >= RangeTrie.ClassUnits[smaller]; rest += RangeTrie.ClassUnits[smaller])
                {
                    _free[smaller].Push(rest);
                }
            }

            return true;
        }

        unit = 0;
        return false;
    }
}
