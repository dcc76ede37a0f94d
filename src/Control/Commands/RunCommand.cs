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
            return new ForwardRun(
                new RunRequest
                {
                    Verb = "run",
                    Forward = plan.Plan,
                    Tables = plan.Tables,
                    DurationNs = durationNs,
                    Explains = parsed.GetValue(explain),
                    MayStopThrottling = planned.Configuration.Host.RtThrottlingOff,
                    Cgroup = planned.Cgroup,
                    OutRoot = parsed.GetValue(output)!,
                    IsJson = parsed.GetValue(json),
                    ConfigPath = planned.Path,
                    ConfigText = planned.Configuration.Text,
                    CommandLine = CommandLine.Typed(parsed),
                },
                io).Execute();
        });
        return command;
    }

    private static long Duration(string? text) => text is null ? 0
        : Quantities.Duration(text) is long ns and > 0 ? ns
        : throw CommandFailure.Input(
            $"--duration {text}: must be a time above 0 with its unit, such as 10s or 500ms");
}
