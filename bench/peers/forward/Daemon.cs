using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Bench.Forward;

/// <summary>A lowlatd under measurement; stopped cleanly, and its files removed, when disposed.</summary>
internal sealed class Daemon : IDisposable
{
    private readonly Tool _tool;
    private readonly string _planPath;
    private readonly string _regionPath;

    private Daemon(Tool tool, string planPath, string regionPath)
    {
        _tool = tool;
        _planPath = planPath;
        _regionPath = regionPath;
    }

    /// <summary>Its region.</summary>
    public SharedRegion Region { get; private set; } = null!;

    /// <summary>Starts a plan and waits until its lanes turn.</summary>
    /// <exception cref="BenchException">It did not boot; the message is lowlatd's.</exception>
    public static Daemon Start(string program, CParts parts, PlanImage plan)
    {
        string planPath = parts.Path(plan.Header.Name + ".plan");
        File.WriteAllBytes(planPath, plan.Bytes);
        // Housekeeping on CPU 0; a lane pins itself, which the mask of its creator does not limit.
        Tool tool = Tool.Start("0", null, program, "--plan", planPath);
        Daemon daemon = new(tool, planPath, plan.Header.RegionPath.ToString());
        try
        {
            daemon.WaitUntilArmed();
            return daemon;
        }
        catch
        {
            daemon.Dispose();
            throw;
        }
    }

    /// <summary>Counters as they stand now, after the kernel's own were read by lowlatd (10 times a
    /// second).</summary>
    public LaneCounters Counters(int lane) => Region.ReadCounters(lane);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_tool.IsRunning)
        {
            _tool.Terminate();
            _tool.WaitForExit(5000);
        }

        _tool.Dispose();
        Region?.Dispose();
        File.Delete(_planPath);
        File.Delete(_regionPath); // there only when it had to be killed
    }

    private void WaitUntilArmed()
    {
        SharedRegion? region = null;
        Interrupt.WaitUntil(
            () => !_tool.IsRunning
                || (region ??= SharedRegion.TryOpen(_regionPath))?.Header.State == RegionState.Armed,
            20_000, "lowlatd is not armed");
        if (!_tool.IsRunning)
        {
            _tool.WaitForExit(1000);
            throw new BenchException($"lowlatd ended while booting: {_tool.LastLines}");
        }

        Region = region!;
    }
}
