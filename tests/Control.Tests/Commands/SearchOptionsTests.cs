using LowLatency.Control.Commands;
using Xunit;

namespace LowLatency.Control.Tests.Commands;

/// <summary>A search that makes no sense is refused before anything is looked at.</summary>
public sealed class SearchOptionsTests
{
    [Theory]
    [InlineData("--search sideways: must be one of ndr, pdr, latency", "--search", "sideways")]
    [InlineData("--width: belongs to a search. Add --search ndr, for example", "--width", "1%")]
    [InlineData("--max-rate much: must be frames a second over 0", "--search", "ndr", "--max-rate", "much")]
    [InlineData("--min-rate 2000: must be less than --max-rate, 1000", "--search", "ndr", "--min-rate", "2k",
        "--max-rate", "1k")]
    [InlineData("--loss-tolerance: ndr allows no loss", "--search", "ndr", "--loss-tolerance", "1%")]
    [InlineData("--loss-tolerance 101%: must be a share", "--search", "pdr", "--loss-tolerance", "101%")]
    [InlineData("--width: must be from 0.01% to 50%", "--search", "pdr", "--width", "60%")]
    [InlineData("--curve fast: must be frames a second over 0", "--curve", "10k,fast")]
    public void Wrong_options_get_one_line(string line, params string[] options)
    {
        CommandRun run = CommandRun.Of(["load", "-c", "/nonexistent/x.toml", .. options]);
        Assert.Equal((1, ""), (run.Code, run.Out));
        Assert.Contains("lowlat: " + line, Assert.Single(run.Error.Split('\n',
            StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.1%", 0.001)]
    [InlineData("0.001", 0.001)]
    [InlineData("0", 0.0)]
    [InlineData("100%", 1.0)]
    public void A_share_is_read(string text, double share) =>
        Assert.Equal(share, SearchOptions.ShareOf(text)!.Value, 12);

    [Theory]
    [InlineData("")]
    [InlineData("%")]
    [InlineData("-1%")]
    [InlineData("1.1")]
    [InlineData("NaN")]
    public void What_is_no_share_is_none(string text) => Assert.Null(SearchOptions.ShareOf(text));
}
