using LowLatency.Control.Readiness;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

public sealed class CatalogueTests
{
    [Fact]
    public void Every_id_is_there_once_and_has_three_parts()
    {
        Assert.Equal(Catalogue.All.Count, Catalogue.All.Select(check => check.Id).Distinct().Count());
        Assert.All(Catalogue.All, check => Assert.Matches("^[a-z]+\\.[a-z0-9_-]+(\\.[a-z0-9-]+)?$",
            check.Id));
    }

    [Fact]
    public void Every_row_says_what_why_whence_and_what_to_do() => Assert.All(Catalogue.All, check =>
    {
        _ = SeverityByProfile.Parse(check.Severities);
        string[] texts = [check.Expects, check.Why, check.Source, check.Remedy.Do];
        Assert.All(texts, text => Assert.True(text.Trim() == text && text.Length > 3,
            $"{check.Id}: '{text}'"));
        Assert.True(check.Reads.Count > 0 || check.IsMeasuredGate, $"{check.Id} reads nothing");
    });

    [Fact]
    public void Every_behavioural_check_reads_something_over_the_window() => Assert.All(
        Catalogue.All.Where(check => check.Kind.HasFlag(CheckKind.Behaviour) && !check.IsMeasuredGate),
        check => Assert.Contains(check.Reads, read => read.Traits.HasFlag(ReadTraits.Window)));
}
