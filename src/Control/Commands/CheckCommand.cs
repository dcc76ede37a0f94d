using System.CommandLine;
using System.Text;
using LowLatency.Control.Readiness;
using LowLatency.Control.Readiness.Reporting;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat check</c>.</summary>
internal static class CheckCommand
{
    private static readonly string[] Formats = ["text", "json", "junit", "html", "openmetrics"];

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        CheckOptions options = new();
        Option<string?> format = new("--format")
        {
            Description = $"{string.Join(", ", Formats)} [default: text]",
            HelpName = "FORMAT",
        };
        Option<bool> json = Options.Json();
        Option<bool> all = new("--all") { Description = "Show every check, not only what there is to do" };
        Option<bool> boot = new("--boot-args")
        {
            Description = "Print the boot line this configuration needs, and how the running one differs",
        };
        Option<bool> fix = new("--fix-plan")
        {
            Description = "Print the commands that mend this host at run time, in a safe order; run none",
        };
        Option<string?> output = new("--output")
        {
            Description = "Write the result to this file",
            HelpName = "FILE",
        };
        Command command = new("check", "Judge this host against a configuration before go-live")
        {
            format, json, all, boot, fix, output,
        };
        options.AddTo(command);
        command.Add(MakeExplain(io));
        command.Add(MakeList(io));
        command.SetAction(parsed =>
        {
            string chosen = FormatOf(parsed.GetValue(format), parsed.GetValue(json));
            ReadinessReport report = CheckRun.Run(io, options.Read(parsed));
            ReadinessDocument document = ReadinessJson.Document(report, CheckRun.Tool);
            bool isPlan = parsed.GetValue(boot) || parsed.GetValue(fix);
            string text = parsed.GetValue(boot) ? BootPlan.Render(report)
                : parsed.GetValue(fix) ? FixPlan.Render(document)
                : Render(io, report, document, chosen, parsed.GetValue(all), parsed.GetValue(output) is null);
            Put(io, parsed.GetValue(output), text);
            return isPlan || report.IsReady ? ExitCode.Ok : ExitCode.Gate;
        });
        return command;
    }

    private static Command MakeExplain(CommandIo io)
    {
        CheckOptions options = new();
        Argument<string> id = new("ID") { Description = "The check, such as irq.affinity.effective-off" };
        Command command = new("explain", "Show evidence, rule, reason and remedy of a check") { id };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            Check check = Named(parsed.GetRequiredValue(id));
            ReadinessReport report = CheckRun.Run(io, options.Read(parsed));
            ReadinessDocument document = ReadinessJson.Document(report, CheckRun.Tool);
            io.Out.Write(ExplainText.Render(document.Checks.First(part => part.Id == check.Id)));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command MakeList(CommandIo io)
    {
        Command command = new("list", "Show every check there is and what it weighs in each profile");
        command.SetAction(_ =>
        {
            StringBuilder text = new();
            foreach (Check check in Catalogue.All)
            {
                text.Append($"{check.Id,-34} {check.Severities,-6} {Words.Of(check.Intrusion)} "
                    + $"{check.Expects}\n");
            }

            io.Out.Write(text);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Check Named(string id)
    {
        if (Catalogue.Find(id) is Check check)
        {
            return check;
        }

        string[] near = [.. Catalogue.All.Select(known => known.Id).Where(known =>
            known.Contains(id, StringComparison.Ordinal)
            || known.Split('.')[0] == id.Split('.')[0]).Take(5)];
        throw CommandFailure.Input($"there is no check '{id}'"
            + (near.Length > 0 ? $"; near it: {string.Join(", ", near)}" : "")
                + ". 'lowlat check list' names all");
    }

    private static string FormatOf(string? format, bool isJson) =>
        format is not null && !Formats.Contains(format)
            ? throw CommandFailure.Input($"--format {format}: must be one of {string.Join(", ", Formats)}")
        : isJson && format is not (null or "json")
            ? throw CommandFailure.Input($"--json and --format {format} ask for two formats. Leave one of "
                + $"them out")
        : isJson ? "json" : format ?? "text";

    private static string Render(CommandIo io, ReadinessReport report, ReadinessDocument document,
        string format,
        bool isAll, bool isOnScreen) => format switch
        {
            "json" => ReadinessJson.Write(report, CheckRun.Tool),
            "junit" => ReadinessJunit.Render(document),
            "html" => ReadinessHtml.Render(report, document),
            "openmetrics" => ReadinessMetrics.Render(document),
            _ => new ReadinessText(document, Width(io, isOnScreen), io.IsOutTerminal && isOnScreen
                && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))).Render(isAll),
        };

    private static int Width(CommandIo io, bool isOnScreen) =>
        io.IsOutTerminal && isOnScreen ? Math.Clamp(Console.WindowWidth, 80, 200) : 160;

    private static void Put(CommandIo io, string? path, string text)
    {
        if (path is null)
        {
            io.Out.Write(text);
        }
        else
        {
            RunFolder.WriteFile(path, Encoding.UTF8.GetBytes(text));
            io.Say($"{path}: written");
        }
    }
}
