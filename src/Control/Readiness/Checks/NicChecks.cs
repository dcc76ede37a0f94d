using System.Buffers.Binary;
using System.Globalization;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>Ports: link, driver, AF_XDP, queues, rings.</summary>
internal static class NicChecks
{
    private const string Link = "netlink:route.link {port.link}";
    private const string Modes = "netlink:ethtool.linkmodes {port.link}";
    private const string Fec = "netlink:ethtool.fec {port.link}";
    private const string Device = "netlink:netdev.dev {port.link}";
    private const string Channels = "netlink:ethtool.channels {port.link}";
    private const string Rss = "netlink:ethtool.rss {port.link}";
    private const string Rings = "netlink:ethtool.rings {port.link}";
    private const string Driver = "driver:{port.link}";
    private const string Region = "region:{app.name}";
    private const string Bind = "probe:bind {port.link} {port.queue} zero-copy";
    private const ulong ZeroCopyBit = 8;    // NETDEV_XDP_ACT_XSK_ZEROCOPY (linux/netdev.h)
    private const ulong ScatterBit = 32;    // NETDEV_XDP_ACT_RX_SG
    private const int SinglePageMtu = 3498; // what most drivers fit beside XDP's headroom in one page

    // ETHTOOL_LINK_MODE_FEC_*_BIT (linux/ethtool.h).
    private static readonly Dictionary<ulong, string> FecNames =
        new() { [49] = "off", [50] = "rs", [51] = "baser", [74] = "llrs" };

    /// <summary>The group's first part.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [LinkAsDeclared, DriverAsDeclared, Advertised, Effective, QueueCount, Deterministic, RingSize];

    private static Check LinkAsDeclared => new()
    {
        Id = "nic.link.as-declared",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "B/B/M",
        Reads = [new Read(Link, Intrusion.I1, ReadTraits.Window), new Read(Modes, Intrusion.I1),
            new Read(Fec, Intrusion.I1)],
        Expects = "each port's interface is there, has a carrier that does not flap, and has the declared "
            + "speed, FEC and MTU",
        Why = "the wrong FEC adds latency or loses frames; the MTU decides whether native XDP is possible "
            + "at all",
        Source = "linux/ethtool_netlink.h (LINKMODES_GET, FEC_GET); linux/if_link.h",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "ethtool -s, --set-fec, ip link set mtu; 'lowlat "
            + "ports' shows what "
            + "interfaces there are", Hazard: "the link goes down for a moment"),
        Judge = static facts => facts.Topology.Ports.Count == 0
            ? [Finding.NotApplicable("no port is declared")]
            : Facts.Each(facts.Topology.Ports, Subject.Of, port => port.Absence is string absence
                ? [Finding.Fail($"{absence}; 'lowlat ports' shows those there are")] : LinkOf(facts, port)),
    };

    private static Check DriverAsDeclared => new()
    {
        Id = "nic.driver.bound-as-declared",
        Kind = CheckKind.Static,
        Severities = "B/B/I",
        Reads = [new Read(Driver, Intrusion.I1)],
        Expects = "each port is held by the kernel driver, and the firmware, that is declared",
        Why = "the driver decides which path is possible; another firmware is another device",
        Source = "ethtool(8) -i; DPDK usertools/dpdk-devbind.py shows the driver and records none",
        Remedy = new Remedy(RollbackClass.Runtime, "bind the declared driver with driver_override",
            Hazard: "the interface goes away meanwhile: never the one you came by"),
        Judge = static facts => facts.EachPort(port =>
        {
            string source = $"driver:{port.Space}{port.Interface}";
            if (facts.TextOrMissing(source) is null)
            {
                return [Finding.Unsupported("its driver does not name itself")];
            }

            string driver = facts.Value(source, "driver");
            string firmware = facts.ValueOrMissing(source, "firmware") ?? "";
            return [port.Declared.Expect.Driver is string wanted && wanted != driver
                    ? Finding.Fail($"its driver is {driver}, declared is {wanted}")
                : driver == "vfio-pci" ? Finding.Fail("it is bound to vfio-pci: AF_XDP needs the kernel's "
                    + "driver")
                : port.Declared.Expect.Firmware is { } known && !known.Any(prefix =>
                    firmware.StartsWith(prefix, StringComparison.Ordinal))
                    ? Finding.Warn($"firmware {Facts.Short(firmware)} is not among those qualified")
                : Finding.Pass(firmware.Length == 0 ? driver
                    : $"{driver}, firmware {Facts.Short(firmware)}")];
        }),
    };

    private static Check Advertised => new()
    {
        Id = "nic.xdp.zerocopy-advertised",
        Kind = CheckKind.Static,
        Severities = "H/H/I",
        Reads = [new Read(Device, Intrusion.I1), new Read(Link, Intrusion.I1, ReadTraits.Window)],
        Expects = "the driver offers AF_XDP without copying, and frames over several buffers where the MTU "
            + "needs them",
        Why = "without it every frame is copied, at a quarter of the rate",
        Source = "linux/netdev.h (xdp-features)",
        Remedy = new Remedy(RollbackClass.Boot, "a driver or kernel that has it; else declare mode = "
            + "\"copy\""),
        Judge = static facts => facts.EachPort(port =>
        {
            if (port.Declared.Mode is BindMode.Copy or BindMode.Generic)
            {
                return [Finding.NotApplicable("the port is declared to copy")];
            }

            if (facts.Answer(port, "netdev.dev") is not NetlinkTree answer)
            {
                return [Finding.Unsupported("this kernel does not say what drivers offer (before 6.3)")];
            }

            ulong features = answer.Number(NetdevAttribute.DeviceXdpFeatures)
                ?? throw new NotReadException($"{port.Netlink("netdev.dev")}: it names no features");
            ulong mtu = Needed(facts, port, "route.link").Number(LinkAttribute.Mtu) ?? 0;
            bool isZeroCopy = (features & ZeroCopyBit) != 0;
            return [!isZeroCopy && port.Declared.Mode == BindMode.ZeroCopy
                ? Finding.Fail("the driver only copies")
                : !isZeroCopy ? Finding.Warn("the driver only copies; mode = \"auto\" falls back to that")
                : mtu > SinglePageMtu && (features & ScatterBit) == 0
                    ? Finding.Fail($"MTU {mtu} needs frames over several buffers, which the driver does "
                        + $"not offer")
                : Finding.Pass("zero-copy")];
        }),
    };

    private static Check Effective => new()
    {
        Id = "nic.xdp.zerocopy-effective",
        Kind = CheckKind.Probe | CheckKind.Behaviour,
        Severities = "H/H/I",
        Reads = [new Read(Region, Traits: ReadTraits.Window), new Read(Bind, Intrusion.I4)],
        Expects = "sockets on each port's queue are bound without copying",
        Why = "a bind that does not insist falls back to copying in silence",
        Source = "linux/if_xdp.h (XDP_ZEROCOPY, XDP_OPTIONS)",
        Remedy = new Remedy(RollbackClass.Restart, "declare mode = \"zero-copy\": lowlatd then refuses to "
            + "start otherwise",
            Hazard: "binding restarts the queue, on some drivers the link"),
        Judge = static facts => facts.EachPort(port => BoundAs(facts, port)),
    };

    private static Check QueueCount => new()
    {
        Id = "nic.queues.count",
        Kind = CheckKind.Static,
        Severities = "B/B/M",
        Reads = [new Read(Channels, Intrusion.I1)],
        Expects = "each interface has as many rx queues as are polled, or as [port.expect] queues says",
        Why = "the card spreads flows over all its queues: what lands on one that nobody polls never "
            + "reaches a lane",
        Source = "linux/ethtool_netlink.h (CHANNELS_GET); xdp-project/xdp-tutorial advanced03-AF_XDP",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "ethtool -L, or a port for each queue",
            Hazard: "the link goes down, and many drivers reset RSS and rules"),
        Judge = static facts => facts.EachPort(port =>
        {
            if (facts.Answer(port, "ethtool.channels") is not NetlinkTree answer)
            {
                return [Finding.Unsupported("its driver does not count queues")];
            }

            ulong rx = (answer.Number(EthtoolAttribute.ChannelsRx) ?? 0)
                + (answer.Number(EthtoolAttribute.ChannelsCombined) ?? 0);
            ulong most = (answer.Number(EthtoolAttribute.ChannelsCombinedMax) ?? 0)
                + (answer.Number(EthtoolAttribute.ChannelsRxMax) ?? 0);
            int polled = facts.Topology.Ports.Count(other => other.Interface == port.Interface
                && other.Netns == port.Netns);
            ulong wanted = (ulong)(port.Declared.Expect.Queues ?? polled);
            string kind = (answer.Number(EthtoolAttribute.ChannelsCombined) ?? 0) > 0 ? "combined" : "rx";
            return [rx == 0 ? throw new NotReadException($"{port.Netlink("ethtool.channels")}: it counts "
                + $"no queue")
                : rx == wanted ? Finding.Pass(string.Create(CultureInfo.InvariantCulture,
                    $"{rx} of at most {most}"))
                : Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                    $"has {rx} rx queues, {polled} of them polled, ")
                    + (port.Declared.Expect.Queues is null ? "so that the others reach no lane"
                        : $"declared are {wanted}"), null,
                    Prefix(port) + string.Create(CultureInfo.InvariantCulture,
                        $"ethtool -L {port.Interface} {kind} {wanted}"))];
        }),
    };

    private static Check Deterministic => new()
    {
        Id = "nic.steering.deterministic",
        Kind = CheckKind.Static,
        Severities = "H/H/-",
        Reads = [new Read(Rss, Intrusion.I1), new Read(Channels, Intrusion.I1)],
        Expects = "the card's table of flows names polled queues only",
        Why = "one flow that hashes to another queue misses its lane; changing the count of queues resets "
            + "the table",
        Source = "linux/ethtool_netlink.h (RSS_GET)",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "ethtool -X to spread over the polled queues, -N "
            + "for single flows"),
        Judge = static facts => facts.EachPort(port => Steering(facts, port)),
    };

    private static Check RingSize => new()
    {
        Id = "nic.ring.size",
        Kind = CheckKind.Static,
        Severities = "M/M/-",
        Reads = [new Read(Rings, Intrusion.I1)],
        Expects = "the driver's rings have the declared sizes",
        Why = "a small ring drops while a lane stalls, a large one fills the cache and queues",
        Source = "linux/ethtool_netlink.h (RINGS_GET)",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "ethtool -G", Hazard: "many drivers reset the link"),
        Judge = static facts => facts.EachPort(port =>
        {
            if (facts.Answer(port, "ethtool.rings") is not NetlinkTree answer)
            {
                return [Finding.Unsupported("its driver shows no rings")];
            }

            ulong rx = answer.Number(EthtoolAttribute.RingsRx) ?? throw new NotReadException("the answer "
                + "has no rx ring");
            ulong tx = answer.Number(EthtoolAttribute.RingsTx) ?? 0;
            string told = string.Create(CultureInfo.InvariantCulture, $"rx {rx}, tx {tx} slots");
            (int? wantedRx, int? wantedTx) = (port.Declared.Expect.RxSlots, port.Declared.Expect.TxSlots);
            return [wantedRx is null && wantedTx is null
                ? Finding.NotApplicable($"nothing is declared of it ({told})")
                : (wantedRx is null || (ulong)wantedRx == rx) && (wantedTx is null || (ulong)wantedTx == tx)
                    ? Finding.Pass(told)
                : Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                    $"{told}; declared are rx {wantedRx ?? (int)rx}, tx {wantedTx ?? (int)tx}"), null,
                    Prefix(port) + string.Create(CultureInfo.InvariantCulture,
                        $"ethtool -G {port.Interface} rx {wantedRx ?? (int)rx} tx {wantedTx ?? (int)tx}"))];
        }),
    };

    /// <summary>The attributes of an answer that every interface gives.</summary>
    internal static NetlinkTree Needed(Facts facts, TopologyPort port, string request,
        Moment moment = Moment.Start) =>
        facts.Answer(port, request, moment) ?? throw new NotReadException($"{port.Netlink(request)}: "
            + facts.Get(port.Netlink(request), moment).Problem);

    /// <summary>What goes before a command that is about an interface of another namespace.</summary>
    internal static string Prefix(TopologyPort port) => port.Netns.Length == 0 ? ""
        : $"ip netns exec {port.Space.Trim('[', ']')} ";

    private static IEnumerable<Finding> LinkOf(Facts facts, TopologyPort port)
    {
        NetlinkTree link = Needed(facts, port, "route.link");
        ulong mtu = link.Number(LinkAttribute.Mtu) ?? throw new NotReadException("the answer names no MTU");
        bool hasCarrier = link.Number(LinkAttribute.Carrier) == 1;
        ulong? speed = facts.Answer(port, "ethtool.linkmodes")?.Number(EthtoolAttribute.LinkModesSpeed);
        speed = speed is 0 or uint.MaxValue ? null : speed;
        ulong? active = facts.Answer(port, "ethtool.fec")?.Number(EthtoolAttribute.FecActive);
        string? fec = active is ulong mode ? FecNames.GetValueOrDefault(mode, "unknown") : null;
        Configuring.PortExpectation expect = port.Declared.Expect;
        List<string> wrong = [];
        if (!hasCarrier)
        {
            wrong.Add("it has no carrier");
        }

        if (expect.SpeedMbit is long wantedSpeed && (speed is null || speed != (ulong)wantedSpeed))
        {
            wrong.Add(string.Create(CultureInfo.InvariantCulture,
                $"{(speed is null ? "its speed is unknown" : $"{speed} Mbit/s")}, declared are "
                    + $"{wantedSpeed}"));
        }

        if (expect.Fec is string wantedFec && wantedFec != "auto" && wantedFec != (fec ?? "off"))
        {
            wrong.Add($"FEC is {fec ?? "not shown"}, declared is {wantedFec}");
        }

        if (expect.MtuBytes is int wantedMtu && (ulong)wantedMtu != mtu)
        {
            wrong.Add(string.Create(CultureInfo.InvariantCulture, $"MTU {mtu}, declared is {wantedMtu}"));
        }

        yield return wrong.Count > 0 ? Finding.Fail(string.Join("; ", wrong)) : Finding.Pass(string.Create(
            CultureInfo.InvariantCulture,
                $"up, MTU {mtu}{(speed is null ? "" : $", {speed} Mbit/s")}{(fec is null ? "" : $", FEC {fec}")}"));
        if (facts.WindowSeconds > 0)
        {
            ulong? before = link.Number(LinkAttribute.CarrierChanges);
            ulong? after = Needed(facts, port, "route.link", Moment.End).Number(LinkAttribute.CarrierChanges);
            if (before != after)
            {
                yield return Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                    $"its carrier changed {after - before} times in the window"));
            }
        }
    }

    private static IEnumerable<Finding> BoundAs(Facts facts, TopologyPort port)
    {
        if (port.Declared.Mode is BindMode.Copy or BindMode.Generic)
        {
            return [Finding.NotApplicable("the port is declared to copy")];
        }

        bool isRunning = facts.Topology.IsRunning;
        string source = isRunning ? "region:" + facts.Topology.Configuration!.Name
            : string.Create(CultureInfo.InvariantCulture, $"probe:bind {port.Space}{port.Interface} "
                + $"{port.Declared.Queue} zero-copy");
        string bound = isRunning ? EffectiveMode(facts, source, port)
            : facts.Value(source, "result") is not "ok" and var refusal ? refusal
            : facts.Value(source, "zeroCopy") == "true" ? "zero-copy" : "copy";
        return [bound == "zero-copy" ? Finding.Pass(isRunning ? "bound without copying"
            : "a trial socket was bound without copying")
            : port.Declared.Mode == BindMode.ZeroCopy ? Finding.Fail($"bound: {bound}")
            : Finding.Warn($"bound: {bound}; mode = \"auto\" accepts that")];
    }

    private static string EffectiveMode(Facts facts, string source, TopologyPort port)
    {
        foreach (string[] words in facts.Lines(source).Select(line => line.Split(' ')))
        {
            if (words.Length > 2 && words[0] == "port" && words[1] == port.Name
                && Array.IndexOf(words, "effective") is > 0 and int at && at + 1 < words.Length)
            {
                return words[at + 1];
            }
        }

        throw new NotReadException($"{source}: it does not name port {port.Name}");
    }

    private static IEnumerable<Finding> Steering(Facts facts, TopologyPort port)
    {
        HashSet<uint> polled =
        [
            .. facts.Topology.Ports.Where(other => other.Interface == port.Interface
                && other.Netns == port.Netns)
                .Select(other => (uint)other.Declared.Queue),
        ];
        if (facts.Answer(port, "ethtool.rss") is not NetlinkTree answer)
        {
            ulong? queues = facts.Answer(port, "ethtool.channels") is NetlinkTree channels
                ? (channels.Number(EthtoolAttribute.ChannelsRx) ?? 0)
                    + (channels.Number(EthtoolAttribute.ChannelsCombined) ?? 0)
                : null;
            return [queues == 1 ? Finding.Pass("one queue takes everything")
                : Finding.Unsupported("its driver shows no table of flows")];
        }

        byte[] table = answer.Bytes(EthtoolAttribute.RssTable) ?? [];
        uint[] stray =
        [
            .. Enumerable.Range(0, table.Length / 4).Select(i =>
                BinaryPrimitives.ReadUInt32LittleEndian(table.AsSpan(4 * i)))
                .Distinct().Where(queue => !polled.Contains(queue)).Order(),
        ];
        return [table.Length == 0 ? Finding.Unknown("its table of flows is empty")
            : stray.Length == 0 ? Finding.Pass($"queues {string.Join(", ", polled.Order())} only")
            : Finding.Fail($"its table of flows names queues {string.Join(", ", stray.Take(8))}, which "
                + $"nobody polls", null,
                Prefix(port) + string.Create(CultureInfo.InvariantCulture,
                    $"ethtool -X {port.Interface} start {polled.Min()} equal {polled.Count}"))];
    }
}
