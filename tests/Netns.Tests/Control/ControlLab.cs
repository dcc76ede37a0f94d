using System.Diagnostics;
using System.Text.Json;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Netns.Tests.Control;

/// <summary>A lab made by the published lowlat, with a configuration and a folder of its own; gone when
/// disposed.</summary>
public sealed class ControlLab : IDisposable
{
    private static int made;

    private ControlLab(string name)
    {
        Name = name;
        Folder = Directory.CreateTempSubdirectory(name).FullName;
        ConfigurationPath = Path.Combine(Folder, "test.toml");
    }

    /// <summary>Name of the lab and of the data plane.</summary>
    public string Name { get; }

    /// <summary>Where runs go.</summary>
    public string Folder { get; }

    /// <summary>Its configuration file.</summary>
    public string ConfigurationPath { get; }

    /// <summary>The program as scripts/build leaves it.</summary>
    public static string Program => Path.Combine(Path.GetDirectoryName(Dataplane.Daemon.Program)!, "lowlat");

    /// <summary>Raises a lab, or skips with the reason.</summary>
    public static ControlLab Create(string policy = "other")
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "a lab needs root");
        ControlLab lab = new($"lt{Environment.ProcessId % 100_000}x{Interlocked.Increment(ref made)}");
        (int code, _, string error) = lab.Run("lab", "up", "--name", lab.Name);
        Assert.True(code == 0, error);
        File.WriteAllText(lab.ConfigurationPath, Configuration(lab.Name, policy));
        return lab;
    }

    /// <summary>Runs lowlat to its end.</summary>
    public (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        return Finish(process);
    }

    /// <summary>Starts lowlat.</summary>
    public Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(Program, arguments)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        WorkingDirectory = Folder,
    })!;

    /// <summary>Waits for the end of a started one.</summary>
    public static (int Code, string Output, string Error) Finish(Process process)
    {
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(60_000), "lowlat did not end within a minute");
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    /// <summary>Waits until `lowlat status` tells of armed data planes; their process ids, in its
    /// order.</summary>
    public int[] WaitUntilArmed(int count)
    {
        int[] pids = [];
        Assert.True(
            SpinWait.SpinUntil(() => (pids = ArmedPids()).Length == count, TimeSpan.FromSeconds(30)),
            $"{pids.Length} data planes armed, not {count}");
        return pids;
    }

    /// <summary>Process ids of this lab's armed data planes, straight from their regions.</summary>
    public int[] ArmedPids()
    {
        List<int> pids = [];
        foreach (string path in Directory.EnumerateFiles("/dev/shm", $"lowlat-{Name}*.region").Order())
        {
            using Native.Memory.SharedRegion? region = Native.Memory.SharedRegion.TryOpen(path);
            if (region != null && region.IsOwnerAlive && region.Header.State == Native.Layout.RegionState.Armed)
            {
                pids.Add(region.Header.Pid);
            }
        }

        return [.. pids];
    }

    /// <summary>result.json of the only run folder.</summary>
    public JsonElement ReadResult()
    {
        string run = Assert.Single(Directory.GetDirectories(Path.Combine(Folder, "runs")));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "result.json")));
        return document.RootElement.Clone();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (int pid in ArmedPids())
        {
            ThreadControl.Signal(pid, ThreadControl.SignalTerminate);
        }

        SpinWait.SpinUntil(() => ArmedPids().Length == 0, TimeSpan.FromSeconds(10));
        Run("lab", "down", "--name", Name);
        Directory.Delete(Folder, recursive: true);
    }

    private static string Configuration(string name, string policy) => $"""
        name = "{name}"
        [host]
        rt_throttling = "off"
        [[port]]
        name = "a"
        netns = "{name}-dut"
        interface = "dutA"
        [[port]]
        name = "b"
        netns = "{name}-dut"
        interface = "dutB"
        [[port]]
        name = "g"
        netns = "{name}-gen"
        interface = "genA"
        [[port]]
        name = "s"
        netns = "{name}-sink"
        interface = "sinkB"
        [[port]]
        name = "gd"
        netns = "{name}-gen"
        interface = "genD"
        [[port]]
        name = "sd"
        netns = "{name}-sink"
        interface = "sinkD"
        [[lane]]
        name = "fwd0"
        cpu = 1
        policy = "{policy}"
        ports = ["a", "b"]
        [[lane.stage]]
        kind = "cross-connect"
        ports = ["a", "b"]
        [load]
        cpu = 0
        policy = "other"
        rate = "10k"
        duration = "2s"
        warmup = "200ms"
        [load.through]
        tx = "g"
        rx = "s"
        [load.direct]
        tx = "gd"
        rx = "sd"
        """;
}
