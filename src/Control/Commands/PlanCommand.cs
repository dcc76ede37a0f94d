using System.CommandLine;
using LowLatency.Control.Planning;
using LowLatency.Control.Reporting;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat plan</c>.</summary>
internal static class PlanCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string> config = Options.Config();
        Option<bool> json = Options.Json();
        Option<bool> load = new("--load") { Description = "Plan the load pair instead of the forward lanes" };
        Option<string?> output = new("--output")
        {
            Description = "Write the plan that lowlatd reads to this file",
            HelpName = "FILE",
        };
        Command command = new("plan", "Check a configuration against this host and show what would run")
        {
            config, load, output, json,
        };
        command.SetAction(parsed => Plan(io, parsed.GetRequiredValue(config), parsed.GetValue(load),
            parsed.GetValue(output), parsed.GetValue(json)));
        return command;
    }

    private static int Plan(CommandIo io, string path, bool isLoad, string? output, bool isJson)
    {
        PlannedConfiguration planned = PlannedConfiguration.Read(io, path);
        List<PlanImage> plans = [];
        bool hasForward = planned.Configuration.Lanes.Count > 0;
        bool wantsLoad = isLoad || (output is null && !isJson && planned.Configuration.Load is not null)
            || !hasForward;
        if (hasForward && !isLoad && planned.PlanForward().Plan is PlanImage forward)
        {
            plans.Add(forward);
        }

        if (wantsLoad && planned.PlanLoad(LoadOverrides.None).Plan is PlanImage load)
        {
            plans.Add(load);
        }

        planned.ThrowOnErrors();
        if (output is not null)
        {
            RunFolder.WriteFile(output, plans[0].Bytes.ToArray());
            io.Say($"{output}: {plans[0].Bytes.Length} bytes; 'lowlatd --plan {output}' runs it");
        }

        foreach (PlanImage plan in isJson ? plans.Take(1) : plans)
        {
            io.Out.Write(isJson ? PlanJson.Write(plan) : PlanText.Write(plan));
        }

        return ExitCode.Ok;
    }
}
