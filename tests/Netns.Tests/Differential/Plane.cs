using System.Diagnostics;
using System.Globalization;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using LowLatency.Netns.Tests.Control;
using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>The published programs as the device of a bed: <c>lowlat run</c> with the ports p0, p1…, one lane
/// and the stages of a test.</summary>
public sealed class Plane : IDisposable
{
    private readonly Process _process;
    private readonly string _folder;
    private readonly Task<string> _error;

    private Plane(Process process, string folder, SharedRegion region)
    {
        _process = process;
        _folder = folder;
        Region = region;
        _error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEndAsync();
    }

    /// <summary>The data plane's counters.</summary>
    public SharedRegion Region { get; }

    /// <summary>Starts it on a bed.</summary>
    /// <param name="bed">Whose device it becomes.</param>
    /// <param name="stages">TOML of the lane's stages.</param>
    /// <param name="claim">What the ports take: <c>ip</c>, <c>all</c>.</param>
    /// <param name="offload">Whether the XDP program may stand in for the lane.</param>
    public static Plane Start(Bed bed, string stages, string claim = "ip", string offload = "none")
    {
        string folder = Directory.CreateTempSubdirectory(bed.Name).FullName;
        string path = Path.Combine(folder, "test.toml");
        File.WriteAllText(path, Configuration(bed, stages, claim, offload));
        Process process = Process.Start(new ProcessStartInfo(ControlLab.Program, ["run", "-c", path])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        })!;
        SharedRegion? region = null;
        string memory = $"/dev/shm/lowlat-{bed.Name}.region";
        bool isArmed = SpinWait.SpinUntil(
            () => process.HasExited
                || (region ??= SharedRegion.TryOpen(memory))?.Header.State == RegionState.Armed,
            TimeSpan.FromSeconds(20));
        if (isArmed && !process.HasExited)
        {
            return new Plane(process, folder, region!);
        }

        process.Kill();
        process.WaitForExit();
        string error = process.StandardError.ReadToEnd() + process.StandardOutput.ReadToEnd();
        Directory.Delete(folder, recursive: true);
        throw new InvalidOperationException($"lowlat run: {error}");
    }

    /// <summary>True while lowlat and lowlatd live.</summary>
    public bool IsAlive => !_process.HasExited && Region.IsOwnerAlive
        && Region.Header.State == RegionState.Armed;

    /// <summary>Frames that came in and were made, less those that went out, to the stack, or ended with a
    /// reason;
    /// 0 when every frame is accounted for. Only when no frame is on its way.</summary>
    public long Residual
    {
        get
        {
            LaneCounters lane = Region.ReadCounters(0);
            ulong ended = 0;
            foreach (ulong drops in (ReadOnlySpan<ulong>)lane.Drops)
            {
                ended += drops;
            }

            foreach (ulong punts in (ReadOnlySpan<ulong>)lane.Punts)
            {
                ended += punts;
            }

            return (long)(lane.RxFrames + lane.Replicas - lane.TxFrames - ended);
        }
    }

    /// <summary>All of its lane's counters that are not 0, for a failed test's text.</summary>
    public string Ledger
    {
        get
        {
            LaneCounters lane = Region.ReadCounters(0);
            List<string> words = [$"received {lane.RxFrames}", $"replicas {lane.Replicas}",
                $"sent {lane.TxFrames}",
                $"punts refused {lane.PuntsRefused}", $"conservation breaks {lane.ConservationBreaks}"];
            for (int i = 0; i < CounterNames.Drops.Length; i++)
            {
                words.Add($"{CounterNames.Drops[i]} {lane.Drops[i]}");
            }

            for (int i = 0; i < CounterNames.Punts.Length; i++)
            {
                words.Add($"{CounterNames.Punts[i]} {lane.Punts[i]}");
            }

            for (int port = 0; port < Region.Plan.PortCount; port++)
            {
                PortPage page = Region.ReadPort(port);
                words.Add($"p{port} rx-dropped {page.Xdp.RxDropped}");
                words.Add($"p{port} rx-ring-full {page.Xdp.RxRingFull}");
                words.Add($"p{port} fill-ring-empty {page.Xdp.RxFillRingEmpty}");
                words.Add($"p{port} device-rx-dropped {page.Device.RxDropped}");
                words.Add($"p{port} device-tx-dropped {page.Device.TxDropped}");
            }

            return string.Join(", ", words.Where(word => !word.EndsWith(" 0", StringComparison.Ordinal)));
        }
    }

    /// <summary>Frames that the XDP programs of all ports sent on past the lane.</summary>
    public ulong Offloaded
    {
        get
        {
            ulong frames = 0;
            for (int port = 0; port < Region.Plan.PortCount; port++)
            {
                frames += Region.ReadPort(port).Outcomes[(int)XdpOutcome.Offloaded];
            }

            return frames;
        }
    }

    /// <summary>Frames that ended for a reason.</summary>
    public ulong Drops(DropReason reason) => Region.ReadCounters(0).Drops[(int)reason];

    /// <summary>Frames that went to the stack for a reason.</summary>
    public ulong Punts(PuntReason reason) => Region.ReadCounters(0).Punts[(int)reason];

    /// <summary>Gives it other stages, live.</summary>
    public void Reload(Bed bed, string stages, string claim = "ip", string offload = "none")
    {
        string path = Path.Combine(_folder, "test.toml");
        File.WriteAllText(path, Configuration(bed, stages, claim, offload));
        Lab.Run(ControlLab.Program, "reload", "-c", path);
    }

    /// <summary>Asks it to end; its exit code and what it said.</summary>
    public (int ExitCode, string Error) Stop()
    {
        ThreadControl.Signal(_process.Id, ThreadControl.SignalTerminate);
        Assert.True(_process.WaitForExit(20_000), "lowlat run did not end within 20 s");
        return (_process.ExitCode, _error.GetAwaiter().GetResult());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Stop();
        }

        Region.Dispose();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Configuration(Bed bed, string stages, string claim, string offload)
    {
        string[] names = [.. Enumerable.Range(0, bed.PortCount).Select(i => $"p{i}")];
        string ports = string.Concat(names.Select(name => $"""

            [[port]]
            name = "{name}"
            netns = "{bed.Device}"
            interface = "{name}"
            claim = "{claim}"

            """));
        return string.Create(CultureInfo.InvariantCulture, $"""
            name = "{bed.Name}"
            [host]
            rt_throttling = "off"
            {ports}
            [[lane]]
            name = "fwd0"
            cpu = {Environment.ProcessorCount - 1}
            policy = "other"
            ports = ["{string.Join("\", \"", names)}"]
            offload = "{offload}"
            {stages}
            """);
    }
}
