using System.CommandLine;
using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat run</c>.</summary>
internal static class RunCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string> config = Options.Config();
        Option<string?> duration = Options.Duration("Stop after this time [default: at Ctrl-C]");
        Option<bool> explain = new("--explain")
        {
            Description = "Trace the kernel all the time, and name what took the lanes' time",
        };
        Option<string> output = Options.Out();
        Option<bool> json = Options.Json();
        Command command = new("run", "Forward packets until Ctrl-C, then drain, report and restore")
        {
            config, duration, explain, output, json,
        };
        command.SetAction(parsed =>
        {
            long durationNs = Duration(parsed.GetValue(duration));
            CommandLine.RequireRoot("run");
            PlannedConfiguration planned = PlannedConfiguration.Read(io, parsed.GetRequiredValue(config));
            PlanResult plan = planned.PlanForward();
            planned.ThrowOnErrors();
            return new ForwardRun(RequestOf(planned, plan) with
            {
                Verb = "run",
                DurationNs = durationNs,
                Explains = parsed.GetValue(explain),
                OutRoot = parsed.GetValue(output)!,
                IsJson = parsed.GetValue(json),
                CommandLine = CommandLine.Typed(parsed),
            }, io).Execute();
        });
        return command;
    }

    /// <summary>What a run of a plan without errors needs; what was typed is not in it.</summary>
    public static RunRequest RequestOf(PlannedConfiguration planned, PlanResult plan) => new()
    {
        Verb = "",
        Forward = plan.Plan,
        Tables = plan.Tables,
        DurationNs = 0,
        Explains = false,
        MayStopThrottling = planned.Configuration.Host.RtThrottlingOff,
        Cgroup = planned.Cgroup,
        OutRoot = "",
        IsJson = false,
        ConfigPath = planned.Path,
        ConfigText = planned.Configuration.Text,
        CommandLine = [],
    };

    /// <summary>A duration as typed, ns; 0: none was.</summary>
    /// <exception cref="CommandFailure">It is none.</exception>
    public static long Duration(string? text) => text is null ? 0
        : Quantities.Duration(text) is long ns and > 0 ? ns
        : throw CommandFailure.Input(
            $"--duration {text}: must be a time above 0 with its unit, such as 10s or 500ms");
}
