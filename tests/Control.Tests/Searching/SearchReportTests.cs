using System.Xml;
using LowLatency.Control.Reporting;
using LowLatency.Control.Searching;
using LowLatency.Control.Tests.Commands;
using Xunit;

namespace LowLatency.Control.Tests.Searching;

/// <summary>What a search writes and shows.</summary>
public sealed class SearchReportTests
{
    private static readonly SearchDocument Search = SampleSearch.Make();

    [Fact]
    public void The_text_is_as_reviewed() =>
        GoldenFile.Check("search.txt", SearchText.Render(Search.Result));

    [Fact]
    public void The_JSON_is_as_reviewed() => GoldenFile.Check("search.json", RunJson.Write(Search.Result));

    [Fact]
    public void No_line_is_wider_than_100_columns()
    {
        TrialRow wide = SampleSearch.Row(50_000_000, 86_400, 0.999_999_9,
            "p99.99 123456789.12 us and more words than fit");
        SearchResult search = Search.Result with { Trials = [wide], Curve = [wide] };
        Assert.All(SearchText.Render(search).Split('\n'), line => Assert.True(line.Length <= 100, line));
    }

    [Fact]
    public void The_JSON_reads_back_to_the_same_text()
    {
        string text = RunJson.Write(Search.Result);
        Assert.Equal(text, RunJson.Write(RunJson.ReadSearch(text)));
        Assert.Throws<System.Text.Json.JsonException>(() => RunJson.ReadSearch(
            text.Replace("search/1", "search/9", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_folder_is_written_and_shown_again()
    {
        string folder = Directory.CreateTempSubdirectory("search").FullName;
        try
        {
            SearchFolder.Write(folder, Search, "name = \"x\"\n");
            File.Delete(Path.Combine(folder, RunFolder.PageName));
            CommandRun run = CommandRun.Of("report", folder);
            Assert.Equal((0, SearchText.Render(Search.Result)), (run.Code, run.Out));
            Assert.True(File.Exists(Path.Combine(folder, RunFolder.PageName)));
            Assert.Equal(RunJson.Write(Search.Result), CommandRun.Of("report", folder, "--json").Out);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_page_is_well_formed_and_draws_a_line_for_each_percentile()
    {
        string page = SearchPage.Render(Search);
        XmlDocument xml = new() { XmlResolver = null };
        xml.LoadXml(page[page.IndexOf("<html", StringComparison.Ordinal)..]);
        Assert.Equal(4, xml.GetElementsByTagName("polyline").Count); // p99.99 is refused: 20 000 samples
        Assert.Equal(1 + 3 + 1 + 4, xml.GetElementsByTagName("tr").Count);
    }

    [Fact]
    public void Without_a_curve_the_trials_are_drawn_and_without_samples_nothing_is()
    {
        Assert.Contains("polyline", SearchPage.Curve(Search.Result with { Curve = [] }),
            StringComparison.Ordinal);
        Assert.Contains("No samples", SearchPage.Curve(Search.Result with { Curve = [], Trials = [] }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_headline_says_what_was_found_and_what_was_not()
    {
        Assert.Equal("PDR 412 000 pps; 419 800 pps fails", SearchText.Headline(Search.Result));
        Assert.Equal("NDR 5 000 pps; nothing tried fails", SearchText.Headline(
            Search.Result with { Kind = "ndr", LowerPps = 5_000, UpperPps = null }));
        Assert.Equal("LATENCY not found: no rate below 1 000 pps passed", SearchText.Headline(
            Search.Result with { Kind = "latency", LowerPps = null, UpperPps = 1_000 }));
    }
}
