using System.CommandLine;
using LowLatency.Control.Reporting;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Commands;

/// <summary>All verbs, and what every one of them answers to a wrong command line or a refusing
/// host.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command line.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Run(IReadOnlyList<string> args, CommandIo io)
    {
        ParserConfiguration parser = new() { ResponseFileTokenReplacer = null };
        ParseResult parsed = Make(io).Parse(args, parser);
        if (parsed.Errors.Count > 0)
        {
            io.Say(parsed.UnmatchedTokens.Count > 0
                ? $"'{parsed.UnmatchedTokens[0]}' is not understood"
                : parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.'));
            io.Say($"'{PathOf(parsed.CommandResult.Command)} --help' shows what can be said here");
            return ExitCode.Input;
        }

        InvocationConfiguration configuration = new()
        {
            Output = io.Out,
            Error = io.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // signals belong to the verbs that run long
        };
        try
        {
            return parsed.Invoke(configuration);
        }
        catch (Exception e) when (CodeOf(e) is int)
        {
            foreach (string line in e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                io.Say(line);
            }

            return CodeOf(e)!.Value;
        }
    }

    /// <summary>Refuses a verb that only root can do.</summary>
    /// <exception cref="CommandFailure">Not root: exit code 2.</exception>
    public static void RequireRoot(string verb)
    {
        if (!ThreadControl.IsRoot)
        {
            throw CommandFailure.Host($"'lowlat {verb}' needs root: run it with sudo");
        }
    }

    /// <summary>The command line as typed, for the evidence of a run.</summary>
    public static IReadOnlyList<string> Typed(ParseResult parsed) =>
        ["lowlat", .. parsed.Tokens.Select(token => token.Value)];

    private static RootCommand Make(CommandIo io)
    {
        RootCommand root = new("""
            LowLatency: forwards packets with a tail latency that is known, kept and explained.
            Exit codes: 0 yes, 1 wrong input, 2 the host or kernel refused, 3 a gate said no, 130 interrupted.
            """)
        {
            CheckCommand.Make(io),
            PlanCommand.Make(io),
            RunCommand.Make(io),
            LoadCommand.Make(io),
            JitterCommand.Make(io),
            CertifyCommand.Make(io),
            ReloadCommand.Make(io),
            StatusCommand.Make(io),
            TraceCommand.Make(io),
            StopCommand.Make(io),
            PortsCommand.Make(io),
            ReportCommand.Make(io),
            DiskCommand.Make(io),
            RecordCommand.Make(io),
            ReplayCommand.Make(io),
            TuneCommand.Make(io),
            LabCommand.Make(io),
            VersionCommand.Make(io),
            SelfTestCommand.Make(io),
        };
        return root;
    }

    private static int? CodeOf(Exception e) => e switch
    {
        CommandFailure failure => failure.ExitCode,
        RunFolderException folder => folder.IsHostFault ? ExitCode.Host : ExitCode.Input,
        NativeException => ExitCode.Host,
        PlanFormatException => ExitCode.Input,
        IOException or UnauthorizedAccessException => ExitCode.Host,
        _ => null,
    };

    private static string PathOf(Command command)
    {
        Command? parent = command.Parents.OfType<Command>().FirstOrDefault();
        return parent is null ? "lowlat" : $"{PathOf(parent)} {command.Name}";
    }
}
