using System.CommandLine;
using LowLatency.Control.Reporting;
using LowLatency.Control.Searching;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat report</c>.</summary>
internal static class ReportCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Argument<string[]> runs = new("RUN")
        {
            Description = "A run folder; two, or two lists A1,A2,.. B1,B2,.., are compared",
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
        if (runs.Length == 1 && SearchFolder.Is(FolderOf(runs[0])))
        {
            SearchDocument search = SearchFolder.Read(FolderOf(runs[0]));
            SearchFolder.WriteReports(FolderOf(runs[0]), search);
            io.Out.Write(isJson ? RunJson.Write(search.Result) : SearchText.Render(search.Result));
            return ExitCode.Ok;
        }

        if (runs.Length == 2)
        {
            if (isJson)
            {
                throw CommandFailure.Input("--json: a comparison has no JSON form; name one run");
            }

            io.Out.Write(new RunComparison(ReadAll(runs[0]), ReadAll(runs[1])).ToText());
            return ExitCode.Ok;
        }

        RunDocument first = RunFolder.Read(runs[0]);
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

    // A folder whose own name holds commas is one run.
    private static List<(RunDocument, string)> ReadAll(string side)
    {
        string[] paths = Path.Exists(side) ? [side] : side.Split(',', StringSplitOptions.TrimEntries);
        string[] folders = [.. paths.Select(path => Path.GetFullPath(FolderOf(path)))];
        if (folders.FirstOrDefault(folder => folders.Count(other => other == folder) > 1) is string twice)
        {
            throw CommandFailure.Input($"{twice}: named twice on one side: a run counts once");
        }

        return [.. paths.Select(path => (RunFolder.Read(path), NameOf(path)))];
    }

    private static string FolderOf(string path) =>
        File.Exists(path) ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;

    private static string NameOf(string path) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(FolderOf(path)));
}
