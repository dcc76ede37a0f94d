using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>Builds a lane's pipeline from its plan, at boot. Common pipelines become one fused stage: one
/// loop, no calls inside; any other is a list of stages with one virtual call each per burst.</summary>
internal static class PipelineBuilder
{
    /// <summary>The stages of a lane, in order; one when it was fused.</summary>
    public static IStage[] Build(PlanImage plan, int lane, NativeSpan<RuleCounter> counters, bool fuse = true)
    {
        PlanLane entry = plan.Lane(lane);
        PlanStage[] stages = new PlanStage[entry.StageCount];
        for (int i = 0; i < stages.Length; i++)
        {
            stages[i] = plan.Stage((int)entry.FirstStage + i);
        }

        Context context = new(plan, stages, counters);
        IStage? fused = fuse ? TryFuse(context) : null;
        if (fused != null)
        {
            return [fused];
        }

        IStage[] list = new IStage[stages.Length];
        for (int i = 0; i < stages.Length; i++)
        {
            list[i] = Single(context, i);
        }

        return list;
    }

    private static IStage? TryFuse(Context c)
    {
        StageKind[] kinds = Array.ConvertAll(c.Stages, stage => stage.Kind);
        return kinds switch
        {
            [StageKind.CrossConnect] => new Stage<CrossConnect>(c.CrossConnect(0)),
            [StageKind.MacSwap, StageKind.CrossConnect] =>
                new Stage<Fused<MacSwap, CrossConnect>>(new(default, c.CrossConnect(1))),
            [StageKind.CrossConnect, StageKind.MacSwap] =>
                new Stage<Fused<CrossConnect, MacSwap>>(new(c.CrossConnect(0), default)),
            [StageKind.CrossConnect, StageKind.MacRewrite] =>
                new Stage<Fused<CrossConnect, MacRewrite>>(new(c.CrossConnect(0), c.MacRewrite(1))),
            [StageKind.CrossConnect, StageKind.MacRewrite, StageKind.MacRewrite] =>
                new Stage<Fused<CrossConnect, Fused<MacRewrite, MacRewrite>>>(
                    new(c.CrossConnect(0), new(c.MacRewrite(1), c.MacRewrite(2)))),
            [StageKind.Filter, StageKind.CrossConnect] =>
                new Stage<Fused<Filter, CrossConnect>>(new(c.Filter(0), c.CrossConnect(1))),
            [StageKind.Filter, StageKind.CrossConnect, StageKind.MacRewrite] =>
                new Stage<Fused<Filter, Fused<CrossConnect, MacRewrite>>>(
                    new(c.Filter(0), new(c.CrossConnect(1), c.MacRewrite(2)))),
            [StageKind.Filter, StageKind.CrossConnect, StageKind.MacRewrite, StageKind.MacRewrite] =>
                new Stage<Fused<Filter, Fused<CrossConnect, Fused<MacRewrite, MacRewrite>>>>(
                    new(c.Filter(0), new(c.CrossConnect(1), new(c.MacRewrite(2), c.MacRewrite(3))))),
            [StageKind.Reflect] => new Stage<Reflect>(default),
            _ => null,
        };
    }

    private static IStage Single(Context c, int i) => c.Stages[i].Kind switch
    {
        StageKind.CrossConnect => new Stage<CrossConnect>(c.CrossConnect(i)),
        StageKind.MacRewrite => new Stage<MacRewrite>(c.MacRewrite(i)),
        StageKind.MacSwap => new Stage<MacSwap>(default),
        StageKind.Filter => new Stage<Filter>(c.Filter(i)),
        StageKind.Reflect => new Stage<Reflect>(default),
        _ => throw new PlanFormatException($"stage {i} has kind {(uint)c.Stages[i].Kind}, which this lowlatd lacks"),
    };

    private readonly struct Context(PlanImage plan, PlanStage[] stages, NativeSpan<RuleCounter> counters)
    {
        public PlanStage[] Stages { get; } = stages;

        public CrossConnect CrossConnect(int i) => new(Stages[i].PortA, Stages[i].PortB);

        public MacRewrite MacRewrite(int i) =>
            new(Stages[i].PortA, Stages[i].DestinationMac, Stages[i].SourceMac);

        public Filter Filter(int i)
        {
            int before = 0;
            for (int stage = 0; stage < i; stage++)
            {
                before += (int)Stages[stage].RuleCount;
            }

            PlanRule[] rules = new PlanRule[Stages[i].RuleCount];
            for (int rule = 0; rule < rules.Length; rule++)
            {
                rules[rule] = plan.Rule((int)Stages[i].FirstRule + rule);
            }

            return new Filter(rules, Stages[i].DefaultAction, counters.Slice(before, rules.Length));
        }
    }
}
