using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Dataplane.Tests.Lanes;

public sealed class ForwardLaneTests
{
    [Fact]
    public void WhatComesInAtOnePortLeavesByTheOtherByteForByte()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]));
        byte[] there = TestPlans.Udp(4000);
        byte[] back = TestPlans.Udp(5000, 1514);
        Assert.True(bench.Receive(0, there));
        Assert.True(bench.Receive(1, back));
        bench.Turn();
        Assert.Equal(there, Assert.Single(bench.Port(1).Sent));
        Assert.Equal(back, Assert.Single(bench.Port(0).Sent));
        Assert.Equal((2UL, 2UL), (bench.Counters.RxFrames, bench.Counters.TxFrames));
        Assert.Equal((1574UL, 1574UL), (bench.Counters.RxBytes, bench.Counters.TxBytes));
    }

    [Fact]
    public void EveryFrameGoesThroughWhenTheKernelTakesFewFramesACall()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]));
        bench.Port(1).Budget = 7; // copy mode moves a bounded batch a call
        for (int i = 0; i < 50; i++)
        {
            bench.Receive(0, TestPlans.Udp((ushort)i));
        }

        bench.Turn();
        Assert.Equal(50, bench.Port(1).Sent.Count);
        Assert.Equal(8, bench.Port(1).Calls);
    }

    [Theory]
    // polling ran the rx queue's NAPI only, nothing was sent
    [InlineData(WakePolicy.BusyPoll, 0, 1)]             
    [InlineData(WakePolicy.BusyPoll, int.MaxValue, 0)]   // rx and tx share a NAPI: polling has sent
    // the wake-up reached the driver, which sends when it can
    [InlineData(WakePolicy.NeedWakeup, 0, 0)]           
    public void AZeroCopyPortIsKickedWherePollingItDoesNotSend(WakePolicy wake, int sentByPolling, int kicks)
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect], wake: wake), isZeroCopy: true);
        bench.Port(1).Budget = sentByPolling;
        for (int i = 0; i < 10; i++)
        {
            bench.Receive(0, TestPlans.Udp((ushort)i));
        }

        bench.Turn();
        Assert.Equal(kicks, bench.Port(1).Kicks);
        Assert.Equal(kicks == 0 && sentByPolling == 0 ? 0 : 10, bench.Port(1).Sent.Count);
    }

    [Fact]
    public void AFullTxRingDropsByNameAndNoFrameIsLost()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect], frames: 512));
        bench.Port(1).Answer = Errno.EAGAIN; // the kernel says "later": the ring stays full
        int given = 0;
        for (int turn = 0; turn < 4; turn++)
        {
            while (bench.Receive(0, TestPlans.Udp()))
            {
                given++;
            }

            bench.Turn();
        }

        Assert.Equal(64UL, bench.Counters.TxFrames);
        Assert.Equal((ulong)given - 64, bench.Counters.Drops[(int)DropReason.TxRingFull]);
        Assert.True(bench.Counters.WakesLater > 0);
        bench.Port(1).Answer = Errno.Ok;
        bench.Turn();
        Assert.Equal(64, bench.Port(1).Sent.Count);
    }

    [Fact]
    public void WhatADriverKeepsIsToldApartFromWhatItNeverTook()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]), isZeroCopy: true);
        bench.Port(1).Budget = 3;
        bench.Port(1).Completes = false; // a stuck driver
        for (int i = 0; i < 10; i++)
        {
            bench.Receive(0, TestPlans.Udp((ushort)i));
        }

        bench.Turn();
        Assert.Equal((10UL, 10L, 7L),
            (bench.Counters.TxFrames, bench.Counters.FramesTxSide, bench.Counters.FramesTxRing));
        bench.Lane.Core.Ports[1].IsLinkUp = false; // nobody waits for it at the end
        Assert.True(bench.Lane.IsDrained);
        bench.Lane.Core.Stop(LaneState.Stopped);
        LaneCounters last = bench.Region.ReadCounters(0);
        Assert.Equal((10UL, 10L, 7L, 0UL),
            (last.TxFrames, last.FramesTxSide, last.FramesTxRing, last.ConservationBreaks));
    }

    [Fact]
    public void ADownPortDropsByNameAndRecovers()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]));
        bench.Lane.Core.Ports[1].IsLinkUp = false;
        bench.Receive(0, TestPlans.Udp());
        bench.Turn();
        Assert.Equal(1UL, bench.Counters.Drops[(int)DropReason.PortDown]);
        bench.Lane.Core.Ports[1].IsLinkUp = true;
        bench.Receive(0, TestPlans.Udp());
        bench.Turn();
        Assert.Single(bench.Port(1).Sent);
    }

    [Fact]
    public void AWakeUpAnsweredNetworkDownIsCountedAndTriedAgain()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]), housekeeps: false);
        bench.Port(1).Answer = Errno.ENETDOWN;
        bench.Receive(0, TestPlans.Udp());
        bench.Turn();
        bench.Receive(0, TestPlans.Udp());
        bench.Turn();
        Assert.Equal((1UL, (ulong)Errno.ENETDOWN), (bench.Counters.WakeErrors, bench.Counters.LastWakeErrno));
        Assert.Equal(1UL, bench.Counters.Drops[(int)DropReason.PortDown]);
        bench.Port(1).Answer = Errno.Ok;
        bench.Lane.Core.Ports[1].Retry(); // what housekeeping does a millisecond later
        bench.Turn();
        Assert.Single(bench.Port(1).Sent);
    }

    [Fact]
    public void AnEmptyPoolIsNamedAndNothingIsLost()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect], frames: 129, slots: 64));
        bench.Port(1).Answer = Errno.EAGAIN;
        for (int i = 0; i < 10; i++)
        {
            bench.Receive(0, TestPlans.Udp());
        }

        bench.Turn();
        Assert.Equal(0, bench.Lane.Core.Pool.Count);
        Assert.True(bench.Counters.PoolEmpty > 0);
        bench.Port(1).Answer = Errno.Ok;
        bench.Turn();
        bench.Turn();
        Assert.Equal(10, bench.Port(1).Sent.Count);
        Assert.Equal(1, bench.Lane.Core.Pool.Count);
    }

    [Fact]
    public void ADescriptorOutsideTheUmemIsCountedAndItsBytesAreNeverTouched()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]));
        bench.ReceiveBroken(0, ulong.MaxValue - 10, 60);
        bench.ReceiveBroken(0, (256 * 2048) - 20, 60);
        bench.Receive(0, TestPlans.Udp());
        bench.Lane.Turn();
        bench.Lane.Core.CheckConservation();
        Assert.Equal(2UL, bench.Counters.Drops[(int)DropReason.BadDescriptor]);
        Assert.Single(bench.Port(1).Sent);
        Assert.Equal(254, bench.Counters.FramesTotal);
        Assert.Equal(0UL, bench.Counters.ConservationBreaks);
    }

    [Fact]
    public void AFrameWithoutAVerdictEndsAsNoVerdict()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Stage(StageKind.MacSwap)]));
        bench.Receive(0, TestPlans.Udp());
        bench.Turn();
        Assert.Equal(1UL, bench.Counters.Drops[(int)DropReason.NoVerdict]);
    }

    [Fact]
    public void ALaneAllocatesNothingOnceItTurns()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect], frames: 1024, slots: 256));
        bench.Port(1).Keeps = false;
        byte[] frame = TestPlans.Udp();
        for (int warm = 0; warm < 2; warm++)
        {
            // Warm is what has been through every kind of housekeeping, the tenth of a second's too.
            long warmUntilNs = warm == 0 ? ThreadControl.NowNs + 250_000_000 : 0;
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 20_000 || ThreadControl.NowNs < warmUntilNs; i++)
            {
                bench.Receive(0, frame);
                bench.Lane.Turn();
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(warm == 0 || allocated == 0, $"{allocated} bytes allocated in 20 000 turns");
        }
    }

    [Fact]
    public void EveryTurnFallsIntoOneRegimeAndTheGapHistogramCountsEveryTurn()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]));
        for (int i = 0; i < 1000; i++)
        {
            if (i % 3 == 0)
            {
                bench.Receive(0, TestPlans.Udp());
            }

            bench.Turn();
        }

        long sum = 0;
        foreach (long ns in (ReadOnlySpan<long>)bench.Counters.RegimeNs)
        {
            Assert.True(ns >= 0);
            sum += ns;
        }

        Assert.True(sum > 0);
        Assert.Equal(bench.Counters.Turns, Total(bench.Region, HistogramKind.Gap, 0));
        Assert.Equal(334UL, Total(bench.Region, HistogramKind.Residence, 0));
    }

    [Fact]
    public void BanksFlipAtATurnsBorderAndNothingIsCountedTwice()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]));
        ref LanePage page = ref bench.Region.LanePage(0).Value;
        bench.Turn();
        page.BankWanted = 1;
        while (page.BankActive != 1)
        {
            bench.Turn(); // housekeeping comes once a millisecond
        }

        ulong old = Total(bench.Region, HistogramKind.Gap, 0);
        bench.Turn();
        Assert.Equal(old, Total(bench.Region, HistogramKind.Gap, 0));
        Assert.Equal(bench.Counters.Turns, old + Total(bench.Region, HistogramKind.Gap, 1));
    }

    private static ulong Total(SharedRegion region, HistogramKind kind, int bank)
    {
        ulong sum = 0;
        foreach (ulong count in region.Histogram(0, kind, bank).Span)
        {
            sum += count;
        }

        return sum;
    }
}
