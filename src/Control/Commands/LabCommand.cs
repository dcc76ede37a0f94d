using System.CommandLine;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat lab up|down|status</c>.</summary>
internal static class LabCommand
{
    // A namespace is a file name, and name + "-sink" also has to be read by people.
    private const int NameLengthMax = 32;

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string> name = new("--name")
        {
            Description = "Prefix of the lab's namespaces",
            HelpName = "NAME",
            DefaultValueFactory = _ => "ll",
            Recursive = true,
        };
        Option<int> queues = new("--queues")
        {
            Description = $"Queues of each interface, 1 to {LabPlan.QueuesMax}",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        Command up = new("up", "Raise the lab; one that stands stays") { queues };
        up.SetAction(parsed => Up(io, LabOf(parsed, name, "up"), parsed.GetValue(queues)));
        Command down = new("down", "Take the lab down, or what is there of it");
        down.SetAction(parsed => Down(io, LabOf(parsed, name, "down")));
        Command status = new("status", "Say whether the lab is up (exit code 3: it is not)");
        status.SetAction(parsed => Status(io, LabOf(parsed, name, "status")));
        return new Command("lab", "Namespaces and veth pairs that stand in for a rack")
        {
            name, up, down, status,
        };
    }

    private static int Up(CommandIo io, Lab lab, int queues)
    {
        if (queues is < 1 or > LabPlan.QueuesMax)
        {
            throw CommandFailure.Input($"--queues {queues}: must be 1 to {LabPlan.QueuesMax}");
        }

        bool isNew = lab.Up(queues);
        io.Out.WriteLine(isNew ? $"lab '{lab.Name}' is up" : $"lab '{lab.Name}' is up already");
        return ExitCode.Ok;
    }

    private static int Down(CommandIo io, Lab lab)
    {
        bool wasThere = lab.Down();
        io.Out.WriteLine(wasThere ? $"lab '{lab.Name}' is down" : $"lab '{lab.Name}' was not there");
        return ExitCode.Ok;
    }

    private static int Status(CommandIo io, Lab lab)
    {
        if (lab.IsAbsent)
        {
            io.Out.WriteLine($"lab '{lab.Name}' is down: 'lowlat lab up' raises it");
            return ExitCode.Gate;
        }

        IReadOnlyList<string> faults = lab.Faults(queues: null);
        io.Out.WriteLine(faults.Count == 0
            ? $"lab '{lab.Name}' is up"
            : $"lab '{lab.Name}' is broken: 'lowlat lab up' rebuilds it");
        foreach (string fault in faults)
        {
            io.Out.WriteLine($"  {fault}");
        }

        return faults.Count == 0 ? ExitCode.Ok : ExitCode.Gate;
    }

    private static Lab LabOf(ParseResult parsed, Option<string> name, string verb)
    {
        string value = parsed.GetValue(name)!;
        bool isFit = value.Length is > 0 and <= NameLengthMax && char.IsAsciiLetter(value[0])
            && value.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');
        if (!isFit)
        {
            throw CommandFailure.Input($"--name '{value}': must be letters, digits and '-', start with a "
                + $"letter, and have at most {NameLengthMax} characters");
        }

        CommandLine.RequireRoot($"lab {verb}");
        return new Lab(value);
    }
}
