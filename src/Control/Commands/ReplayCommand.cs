using System.CommandLine;
using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat replay</c>.</summary>
internal static class ReplayCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Argument<string> file = new("FILE") { Description = "A capture: pcapng or pcap, of any length" };
        Option<string> config = Options.Config();
        Option<string> port = new("--port")
        {
            Description = "The port that sends", HelpName = "NAME", Required = true,
        };
        Option<string?> speed = new("--speed")
        {
            Description = "How many times as fast as captured [default: 1]", HelpName = "X",
        };
        Option<string?> rate = new("--rate")
        {
            Description = "Frames a second, whatever their times", HelpName = "RATE",
        };
        Option<string?> cpu = new("--cpu")
        {
            Description = "CPU of the lane [default: of the lane that has the port, or of the load]",
            HelpName = "N",
        };
        Option<string> output = Options.Out();
        Option<bool> json = Options.Json();
        Command command = new("replay", "Send a capture from disk, byte for byte, and measure how late it was")
        {
            file, config, port, speed, rate, cpu, output, json,
        };
        command.SetAction(parsed =>
        {
            ReplayRequest replay = ReplayRequest.Of(parsed.GetRequiredValue(file),
                Speed(parsed.GetValue(speed), parsed.GetValue(rate)), Rate(parsed.GetValue(rate)),
                parsed.GetRequiredValue(port)) with
            {
                Cpu = Cpu(parsed.GetValue(cpu)),
            };
            CommandLine.RequireRoot("replay");
            PlannedConfiguration planned = PlannedConfiguration.Read(io, parsed.GetRequiredValue(config));
            PlanResult plan = planned.PlanReplay(replay);
            planned.ThrowOnErrors();
            return new ReplayRun(RunCommand.RequestOf(planned, plan) with
            {
                Verb = "replay",
                OutRoot = parsed.GetValue(output)!,
                IsJson = parsed.GetValue(json),
                CommandLine = CommandLine.Typed(parsed),
            }, replay, io).Execute();
        });
        return command;
    }

    private static double Speed(string? speed, string? rate) =>
        speed is not null && rate is not null ? throw CommandFailure.Input("--speed and --rate: say one of them")
        : speed is null ? 1
        : double.TryParse(speed, System.Globalization.NumberStyles.AllowDecimalPoint,
            System.Globalization.CultureInfo.InvariantCulture, out double factor) && factor is > 0 and <= 1e6
            ? factor : throw CommandFailure.Input($"--speed {speed}: must be a number above 0, such as 2 or 0.5");

    private static double Rate(string? rate) => rate is null ? 0 : Quantities.LoadRate(rate)
        ?? throw CommandFailure.Input($"--rate {rate}: must be frames a second, such as 100k");

    private static int? Cpu(string? cpu) => cpu is null ? null : Quantities.Whole(cpu, Native.Limits.CpusMax - 1)
        ?? throw CommandFailure.Input($"--cpu {cpu}: must be the number of a CPU");
}
