using LowLatency.Control.Searching;
using Xunit;

namespace LowLatency.Control.Tests.Searching;

/// <summary>A rate passes or fails only when the missing time could not change it.</summary>
public sealed class RatingTests
{
    private static readonly SearchPhase Three = new(10, 30, 0.02, 0.5);

    [Theory]
    [InlineData("", "Open")]
    [InlineData("10+", "Open")]
    [InlineData("10-", "Open")]
    [InlineData("10+ 10+", "Pass")]
    [InlineData("10- 10-", "Fail")]
    [InlineData("10+ 10-", "Open")]
    [InlineData("10+ 10- 10+", "Pass")]
    [InlineData("10- 10+ 10-", "Fail")]
    [InlineData("1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+ 1+", "Open")] // short ones prove nothing
    [InlineData("1- 10+ 10+", "Pass")]
    [InlineData("8- 8- 10+ 10+", "Pass")] // 16 s bad, 20 s good
    [InlineData("8- 8- 10+", "Fail")] // 16 s of 30 are bad already
    [InlineData("8- 8- 16+", "Pass")]
    [InlineData("8- 8- 8+ 10+ 10+", "Pass")] // short good ones outweigh short bad ones
    public void Time_decides(string trials, string rating)
    {
        (double, bool)[] read = [.. trials.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(t => (double.Parse(t[..^1]), t[^1] == '+'))];
        Assert.Equal(rating, Ratings.Of(read, Three).ToString());
    }

    [Fact]
    public void One_trial_decides_where_its_time_is_all()
    {
        SearchPhase one = new(1, 1, 0.02, 0.5);
        Assert.Equal(Rating.Pass, Ratings.Of([(1, true)], one));
        Assert.Equal(Rating.Fail, Ratings.Of([(1, false)], one));
    }

    [Fact]
    public void Where_nothing_may_be_bad_one_bad_trial_fails_the_rate()
    {
        SearchPhase strict = new(10, 30, 0.02, 0);
        Assert.Equal(Rating.Fail, Ratings.Of([(10, true), (10, false)], strict));
        Assert.Equal(Rating.Open, Ratings.Of([(10, true), (10, true)], strict));
        Assert.Equal(Rating.Pass, Ratings.Of([(10, true), (10, true), (10, true)], strict));
    }

    [Fact]
    public void Phases_grow_to_the_final_length_and_shrink_to_the_final_width()
    {
        SearchGoal goal = new()
        {
            MinPps = 1, MaxPps = 2, InitialSeconds = 1, FinalSeconds = 9, SumSeconds = 27, Width = 0.01,
        };
        Assert.Equal(
            [new(1, 1, 0.04, 0.5), new(3, 3, 0.02, 0.5), new SearchPhase(9, 27, 0.01, 0.5)], goal.Phases);
        Assert.Single((goal with { FinalSeconds = 1 }).Phases);
    }
}
