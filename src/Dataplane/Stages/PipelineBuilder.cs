using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>Builds a lane's pipeline from its plan, at boot and for each reload. Common pipelines become one
/// fused stage: one loop, no calls inside; any other is a list of stages with one virtual call each per
/// burst.</summary>
internal static class PipelineBuilder
{
    /// <summary>The pipeline of a lane.</summary>
    public static Pipeline Build(PlanImage plan, int lane, TableMemory tables, bool fuse = true)
    {
        PlanLane entry = plan.Lane(lane);
        StageContext[] contexts = new StageContext[entry.StageCount];
        IStage[] single = new IStage[entry.StageCount];
        int[] numbers = new int[entry.StageCount];
        for (int i = 0; i < single.Length; i++)
        {
            contexts[i] = new StageContext(plan, lane, i, tables);
            single[i] = Single(contexts[i]);
            numbers[i] = i;
        }

        IStage? fused = fuse ? TryFuse(contexts) : null;
        return new Pipeline
        {
            Stages = fused != null ? [fused] : single,
            Single = single,
            Numbers = fused != null ? [0] : numbers,
            Generation = plan.Header.Generation,
        };
    }

    private static IStage? TryFuse(StageContext[] c)
    {
        StageKind[] kinds = Array.ConvertAll(c, context => context.Stage.Kind);
        return kinds switch
        {
            [StageKind.CrossConnect] => Of(CrossConnect(c[0])),
            [StageKind.MacSwap, StageKind.CrossConnect] => Of(Then(MacSwap(c[0]), CrossConnect(c[1]))),
            [StageKind.CrossConnect, StageKind.MacSwap] => Of(Then(CrossConnect(c[0]), MacSwap(c[1]))),
            [StageKind.CrossConnect, StageKind.MacRewrite] =>
                Of(Then(CrossConnect(c[0]), MacRewrite(c[1]))),
            [StageKind.CrossConnect, StageKind.MacRewrite, StageKind.MacRewrite] =>
                Of(Then(CrossConnect(c[0]), Then(MacRewrite(c[1]), MacRewrite(c[2])))),
            [StageKind.Filter, StageKind.CrossConnect] => Of(Then(Filter(c[0]), CrossConnect(c[1]))),
            [StageKind.Filter, StageKind.CrossConnect, StageKind.MacRewrite] =>
                Of(Then(Filter(c[0]), Then(CrossConnect(c[1]), MacRewrite(c[2])))),
            [StageKind.Filter, StageKind.CrossConnect, StageKind.MacRewrite, StageKind.MacRewrite] =>
                Of(Then(Filter(c[0]),
                    Then(CrossConnect(c[1]), Then(MacRewrite(c[2]), MacRewrite(c[3]))))),
            [StageKind.Reflect] => Of(Reflect(c[0])),
            _ => null,
        };
    }

    private static IStage Single(in StageContext c) => c.Stage.Kind switch
    {
        StageKind.CrossConnect => Of(CrossConnect(c)),
        StageKind.MacRewrite => Of(MacRewrite(c)),
        StageKind.MacSwap => Of(MacSwap(c)),
        StageKind.Filter => Of(Filter(c)),
        StageKind.Reflect => Of(Reflect(c)),
        StageKind.Route => new Route(c),
        StageKind.Vlan => new Vlan(c),
        StageKind.Switch => new Switch(c),
        StageKind.Fanout => new Fanout(c),
        StageKind.Mirror => new Mirror(c),
        StageKind.Nat => new Nat(c),
        StageKind.Police => new Police(c),
        StageKind.Stamp => new Stamp(c),
        StageKind.Arbitrate => new Arbitrate(c),
        StageKind.Acl => new Acl(c),
        StageKind.Record => new Record(c),
        _ => throw new PlanFormatException(
            $"stage {c.Number} has kind {(uint)c.Stage.Kind}, which this lowlatd lacks"),
    };

    private static Stage<T> Of<T>(T step)
        where T : struct, IStep => new(step);

    private static Fused<TFirst, TSecond> Then<TFirst, TSecond>(TFirst first, TSecond second)
        where TFirst : struct, IStep
        where TSecond : struct, IStep => new(first, second);

    private static Placed<CrossConnect> CrossConnect(in StageContext c) =>
        new(new CrossConnect(c.Stage.PortA, c.Stage.PortB), c.Number);

    private static Placed<MacRewrite> MacRewrite(in StageContext c) =>
        new(new MacRewrite(c.Stage.PortA, c.Stage.DestinationMac, c.Stage.SourceMac), c.Number);

    private static Placed<MacSwap> MacSwap(in StageContext c) => new(default, c.Number);

    private static Placed<Reflect> Reflect(in StageContext c) => new(default, c.Number);

    private static Placed<Filter> Filter(in StageContext c)
    {
        PlanRule[] rules = new PlanRule[c.Stage.RuleCount];
        for (int rule = 0; rule < rules.Length; rule++)
        {
            rules[rule] = c.Rule(rule);
        }

        NativeSpan<RuleCounter> counters = rules.Length == 0 ? default : c.Table<RuleCounter>(0);
        return new(
            new Filter(rules, c.Stage.DefaultAction, counters.Slice(0, rules.Length)), c.Number);
    }
}
