using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Commands;

/// <summary>A configuration read, and planned against this host: what plan, run and load have in common.
/// Everything that is wrong is told at once.</summary>
internal sealed class PlannedConfiguration
{
    private readonly CommandIo _io;
    private readonly HostFacts _facts;
    private readonly List<string> _errors = [];
    private readonly HashSet<string> _told = [];

    private PlannedConfiguration(CommandIo io, string path, Configuration configuration)
    {
        _io = io;
        Path = path;
        Configuration = configuration;
        _facts = HostFacts.Read(configuration.NetnsPaths, configuration.Host.Slice);
    }

    /// <summary>Path of the file.</summary>
    public string Path { get; }

    /// <summary>What it says.</summary>
    public Configuration Configuration { get; }

    /// <summary>Folder of the cgroup that lowlatd has to enter; empty: that of this process.</summary>
    public string Cgroup => _facts.Cgroup is { IsOurs: false } cgroup ? cgroup.Path : "";

    /// <summary>Reads a file and the host.</summary>
    /// <exception cref="CommandFailure">The file is wrong: exit code 1, one line a fault.</exception>
    public static PlannedConfiguration Read(CommandIo io, string path)
    {
        ConfigurationResult read = ConfigurationReader.ReadFile(path);
        return read.Configuration is Configuration configuration
            ? new PlannedConfiguration(io, path, configuration)
            : throw CommandFailure.Input(string.Join('\n', read.Errors));
    }

    /// <summary>Plans the forward lanes.</summary>
    public PlanResult PlanForward() => Take(Planner.PlanForward(Configuration, _facts));

    /// <summary>Plans the lanes to capture only: frames end in their record stages.</summary>
    public PlanResult PlanCapture()
    {
        Findings findings = new();
        Configuration capture = Configuration.ToCapture(findings);
        return Take(findings.Errors.Count == 0 ? Planner.PlanForward(capture, _facts) : new PlanResult
        {
            Plan = null, Errors = findings.Errors, Warnings = [], Notes = [],
        });
    }

    /// <summary>Plans the sending of a capture.</summary>
    public PlanResult PlanReplay(ReplayRequest request) =>
        Take(Planner.PlanReplay(Configuration, _facts, request));

    /// <summary>Plans the load pair.</summary>
    public PlanResult PlanLoad(LoadOverrides overrides) =>
        Take(Planner.PlanLoad(Configuration, _facts, overrides));

    /// <summary>Ends the command when any planning found errors.</summary>
    /// <exception cref="CommandFailure">Exit code 1, one line a fault.</exception>
    public void ThrowOnErrors()
    {
        if (_errors.Count > 0)
        {
            throw CommandFailure.Input(string.Join('\n', _errors));
        }
    }

    // Both plannings check the same host: what they both find is told once.
    private PlanResult Take(PlanResult result)
    {
        foreach (ConfigurationError error in result.Errors)
        {
            if (_told.Add(error.ToString()))
            {
                _errors.Add(error.ToString());
            }
        }

        foreach (string line in result.Warnings.Select(warning => $"warning: {warning}")
            .Concat(result.Notes.Select(note => $"note: {note}")))
        {
            if (_told.Add(line))
            {
                _io.Say(line);
            }
        }

        return result;
    }
}
