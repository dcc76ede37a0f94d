using System.CommandLine;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat report</c>.</summary>
internal static class ReportCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Argument<string[]> runs = new("RUN")
        {
            Description = "A run folder; two are compared",
            Arity = new ArgumentArity(1, 2),
        };
        Option<bool> json = Options.Json();
        Command command = new("report", "Show a run again and renew its page, or compare two runs")
        {
            runs, json,
        };
        command.SetAction(parsed => Report(io, parsed.GetRequiredValue(runs), parsed.GetValue(json)));
        return command;
    }

    private static int Report(CommandIo io, string[] runs, bool isJson)
    {
        RunDocument first = RunFolder.Read(runs[0]);
        if (runs.Length == 2)
        {
            if (isJson)
            {
                throw CommandFailure.Input("--json: a comparison has no JSON form; name one run");
            }

            RunDocument second = RunFolder.Read(runs[1]);
            io.Out.Write(new RunComparison(first, NameOf(runs[0]), second, NameOf(runs[1])).ToText());
            return ExitCode.Ok;
        }

        if (isJson)
        {
            io.Out.Write(RunJson.Write(first.Result));
            return ExitCode.Ok;
        }

        string folder = FolderOf(runs[0]);
        RunFolder.WriteReports(folder, first);
        io.Out.Write(TextReport.Render(first, io.IsOutTerminal));
        io.Out.WriteLine($"\npage {Path.Combine(folder, RunFolder.PageName)}");
        return ExitCode.Ok;
    }

    private static string FolderOf(string path) =>
        File.Exists(path) ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;

    private static string NameOf(string path) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(FolderOf(path)));
}
