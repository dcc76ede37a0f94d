using LowLatency.Control.Reporting;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Running;

/// <summary>What the forward lanes of a data plane received and where it went, since they were
/// armed.</summary>
/// <param name="Received">Frames taken from rx rings.</param>
/// <param name="Sent">Frames put into tx rings.</param>
/// <param name="Drops">Frames that ended in the lanes, by reason.</param>
internal sealed record ForwardLedger(long Received, long Sent, IReadOnlyDictionary<string, long> Drops)
{
    /// <summary>Received, neither sent nor dropped with a name. 0 once the lanes have stopped.</summary>
    public long Unaccounted => Received - Sent - Drops.Values.Sum();

    /// <summary>The ledger, for eyes.</summary>
    public string Line
    {
        get
        {
            string names = string.Join(", ", Drops.Select(drop => $"{drop.Key} {Units.Count(drop.Value)}"));
            return $"forwarder: {Units.Count(Received)} received = {Units.Count(Sent)} sent "
                + $"+ {Units.Count(Drops.Values.Sum())} dropped{(names.Length > 0 ? $" ({names})" : "")} "
                + $"+ {Units.Count(Unaccounted)} unaccounted";
        }
    }

    /// <summary>Reads the pages of all forward lanes.</summary>
    public static ForwardLedger Read(SharedRegion region)
    {
        long received = 0, sent = 0;
        Dictionary<string, long> drops = [];
        for (int lane = 0; lane < region.Plan.LaneCount; lane++)
        {
            if (region.Plan.Lane(lane).Kind != LaneKind.Forward)
            {
                continue;
            }

            LaneCounters counters = region.ReadCounters(lane);
            received += (long)counters.RxFrames;
            sent += (long)counters.TxFrames;
            AddDrops(drops, counters.Drops);
        }

        return new ForwardLedger(received, sent, drops);
    }

    /// <summary>Adds the reasons that have frames, by name.</summary>
    public static void AddDrops(Dictionary<string, long> drops, in DropCounters counters)
    {
        for (int reason = 0; reason < DropCounters.Count; reason++)
        {
            if (counters[reason] > 0)
            {
                string name = reason < CounterNames.Drops.Length ? CounterNames.Drops[reason]
                    : $"reason-{reason}";
                drops[name] = drops.GetValueOrDefault(name) + (long)counters[reason];
            }
        }
    }
}
