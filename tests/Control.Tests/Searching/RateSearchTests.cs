using CsCheck;
using LowLatency.Control.Searching;
using Xunit;

namespace LowLatency.Control.Tests.Searching;

/// <summary>Searches against devices that are made up, honest ones and noisy ones.</summary>
public sealed class RateSearchTests
{
    private static readonly SearchGoal Goal = new()
    {
        MinPps = 1_000, MaxPps = 10_000_000, InitialSeconds = 1, FinalSeconds = 9, SumSeconds = 27,
    };

    [Fact]
    public void Any_honest_device_lies_between_bounds_as_close_as_asked_for() =>
        Gen.Select(Gen.Double[1_001, 9_999_999], Gen.Double[0.005, 0.1], Gen.Bool).Sample(
            (capacity, width, hasHint) =>
            {
                Device device = new(capacity) { HasHint = hasHint };
                SearchOutcome outcome = device.Search(Goal with { Width = width });
                return outcome is { IsComplete: true, LowerPps: double lower, UpperPps: double upper }
                    && lower <= capacity && upper > capacity && upper - lower <= upper * width * 1.0001;
            },
            iter: 500);

    [Fact]
    public void What_comes_through_saves_trials()
    {
        Device blind = new(437_000);
        Device told = new(437_000) { HasHint = true };
        blind.Search(Goal);
        told.Search(Goal);
        Assert.True(told.Count < blind.Count, $"{told.Count} and {blind.Count} trials");
        Assert.True(told.Count <= 16, $"{told.Count} trials");
    }

    [Fact]
    public void A_device_that_never_loses_passes_at_the_highest_rate()
    {
        SearchOutcome outcome = new Device(1e9).Search(Goal);
        Assert.Equal((10_000_000, null, true, "the highest rate passes"),
            (outcome.LowerPps, outcome.UpperPps, outcome.IsComplete, outcome.Why));
    }

    [Fact]
    public void A_device_that_always_loses_has_no_lower_bound()
    {
        SearchOutcome outcome = new Device(0) { HasHint = true }.Search(Goal);
        Assert.Equal((null, 1_000, true, "the lowest rate fails"),
            (outcome.LowerPps, outcome.UpperPps, outcome.IsComplete, outcome.Why));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void A_hiccup_in_one_of_ten_trials_does_not_move_the_bounds_far(int seed)
    {
        Random random = new(seed);
        Device device = new(437_000) { HasHint = true, IsBadLuck = _ => random.NextDouble() < 0.1 };
        SearchOutcome outcome = device.Search(Goal);
        Assert.True(outcome.IsComplete, outcome.Why);
        Assert.InRange(outcome.LowerPps!.Value, 437_000 * 0.9, 437_000);
        Assert.InRange(outcome.UpperPps!.Value, outcome.LowerPps.Value, 437_000 * 1.03);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void A_device_that_fails_more_often_the_faster_it_goes_is_bounded_inside_its_slope(int seed)
    {
        Random random = new(seed);
        // Bad one time in a hundred at 400k, one in two at 450k, ninety-nine in a hundred at 500k.
        Device device = new(1e9)
        {
            IsBadLuck = rate => random.NextDouble() < 1 / (1 + Math.Exp((450_000 - rate) / 10_900)),
        };
        SearchOutcome outcome = device.Search(Goal);
        Assert.True(outcome.IsComplete, outcome.Why);
        Assert.InRange(outcome.LowerPps!.Value, 390_000, 500_000);
        Assert.InRange(outcome.UpperPps!.Value, 400_000, 510_000);
    }

    [Fact]
    public void Unlucky_short_trials_are_corrected_by_full_ones()
    {
        // Everything over 100k fails while trials are short.
        Device device = new(800_000) { IsBadTime = (rate, seconds) => rate > 100_000 && seconds < 9 };
        SearchOutcome outcome = device.Search(Goal);
        Assert.True(outcome.IsComplete, outcome.Why);
        Assert.InRange(outcome.LowerPps!.Value, 780_000, 800_000);
    }

    [Fact]
    public void Lucky_short_trials_are_corrected_by_full_ones()
    {
        Device device = new(1e9) { IsBadTime = (rate, seconds) => rate > 100_000 && seconds >= 9 };
        SearchOutcome outcome = device.Search(Goal);
        Assert.True(outcome.IsComplete, outcome.Why);
        Assert.InRange(outcome.LowerPps!.Value, 98_000, 100_000);
    }

    [Fact]
    public void A_device_with_a_hole_is_bounded_below_it_and_called_uneven()
    {
        Device device = new(1e9) { IsBadTime = (rate, _) => rate is > 300_000 and < 9_999_999 };
        SearchOutcome outcome = new RateSearch(Goal, (rate, seconds) => device.Try(rate, seconds)).Run();
        Assert.Equal((10_000_000, null), (outcome.LowerPps, outcome.UpperPps));
        Assert.False(outcome.IsUneven); // nothing that was tried failed

        device = new(1e9) { IsBadTime = (rate, s) => rate > 9e6 ? s < 9 : rate > 300_000 };
        outcome = device.Search(Goal);
        Assert.InRange(outcome.LowerPps!.Value, 290_000, 300_000);
    }

    [Fact]
    public void An_interrupted_search_says_so_and_keeps_what_it_knows()
    {
        Device device = new(437_000) { HasHint = true, CountMax = 4 };
        SearchOutcome outcome = device.Search(Goal);
        Assert.Equal((false, "interrupted"), (outcome.IsComplete, outcome.Why));
    }

    [Fact]
    public void A_search_ends_when_its_trials_are_used_up()
    {
        Random random = new(7);
        Device device = new(1e9) { IsBadLuck = _ => random.NextDouble() < 0.5 };
        SearchOutcome outcome = device.Search(Goal with { TrialsMax = 7 });
        Assert.Equal((false, "7 trials are all it may use", 7),
            (outcome.IsComplete, outcome.Why, device.Count));
    }

    [Fact]
    public void No_trial_is_outside_the_range_or_longer_than_the_final_one() =>
        Gen.Int[0, 1_000_000].Sample(
            seed =>
            {
                Random random = new(seed);
                bool isInside = true;
                SearchOutcome outcome = new RateSearch(Goal, (rate, seconds) =>
                {
                    isInside &= rate is >= 1_000 and <= 10_000_000 && seconds <= 9;
                    return new TrialAnswer(random.NextDouble() < 0.5, random.NextDouble() * 2e7);
                }).Run();
                return isInside && (outcome.LowerPps ?? 0) < (outcome.UpperPps ?? 1e9);
            },
            iter: 500);

    /// <summary>A device that carries a number of frames a second, and what goes wrong with it.</summary>
    private sealed class Device(double capacityPps)
    {
        public int Count { get; private set; }

        public bool HasHint { get; init; }

        public int CountMax { get; init; } = int.MaxValue;

        public Func<double, bool> IsBadLuck { get; init; } = _ => false;

        public Func<double, double, bool> IsBadTime { get; init; } = (_, _) => false;

        public SearchOutcome Search(SearchGoal goal) => new RateSearch(goal, Try).Run();

        public TrialAnswer? Try(double rate, double seconds)
        {
            bool isGood = rate <= capacityPps && !IsBadLuck(rate) && !IsBadTime(rate, seconds);
            return Count++ >= CountMax ? null
                : new TrialAnswer(isGood, HasHint ? Math.Min(rate, capacityPps) : null);
        }
    }
}
