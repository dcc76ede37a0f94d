using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;

namespace LowLatency.Control.Running;

/// <summary>What the stages of a lane say of themselves.</summary>
internal static class StageReader
{
    /// <summary>Reads a lane's stages, in order.</summary>
    /// <param name="live">The plan that runs and its tables.</param>
    /// <param name="region">Where the counters are.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="laneCounters">Its counters, read before.</param>
    public static IReadOnlyList<StageStatus> Read(
        LivePlan live, SharedRegion region, int lane, in LaneCounters laneCounters)
    {
        ReadOnlySpan<StageCounter> counters = region.StageCounters(lane).Span;
        PlanLane plan = live.Plan.Lane(lane);
        List<StageStatus> stages = [];
        long frames = (long)(laneCounters.RxFrames - laneCounters.RxFramesBefore);
        for (int i = 0; i < plan.StageCount; i++)
        {
            PlanStage stage = live.Plan.Stage((int)plan.FirstStage + i);
            Dictionary<string, long> drops = [];
            ForwardLedger.AddDrops(drops, counters[i].Drops);
            Dictionary<string, long> punts = [];
            ForwardLedger.AddPunts(punts, counters[i].Punts);
            long replicas = (long)counters[i].Replicas;
            stages.Add(new StageStatus(
                i, PlanWords.Of(stage.Kind), frames, drops, punts, replicas, Rules(live, region, plan, stage))
            {
                Stamp = stage.Kind == StageKind.Stamp && live.Tables is { } tables
                    ? StampOf(tables.Slice<ulong>((int)stage.FirstTable).Span) : null,
            });
            frames += replicas - drops.Values.Sum() - punts.Values.Sum();
        }

        return stages;
    }

    /// <summary>What a histogram with HdrHistogram's geometry says; null: nothing.</summary>
    public static StampStatus? StampOf(ReadOnlySpan<ulong> counts)
    {
        ulong all = 0;
        int last = 0;
        for (int i = 0; i < HdrGeometry.Length; i++)
        {
            all += counts[i];
            last = counts[i] > 0 ? i : last;
        }

        return all == 0 ? null : new StampStatus((long)all, At(counts, all, 0.5), At(counts, all, 0.99),
            At(counts, all, 0.999), HdrGeometry.ValueAt(last));
    }

    // The smallest value that so large a share of all does not exceed.
    private static long At(ReadOnlySpan<ulong> counts, ulong all, double share)
    {
        ulong wanted = (ulong)Math.Ceiling(all * share);
        ulong seen = 0;
        int index = 0;
        while (index < HdrGeometry.Length - 1 && (seen += counts[index]) < wanted)
        {
            index++;
        }

        return HdrGeometry.ValueAt(index);
    }

    private static List<RuleStatus> Rules(
        LivePlan live, SharedRegion region, in PlanLane lane, in PlanStage stage)
    {
        PathRuleCounters[] paths = stage.Kind != StageKind.Filter ? []
            : PathRules(region, lane);
        List<RuleStatus> rules = [];
        for (int i = 0; i < stage.RuleCount && live.Tables is not null; i++)
        {
            PlanRule rule = live.Plan.Rule((int)stage.FirstRule + i);
            RuleCounter counter = live.Tables.Slice<RuleCounter>((int)stage.FirstTable)[i];
            foreach (PathRuleCounters path in paths)
            {
                counter.Frames += i < XdpRules.Max ? path[i].Frames : 0;
                counter.Bytes += i < XdpRules.Max ? path[i].Bytes : 0;
            }

            rules.Add(new RuleStatus(rule.Name.ToString(), PlanWords.Of(rule.Action), (long)counter.Frames,
                (long)counter.Bytes));
        }

        return rules;
    }

    // What the XDP programs counted in the lane's place: there is one filter then, and these are its rules.
    private static PathRuleCounters[] PathRules(SharedRegion region, PlanLane lane) =>
        [.. Enumerable.Range(0, (int)lane.PortCount)
            .Select(own => region.ReadPort(lane.Ports[own]).PathRules)];
}
