namespace LowLatency.Control.Readiness.Checks;

/// <summary>Where lanes, ports and disks lie: CPUs that are there, on the right node, behind a full
/// link.</summary>
internal static class TopologyChecks
{
    private const string TrustworthyId = "topo.sysfs.trustworthy";
    private const string Cpus = "/sys/devices/system/cpu/";
    private const string L3 = Cpus + "cpu{cpu}/cache/index3/shared_cpu_list";
    private const string Packages = Cpus + "cpu{cpu}/topology/physical_package_id";
    private const string Siblings = Cpus + "cpu{cpu}/topology/thread_siblings_list";
    private const string NodeLists = "/sys/devices/system/node/node*/cpulist";

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } = 
        [DeclaredOnline, HousekeepingSufficient, NicLocal, NvmeLocal, CacheShared, LinkFull, Trustworthy];

    private static Check DeclaredOnline => new()
    {
        Id = "topo.cpus.declared-online",
        Kind = CheckKind.Static,
        Severities = "B/B/B",
        Reads = [Cpus + "online", Cpus + "possible", "/sys/fs/cgroup{slices}/cpuset.cpus.effective"],
        Expects = "every declared CPU is online, and in the effective cpuset of the data plane's cgroup",
        Why = "a configuration written for another machine pins two lanes on one CPU, or none at all",
        Source = "openshift-kni/performance-addon-operators#236",
        Remedy = new Remedy(RollbackClass.Runtime, "correct the CPUs in the configuration, or take the CPU "
            + "online"),
        Judge = static facts =>
        {
            CpuMask online = facts.Cpus(Cpus + "online");
            CpuMask possible = facts.Cpus(Cpus + "possible");
            CpuMask declared = facts.Topology.Data.Or(facts.Topology.Housekeeping);
            // A cgroup without the controller has the CPUs of the nearest above it that has it.
            string? slice = facts.Topology.Slices.Select(path =>
                $"/sys/fs/cgroup{path}/cpuset.cpus.effective").FirstOrDefault(facts.Exists);
            CpuMask? allowed = slice is null ? null : facts.Cpus(slice);
            return declared.IsEmpty ? [Finding.NotApplicable("no CPU is declared")]
                : declared.Cpus.Select(cpu =>
                !possible.Contains(cpu) ? Finding.Fail($"this machine has no such CPU, only {possible}",
                    Subject.OfCpu(cpu))
                : !online.Contains(cpu) ? Finding.Fail(
                    "is offline", Subject.OfCpu(cpu), $"echo 1 > {Cpus}cpu{cpu}/online")
                : allowed is not null && !allowed.Contains(cpu) && facts.Topology.Data.Contains(cpu)
                    ? Finding.Fail($"is not in {slice}: {allowed}", Subject.OfCpu(cpu))
                : Finding.Pass("online", Subject.OfCpu(cpu)));
        },
    };

    private static Check HousekeepingSufficient => new()
    {
        Id = "topo.housekeeping.sufficient",
        RestsOn = TrustworthyId,
        Kind = CheckKind.Static,
        Severities = "B/H/M",
        Reads = [Cpus + "online", NodeLists],
        Expects = "housekeeping and data-plane CPUs are disjoint, CPU 0 keeps house, each NUMA node with a "
            + "lane has a "
            + "housekeeping CPU, and there are at least two of them",
        Why = "CPU 0 keeps the interrupts of boot, timekeeping and work that cannot move; what lanes hand "
            + "over has to "
            + "run somewhere near",
        Source = "DPDK doc/guides/linux_gsg/nic_perf_intel_platform.rst",
        Remedy = new Remedy(RollbackClass.Restart, "declare other CPUs: lanes off CPU 0, housekeeping on it"),
        Judge = static facts =>
        {
            Topology topology = facts.Topology;
            if (topology.Data.IsEmpty)
            {
                return [Finding.NotApplicable("no data-plane CPU is declared")];
            }

            List<Finding> findings = [];
            CpuMask house = topology.Housekeeping.And(facts.Cpus(Cpus + "online"));
            if (!house.And(topology.Data).IsEmpty)
            {
                findings.Add(Finding.Fail($"CPUs {house.And(topology.Data)} are declared as both"));
            }

            if (house.IsEmpty)
            {
                findings.Add(Finding.Fail("no CPU that is online keeps house"));
            }

            if (topology.Data.Contains(0))
            {
                findings.Add(Finding.Fail("a lane runs on CPU 0", Subject.OfCpu(0)));
            }

            foreach (Match node in facts.Match(NodeLists))
            {
                CpuMask cpus = facts.Cpus(node.Source);
                if (!cpus.And(topology.Data).IsEmpty && cpus.And(house).IsEmpty)
                {
                    findings.Add(Finding.Fail($"{node.Parts[0]} has lanes on {cpus.And(topology.Data)} and "
                        + $"no "
                        + "housekeeping CPU"));
                }
            }

            return findings.Count > 0 ? findings
                : !house.Contains(0) ? [Finding.Warn($"CPUs {house} keep house, CPU 0 does not")]
                : house.Count < 2 ? [Finding.Warn($"only CPU {house} keeps house")]
                : [Finding.Pass($"CPUs {house} keep house, {topology.Data} carry lanes")];
        },
    };

    private static Check NicLocal => new()
    {
        Id = "topo.numa.nic-local",
        RestsOn = TrustworthyId,
        Kind = CheckKind.Static,
        Severities = "H/H/-",
        Reads = ["{port.pci}/numa_node", NodeLists],
        Expects = "each port lies on the NUMA node of the lanes that use it",
        Why = "on a remote node every descriptor and doorbell crosses the interconnect",
        Source = "DPDK doc/guides/linux_gsg/nic_perf_intel_platform.rst; rigtorp.se low-latency guide",
        Remedy = new Remedy(RollbackClass.Restart, "move the lanes to CPUs of the port's node, or the card "
            + "to another slot"),
        Judge = static facts =>
        {
            Dictionary<int, int> nodes = NodesOfCpus(facts);
            return facts.EachPort(port => port.Pci.Length == 0
                ? [Finding.NotApplicable("it has no PCI device")]
                : Local(nodes, port.Cpus, facts.NumberOrMissing(port.PciFile("numa_node"))));
        },
    };

    private static Check NvmeLocal => new()
    {
        Id = "topo.numa.nvme-local",
        RestsOn = TrustworthyId,
        Kind = CheckKind.Static,
        Severities = "M/M/-",
        Reads = ["{disk.pci}/numa_node", NodeLists],
        Expects = "each disk lies on the NUMA node of the CPU that submits to it",
        Why = "on a remote node every completion that is polled for crosses the interconnect",
        Source = "DPDK doc/guides/linux_gsg/nic_perf_intel_platform.rst, which says the same of network "
            + "cards",
        Remedy = new Remedy(RollbackClass.Restart, "declare a CPU of the disk's node"),
        Judge = static facts =>
        {
            Dictionary<int, int> nodes = NodesOfCpus(facts);
            return facts.EachDisk(disk => disk.Pci.Length == 0
                ? [Finding.NotApplicable("it has no PCI device")]
                : disk.Declared.Cpu is not int cpu ? [Finding.NotApplicable("no CPU is declared for it")]
                : Local(nodes, new CpuMask([cpu]), facts.NumberOrMissing(disk.PciFile("numa_node"))));
        },
    };

    private static Check CacheShared => new()
    {
        Id = "topo.llc.pipeline-shared",
        RestsOn = TrustworthyId,
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = [L3],
        Expects = "lanes that serve the same interface share a last-level cache",
        Why = "what one writes and another reads crosses the die otherwise, for every ring slot",
        Source = "AMD EPYC tuning guides (CCX); firedancer-io/firedancer lays its tiles out by it",
        Remedy = new Remedy(RollbackClass.Restart, "give these lanes CPUs of one L3 domain"),
        Judge = static facts =>
        {
            List<Finding> findings = [];
            foreach (IGrouping<(string, string), TopologyPort> shared in facts.Topology.Ports
                .GroupBy(port => (port.Netns, port.Interface)))
            {
                CpuMask cpus = shared.Aggregate(CpuMask.Empty, (all, port) => all.Or(port.Cpus));
                string source = L3.Replace("{cpu}",
                    cpus.Cpus[0].ToString(System.Globalization.CultureInfo.InvariantCulture),
                    StringComparison.Ordinal);
                CpuMask? domain = facts.Topology.Possible.Contains(cpus.Cpus[0])
                    ? facts.CpusOrMissing(source) : null;
                Subject about = Subject.Of(shared.First());
                findings.Add(domain is null ? Finding.Unsupported("the CPU shows no last-level cache", about)
                    : !domain.Contains(cpus.Cpus[0])
                        ? Finding.Unknown($"{source} leaves its own CPU out: {domain}", about)
                    : cpus.IsWithin(domain) ? Finding.Pass($"CPUs {cpus} are in L3 domain {domain}", about)
                    : Finding.Warn($"CPUs {cpus.Without(domain)} are in another L3 domain than "
                        + $"{cpus.Cpus[0]}", about));
            }

            return findings.Count > 0 ? findings : [Finding.NotApplicable("no port is declared")];
        },
    };

    private static Check LinkFull => new()
    {
        Id = "topo.pcie.link-full",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "H/M/-",
        Reads =
        [
            new Read("{port.path}/current_link_speed", Intrusion.I1),
            new Read("{port.path}/current_link_width", Intrusion.I1),
            new Read("{port.pci}/max_link_speed", Intrusion.I1),
                new Read("{port.pci}/max_link_width", Intrusion.I1),
            new Read("{port.pci}/aer_dev_correctable", Intrusion.I1, ReadTraits.Window),
        ],
        Expects = "each port's PCIe link runs at its full speed and width, no link on the way to it is "
            + "slower or below "
            + "the declared speed, and over the window it corrected no error",
        Why = "a link that was trained down saturates in bursts only, and replays show as spikes",
        Source = "DPDK doc/guides/linux_gsg/nic_perf_intel_platform.rst (LnkSta by hand)",
        Remedy = new Remedy(RollbackClass.Firmware, "seat the card anew, or change the slot's settings"),
        Judge = static facts => facts.EachPort(port => port.Pci.Length == 0
            ? [Finding.NotApplicable("it has no PCI device")] : Trained(facts, port)),
    };

    private static Check Trustworthy => new()
    {
        Id = TrustworthyId,
        Kind = CheckKind.Static,
        Severities = "B/B/M",
        Reads = [Cpus + "online", NodeLists, "/proc/cpuinfo", Siblings, Packages],
        Expects = "nodes, topology and /proc/cpuinfo name the same CPUs",
        Why = "hypervisors were seen to hand out NUMA tables that are wrong: whoever lays out lanes by "
            + "them lays them wrong",
        Source = "scylladb/seastar#2956",
        Remedy = new Remedy(RollbackClass.Observe, "mend the hypervisor's or the firmware's tables"),
        Judge = static facts =>
        {
            CpuMask online = facts.Cpus(Cpus + "online");
            CpuMask listed = new(facts.Lines("/proc/cpuinfo").Where(line =>
                line.StartsWith("processor", StringComparison.Ordinal))
                .Select(line => (int)Facts.AsNumber("/proc/cpuinfo", line.Split(':')[^1])));
            List<string> odd = [];
            CpuMask seen = CpuMask.Empty;
            foreach (Match node in facts.Match(NodeLists))
            {
                CpuMask cpus = facts.Cpus(node.Source);
                odd.AddRange(seen.And(cpus).IsEmpty ? [] : [$"CPUs {seen.And(cpus)} are on two nodes"]);
                // Which socket it is says nothing here: a guest's one node may well have several.
                odd.AddRange(cpus.And(online).Cpus.Where(cpu =>
                    facts.NumberOrMissing(Packages.Replace("{cpu}",
                        cpu.ToString(System.Globalization.CultureInfo.InvariantCulture),
                            StringComparison.Ordinal)) < -1)
                    .Select(cpu => $"CPU {cpu} has no socket"));
                seen = seen.Or(cpus);
            }

            odd.AddRange(seen.IsEmpty || online.IsWithin(seen) ? []
                : [$"CPUs {online.Without(seen)} are on no node"]);
            odd.AddRange(listed.Equals(online) ? [] : [$"/proc/cpuinfo names {listed}, online are {online}"]);
            odd.AddRange(OddSiblings(facts, online));
            return odd.Count > 0 ? odd.Select(text => Finding.Fail(text))
                : [Finding.Pass($"all name CPUs {online}")];
        },
    };

    // Threads of a core say the same of each other, and share a node.
    private static IEnumerable<string> OddSiblings(Facts facts, CpuMask online)
    {
        Dictionary<int, int> nodes = NodesOfCpus(facts);
        Dictionary<int, CpuMask> siblings = [];
        foreach (int cpu in online.Cpus)
        {
            if (facts.CpusOrMissing(Siblings.Replace("{cpu}",
                cpu.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal))
                    is CpuMask own)
            {
                siblings[cpu] = own;
            }
        }

        foreach ((int cpu, CpuMask own) in siblings)
        {
            if (!own.Contains(cpu))
            {
                yield return $"CPU {cpu} is no sibling of itself";
            }
            else if (own.Cpus.Any(other => siblings.TryGetValue(other, out CpuMask? its) && !its.Equals(own)))
            {
                yield return $"the siblings {own} of CPU {cpu} say otherwise";
            }
            else if (own.Cpus.Select(other => nodes.GetValueOrDefault(other, -1)).Distinct().Count() > 1)
            {
                yield return $"CPUs {own} share a core, but not a node";
            }
        }
    }

    private static IEnumerable<Finding> Trained(Facts facts, TopologyPort port)
    {
        if (facts.LineOrMissing(port.PciFile("max_link_speed")) is not string most
            || most.StartsWith("Unknown", StringComparison.Ordinal))
        {
            yield return Finding.Unsupported("the device shows no link: a virtual function, or not PCIe");
            yield break;
        }

        string[] path = [.. port.PciPath];
        Link full = new(most, facts.Number(port.PciFile("max_link_width")), port.PciFile("max_link_speed"));
        if (LinkOf(facts, port.Pci) is not Link own)
        {
            yield return Finding.Unsupported("the device does not show how its link runs: a virtual "
                + "function");
            yield break;
        }

        Link[] upstream = [.. path.SkipLast(1).Select(address => LinkOf(facts, address)).OfType<Link>()];
        Link narrowest = upstream.Append(own).MinBy(link => link.Mbit)!;
        yield return port.Declared.Expect?.SpeedMbit is long wanted && narrowest.Mbit < wanted
                ? Finding.Fail($"{narrowest} at {narrowest.Where} carries {narrowest.Mbit} Mbit/s, "
                    + $"{wanted} are declared")
            : own.Speed != full.Speed || own.Width != full.Width ? Finding.Warn($"{own}, it can {full}")
            : narrowest.Mbit < full.Mbit ? Finding.Warn($"{own}, but on the way {narrowest} at "
                + $"{narrowest.Where}")
            : Finding.Pass(own.ToString());
        string errors = port.PciFile("aer_dev_correctable");
        if (facts.TextOrMissing(errors) is not null)
        {
            long moved = Facts.AsNumber(errors, facts.Value(errors, "TOTAL_ERR_COR", Moment.End))
                - Facts.AsNumber(errors, facts.Value(errors, "TOTAL_ERR_COR"));
            if (moved != 0)
            {
                yield return Finding.Warn($"{moved} errors were corrected in the window");
            }
        }
    }

    // A bridge without a link, or with none trained, shows no file, "Unknown" or width 0: it is not the
    // narrowest.
    private static Link? LinkOf(Facts facts, string address)
    {
        string directory = $"/sys/bus/pci/devices/{address}/";
        string? speed = facts.LineOrMissing(directory + "current_link_speed");
        if (speed is null || speed.StartsWith("Unknown", StringComparison.Ordinal))
        {
            return null;
        }

        Link link = new(speed, facts.Number(directory + "current_link_width"), address);
        return link.Width > 0 ? link : null;
    }

    /// <summary>A link of PCI Express.</summary>
    /// <param name="Speed">Of a lane, as sysfs prints it: "16.0 GT/s PCIe".</param>
    /// <param name="Width">Lanes.</param>
    /// <param name="Where">Address of one of its ends, or the file it is from.</param>
    private sealed record Link(string Speed, long Width, string Where)
    {
        /// <summary>What it carries, Mbit/s: 8 of 10 bits up to 5 GT/s, 128 of 130 from 8, 242 of 256 bytes
        /// from 64 (PCI Express base specification, encoding).</summary>
        public long Mbit { get; } = Speed.Split(' ') is [var number, "GT/s", ..]
            && double.TryParse(number, System.Globalization.NumberStyles.AllowDecimalPoint,
                System.Globalization.CultureInfo.InvariantCulture, out double rate) && rate is > 0 and < 1000
            ? (long)(rate * 1000 * Width * (rate <= 5 ? 0.8 : rate < 64 ? 128.0 / 130 : 242.0 / 256))
            : throw new NotReadException($"{Where}: '{Facts.Short(Speed)}' is no speed of a link");

        /// <summary>Speed and width.</summary>
        public override string ToString() => $"{Speed} x{Width}";
    }

    private static IEnumerable<Finding> Local(Dictionary<int, int> nodes, CpuMask cpus, long? node)
    {
        CpuMask remote = new(cpus.Cpus.Where(cpu => nodes.GetValueOrDefault(cpu, -1) != node));
        yield return node is null ? Finding.Unsupported("this kernel is built without NUMA")
            : node < 0
            ? nodes.Values.Distinct().Count() > 1
                ? Finding.Warn("the firmware does not say on which node it lies")
                : Finding.Pass("there is one node")
            : remote.IsEmpty ? Finding.Pass($"node {node}, like its lanes")
            : Finding.Fail($"lies on node {node}, its lanes on CPUs {remote} do not");
    }

    private static Dictionary<int, int> NodesOfCpus(Facts facts)
    {
        Dictionary<int, int> nodes = [];
        foreach (Match node in facts.Match(NodeLists))
        {
            foreach (int cpu in facts.Cpus(node.Source).Cpus)
            {
                nodes[cpu] = (int)Facts.AsNumber(node.Source, node.Parts[0]["node".Length..]);
            }
        }

        return nodes;
    }
}
