namespace LowLatency.Control.Explaining;

/// <summary>Things of the last seconds in the order of their times, found by time in logarithmic steps. One
/// thread.</summary>
/// <param name="timeOf">Time of one, ns; nearly always no less than that of the one added before.</param>
internal sealed class OrderedWindow<T>(Func<T, long> timeOf)
{
    private const int SlackMin = 1024;
    private readonly List<T> _items = [];
    private int _first; // those before are dropped, and stay until they are half of all

    /// <summary>Takes one in, behind all of its time: what several CPUs tell comes a little out of
    /// order.</summary>
    public void Add(T item)
    {
        int at = _items.Count;
        while (at > _first && timeOf(_items[at - 1]) > timeOf(item))
        {
            at--;
        }

        _items.Insert(at, item);
    }

    /// <summary>Lets go of those of an earlier time.</summary>
    public void DropBefore(long ns)
    {
        _first = Find(ns);
        if (_first >= SlackMin && _first >= _items.Count / 2)
        {
            _items.RemoveRange(0, _first);
            _first = 0;
        }
    }

    /// <summary>Those of this time or later, in order.</summary>
    public IEnumerable<T> From(long ns)
    {
        for (int i = Find(ns); i < _items.Count; i++)
        {
            yield return _items[i];
        }
    }

    private int Find(long ns)
    {
        int low = _first;
        int high = _items.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (timeOf(_items[middle]) < ns)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
