using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>fanout, mirror and stamp stages in a real lane of four ports.</summary>
public sealed class ReplicateTests
{
    private const int Ports = 4;

    [Theory]
    [InlineData(true)]  // the last stage: frames are shared
    [InlineData(false)] // before another: each has bytes of its own
    public void EachMemberButTheIngressGetsTheFrame(bool isLast)
    {
        using LaneBench bench = Fanout(isLast, members: 0b1110);
        for (int round = 0; round < 500; round++) // more often than there are frames: all come back
        {
            Assert.Equal([1, 2, 3], Send(bench, 0, TestPlans.Udp()));
            Assert.Equal([2, 3], Send(bench, 1, TestPlans.Udp()));
        }

        Assert.Equal(500UL * 3, bench.Counters.Replicas);
        Assert.Equal(0UL, bench.Counters.ReplicasMissed);
        Assert.Equal(500UL * 3, bench.Region.StageCounters(0)[0].Replicas);
        bench.Turn(); // the last ones come back
        Assert.Equal((0L, 0UL), (bench.Counters.FramesShared, bench.Counters.ConservationBreaks));
    }

    [Fact]
    public void ASharedFrameIsFreeWhenTheLastPortHasSentIt()
    {
        using LaneBench bench = Fanout(isLast: true, members: 0b1110);
        bench.Port(2).Completes = bench.Port(3).Completes = false;
        int before = bench.Lane.Core.Pool.Count;
        Send(bench, 0, TestPlans.Udp());
        bench.Turn();
        Assert.Equal(1, bench.Lane.Core.Pool.Shared); // one of three has come back; the last that does frees it
        Assert.Equal(before - 1, bench.Lane.Core.Pool.Count);
    }

    [Fact]
    public void AGroupHasItsOwnMembers()
    {
        using LaneBench bench = Fanout(isLast: true, members: 0, groups: 2);
        NativeSpan<FanoutGroup> table = bench.Tables.Slice<FanoutGroup>(0);
        byte[] address = [10, 1, 0, 1]; // of TestPlans.Udp
        int place = FanoutGroup.PlaceOf(address, 2);
        table[place].Family = 4;
        table[place].Members = 0b1010;
        address.CopyTo(table[place].Address);
        Assert.Equal([1, 3], Send(bench, 0, TestPlans.Udp()));
        byte[] other = TestPlans.Udp();
        other[33] = 99;
        Assert.Empty(Send(bench, 0, other));
        Assert.Equal(1UL, bench.Counters.Drops[(int)DropReason.FanoutNoMember]);
    }

    [Fact]
    public void ACopyThatFindsAFullRingEndsByNameAndTheOthersGoOn()
    {
        using LaneBench bench = Fanout(isLast: true, members: 0b1110);
        bench.Port(2).Budget = 0;
        for (int i = 0; i < 200; i++)
        {
            Assert.True(bench.Receive(0, TestPlans.Udp()));
            bench.Turn();
        }

        Assert.Equal(200, bench.Port(1).Sent.Count);
        Assert.Equal(200, bench.Port(3).Sent.Count);
        Assert.Equal(200UL - 64, bench.Counters.Drops[(int)DropReason.TxRingFull]);
    }

    [Fact]
    public void MirrorCopiesWhatTheRulesLetPassWhateverBecomesOfIt()
    {
        PlanRule drop = new() { Family = 4, Protocol = 6, SourcePortHigh = 65535, DestinationPortHigh = 65535, Port = -1,
            Action = RuleAction.Drop };
        PlanRule all = new() { Protocol = 256, SourcePortHigh = 65535, DestinationPortHigh = 65535, Port = -1 };
        PlanRule dropAll = all with { Action = RuleAction.Drop };
        PlanStage mirror = TestPlans.Stage(StageKind.Mirror) with { RuleCount = 2 };
        new MirrorSettings(Port: 3, From: 0b0111, Sample: 1, SnapBytes: 40).Write(ref mirror);
        PlanStage filter = TestPlans.Stage(StageKind.Filter) with { FirstRule = 2, RuleCount = 1 };
        PlanImage plan = TestPlans.Forward([mirror, filter, TestPlans.Connect], [drop, all, dropAll], frames: 512,
            portCount: Ports);
        PlanRecheck.Check(plan);
        using LaneBench bench = new(plan);
        byte[] tcp = TestPlans.Udp();
        tcp[23] = 6;
        Assert.Equal([3], Send(bench, 0, TestPlans.Udp())); // its original is dropped by the filter behind
        Assert.Equal(TestPlans.Udp()[..40], bench.Port(3).Sent[0]);
        Assert.Empty(Send(bench, 0, tcp));
        Assert.Equal([1UL, 1UL], bench.Tables.Slice<RuleCounter>(0).Span.ToArray().Select(rule => rule.Frames));
        Assert.Equal(2UL, bench.Counters.Drops[(int)DropReason.FilterRule]);
    }

    [Fact]
    public void MirrorTakesOneInSoManyOfItsPorts()
    {
        PlanStage mirror = TestPlans.Stage(StageKind.Mirror);
        new MirrorSettings(Port: 3, From: 0b0001, Sample: 4, SnapBytes: 0).Write(ref mirror);
        using LaneBench bench = new(TestPlans.Forward([mirror, TestPlans.Connect], frames: 512, portCount: Ports));
        for (int i = 0; i < 40; i++)
        {
            bench.Receive(0, TestPlans.Udp());
            bench.Receive(1, TestPlans.Udp());
            bench.Turn();
        }

        Assert.Equal((10, 40, 40), (bench.Port(3).Sent.Count, bench.Port(0).Sent.Count, bench.Port(1).Sent.Count));
    }

    [Fact]
    public void StampMeasuresSomeBursts()
    {
        PlanStage stamp = TestPlans.Stage(StageKind.Stamp) with { TableCount = 1 };
        new StampSettings(Sample: 3).Write(ref stamp);
        PlanTable table = new() { Kind = TableKind.Histogram, Bytes = RegionLayout.HistogramBytes };
        PlanImage plan = TestPlans.Forward([stamp, TestPlans.Connect], tables: [table]);
        PlanRecheck.Check(plan);
        using LaneBench bench = new(plan);
        for (int i = 0; i < 30; i++)
        {
            bench.Receive(0, TestPlans.Udp());
            bench.Receive(0, TestPlans.Udp());
            bench.Turn();
        }

        ulong measured = 0;
        foreach (ulong count in bench.Tables.Slice<ulong>(0).Span)
        {
            measured += count;
        }

        Assert.Equal(20UL, measured); // ten bursts of two
    }

    private static LaneBench Fanout(bool isLast, long members, int groups = 0)
    {
        PlanStage stage = TestPlans.Stage(StageKind.Fanout) with { TableCount = 1 };
        new FanoutSettings(members).Write(ref stage);
        PlanTable table = new() { Kind = TableKind.Entries, Bytes = groups * FanoutGroup.SizeBytes };
        PlanStage rewrite = TestPlans.Stage(StageKind.MacRewrite, 1) with { DestinationMac = 0x1234 };
        PlanImage plan = TestPlans.Forward(isLast ? [stage] : [stage, rewrite], frames: 512, portCount: Ports,
            tables: [table]);
        PlanRecheck.Check(plan);
        return new LaneBench(plan);
    }

    private static int[] Send(LaneBench bench, int ingress, byte[] frame)
    {
        for (int port = 0; port < Ports; port++)
        {
            bench.Port(port).Sent.Clear();
        }

        Assert.True(bench.Receive(ingress, frame));
        bench.Turn();
        return [.. Enumerable.Range(0, Ports).Where(port => bench.Port(port).Sent.Count > 0)];
    }
}
