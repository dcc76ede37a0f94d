using System.CommandLine;
using LowLatency.Control.Planning;
using LowLatency.Control.Running;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat reload</c>: gives a running data plane another pipeline, without losing a
/// frame.</summary>
internal static class ReloadCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string> config = Options.Config();
        Option<bool> dry = new("--dry-run") { Description = "Check, and show what would change" };
        Command command = new("reload", "Give a running data plane the stages and tables of a changed file")
        {
            config, dry,
        };
        command.SetAction(parsed => Reload(io, parsed.GetRequiredValue(config), parsed.GetValue(dry)));
        return command;
    }

    private static int Reload(CommandIo io, string path, bool isDry)
    {
        CommandLine.RequireRoot("reload");
        PlannedConfiguration planned = PlannedConfiguration.Read(io, path);
        string name = planned.Configuration.Name;
        using SharedRegion? region = Instance.Open(name);
        if (region is not { IsOwnerAlive: true } || region.Header.State != RegionState.Armed)
        {
            throw CommandFailure.Input(
                $"no data plane named '{name}' runs: 'lowlat run -c {path}' starts one");
        }

        PlanResult plan = planned.PlanForward();
        planned.ThrowOnErrors();
        using FileStream turn = TakeTurn(name);
        using LivePlan live = LivePlan.Read(region);
        NextGeneration next = NextGeneration.Of(live, plan, region);
        if (next.Obstacles.Count > 0)
        {
            throw CommandFailure.Input(string.Join('\n', next.Obstacles.Select(what =>
                $"{path}: {what}: that needs a new start, 'lowlat stop --name {name}' and 'lowlat run'")));
        }

        io.Out.Write(next.Difference);
        if (!next.HasChanges)
        {
            io.Out.WriteLine($"'{name}' runs this already (generation {region.Header.Generation})");
            return ExitCode.Ok;
        }

        if (isDry)
        {
            io.Out.WriteLine("nothing was changed (--dry-run)");
            return ExitCode.Ok;
        }

        string? refusal = next.Apply(live, region);
        if (refusal is not null)
        {
            throw CommandFailure.Host($"'{name}' goes on with generation {region.Header.Generation}: "
                + $"{refusal}");
        }

        io.Out.WriteLine($"'{name}' runs generation {region.Header.Generation}");
        return ExitCode.Ok;
    }

    // Two reloads at once would both build on the same generation.
    private static FileStream TakeTurn(string name)
    {
        try
        {
            return new FileStream(RuntimeFolder.PathOf(name + ".reload"), FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException)
        {
            throw CommandFailure.Host($"another 'lowlat reload' of '{name}' is under way");
        }
    }
}
