using System.Diagnostics;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

public sealed class MeasurementSessionTests
{
    [Fact]
    public void What_was_recorded_before_the_baseline_is_thrown_away_while_the_lane_runs()
    {
        using FakeDataPlane plane = new(LaneKind.Receiver);
        LanePageOf(plane, 0).State = LaneState.Armed;
        MeasurementSession session = new(plane.Reader, null);
        plane.Start(0);
        WaitFor(() => plane.Reader.ReadCounters(0).Turns > 100);
        plane.Stop();
        long before = plane.Recorded[0];
        plane.Start(0);
        session.Baseline(); // throws `before` away, and whatever the running lane adds until it flips
        for (int i = 0; i < 20; i++)
        {
            session.Sample();
        }

        plane.Stop();
        LanePageOf(plane, 0).State = LaneState.Stopped;
        RunMeasurement run = session.Finish("run", []);

        LatencySummary endToEnd = run.Result.EndToEnd!;
        Assert.True(endToEnd.Count > 20 * 64);
        Assert.True(endToEnd.Count <= plane.Recorded[0] - before);
        Assert.Equal(endToEnd.Count, run.Result.ServiceTime!.Count);
        Assert.Equal(endToEnd.Count, run.Result.Lanes[0].Gap!.Count);
        Assert.InRange(endToEnd.P50Ns!.Value, 3400, 3600);
    }

    [Fact]
    public void No_value_is_lost_or_counted_twice_over_a_hundred_flips()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        MeasurementSession session = new(null, plane.Reader);
        LanePageOf(plane, 0).State = LaneState.Armed;
        plane.Start(0);
        WaitFor(() => plane.Reader.ReadCounters(0).Turns > 10);
        plane.Stop();
        LanePageOf(plane, 0).State = LaneState.Stopped;
        long thrownAway = plane.Recorded[0];
        // The lane sleeps, so that the baseline's cut is known to the value: both banks go.
        LaneTrack track = new(plane.Reader, "forward", 0);
        track.TakeBothBanks(isKept: true);
        Assert.Equal(thrownAway, track.Whole(HistogramKind.Residence)!.TotalCount);

        LanePageOf(plane, 0).State = LaneState.Armed;
        plane.Start(0);
        for (int i = 0; i < 100; i++)
        {
            session.Sample();
        }

        plane.Stop();
        LanePageOf(plane, 0).State = LaneState.Stopped;
        RunMeasurement run = session.Finish("run", []);
        Assert.Equal(plane.Recorded[0] - thrownAway, run.Result.Residence!.Count);
        Assert.Equal(plane.Recorded[0] - thrownAway, run.Result.Gap!.Count);
        Assert.Empty(run.Result.Verdict.Reasons);
    }

    [Fact]
    public void A_lane_that_died_gives_both_banks_and_the_verdict_names_its_process()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        MeasurementSession session = new(null, plane.Reader);
        plane.Owner.Header.State = RegionState.Armed;
        session.Baseline();
        plane.Owner.Histogram(0, HistogramKind.Residence, 0)[HdrGeometry.IndexOf(700)] = 30;
        plane.Owner.Histogram(0, HistogramKind.Residence, 1)[HdrGeometry.IndexOf(900)] = 12;
        plane.Die();
        RunMeasurement run = session.Finish("run", []);

        Assert.Equal(42, run.Result.Residence!.Count);
        Assert.Equal((700L, 900L), (run.Result.Residence.MinNs, run.Result.Residence.MaxNs));
        Assert.False(run.Result.Verdict.Ok);
        Assert.Contains(run.Result.Verdict.Reasons, r => r.Contains("died", StringComparison.Ordinal));
    }

    [Fact]
    public void A_lane_that_does_not_answer_is_waited_for_briefly_and_named()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        MeasurementSession session = new(null, plane.Reader);
        long start = Stopwatch.GetTimestamp();
        session.Sample();
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(2));
        RunMeasurement run = session.Finish("run", []);
        Assert.Contains(run.Result.Verdict.Reasons, r =>
            r.Contains("lane0 of 'forward' did not answer", StringComparison.Ordinal));
    }

    [Fact]
    public void Warm_up_keeps_receivers_latencies_and_throws_lanes_own_histograms_and_gaps_away()
    {
        using FakeDataPlane plane = new(LaneKind.Generator, LaneKind.Receiver);
        MeasurementSession session = new(plane.Reader, null);
        plane.Start(0);
        plane.Start(1);
        session.Baseline();
        Interval warm = session.Sample(); // MeasureFromNs is still 0
        plane.Stop();
        LanePageOf(plane, 0).State = LaneState.Stopped;
        LanePageOf(plane, 1).State = LaneState.Stopped;
        LanePageOf(plane, 0).MeasureFromNs = MeasurementSession.NowNs + 60_000_000_000;
        session.Sample();
        RunMeasurement run = session.Finish("load", []);

        Assert.True(warm.IsWarmup);
        Assert.True(warm.Sent > 0 && warm.P50Ns > 0);
        Assert.True(run.Result.EndToEnd!.Count > 0);
        Assert.True(run.Result.Loss!.Sent > 0);
        Assert.Empty(run.Timeline.Gaps);
    }

    [Fact]
    public void The_interval_that_ends_when_measuring_starts_is_warm_up_and_the_next_is_not()
    {
        using FakeDataPlane plane = new(LaneKind.Generator, LaneKind.Receiver);
        MeasurementSession session = new(plane.Reader, null);
        plane.Start(0);
        plane.Start(1);
        session.Baseline();
        LanePageOf(plane, 0).MeasureFromNs = MeasurementSession.NowNs + 5_000_000;
        WaitFor(() => MeasurementSession.NowNs >= session.NextSampleNs);
        Interval warm = session.Sample();
        Interval measured = session.Sample();
        Assert.True(warm.IsWarmup);
        Assert.False(measured.IsWarmup);
        Assert.Null(warm.GapMaxNs);
        Assert.True(measured.GapMaxNs > 0);
    }

    [Fact]
    public void The_next_sample_is_due_in_a_second_or_when_measuring_starts()
    {
        using FakeDataPlane plane = new(LaneKind.Generator);
        MeasurementSession session = new(plane.Reader, null);
        plane.Start(0);
        session.Baseline();
        long now = MeasurementSession.NowNs;
        Assert.InRange(session.NextSampleNs, now + 500_000_000, now + 1_000_000_000);
        LanePageOf(plane, 0).MeasureFromNs = now + 100_000_000;
        Assert.Equal(now + 100_000_000, session.NextSampleNs);
    }

    [Fact]
    public void Gap_events_are_drained_in_order_and_the_longest_are_kept()
    {
        GapLog log = new();
        for (int i = 0; i < 5000; i++)
        {
            int mixed = i * 7919 % 5000; // a permutation: lengths come in no order
            log.Add(new GapRecord("forward", "l", i, mixed, 0, "idle", 0));
        }

        List<GapRecord> kept = log.InOrder(0);
        Assert.Equal(5000, log.Count);
        Assert.Equal(GapLog.KeptMax, kept.Count);
        Assert.Equal(4000, kept.Min(g => g.LengthNs));
        Assert.Equal(kept.OrderBy(g => g.StartNs), kept);
        Assert.All(log.InOrder(2500), g => Assert.True(g.StartNs >= 2500));
    }

    [Fact]
    public void Counters_read_while_a_lane_publishes_are_never_torn()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        plane.Start(0);
        WaitFor(() => plane.Reader.ReadCounters(0).Turns > 0);
        for (int i = 0; i < 200_000; i++)
        {
            LaneCounters counters = plane.Reader.ReadCounters(0);
            Assert.Equal(counters.Turns * 64, counters.RxFrames);
            Assert.Equal(counters.RxFrames, counters.TxFrames);
        }
    }

    private static ref LanePage LanePageOf(FakeDataPlane plane, int lane) =>
        ref plane.Owner.LanePage(lane).Value;

    private static void WaitFor(Func<bool> holds) => Assert.True(SpinWait.SpinUntil(holds, 10_000));
}
