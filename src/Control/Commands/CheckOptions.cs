using System.CommandLine;
using LowLatency.Control.Configuring;
using LowLatency.Control.Readiness;

namespace LowLatency.Control.Commands;

/// <summary>What <c>lowlat check</c> and its sub-verbs read and judge.</summary>
/// <param name="ConfigPath">Path of the configuration; null: none.</param>
/// <param name="FromPath">Path of a capture to judge instead of this host; null: this host.</param>
/// <param name="CapturePath">Where to keep the evidence; null: nowhere.</param>
/// <param name="Profile">Profile asked for; null: declared or guessed.</param>
/// <param name="WindowSeconds">Length of the window; 0: none.</param>
/// <param name="IsMaintenance">Reads that disturb are allowed.</param>
/// <param name="IsStrict">High severities refuse too.</param>
internal sealed record CheckRequest(string? ConfigPath, string? FromPath, string? CapturePath,
    HostProfile? Profile,
    double WindowSeconds, bool IsMaintenance, bool IsStrict);

/// <summary>Options that say what is read and judged.</summary>
internal sealed class CheckOptions
{
    private readonly Option<string?> _config = new("--config", "-c")
    {
        Description = "The configuration to judge against [default: only what the kernel has isolated]",
        HelpName = "FILE",
    };

    private readonly Option<string?> _profile = new("--profile")
    {
        Description = "bare-metal, sriov or lab [default: as configured, else guessed]",
        HelpName = "PROFILE",
    };

    private readonly Option<string?> _window = new("--window")
    {
        Description = "Watch counters this long, such as 10s, and judge what moved",
        HelpName = "TIME",
    };

    private readonly Option<bool> _maintenance = new("--maintenance")
    {
        Description = "Allow reads and trials that disturb lanes, ports or disks",
    };

    private readonly Option<bool> _strict = new("--strict")
    {
        Description = "High severities refuse go-live too, not only blockers",
    };

    private readonly Option<string?> _from = new("--from")
    {
        Description = "Judge evidence that --capture kept, not this host",
        HelpName = "FILE",
    };

    private readonly Option<string?> _capture = new("--capture")
    {
        Description = "Keep the evidence in this file, to be judged elsewhere or later",
        HelpName = "FILE",
    };

    /// <summary>Adds all.</summary>
    public void AddTo(Command command)
    {
        Option[] options = [_config, _profile, _window, _maintenance, _strict, _capture, _from];
        foreach (Option option in options)
        {
            command.Add(option);
        }
    }

    /// <summary>What was typed.</summary>
    /// <exception cref="CommandFailure">A value is wrong, or two do not go together: exit code 1.</exception>
    public CheckRequest Read(ParseResult parsed)
    {
        string? from = parsed.GetValue(_from);
        if (from is not null)
        {
            Refuse("--config", parsed.GetValue(_config) is not null,
                "the evidence brings its own configuration");
            Refuse("--window", parsed.GetValue(_window) is not null, "the evidence was collected already");
            Refuse("--maintenance", parsed.GetValue(_maintenance), "the evidence was collected already");
            Refuse("--capture", parsed.GetValue(_capture) is not null, "the evidence is in a file already");
        }

        return new CheckRequest(parsed.GetValue(_config), from, parsed.GetValue(_capture),
            ProfileOf(parsed.GetValue(_profile)), WindowOf(parsed.GetValue(_window)),
                parsed.GetValue(_maintenance),
            parsed.GetValue(_strict));
    }

    private static void Refuse(string option, bool isGiven, string why)
    {
        if (isGiven)
        {
            throw CommandFailure.Input($"{option} does not go with --from: {why}. Leave one of them out");
        }
    }

    private static HostProfile? ProfileOf(string? word) => word is null ? null : HostProfiles.Find(word)
        ?? throw CommandFailure.Input($"--profile {word}: must be one of "
            + $"{string.Join(", ", HostProfiles.All)}");

    private static double WindowOf(string? text) => text is null ? 0
        : Quantities.Duration(text) is >= 100_000_000 and <= 3_600_000_000_000 and long ns ? ns / 1e9
        : throw CommandFailure.Input($"--window {text}: must be a duration from 100ms to 60min with its "
            + $"unit, such as "
            + "10s");
}
