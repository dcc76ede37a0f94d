using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Load;

/// <summary>Bursts, ramps and steps.</summary>
public sealed partial class LoadScheduleTests
{
    private static PlanLoad Rates(PlanLoad plan, Schedule kind,
        params (double From, double To, long ForNs)[] rates)
    {
        plan.Schedule = kind;
        for (int i = 0; i < rates.Length; i++)
        {
            plan.Rates[i] = new PlanRate { FromPps = rates[i].From, ToPps = rates[i].To,
                ForNs = rates[i].ForNs };
        }

        return plan;
    }

    [Theory]
    [InlineData(2, 0)]
    [InlineData(4, 25_000)]
    [InlineData(32, 300_000)]
    [InlineData(32, 320_000)] // all frames of a burst are due at once
    public void BurstsHaveTheirFramesAndTheirGapAndTheMeanRate(uint frames, long gapNs)
    {
        PlanLoad plan = Plan(100_000, 100_000_000);
        plan.Schedule = Schedule.Burst;
        plan.BurstFrames = frames;
        plan.BurstGapNs = gapNs;
        (int count, long[] times) = Take(plan);
        Assert.InRange(count, 9_999, 10_000 + (int)frames - 1); // what begins before the end is sent
        double stepNs = ((frames * 10_000.0) - gapNs) / (frames - 1);
        for (int i = 1; i < count; i++)
        {
            double due = i % frames == 0 ? gapNs : stepNs;
            Assert.InRange(times[i] - times[i - 1], due - 1.1, due + 1.1);
        }
    }

    [Fact]
    public void ABurstAfterAHundredThousandOthersIsStillOnTime()
    {
        PlanLoad plan = Plan(1e6 / 3, 10_000_000_000);
        plan.Schedule = Schedule.Burst;
        plan.BurstFrames = 32;
        plan.BurstGapNs = 50_000;
        (int count, long[] times) = Take(plan);
        int last = (count - 1) / 32 * 32;
        Assert.Equal(StartNs + (last * 3000L), times[last]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ARampBeginsAndEndsAtItsRatesAndGrowsLinearlyBetween(bool isQuiet)
    {
        PlanLoad plan = Plan(600_000, 1_000_000_000);
        plan.WarmupNs = 100_000_000;
        plan = isQuiet ? Quiet(plan) : plan;
        plan = Rates(plan, Schedule.Ramp, (200_000, 1_000_000, plan.DurationNs));
        (int count, long[] times) = Take(plan);
        Assert.InRange(count, 620_000 - 1, 620_000 + 1); // 0.1 s at 200k, then a second at 600k in the mean
        long from = Dataplane.Load.LoadSchedule.MeasureFrom(plan, StartNs);
        for (int tenth = 0; tenth < 10; tenth++)
        {
            // In the tenth from t to t + 0.1 s: 200k/s and 800k/s² of growth.
            double expected = (200_000 + (800_000 * ((tenth / 10.0) + 0.05))) / 10;
            int frames = CountIn(times, from + (tenth * 100_000_000L), from + ((tenth + 1) * 100_000_000L));
            Assert.InRange(frames, expected - 2, expected + 2);
        }
    }

    [Fact]
    public void ARampDownIsTheMirrorOfARampUp()
    {
        (int up, long[] upTimes) = Take(
            Rates(Plan(55_000, 100_000_000), Schedule.Ramp, (10_000, 100_000, 100_000_000)));
        (int down, long[] downTimes) = Take(
            Rates(Plan(55_000, 100_000_000), Schedule.Ramp, (100_000, 10_000, 100_000_000)));
        Assert.InRange(up - down, -1, 1);
        for (int i = 1; i < 5_500; i += 100)
        {
            // Frame i of one is the i-th before the end of the other.
            double mirrored = (2 * StartNs) + 100_000_000 - downTimes[i];
            Assert.InRange(upTimes[5_500 - i] - mirrored, -2, 2);
        }
    }

    [Fact]
    public void StepsKeepTheirRateForTheirTimeAndTheWarmUpHasTheFirst()
    {
        PlanLoad plan = Rates(Plan(80_000, 60_000_000), Schedule.Steps,
            (10_000, 10_000, 10_000_000), (200_000, 200_000, 20_000_000), (1_000, 1_000, 30_000_000));
        plan.WarmupNs = 20_000_000;
        (_, long[] times) = Take(plan);
        long from = StartNs + plan.WarmupNs;
        Assert.Equal(200, CountIn(times, StartNs, from));
        Assert.InRange(CountIn(times, from, from + 10_000_000), 99, 101);
        Assert.InRange(CountIn(times, from + 10_000_000, from + 30_000_000), 3_999, 4_001);
        Assert.InRange(CountIn(times, from + 30_000_000, from + 60_000_000), 29, 31);
        Assert.Equal(0, CountIn(times, from + 60_000_000, long.MaxValue));
    }

    [Fact]
    public void WithTwoPathsEachStepHasItsTimeOnTheFirst()
    {
        PlanLoad plan = Rates(Plan(200_000, 80_000_000, paths: 2), Schedule.Steps,
            (100_000, 100_000, 40_000_000), (300_000, 300_000, 40_000_000));
        Dataplane.Load.LoadSchedule schedule = new(plan);
        schedule.Start(StartNs);
        int[] frames = new int[2];
        while (!schedule.IsOver)
        {
            // 40 ms of the first path, 10 ms of the other
            bool isSecond = schedule.NextNs >= StartNs + 50_000_000;
            frames[isSecond ? 1 : 0] += schedule.Path == 0 ? 1 : 0;
            schedule.Advance();
        }

        Assert.InRange(frames[0], 4_000 - 50, 4_000 + 50); // slices begin at fractions of a distance
        Assert.InRange(frames[1], 12_000 - 50, 12_000 + 50);
    }

    private static int CountIn(long[] times, long from, long to) => times.Count(at => at >= from && at < to);
}
