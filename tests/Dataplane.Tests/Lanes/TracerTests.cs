using LowLatency.Dataplane.Tests.Stages;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Dataplane.Tests.Lanes;

/// <summary>Frames followed through a real lane of a filter, a cross-connect and a rewrite.</summary>
public sealed class TracerTests
{
    private static readonly PlanRule[] Rules =
    [
        new() { Family = 4, Protocol = 17, DestinationPortLow = 99, DestinationPortHigh = 99,
            SourcePortHigh = 65535,
            Port = -1, Action = RuleAction.Drop },
    ];

    [Fact]
    public void AFollowedFrameTellsEachStageAndTheLaneDoesTheSameAsWithout()
    {
        using LaneBench bench = Make();
        using LaneBench untraced = Make();
        Ask(bench, count: 10);
        foreach (LaneBench lane in (LaneBench[])[bench, untraced])
        {
            Assert.True(lane.Receive(0, TestPlans.Udp(4000)));
            Assert.True(lane.Receive(0, TestPlans.Udp(99)));
            lane.Turn();
        }

        Assert.Equal(untraced.Port(1).Sent, bench.Port(1).Sent);
        Assert.Equal(untraced.Counters.Drops[(int)DropReason.FilterRule],
            bench.Counters.Drops[(int)DropReason.FilterRule]);
        Assert.Equal(untraced.Region.StageCounters(0)[0].Drops[(int)DropReason.FilterRule],
            bench.Region.StageCounters(0)[0].Drops[(int)DropReason.FilterRule]);
        List<TraceEvent> told = Read(bench);
        Assert.Equal("In 1, Stage 0 1, Stage 1 1 out 1, Stage 2 1 out 1, Out 1 out 1", Story(told, 1));
        Assert.Equal("In 2, Stage 0 2 drop 3, Out 2 drop 3", Story(told, 2));
        TraceEvent last = told.Last(e => e.Frame == 1);
        Assert.Equal(bench.Port(1).Sent[0], ((ReadOnlySpan<byte>)last.Bytes)[..last.Captured].ToArray());
        Assert.True(told.TrueForAll(e => e.Ns >= e.DequeuedNs));
    }

    [Fact]
    public void OnlyWhatMatchesIsFollowedAndOnlySoMany()
    {
        using LaneBench bench = Make();
        Ask(bench, count: 2, change: (ref TraceRequest request) =>
        {
            request.HasRule = 1;
            request.Rule = Rules[0];
        });
        for (int i = 0; i < 5; i++)
        {
            bench.Receive(0, TestPlans.Udp(4000));
            bench.Receive(1, TestPlans.Udp(99));
        }

        bench.Turn();
        List<TraceEvent> told = Read(bench);
        Assert.Equal([1UL, 2UL], told.Select(e => e.Frame).Distinct().Order());
        Assert.True(told.TrueForAll(e => e.Ingress == 1));
        Assert.Equal(10UL, bench.Counters.RxFrames);
    }

    [Fact]
    public void BytesWithAMaskAndAPortChoose()
    {
        using LaneBench bench = Make();
        Ask(bench, count: 9, change: (ref TraceRequest request) =>
        {
            request.Port = 0;
            request.FilterAt = 23;
            request.FilterBytes = 1;
            request.Bytes[0] = 0x10;
            request.Mask[0] = 0xF0;
        });
        byte[] other = TestPlans.Udp(4000);
        other[23] = 6;
        bench.Receive(0, TestPlans.Udp(4000)); // protocol 0x11
        bench.Receive(0, other);
        bench.Receive(1, TestPlans.Udp(4000));
        bench.Receive(0, new byte[20]);        // ends before the byte
        bench.Turn();
        Assert.Equal([1UL], Read(bench).Select(e => e.Frame).Distinct());
    }

    [Fact]
    public void DropsAloneAreToldByTheirEnd()
    {
        using LaneBench bench = Make();
        Ask(bench, count: 9, change: (ref TraceRequest request) => request.OnlyDrops = 1);
        bench.Receive(0, TestPlans.Udp(4000));
        bench.Receive(0, TestPlans.Udp(99));
        bench.Receive(0, new byte[5]);
        bench.Turn();
        Assert.Equal("Out 1 drop 3, Out 2 drop 5", Story(Read(bench), frame: 0));
    }

    [Fact]
    public void ItEndsByItselfAtItsTimeAndAFullRingLosesStoriesNotFrames()
    {
        using LaneBench bench = Make();
        Ask(bench, count: 100_000);
        for (int i = 0; i < 3000; i++)
        {
            Assert.True(bench.Receive(0, TestPlans.Udp(4000)));
            bench.Turn();
        }

        Assert.Equal(3000UL, bench.Counters.TxFrames);
        Assert.Equal(TraceArea.Slots, Read(bench).Count);
        bench.Region.Trace(0).Request.Value.UntilNs = ThreadControl.NowNs - 1;
        bench.Receive(0, TestPlans.Udp(4000));
        bench.Turn();
        Assert.Empty(Read(bench));
    }

    [Fact]
    public void FollowingAllocatesNothing()
    {
        using LaneBench bench = Make();
        bench.Port(1).Keeps = false;
        Ask(bench, count: 100_000);
        byte[] frame = TestPlans.Udp(4000);
        long allocated = 0;
        for (int i = 0; i < 3; i++) // the first time loads code
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int n = 0; n < 100; n++)
            {
                bench.Receive(0, frame);
                bench.Lane.Turn();
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    private delegate void Change(ref TraceRequest request);

    private static LaneBench Make()
    {
        PlanStage filter = TestPlans.Stage(StageKind.Filter);
        filter.RuleCount = 1;
        PlanStage rewrite = TestPlans.Stage(StageKind.MacRewrite, 1);
        rewrite.DestinationMac = 0x1234_5678_9ABC;
        return new LaneBench(TestPlans.Forward([filter, TestPlans.Connect, rewrite], Rules));
    }

    private static void Ask(LaneBench bench, uint count, Change? change = null)
    {
        ref TraceRequest request = ref bench.Region.Trace(0).Request.Value;
        request = new TraceRequest
        {
            Epoch = 7, Count = count, UntilNs = ThreadControl.NowNs + 60_000_000_000, Port = -1,
        };
        change?.Invoke(ref request);
    }

    private static List<TraceEvent> Read(LaneBench bench)
    {
        List<TraceEvent> told = [];
        while (bench.Region.Trace(0).TryRead(out TraceEvent one))
        {
            told.Add(one);
        }

        return told;
    }

    private static string Story(List<TraceEvent> told, ulong frame) => string.Join(", ", told
        .Where(e => frame == 0 || e.Frame == frame)
        .Select(e => $"{e.Point}{(e.Point == TracePoint.Stage ? $" {e.Stage}" : "")} {e.Frame}"
            + (e.Drop >= 0 ? $" drop {e.Drop}" : e.Port >= 0 ? $" out {e.Port}" : "")));
}
