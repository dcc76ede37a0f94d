using System.Text.Json;
using LowLatency.Control.Commands;
using LowLatency.Control.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Commands;

/// <summary>lowlat disk on files of the test's own folder.</summary>
public sealed class DiskCommandTests : IDisposable
{
    private const int FileBytes = 1 << 20;
    private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-disk").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("--read", "--random", "interrupt")]
    [InlineData("--read", "--sequential", "iopoll")]
    [InlineData("--read", "--random", "sqpoll")]
    [InlineData("--read", "--random", "passthrough")]
    [InlineData("--mix=50", "--random", "auto")]
    public void A_file_is_measured_and_its_figures_agree_with_each_other(
        string what, string where, string mode)
    {
        byte[] content = File("a");
        CommandRun run = Run(what, where, "--mode", mode, "--depth", "4", "--overwrite");
        Assert.True(run.Code == 0, run.Error);
        using JsonDocument document = JsonDocument.Parse(run.Out);
        JsonElement disk = document.RootElement;
        long transfers = disk.GetProperty("transfers").GetInt64();
        double seconds = disk.GetProperty("durationSeconds").GetDouble();
        Assert.InRange(seconds, 0.3, 0.300001);
        Assert.True(transfers > 0);
        Assert.Equal(transfers / seconds, disk.GetProperty("iops").GetDouble(), 0.1);
        Assert.Equal(transfers / seconds * 4096, disk.GetProperty("bytesPerSecond").GetDouble(), 1.0);
        // What was under way at the end is in the histogram, not in the rate.
        Assert.InRange(Count(disk, "latency") - transfers, 0, 4);
        Assert.Equal(Count(disk, "latency"), Count(disk, "read") + Count(disk, "write"));
        Assert.Equal(what == "--read", disk.GetProperty("write").ValueKind == JsonValueKind.Null);
        Assert.NotEqual("", disk.GetProperty("why").GetString());
        Assert.Equal(what == "--read", content.AsSpan().SequenceEqual(
            System.IO.File.ReadAllBytes(Path.Combine(_folder, "a"))));
    }

    [Fact]
    public void A_mode_that_cannot_be_had_gives_way_and_says_why()
    {
        _ = File("a");
        CommandRun run = Run("--mode", "passthrough");
        using JsonDocument document = JsonDocument.Parse(run.Out);
        Assert.Equal("passthrough", document.RootElement.GetProperty("requestedMode").GetString());
        Assert.NotEqual("passthrough", document.RootElement.GetProperty("effectiveMode").GetString());
        Assert.Contains("it is no NVMe namespace", document.RootElement.GetProperty("why").GetString());
        Assert.Contains("it is no NVMe namespace", run.Error);
    }

    [Fact]
    public void At_a_rate_as_many_transfers_are_done_as_were_intended()
    {
        _ = File("a");
        CommandRun run = Run("--rate", "1000", "--duration", "500ms");
        using JsonDocument document = JsonDocument.Parse(run.Out);
        // All of them, however busy the host is; what was too late is told, not left out.
        Assert.InRange(Count(document.RootElement, "latency")
            + document.RootElement.GetProperty("unsent").GetInt64(), 499, 501);
        Assert.Equal(Count(document.RootElement, "latency"), Count(document.RootElement, "lateness"));
    }

    [Fact]
    public void A_rate_that_no_drive_has_is_told_by_what_was_given_up()
    {
        _ = File("a");
        CommandRun run = Run("--rate", "50M", "--depth", "1", "--duration", "200ms");
        Assert.Equal(ExitCode.Gate, run.Code);
        using JsonDocument document = JsonDocument.Parse(run.Out);
        Assert.True(document.RootElement.GetProperty("unsent").GetInt64() > 1000);
    }

    [Fact]
    public void The_run_folder_is_read_again_as_any_run()
    {
        _ = File("a");
        CommandRun run = Run("--duration", "300ms");
        string folder = Directory.GetDirectories(Path.Combine(_folder, "runs")).Single();
        RunDocument document = RunFolder.Read(folder);
        Assert.Equal("disk", document.Result.Verb);
        Assert.Equal(document.Result.Disk!.Latency, document.Result.EndToEnd);
        Assert.True(document.Result.Verdict.Ok, run.Error);
        CommandRun report = CommandRun.Of("report", folder);
        Assert.True(report.Code == 0, report.Error);
        Assert.Contains("IOPS", report.Out);
        Assert.DoesNotContain("Lanes", report.Out);
    }

    [Fact]
    public void A_folder_is_measured_with_a_file_that_nobody_sees()
    {
        CommandRun run = CommandRun.Of("disk", _folder, "--size", "1M", "--write", "--duration", "200ms",
            "--out", Path.Combine(_folder, "runs"), "--json");
        Assert.True(run.Code == 0, run.Error);
        Assert.Empty(Directory.GetFiles(_folder));
        Assert.Single(Directory.GetDirectories(_folder));
    }

    [Theory]
    [InlineData("--write is told once more", "writing destroys what is on it", "--write")]
    [InlineData("mix writes, too", "writing destroys what is on it", "--mix", "99")]
    [InlineData("blocks", "must be a multiple of 512", "--block", "1000")]
    [InlineData("block beyond the file", "less than one block", "--block", "2M")]
    [InlineData("depth", "--depth 0: must be a number from 1 to 1024", "--depth", "0")]
    [InlineData("rate", "--rate 0: must be", "--rate", "0")]
    [InlineData("time", "--duration 5: must be", "--duration", "5")]
    [InlineData("mode", "--mode 2: must be", "--mode", "2")]
    [InlineData("both", "say one of them", "--random", "--sequential")]
    [InlineData("both", "say one of them", "--read", "--write")]
    [InlineData("mix", "--mix 101: must be", "--mix", "101")]
    [InlineData("cpu", "--cpu 9999: must be", "--cpu", "9999")]
    public void Wrong_input_is_one_clear_error(string why, string expected, params string[] options)
    {
        byte[] content = File("a");
        CommandRun run = CommandRun.Of(["disk", Path.Combine(_folder, "a"), .. options,
            "--out", Path.Combine(_folder, "runs")]);
        Assert.True(run.Code == ExitCode.Input, why);
        Assert.Contains(expected, run.Error);
        Assert.Single(run.Error.Trim().Split('\n'));
        Assert.Equal(content, System.IO.File.ReadAllBytes(Path.Combine(_folder, "a")));
        Assert.False(Directory.Exists(Path.Combine(_folder, "runs")));
    }

    [Theory]
    [InlineData("4k", 4096L)]
    [InlineData("4KiB", 4096L)]
    [InlineData("512", 512L)]
    [InlineData("1M", 1048576L)]
    [InlineData("2G", 2147483648L)]
    [InlineData("4 k", null)]
    [InlineData("-1", null)]
    [InlineData("k", null)]
    public void Sizes_are_as_storage_people_write_them(string text, long? bytes) =>
        Assert.Equal(bytes, DiskCommand.Size(text));

    private byte[] File(string name)
    {
        byte[] content = new byte[FileBytes];
        new Random(1).NextBytes(content);
        System.IO.File.WriteAllBytes(Path.Combine(_folder, name), content);
        return content;
    }

    private CommandRun Run(params string[] options) => CommandRun.Of(["disk", Path.Combine(_folder, "a"),
        .. options.Contains("--duration") ? options : [.. options, "--duration", "300ms"],
        "--out", Path.Combine(_folder, "runs"), "--json"]);

    private static long Count(JsonElement disk, string name) =>
        disk.GetProperty(name) is { ValueKind: JsonValueKind.Object } latency
            ? latency.GetProperty("count").GetInt64() : 0;
}
