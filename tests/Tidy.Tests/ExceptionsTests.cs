using Xunit;

namespace LowLatency.Tidy.Tests;

public sealed class ExceptionsTests
{
    private static readonly Finding Word = new("src/A.cs", 3, "no-sleep", "wait");

    [Fact]
    public void A_finding_without_a_row_stays() => Assert.Equal([Word], Exceptions.Apply([Word], []));

    [Fact]
    public void A_row_allows_as_many_as_it_says_and_less() =>
        Assert.Empty(Exceptions.Apply([Word, Word with { Line = 9 }], [new("no-sleep", "src/A.cs", "", 3,
            "why")]));

    [Fact]
    public void One_more_than_allowed_shows_them_all_with_the_reason()
    {
        List<Finding> kept = Exceptions.Apply([Word, Word with { Line = 9 }], [new("no-sleep", "src/A.cs",
            "", 1, "why")]);
        Assert.Equal(2, kept.Count);
        Assert.All(kept, finding => Assert.Contains("why", finding.Fix, StringComparison.Ordinal));
    }

    [Fact]
    public void A_length_may_shrink_but_not_grow()
    {
        Finding method = new("src/A.cs", 3, "method-length", "split") { Item = "F", Amount = 80 };
        Assert.Empty(Exceptions.Apply([method], [new("method-length", "src/A.cs", "F", 80, "why")]));
        Assert.Single(Exceptions.Apply([method], [new("method-length", "src/A.cs", "F", 79, "why")]));
    }

    [Theory]
    [InlineData("no-sleep", "src/B.cs", "")]
    [InlineData("lane-waits", "src/A.cs", "")]
    [InlineData("no-sleep", "src/A.cs", "F")]
    [InlineData("no-sleep", "src", "")]
    [InlineData("no-sleep", "tests/", "")]
    public void A_row_that_allows_nothing_is_a_finding_itself(string rule, string path, string item)
    {
        List<Finding> kept = Exceptions.Apply([Word], [new(rule, path, item, 1, "why")]);
        Assert.Equal([Word.Path, path], kept.Select(finding => finding.Path));
    }

    [Fact]
    public void A_folder_is_one_row() =>
        Assert.Empty(Exceptions.Apply([Word, Word with { Path = "src/b/B.cs" }], [new("no-sleep", "src/", "",
            2, "why")]));

    [Fact]
    public void Every_row_says_why_and_none_lifts_the_hard_limits()
    {
        string[] hard = ["file-length-hard", "machine-path", "registry-host", "no-sleep", "project-arrows"];
        Assert.All(Exceptions.All, row => Assert.True(row.Reason.Length > 10 && row.Most > 0,
            row.ToString()));
        Assert.DoesNotContain(Exceptions.All, row => hard.Contains(row.Rule));
    }
}
