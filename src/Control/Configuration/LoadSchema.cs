using LowLatency.Native;
using static LowLatency.Control.Configuring.OptionType;

namespace LowLatency.Control.Configuring;

/// <summary>[load] of <see cref="Schema"/>, and its types, which options of the command line have too. It
/// needs nothing of <see cref="Schema"/>, which needs it.</summary>
internal static class LoadSchema
{
    private static readonly OptionType PortName = Name(15);
    private static readonly OptionType Mac = Parsed(
        "a MAC address such as 02:00:00:00:00:01", "02:00:00:00:00:01",
        text => Quantities.Mac(text), 0UL);
    private static readonly OptionType DestinationPorts = Loose(
        "a port or a range of ports such as \"4000-4007\"", "4000-4007", text => Quantities.LoadPorts(text),
        new PortRange(1, 1));

    /// <summary>Addresses of one end of the flows.</summary>
    public static readonly OptionType Addresses = Parsed(
        $"an address, or a range of at most {Limits.FlowsMax} such as \"198.18.0.1-198.18.0.254\"",
        "198.18.0.1-198.18.0.254", Quantities.Addresses, new AddressRange(System.Net.IPAddress.Any, 1));

    /// <summary>UDP source ports.</summary>
    public static readonly OptionType SourcePorts = Loose(
        "a port or a range of ports such as "
            + "\"10000-10999\"", "10000-10999", text => Quantities.LoadPorts(text),
        new PortRange(1, 1));

    /// <summary>VLAN tags.</summary>
    public static readonly OptionType Vlans = Loose(
        "a VLAN from 1 to 4094, or two, outer first, such as \"200.100\"", "200.100", Quantities.Vlans,
        Array.Empty<int>());

    /// <summary>When the frames of a capture are sent: how many times as fast; 0: by rate and
    /// schedule.</summary>
    public static readonly OptionType PcapTiming = Parsed(
        "\"rate\", \"original\" or \"scaled:N\", N times as fast, from 0.001 to 1000", "scaled:2",
        text => Quantities.Speedup(text), 0.0);

    /// <summary>A file.</summary>
    public static readonly OptionType FilePath = Text("the path of a file", "traffic.pcap",
        text => text.Length is > 0 and <= 4096 && !text.Any(char.IsControl));

    /// <summary>IP version.</summary>
    public static readonly OptionType Family = Either(4, 6);

    /// <summary>Frames a second.</summary>
    public static readonly OptionType Rate = Loose(
        "frames a second over 0 and at most 50M, such as \"100k\" or \"1.5M\"", "100k",
        text => Quantities.LoadRate(text), 1.0);

    /// <summary>Frame bytes.</summary>
    public static readonly OptionType FrameSize = Loose(
        $"a number of bytes from {Limits.FrameBytesMin} to 4096, or a range such as \"60-1514\"", "60-1514",
        text => Quantities.Size(text) is { FrameBytes: >= Limits.FrameBytesMin, FrameBytesMax: <= 4096 } size
            ? size : null, new SizeShare(Limits.FrameBytesMin, Limits.FrameBytesMin, 1));

    /// <summary>Frame sizes with weights.</summary>
    public static readonly OptionType Imix = Parsed(
        "up to 8 sizes with weights such as \"60:7,594:4,1514:1\"", "60:7,594:4,1514:1",
        Quantities.Imix, new List<SizeShare> { new(60, 60, 1) });

    /// <summary>Arrival process.</summary>
    public static readonly OptionType Arrivals = Word("constant", "poisson", "burst", "ramp", "steps");

    /// <summary>Frames of a burst and the gap behind it.</summary>
    public static readonly OptionType Burst = Parsed(
        $"2 to {Limits.BurstFramesMax} frames and the gap behind them such as \"32:250us\"", "32:250us",
        Quantities.Burst, new BurstShape(2, 1));

    /// <summary>Rates, one after the other.</summary>
    public static readonly OptionType Steps = Parsed(
        $"1 to {Limits.RatesMax} rates, each over 0 and at most 50M, and the time of each such as "
            + "\"100k:5s,200k:5s\"", "100k:5s,200k:5s",
        Quantities.Steps, new List<RateStep> { new(1, 1_000_000_000) });

    /// <summary>Measured time.</summary>
    public static readonly OptionType RunTime = Duration("10s", 1_000_000);

    /// <summary>Time before measuring.</summary>
    public static readonly OptionType Warmup = Duration("1s");

    /// <summary>Count of flows.</summary>
    public static readonly OptionType Flows = Integer(1, Limits.FlowsMax, 64);

    /// <summary>A limit of an objective.</summary>
    public static readonly OptionType SloLimit = Duration("50us", 1);

    /// <summary>The percentiles an objective can name.</summary>
    public static readonly string[] SloNames = ["p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "max"];

    private static readonly OptionRow[] PathOptions =
    [
        new("tx", PortName, null, "port that sends", true),
        new("rx", PortName, null, "port that receives", true),
        new("source_mac", Mac, null, "default: own MAC of the tx interface"),
        new("destination_mac", Mac, null, "default: MAC of destination_mac_of, else of the rx interface"),
        new("destination_mac_of", PortName, null, "port whose MAC the frames go to"),
    ];

    /// <summary>[load].</summary>
    public static readonly TableRow Table = new("load", false,
    [
        new("cpu", Integer(0, Limits.CpusMax - 1, 0), null, "CPU of both lanes, on one shared thread"),
        new("generator_cpu", Integer(0, Limits.CpusMax - 1, 2), null,
            "with receiver_cpu: a thread for each lane"),
        new("receiver_cpu", Integer(0, Limits.CpusMax - 1, 3), null, "with generator_cpu"),
        new("policy", Word("fifo", "other"), "fifo", "scheduling policy"),
        new("priority", Integer(1, 99, 10), 10L, "of policy fifo"),
        new("nice", Integer(-20, 19, 0), 0L, "of policy other"),
        new("rate", Rate, null, "frames a second over wall time; schedule ramp: the first; steps: none"),
        new("schedule", Arrivals, "constant", "arrival process"),
        new("burst", Burst, null, "schedule burst: frames of a burst, and the silence to the next"),
        new("ramp_to", Rate, null, "schedule ramp: the rate at the end of duration"),
        new("steps", Steps, null, "schedule steps: rates, and how long each is measured"),
        new("size", FrameSize, null, "frame bytes without FCS, tags in them; default: the least that carry "
            + "the "
            + "generator's mark: 60, family 6: 80, and 4 for each tag"),
        new("imix", Imix, null, "frame sizes, or ranges of them, with weights, in place of size"),
        new("flows", Flows, 64L, "flows, in turn: combinations of source ports, source and destination "
            + "addresses, "
            + "destination ports"),
        new("seed", Integer(0, long.MaxValue, 1), 1L, "of poisson and imix"),
        new("duration", RunTime, 10_000_000_000L, "measured time; schedule steps: their sum"),
        new("warmup", Warmup, 1_000_000_000L, "before it"),
        new("family", Family, 4L, "IP version"),
        new("source", Addresses, null, "default: 198.18.0.1 or 2001:2::1"),
        new("destination", Addresses, null, "default: 198.19.0.1 or 2001:2:0:1::1"),
        new("source_port", SourcePorts, new PortRange(10000, 10000),
            "UDP source ports; one stands for as many as the flows need, from there on"),
        new("destination_port", DestinationPorts, new PortRange(4000, 4000), "UDP destination ports"),
        new("vlan", Vlans, null, "tags of every frame: one 802.1Q, or 802.1ad around it; default: none"),
        new("pcap", FilePath, null, "pcap or pcapng file whose frames are sent in turn, with the "
            + "generator's mark "
            + "behind each, in place of size, imix, flows, addresses, ports and vlan; from the folder of "
            + "this "
            + "file"),
        new("pcap_timing", PcapTiming, null, "when: by rate and schedule, or as captured; default: rate"),
        new("quiet_every", Duration("20ms"), 0L, "a quiet window starts at each multiple; 0s: never"),
        new("quiet_for", Duration("1ms"), 0L, "its length"),
        new("quiet_guard", Duration("200us"), 0L, "nothing is sent for so long before it"),
        new("direct_share", Between(0, 1, "0.2"), 0.2, "share of active time of the direct path"),
        new("slice", Duration("100ms", 1_000_000), 100_000_000L, "one cycle over both paths"),
    ],
        new TableRow("load.through", false, PathOptions),
        new TableRow("load.direct", false, PathOptions),
        new TableRow("load.slo", false,
        [
            .. SloNames.Select(name => new OptionRow(name, SloLimit, null, "end-to-end latency limit")),
            new("max_loss", Fraction(), null, "fraction of the sent frames"),
        ]));
}
