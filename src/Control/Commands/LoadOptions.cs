using System.CommandLine;
using LowLatency.Control.Planning;

namespace LowLatency.Control.Commands;

/// <summary>Options that stand in for keys of [load].</summary>
internal sealed class LoadOptions
{
    private readonly Option<string?> _rate =
        Text("--rate", "Frames a second, all paths: 10000, 100k, 1.5M", "PPS");
    private readonly Option<string?> _size = Text("--size", "Frame length without FCS", "BYTES");
    private readonly Option<string?> _imix =
        Text("--imix", "Frame lengths with weights: 60:7,590:4,1514:1", "LIST");
    private readonly Option<bool> _poisson = new("--poisson")
    {
        Description = "Random distances (exponential) instead of equal ones",
    };

    private readonly Option<int?> _flows = new("--flows")
    {
        Description = "Count of UDP flows",
        HelpName = "N",
    };
    private readonly Option<string?> _duration = Options.Duration("Measured time of the path through the forwarder");
    private readonly Option<string?> _warmup = Text("--warmup", "Time before measuring starts", "TIME");
    private readonly Option<string[]> _slo = new("--slo")
    {
        Description = "Objective, may be repeated: p99.99=50us, max=1ms, max_loss=0.001",
        HelpName = "NAME=LIMIT",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _noDirect = new("--no-direct")
    {
        Description = "Leave the path without the forwarder out",
    };

    /// <summary>Adds all.</summary>
    public void AddTo(Command command)
    {
        Option[] options = [_rate, _size, _imix, _poisson, _flows, _duration, _warmup, _slo, _noDirect];
        foreach (Option option in options)
        {
            command.Add(option);
        }
    }

    /// <summary>What was typed.</summary>
    public LoadOverrides Read(ParseResult parsed) => new()
    {
        Rate = parsed.GetValue(_rate),
        Size = parsed.GetValue(_size),
        Imix = parsed.GetValue(_imix),
        Schedule = parsed.GetValue(_poisson) ? "poisson" : null,
        Flows = parsed.GetValue(_flows),
        Duration = parsed.GetValue(_duration),
        Warmup = parsed.GetValue(_warmup),
        Slo = parsed.GetValue(_slo)!,
        NoDirect = parsed.GetValue(_noDirect),
    };

    private static Option<string?> Text(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };
}
