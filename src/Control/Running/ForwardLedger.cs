using LowLatency.Control.Reporting;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Running;

/// <summary>What the forward lanes of a data plane received and where it went, since they were
/// armed.</summary>
/// <param name="Received">Frames taken from rx rings.</param>
/// <param name="Sent">Frames that the kernel gave back as sent.</param>
/// <param name="Held">Frames put into tx rings that did not come back, by reason: in passing while the lanes
/// run, what a dead port or a stuck driver kept once they have stopped.</param>
/// <param name="Drops">Frames that ended in the lanes, by reason.</param>
internal sealed record ForwardLedger(long Received, long Sent, IReadOnlyDictionary<string, long> Held,
    IReadOnlyDictionary<string, long> Drops)
{
    /// <summary>Frames that replicating stages made.</summary>
    public long Replicas { get; init; }

    /// <summary>Frames given to the kernel's stack, by reason.</summary>
    public IReadOnlyDictionary<string, long> Punts { get; init; } = new Dictionary<string, long>();

    /// <summary>Received or made, neither sent nor held nor given to the stack nor dropped with a name. 0
    /// once
    /// the lanes have stopped.</summary>
    public long Unaccounted => Received + Replicas - Sent - Held.Values.Sum() - Punts.Values.Sum()
        - Drops.Values.Sum();

    /// <summary>The ledger, for eyes.</summary>
    public string Line
    {
        get
        {
            string held = Held.Count > 0 ? $"+ {Sum(Held, "held")} " : "";
            string made = Replicas > 0 ? $"+ {Units.Count(Replicas)} replicas " : "";
            string punted = Punts.Count > 0 ? $"+ {Sum(Punts, "to the stack")} " : "";
            return $"forwarder: {Units.Count(Received)} received {made}= {Units.Count(Sent)} sent "
                + $"{held}{punted}"
                + $"+ {Sum(Drops, "dropped")} + {Units.Count(Unaccounted)} unaccounted";
        }
    }

    /// <summary>Reads the pages of all forward lanes.</summary>
    public static ForwardLedger Read(SharedRegion region)
    {
        long received = 0, sent = 0, replicas = 0;
        Dictionary<string, long> punts = [];
        Dictionary<string, long> held = [];
        Dictionary<string, long> drops = [];
        for (int lane = 0; lane < region.Plan.LaneCount; lane++)
        {
            if (region.Plan.Lane(lane).Kind != LaneKind.Forward)
            {
                continue;
            }

            LaneCounters counters = region.ReadCounters(lane);
            received += (long)counters.RxFrames;
            sent += (long)counters.TxFrames - counters.FramesTxSide;
            AddHeld(held, counters, TxInvalid(region, lane));
            AddDrops(drops, counters.Drops);
            replicas += (long)counters.Replicas;
            AddPunts(punts, counters.Punts);
        }

        return new ForwardLedger(received, sent, held, drops) { Replicas = replicas, Punts = punts };
    }

    /// <summary>Adds a lane's frames on the tx side, by what is known of them.</summary>
    /// <param name="held">Sums by name.</param>
    /// <param name="counters">The lane's.</param>
    /// <param name="invalid">Descriptors that the kernel refused on the lane's ports.</param>
    public static void AddHeld(Dictionary<string, long> held, in LaneCounters counters, long invalid)
    {
        long taken = counters.FramesTxSide - counters.FramesTxRing;
        long refused = Math.Min(invalid, taken);
        Add(held, CounterNames.TxNotTaken, counters.FramesTxRing);
        Add(held, CounterNames.TxInvalid, refused);
        Add(held, CounterNames.TxNotCompleted, taken - refused);
    }

    /// <summary>Descriptors that the kernel refused on the ports of a lane.</summary>
    public static long TxInvalid(SharedRegion region, int lane)
    {
        ref readonly PlanLane plan = ref region.Plan.Lane(lane);
        long invalid = 0;
        for (int port = 0; port < plan.PortCount; port++)
        {
            invalid += (long)region.ReadPort((int)plan.Ports[port]).Xdp.TxInvalidDescs;
        }

        return invalid;
    }

    /// <summary>Adds the reasons that have frames, by name.</summary>
    public static void AddDrops(Dictionary<string, long> drops, in DropCounters counters)
    {
        for (int reason = 0; reason < DropCounters.Count; reason++)
        {
            string name = reason < CounterNames.Drops.Length ? CounterNames.Drops[reason]
                : $"reason-{reason}";
            Add(drops, name, (long)counters[reason]);
        }
    }

    /// <summary>Adds the reasons that have frames, by name.</summary>
    public static void AddPunts(Dictionary<string, long> punts, in PuntCounters counters)
    {
        for (int reason = 0; reason < PuntCounters.Count; reason++)
        {
            Add(punts, reason < CounterNames.Punts.Length ? CounterNames.Punts[reason] : $"punt-{reason}",
                (long)counters[reason]);
        }
    }

    private static void Add(Dictionary<string, long> sums, string name, long count)
    {
        if (count > 0)
        {
            sums[name] = sums.GetValueOrDefault(name) + count;
        }
    }

    private static string Sum(IReadOnlyDictionary<string, long> counts, string verb)
    {
        string names = string.Join(", ", counts.Select(pair => $"{pair.Key} {Units.Count(pair.Value)}"));
        return $"{Units.Count(counts.Values.Sum())} {verb}" + (names.Length > 0 ? $" ({names})" : "");
    }
}
