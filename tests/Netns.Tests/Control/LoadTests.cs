using System.Diagnostics;
using System.Text.Json;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Netns.Tests.Control;

/// <summary>`lowlat load` as a user runs it: the published programs, a lab, a run folder.</summary>
public sealed class LoadTests
{
    private const string RtRuntime = "/proc/sys/kernel/sched_rt_runtime_us";
    private const int SignalInterrupt = 2;

    [Fact]
    public void ALoadRunAccountsForEveryFrameAndLeavesItsEvidence()
    {
        using ControlLab lab = ControlLab.Create();
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath, "--json");
        Assert.True(code == 0, error + output);
        using JsonDocument printed = JsonDocument.Parse(output);
        JsonElement result = lab.ReadResult();
        Assert.Equal("lowlat.run/1", printed.RootElement.GetProperty("schema").GetString());
        Assert.Equal(printed.RootElement.ToString(), result.ToString());
        JsonElement loss = result.GetProperty("loss");
        Assert.Equal(0, loss.GetProperty("residual").GetInt64());
        Assert.True(loss.GetProperty("received").GetInt64() > 10_000);
        Assert.True(result.GetProperty("endToEnd").GetProperty("count").GetInt64() > 10_000);
        Assert.True(result.GetProperty("direct").ValueKind == JsonValueKind.Object);
        Assert.Equal(JsonValueKind.Null, result.GetProperty("endToEnd").GetProperty("p99999Ns").ValueKind);
        Assert.Equal(3, result.GetProperty("lanes").GetArrayLength());
        foreach (JsonElement lane in result.GetProperty("lanes").EnumerateArray())
        {
            foreach (string zero in (string[])["allocatedBytes", "collections", "minorFaults", "majorFaults"])
            {
                Assert.Equal(0, lane.GetProperty(zero).GetInt64());
            }
        }

        string run = Assert.Single(Directory.GetDirectories(Path.Combine(lab.Folder, "runs")));
        string[] files = [.. Directory.GetFiles(run).Select(Path.GetFileName).OfType<string>()];
        foreach (string expected in (string[])["manifest.json", "result.json", "report.html", "report.txt"])
        {
            Assert.Contains(expected, files);
        }

        Assert.Contains(files, file => file.EndsWith(".hlog", StringComparison.Ordinal));
        Assert.Empty(lab.ArmedPids());
    }

    [Fact]
    public void AFifoRunSwitchesRtThrottlingOffAndPutsItBack()
    {
        using ControlLab lab = ControlLab.Create(policy: "fifo");
        string before = File.ReadAllText(RtRuntime);
        (int code, string output, string error) = lab.Run("load", "-c", lab.ConfigurationPath);
        Assert.True(code == 0, error + output);
        Assert.Contains("fifo 10", output, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(RtRuntime));
    }

    [Fact]
    public void CtrlCGivesAPartialReportAndLeavesNothingBehind()
    {
        using ControlLab lab = ControlLab.Create(policy: "fifo");
        string before = File.ReadAllText(RtRuntime);
        using Process process = lab.Start("load", "-c", lab.ConfigurationPath, "--duration", "60s");
        lab.WaitUntilArmed(2);
        Assert.Equal(Native.Errno.Ok, ThreadControl.Signal(process.Id, SignalInterrupt));
        (int code, string output, string error) = ControlLab.Finish(process);
        Assert.True(code == 130, $"exit {code}: {error}{output}");
        Assert.Equal(0, lab.ReadResult().GetProperty("loss").GetProperty("residual").GetInt64());
        Assert.Empty(lab.ArmedPids());
        Assert.Equal(before, File.ReadAllText(RtRuntime));
    }

    [Fact]
    public void AForwarderKilledMidLoadIsNamedAndTheRunStillEnds()
    {
        using ControlLab lab = ControlLab.Create(policy: "fifo");
        string before = File.ReadAllText(RtRuntime);
        using Process process = lab.Start("load", "-c", lab.ConfigurationPath, "--duration", "60s");
        int forwarder = lab.WaitUntilArmed(2)[1]; // regions in order: "<name>-load", "<name>"
        using (Process victim = Process.GetProcessById(forwarder))
        {
            victim.Kill();
        }

        (int code, string output, string error) = ControlLab.Finish(process);
        Assert.True(code == 2, $"exit {code}: {error}{output}");
        Assert.Contains($"{forwarder}", error, StringComparison.Ordinal);
        Assert.Empty(lab.ArmedPids());
        Assert.Equal(before, File.ReadAllText(RtRuntime));
    }

    [Fact]
    public void WithLowlatKilledTheDataPlaneGoesOnAndStopEndsIt()
    {
        using ControlLab lab = ControlLab.Create(policy: "fifo");
        string before = File.ReadAllText(RtRuntime);
        using Process process = lab.Start("run", "-c", lab.ConfigurationPath);
        int pid = Assert.Single(lab.WaitUntilArmed(1));
        process.Kill();
        process.WaitForExit();
        (int code, string status, string error) = lab.Run("status", "--name", lab.Name);
        Assert.True(code == 0, error);
        Assert.Contains($"{pid}", status, StringComparison.Ordinal);
        Assert.Equal(pid, Assert.Single(lab.ArmedPids()));

        (code, _, error) = lab.Run("stop", "--name", lab.Name);
        Assert.True(code == 0, error);
        Assert.Empty(lab.ArmedPids());
        Assert.Equal(before, File.ReadAllText(RtRuntime));
    }

    [Theory]
    [InlineData("load", "--rate", "10q")]
    [InlineData("load", "--size", "20")]
    [InlineData("load", "--slo", "p97=1us")]
    [InlineData("load", "--no-such-option")]
    public void AWrongOptionIsOneLineAndExitCodeOne(params string[] arguments)
    {
        using ControlLab lab = ControlLab.Create();
        (int code, string output, string error) = lab.Run([arguments[0], "-c", lab.ConfigurationPath, .. arguments[1..]]);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains(arguments[1], error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Empty(lab.ArmedPids());
    }

    [Fact]
    public void AMissedObjectiveIsExitCodeThree()
    {
        using ControlLab lab = ControlLab.Create();
        (int code, string output, _) = lab.Run(
            "load", "-c", lab.ConfigurationPath, "--duration", "1s", "--slo", "p50=1ns");
        Assert.Equal(3, code);
        Assert.Contains("objective missed: p50", output, StringComparison.Ordinal);
    }
}
