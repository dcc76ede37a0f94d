using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Dataplane.Tests.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Paths;

/// <summary>The same frames through the XDP program, in the kernel, and through a real lane: what a path
/// decides must be what the lane decides, to the byte.</summary>
public sealed class PathDifferenceTests
{
    private const int Pipelines = 60;
    private const int FramesEach = 250;
    private const int Loopback = 1; // an interface that every namespace has

    [Fact]
    public void A_path_does_what_the_lane_does()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        int[] seen = new int[OutcomeCounters.Count];
        for (int pipeline = 0; pipeline < Pipelines; pipeline++)
        {
            Compare(pipeline, seen);
        }

        // It says something only if everything happens, and most frames need no lane.
        Assert.InRange(seen[(int)XdpOutcome.DroppedRule], 300, Pipelines * FramesEach);
        Assert.InRange(seen[(int)XdpOutcome.DroppedDefault], 300, Pipelines * FramesEach);
        Assert.InRange(seen[(int)XdpOutcome.Offloaded], 3000, Pipelines * FramesEach);
        Assert.InRange(seen[(int)XdpOutcome.PassedNoSocket], 300, Pipelines * FramesEach / 2);
    }

    [Fact]
    public void A_frame_longer_than_the_egress_takes_is_the_lanes()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        PlanImage plan = TestPlans.Forward([TestPlans.Connect]);
        using XdpObject loaded = Load(plan, 0);
        Assert.Equal(XdpOutcome.Offloaded, PathProgram.Run(loaded, TestPlans.Udp(bytes: 1518), out _));
        Assert.Equal(XdpOutcome.PassedNoSocket, PathProgram.Run(loaded, TestPlans.Udp(bytes: 1519), out _));
    }

    [Fact]
    public void A_path_that_is_off_leaves_all_to_the_lane_and_the_last_one_written_counts()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        PlanImage plan = TestPlans.Forward([TestPlans.Connect, TestPlans.Stage(StageKind.MacSwap)]);
        using XdpObject loaded = Load(plan, 0);
        byte[] frame = TestPlans.Udp();
        Assert.Equal(Errno.Ok, loaded.UsePath(null));
        Assert.Equal(XdpOutcome.PassedNoSocket, PathProgram.Run(loaded, frame, out byte[] untouched));
        Assert.Equal(frame, untouched);
        Assert.True(PathCompiler.TryCompile(TestPlans.Forward([TestPlans.Connect]), 0, 0, out XdpPath plain));
        Assert.Equal(Errno.Ok, loaded.WritePath(1, plain));
        Assert.Equal(Errno.Ok, loaded.UsePath(1));
        Assert.Equal(XdpOutcome.Offloaded, PathProgram.Run(loaded, frame, out byte[] connected));
        Assert.Equal(frame, connected);
        Assert.Equal(Errno.Ok, loaded.UsePath(0));
        Assert.Equal(XdpOutcome.Offloaded, PathProgram.Run(loaded, frame, out byte[] swapped));
        Assert.Equal([.. frame[6..12], .. frame[..6], .. frame[12..]], swapped);
    }

    [Fact]
    public void An_egress_that_is_not_there_leaves_all_to_the_lane()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        Assert.True(PathCompiler.TryCompile(TestPlans.Forward([TestPlans.Connect]), 0, 0, out XdpPath path));
        using XdpObject loaded = XdpObject.Load(new XdpConfig { Claim = Claim.All }, queueCount: 1);
        Assert.Equal(Errno.Ok, loaded.WritePath(0, path));
        Assert.Equal(Errno.Ok, loaded.UsePath(0));
        Assert.Equal(XdpOutcome.PassedNoSocket, PathProgram.Run(loaded, TestPlans.Udp(), out _));
    }

    private static void Compare(int seed, int[] seen)
    {
        Random random = new(seed);
        PlanRule[] rules = [.. Enumerable.Range(0, random.Next(9)).Select(_ => FilterTests.MakeRule(random))];
        for (int i = 0; i < rules.Length; i++)
        {
            rules[i].Port = rules[i].Port == 2 ? -1 : rules[i].Port; // the plan has two ports
        }

        PlanImage plan = TestPlans.Forward(MakeStages(random, (uint)rules.Length), rules);
        Assert.Equal("", PathCompiler.WhyNot(plan, 0));
        int ingress = random.Next(2);
        using XdpObject loaded = Load(plan, ingress);
        using LaneBench bench = new(plan);
        RuleCounter[] expected = new RuleCounter[rules.Length];
        for (int i = 0; i < FramesEach; i++)
        {
            byte[] frame = FrameMaker.Make(((ulong)seed << 32) + (ulong)i);
            CompareFrame(loaded, bench, plan, ingress, frame, expected, seen);
        }

        for (int rule = 0; rule < rules.Length; rule++)
        {
            RuleCounter hits = default;
            Assert.Equal(Errno.Ok, loaded.ReadHits(0, (uint)rule, ref hits));
            Assert.Equal((expected[rule].Frames, expected[rule].Bytes), (hits.Frames, hits.Bytes));
        }
    }

    private static void CompareFrame(XdpObject loaded, LaneBench bench, PlanImage plan, int ingress,
        byte[] frame, RuleCounter[] expected, int[] seen)
    {
        RuleCounter[] before = Hits(bench, plan, expected.Length);
        DropCounters drops = bench.Counters.Drops;
        int sentBefore = bench.Port(1 - ingress).Sent.Count;
        Assert.True(bench.Receive(ingress, frame));
        bench.Turn();
        List<byte[]> sent = bench.Port(1 - ingress).Sent;
        RuleCounter[] after = Hits(bench, plan, expected.Length);

        XdpOutcome outcome = PathProgram.Run(loaded, frame, out byte[] left);
        seen[(int)outcome]++;
        bool isMalformed = FiveTuple.Parse(frame, out _) == ParseResult.Malformed;
        switch (outcome)
        {
            case XdpOutcome.Offloaded:
                Assert.Equal(sentBefore + 1, sent.Count);
                Assert.Equal(sent[^1], left);
                break;
            case XdpOutcome.DroppedRule:
                Assert.Equal(drops[(int)DropReason.FilterRule] + 1,
                    bench.Counters.Drops[(int)DropReason.FilterRule]);
                break;
            case XdpOutcome.DroppedDefault:
                Assert.Equal(drops[(int)DropReason.FilterDefault] + 1,
                    bench.Counters.Drops[(int)DropReason.FilterDefault]);
                break;
            default:
                Assert.Equal(XdpOutcome.PassedNoSocket, outcome); // ours, and no socket here: the lane's
                Assert.Equal(frame, left);
                Assert.True(isMalformed || PathProgram.HasExtension(frame), Convert.ToHexString(frame));
                return;
        }

        for (int rule = 0; rule < expected.Length; rule++)
        {
            expected[rule].Frames += after[rule].Frames - before[rule].Frames;
            expected[rule].Bytes += after[rule].Bytes - before[rule].Bytes;
        }
    }

    private static PlanStage[] MakeStages(Random random, uint ruleCount)
    {
        List<PlanStage> stages = [TestPlans.Connect];
        for (int extra = random.Next(4); extra > 0; extra--)
        {
            PlanStage stage = TestPlans.Stage(
                random.Next(2) == 0 ? StageKind.MacSwap : StageKind.MacRewrite, random.Next(3) - 1);
            stage.SourceMac = random.Next(2) == 0 ? 0 : 0x0605_0403_0202UL + (ulong)random.Next(9);
            stage.DestinationMac = random.Next(2) == 0 ? 0 : 0x0B0A_0908_0702UL + (ulong)random.Next(9);
            stages.Insert(random.Next(stages.Count + 1), stage);
        }

        if (ruleCount > 0)
        {
            stages.Insert(random.Next(stages.Count + 1), new PlanStage
            {
                Kind = StageKind.Filter, PortA = -1, PortB = -1, RuleCount = ruleCount,
                DefaultAction = (RuleAction)random.Next(2),
            });
        }

        return [.. stages];
    }

    private static XdpObject Load(PlanImage plan, int ingress)
    {
        Assert.True(PathCompiler.TryCompile(plan, 0, ingress, out XdpPath path));
        Assert.Equal((uint)(1 - ingress), path.Egress);
        XdpObject loaded = XdpObject.Load(new XdpConfig { Claim = Claim.All }, queueCount: 1);
        Assert.Equal(Errno.Ok, loaded.SetEgress(path.Egress, Loopback));
        Assert.Equal(Errno.Ok, loaded.WritePath(0, path));
        Assert.Equal(Errno.Ok, loaded.UsePath(0));
        return loaded;
    }

    private static RuleCounter[] Hits(LaneBench bench, PlanImage plan, int rules)
    {
        RuleCounter[] hits = new RuleCounter[rules];
        for (int rule = 0; rule < rules && plan.TableCount > 0; rule++)
        {
            hits[rule] = bench.Tables.Slice<RuleCounter>(0)[rule];
        }

        return hits;
    }
}
