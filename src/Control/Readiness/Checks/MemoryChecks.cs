using System.Globalization;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>Pages under the lanes: where they are, and who takes, moves or waits for them.</summary>
internal static class MemoryChecks
{
    private const string Vm = "/proc/sys/vm/";
    private const string VmStat = "/proc/vmstat";
    private const string NodeLists = "/sys/devices/system/node/node*/cpulist";
    private const string FreePages =
        "/sys/devices/system/node/node*/hugepages/hugepages-2048kB/free_hugepages";
    private const string AllPages =
        "/sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages";
    private const string HugePool = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    private const string HugeTrial = "probe:hugepage 2097152";
    private const string Thp = "/sys/kernel/mm/transparent_hugepage/";
    private const string Ksm = "/sys/kernel/mm/ksm/run";
    private const string Balancing = "/proc/sys/kernel/numa_balancing";
    private const string RealTime = "/sys/kernel/realtime";
    private const long PageBytes = 2L << 20;

    /// <summary>The group's first part.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [OnNode, Mountable, ThpNotAlways, KsmOff, BalancingOff, CompactionQuiet, VmstatInterval];

    private static Check OnNode => new()
    {
        Id = "mem.hugepages.on-node",
        Kind = CheckKind.Static,
        Severities = "B/B/L",
        Reads = [NodeLists, FreePages, AllPages, HugePool],
        Expects = "where lanes use huge pages, enough of them are free on each lane's own NUMA node",
        Why = "a total hides the wrong node: the pool is then remote, or refused at start",
        Source = "DPDK usertools/dpdk-hugepages.py; Linux Documentation/admin-guide/mm/hugetlbpage.rst",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "reserve pages on the node, at boot where memory "
            + "is fragmented",
            "hugepagesz=2M hugepages=N", "memory that is fragmented gives fewer pages than asked for"),
        Judge = FreeOnNode,
    };

    private static Check Mountable => new()
    {
        Id = "mem.hugepages.mountable",
        Kind = CheckKind.Probe,
        Severities = "H/H/L",
        Reads = [new Read(HugeTrial, Intrusion.I1), HugePool],
        Expects = "where lanes use huge pages, one can be mapped by this user",
        Why = "the first refusal otherwise comes at go-live",
        Source = "mmap(2): MAP_HUGETLB; Linux Documentation/admin-guide/cgroup-v2.rst (hugetlb.2MB.max)",
        Remedy = new Remedy(RollbackClass.Runtime, "reserve pages, raise hugetlb.2MB.max of the cgroup"),
        Judge = static facts =>
        {
            if (Wanted(facts) is not { Length: > 0 } lanes)
            {
                return [Finding.NotApplicable("no lane uses huge pages")];
            }

            string result = facts.Value(HugeTrial, "result");
            bool isNeeded = lanes.Any(lane => lane.HugePages == HugePages.Require);
            return [result == "ok" ? Finding.Pass("one was mapped")
                : result == "ENOMEM" && facts.Topology.IsRunning
                    ? Finding.Unknown("none is free: the running data plane may have them all")
                : result == "ENOMEM" && facts.NumberOrMissing(HugePool) == 0
                    ? Finding.Unknown("none is free to try with: mem.hugepages.on-node says what is missing")
                : isNeeded ? Finding.Fail($"mmap(MAP_HUGETLB): {result}")
                : Finding.Warn($"mmap(MAP_HUGETLB): {result}; lanes fall back to small pages")];
        },
    };

    private static Check ThpNotAlways => new()
    {
        Id = "mem.thp.not-always",
        Kind = CheckKind.Static,
        Severities = "M/M/L",
        Reads = [Thp + "enabled", Thp + "defrag", Thp + "hugepages-*kB/enabled"],
        Expects = "transparent huge pages are 'madvise' or 'never', and nobody waits for them to be made",
        Why = "collapsing pages holds the process's memory lock and shoots down TLBs",
        Source = "Linux Documentation/admin-guide/mm/transhuge.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "write 'madvise'", "transparent_hugepage=madvise"),
        Judge = static facts =>
        {
            if (facts.ChosenOrMissing(Thp + "enabled") is not string enabled)
            {
                return [Finding.NotApplicable("this kernel has no transparent huge pages")];
            }

            // Since 6.8 each size has a switch of its own; "inherit" follows the one above.
            string[] sizes = [.. facts.Match(Thp + "hugepages-*kB/enabled").Select(match => match.Source)
                .Where(source => facts.Chosen(source) == "always")];
            string defrag = facts.Chosen(Thp + "defrag");
            return [sizes.Length > 0 ? Finding.Warn($"{string.Join(", ", sizes.Take(4))}: 'always'", null,
                    [.. sizes.Select(source => $"echo inherit > {source}"), $"echo madvise > {Thp}enabled"])
                : enabled == "always" ? Finding.Warn("enabled is 'always'", null,
                $"echo madvise > {Thp}enabled")
                : defrag == "always" ? Finding.Warn("defrag is 'always'", null, $"echo madvise > {Thp}defrag")
                : Finding.Pass($"enabled is '{enabled}', defrag '{defrag}'")];
        },
    };

    private static Check KsmOff => new()
    {
        Id = "mem.ksm.off",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = [Ksm],
        Expects = "nobody merges equal pages",
        Why = "a merged page is write-protected: the next write faults",
        Source = "Linux Documentation/admin-guide/mm/ksm.rst",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "stop merging and take the merged pages apart",
            Hazard: "taking them apart needs the memory that merging saved"),
        Judge = static facts => facts.NumberOrMissing(Ksm) switch
        {
            null => [Finding.NotApplicable("this kernel merges no pages")],
            0 => [Finding.Pass("off")],
            2 => [Finding.Pass("off, and what was merged is apart again")], // KSM_RUN_UNMERGE (mm/ksm.c)
            long run => [Finding.Warn(string.Create(CultureInfo.InvariantCulture, $"{Ksm} is {run}"), null,
                $"echo 2 > {Ksm}")],
        },
    };

    private static Check BalancingOff => new()
    {
        Id = "mem.numa-balancing.off",
        Kind = CheckKind.Static,
        Severities = "H/M/-",
        Reads = [Balancing, NodeLists],
        Expects = "on a host of several NUMA nodes the kernel does not move pages by itself",
        Why = "it unmaps pages to see who touches them: each touch is a fault, and the page may move under "
            + "the lane",
        Source = "Linux Documentation/admin-guide/sysctl/kernel.rst (numa_balancing); rigtorp.se "
            + "low-latency guide",
        Remedy = new Remedy(RollbackClass.Runtime, "set kernel.numa_balancing to 0",
            "numa_balancing=disable"),
        Judge = static facts =>
        {
            // A node of memory alone counts: pages move between it and the others.
            int nodes = facts.Match(NodeLists).Count;
            return facts.NumberOrMissing(Balancing) switch
            {
                null => [Finding.NotApplicable("this kernel does not balance memory between nodes")],
                0 => [Finding.Pass("off")],
                _ when nodes <= 1 => [Finding.NotApplicable("there is one node")],
                long value => [Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                    $"kernel.numa_balancing is {value}, and there are {nodes} nodes"), null,
                        $"echo 0 > {Balancing}")],
            };
        },
    };

    private static Check CompactionQuiet => new()
    {
        Id = "mem.compaction.quiet",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "M/M/I",
        Reads =
        [
            Vm + "compaction_proactiveness", Vm + "compact_unevictable_allowed",
            new Read(VmStat, Traits: ReadTraits.Window),
        ],
        Expects = "the kernel compacts no memory in advance and moves no locked page; over the window "
            + "nobody waited for it",
        Why = "compaction moves even locked pages where it is allowed to: the next touch is a fault in the "
            + "lane",
        Source = "Linux Documentation/admin-guide/sysctl/vm.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "set both sysctls to 0"),
        Judge = static facts =>
        {
            List<Finding> findings = [];
            int known = 0;
            foreach (string name in (string[])["compaction_proactiveness", "compact_unevictable_allowed"])
            {
                if (facts.NumberOrMissing(Vm + name) is long value)
                {
                    known++;
                    findings.Add(value == 0 ? Finding.Pass($"vm.{name} is 0") : Finding.Warn(string.Create(
                        CultureInfo.InvariantCulture, $"vm.{name} is {value}"), null,
                            $"echo 0 > {Vm}{name}"));
                }
            }

            if (known == 0)
            {
                return [Finding.Unsupported("this kernel does not compact memory")];
            }

            if (facts.WindowSeconds > 0 && Moved(facts, "compact_stall") is > 0 and long stalls)
            {
                findings.Add(Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                    $"somebody waited for compaction {stalls} times in the window")));
            }

            return findings;
        },
    };

    private static Check VmstatInterval => new()
    {
        Id = "mem.vmstat.interval",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = [Vm + "stat_interval"],
        Expects = "vm.stat_interval is at least 10 s",
        Why = "a worker folds each CPU's memory counters at that interval, on that CPU, if it changed any",
        Source = "Linux Documentation/admin-guide/kernel-per-CPU-kthreads.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "set vm.stat_interval to 10 or more"),
        Judge = static facts => facts.NumberOrMissing(Vm + "stat_interval") switch
        {
            null => [Finding.Unsupported("this kernel has no such interval")],
            >= 10 and long seconds =>
                [Finding.Pass(string.Create(CultureInfo.InvariantCulture, $"{seconds} s"))],
            long seconds => [Finding.Warn(string.Create(CultureInfo.InvariantCulture, $"{seconds} s"), null,
                $"echo 10 > {Vm}stat_interval")],
        },
    };

    /// <summary>What a counter of /proc/vmstat moved in the window.</summary>
    internal static long Moved(Facts facts, string key) =>
        Facts.AsNumber(VmStat, facts.Value(VmStat, key, Moment.End)) - Facts.AsNumber(VmStat,
            facts.Value(VmStat, key));

    private static TopologyLane[] Wanted(Facts facts) =>
        [.. facts.Topology.Lanes.Where(lane => lane.HugePages != HugePages.Never)];

    private static IEnumerable<Finding> FreeOnNode(Facts facts)
    {
        if (Wanted(facts) is not { Length: > 0 } lanes)
        {
            return [Finding.NotApplicable("no lane uses huge pages")];
        }

        IReadOnlyList<Match> nodes = facts.Match(NodeLists);
        IReadOnlyList<Match> free = facts.Match(FreePages);
        if (free.Count == 0)
        {
            return [Pool(facts, lanes)];
        }

        return lanes.GroupBy(lane => nodes.FirstOrDefault(node => facts.Cpus(node.Source).Contains(lane.Cpu))
            .Parts?[0])
            .Select(group =>
            {
                // A running data plane has taken its pages already: what is free is what is left.
                long needed = Needed(facts, group);
                Match own = free.FirstOrDefault(match => match.Parts[0] == group.Key);
                if (own.Source is null)
                {
                    return Finding.Unknown($"no huge pages are shown for the node of lane "
                        + $"{group.First().Name}");
                }

                long there = facts.Number(own.Source);
                string told = string.Create(CultureInfo.InvariantCulture,
                    $"{group.Key}: {there} free, {needed} needed");
                bool isRequired = group.Any(lane => lane.HugePages == HugePages.Require);
                string file = own.Source.Replace("free_hugepages", "nr_hugepages", StringComparison.Ordinal);
                long all = facts.NumberOrMissing(file) ?? there;
                string[] fix = [string.Create(CultureInfo.InvariantCulture,
                    $"echo {all + needed - there} > {file}")];
                return there >= needed ? Finding.Pass(told)
                    : isRequired ? Finding.Fail(told, null, fix)
                    : Finding.Warn($"{told}; lanes fall back to small pages", null, fix);
            });
    }

    private static long Needed(Facts facts, IEnumerable<TopologyLane> lanes) => facts.Topology.IsRunning ? 0
        : lanes.Sum(lane => (lane.MemoryBytes + PageBytes - 1) / PageBytes);

    // A kernel without NUMA has one pool.
    private static Finding Pool(Facts facts, TopologyLane[] lanes)
    {
        bool isRequired = lanes.Any(lane => lane.HugePages == HugePages.Require);
        if (facts.NumberOrMissing(HugePool) is not long there)
        {
            const string none = "this kernel has no huge pages of 2 MiB";
            return isRequired ? Finding.Fail(none) : Finding.Unsupported(none);
        }

        long needed = Needed(facts, lanes);
        string told = string.Create(CultureInfo.InvariantCulture, $"{there} free, {needed} needed");
        return there >= needed ? Finding.Pass(told) : isRequired ? Finding.Fail(told)
            : Finding.Warn($"{told}; lanes fall back to small pages");
    }
}
