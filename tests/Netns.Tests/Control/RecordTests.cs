using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Netns.Tests.Control;

/// <summary>Recording as a user does it: real packets, real files, read by Wireshark's tools.</summary>
public sealed class RecordTests
{
    private const int SignalKill = 9;

    [Fact]
    public void EveryForwardedFrameIsRecordedDurableAndReadByWireshark()
    {
        using ControlLab lab = ControlLab.Create();
        string captures = Record(lab, "file_size = \"8MiB\"");
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath, "--rate",
            "50k", "--duration", "5s", "--json");
        Assert.True(code == 0, error + output);
        JsonElement result = lab.ReadResult();
        JsonElement recording = Assert.Single(result.GetProperty("recordings").EnumerateArray());
        long recorded = recording.GetProperty("recorded").GetInt64();
        // A busy host may lose frames before the lane, by name in the ledger: never more than were sent come.
        Assert.Equal(0, result.GetProperty("loss").GetProperty("residual").GetInt64());
        Assert.InRange(recorded, 1, result.GetProperty("loss").GetProperty("paths").EnumerateArray()
            .First(path => path.GetProperty("name").GetString() == "through").GetProperty("sent").GetInt64());
        Assert.Equal((0, recorded, recorded, 0), (recording.GetProperty("lost").GetInt64(),
            recording.GetProperty("written").GetInt64(), recording.GetProperty("durable").GetInt64(),
            recording.GetProperty("errors").GetInt64()));
        foreach (JsonElement lane in result.GetProperty("lanes").EnumerateArray())
        {
            foreach (string zero in (string[])["allocatedBytes", "collections", "minorFaults", "majorFaults"])
            {
                Assert.Equal((lane.GetProperty("name").GetString(), zero, 0),
                    (lane.GetProperty("name").GetString(), zero, lane.GetProperty(zero).GetInt64()));
            }
        }

        string[] files = [.. Directory.GetFiles(captures, "*.pcapng").Order(StringComparer.Ordinal)];
        Assert.True(files.Length > 1, "no file was closed by its size");
        Assert.Equal(2 * files.Length, Directory.GetFileSystemEntries(captures).Length); // an index each
        Assert.Equal(recorded, files.Sum(Packets));
        (code, output, error) = lab.Run("record", "ls", captures, "--json");
        Assert.True(code == 0, error);
        using JsonDocument list = JsonDocument.Parse(output);
        Assert.Equal(recorded, list.RootElement.GetProperty("files").EnumerateArray()
            .Sum(file => file.GetProperty("packets").GetInt64()));
        ByItsIndexTheSameIsExtracted(lab, files[0], list.RootElement.GetProperty("files")[0]);
    }

    private static void ByItsIndexTheSameIsExtracted(ControlLab lab, string file, JsonElement summary)
    {
        ulong first = summary.GetProperty("firstNs").GetUInt64();
        string from = Time(first + 200_000_000);
        string to = Time(first + 300_000_000);
        string[] wanted = ["record", "extract", file, "--from", from, "--to", to, "--filter",
            "udp 198.18.0.1:10007 > any", "--out"];
        string some = Path.Combine(lab.Folder, "some.pcapng");
        string all = Path.Combine(lab.Folder, "all.pcapng");
        (int code, string output, string error) = lab.Run([.. wanted, some]);
        Assert.True(code == 0, error);
        Assert.Contains("that its index names", output, StringComparison.Ordinal);
        File.Delete(file + ".idx");
        (code, string whole, error) = lab.Run([.. wanted, all]);
        Assert.True(code == 0, error);
        Assert.DoesNotContain("index", whole, StringComparison.Ordinal);
        Assert.True(Packets(all) > 0);
        Assert.Equal(File.ReadAllBytes(all), File.ReadAllBytes(some));
        Assert.True(Read(output) < Read(whole), $"{output}{whole}"); // packets that were looked at
    }

    // "5 of 100 packets ...": the second.
    private static long Read(string output) =>
        long.Parse(output.Split(' ')[2], CultureInfo.InvariantCulture);

    private static string Time(ulong ns) => DateTime.UnixEpoch.AddTicks((long)(ns / 100))
        .ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);

    [Fact]
    public void CaptureOnlyKeepsWhatComesInAndForwardsNothing()
    {
        using ControlLab lab = ControlLab.Create();
        string captures = Record(lab, "");
        using Process capture = lab.Start("record", "-c", lab.ConfigurationPath, "--json");
        lab.WaitUntilArmed(1);
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath, "--json");
        using JsonDocument load = JsonDocument.Parse(output);
        long sent = load.RootElement.GetProperty("loss").GetProperty("paths").EnumerateArray()
            .First(path => path.GetProperty("name").GetString() == "through").GetProperty("sent").GetInt64();
        Assert.True(sent > 1000, error);
        _ = ThreadControl.Signal(capture.Id, ThreadControl.SignalTerminate);
        (code, output, error) = ControlLab.Finish(capture);
        Assert.True(code == 0, error + output);
        using JsonDocument result = JsonDocument.Parse(output);
        JsonElement lane = result.RootElement.GetProperty("lanes").EnumerateArray()
            .First(one => one.GetProperty("kind").GetString() == "forward");
        Assert.Equal(0, lane.GetProperty("txFrames").GetInt64());
        JsonElement recording = Assert.Single(result.RootElement.GetProperty("recordings").EnumerateArray());
        long recorded = recording.GetProperty("durable").GetInt64();
        Assert.True(recorded >= sent, $"{recorded} of {sent} recorded");
        Assert.Equal(recorded, Directory.GetFiles(captures, "*.pcapng").Sum(Packets));
    }

    [Fact]
    public void AKilledRecorderLosesNothingThatWasDurable()
    {
        using ControlLab lab = ControlLab.Create();
        string captures = Record(lab, "sync = \"50ms\"\nfile_size = \"16MiB\"");
        using Process load = lab.Start("load", "-c", lab.ConfigurationPath, "--duration", "20s", "--json");
        lab.WaitUntilArmed(2);
        using (Native.Memory.SharedRegion region =
            Native.Memory.SharedRegion.TryOpen($"/dev/shm/lowlat-{lab.Name}.region")!)
        {
            Assert.True(SpinWait.SpinUntil(() => Durable(lab) > 20_000, TimeSpan.FromSeconds(30)));
            Assert.Equal(Native.Errno.Ok, ThreadControl.Signal(region.Header.Pid, SignalKill));
        }

        (int code, string output, string error) = ControlLab.Finish(load);
        Assert.True(code == 2, $"exit {code}: {error}{output}");
        JsonElement recording = Assert.Single(lab.ReadResult().GetProperty("recordings").EnumerateArray());
        Assert.NotEmpty(Directory.GetFiles(captures, "*.part"));
        (code, output, error) = lab.Run("record", "repair", captures);
        Assert.True(code == 0, error + output);
        Assert.Empty(Directory.GetFiles(captures, "*.part"));
        long packets = Directory.GetFiles(captures, "*.pcapng").Sum(Packets);
        long durable = recording.GetProperty("durable").GetInt64();
        Assert.True(packets >= durable && durable > 20_000, $"{packets} packets, {durable} durable");
    }

    [Fact]
    public void AFullDiskIsNamedAndForwardingGoesOn()
    {
        using ControlLab lab = ControlLab.Create();
        string captures = Record(lab, "file_size = \"8MiB\"\nbuffer = \"4MiB\"");
        Lab.Run("mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", captures);
        try
        {
            (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath,
                "--rate", "50k", "--duration", "5s", "--json");
            Assert.True(code == 0, error + output);
            JsonElement result = lab.ReadResult();
            Assert.Equal(0, result.GetProperty("loss").GetProperty("residual").GetInt64());
            JsonElement recording = Assert.Single(result.GetProperty("recordings").EnumerateArray());
            Assert.Equal("fallocate: ENOSPC", recording.GetProperty("lastError").GetString());
            long lost = recording.GetProperty("lost").GetInt64();
            long received = recording.GetProperty("received").GetInt64();
            long recorded = recording.GetProperty("recorded").GetInt64();
            Assert.True(lost > 0);
            Assert.Equal(received, recorded + lost);
            Assert.Contains(result.GetProperty("verdict").GetProperty("notes").EnumerateArray(),
                note => note.GetString()!.Contains("ENOSPC", StringComparison.Ordinal));
            Assert.Equal(recording.GetProperty("written").GetInt64(),
                Directory.GetFiles(captures, "*.pcapng").Sum(Packets));
        }
        finally
        {
            Lab.Run("umount", captures);
        }
    }

    [Theory]
    [InlineData("path = \"/nothing/there\"", "Make the recorder's folder")]
    [InlineData("path = \"/etc/passwd\"", "A recorder writes into a folder")]
    public void AFolderThatIsNoneIsRefusedBeforeAnythingRuns(string path, string expected)
    {
        using ControlLab lab = ControlLab.Create();
        Record(lab, "");
        string text = File.ReadAllText(lab.ConfigurationPath);
        int at = text.IndexOf("path = ", StringComparison.Ordinal);
        int end = text.IndexOf('\n', at);
        File.WriteAllText(lab.ConfigurationPath, text[..at] + path + text[end..]);
        (int code, _, string error) = lab.Run("run", "-c", lab.ConfigurationPath, "--duration", "1s");
        Assert.Equal(2, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Empty(lab.ArmedPids());
    }

    /// <summary>Adds a recorder to a lab's configuration; its folder.</summary>
    internal static string Record(ControlLab lab, string settings)
    {
        string folder = Path.Combine(lab.Folder, "captures");
        Directory.CreateDirectory(folder);
        string text = File.ReadAllText(lab.ConfigurationPath);
        int at = text.IndexOf("[[lane.stage]]", StringComparison.Ordinal);
        File.WriteAllText(lab.ConfigurationPath, text[..at] + "[[lane.stage]]\nkind = \"record\"\n"
            + "recorder = \"cap\"\n" + text[at..]
            + $"\n[[recorder]]\nname = \"cap\"\npath = \"{folder}\"\n{settings}\n");
        return folder;
    }

    private static long Durable(ControlLab lab)
    {
        (int code, string output, _) = lab.Run("status", "--name", lab.Name, "--json");
        if (code != 0)
        {
            return 0;
        }

        using JsonDocument status = JsonDocument.Parse(output);
        return status.RootElement.GetProperty("dataPlanes")[0].GetProperty("recordings").EnumerateArray()
            .Sum(recording => recording.GetProperty("durable").GetInt64());
    }

    private static long Packets(string file)
    {
        string[] lines = Lab.Run("capinfos", "-c", "-M", "-r", "-T", "-m", file).Trim().Split(',');
        return long.Parse(lines[^1].Trim('"', '\n'), CultureInfo.InvariantCulture);
    }
}
