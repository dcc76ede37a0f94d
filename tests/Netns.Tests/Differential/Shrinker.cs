namespace LowLatency.Netns.Tests.Differential;

/// <summary>Makes a failing list of frames small: first fewer frames, then shorter ones, then zeroes in place
/// of bytes that do not matter. Each step is kept only if the list still fails.</summary>
public sealed class Shrinker
{
    private const int HeaderBytes = 14; // a frame cannot be shorter
    private readonly Func<IReadOnlyList<Stimulus>, bool> _fails;
    private int _budget;

    /// <summary>Makes one.</summary>
    /// <param name="fails">Tries a list.</param>
    /// <param name="budget">Tries it at most so often.</param>
    public Shrinker(Func<IReadOnlyList<Stimulus>, bool> fails, int budget = 600)
    {
        _fails = fails;
        _budget = budget;
    }

    /// <summary>Tries that are left.</summary>
    public int Budget => _budget;

    /// <summary>The smallest list found; it fails if the given one does.</summary>
    public List<Stimulus> Shrink(IReadOnlyList<Stimulus> failing)
    {
        List<Stimulus> list = DropFrames([.. failing]);
        for (int i = 0; i < list.Count; i++)
        {
            Shorten(list, i);
            Zero(list, i);
        }

        return list;
    }

    // Most often one frame does it alone. Else halves, then quarters, … are left out, down to single frames.
    private List<Stimulus> DropFrames(List<Stimulus> list)
    {
        if (list.Count > 1 && list.Find(frame => Fails([frame])) is Stimulus only)
        {
            return [only];
        }

        for (int size = (list.Count + 1) / 2; size >= 1;)
        {
            bool hasDropped = false;
            for (int from = 0; from < list.Count && list.Count > 1;)
            {
                int count = Math.Min(size, list.Count - from);
                List<Stimulus> fewer = [.. list[..from], .. list[(from + count)..]];
                if (fewer.Count > 0 && Fails(fewer))
                {
                    list = fewer;
                    hasDropped = true;
                }
                else
                {
                    from += count;
                }
            }

            size = hasDropped && size > 1 ? Math.Min(size, (list.Count + 1) / 2) : size / 2;
        }

        return list;
    }

    private void Shorten(List<Stimulus> list, int index)
    {
        for (int cut = list[index].Frame.Length / 2; cut >= 1; cut /= 2)
        {
            while (list[index].Frame.Length - cut >= HeaderBytes
                && TryFrame(list, index, list[index].Frame[..^cut]))
            {
            }
        }
    }

    private void Zero(List<Stimulus> list, int index)
    {
        for (int size = Math.Max(1, list[index].Frame.Length / 4); size >= 1; size /= 2)
        {
            for (int at = 0; at < list[index].Frame.Length; at += size)
            {
                byte[] frame = list[index].Frame;
                int count = Math.Min(size, frame.Length - at);
                if (frame.AsSpan(at, count).IndexOfAnyExcept((byte)0) >= 0)
                {
                    TryFrame(list, index, [.. frame[..at], .. new byte[count], .. frame[(at + count)..]]);
                }
            }
        }
    }

    // Also with the header's checksum made right, since a router looks no further at a wrong one.
    private bool TryFrame(List<Stimulus> list, int index, byte[] frame)
    {
        byte[] repaired = [.. frame];
        Packets.Repair(repaired);
        foreach (byte[] candidate in (byte[][])[frame, repaired])
        {
            List<Stimulus> changed = [.. list];
            changed[index] = list[index] with { Frame = candidate };
            if (!candidate.AsSpan().SequenceEqual(list[index].Frame) && Fails(changed))
            {
                list[index] = changed[index];
                return true;
            }
        }

        return false;
    }

    private bool Fails(IReadOnlyList<Stimulus> list) => _budget-- > 0 && _fails(list);
}
