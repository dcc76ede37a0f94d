using System.Text.Json;
using Xunit;

namespace LowLatency.Netns.Tests.Control;

/// <summary>Schedules of `lowlat load` that are not constant, through the kernel: each sends as many frames
/// as its shape says.</summary>
public sealed class LoadShapeTests
{
    [Theory]
    [InlineData(12_000, "burst", "--burst", "32:2ms")]
    [InlineData(22_000, "ramp", "--ramp-to", "30k")]
    [InlineData(15_500, "steps", "--steps", "5k:200ms,15k:700ms,30k:100ms")]
    public void AShapeSendsWhatItSaysAndTheLedgerBalances(
        int frames, string schedule, string option, string text)
    {
        using ControlLab lab = ControlLab.Create();
        string[] time = schedule == "steps" ? [] : ["--duration", "1s"];
        (int code, string output, string error) = lab.Run(
            ["load", "-c", lab.ConfigurationPath, "--no-direct", option, text, .. time]);
        Assert.True(code == 0, error + output);
        JsonElement result = lab.ReadResult();
        JsonElement generator = result.GetProperty("generator");
        long sent = result.GetProperty("loss").GetProperty("sent").GetInt64();
        long meant = sent + generator.GetProperty("unsent").GetInt64();
        Assert.InRange(meant, frames - 1, frames + 31); // a burst that begins before the end is sent
        Assert.Equal(schedule, generator.GetProperty("schedule").GetString());
        Assert.Equal(0, result.GetProperty("loss").GetProperty("residual").GetInt64());
        Assert.InRange(generator.GetProperty("lateness").GetProperty("count").GetInt64(), 1, meant);
    }

    [Theory]
    [InlineData("--vlan", "100")]
    [InlineData("--vlan", "200.100", "--size", "100-1500")]
    [InlineData("--family", "6", "--vlan", "7", "--source", "2001:2::1-2001:2::1000", "--flows", "8192")]
    [InlineData("--source", "198.18.0.1-198.18.255.255", "--flows", "1000000", "--size", "60-1514")]
    public void EveryKindOfTrafficArrivesWhole(params string[] options)
    {
        using ControlLab lab = ControlLab.Create();
        (int code, string output, string error) = lab.Run(
            ["load", "-c", lab.ConfigurationPath, "--duration", "500ms", .. options]);
        Assert.True(code == 0, error + output);
        JsonElement loss = lab.ReadResult().GetProperty("loss");
        Assert.Equal(0, loss.GetProperty("residual").GetInt64());
        Assert.Equal(0, loss.GetProperty("foreign").GetInt64());
        Assert.InRange(loss.GetProperty("received").GetInt64(), 1_000, loss.GetProperty("sent").GetInt64());
    }

    [Theory]
    [InlineData("original", "replay")]
    [InlineData("rate", "constant")]
    public void TheFramesOfACaptureArriveWholeAndTheirLatencyIsMeasured(string timing, string schedule)
    {
        using ControlLab lab = ControlLab.Create();
        string capture = Path.Combine(lab.Folder, "t.pcap");
        File.WriteAllBytes(capture, MakeCapture());
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath, "--duration",
            "500ms", "--no-direct", "--pcap", capture, "--pcap-timing", timing);
        Assert.True(code == 0, error + output);
        JsonElement result = lab.ReadResult();
        Assert.Equal(schedule, result.GetProperty("generator").GetProperty("schedule").GetString());
        JsonElement loss = result.GetProperty("loss");
        Assert.Equal(0, loss.GetProperty("residual").GetInt64());
        Assert.InRange(loss.GetProperty("received").GetInt64(), 500, loss.GetProperty("sent").GetInt64());
        Assert.True(result.GetProperty("endToEnd").GetProperty("count").GetInt64() > 250);
    }

    // Three UDP frames of 60, 200 and 1400 bytes over IPv4, half a millisecond apart: a round in 1.5 ms.
    private static byte[] MakeCapture()
    {
        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        foreach (uint word in (uint[])[0xA1B2_C3D4, 0x0004_0002, 0, 0, 65535, 1])
        {
            writer.Write(word);
        }

        int[] lengths = [60, 200, 1400];
        for (int i = 0; i < lengths.Length; i++)
        {
            byte[] frame = new byte[lengths[i]];
            frame[12] = 0x08;
            frame[14] = 0x45;
            frame[16] = (byte)((lengths[i] - 14) >> 8);
            frame[17] = (byte)(lengths[i] - 14);
            frame[22] = 64;
            frame[23] = 17;
            ((ReadOnlySpan<byte>)[198, 18, 0, 1, 198, 19, 0, 1, 1, 2, 3, 4]).CopyTo(frame.AsSpan(26));
            foreach (int word in (int[])[1, i * 500, lengths[i], lengths[i]])
            {
                writer.Write(word);
            }

            writer.Write(frame);
        }

        return file.ToArray();
    }
}
