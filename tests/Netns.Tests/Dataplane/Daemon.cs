using System.Diagnostics;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Netns.Tests.Dataplane;

/// <summary>A published lowlatd under test. Killed when disposed, with nothing left behind.</summary>
public sealed class Daemon : IDisposable
{
    private readonly Process _process;
    private readonly string _planPath;
    private readonly Lazy<string> _error;

    private Daemon(Process process, string planPath, string regionPath)
    {
        _process = process;
        _planPath = planPath;
        RegionPath = regionPath;
        Task<string> reading = process.StandardError.ReadToEndAsync();
        _error = new Lazy<string>(() => reading.GetAwaiter().GetResult());
    }

    /// <summary>Path of its region.</summary>
    public string RegionPath { get; }

    /// <summary>Process id.</summary>
    public int Pid => _process.Id;

    /// <summary>True until it ends.</summary>
    public bool IsRunning => !_process.HasExited;

    /// <summary>Its region; only after <see cref="WaitUntilArmed"/>.</summary>
    public SharedRegion Region { get; private set; } = null!;

    /// <summary>The program as scripts/build leaves it.</summary>
    public static string Program
    {
        get
        {
            string? folder = AppContext.BaseDirectory;
            while (folder != null && !File.Exists(Path.Combine(folder, "LowLatency.sln")))
            {
                folder = Path.GetDirectoryName(folder);
            }

            string program = Path.Combine(folder ?? "", "out", "lowlatd");
            Assert.True(File.Exists(program), $"{program} is missing: scripts/build makes it");
            return program;
        }
    }

    /// <summary>Starts a plan, behind another program (setpriv …) when given.</summary>
    public static Daemon Start(PlanImage plan, params string[] behind)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{plan.Header.Name}-{Guid.NewGuid():N}.plan");
        File.WriteAllBytes(path, plan.Bytes);
        string[] command = [.. behind, Program, "--plan", path];
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardError = true };
        return new Daemon(Process.Start(start)!, path, plan.Header.RegionPath.ToString());
    }

    /// <summary>Starts a plan and waits until its lanes turn.</summary>
    public static Daemon StartArmed(PlanImage plan)
    {
        Daemon daemon = Start(plan);
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

    /// <summary>Waits until its lanes turn.</summary>
    public void WaitUntilArmed()
    {
        SharedRegion? region = null;
        SpinWait.SpinUntil(
            () => !IsRunning || (region ??= SharedRegion.TryOpen(RegionPath))?.Header.State == RegionState.Armed,
            TimeSpan.FromSeconds(20));
        Assert.True(IsRunning, $"lowlatd ended while booting: {(IsRunning ? "" : _error.Value)}");
        Assert.True(region?.Header.State == RegionState.Armed, $"not armed within 20 s: {region?.Header.Step}");
        Region = region!;
    }

    /// <summary>Waits for the end; exit code and what it said.</summary>
    public (int ExitCode, string Error) WaitForExit()
    {
        Assert.True(_process.WaitForExit(20_000), "lowlatd did not end within 20 s");
        return (_process.ExitCode, _error.Value.Trim());
    }

    /// <summary>SIGTERM, then the end.</summary>
    public (int ExitCode, string Error) Stop()
    {
        ThreadControl.Signal(Pid, ThreadControl.SignalTerminate);
        return WaitForExit();
    }

    /// <summary>SIGKILL: no chance to clean up.</summary>
    public void Kill9()
    {
        _process.Kill();
        WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (IsRunning)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        Region?.Dispose();
        _process.Dispose();
        File.Delete(_planPath);
        File.Delete(RegionPath);
    }
}
