using LowLatency.Dataplane.Tests.Stages;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Lanes;

public sealed class StageTimerTests
{
    private const int Bursts = 16 * StageTimes.BurstsPerSample;
    private static readonly PlanStage[] Unfused =
        [TestPlans.Stage(StageKind.MacRewrite, 0), TestPlans.Connect];

    [Fact]
    public void One_burst_in_many_is_measured_at_every_part_and_stage_and_no_other()
    {
        using LaneBench bench = Run(Bursts, Unfused);
        long measured = Bursts / StageTimes.BurstsPerSample;
        foreach (PipelinePart part in Enum.GetValues<PipelinePart>())
        {
            // The last one measured has no later turn to come back in.
            long least = part == PipelinePart.Completion ? measured - 1 : measured;
            Assert.InRange(Count(bench, StageTimes.At(part, isPerFrame: false)), least, measured);
            Assert.InRange(Count(bench, StageTimes.At(part, isPerFrame: true)), least, measured);
        }

        Assert.Equal(measured, Count(bench, StageTimes.At(stage: 0, isPerFrame: false)));
        Assert.Equal(measured, Count(bench, StageTimes.At(stage: 1, isPerFrame: true)));
        Assert.Equal(0, Count(bench, StageTimes.At(stage: 2, isPerFrame: false)));
    }

    [Fact]
    public void A_fused_pipeline_is_measured_as_one_stage()
    {
        using LaneBench bench = Run(Bursts, TestPlans.Connect, TestPlans.Stage(StageKind.MacRewrite, 1));
        Assert.Equal(1u, bench.Lane.Core.Page.IsFused);
        Assert.Equal(Bursts / StageTimes.BurstsPerSample,
            Count(bench, StageTimes.At(stage: 0, isPerFrame: false)));
        Assert.Equal(0, Count(bench, StageTimes.At(stage: 1, isPerFrame: false)));
    }

    [Fact]
    public void Nothing_is_measured_before_its_turn_has_come()
    {
        using LaneBench bench = Run(StageTimes.BurstsPerSample - 1, Unfused);
        Assert.Equal(0UL, bench.Region.StageTimesOf(0).Span.ToArray().Aggregate((a, b) => a + b));
    }

    [Fact]
    public void A_measured_burst_leaves_by_the_same_port_with_the_same_bytes()
    {
        using LaneBench bench = Run(Bursts, Unfused);
        Assert.Equal((ulong)Bursts, bench.Counters.TxFrames);
        Assert.Equal(0UL, bench.Counters.ConservationBreaks);
    }

    private static LaneBench Run(int bursts, params PlanStage[] stages)
    {
        LaneBench bench = new(TestPlans.Forward(stages, []), housekeeps: false);
        byte[] frame = TestPlans.Udp(4000);
        for (int i = 0; i < bursts; i++)
        {
            Assert.True(bench.Receive(0, frame));
            bench.Turn();
        }

        return bench;
    }

    private static long Count(LaneBench bench, int at)
    {
        long count = 0;
        foreach (ulong bucket in bench.Region.StageTimesOf(0).Slice(at, StageTimes.Length).Span)
        {
            count += (long)bucket;
        }

        return count;
    }
}
