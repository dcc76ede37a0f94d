using LowLatency.Control.Planning.Stages;
using LowLatency.Native;
using static LowLatency.Control.Configuring.OptionType;

namespace LowLatency.Control.Configuring;

/// <summary>One key: its type, and its default as a value; null: none, or it depends on others.</summary>
internal sealed record OptionRow(
    string Key, OptionType Type, object? Default, string Help, bool IsRequired = false);

/// <summary>One table: its full name, its keys and the tables in it.</summary>
internal sealed record TableRow(string Path, bool IsArray, OptionRow[] Options, params TableRow[] Tables)
{
    /// <summary>Its name within the table above.</summary>
    public string Key => Path[(Path.LastIndexOf('.') + 1)..];

    /// <summary>As the file writes it: [load.slo], [[port]].</summary>
    public string Header => IsArray ? $"[[{Path}]]" : $"[{Path}]";
}

/// <summary>Every key of a configuration file. The reader, its messages and the list of keys walk this
/// table.</summary>
internal static class Schema
{
    private static readonly OptionType PortName = Name(15);
    private static readonly OptionType Policy = Word("fifo", "other");
    private static readonly OptionType Slots = PowerOfTwo(Limits.RingSlotsMin, Limits.RingSlotsMax, 2048);
    private static readonly OptionType Mac = Parsed(
        "a MAC address such as 02:00:00:00:00:01", "02:00:00:00:00:01",
        text => Quantities.Mac(text), 0UL);
    private static readonly OptionType MacOrOwn = Parsed(
        "\"own\" or a MAC address such as 02:00:00:00:00:01", "own",
        text => text == "own" ? OwnMac : Quantities.Mac(text), 0UL);
    private static readonly OptionType Ports = Loose(
        "a port or a range of ports such as \"4000-4999\"", "4000-4999",
        text => Quantities.Ports(text), new PortRange(1, 1));
    private static readonly OptionType Prefix = Parsed(
        "a prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\" with no bit set behind it", "10.0.0.0/8",
        Quantities.AddressPrefix, new Prefix(System.Net.IPAddress.Any, 0));
    private static readonly OptionType Address = Parsed(
        "an IPv4 or IPv6 address", "198.18.0.1", Quantities.Address, System.Net.IPAddress.Parse("0.0.0.0"));
    private static readonly OptionType Protocol = Loose(
        "\"udp\", \"tcp\", \"icmp\", \"icmpv6\" or a number from 0 to 255", "udp", ProtocolNumber, 17);

    /// <summary>Stands for "the interface's own MAC": no unicast address has all bits set.</summary>
    public const ulong OwnMac = ulong.MaxValue;

    private static readonly TableRow Objective = new("host.objective", false,
    [
        new("exit_latency", Duration("2us"), ObjectiveConfiguration.Default.ExitLatencyNs,
            "longest exit latency of an idle state of a lane's CPU"),
        new("gap", Duration("5us"), ObjectiveConfiguration.Default.GapNs,
            "longest gap of a lane's CPU that nothing explains"),
        new("clock_error", Duration("1ms"), ObjectiveConfiguration.Default.ClockErrorNs,
            "largest estimated error of the wall clock"),
        new("capture_free", Bytes("10GiB"), ObjectiveConfiguration.Default.CaptureFreeBytes,
            "least free space where captures go"),
    ]);

    private static readonly TableRow Waiver = new("host.waiver", true,
    [
        new("check", Text("the id of a check such as \"irq.affinity.effective-off\"",
            "irq.affinity.effective-off", IsCheckId), null, "the check that may fail", true),
        new("subject", Text("what the check is about, such as \"eth2\" or \"cpu 3\"", "cpu 3", IsSubject), "",
            "what of it; default: all"),
        new("owner", Text("a name", "net-team", IsSaid), null, "who answers for it", true),
        new("reason", Text("a reason", "replaced in May", IsSaid), null, "why", true),
        new("expires", Parsed("a quoted date such as \"2027-01-31\"", "2027-01-31",
            text => Quantities.Date(text), DateOnly.MinValue), null, "last day on which it counts", true),
    ]);

    private static readonly TableRow Expect = new("port.expect", false,
    [
        new("speed", Parsed("a speed such as \"25G\" or \"100M\"", "25G", text => Quantities.Speed(text), 1L),
            null, "negotiated speed"),
        new("fec", Word("off", "rs", "baser", "auto"), null, "forward error correction in use"),
        new("mtu", Integer(68, 65535, 1500), null, "MTU, bytes"),
        new("driver", Name(31), null, "the kernel's driver"),
        new("firmware", Names(1, 16, "[\"8.30\"]"), null, "how the versions of qualified firmware begin"),
        new("queues", Integer(1, 4096, 1), null, "rx queues in use"),
        new("rx_slots", Integer(1, 1 << 20, 2048), null, "slots of the driver's rx rings"),
        new("tx_slots", Integer(1, 1 << 20, 2048), null, "slots of the driver's tx rings"),
        new("rx_usecs", Integer(0, 100_000, 0), null, "rx interrupt coalescing, microseconds"),
        new("adaptive", Flag(), null, "adaptive coalescing"),
        new("pause", Flag(), null, "flow control"),
        new("iommu", Word("DMA", "DMA-FQ", "identity"), null, "type of the IOMMU group"),
        new("vf_vlan", Integer(0, 4094, 0), null, "VLAN of the VF, as the PF says; 0: none"),
        new("vf_trust", Flag(), null, "trust of the VF, as the PF says"),
        new("vf_spoofcheck", Flag(), null, "spoof check of the VF, as the PF says"),
    ]);

    private static readonly TableRow Disk = new("disk", true,
    [
        new("name", PortName, null, "the disk's name", true),
        new("path", Text("an absolute path of at most 200 characters", "/dev/nvme0n1", IsPath), null,
            "block device, or a directory of the file system that captures go to", true),
        new("mode", Word("auto", "interrupt", "iopoll", "sqpoll"), "auto",
            "auto: the first that the kernel grants"),
        new("cpu", Integer(0, Limits.CpusMax - 1, 1), null, "CPU that submits; default: a housekeeping CPU"),
        new("durable", Flag(), null, "what is written survives a loss of power without a flush"),
    ]);

    private static readonly TableRow Recorder = new("recorder", true,
    [
        new("name", PortName, null, "the recorder's name, for record stages and files", true),
        new("path", Text("an absolute path of at most 200 characters", "/captures", IsPath), null,
            "folder that captures go to: a drive of their own is best", true),
        new("cpu", Integer(0, Limits.CpusMax - 1, 1), null,
            "CPU of its own, which it never leaves idle; default: it sleeps on a housekeeping CPU"),
        new("file_size", Bytes("1GiB"), 1L << 30, "a file is closed before it is larger; so much is reserved "
            + "twice"),
        new("file_time", Duration("5min", 1_000_000_000), null, "a file is closed when it is so old; "
            + "default: by size alone"),
        new("sync", Duration("1s", 10_000_000), 1_000_000_000L, "what came is durable on the drive after so "
            + "long"),
        new("keep", Bytes("100GiB"), null, "the oldest files are removed while all of this run are larger; "
            + "default: never"),
        new("buffer", Bytes("64MiB"), 64L << 20, "memory of each lane that is recorded: what it bridges while "
            + "the drive stalls"),
        new("mode", Word("auto", "interrupt", "iopoll"), "auto", "how writes complete; auto: polled if the "
            + "drive can"),
        new("on_full", Word("drop-newest", "shed"), "drop-newest",
            "shed: with half of the buffer in use, frames are cut to their first 128 bytes; in both: without "
                + "room they are not recorded, and the file says how many"),
    ]);

    private static readonly TableRow Host = new("host", false,
    [
        new("housekeeping", Parsed("a list of CPUs such as \"0\", \"0,2-3\", \"4-N\" or \"all\"", "0",
            Quantities.Cpus, new CpuList(true, [])), null,
                "CPUs of every thread that is not a lane; default: all that are no lane's"),
        new("lock_memory", Flag(), true, "mlockall before the lanes start"),
        new("rt_throttling", Word("keep", "off"), "keep",
            "off: kernel.sched_rt_runtime_us = -1 while lowlat runs, restored after"),
        new("profile", Word("bare-metal", "sriov", "lab"), null,
            "what kind of host 'lowlat check' judges; default: guessed"),
        new("slice",
            Text("a path of a cgroup below the mount, such as \"lowlat.slice\"", "lowlat.slice", IsSlice), "",
            "cgroup that lowlatd enters; default: that of lowlat"),
    ],
        Objective, Waiver);

    private static readonly TableRow Port = new("port", true,
    [
        new("name", PortName, null, "the port's name in this file", true),
        new("interface", Text("an interface name of 1 to 15 characters", "eth1", IsInterfaceName), null,
            "the kernel's interface name", true),
        new("netns",
            Text("a name under /run/netns or an absolute path of at most 127 characters", "ll-dut", IsNetns),
            "", "network namespace; default: the one lowlat runs in"),
        new("queue", Integer(0, 4095, 0), 0L, "queue number"),
        new("mode", Word("auto", "zero-copy", "copy", "generic"), "auto",
            "auto: the first that the kernel grants"),
        new("claim", Word("ip", "route", "udp", "all", "none"), null,
            "which frames are ours; route: ip that a router forwards (to our MAC, TTL left, no group); all: "
                + "also those addressed to others (the port is promiscuous); default: ip"),
        new("claim_ports", Ports, null, "UDP destination ports of claim udp"),
        new("wakeup", Word("need-wakeup", "always", "busy-poll"), "need-wakeup",
            "when the kernel is asked to look"),
        new("busy_poll_us", Integer(1, 10_000, 20), 20L, "SO_BUSY_POLL, microseconds"),
        new("busy_poll_budget", Integer(1, 1024, 64), 64L, "SO_BUSY_POLL_BUDGET, packets"),
        new("timestamps", Word("none", "software"), "none", "software: the XDP program stamps each frame"),
        new("rx_ring", Slots, 2048L, "slots"),
        new("tx_ring", Slots, 2048L, "slots"),
        new("fill_ring", Slots, 4096L, "slots"),
        new("completion_ring", Slots, 2048L, "slots"),
        new("fill_level", Integer(1, Limits.RingSlotsMax, 2048), null,
            "frames kept posted; default: rx_ring"),
    ],
        Expect);

    private static readonly TableRow Rule = new("lane.stage.rule", true,
    [
        new("name", Name(31), null, "the rule's name, for counters", true),
        new("family", Either(4, 6), null, "IP version; default: both"),
        new("protocol", Protocol, null, "default: any"),
        new("source", Prefix, null, "default: any"),
        new("destination", Prefix, null, "default: any"),
        new("source_ports", Ports, null, "default: any"),
        new("destination_ports", Ports, null, "default: any"),
        new("port", PortName, null, "ingress port; default: any"),
        .. AclDesign.RuleOptions,
        new("action", Word("pass", "drop"), null, "what happens to a match", true),
    ]);

    private static readonly string[] StageWords =
        ["cross-connect", "filter", "mac-rewrite", "mac-swap", "reflect"];

    private static readonly TableRow Stage = new("lane.stage", true,
    [
        new("kind", Word([.. StageWords, .. StageDesigns.All.Select(design => design.Word)]), null,
            "what it does", true),
        new("ports", Names(2, 2, "[\"a\", \"b\"]"), null, "cross-connect: the two ends"),
        new("port", PortName, null, "mac-rewrite: egress port; default: any"),
        new("source", MacOrOwn, null, "mac-rewrite: new source MAC; \"own\": the port's"),
        new("destination", Mac, null, "mac-rewrite: new destination MAC"),
        new("default", Word("pass", "drop"), "pass", "filter, acl: what happens to frames that no rule "
            + "names"),
        .. StageDesigns.All.SelectMany(design => design.Options).DistinctBy(option => option.Key),
    ],
        [Rule, .. StageDesigns.All.SelectMany(design => design.Tables).DistinctBy(table => table.Path)]);

    private static readonly TableRow Lane = new("lane", true,
    [
        new("name", PortName, null, "the lane's name", true),
        new("cpu", Integer(0, Limits.CpusMax - 1, 1), null, "CPU of its thread", true),
        new("policy", Policy, "fifo", "scheduling policy"),
        new("priority", Integer(1, 99, 10), 10L, "of policy fifo"),
        new("nice", Integer(-20, 19, 0), 0L, "of policy other"),
        new("host", Word("pinned", "shared"), "pinned", "shared: several lanes in turn on one thread"),
        new("thread", PortName, null, "shared: lanes that name the same thread share it"),
        new("ports", Names(1, Limits.PortsPerLaneMax, "[\"a\", \"b\"]"), null, "its ports", true),
        new("frames", Integer(64, 1 << 20, 16384), null,
            "chunks of its UMEM; default: fill_level + tx_ring + rx_ring of each port, up to a power of two"),
        new("chunk", Either(Limits.ChunkBytesMin, Limits.ChunkBytesMax), 2048L, "bytes of a chunk"),
        new("headroom", Integer(0, 1024, 0), 0L, "extra bytes before each frame"),
        new("huge_pages", Word("auto", "never", "require"), "auto", "2 MiB pages under the UMEM"),
        new("numa_node", Integer(-1, 1023, 0), -1L, "node of the UMEM; -1: where the CPU is"),
        new("offload", Word("none", "auto", "kernel"), "none",
            "who forwards: the lane, or the XDP program where the stages are only cross-connect, MACs and "
                + "one "
                + "filter; auto: if it can"),
        new("burst", Integer(1, Limits.BurstMax, 64), (long)Limits.BurstMax, "frames handled together"),
        new("gap_threshold", Duration("20us", 1000), 20_000L, "longer gaps become events"),
        new("yield_every", Duration("1s"), null,
            "a pause starts at each multiple; default: 1s for fifo, else 0s, never"),
        new("yield_for", Duration("50us", 1000), 50_000L, "length of a pause"),
    ],
        Stage);

    private static readonly TableRow Promise = new("objective", false,
    [
        .. LoadSchema.SloNames.Select(name => new OptionRow(name, LoadSchema.SloLimit, null,
            "end-to-end latency limit")),
        new("loss", Fraction(), null, "limit of lost frames, a fraction of the sent ones"),
        new("rate", LoadSchema.Rate, null, "frames a second at which it holds; lowlat load sends so many"),
        new("duration", LoadSchema.RunTime, null, "measured time over which it holds"),
    ]);

    private static readonly OptionType Addresses = List<System.Net.IPAddress>(
        "an array of 1 to 64 IPv4 or IPv6 addresses", "[\"192.0.2.1\"]", 64,
        item => item.Data is string text ? Quantities.Address(text) : null);

    private static readonly OptionType Weights = List<long>("an array of 1 to 64 weights from 1 to 256",
        "[1, 2]", 64,
        item => item.Data is long and >= 1 and <= 256 ? item.Data : null);

    private static readonly TableRow Table = new("table", true,
    [
        new("name", PortName, null, "the table's name, for route stages", true),
    ],
        new TableRow("table.route", true,
        [
            new("prefix", Prefix, null, "destinations", true),
            new("via", Addresses, null, "next routers, each a [[table.neighbour]]; several share the "
                + "traffic"),
            new("weights", Weights, null, "their shares; default: equal"),
            new("port", PortName, null, "the destinations themselves are behind this port"),
            new("action", Word("forward", "blackhole", "unreachable"), "forward", "what happens"),
        ]),
        new TableRow("table.neighbour", true,
        [
            new("address", Address, null, "its address", true),
            new("port", PortName, null, "port that it is behind", true),
            new("mac", Mac, null, "its MAC", true),
        ]));

    /// <summary>The file.</summary>
    public static readonly TableRow Root = new("", false,
    [
        new("name", Text("1 to 24 of a-z, 0-9 and '-'", "lab", IsInstanceName), null,
            "one live data plane per name", true),
    ],
        Host, Port, Lane, Table, LoadSchema.Table, Promise, Disk, Recorder);

    private static bool IsInstanceName(string text) =>
        text.Length is > 0 and <= 24
            && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    private static bool IsNameChar(char c) =>
        char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-';

    private static bool IsInterfaceName(string text) =>
        text.Length is > 0 and <= 15 && text.All(c => c is > ' ' and < (char)127 and not '/' and not ':');

    private static bool IsNetns(string text) =>
        text.Length <= 100 && text.All(c => c is > ' ' and < (char)127)
        && (text.StartsWith('/') || (!text.Contains('/') && text is not "." and not ".."));

    private static bool IsSlice(string text) =>
        IsPath("/" + text) && !text.Contains("..", StringComparison.Ordinal);

    private static bool IsPath(string text) =>
        text.Length is > 1 and <= 200 && text[0] == '/' && text.All(c => c is > ' ' and < (char)127);

    private static bool IsCheckId(string text) =>
        text.Length <= 60 && text.Split('.') is { Length: 3 } parts
        && parts.All(part => part.Length > 0 && part.All(c => IsNameChar(c) && c is not '.'));

    private static bool IsSubject(string text) => text.Length is > 0 and <= 60 && !text.Any(char.IsControl);

    private static bool IsSaid(string text) =>
        text.Trim().Length is > 0 and <= 200 && !text.Any(char.IsControl);

    private static object? ProtocolNumber(string text) => text switch
    {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "icmpv6" => 58,
        _ => Quantities.Whole(text, 255),
    };
}
