using System.CommandLine;
using LowLatency.Control.Running;
using LowLatency.Control.Tuning;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat stop</c>: ends a data plane, whoever started it, and takes back what its dead owner
/// changed.</summary>
internal static class StopCommand
{
    private const long StopLimitNs = 5_000_000_000;
    private const int PollMs = 10;
    private const int SignalKill = 9;

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string?> name = Options.Name("Name of the data plane");
        name.Required = true;
        Command command = new("stop", "End a data plane, or clean up after a dead one") { name };
        command.SetAction(parsed => Stop(io, parsed.GetValue(name)!));
        return command;
    }

    private static int Stop(CommandIo io, string name)
    {
        CommandLine.RequireRoot("stop");
        if (!Instance.Names().Contains(name))
        {
            throw CommandFailure.Input($"there is no data plane named '{name}'");
        }

        bool wasKilled = false;
        using (SharedRegion? region = Instance.Open(name))
        {
            if (region is { IsOwnerAlive: true })
            {
                wasKilled = End(io, name, region);
            }
            else
            {
                io.Out.WriteLine($"'{name}' was dead already");
            }
        }

        Instance.RemoveDead(name);
        if (!wasKilled)
        {
            Instance.RemoveFiles(name);
        }

        foreach (JournalOutcome outcome in Instance.Journal().Rollback(isAll: false))
        {
            io.Out.WriteLine(outcome.Line);
        }

        return wasKilled ? ExitCode.Host : ExitCode.Ok;
    }

    /// <returns>True when it had to be killed.</returns>
    private static bool End(CommandIo io, string name, SharedRegion region)
    {
        int pid = region.Header.Pid;
        ThreadControl.Signal(pid, ThreadControl.SignalTerminate);
        using Interrupt interrupt = new();
        if (AwaitEnd(region, interrupt))
        {
            io.Out.WriteLine($"'{name}' (pid {pid}) is {StatusText.Of(region.Header.State)}");
            return false;
        }

        ThreadControl.Signal(pid, SignalKill);
        AwaitEnd(region, interrupt);
        io.Say($"'{name}' (pid {pid}) did not stop within {StopLimitNs / 1_000_000_000} s after "
            + $"SIGTERM, state {StatusText.Of(region.Header.State)}, and was killed; what it said is in "
            + Instance.LogPath(name));
        return true;
    }

    private static bool AwaitEnd(SharedRegion region, Interrupt interrupt)
    {
        long deadline = ThreadControl.NowNs + StopLimitNs;
        while (region.IsOwnerAlive)
        {
            if (ThreadControl.NowNs > deadline)
            {
                return false;
            }

            interrupt.WaitAnyway(PollMs);
        }

        return true;
    }
}
