using LowLatency.Control.Configuring;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>Each path of a load has time: a plan with an empty slice would be refused by lowlatd.</summary>
public sealed class DirectShareTests
{
    [Theory]
    [InlineData("0.000000001", "direct")]
    [InlineData("0.9999999999", "through")]
    public void A_share_that_leaves_a_path_no_time_is_refused(string share, string path)
    {
        ConfigurationError error = Assert.Single(Read(share).Errors);
        Assert.Equal($"f.toml:11:16: direct_share = {share}: leaves the {path} path no time in slices of "
            + "100ms. Write direct_share = 0.2, for example.", error.ToString());
    }

    [Theory]
    [InlineData("0.00000001")] // 1 ns of 100 ms
    [InlineData("0.99999999")]
    public void A_share_that_leaves_each_path_a_nanosecond_is_taken(string share) =>
        Assert.Empty(Read(share).Errors);

    private static ConfigurationResult Read(string share) => ConfigurationReader.ReadText($$"""
        name = "x"
        port = [
          { name = "g", interface = "g0" }, { name = "s", interface = "s0" },
          { name = "gd", interface = "g1" }, { name = "sd", interface = "s1" },
        ]

        [load]
        cpu = 0
        policy = "other"
        rate = "100k"
        direct_share = {{share}}
        through = { tx = "g", rx = "s" }
        direct = { tx = "gd", rx = "sd" }
        """, "f.toml");
}
