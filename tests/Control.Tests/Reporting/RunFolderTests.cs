using LowLatency.Control.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Reporting;

public sealed class RunFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lowlat-run-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_written_folder_reads_back_whole_and_holds_no_unfinished_file()
    {
        RunDocument run = SampleRun.Make();
        string folder = RunFolder.Create(_root, SampleRun.Start, "load");
        RunFolder.Write(folder, run, "# configuration\n");

        Assert.Equal("20260304T050607Z-load", Path.GetFileName(folder));
        string?[] names = [.. Directory.GetFiles(folder).Select(Path.GetFileName)
            .Order(StringComparer.Ordinal)];
        Assert.Equal(["config.toml", "latency.hlog", "manifest.json", "report.html", "report.txt",
            "result.json", "timeline.json"], names);
        RunDocument read = RunFolder.Read(folder);
        Assert.Equal(HtmlReport.Render(run), HtmlReport.Render(read));
        Assert.Equal(TextReport.Render(run),
            TextReport.Render(RunFolder.Read(Path.Combine(folder, "result.json"))));
    }

    [Fact]
    public void Two_runs_of_one_second_get_two_folders()
    {
        string first = RunFolder.Create(_root, SampleRun.Start, "load");
        Assert.Equal(first + "-2", RunFolder.Create(_root, SampleRun.Start, "load"));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_one_clear_line()
    {
        string file = Path.Combine(_root, "a-file");
        File.WriteAllText(file, "");
        var e = Assert.Throws<RunFolderException>(() => RunFolder.Create(file, SampleRun.Start, "load"));
        Assert.True(e.IsHostFault);
        Assert.StartsWith($"cannot write {file}", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void A_full_disk_leaves_neither_the_file_nor_an_unfinished_one()
    {
        // /dev/full answers ENOSPC to every write; the unfinished name leads there.
        string path = Path.Combine(_root, "result.json");
        File.CreateSymbolicLink(path + ".unfinished", "/dev/full");
        var e = Assert.Throws<RunFolderException>(() => RunFolder.WriteFile(path, new byte[100]));
        Assert.Contains("No space left on device", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public void A_failed_rewrite_keeps_the_old_file()
    {
        string path = Path.Combine(_root, "report.txt");
        File.WriteAllText(path, "old");
        File.CreateSymbolicLink(path + ".unfinished", "/dev/full");
        Assert.Throws<RunFolderException>(() => RunFolder.WriteFile(path, new byte[100]));
        Assert.Equal("old", File.ReadAllText(path));
    }

    [Theory]
    [InlineData("result.json", "{\"schema\":\"lowlat.run/1\"")]
    [InlineData("result.json", "")]
    [InlineData("manifest.json", "[]")]
    [InlineData("latency.hlog",
        "#[Histogram log format version 1.3]\nTag=endToEnd,1.0,1.0,1.0,HISTFAAAnonsense\n")]
    public void A_damaged_file_is_named_in_one_line(string name, string content)
    {
        string folder = RunFolder.Create(_root, SampleRun.Start, "load");
        RunFolder.Write(folder, SampleRun.Make(), null);
        File.WriteAllText(Path.Combine(folder, name), content);
        var e = Assert.Throws<RunFolderException>(() => RunFolder.Read(folder));
        Assert.False(e.IsHostFault);
        Assert.StartsWith(Path.Combine(folder, name), e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void A_folder_without_a_result_is_not_a_run()
    {
        var e = Assert.Throws<RunFolderException>(() => RunFolder.Read(_root));
        Assert.Contains("no run folder", e.Message, StringComparison.Ordinal);
    }
}
