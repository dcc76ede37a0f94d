using LowLatency.Control.Commands;

namespace LowLatency.Control.Tests.Commands;

/// <summary>One command line run in this process, and what came of it.</summary>
internal sealed record CommandRun(int Code, string Out, string Error)
{
    public static CommandRun Of(params string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = CommandLine.Run(args, new CommandIo(output, error, false, false));
        return new CommandRun(code, output.ToString(), error.ToString());
    }
}
