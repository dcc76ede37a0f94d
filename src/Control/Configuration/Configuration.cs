using System.Net;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuring;

/// <summary>A configuration as its author thinks of it: checked in itself, not yet against a host.
/// Immutable.</summary>
internal sealed record Configuration
{
    /// <summary>File name, for messages.</summary>
    public required string FileName { get; init; }

    /// <summary>The text it was read from.</summary>
    public required string Text { get; init; }

    /// <summary>Name of the instance; its load runs as <c>name-load</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What the whole host is set to.</summary>
    public required HostConfiguration Host { get; init; }

    /// <summary>All ports.</summary>
    public required IReadOnlyList<PortConfiguration> Ports { get; init; }

    /// <summary>The forward lanes; may be empty.</summary>
    public required IReadOnlyList<LaneConfiguration> Lanes { get; init; }

    /// <summary>The load; null: none.</summary>
    public required LoadConfiguration? Load { get; init; }

    /// <summary>What the data plane is to hold; null: nothing is promised.</summary>
    public PromiseConfiguration? Promise { get; init; }

    /// <summary>Tables of routes; may be empty.</summary>
    public IReadOnlyList<TableConfiguration> Tables { get; init; } = [];

    /// <summary>Disks; may be empty.</summary>
    public IReadOnlyList<DiskConfiguration> Disks { get; init; } = [];

    /// <summary>Recorders; may be empty.</summary>
    public IReadOnlyList<RecorderConfiguration> Recorders { get; init; } = [];

    /// <summary>Frames end in record stages: nothing is forwarded (<c>lowlat record</c>).</summary>
    public bool CapturesOnly { get; init; }

    /// <summary>The same, to capture only: each lane up to its record stage, where frames end; a port that
    /// does not say what it claims takes everything. What stops it is told.</summary>
    public Configuration ToCapture(Findings findings)
    {
        foreach (LaneConfiguration lane in Lanes.Where(lane => !lane.Stages.Any(IsRecord)))
        {
            findings.Error(lane.Section.At("name"), "has no record stage: nothing of it would be captured",
                "Add [[lane.stage]] kind = \"record\", or leave the lane out.");
        }

        return this with
        {
            CapturesOnly = true,
            Ports = [.. Ports.Select(port => port.Section.Has("claim") ? port : port with { Claim = Claim.All })],
            Lanes =
            [
                .. Lanes.Select(lane => lane with
                {
                    Stages = [.. lane.Stages.TakeWhile(stage => !IsRecord(stage)),
                        .. lane.Stages.Where(IsRecord).Take(1)],
                }),
            ],
        };
    }

    private static bool IsRecord(StageConfiguration stage) => stage.Kind == StageKind.Record;

    /// <summary>Each network namespace of a port once, as a path; empty text is the present one.</summary>
    public IReadOnlyList<string> NetnsPaths =>
        [.. Ports.Select(port => port.Netns).Distinct(StringComparer.Ordinal)];

    /// <summary>Finds a port; null when there is none of this name.</summary>
    public PortConfiguration? FindPort(string name) => Ports.FirstOrDefault(port => port.Name == name);

    /// <summary>Things that are not wrong but unlikely to be meant.</summary>
    public IReadOnlyList<ConfigurationError> Warnings { get; init; } = [];
}

/// <summary>[[port]].</summary>
internal sealed record PortConfiguration
{
    /// <summary>The places.</summary>
    public required Section Section { get; init; }

    /// <summary>Name.</summary>
    public string Name => Section.Get<string>("name");

    /// <summary>The kernel's name of the interface.</summary>
    public string Interface => Section.Get<string>("interface");

    /// <summary>Path of the network namespace; empty: the present one.</summary>
    public string Netns => Section.Get<string>("netns") switch
    {
        "" => "",
        ['/', ..] path => path,
        string name => "/run/netns/" + name,
    };

    /// <summary>Queue number.</summary>
    public int Queue => Section.Int("queue");

    /// <summary>Requested mode.</summary>
    public BindMode Mode => Section.Get<string>("mode") switch
    {
        "zero-copy" => BindMode.ZeroCopy,
        "copy" => BindMode.Copy,
        "generic" => BindMode.Generic,
        _ => BindMode.Auto,
    };

    /// <summary>Wake-up policy.</summary>
    public WakePolicy Wake => Section.Get<string>("wakeup") switch
    {
        "always" => WakePolicy.Always,
        "busy-poll" => WakePolicy.BusyPoll,
        _ => WakePolicy.NeedWakeup,
    };

    /// <summary>Receive time source.</summary>
    public StampSource Stamps =>
        Section.Get<string>("timestamps") == "software" ? StampSource.Software : StampSource.None;

    /// <summary>What it must look like.</summary>
    public PortExpectation Expect => new(Section.Table("expect"));

    /// <summary>What is claimed, after the defaults of the port's role.</summary>
    public required Claim Claim { get; init; }

    /// <summary>UDP destination ports of <see cref="Claim.Udp"/>.</summary>
    public required PortRange ClaimPorts { get; init; }

    /// <summary>Frames the lane keeps posted.</summary>
    public int FillLevel => (int)Section.GetOr("fill_level", Section.Get<long>("rx_ring"));

    /// <summary>Frames this port adds to the default size of a UMEM.</summary>
    public int FramesWanted => FillLevel + Section.Int("tx_ring") + Section.Int("rx_ring");
}

/// <summary>Policy and priority of a lane's thread.</summary>
/// <param name="Policy">FIFO or OTHER.</param>
/// <param name="Priority">1..99 for FIFO, nice -20..19 for OTHER.</param>
internal readonly record struct ThreadPolicy(LanePolicy Policy, int Priority)
{
    /// <summary>From the keys policy, priority and nice.</summary>
    public static ThreadPolicy From(Section section) => section.Get<string>("policy") == "fifo"
        ? new ThreadPolicy(LanePolicy.Fifo, section.Int("priority"))
        : new ThreadPolicy(LanePolicy.Other, section.Int("nice"));
}

/// <summary>[[lane]].</summary>
internal sealed record LaneConfiguration
{
    private const long FifoYieldEveryNs = 1_000_000_000;

    /// <summary>The places.</summary>
    public required Section Section { get; init; }

    /// <summary>Its stages.</summary>
    public required IReadOnlyList<StageConfiguration> Stages { get; init; }

    /// <summary>Name.</summary>
    public string Name => Section.Get<string>("name");

    /// <summary>CPU.</summary>
    public int Cpu => Section.Int("cpu");

    /// <summary>Policy and priority.</summary>
    public ThreadPolicy Thread => ThreadPolicy.From(Section);

    /// <summary>Name of the shared thread; null: pinned.</summary>
    public string? SharedThread =>
        Section.Get<string>("host") == "shared" ? Section.GetOr("thread", "") : null;

    /// <summary>Names of its ports, in the order of its own port numbers.</summary>
    public IReadOnlyList<string> Ports => Section.Get<string[]>("ports");

    /// <summary>Huge pages.</summary>
    public HugePages HugePages => Section.Get<string>("huge_pages") switch
    {
        "never" => HugePages.Never,
        "require" => HugePages.Require,
        _ => HugePages.Auto,
    };

    /// <summary>Whether the XDP program may decide in its place.</summary>
    public Offload Offload => Section.Get<string>("offload") switch
    {
        "auto" => Offload.Auto,
        "kernel" => Offload.Kernel,
        _ => Offload.None,
    };

    /// <summary>Period of the planned pauses, ns; 0: never.</summary>
    public long YieldEveryNs =>
        Section.GetOr("yield_every", Thread.Policy == LanePolicy.Fifo ? FifoYieldEveryNs : 0L);

    /// <summary>Length of a planned pause, ns; 0 where there are none.</summary>
    public long YieldForNs => YieldEveryNs == 0 ? 0 : Section.Get<long>("yield_for");
}

/// <summary>[[lane.stage]].</summary>
internal sealed record StageConfiguration(
    StageKind Kind, IReadOnlyList<RuleConfiguration> Rules, Section Section);

/// <summary>[[lane.stage.rule]].</summary>
internal sealed record RuleConfiguration(Section Section)
{
    /// <summary>Name.</summary>
    public string Name => Section.Get<string>("name");

    /// <summary>4, 6, or 0: both; a prefix or an ICMP decides it where the file does not.</summary>
    public int Family => (int)Section.GetOr("family", (long)(Source?.Family ?? Destination?.Family ?? 0));

    /// <summary>Source prefix; null: any.</summary>
    public Prefix? Source => Section.GetOr<Prefix?>("source", null);

    /// <summary>Destination prefix; null: any.</summary>
    public Prefix? Destination => Section.GetOr<Prefix?>("destination", null);
}

/// <summary>One path of the load.</summary>
internal sealed record PathConfiguration(string Name, Section Section)
{
    /// <summary>Port that sends.</summary>
    public string Tx => Section.Get<string>("tx");

    /// <summary>Port that receives.</summary>
    public string Rx => Section.Get<string>("rx");
}

/// <summary>One objective: a latency limit of a percentile (or max), or the loss fraction.</summary>
/// <param name="Name">p50 ... p99.999, max, or max_loss.</param>
/// <param name="LimitNs">Limit of the latency, ns; 0 for max_loss.</param>
/// <param name="LossMax">Limit of the loss, a fraction; 0 for the others.</param>
/// <param name="Place">Where it was asked for.</param>
internal sealed record SloLimit(string Name, long LimitNs, double LossMax, Place Place)
{
    /// <summary>Name of the loss objective.</summary>
    public const string LossName = "max_loss";
}

/// <summary>[load].</summary>
internal sealed record LoadConfiguration
{
    /// <summary>The places.</summary>
    public required Section Section { get; init; }

    /// <summary>The path through the device under test; null only while errors are collected.</summary>
    public required PathConfiguration? Through { get; init; }

    /// <summary>The path without it; null: none.</summary>
    public required PathConfiguration? Direct { get; init; }

    /// <summary>Objectives.</summary>
    public required IReadOnlyList<SloLimit> Slo { get; init; }

    /// <summary>The paths there are.</summary>
    public IEnumerable<PathConfiguration> Paths => new[] { Through, Direct }.OfType<PathConfiguration>();

    /// <summary>Both lanes take turns on one thread.</summary>
    public bool IsShared => Section.Has("cpu");

    /// <summary>CPU of the generator.</summary>
    public int GeneratorCpu => (int)Section.GetOr("generator_cpu", Section.GetOr("cpu", 0L));

    /// <summary>CPU of the receiver.</summary>
    public int ReceiverCpu => (int)Section.GetOr("receiver_cpu", Section.GetOr("cpu", 0L));

    /// <summary>Policy and priority of the threads.</summary>
    public ThreadPolicy Thread => ThreadPolicy.From(Section);

    /// <summary>Time of the direct path in one cycle over both paths, ns.</summary>
    public long DirectSliceNs =>
        (long)Math.Round(Section.Get<long>("slice") * Section.Get<double>("direct_share"));

    /// <summary>There are quiet windows.</summary>
    public bool HasQuiet => Section.Get<long>("quiet_every") > 0;
}
