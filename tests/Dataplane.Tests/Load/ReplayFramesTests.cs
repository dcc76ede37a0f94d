using LowLatency.Dataplane.Load;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Tests.Boot;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Dataplane.Tests.Load;

/// <summary>Frames of a capture: a table as Control fills it, and one as it must not be.</summary>
public sealed class ReplayFramesTests
{
    private static readonly int[] Lengths = [14, 60, 1400];

    private static PlanImage MakePlan(bool isTimed = true)
    {
        PlanLoad load = TestPlans.MakeLoad(1e6, paths: 1, flows: 1);
        load.DurationNs = 3_000_000;
        load.ReplayCount = (uint)Lengths.Length;
        load.Schedule = isTimed ? Schedule.Replay : Schedule.Constant;
        load.ReplayRoundNs = isTimed ? 3_000 : 0;
        PlanParts parts = PlanParts.Of(TestPlans.Load(load));
        parts.Tables =
        [
            new PlanTable { Kind = TableKind.Replay, Capacity = 3, Bytes = 3 * ReplayFrame.SizeBytes },
            new PlanTable { Kind = TableKind.Frames, Capacity = 3, Bytes = Lengths.Sum(), Offset = 4096 },
        ];
        return parts.Build();
    }

    private static void Fill(TableMemory tables)
    {
        Span<byte> bytes = tables.Slice<byte>(1).Span;
        uint at = 0;
        for (int i = 0; i < Lengths.Length; i++)
        {
            tables.Slice<ReplayFrame>(0)[i] =
                new ReplayFrame { AtNs = i * 500, Offset = at, Bytes = (uint)Lengths[i] };
            bytes.Slice((int)at, Lengths[i]).Fill((byte)(i + 1));
            at += (uint)Lengths[i];
        }
    }

    [Fact]
    public void FramesComeInTurnWithThePathsMacsTheirBytesAndAMarkBehind()
    {
        PlanImage plan = MakePlan();
        using TableMemory tables = TableMemory.CreatePrivate(plan);
        Fill(tables);
        ReplayFrames frames = ReplayFrames.Of(plan.Header.Load, tables, 2048)!;
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < Lengths.Length; i++)
            {
                int bytes = frames.NextBytes;
                Assert.Equal(Math.Max(60, Lengths[i] + ReplayFrames.MarkBytes), bytes);
                byte[] frame = [.. Enumerable.Repeat((byte)0xEE, bytes)]; // what another frame left there
                FrameStamp stamp = new() { IntendedNs = 99, Sequence = (uint)i, SentLateNs = 5 };
                frames.Write(frame, stamp);
                Assert.Equal(0x0605_0403_0202u, Ethernet.ReadDestination(frame));
                Assert.All(frame[12..Lengths[i]], b => Assert.Equal(i + 1, b));
                Assert.All(frame[Lengths[i]..^ReplayFrames.MarkBytes], b => Assert.Equal(0, b));
                Assert.True(ReplayFrames.TryRead(frame, out FrameStamp read));
                Assert.Equal(stamp, read);
                frame[^3] ^= 4;
                Assert.False(ReplayFrames.TryRead(frame, out _));
            }
        }
    }

    [Fact]
    public void TimesFollowTheCaptureRoundByRound()
    {
        PlanImage plan = MakePlan();
        using TableMemory tables = TableMemory.CreatePrivate(plan);
        Fill(tables);
        LoadSchedule schedule = new(plan.Header.Load, ReplayFrames.Of(plan.Header.Load, tables, 2048));
        schedule.Start(1_000_000);
        long[] due = [0, 500, 1000, 3000, 3500, 4000, 6000];
        foreach (long at in due)
        {
            Assert.Equal(1_000_000 + at, schedule.NextNs);
            schedule.Advance();
        }
    }

    [Theory]
    [InlineData(long.MinValue, uint.MaxValue, uint.MaxValue)]
    [InlineData(long.MaxValue, 0, 1475)]
    [InlineData(7, 1474, 1)]
    [InlineData(7, 0, 2040)]
    public void ATableThatIsWrongLeadsNoOneAstray(long atNs, uint offset, uint bytes)
    {
        PlanImage plan = MakePlan();
        using TableMemory tables = TableMemory.CreatePrivate(plan);
        tables.Slice<ReplayFrame>(0)[0] = new ReplayFrame { AtNs = atNs, Offset = offset, Bytes = bytes };
        ReplayFrames frames = ReplayFrames.Of(plan.Header.Load, tables, 2048)!;
        Assert.InRange(frames.NextBytes, 60, 2048);
        frames.Write(new byte[frames.NextBytes], default);
        Assert.InRange(frames.TimeOf(0), 0, 3000);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TheReceiverMeasuresEveryFrameOfAReplay(bool isTimed)
    {
        PlanImage plan = MakePlan(isTimed);
        SharedRegion region = SharedRegion.CreatePrivate(plan);
        using LaneBench generator = new(plan, 0, region);
        using LaneBench receiver = new(plan, 1, region);
        Fill(generator.Tables);
        generator.Region.Header.StartAtNs = ThreadControl.NowNs;
        long untilNs = ThreadControl.NowNs + 20_000_000_000;
        while (region.LanePage(0).Value.State != LaneState.Done)
        {
            generator.Turn();
            foreach (byte[] frame in generator.Port(0).Sent)
            {
                while (!receiver.Receive(0, frame))
                {
                    receiver.Turn();
                }
            }

            generator.Port(0).Sent.Clear();
            receiver.Turn();
            Assert.True(ThreadControl.NowNs < untilNs, "the replay does not come to its end");
        }

        receiver.Turn();
        Assert.Equal(3_000UL, generator.Counters.Sent[0]);
        Assert.Equal((3_000UL, 0UL, 0UL), (receiver.Counters.Received[0], receiver.Counters.Reordered[0],
            receiver.Counters.Drops[(int)DropReason.Foreign]));
    }
}
