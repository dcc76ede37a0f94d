using LowLatency.Dataplane.Tests.Boot;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Paths;

/// <summary>What is not put into the kernel, and why.</summary>
public sealed class PathCompilerTests
{
    [Theory]
    [InlineData(StageKind.Reflect)]
    [InlineData(StageKind.Nat)]
    [InlineData(StageKind.Mirror)]
    public void A_stage_that_needs_a_lane_is_named(StageKind kind) => Assert.Equal(
        "stage 1 is of a kind that only a lane runs",
        PathCompiler.WhyNot(TestPlans.Forward([TestPlans.Connect, TestPlans.Stage(kind)]), 0));

    [Fact]
    public void A_second_filter_and_too_many_rules_stay_with_the_lane()
    {
        PlanStage filter = TestPlans.Stage(StageKind.Filter);
        Assert.Equal("stage 2 is a second filter",
            PathCompiler.WhyNot(TestPlans.Forward([filter, TestPlans.Connect, filter]), 0));
        filter.RuleCount = XdpRules.Max;
        PlanRule[] rules = new PlanRule[XdpRules.Max + 1];
        Assert.Equal("", PathCompiler.WhyNot(TestPlans.Forward([filter], rules), 0));
        filter.RuleCount++;
        Assert.Equal($"stage 0 has 65 rules, more than {XdpRules.Max}",
            PathCompiler.WhyNot(TestPlans.Forward([filter], rules), 0));
    }

    [Fact]
    public void A_route_stage_goes_into_the_kernel_alone_or_behind_a_filter()
    {
        PlanStage route = TestPlans.Stage(StageKind.Route);
        PlanStage filter = TestPlans.Stage(StageKind.Filter);
        Assert.Equal("", PathCompiler.WhyNot(TestPlans.Forward([route]), 0));
        Assert.Equal("", PathCompiler.WhyNot(TestPlans.Forward([filter, route]), 0));
        Assert.Equal("stage 1 is of a kind that only a lane combines with route stage 0",
            PathCompiler.WhyNot(TestPlans.Forward([route, filter]), 0));
        Assert.Equal("stage 0 is of a kind that only a lane combines with route stage 1",
            PathCompiler.WhyNot(TestPlans.Forward([TestPlans.Connect, route]), 0));
        Assert.Equal("stage 1 is of a kind that only a lane combines with route stage 0",
            PathCompiler.WhyNot(TestPlans.Forward([route, route]), 0));
    }

    [Fact]
    public void Vlan_stages_go_into_the_kernel_one_for_each_direction()
    {
        PlanStage enter = TestPlans.Stage(StageKind.Vlan);
        PlanStage leave = TestPlans.Stage(StageKind.Vlan);
        new VlanSettings(IsOut: true).Write(ref leave);
        Assert.Equal("", PathCompiler.WhyNot(TestPlans.Forward([enter, TestPlans.Connect, leave]), 0));
        Assert.Equal("vlan stage 0 has none of direction in before it",
            PathCompiler.WhyNot(TestPlans.Forward([leave, TestPlans.Connect]), 0));
        Assert.Equal("vlan stage 1 is a second one",
            PathCompiler.WhyNot(TestPlans.Forward([enter, enter, TestPlans.Connect]), 0));
        Assert.Equal("stage 0 is of a kind that only a lane combines with route stage 1",
            PathCompiler.WhyNot(TestPlans.Forward([enter, TestPlans.Stage(StageKind.Route)]), 0));
    }

    [Fact]
    public void Ports_that_share_an_interface_or_live_in_two_namespaces_stay_with_the_lane()
    {
        PlanParts parts = PlanParts.Of(TestPlans.Forward([TestPlans.Connect]));
        parts.Ports[1].InterfaceNumber = 0;
        Assert.EndsWith("is two ports of it", PathCompiler.WhyNot(parts.Build(), 0),
            StringComparison.Ordinal);
        parts.Ports[1].InterfaceNumber = 1;
        Assert.Equal("", PathCompiler.WhyNot(parts.Build(), 0));
        parts.Ports[1].NetworkNamespace.Set("/run/netns/other");
        Assert.Equal("its ports are in different network namespaces", PathCompiler.WhyNot(parts.Build(), 0));
        PlanImage load = TestPlans.Load(TestPlans.MakeLoad());
        Assert.Equal("it is no forwarding lane", PathCompiler.WhyNot(load, 0));
    }

    [Fact]
    public void A_port_that_nothing_is_connected_to_has_no_path()
    {
        PlanImage plan = TestPlans.Forward([TestPlans.Connect], portCount: 3);
        Assert.True(PathCompiler.TryCompile(plan, 0, 1, out XdpPath path));
        Assert.Equal(0u, path.Egress);
        Assert.False(PathCompiler.TryCompile(plan, 0, 2, out _));
    }
}
