using System.CommandLine;
using System.Globalization;
using LowLatency.Control.Configuring;
using LowLatency.Control.Measuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat load</c>.</summary>
internal static class LoadCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string> config = Options.Config();
        LoadOptions load = new();
        Option<bool> noExplain = new("--no-explain")
        {
            Description = "Do not trace the kernel, and name no cause of lost time",
        };
        SearchOptions search = new();
        Option<string> output = Options.Out();
        Option<bool> json = Options.Json();
        Command command = new("load", "Send open-loop load through the forwarder and measure its latency")
        {
            config,
        };
        load.AddTo(command);
        command.Add(noExplain);
        search.AddTo(command);
        command.Add(output);
        command.Add(json);
        command.SetAction(parsed =>
        {
            SearchOptions.TypedSearch? typed = search.Read(parsed);
            double? interval = load.ReadInterval(parsed);
            if (typed is not null && interval is not null)
            {
                throw CommandFailure.Input("--interval: belongs to one run, not to a search or a curve");
            }

            CommandLine.RequireRoot("load");
            PlannedConfiguration planned = PlannedConfiguration.Read(io, parsed.GetRequiredValue(config));
            RunRequest request = new()
            {
                Verb = typed is null ? "load" : "search",
                Explains = !parsed.GetValue(noExplain) && typed is null,
                MayStopThrottling = planned.Configuration.Host.RtThrottlingOff,
                Cgroup = planned.Cgroup,
                IntervalSeconds = interval,
                OutRoot = parsed.GetValue(output)!,
                IsJson = parsed.GetValue(json),
                ConfigPath = planned.Path,
                ConfigText = planned.Configuration.Text,
                CommandLine = CommandLine.Typed(parsed),
            };
            LoadOverrides overrides = load.Read(parsed);
            return typed is null ? new LoadRun(Plan(io, planned, overrides, request), io).Execute()
                : Search(io, planned, overrides, request, typed);
        });
        return command;
    }

    // Trials go through the forwarder alone: the direct path would take a share of their time.
    private static int Search(CommandIo io, PlannedConfiguration planned, LoadOverrides overrides,
        RunRequest request, SearchOptions.TypedSearch typed)
    {
        LoadOverrides alone = overrides with { NoDirect = true, Warmup = overrides.Warmup ?? "200ms" };
        RunRequest all = Plan(io, planned, alone, request);
        SearchRequest search = typed.With(all.Load!.Header.Load, all.Promise, (rate, seconds) =>
        {
            PlanResult trial = planned.PlanLoad(alone with
            {
                Rate = rate.ToString("0.###", CultureInfo.InvariantCulture),
                Duration = ((long)(seconds * 1e6)).ToString(CultureInfo.InvariantCulture) + "us",
            });
            planned.ThrowOnErrors();
            return trial.Plan!;
        });
        return new SearchRun(all, search, io).Execute();
    }

    /// <summary>Plans a load, and the forwarder where none runs.</summary>
    /// <exception cref="CommandFailure">The configuration or host does not fit: exit code 1.</exception>
    internal static RunRequest Plan(
        CommandIo io, PlannedConfiguration planned, LoadOverrides overrides, RunRequest request)
    {
        Configuration configuration = planned.Configuration;
        bool isRunning = configuration.Lanes.Count > 0 && Instance.IsAlive(configuration.Name);
        PlanResult? forward = configuration.Lanes.Count > 0 && !isRunning ? planned.PlanForward() : null;
        PlanResult load = planned.PlanLoad(overrides);
        planned.ThrowOnErrors();
        if (isRunning)
        {
            io.Say($"data plane '{configuration.Name}' runs already: the load goes through that one");
        }

        return request with
        {
            Load = load.Plan,
            LoadTables = load.Tables,
            Forward = forward?.Plan,
            Tables = forward?.Tables,
            AttachTo = isRunning ? configuration.Name : null,
            Promise = Promise.Of(load.Slo, load.PromisedRatePps, load.PromisedNs),
        };
    }
}
