using System.Diagnostics;
using System.Text.Json;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Netns.Tests.Control;

/// <summary>`lowlat load --search` and `--curve` as a user runs them.</summary>
public sealed class SearchTests
{
    private const int SignalInterrupt = 2;

    [Fact]
    public void A_search_makes_its_trials_through_one_forwarder_and_states_its_bounds()
    {
        using ControlLab lab = ControlLab.Create();
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath, "--search",
            "pdr", "--loss-tolerance", "50%", "--max-rate", "20k", "--duration", "300ms", "--curve", "5k,10k",
            "--json");
        Assert.True(code == 0, error + output);
        using JsonDocument printed = JsonDocument.Parse(output);
        JsonElement search = printed.RootElement;
        Assert.Equal("lowlat.search/1", search.GetProperty("schema").GetString());
        Assert.Equal(20_000, search.GetProperty("lowerPps").GetDouble());
        Assert.Equal(JsonValueKind.Null, search.GetProperty("upperPps").ValueKind);
        Assert.True(search.GetProperty("trials").GetArrayLength() >= 2);
        Assert.Equal([5_000, 10_000], search.GetProperty("curve").EnumerateArray()
            .Select(row => row.GetProperty("ratePps").GetDouble()));
        Assert.All(search.GetProperty("curve").EnumerateArray(), row =>
            Assert.True(row.GetProperty("sent").GetInt64() > 0));
        string run = Assert.Single(Directory.GetDirectories(Path.Combine(lab.Folder, "runs")));
        Assert.EndsWith("-search", run, StringComparison.Ordinal);
        Assert.Contains("<polyline", File.ReadAllText(Path.Combine(run, "report.html")),
            StringComparison.Ordinal);
        Assert.Empty(lab.ArmedPids());
    }

    [Fact]
    public void An_objective_that_no_rate_meets_gives_exit_code_3()
    {
        using ControlLab lab = ControlLab.Create();
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath, "--search",
            "latency", "--slo", "p50=1ns", "--min-rate", "5k", "--max-rate", "10k", "--width", "50%",
            "--duration", "200ms");
        Assert.True(code == 3, error + output);
        Assert.StartsWith("LATENCY not found", output, StringComparison.Ordinal);
        Assert.Empty(lab.ArmedPids());
    }

    [Fact]
    public void An_interrupted_search_leaves_a_partial_report()
    {
        using ControlLab lab = ControlLab.Create();
        using Process process = lab.Start("load", "-c", lab.ConfigurationPath, "--curve", "5k,6k,7k,8k",
            "--duration", "5s");
        lab.WaitUntilArmed(2);
        ThreadControl.Signal(process.Id, SignalInterrupt);
        (int code, string output, string error) = ControlLab.Finish(process);
        Assert.True(code == 130, error + output);
        Assert.Contains("partial: not every trial was made", output, StringComparison.Ordinal);
        Assert.Empty(lab.ArmedPids());
    }

    [Fact]
    public void An_objective_of_the_configuration_is_judged_and_what_took_the_time_is_shown()
    {
        using ControlLab lab = ControlLab.Create();
        File.AppendAllText(lab.ConfigurationPath,
            "\n[objective]\np50 = \"1ns\"\nrate = \"5k\"\nduration = \"1s\"\n");
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath);
        Assert.True(code == 3, error + output);
        Assert.Contains("What took the 0.00 us of p50", output, StringComparison.Ordinal);
        Assert.Contains("direct floor", output, StringComparison.Ordinal);
        Assert.Contains("residence in the lane", output, StringComparison.Ordinal);
        JsonElement promise = lab.ReadResult().GetProperty("promise");
        Assert.Equal([false, true, true], promise.GetProperty("rows").EnumerateArray()
            .Select(row => row.GetProperty("met").GetBoolean()));
    }

    [Fact]
    public void A_long_load_that_is_interrupted_keeps_its_intervals_and_is_marked()
    {
        using ControlLab lab = ControlLab.Create();
        using Process process = lab.Start("load", "-c", lab.ConfigurationPath, "--duration", "1min",
            "--interval", "1s");
        lab.WaitUntilArmed(2);
        string root = Path.Combine(lab.Folder, "runs");
        Assert.True(SpinWait.SpinUntil(() => Directory.GetFiles(root, "intervals.hlog.unfinished",
            SearchOption.AllDirectories) is [string path] && File.ReadAllText(path).Contains("Tag=endToEnd",
            StringComparison.Ordinal), TimeSpan.FromSeconds(30)), "no interval within half a minute");
        ThreadControl.Signal(process.Id, SignalInterrupt);
        (int code, string output, string error) = ControlLab.Finish(process);
        Assert.True(code == 130, error + output);
        Assert.Contains("PARTIAL", output, StringComparison.Ordinal);
        JsonElement result = lab.ReadResult();
        Assert.True(result.GetProperty("isPartial").GetBoolean());
        Assert.Equal(0, result.GetProperty("loss").GetProperty("residual").GetInt64());
        string run = Assert.Single(Directory.GetDirectories(root));
        Assert.True(File.Exists(Path.Combine(run, "intervals.hlog")));
        Assert.Empty(Directory.GetFiles(run, "*.unfinished"));
    }

    [Fact]
    public void A_certificate_is_given_verified_and_refused_after_a_byte_has_changed()
    {
        using ControlLab lab = ControlLab.Create();
        string text = File.ReadAllText(lab.ConfigurationPath);
        File.WriteAllText(lab.ConfigurationPath,
            text.Replace("[host]", "[host]\nprofile = \"lab\"", StringComparison.Ordinal)
            + "\n[objective]\np50 = \"10s\"\nloss = 1\nrate = \"1k\"\nduration = \"1s\"\n");
        (int code, string output, string error) = lab.Run("certify", "-c", lab.ConfigurationPath);
        string folder = Assert.Single(Directory.GetDirectories(Path.Combine(lab.Folder, "runs")));
        Assert.True(code is 0 or 3, error + output); // whether this host is ready is not ours to say
        Assert.Contains("  ok  objective", output, StringComparison.Ordinal);
        (int again, string verified, string fault) = lab.Run("certify", "--verify", folder);
        Assert.True(again == code, fault + verified);
        Assert.Contains("verified: every file is as listed", verified, StringComparison.Ordinal);
        File.AppendAllText(Path.Combine(folder, "load", "report.txt"), " ");
        (int changed, string refused, string why) = lab.Run("certify", "--verify", folder);
        Assert.Equal(3, changed);
        Assert.Equal("NOT VERIFIED", refused.Split('\n')[0]);
        Assert.Contains("load/report.txt: changed", why, StringComparison.Ordinal);
        Assert.Empty(lab.ArmedPids());
    }
}
