using System.Diagnostics;
using System.Text.Json;
using LowLatency.Native.Capture;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Netns.Tests.Control;

/// <summary>Captures sent from disk, as a user does it.</summary>
public sealed class ReplayTests
{
    [Fact]
    public void WhatWasRecordedIsReplayedAndRecordedAgainByteForByteAndInOrder()
    {
        using ControlLab lab = ControlLab.Create();
        string first = RecordTests.Record(lab, "");
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath, "--json");
        Assert.True(code == 0, error + output);
        string capture = Path.Combine(lab.Folder, "first.pcapng");
        File.Move(Assert.Single(Directory.GetFiles(first, "*.pcapng")), capture);
        File.Delete(Assert.Single(Directory.GetFiles(first)));
        List<byte[]> sent = Frames(capture);
        Assert.True(sent.Count > 10_000);

        using Process recorder = lab.Start("record", "-c", lab.ConfigurationPath, "--json");
        lab.WaitUntilArmed(1);
        (code, output, error) = lab.Run("replay", capture, "-c", lab.ConfigurationPath, "--port", "g",
            "--json");
        Assert.True(code == 0, error + output);
        using (JsonDocument result = JsonDocument.Parse(output))
        {
            JsonElement lane = Assert.Single(result.RootElement.GetProperty("lanes").EnumerateArray());
            foreach (string zero in (string[])["allocatedBytes", "collections", "minorFaults", "majorFaults",
                "conservationBreaks"])
            {
                Assert.Equal((zero, 0), (zero, lane.GetProperty(zero).GetInt64()));
            }

            Assert.Equal(sent.Count, lane.GetProperty("txFrames").GetInt64());
            JsonElement lateness = result.RootElement.GetProperty("generator").GetProperty("lateness");
            Assert.Equal(sent.Count, lateness.GetProperty("count").GetInt64());
        }

        _ = ThreadControl.Signal(recorder.Id, ThreadControl.SignalTerminate);
        (code, output, error) = ControlLab.Finish(recorder);
        Assert.True(code == 0, error + output);
        List<byte[]> again = Frames(Assert.Single(Directory.GetFiles(first, "*.pcapng")));
        Assert.Equal(sent.Count, again.Count);
        Assert.All(sent.Zip(again), pair => Assert.True(pair.First.AsSpan().SequenceEqual(pair.Second)));
    }

    [Theory]
    [InlineData("no port of this name", "--port", "x")]
    [InlineData("must be a number above 0", "--port", "g", "--speed", "0")]
    [InlineData("say one of them", "--port", "g", "--speed", "2", "--rate", "10")]
    [InlineData("must be frames a second", "--port", "g", "--rate", "fast")]
    public void WrongInputIsOneClearError(string expected, params string[] options)
    {
        using ControlLab lab = ControlLab.Create();
        string capture = Path.Combine(lab.Folder, "one.pcapng");
        byte[] bytes = new byte[4096];
        File.WriteAllBytes(capture, bytes[..Write(bytes)]);
        (int code, _, string error) = lab.Run(["replay", capture, "-c", lab.ConfigurationPath, .. options]);
        Assert.Equal(1, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Empty(lab.ArmedPids());
    }

    [Fact]
    public void ATornCaptureIsSentAsFarAsItIsWholeAndTheRunSaysSo()
    {
        using ControlLab lab = ControlLab.Create();
        string capture = Path.Combine(lab.Folder, "torn.pcapng");
        byte[] bytes = new byte[4096];
        int used = Write(bytes);
        File.WriteAllBytes(capture, bytes[..(used + 100)]); // zeros follow, as in reserved space
        (int code, string output, string error) = lab.Run("replay", capture, "-c", lab.ConfigurationPath,
            "--port", "g", "--rate", "1k");
        Assert.True(code == 3, $"exit {code}: {error}{output}");
        Assert.Contains("is torn behind its frame 3", output.ReplaceLineEndings(" "),
            StringComparison.Ordinal);
    }

    private static int Write(byte[] bytes)
    {
        PcapngWriter writer = new(bytes);
        writer.TrySection("test"u8);
        writer.TryInterface(Pcapng.Ethernet, 0, "a"u8);
        for (int i = 0; i < 3; i++)
        {
            writer.TryPacket(0, (ulong)i * 1_000_000, new byte[60], 60, 0, default);
        }

        return writer.UsedBytes;
    }

    // IPv4 alone: the namespaces' stacks may say something of their own.
    private static List<byte[]> Frames(string path)
    {
        List<byte[]> frames = [];
        CaptureScan scan = new(File.ReadAllBytes(path));
        while (scan.TryNext(out _, out ReadOnlySpan<byte> frame))
        {
            if (frame[12] == 0x08 && frame[13] == 0x00)
            {
                frames.Add(frame.ToArray());
            }
        }

        return frames;
    }
}
