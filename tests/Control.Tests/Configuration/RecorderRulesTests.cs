using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>[[recorder]] and record stages: what is refused, with its place and what helps.</summary>
public sealed class RecorderRulesTests
{
    private static readonly string Text = File.ReadAllText(
        Path.Combine(GoldenFile.Root, "configs", "recorder.toml"));

    [Fact]
    public void The_sample_is_read()
    {
        Configuration configuration = Read(Text).Configuration!;
        RecorderConfiguration recorder = Assert.Single(configuration.Recorders);
        Assert.Equal(("cap", "/captures", 3, 256L << 20),
            (recorder.Name, recorder.Path, recorder.Cpu, recorder.BufferBytes));
        Assert.Equal(StageKind.Record, configuration.Lanes[0].Stages[0].Kind);
    }

    [Theory]
    [InlineData("recorder = \"cap\"", "recorder = \"tap\"", "there is no [[recorder]] 'tap'")]
    [InlineData("recorder = \"cap\"", "", "a record stage must say who writes")]
    [InlineData("kind = \"record\"", "kind = \"mac-swap\"", "no record stage names it")]
    [InlineData("name = \"cap\"", "name = \"wire\"", "a lane has this name already (line ")]
    [InlineData("file_size = \"4GiB\"", "file_size = \"1MiB\"", "must be from 8MiB to 64GiB")]
    [InlineData("file_size = \"4GiB\"", "file_size = \"65GiB\"", "must be from 8MiB to 64GiB")]
    [InlineData("buffer = \"256MiB\"", "buffer = \"2MiB\"", "must be from 4MiB to 1GiB")]
    [InlineData("keep = \"500GiB\"", "keep = \"3GiB\"", "is less than one file may have (file_size)")]
    [InlineData("cpu = 3 ", "cpu = 2 ", "a recorder never leaves its CPU idle")]
    [InlineData("path = \"/captures\"", "path = \"captures\"", "must be an absolute path")]
    [InlineData("sync = \"1s\"", "sync = \"1ms\"", "sync = \"1ms\"")]
    [InlineData("ports = [\"left\", \"right\"]\n\n[[lane.stage]]\nkind = \"record\"",
        "ports = [\"left\", \"right\"]\noffload = \"kernel\"\n\n[[lane.stage]]\nkind = \"record\"",
        "frames that the XDP program forwards come to no record stage")]
    public void What_cannot_be_is_refused_with_its_place(string known, string other, string expected)
    {
        Assert.Contains(known, Text, StringComparison.Ordinal);
        ConfigurationResult read = Read(Text.Replace(known, other, StringComparison.Ordinal));
        Assert.Null(read.Configuration);
        Assert.Contains(read.Errors, error => error.ToString().Contains(expected, StringComparison.Ordinal)
            && error.ToString().StartsWith("r.toml:", StringComparison.Ordinal));
    }

    [Fact]
    public void A_recorder_records_a_lane_once()
    {
        ConfigurationResult read = Read(Text.Replace("[[lane.stage]]\nkind = \"cross-connect\"",
            "[[lane.stage]]\nkind = \"record\"\nrecorder = \"cap\"\n[[lane.stage]]\nkind = \"cross-connect\"",
            StringComparison.Ordinal));
        Assert.Contains("records this lane already (line ", Assert.Single(read.Errors).ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void To_capture_only_a_lane_ends_in_its_record_stage_and_ports_take_everything()
    {
        Findings findings = new();
        string text = Text.Replace("claim = \"all\"", "", StringComparison.Ordinal);
        Configuration capture = Read(text).Configuration!.ToCapture(findings);
        Assert.Empty(findings.Errors);
        Assert.Equal([StageKind.Record], capture.Lanes[0].Stages.Select(stage => stage.Kind));
        Assert.All(capture.Ports, port => Assert.Equal(Claim.All, port.Claim));
    }

    [Fact]
    public void A_lane_without_a_record_stage_captures_nothing_and_says_so()
    {
        string lab = File.ReadAllText(Path.Combine(GoldenFile.Root, "configs", "lab.toml"));
        Findings findings = new();
        _ = Read(lab).Configuration!.ToCapture(findings);
        Assert.Contains("has no record stage", Assert.Single(findings.Errors).ToString(),
            StringComparison.Ordinal);
    }

    private static ConfigurationResult Read(string text) => ConfigurationReader.ReadText(text, "r.toml");
}
