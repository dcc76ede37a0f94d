using System.CommandLine;
using System.Text;
using LowLatency.Control.Planning;
using LowLatency.Control.Recording;
using LowLatency.Control.Reporting;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary>What is recorded, as JSON.</summary>
/// <param name="Schema">Name and version of this form.</param>
/// <param name="Files">Each capture file, by name.</param>
internal sealed record RecordingsDocument(string Schema, IReadOnlyList<CaptureSummary> Files)
{
    /// <summary>Of <see cref="Schema"/>.</summary>
    public const string SchemaName = "lowlat/recordings/1";
}

/// <summary><c>lowlat record</c>: looks into captures, takes packets out of them, saves what a crash
/// left.</summary>
internal static class RecordCommand
{
    private static readonly string[] Ends = [".pcapng", ".pcap", ".pcapng" + CaptureOutput.HiddenEnd];

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string?> config = new("--config", "-c")
        {
            Description = "Capture what comes in at the ports of this configuration, and forward nothing",
            HelpName = "FILE",
        };
        Option<string?> duration = Options.Duration("Stop after this time [default: at Ctrl-C]");
        Option<string> output = Options.Out();
        Option<bool> json = Options.Json();
        Command command = new("record", "Capture to disk; list captures, extract packets, repair")
        {
            config, duration, output, json, List(io), Extract(io), Repair(io),
        };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(config) ?? throw CommandFailure.Input("say what to capture (-c "
                + "FILE), or what to do with captures: ls, extract, repair; see 'lowlat record --help'");
            long durationNs = RunCommand.Duration(parsed.GetValue(duration));
            CommandLine.RequireRoot("record");
            PlannedConfiguration planned = PlannedConfiguration.Read(io, path);
            PlanResult plan = planned.PlanCapture();
            planned.ThrowOnErrors();
            return new ForwardRun(RunCommand.RequestOf(planned, plan) with
            {
                Verb = "record",
                DurationNs = durationNs,
                OutRoot = parsed.GetValue(output)!,
                IsJson = parsed.GetValue(json),
                CommandLine = CommandLine.Typed(parsed),
            }, io).Execute();
        });
        return command;
    }

    private static Command List(CommandIo io)
    {
        Argument<string> path = new("PATH") { Description = "A capture, or a folder of captures" };
        Option<bool> json = Options.Json();
        Command command = new("ls", "Show what is in captures: packets, times, losses") { path, json };
        command.SetAction(parsed => List(io, parsed.GetRequiredValue(path), parsed.GetValue(json)));
        return command;
    }

    private static int List(CommandIo io, string path, bool isJson)
    {
        bool isFolder = Directory.Exists(path);
        List<CaptureSummary> files = [];
        string[] paths = !isFolder ? [path] : [.. Directory.GetFiles(path)
            .Where(file => Ends.Any(end => file.EndsWith(end, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)];
        foreach (string file in paths)
        {
            try
            {
                files.Add(CaptureSummary.Of(file));
            }
            catch (CommandFailure e) when (isFolder)
            {
                io.Say(e.Message); // the others are worth showing
            }
        }

        if (isJson)
        {
            io.Out.Write(CommandJson.Write(new RecordingsDocument(RecordingsDocument.SchemaName, files)));
            return ExitCode.Ok;
        }

        TextTable table = new("file", "packets", "size", "<first", "seconds", "lost", "<state");
        foreach (CaptureSummary file in files)
        {
            string state = file.Torn is not null ? "torn" : file.IsHidden ? "hidden" : "whole";
            table.Add(Path.GetFileName(file.Path), Units.Count(file.Packets), Units.Bytes(file.Bytes),
                file.Packets == 0 ? "-" : CaptureTime.Text(file.FirstNs),
                FormattableString.Invariant($"{(file.LastNs - file.FirstNs) / 1e9:0.000}"),
                Units.Count((long)file.Dropped), state);
        }

        StringBuilder text = new();
        table.WriteTo(text);
        foreach (CaptureSummary file in files.Where(file => file.Torn is not null))
        {
            text.Append($"{Path.GetFileName(file.Path)} is torn at byte {file.Bytes}: {file.Torn}\n");
        }

        io.Out.Write(text);
        return ExitCode.Ok;
    }

    private static Command Extract(CommandIo io)
    {
        Argument<string> path = new("FILE") { Description = "A capture: pcapng or pcap" };
        Option<string> target = new("--out", "-o")
        {
            Description = "The new capture (pcapng)", HelpName = "FILE", Required = true,
        };
        Option<string?> from = new("--from")
        {
            Description = "Packets from this time on, such as 2026-01-31T10:00:00.5Z", HelpName = "TIME",
        };
        Option<string?> to = new("--to") { Description = "Packets before this time", HelpName = "TIME" };
        Option<string?> filter = new("--filter")
        {
            Description = "Packets of these flows, such as 'udp 10.0.0.1:5 > any'", HelpName = "FLOWS",
        };
        Command command = new("extract", "Copy packets by time and flow into a new capture")
        {
            path, target, from, to, filter,
        };
        command.SetAction(parsed =>
        {
            FlowFilter? flows = parsed.GetValue(filter) is not string text ? null : FlowFilter.Parse(text)
                ?? throw CommandFailure.Input($"--filter '{text}': must be {FlowFilter.Rule}");
            CaptureExtract extract = new(
                Time("--from", parsed.GetValue(from)) ?? 0,
                Time("--to", parsed.GetValue(to)) ?? ulong.MaxValue, flows);
            string source = parsed.GetRequiredValue(path);
            (long copied, long read, string? torn) = extract.Run(source, parsed.GetRequiredValue(target));
            if (torn is not null)
            {
                io.Say($"{source} is torn: {torn}; what is whole was read");
            }

            io.Out.WriteLine(extract.ReadBytes is not long bytes ? $"{copied} of {read} packets"
                : $"{copied} of {read} packets in the {Units.Bytes(bytes)} of {Units.Bytes(extract.IndexedBytes)} "
                    + "that its index names");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Repair(CommandIo io)
    {
        Argument<string[]> hidden = new("FILE")
        {
            Description = $"A capture that a crash left, named *{CaptureOutput.HiddenEnd}, or a folder "
                + "of them",
            Arity = ArgumentArity.OneOrMore,
        };
        Command command = new("repair", "Cut what a crash left unfinished and give captures their names")
        {
            hidden,
        };
        command.SetAction(parsed =>
        {
            foreach (string file in parsed.GetRequiredValue(hidden).SelectMany(Left))
            {
                CaptureRepairResult result = CaptureRepair.Run(file);
                io.Out.WriteLine($"{result.Path}: {result.Packets} packets, {result.CutBytes} bytes cut"
                    + (result.Why is null ? "" : $" ({result.Why})"));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static IEnumerable<string> Left(string path) => !Directory.Exists(path) ? [path]
        : Directory.GetFiles(path, "*" + CaptureOutput.HiddenEnd).Order(StringComparer.Ordinal);

    private static ulong? Time(string option, string? text) => text is null ? null : CaptureTime.Parse(text)
        ?? throw CommandFailure.Input($"{option} {text}: must be a time in UTC, such as "
            + "2026-01-31T10:00:00Z, with up to nine decimals of a second");
}
