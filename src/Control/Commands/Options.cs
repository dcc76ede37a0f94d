using System.CommandLine;

namespace LowLatency.Control.Commands;

/// <summary>Options that several verbs have, so that they are spelled and explained alike.</summary>
internal static class Options
{
    /// <summary>-c, --config FILE.</summary>
    public static Option<string> Config() => new("--config", "-c")
    {
        Description = "The configuration (TOML)",
        HelpName = "FILE",
        Required = true,
    };

    /// <summary>--json.</summary>
    public static Option<bool> Json() =>
        new("--json") { Description = "Write JSON, and nothing else, to the output" };

    /// <summary>--name NAME.</summary>
    public static Option<string?> Name(string description) => new("--name")
    {
        Description = description,
        HelpName = "NAME",
    };

    /// <summary>--out DIR.</summary>
    public static Option<string> Out() => new("--out")
    {
        Description = "Where run folders are made",
        HelpName = "DIR",
        DefaultValueFactory = _ => "runs",
    };

    /// <summary>--duration D.</summary>
    public static Option<string?> Duration(string description) => new("--duration")
    {
        Description = description,
        HelpName = "TIME",
    };
}
