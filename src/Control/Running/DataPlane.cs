using System.Diagnostics;
using System.Globalization;
using LowLatency.Control.Commands;
using LowLatency.Control.Planning;
using LowLatency.Control.Reporting;
using LowLatency.Control.Routing;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>A lowlatd of ours, from its start to its end; or one that ran already and that we only look at.
/// It has a session and a log file of its own: it outlives this process when that is killed. One
/// thread.</summary>
internal sealed class DataPlane : IDisposable
{
    private const int KillWaitMs = 5000;
    private const int NoFile = -1;
    private readonly Process? _process;
    private readonly int _tablesFd;
    private TableMemory? _memory;

    private DataPlane(string name, string role, Process? process, int tablesFd = NoFile)
    {
        _tablesFd = tablesFd;
        Name = name;
        Role = role;
        _process = process;
    }

    /// <summary>Name of the instance.</summary>
    public string Name { get; }

    /// <summary>"load" or "forward".</summary>
    public string Role { get; }

    /// <summary>Its memory; null until <see cref="Poll"/> has seen it.</summary>
    public SharedRegion? Region { get; private set; }

    /// <summary>What keeps its route tables as the kernel's; null: it is not ours.</summary>
    public RouteTables? Routes { get; private init; }

    /// <summary>False: it ran before us and goes on after us.</summary>
    public bool IsOurs => _process is not null;

    /// <summary>Armed: its lanes run.</summary>
    public bool IsArmed => Region is not null && Region.Header.State == RegionState.Armed;

    /// <summary>It ended, whatever the reason.</summary>
    public bool HasEnded => _process?.HasExited ?? !Region!.IsOwnerAlive;

    /// <summary>It ended, as asked; or by SIGTERM itself, when that came before it listened.</summary>
    public bool HasEndedWell =>
        _process is { HasExited: true, ExitCode: 0 or 128 + ThreadControl.SignalTerminate };

    /// <summary>Starts one. What a dead one of the same name left is taken away first: nobody reads that
    /// memory while it is made anew.</summary>
    /// <param name="name">Name of the instance.</param>
    /// <param name="role">"load" or "forward".</param>
    /// <param name="plan">What it runs.</param>
    /// <param name="tables">Fills its tables first; null: they are empty.</param>
    /// <param name="cgroup">Folder of the cgroup it enters, before its first page; empty: that of this
    /// process.</param>
    /// <exception cref="CommandFailure">There is no lowlatd, or the name is taken: exit code 2.</exception>
    public static DataPlane Start(
        string name, string role, PlanImage plan, TableBuilder? tables, string cgroup)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "lowlatd");
        if (!File.Exists(program))
        {
            throw CommandFailure.Host($"{program} is missing: scripts/build makes it beside lowlat");
        }

        if (Instance.IsAlive(name))
        {
            throw CommandFailure.Host(
                $"a data plane named '{name}' runs already: 'lowlat stop --name {name}' ends it");
        }

        Instance.RemoveDead(name);
        string planPath = Instance.PlanPath(name);
        RunFolder.WriteFile(planPath, plan.Bytes.ToArray());
        int tablesFd = TableMemory.MakeFile(name);
        TableMemory memory = TableMemory.Map(tablesFd, plan);
        tables?.Fill(memory);
        RouteTables routes = RouteTables.Fill(memory);

        // A session of its own keeps the terminal's signals away; files, not pipes, so that our end breaks
        // nothing.
        // Its memory is locked and of one size: what the kernel has to kill is another
        // (proc_pid_oom_score_adj(5)).
        const string command = """
            exec >"$2" 2>&1 </dev/null
            { echo -1000 >/proc/$$/oom_score_adj; } 2>/dev/null
            [ -z "$3" ] || echo $$ >"$3/cgroup.procs" ||
                { echo "lowlatd: the kernel lets no process into cgroup $3"; exit 2; }
            exec setsid "$0" --plan "$1" --tables "$4"
            """;
        ProcessStartInfo start =
            new("/bin/sh", ["-c", command, program, planPath, Instance.LogPath(name), cgroup,
                TableMemory.PathOf(Environment.ProcessId, tablesFd)])
        {
            UseShellExecute = false,
        };
        return new DataPlane(name, role, Process.Start(start)!, tablesFd)
        {
            _memory = memory,
            Routes = routes,
        };
    }

    /// <summary>Looks at one that runs already.</summary>
    /// <returns>Null when none of this name does.</returns>
    /// <exception cref="PlanFormatException">It is of another release.</exception>
    public static DataPlane? Attach(string name, string role)
    {
        SharedRegion? region = Instance.Open(name);
        if (region is not { IsOwnerAlive: true })
        {
            region?.Dispose();
            return null;
        }

        return new DataPlane(name, role, process: null) { Region = region };
    }

    /// <summary>What its recorders have done, also once it has ended; empty where it is not ours.</summary>
    public IReadOnlyList<RecordStatus> Recordings() =>
        _memory is null ? [] : RecordingReader.Read(_memory.Plan, _memory);

    /// <summary>How far its replay has come; only of a plan of one.</summary>
    public ReplayHeader ReplayState() => _memory!.Slice<byte>(0).First<ReplayHeader>().Value;

    /// <summary>Opens the region once it is there.</summary>
    public void Poll()
    {
        if (Region is null && _process is not null && !_process.HasExited)
        {
            Region = Instance.Open(Name);
        }

        if (Region is not null)
        {
            Routes?.Follow(Region);
        }
    }

    /// <summary>Asks it to stop; it drains, disarms and removes its region.</summary>
    public void AskToStop()
    {
        if (!HasEnded)
        {
            ThreadControl.Signal(_process!.Id, ThreadControl.SignalTerminate);
        }
    }

    /// <summary>Waits until it has ended; kills it when it does not.</summary>
    /// <param name="limitMs">How long it may take.</param>
    /// <returns>A complaint; null when it ended cleanly.</returns>
    public string? AwaitEnd(int limitMs)
    {
        if (!_process!.WaitForExit(limitMs))
        {
            string complaint =
                $"{Describe()}: did not stop within {limitMs / 1000} s after SIGTERM and was killed";
            _process.Kill();
            _process.WaitForExit(KillWaitMs);
            return complaint;
        }

        return HasEndedWell ? null : DescribeEnd();
    }

    /// <summary>Its own last line, when it said something.</summary>
    public string? LastWords()
    {
        try
        {
            string? line = File.ReadLines(Instance.LogPath(Name))
                .LastOrDefault(line => line.Trim().Length > 0);
            return line?.StartsWith("lowlatd: ", StringComparison.Ordinal) == true ? line[9..] : line;
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>How it ended and how far it had come.</summary>
    public string DescribeEnd()
    {
        string how = _process is null ? "is gone"
            : !_process.HasExited ? "runs"
            : _process.ExitCode > 128
                ? $"was killed by signal {_process.ExitCode - 128}{SignalName(_process.ExitCode - 128)}"
            : string.Create(CultureInfo.InvariantCulture, $"ended with exit code {_process.ExitCode}");
        string far = "";
        if (Region is not null)
        {
            ref RegionHeader header = ref Region.Header;
            double age = (ThreadControl.NowNs - Math.Max(header.HeartbeatNs, header.BootNs)) / 1e9;
            far = string.Create(CultureInfo.InvariantCulture,
                $"; state {StatusText.Of(header.State)}, last boot step '{header.Step}', "
                + $"last heartbeat {age:0.0} s ago");
        }

        string? words = _process is { HasExited: true, ExitCode: > 0 and < 128 } ? LastWords() : null;
        return $"{Describe()} {how}{far}{(words is null ? "" : $"; it said: {words}")}";
    }

    /// <summary>Unmaps; the process stays as it is.</summary>
    public void Dispose()
    {
        Routes?.Dispose();
        _memory?.Dispose();
        Region?.Dispose();
        _process?.Dispose();
        if (_tablesFd != NoFile)
        {
            TableMemory.CloseFile(_tablesFd);
        }
    }

    private string Describe() => $"lowlatd '{Name}' ({Role}, pid {_process?.Id ?? Region!.Header.Pid})";

    private static string SignalName(int signal) => signal switch
    {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL: was it the out-of-memory killer? see dmesg)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    };
}
