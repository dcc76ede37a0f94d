using System.Globalization;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>Ports: what holds frames back, steers them elsewhere, copies them, or loses them.</summary>
internal static class NicPathChecks
{
    private const string Coalesce = "netlink:ethtool.coalesce {port.link}";
    private const string Features = "netlink:ethtool.features {port.link}";
    private const string Pause = "netlink:ethtool.pause {port.link}";
    private const string Eee = "netlink:ethtool.eee {port.link}";
    private const string Link = "netlink:route.link {port.link}";
    private const string QueueStats = "netlink:netdev.qstats {port.link}";
    private const string Filters = "netlink:route.filter {port.link}";
    private const string Qdiscs = "netlink:route.qdisc {port.link}";
    private const string Packets = "{port.net}/packet";
    private const string DefaultMask = "{port.sysctl}/core/rps_default_mask";
    private const string EveryProtocol = "0003"; // ETH_P_ALL (linux/if_ether.h), as the file prints it

    private static readonly string[] Merging = ["rx-lro", "rx-gro-hw", "rx-udp-gro-forwarding"];

    /// <summary>The group's second part.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [Coalescing, OffloadSafe, PauseOff, BusyPoll, SoftwareSteering, DropsZero, VirtualFunctionChecks.Policy,
            Untapped];

    private static Check Coalescing => new()
    {
        Id = "nic.coalesce.readback",
        Kind = CheckKind.Static,
        Severities = "H/H/-",
        Reads = [new Read(Coalesce, Intrusion.I1)],
        Expects = "interrupt coalescing is what was asked for, read back, and the driver does not adapt it",
        Why = "drivers clamp or ignore what they are told, and on some a value means something else",
        Source = "amzn/amzn-drivers#290, #159; scylladb/scylladb#1974; linux/ethtool_netlink.h "
            + "(COALESCE_GET)",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "ethtool -C adaptive-rx off rx-usecs N, then read "
            + "it back"),
        Judge = static facts => facts.EachPort(port =>
        {
            if (facts.Answer(port, "ethtool.coalesce") is not NetlinkTree answer
                || answer.Number(EthtoolAttribute.CoalesceRxUs) is not ulong us)
            {
                return [Finding.Unsupported("its driver does not coalesce, or does not say")];
            }

            bool isAdaptive = answer.Number(EthtoolAttribute.CoalesceAdaptiveRx) == 1;
            Configuring.PortExpectation expect = port.Declared.Expect;
            string command = NicChecks.Prefix(port) + $"ethtool -C {port.Interface} ";
            return [isAdaptive && expect.Adaptive != true
                    ? Finding.Warn("the driver adapts it", null, command + "adaptive-rx off")
                : expect.RxUsecs is int wanted && (ulong)wanted != us ? Finding.Warn(string.Create(
                    CultureInfo.InvariantCulture, $"rx-usecs {us}, declared are {wanted}"), null,
                    command + string.Create(CultureInfo.InvariantCulture, $"rx-usecs {wanted}"))
                : Finding.Pass(string.Create(CultureInfo.InvariantCulture, $"rx-usecs {us}, not adaptive"))];
        }),
    };

    private static Check OffloadSafe => new()
    {
        Id = "nic.offload.xdp-safe",
        Kind = CheckKind.Static,
        Severities = "H/H/M",
        Reads = [new Read(Features, Intrusion.I1)],
        Expects = "LRO, hardware GRO and forwarding of UDP GRO are off, and every offload is as it was "
            + "wanted",
        Why = "merged frames do not fit what XDP sees, and LRO keeps a native program from loading; "
            + "ordinary GRO does no harm",
        Source = "firedancer-io/firedancer#2437, corrected by #7071; Linux "
            + "Documentation/networking/netdev-features.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "ethtool -K lro off rx-gro-hw off rx-udp-gro-forwarding "
            + "off"),
        Judge = static facts => facts.EachPort(port =>
        {
            if (facts.Answer(port, "ethtool.features") is not NetlinkTree answer)
            {
                return [Finding.Unsupported("its driver shows no offloads")];
            }

            HashSet<string> active = Names(answer, EthtoolAttribute.FeaturesActive)
                ?? throw new NotReadException($"{port.Netlink("ethtool.features")}: it lists no active "
                    + $"offloads");
            HashSet<string> wanted = Names(answer, EthtoolAttribute.FeaturesWanted) ?? [];
            string command = NicChecks.Prefix(port) + $"ethtool -K {port.Interface} ";
            List<Finding> findings = [];
            findings.AddRange(Merging.Where(active.Contains).Select(name =>
                name == "rx-lro" ? Finding.Fail("LRO is on", null, command + "lro off")
                    : Finding.Warn($"{name} is on", null, command + $"{name} off")));
            string[] refused = [.. wanted.Except(active).Where(name =>
                name.StartsWith("rx-", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Take(6)];
            if (refused.Length > 0)
            {
                findings.Add(Finding.Warn($"wanted, and not in force: {string.Join(", ", refused)}"));
            }

            return findings.Count > 0 ? findings : [Finding.Pass("none of those that merge frames is on")];
        }),
    };

    private static Check PauseOff => new()
    {
        Id = "nic.pause-eee.off",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "M/L/-",
        Reads = [new Read(Pause, Intrusion.I1, ReadTraits.Window), new Read(Eee, Intrusion.I1)],
        Expects = "the port obeys no PAUSE frames and its link does not doze, unless declared",
        Why = "PAUSE makes another host's congestion ours; a link that dozes takes tens of microseconds to "
            + "wake",
        Source = "IEEE 802.3 annex 31B, clause 78; linux/ethtool_netlink.h (PAUSE_GET, EEE_GET)",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "ethtool -A rx off, ethtool --set-eee eee off",
            Hazard: "the link may go down for a moment"),
        Judge = static facts => facts.EachPort(port => PauseAndEee(facts, port)),
    };

    private static Check BusyPoll => new()
    {
        Id = "nic.busypoll.consistent",
        Kind = CheckKind.Static,
        Severities = "H/H/I",
        Reads = ["{port.sys}/napi_defer_hard_irqs", "{port.sys}/gro_flush_timeout", "{port.sys}/threaded"],
        Expects = "deferral of interrupts is set whole or not at all, and only where the port busy-polls",
        Why = "a timeout without deferral does nothing, deferral without a timeout can leave frames lying; "
            + "half of a recipe is "
            + "worse than none",
        Source = "Linux Documentation/networking/napi.rst; firedancer-io/firedancer sets 100 and 200 000 ns; "
            + "Linutronix/RTC-Testbench#55 dropped it",
        Remedy = new Remedy(RollbackClass.Runtime, "set both, or neither"),
        Judge = static facts => facts.EachPort(port =>
        {
            long? defer = facts.NumberOrMissing(port.Sys("napi_defer_hard_irqs"));
            long? flush = facts.NumberOrMissing(port.Sys("gro_flush_timeout"));
            bool isThreaded = facts.NumberOrMissing(port.Sys("threaded")) is > 0;
            if (defer is null || flush is null)
            {
                return [Finding.Unsupported("this kernel has no such deferral")];
            }

            bool isPolled = port.Declared.Wake == WakePolicy.BusyPoll;
            string told = string.Create(CultureInfo.InvariantCulture, $"defer {defer}, flush {flush} ns");
            string[] clear = [$"echo 0 > {port.Sys("napi_defer_hard_irqs")}",
                $"echo 0 > {port.Sys("gro_flush_timeout")}"];
            string[] fix = port.Space.Length == 0 ? clear : [];
            return [(defer > 0) != (flush > 0) ? Finding.Fail($"half set: {told}", null, fix)
                : isPolled && defer == 0 ? Finding.Fail($"the port busy-polls, and its interrupts are not "
                    + $"deferred ({told})")
                : !isPolled && defer > 0 ? Finding.Warn($"deferred ({told}), and the port does not "
                    + $"busy-poll", null, fix)
                : isThreaded ? Finding.Warn("its NAPI runs in a kernel thread") : Finding.Pass(told)];
        }),
    };

    private static Check SoftwareSteering => new()
    {
        Id = "nic.steering-sw.off-dataplane",
        Kind = CheckKind.Static,
        Severities = "H/H/L",
        Reads = ["{port.sys}/queues/*/rps_cpus", "{port.sys}/queues/*/rps_flow_cnt", DefaultMask],
        Expects = "receive packet steering sends nothing to the lanes' CPUs, neither of a port nor by "
            + "default",
        Why = "it moves the kernel's share of the work onto them",
        Source = "Linux Documentation/networking/scaling.rst; Documentation/admin-guide/sysctl/net.rst "
            + "(rps_default_mask)",
        Remedy = new Remedy(RollbackClass.Runtime, "write 0 to the mask"),
        Judge = static facts => facts.EachPort(port =>
        {
            List<Finding> findings = [];
            foreach (string source in facts.Match(port.Sys("queues/*/rps_cpus")).Select(queue => queue.Source)
                .Append(port.ProcSysNet("core/rps_default_mask")))
            {
                if (facts.HexCpusOrMissing(source)?.And(facts.Topology.Data) is { IsEmpty: false } shared)
                {
                    findings.Add(Finding.Fail($"{source} has the lanes' CPUs {shared}", null,
                        port.Space.Length == 0 ? [$"echo 0 > {source}"] : []));
                }
            }

            return findings.Count > 0 ? findings : [Finding.Pass("off")];
        }),
    };

    private static Check DropsZero => new()
    {
        Id = "nic.drops.zero",
        Kind = CheckKind.Behaviour,
        Severities = "H/H/M",
        Reads = [new Read(Link, Intrusion.I1, ReadTraits.Window),
            new Read(QueueStats, Intrusion.I1, ReadTraits.Window)],
        Expects = "over the window the port lost no frame",
        Why = "a frame that is lost has an infinite latency, and no average shows it",
        Source = "linux/if_link.h (rtnl_link_stats64); linux/netdev.h (QSTATS_GET)",
        Remedy = new Remedy(RollbackClass.Observe, "larger rings, a lane that keeps up, or less load"),
        Judge = static facts => facts.EachPort(port => Drops(facts, port)),
    };

    private static Check Untapped => new()
    {
        Id = "nic.path.untapped",
        Kind = CheckKind.Static,
        Severities = "M/M/L",
        Reads = [Packets, new Read(Link, Intrusion.I1, ReadTraits.Window), new Read(Filters, Intrusion.I1),
            new Read(Qdiscs, Intrusion.I1)],
        Expects = "nobody listens to the port's frames: no packet socket, no filter of tc",
        Why = "a forgotten tcpdump or an LLDP daemon copies every frame",
        Source = "packet(7), tc-bpf(8)",
        Remedy = new Remedy(RollbackClass.Runtime, "stop the listener; keep network managers off the port"),
        Judge = static facts => facts.EachPort(port => Taps(facts, port)),
    };

    private static HashSet<string>? Names(NetlinkTree answer, int type) =>
        answer.Child(type)?.Child(EthtoolAttribute.BitsetBits) is not NetlinkTree bits ? null :
        [
            .. bits.Children(EthtoolAttribute.BitsetBit)
                .Where(bit => answer.Child(type)!.Has(EthtoolAttribute.BitsetNoMask)
                    || bit.Has(EthtoolAttribute.BitsetBitValue))
                .Select(bit => bit.Text(EthtoolAttribute.BitsetBitName) ?? ""),
        ];

    private static IEnumerable<Finding> PauseAndEee(Facts facts, TopologyPort port)
    {
        NetlinkTree? pause = facts.Answer(port, "ethtool.pause");
        NetlinkTree? eee = facts.Answer(port, "ethtool.eee");
        if (pause is null && eee is null)
        {
            yield return Finding.Unsupported("its driver has neither");
            yield break;
        }

        bool mayPause = port.Declared.Expect.Pause == true;
        string command = NicChecks.Prefix(port) + "ethtool ";
        bool obeys = pause?.Number(EthtoolAttribute.PauseRx) == 1;
        bool dozes = eee?.Number(EthtoolAttribute.EeeEnabled) == 1;
        if (obeys && !mayPause)
        {
            yield return Finding.Warn("it obeys PAUSE frames", null, command + $"-A {port.Interface} rx off");
        }

        if (dozes)
        {
            yield return Finding.Warn("energy-efficient Ethernet is on", null, command
                + $"--set-eee {port.Interface} eee off");
        }

        if (facts.WindowSeconds > 0 && pause is not null
            && pause.Child(EthtoolAttribute.PauseStats)?.Number(EthtoolAttribute.PauseStatRxFrames)
                is ulong before
            && facts.Answer(port, "ethtool.pause", Moment.End)?.Child(EthtoolAttribute.PauseStats)
                ?.Number(EthtoolAttribute.PauseStatRxFrames) is ulong after && after != before)
        {
            yield return Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                $"{after - before} PAUSE frames came in the window"));
        }

        if ((!obeys || mayPause) && !dozes)
        {
            yield return Finding.Pass($"PAUSE {(obeys ? "as declared" : "off")}, energy-efficient Ethernet "
                + $"{(eee is null ? "not there" : "off")}");
        }
    }

    private static IEnumerable<Finding> Drops(Facts facts, TopologyPort port)
    {
        List<string> lost = [];
        foreach ((string name, int offset) in new[]
        {
            ("dropped", LinkAttribute.StatsRxDropped), ("missed", LinkAttribute.StatsRxMissedErrors),
            ("overrun", LinkAttribute.StatsRxFifoErrors), ("tx dropped", LinkAttribute.StatsTxDropped),
        })
        {
            ulong Of(Moment moment) => NicChecks.Needed(facts, port, "route.link", moment)
                .Field(LinkAttribute.Stats64, offset,
                    8) ?? throw new NotReadException($"{port.Netlink("route.link")}: it counts nothing");
            long moved = (long)(Of(Moment.End) - Of(Moment.Start));
            if (moved != 0)
            {
                lost.Add(string.Create(CultureInfo.InvariantCulture, $"{name} {moved}"));
            }
        }

        if (facts.Netlink(port, "netdev.qstats") is { } start
            && facts.Netlink(port, "netdev.qstats", Moment.End) is { } end)
        {
            static ulong Sum(IReadOnlyList<NetlinkRecord> records) => records.Aggregate(0UL, (sum, record) =>
                sum + (record.Attributes.Number(NetdevAttribute.StatsRxDrops) ?? 0)
                + (record.Attributes.Number(NetdevAttribute.StatsRxAllocFail) ?? 0)
                + (record.Attributes.Number(NetdevAttribute.StatsRxOverruns) ?? 0));
            if (Sum(end) != Sum(start))
            {
                lost.Add(string.Create(CultureInfo.InvariantCulture,
                    $"in its queues {Sum(end) - Sum(start)}"));
            }
        }

        yield return lost.Count == 0 ? Finding.Pass("none")
            : Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                $"lost in {facts.WindowSeconds:0.#} s: {string.Join(", ", lost)}"));
    }

    private static IEnumerable<Finding> Taps(Facts facts, TopologyPort port)
    {
        if (facts.Netlink(port, "route.link") is not [NetlinkRecord link, ..])
        {
            throw new NotReadException($"{port.Netlink("route.link")}: "
                + $"{facts.Get(port.Netlink("route.link")).Problem}");
        }

        // struct ifinfomsg, ifi_index.
        string index = link.HeaderNumber(4, 4).ToString(CultureInfo.InvariantCulture);
        string[] lines = facts.Lines(port.ProcNet("packet"));
        if (!lines[0].StartsWith("sk ", StringComparison.Ordinal))
        {
            throw new NotReadException($"{port.ProcNet("packet")}: '{Facts.Short(lines[0])}' is not how it "
                + $"begins");
        }

        // sk RefCnt Type Proto Iface R Rmem User Inode; interface 0: all of the namespace.
        int sockets = lines.Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Count(words => words.Length >= 5 && words[3] == EveryProtocol && words[4] is var on
                && (on == index || on == "0"));
        int filters = facts.Netlink(port, "route.filter")?.Count ?? 0;
        string? qdisc = facts.Netlink(port, "route.qdisc")?.Select(record =>
            record.Attributes.Text(LinkAttribute.QdiscKind))
            .FirstOrDefault(kind => kind is "clsact" or "ingress");
        List<string> taps = [];
        if (sockets > 0)
        {
            taps.Add(string.Create(CultureInfo.InvariantCulture,
                $"{sockets} packet sockets take every protocol"));
        }

        if (filters > 0 || qdisc is not null)
        {
            taps.Add(string.Create(CultureInfo.InvariantCulture,
                $"{filters} filters of tc{(qdisc is null ? "" : $" under {qdisc}")}"));
        }

        yield return taps.Count == 0 ? Finding.Pass("nobody listens") : Finding.Warn(string.Join("; ", taps));
    }
}
