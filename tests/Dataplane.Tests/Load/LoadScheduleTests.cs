using LowLatency.Dataplane.Load;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Load;

public sealed partial class LoadScheduleTests
{
    private const long StartNs = 123_456_789_012_345;

    private static PlanLoad Plan(double ratePps, long durationNs, int paths = 1)
    {
        PlanLoad plan = TestPlans.MakeLoad(ratePps, paths);
        plan.DurationNs = durationNs;
        return plan;
    }

    private static PlanLoad Quiet(PlanLoad plan)
    {
        plan.QuietEveryNs = 10_000_000;
        plan.QuietForNs = 600_000;
        plan.QuietGuardNs = 150_000;
        return plan;
    }

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(999_999.5)]
    [InlineData(14_880_952.38)]
    [InlineData(3)]
    public void TenMillionConstantFramesDoNotDrift(double ratePps)
    {
        const int Frames = 10_000_000;
        PlanLoad plan = Plan(ratePps, (long)(1.1 * Frames / ratePps * 1e9));
        LoadSchedule schedule = new(plan);
        schedule.Start(StartNs);
        Assert.Equal(StartNs, schedule.NextNs);
        double intervalNs = 1e9 / ratePps;
        for (int i = 0; i < Frames; i++)
        {
            // Whole nanoseconds, cut: never early by more than one, never late. The double sum has 53 bits.
            double due = StartNs + (i * intervalNs);
            if (Math.Abs(schedule.NextNs - due) > 1.1)
            {
                Assert.Fail($"frame {i}: {schedule.NextNs}, due {due}");
            }

            schedule.Advance();
        }

        Assert.False(schedule.IsOver);
    }

    [Fact]
    public void AtAMillionASecondEveryDistanceIsExact()
    {
        LoadSchedule schedule = new(Plan(1e6, 100_000_000));
        schedule.Start(StartNs);
        for (int i = 0; i < 100_000; i++)
        {
            Assert.Equal(StartNs + (i * 1000L), schedule.NextNs);
            schedule.Advance();
        }

        Assert.Equal((true, long.MaxValue), (schedule.IsOver, schedule.NextNs));
        schedule.Advance();
        Assert.Equal((true, long.MaxValue), (schedule.IsOver, schedule.NextNs));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheTotalIsRateTimesTimeForEveryRate(bool isQuiet)
    {
        for (double rate = 10; rate < 10e6; rate *= 3.7)
        {
            foreach (long warmupNs in (long[])[0, 20_000_000])
            {
                PlanLoad plan = Plan(rate, 50_000_000);
                plan.WarmupNs = warmupNs;
                plan = isQuiet ? Quiet(plan) : plan;
                (int count, _) = Take(plan);
                double expected = rate * (plan.WarmupNs + plan.DurationNs) / 1e9;
                Assert.True(Math.Abs(count - expected) <= 1, $"{rate} pps: {count} frames, not {expected}");
            }
        }
    }

    [Theory]
    [InlineData(Schedule.Constant, 2_000_000)]
    [InlineData(Schedule.Constant, 777_777)]
    [InlineData(Schedule.Poisson, 2_000_000)]
    public void NothingIsIntendedInAQuietWindowOrItsGuardAndTheRateHoldsOverWallTime(Schedule kind,
        double rate)
    {
        PlanLoad plan = Quiet(Plan(rate, 500_000_000));
        plan.Schedule = kind;
        (int count, long[] times) = Take(plan);
        foreach (long at in times.AsSpan(0, count))
        {
            Assert.InRange(at % plan.QuietEveryNs, plan.QuietForNs,
                plan.QuietEveryNs - plan.QuietGuardNs - 1);
        }

        // The schedule begins at a multiple of the period; Poisson: five standard deviations.
        double expected = rate * plan.QuietEveryNs / 1e9;
        double slack = kind == Schedule.Constant ? 1 : 5 * Math.Sqrt(expected);
        long first = (StartNs + plan.QuietEveryNs - 1) / plan.QuietEveryNs * plan.QuietEveryNs;
        Assert.True(times[0] >= first && times[0] < first + plan.QuietEveryNs);
        int[] aligned = new int[50];
        foreach (long at in times.AsSpan(0, count))
        {
            aligned[(at - first) / plan.QuietEveryNs]++;
        }

        Assert.All(aligned, frames => Assert.InRange(frames, expected - slack, expected + slack));
    }

    [Fact]
    public void PoissonDistancesAreExponentialWithTheRatesMean()
    {
        const double Rate = 100_000; // distances of 10 µs: whole nanoseconds are fine enough
        PlanLoad plan = Plan(Rate, 10_000_000_000);
        plan.Schedule = Schedule.Poisson;
        (int count, long[] times) = Take(plan);
        double sum = 0;
        double squares = 0;
        int overMean = 0;
        int overThree = 0;
        for (int i = 1; i < count; i++)
        {
            double distance = (times[i] - times[i - 1]) / 10_000.0;
            Assert.True(distance >= 0);
            sum += distance;
            squares += distance * distance;
            overMean += distance > 1 ? 1 : 0;
            overThree += distance > 3 ? 1 : 0;
        }

        int n = count - 1;
        double mean = sum / n;
        Assert.InRange(mean, 0.99, 1.01);
        Assert.InRange((squares / n) - (mean * mean), 0.98, 1.02);
        Assert.InRange((double)overMean / n, Math.Exp(-1) - 0.003, Math.Exp(-1) + 0.003);
        Assert.InRange((double)overThree / n, Math.Exp(-3) - 0.002, Math.Exp(-3) + 0.002);
        Assert.Equal(StartNs, times[0]);
    }

    [Fact]
    public void TheSameSeedIsTheSameScheduleAndAnotherIsNot()
    {
        PlanLoad plan = Plan(1e6, 10_000_000);
        plan.Schedule = Schedule.Poisson;
        (int count, long[] times) = Take(plan);
        (int again, long[] timesAgain) = Take(plan);
        Assert.Equal(times.AsSpan(0, count), timesAgain.AsSpan(0, again));
        plan.Seed++;
        (int other, long[] timesOther) = Take(plan);
        Assert.False(times.AsSpan(0, count).SequenceEqual(timesOther.AsSpan(0, other)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PathsTakeTheirSlicesInTurnAndTheFirstGetsItsWholeDuration(bool isQuiet)
    {
        const double Rate = 1_000_000;
        PlanLoad plan = Plan(Rate, 80_000_000, paths: 2); // 100 rounds of 0.8 and 0.2 ms
        plan = isQuiet ? Quiet(plan) : plan;
        double share = isQuiet ? 9_250_000.0 / 10_000_000 : 1;
        LoadSchedule schedule = new(plan);
        schedule.Start(StartNs);
        int[] frames = new int[2];
        double intervalNs = 1000 * share;
        for (long i = 0; !schedule.IsOver; i++)
        {
            long inCycle = (long)(i * intervalNs) % 1_000_000;
            Assert.Equal(inCycle < 800_000 ? 0 : 1, schedule.Path);
            frames[schedule.Path]++;
            schedule.Advance();
        }

        // The first path has its whole duration; the second lacks at most the slice that the last round
        // breaks off.
        Assert.InRange(frames[0], 80_000 - 1, 80_000 + 1);
        Assert.InRange(frames[1], 20_000 - (int)(200_000 / intervalNs) - 1, 20_000 + 1);
    }

    [Fact]
    public void MeasuringStartsAfterTheWarmUpAndItsFramesAreRateTimesWarmUp()
    {
        PlanLoad plan = Plan(1e6, 20_000_000);
        plan.WarmupNs = 30_000_000;
        Assert.Equal(StartNs + plan.WarmupNs, LoadSchedule.MeasureFrom(plan, StartNs));
        (int count, long[] times) = Take(plan);
        Assert.Equal(30_000, times.AsSpan(0, count).ToArray().Count(at => at < StartNs + plan.WarmupNs));

        plan = Quiet(plan);
        long first = (StartNs + plan.QuietEveryNs - 1) / plan.QuietEveryNs * plan.QuietEveryNs;
        long from = LoadSchedule.MeasureFrom(plan, StartNs);
        Assert.Equal(first + plan.WarmupNs, from);
        Assert.Equal(first + plan.WarmupNs, LoadSchedule.MeasureFrom(plan, first));
        (count, times) = Take(plan);
        Assert.InRange(times.AsSpan(0, count).ToArray().Count(at => at < from), 29_999, 30_001);
        Assert.InRange(times.AsSpan(0, count).ToArray().Count(at => at >= from), 19_999, 20_001);
    }

    private static (int Count, long[] Times) Take(PlanLoad plan)
    {
        LoadSchedule schedule = new(plan);
        Assert.Equal(long.MaxValue, schedule.NextNs); // nothing is due before the start
        schedule.Start(StartNs);
        List<long> times = [];
        while (!schedule.IsOver)
        {
            Assert.True(times.Count == 0 || schedule.NextNs >= times[^1]);
            times.Add(schedule.NextNs);
            schedule.Advance();
        }

        return (times.Count, [.. times]);
    }
}
