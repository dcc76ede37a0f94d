using System.CommandLine;
using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;

namespace LowLatency.Control.Commands;

/// <summary>Options that stand in for keys of [load].</summary>
internal sealed class LoadOptions
{
    private const long IntervalNsMin = 1_000_000_000; // the lanes are read once a second

    private readonly Option<string?> _rate =
        Text("--rate", "Frames a second, all paths: 10000, 100k, 1.5M", "PPS");
    private readonly Option<string?> _size = Text("--size", "Frame length without FCS, or a range: 60, "
        + "60-1514", "BYTES");
    private readonly Option<string?> _imix =
        Text("--imix", "Frame lengths with weights: 60:7,590:4,1514:1", "LIST");
    private readonly Option<bool> _poisson = new("--poisson")
    {
        Description = "Random distances (exponential) instead of equal ones",
    };

    private readonly Option<string?> _schedule =
        Text("--schedule", "constant, poisson, burst, ramp, steps", "WORD");
    private readonly Option<string?> _burst =
        Text("--burst", "Bursts: frames of each, and the silence to the next: 32:250us", "N:GAP");
    private readonly Option<string?> _rampTo =
        Text("--ramp-to", "Rate at the end; --rate is that at the beginning", "PPS");
    private readonly Option<string?> _steps =
        Text("--steps", "Rates, one after the other: 100k:5s,200k:5s", "LIST");

    private readonly Option<int?> _flows = new("--flows")
    {
        Description = "Count of UDP flows",
        HelpName = "N",
    };

    private readonly Option<string?> _vlan = Text("--vlan", "Tags, outer first: 100, 200.100", "ID");
    private readonly Option<int?> _family = new("--family")
    {
        Description = "IP version, 4 or 6",
        HelpName = "N",
    };

    private readonly Option<string?> _source =
        Text("--source", "Source address, or a range: 198.18.0.1-198.18.0.254", "RANGE");
    private readonly Option<string?> _destination =
        Text("--destination", "Destination address, or a range", "RANGE");
    private readonly Option<string?> _pcap =
        Text("--pcap", "Sends the frames of a pcap or pcapng file in turn", "FILE");
    private readonly Option<string?> _pcapTiming =
        Text("--pcap-timing", "When: rate, original, scaled:N (N times as fast)", "WORD");
    private readonly Option<string?> _sourcePort = Text("--source-port", "Source ports: "
        + "10000-10999", "RANGE");
    private readonly Option<string?> _duration = Options.Duration("Measured time of the path through the "
        + "forwarder");
    private readonly Option<string?> _warmup = Text("--warmup", "Time before measuring starts", "TIME");
    private readonly Option<string[]> _slo = new("--slo")
    {
        Description = "Objective, may be repeated: p99.99=50us, max=1ms, max_loss=0.001",
        HelpName = "NAME=LIMIT",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _interval =
        Text("--interval", "Keep a histogram of each interval of a long run, 1s or more: intervals.hlog",
            "TIME");

    private readonly Option<bool> _noDirect = new("--no-direct")
    {
        Description = "Leave the path without the forwarder out",
    };

    /// <summary>Adds all.</summary>
    public void AddTo(Command command)
    {
        Option[] options =
        [
            _rate, _size, _imix, _schedule, _poisson, _burst, _rampTo, _steps, _flows, _vlan, _family,
                _source,
            _destination, _sourcePort, _pcap, _pcapTiming, _duration, _warmup, _slo,
            _interval, _noDirect,
        ];
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
        Schedule = parsed.GetValue(_schedule) ?? (parsed.GetValue(_poisson) ? "poisson" : null),
        Burst = parsed.GetValue(_burst),
        RampTo = parsed.GetValue(_rampTo),
        Steps = parsed.GetValue(_steps),
        Flows = parsed.GetValue(_flows),
        Pcap = parsed.GetValue(_pcap),
        PcapTiming = parsed.GetValue(_pcapTiming),
        Vlan = parsed.GetValue(_vlan),
        Family = parsed.GetValue(_family),
        Source = parsed.GetValue(_source),
        Destination = parsed.GetValue(_destination),
        SourcePort = parsed.GetValue(_sourcePort),
        Duration = parsed.GetValue(_duration),
        Warmup = parsed.GetValue(_warmup),
        Slo = parsed.GetValue(_slo)!,
        NoDirect = parsed.GetValue(_noDirect),
    };

    /// <summary>Length of the intervals that are kept, seconds; null: not asked for.</summary>
    /// <exception cref="CommandFailure">Wrong: exit code 1.</exception>
    public double? ReadInterval(ParseResult parsed) => parsed.GetValue(_interval) is not string text ? null
        : Quantities.Duration(text) is long ns and >= IntervalNsMin ? ns / 1e9
        : throw CommandFailure.Input($"--interval {text}: must be a duration of at least 1s with its unit. "
            + "Write --interval 10s, for example");

    private static Option<string?> Text(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };
}
