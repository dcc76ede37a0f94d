using LowLatency.Native.Layout;

namespace LowLatency.Control.Measuring;

/// <summary>One time in which a lane did not turn, for reports.</summary>
/// <param name="Process">"load" or "forward".</param>
/// <param name="Lane">The lane's name.</param>
/// <param name="StartNs">Start of the turn before it, CLOCK_MONOTONIC ns.</param>
/// <param name="LengthNs">Until the start of the next turn, ns.</param>
/// <param name="Turn">Number of the late turn.</param>
/// <param name="Regime">Regime it fell into, <see cref="CounterNames.Regimes"/>.</param>
/// <param name="Frames">Frames the late turn moved.</param>
internal sealed record GapRecord(
    string Process, string Lane, long StartNs, long LengthNs, ulong Turn, string Regime, uint Frames);

/// <summary>The longest gaps of a run and the count of all: bounded, whatever the run's length.</summary>
internal sealed class GapLog
{
    /// <summary>Gaps kept: a plot shows no more.</summary>
    public const int KeptMax = 1000;

    // Smallest first, so that the one to give up is at hand.
    private readonly PriorityQueue<GapRecord, long> _kept = new();

    /// <summary>All gaps seen.</summary>
    public long Count { get; private set; }

    /// <summary>Takes a gap in.</summary>
    public void Add(GapRecord gap)
    {
        Count++;
        if (_kept.Count < KeptMax)
        {
            _kept.Enqueue(gap, gap.LengthNs);
        }
        else
        {
            _kept.EnqueueDequeue(gap, gap.LengthNs);
        }
    }

    /// <summary>The kept ones in order of time, since <paramref name="fromNs"/>.</summary>
    public List<GapRecord> InOrder(long fromNs) =>
    [
        .. _kept.UnorderedItems.Select(item => item.Element)
            .Where(gap => gap.StartNs >= fromNs)
            .OrderBy(gap => gap.StartNs).ThenBy(gap => gap.Lane, StringComparer.Ordinal),
    ];
}
