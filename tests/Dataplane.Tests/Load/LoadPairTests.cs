using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Dataplane.Tests.Load;

/// <summary>A generator lane, a receiver lane, and between them a network that the test makes.</summary>
public sealed class LoadPairTests
{
    private const int FrameBytes = 128;
    private const uint Flows = 4;

    private sealed class Pair : IDisposable
    {
        public Pair(PlanLoad load, Fate faults = Fate.Deliver, int seed = 1)
        {
            PlanImage plan = TestPlans.Load(load);
            SharedRegion region = SharedRegion.CreatePrivate(plan);
            Generator = new LaneBench(plan, 0, region);
            Receiver = new LaneBench(plan, 1, region);
            Network = new TestNetwork(Generator, Receiver, faults, seed, load.Flows);
        }

        public LaneBench Generator { get; }

        public LaneBench Receiver { get; }

        public TestNetwork Network { get; }

        public ref RegionHeader Header => ref Generator.Region.Header;

        public bool IsDone => Generator.Region.LanePage(0).Value.State == LaneState.Done;

        public void Turn()
        {
            Generator.Turn();
            Network.Move();
        }

        public void Run()
        {
            long untilNs = ThreadControl.NowNs + 20_000_000_000;
            while (!IsDone || !Network.IsEmpty)
            {
                Turn();
                Assert.True(ThreadControl.NowNs < untilNs, "the generator does not come to its end");
            }

            Network.Move();
        }

        public void Dispose()
        {
            Generator.Dispose();
            Receiver.Dispose();
        }
    }

    private static PlanLoad MakeLoad(int paths = 2)
    {
        PlanLoad load = TestPlans.MakeLoad(1e6, paths, Flows);
        load.Sizes[0] = TestPlans.Size(FrameBytes);
        load.DurationNs = paths == 1 ? 10_000_000 : 8_000_000; // 10 rounds of 0.8 and 0.2 ms
        return load;
    }

    [Theory]
    [InlineData(Fate.Deliver, 1)]
    [InlineData(Fate.Drop, 2)]
    [InlineData(Fate.Duplicate, 3)]
    [InlineData(Fate.Delay, 4)]
    [InlineData(Fate.Corrupt, 5)]
    [InlineData(Fate.Foreign, 6)]
    [InlineData(Fate.Drop | Fate.Duplicate | Fate.Delay | Fate.Corrupt | Fate.Foreign, 7)]
    [InlineData(Fate.Drop | Fate.Duplicate | Fate.Delay | Fate.Corrupt | Fate.Foreign, 8)]
    [InlineData(Fate.Drop | Fate.Duplicate | Fate.Delay | Fate.Corrupt | Fate.Foreign, 9)]
    public void TheReceiverCountsExactlyWhatTheNetworkDid(object faults, int seed)
    {
        using Pair pair = new(MakeLoad(), (Fate)faults, seed);
        pair.Header.StartAtNs = ThreadControl.NowNs;
        pair.Run();
        TestNetwork network = pair.Network;
        ref LaneCounters sent = ref pair.Generator.Counters;
        ref LaneCounters got = ref pair.Receiver.Counters;
        Assert.Equal((8_000UL, 2_000UL), (sent.Sent[0], sent.Sent[1])); // 10 ms at 1 Mpps, slices 4:1
        ulong rx = network.Foreign;
        for (int path = 0; path < 2; path++)
        {
            string who = $"seed {seed}, path {path}: ";
            Assert.Equal(sent.Sent[path], (ulong)network.Taken[path]);
            Assert.Equal(0UL, sent.Unsent[path]);
            Assert.Equal(who + network.Received[path], who + got.Received[path]);
            Assert.Equal(who + network.Duplicated[path], who + got.Duplicated[path]);
            Assert.Equal(who + network.Reordered[path], who + got.Reordered[path]);
            Assert.Equal(who + network.Corrupted[path], who + got.Corrupt[path]);
            Assert.Equal(network.Received[path], got.ReceivedMeasured[path]);
            Assert.Equal((ulong)network.Dropped[path],
                sent.Sent[path] - got.Received[path] - got.Corrupt[path]);
            rx += network.Received[path] + network.Corrupted[path] + network.Duplicated[path];
        }

        Assert.Equal(network.Foreign, got.Drops[(int)DropReason.Foreign]);
        Assert.Equal((rx, rx - network.Foreign), (got.RxFrames, got.Drops[(int)DropReason.Received]));
        AssertFaultsHappened((Fate)faults, network);
        Assert.Equal(got.ReceivedMeasured[0], Total(pair.Receiver, 1, HistogramKind.EndToEnd));
        Assert.Equal(got.ReceivedMeasured[1], Total(pair.Receiver, 1, HistogramKind.EndToEndDirect));
        Assert.Equal(got.ReceivedMeasured[0], Total(pair.Receiver, 1, HistogramKind.Service));
        Assert.Equal(got.ReceivedMeasured[1], Total(pair.Receiver, 1, HistogramKind.ServiceDirect));
        Assert.Equal(10_000UL, Total(pair.Generator, 0, HistogramKind.Lateness));
    }

    private static void AssertFaultsHappened(Fate faults, TestNetwork network)
    {
        Assert.Equal(faults.HasFlag(Fate.Drop), network.Dropped[0] > 100);
        Assert.Equal(faults.HasFlag(Fate.Duplicate), network.Duplicated[0] > 100);
        Assert.Equal(faults.HasFlag(Fate.Corrupt), network.Corrupted[0] > 100);
        Assert.Equal(faults.HasFlag(Fate.Foreign), network.Foreign > 100);
        Assert.Equal(faults.HasFlag(Fate.Delay), network.Reordered[0] > 10);
    }

    [Fact]
    public void EveryFrameCarriesTheTimeThatItsScheduleGave()
    {
        using Pair pair = new(MakeLoad(paths: 1));
        long startNs = ThreadControl.NowNs + 2_000_000;
        pair.Header.StartAtNs = startNs;
        pair.Run();
        Assert.Equal(10_000, pair.Network.Stamps.Count);
        for (int i = 0; i < 10_000; i++)
        {
            FrameStamp stamp = pair.Network.Stamps[i];
            Assert.Equal((startNs + (i * 1000L), (uint)i), (stamp.IntendedNs, stamp.Sequence));
        }

        Assert.Equal(startNs, pair.Generator.Region.LanePage(0).Value.MeasureFromNs);
    }

    [Fact]
    public void TheGeneratorWaitsForAStartTimeAndSendsNothingBeforeIt()
    {
        using Pair pair = new(MakeLoad());
        for (int i = 0; i < 5_000; i++)
        {
            pair.Turn();
        }

        Assert.Equal(0UL, pair.Generator.Counters.TxFrames);
        long startNs = ThreadControl.NowNs + 5_000_000;
        pair.Header.StartAtNs = startNs;
        while (true)
        {
            ulong before = pair.Generator.Counters.TxFrames;
            pair.Turn();
            if (ThreadControl.NowNs >= startNs)
            {
                break;
            }

            Assert.Equal((0UL, before), (pair.Generator.Counters.TxFrames, before));
        }

        pair.Run();
        Assert.Equal(10_000UL, pair.Generator.Counters.TxFrames);
    }

    [Fact]
    public void WarmUpFramesCountInTheLedgerAndNotInTheHistograms()
    {
        PlanLoad load = MakeLoad(paths: 1);
        load.WarmupNs = 3_000_000;
        using Pair pair = new(load);
        pair.Header.StartAtNs = ThreadControl.NowNs;
        pair.Run();
        Assert.Equal((13_000UL, 10_000UL), (pair.Generator.Counters.Sent[0],
            pair.Generator.Counters.SentMeasured[0]));
        Assert.Equal((13_000UL, 10_000UL),
            (pair.Receiver.Counters.Received[0], pair.Receiver.Counters.ReceivedMeasured[0]));
        Assert.Equal(10_000UL, Total(pair.Generator, 0, HistogramKind.Lateness));
        Assert.Equal(10_000UL, Total(pair.Receiver, 1, HistogramKind.EndToEnd));
    }

    [Fact]
    public void StopLoadEndsTheRunEarlyAndEveryFrameSentIsAccountedFor()
    {
        PlanLoad load = MakeLoad();
        load.DurationNs = 3_600_000_000_000;
        using Pair pair = new(load);
        pair.Header.StartAtNs = ThreadControl.NowNs;
        while (pair.Generator.Counters.TxFrames < 5_000)
        {
            pair.Turn();
        }

        Assert.False(pair.IsDone);
        pair.Header.StopLoad = 1;
        pair.Run();
        ulong sent = pair.Generator.Counters.TxFrames;
        Assert.Equal(sent, pair.Receiver.Counters.Received[0] + pair.Receiver.Counters.Received[1]);
        for (int i = 0; i < 1_000; i++)
        {
            pair.Turn();
        }

        Assert.Equal(sent, pair.Generator.Counters.TxFrames); // done stays done
        Assert.Equal(0u, pair.Generator.Lane.Core.Ports[0].TxSide);
    }

    [Fact]
    public void ABlockedSendSideLosesNothingAndItsLatenessIsRecorded()
    {
        const long BlockedNs = 20_000_000; // well under the 100 ms after which frames are given up
        using Pair pair = new(MakeLoad(paths: 1));
        pair.Generator.Port(0).Answer = Errno.EAGAIN;
        long startNs = ThreadControl.NowNs;
        pair.Header.StartAtNs = startNs;
        while (ThreadControl.NowNs < startNs + BlockedNs)
        {
            pair.Turn();
        }

        pair.Turn(); // at least two turns after the ring was full, however busy this host is
        pair.Turn();
        Assert.Equal(64UL, pair.Generator.Counters.TxFrames); // the ring, and not one more
        Assert.True(pair.Generator.Counters.RegimeNs[(int)Regime.TxBlocked] > 0);
        pair.Generator.Port(0).Answer = Errno.Ok;
        long releasedNs = ThreadControl.NowNs;
        pair.Run();
        Assert.SkipUnless(ThreadControl.NowNs - startNs < 100_000_000, "this host stood still for 80 ms: "
            + "no verdict");
        Assert.Equal((10_000UL, 0UL), (pair.Generator.Counters.Sent[0], pair.Generator.Counters.Unsent[0]));
        Assert.Equal(10_000UL, pair.Receiver.Counters.Received[0]);
        foreach (FrameStamp stamp in pair.Network.Stamps.Skip(64))
        {
            long sentNs = stamp.IntendedNs + stamp.SentLateNs;
            Assert.True(sentNs >= startNs + BlockedNs - 1_000_000 && sentNs <= ThreadControl.NowNs);
        }

        // Those that the ring took at once are late, too, where this host stood still as they were due.
        ulong late = Above(pair.Generator, 0, HistogramKind.Lateness, BlockedNs - 10_000_000 - 1_000_000);
        Assert.InRange(late, 10_000UL - 64, 10_000UL);
        Assert.True(Above(pair.Receiver, 1, HistogramKind.EndToEnd,
            BlockedNs - 10_000_000 - 1_000_000) >= 9_936);
        Assert.True(releasedNs >= startNs + BlockedNs);
    }

    [Fact]
    public void FramesBlockedLongerThanATenthOfASecondAreCountedAsUnsentAndTheRunStillEnds()
    {
        using Pair pair = new(MakeLoad(paths: 1));
        pair.Generator.Port(0).Answer = Errno.EAGAIN;
        long startNs = ThreadControl.NowNs;
        pair.Header.StartAtNs = startNs;
        while (ThreadControl.NowNs < startNs + 120_000_000)
        {
            pair.Turn();
        }

        pair.Turn(); // a turn gives up 4096 frames at most: three do, however busy this host is
        pair.Turn();
        pair.Turn();
        pair.Generator.Port(0).Answer = Errno.Ok;
        pair.Run();
        ref LaneCounters counters = ref pair.Generator.Counters;
        Assert.Equal((64UL, 9_936UL), (counters.Sent[0], counters.Unsent[0]));
        Assert.Equal(64UL, pair.Receiver.Counters.Received[0]);
    }

    [Fact]
    public void AGeneratorAllocatesNothingOnceItTurns()
    {
        PlanLoad load = MakeLoad();
        load.DurationNs = 3_600_000_000_000;
        using Pair pair = new(load);
        pair.Generator.Port(0).Keeps = pair.Generator.Port(1).Keeps = false;
        pair.Header.StartAtNs = ThreadControl.NowNs;
        AssertAllocatesNothing(() => pair.Generator.Lane.Turn(), turns: 50_000);
        Assert.True(pair.Generator.Counters.TxFrames > 1_000);
    }

    [Fact]
    public void AReceiverAllocatesNothingOnceItTurns()
    {
        using Pair pair = new(MakeLoad());
        pair.Header.StartAtNs = 1;
        LowLatency.Dataplane.Load.LoadFrames frames = new(MakeLoad());
        byte[] frame = new byte[FrameBytes];
        uint sequence = 0;
        AssertAllocatesNothing(
            () =>
            {
                for (int i = 0; i < 8; i++)
                {
                    frames.Write(frame, new FrameStamp { IntendedNs = ThreadControl.NowNs,
                        Sequence = sequence++ });
                    pair.Receiver.Receive(0, frame);
                }

                pair.Receiver.Lane.Turn();
            },
            turns: 20_000);
        Assert.Equal(sequence, pair.Receiver.Counters.Received[0]);
    }

    private static void AssertAllocatesNothing(Action turn, int turns)
    {
        for (int warm = 0; warm < 2; warm++)
        {
            // Warm is what has been through every kind of housekeeping, the tenth of a second's too.
            long warmUntilNs = warm == 0 ? ThreadControl.NowNs + 250_000_000 : 0;
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < turns || ThreadControl.NowNs < warmUntilNs; i++)
            {
                turn();
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(warm == 0 || allocated == 0, $"{allocated} bytes allocated in {turns} turns");
        }
    }

    private static ulong Total(LaneBench bench, int lane, HistogramKind kind) => Above(bench, lane, kind, 0);

    private static ulong Above(LaneBench bench, int lane, HistogramKind kind, long ns)
    {
        ulong sum = 0;
        NativeSpan<ulong> counts = bench.Region.Histogram(lane, kind, 0);
        for (int i = 0; i < counts.Length; i++)
        {
            sum += HdrGeometry.ValueAt(i) >= ns ? counts[i] : 0;
        }

        return sum;
    }
}
