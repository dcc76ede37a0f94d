using System.CommandLine;
using System.Globalization;
using LowLatency.Control.Configuring;
using LowLatency.Control.Measuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Running;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat load</c>.</summary>
internal static class LoadCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string> config = Options.Config();
        LoadOptions load = new();
        Option<string> output = Options.Out();
        Option<bool> json = Options.Json();
        Command command = new("load", "Send open-loop load through the forwarder and measure its latency")
        {
            config,
        };
        load.AddTo(command);
        command.Add(output);
        command.Add(json);
        command.SetAction(parsed =>
        {
            CommandLine.RequireRoot("load");
            PlannedConfiguration planned = PlannedConfiguration.Read(io, parsed.GetRequiredValue(config));
            RunRequest request = new()
            {
                Verb = "load",
                MayStopThrottling = planned.Configuration.Host.RtThrottlingOff,
                Cgroup = planned.Cgroup,
                OutRoot = parsed.GetValue(output)!,
                IsJson = parsed.GetValue(json),
                ConfigPath = planned.Path,
                ConfigText = planned.Configuration.Text,
                CommandLine = CommandLine.Typed(parsed),
            };
            return new LoadRun(Plan(io, planned, load.Read(parsed), request), io).Execute();
        });
        return command;
    }

    private static RunRequest Plan(
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
            Forward = forward?.Plan,
            Tables = forward?.Tables,
            AttachTo = isRunning ? configuration.Name : null,
            Objectives = [.. load.Slo.Where(slo => Percent(slo) is not null)
                .Select(slo => new Objective(Percent(slo)!.Value, slo.LimitNs))],
            MaxNs = load.Slo.FirstOrDefault(slo => slo.Name == "max")?.LimitNs,
            LossMax = load.Slo.FirstOrDefault(slo => slo.Name == SloLimit.LossName)?.LossMax,
        };
    }

    private static decimal? Percent(SloLimit slo) =>
        slo.Name[0] == 'p' ? decimal.Parse(slo.Name[1..], CultureInfo.InvariantCulture) : null;
}
