using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Dataplane.Tests.Lanes;

public sealed class LaneThreadTests
{
    private const long TimeoutNs = 10_000_000_000;

    /// <summary>A lane that writes down when it turned, and is drained after a number of turns.</summary>
    private sealed class LoggingLane(LaneBench bench, int number, List<int> log) : ILane
    {
        private readonly LaneBench _bench = bench;

        public LaneCore Core => _bench.Lane.Core;

        /// <summary>How many times it answers that it still has something to send.</summary>
        public int DrainTurns { get; init; }

        public int Asked { get; private set; }

        public bool IsDrained => ++Asked > DrainTurns;

        public long Turn()
        {
            if (log.Count < log.Capacity)
            {
                log.Add(number);
            }

            long nowNs = Core.Begin();
            Core.Counters.RxFrames++; // together: a reader must never see one without the others
            Core.Counters.TxBytes++;
            Core.Counters.Corrupt[1]++;
            Core.End(Regime.Idle);
            return nowNs;
        }
    }

    private static PlanLane Plan(long yieldEveryNs = 0) => new()
    {
        Cpu = 0, Policy = LanePolicy.Other, Priority = 0, YieldEveryNs = yieldEveryNs,
        YieldForNs = yieldEveryNs / 5,
    };

    private static LaneBench Bench() => new(TestPlans.Forward([TestPlans.Connect]));

    private static void WaitUntil(Func<bool> holds, string what)
    {
        long untilNs = ThreadControl.NowNs + TimeoutNs;
        while (!holds())
        {
            Assert.True(ThreadControl.NowNs < untilNs, what);
            Thread.Yield();
        }
    }

    [Fact]
    public void TheThreadIsPinnedHasItsPolicyArmsTurnsAndStops()
    {
        using LaneBench bench = Bench();
        LoggingLane lane = new(bench, 0, []);
        using LaneThread thread = new([lane], Plan());
        thread.Start();
        WaitUntil(() => bench.Region.LanePage(0).Value.State == LaneState.Armed, "the lane never armed");
        LanePage page = bench.Region.LanePage(0).Value;
        Assert.Equal((0, LanePolicy.Other, 0), (page.Cpu, page.Policy, page.Priority));
        Assert.NotEqual(ThreadControl.ThreadId, page.ThreadId);
        string status = File.ReadAllText($"/proc/self/task/{page.ThreadId}/status");
        Assert.Contains("Cpus_allowed_list:\t0\n", status, StringComparison.Ordinal);
        WaitUntil(() => bench.Region.ReadCounters(0).Turns > 0, "the lane never published");
        thread.Stop();
        Assert.Equal(LaneState.Stopped, bench.Region.LanePage(0).Value.State);
        Assert.False(Directory.Exists($"/proc/self/task/{page.ThreadId}") && IsAlive(page.ThreadId));
        LaneCounters last = bench.Region.ReadCounters(0);
        Assert.Equal((bench.Counters.Turns, bench.Counters.RxFrames), (last.Turns, last.RxFrames));
        Assert.Equal((0L, 0L), (last.AllocatedBytes, last.MajorFaults));
        Assert.Equal(0UL, last.ConservationBreaks);
    }

    // A joined thread can show for a moment until the kernel has reaped it.
    private static bool IsAlive(int tid)
    {
        WaitUntil(() => !Directory.Exists($"/proc/self/task/{tid}"), "the thread lives on");
        return false;
    }

    [Fact]
    public void LanesThatShareAThreadTakeTurnsInOrder()
    {
        List<int> log = new(30_000);
        using LaneBench one = Bench();
        using LaneBench two = Bench();
        using LaneBench three = Bench();
        LoggingLane[] lanes = [new(one, 0, log), new(two, 1, log), new(three, 2, log)];
        using LaneThread thread = new([.. lanes], Plan());
        thread.Start();
        WaitUntil(() => log.Count >= 3_000, "the lanes do not turn");
        thread.Stop();
        for (int i = 0; i < log.Count; i++)
        {
            Assert.Equal(i % 3, log[i]);
        }

        Assert.Equal(one.Counters.Turns, three.Counters.Turns);
        Assert.Equal(one.Counters.Turns, two.Counters.Turns);
    }

    [Fact]
    public void PlannedPausesAreTakenOncePerMultipleAndCountedAsHousekeeping()
    {
        const long EveryNs = 5_000_000;
        using LaneBench bench = Bench();
        using LaneThread thread = new([new LoggingLane(bench, 0, [])], Plan(EveryNs));
        long fromNs = ThreadControl.NowNs;
        thread.Start();
        WaitUntil(() => bench.Region.ReadCounters(0).Yields >= 10, "no pause is taken");
        thread.Stop();
        long toNs = ThreadControl.NowNs;
        ref LaneCounters counters = ref bench.Counters;
        Assert.InRange(counters.Yields, 10UL, (ulong)((toNs / EveryNs) - (fromNs / EveryNs)));
        Assert.True(counters.VoluntarySwitches >= (long)counters.Yields / 2, "a pause leaves the CPU");
        Assert.True(counters.YieldNs > 0 && counters.YieldNs < toNs - fromNs);
        Assert.True(counters.RegimeNs[(int)Regime.Housekeeping] >= counters.YieldNs);
        long regimes = 0;
        foreach (long ns in (ReadOnlySpan<long>)counters.RegimeNs)
        {
            regimes += ns;
        }

        Assert.InRange(regimes, counters.YieldNs, toNs - fromNs);
    }

    [Fact]
    public void WithoutAPauseInThePlanNoneIsTaken()
    {
        using LaneBench bench = Bench();
        using LaneThread thread = new([new LoggingLane(bench, 0, [])], Plan());
        thread.Start();
        WaitUntil(() => bench.Region.ReadCounters(0).Turns > 1_000, "the lane does not turn");
        thread.Stop();
        Assert.Equal((0UL, 0L), (bench.Counters.Yields, bench.Counters.YieldNs));
    }

    [Fact]
    public void StopReturnsOnceEveryLaneIsDrained()
    {
        using LaneBench one = Bench();
        using LaneBench two = Bench();
        LoggingLane slow = new(one, 0, []) { DrainTurns = 50 };
        LoggingLane quick = new(two, 1, []);
        using LaneThread thread = new([slow, quick], Plan());
        thread.Start();
        WaitUntil(() => one.Region.ReadCounters(0).Turns > 100, "the lanes do not turn");
        thread.Stop();
        Assert.Equal(51, slow.Asked);
        Assert.Equal(one.Counters.Turns, two.Counters.Turns); // the drained one turns on with the other
    }

    [Fact]
    public void ALaneThatNeverDrainsIsGivenUpAfterATenthOfASecond()
    {
        using LaneBench bench = Bench();
        LoggingLane stuck = new(bench, 0, []) { DrainTurns = int.MaxValue };
        using LaneThread thread = new([stuck], Plan());
        thread.Start();
        long fromNs = ThreadControl.NowNs;
        thread.Stop();
        Assert.InRange(ThreadControl.NowNs - fromNs, 90_000_000, TimeoutNs);
        Assert.Equal(LaneState.Stopped, bench.Region.LanePage(0).Value.State);
    }

    [Fact]
    public void ACpuThatIsNotThereIsRefusedByName()
    {
        using LaneBench bench = Bench();
        PlanLane plan = Plan();
        plan.Cpu = Limits.CpusMax - 1;
        using LaneThread thread = new([new LoggingLane(bench, 0, [])], plan);
        NativeException refusal = Assert.Throws<NativeException>(thread.Start);
        Assert.Equal(Errno.EINVAL, refusal.Errno);
        Assert.Equal(LaneState.Cold, bench.Region.LanePage(0).Value.State);
        thread.Stop();
    }

    [Fact]
    public void PublishedCountersAreNeverTorn()
    {
        using LaneBench bench = Bench();
        using LaneThread thread = new([new LoggingLane(bench, 0, [])], Plan());
        thread.Start();
        long untilNs = ThreadControl.NowNs + 300_000_000;
        ulong last = 0;
        int changes = 0;
        while (ThreadControl.NowNs < untilNs)
        {
            LaneCounters counters = bench.Region.ReadCounters(0);
            ulong frames = counters.RxFrames;
            Assert.True(frames == counters.TxBytes && frames == counters.Corrupt[1] && frames >= last
                && (frames == 0 || counters.Turns == frames + 1), "half of one copy and half of another");
            changes += frames != last ? 1 : 0;
            last = frames;
        }

        thread.Stop();
        Assert.True(changes > 5, $"{changes} copies seen in 300 ms");
    }
}
