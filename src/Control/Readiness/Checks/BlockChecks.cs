using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>What lies between a submission and a disk: scheduler, completion CPU, throttles, file
/// system.</summary>
internal static class BlockChecks
{
    private const string Mounts = "/proc/self/mountinfo";
    private const string WritebackCpus = "/sys/bus/workqueue/devices/writeback/cpumask";
    private const string UnboundCpus = "/sys/devices/virtual/workqueue/cpumask";

    // Each takes O_DIRECT (open(2)); of others it is not known here.
    private static readonly string[] DirectFileSystems = ["ext4", "xfs", "btrfs", "f2fs"];

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } = [SchedulerNone, QueueAffinity, ThrottleNone,
        CaptureIsolated];

    private static Check SchedulerNone => new()
    {
        Id = "blk.scheduler.none",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = ["/sys/block/{disk}/queue/scheduler"],
        Expects = "disks have no I/O scheduler",
        Why = "a scheduler adds a lock and a dispatch by a kernel worker to each request; mq-deadline is "
            + "the default of virtio disks",
        Source = "ABI/stable/sysfs-block (scheduler); measured on a virtio disk",
        Remedy = new Remedy(RollbackClass.Runtime, "write none to the disk's queue/scheduler"),
        Judge = static facts => facts.EachDisk(disk =>
        {
            string source = disk.Sys("queue/scheduler");
            string? line = facts.LineOrMissing(source);
            string? chosen = line is null or "none" ? line : facts.Chosen(source);
            return
            [
                chosen is null ? Finding.Unsupported("it has no queue of requests to schedule")
                    : chosen == "none" ? Finding.Pass("none")
                    : Finding.Warn($"requests pass {Facts.Short(chosen)}", null, $"echo none > {source}"),
            ];
        }),
    };

    private static Check QueueAffinity => new()
    {
        Id = "blk.queue.affinity",
        Kind = CheckKind.Static,
        Severities = "L/L/I",
        Reads =
        [
            "/sys/block/{disk}/queue/rq_affinity", "/sys/block/{disk}/queue/nomerges",
            "/sys/block/{disk}/queue/nr_requests", "/sys/block/{disk}/queue/read_ahead_kb",
            "/sys/block/{disk}/mq/*/cpu_list",
        ],
        Expects = "completions are sent back to a CPU only if it keeps house; a quiet CPU that submits has "
            + "a queue of its own",
        Why = "rq_affinity sends the completion to the CPU that submitted, by an interrupt from another CPU",
        Source = "ABI/stable/sysfs-block (rq_affinity)",
        Remedy = new Remedy(RollbackClass.Runtime, "write 0 to the disk's queue/rq_affinity, or submit "
            + "from a housekeeping CPU"),
        Judge = static facts => facts.EachDisk(disk => Affinity(facts, disk)),
    };

    private static Check ThrottleNone => new()
    {
        Id = "blk.throttle.none",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads =
        [
            "/sys/block/{disk}/queue/wbt_lat_usec", "/sys/block/{disk.head}/dev",
            new Read("/sys/fs/cgroup{slices}/io.max", Traits: ReadTraits.MayBeEmpty),
            new Read("/sys/fs/cgroup{slices}/io.latency", Traits: ReadTraits.MayBeEmpty),
            new Read("/sys/fs/cgroup/io.cost.qos", Traits: ReadTraits.MayBeEmpty),
            "/sys/fs/cgroup{slice}/io.pressure",
        ],
        Expects = "nothing throttles the data plane's I/O: no writeback throttling, no limit of its cgroups",
        Why = "writeback throttling cuts the depth of buffered writes in bursts; limits of a cgroup hold "
            + "requests back",
        Source = "ABI/stable/sysfs-block (wbt_lat_usec); admin-guide/cgroup-v2.rst (io)",
        Remedy = new Remedy(RollbackClass.Runtime, "write 0 to the disk's queue/wbt_lat_usec; take the "
            + "cgroup's limits away"),
        Judge = static facts => facts.EachDisk(disk => Throttles(facts, disk)),
    };

    private static Check CaptureIsolated => new()
    {
        Id = "fs.capture.isolated",
        Kind = CheckKind.Static,
        Severities = "M/M/L",
        Reads =
        [
            Mounts, "stat:{disk.path}", "probe:space {disk.path}", WritebackCpus, UnboundCpus,
            "/proc/sys/vm/dirty_ratio", "/proc/sys/vm/dirty_bytes",
        ],
        Expects = "captures go to a file system of their own that takes O_DIRECT, has the declared space "
            + "free and discards nothing meanwhile; its writeback stays off the data-plane CPUs",
        Why = "the journal, the writeback and the discards of a file system that others use reach the "
            + "thread that captures",
        Source = "proc_pid_mountinfo(5); admin-guide/sysctl/vm.rst; open(2) on O_DIRECT",
        Remedy = new Remedy(RollbackClass.Restart, "mount a device of its own at the directory, without "
            + "discard, and run fstrim when nothing is captured"),
        Judge = static facts => facts.EachDisk(disk => disk.IsDirectory ? Capture(facts, disk)
            : [Finding.NotApplicable("is a device: no file system lies on the way")]),
    };

    private static IEnumerable<Finding> Affinity(Facts facts, TopologyDisk disk)
    {
        string source = disk.Sys("queue/rq_affinity");
        if (facts.NumberOrMissing(source) is not long affinity)
        {
            yield return Finding.Unsupported("it has no queue of requests");
            yield break;
        }

        string seen = $"rq_affinity {affinity}" + string.Concat(
            new[] { ("nomerges", "nomerges"), ("nr_requests", "requests"),
                ("read_ahead_kb", "KiB read ahead") }
                .Select(row => facts.NumberOrMissing(disk.Sys("queue/" + row.Item1)) is long value
                    ? $", {row.Item2} {value}" : ""));
        if (disk.Declared.Cpu is not int cpu || facts.Topology.Housekeeping.Contains(cpu))
        {
            yield return Finding.Pass($"submitted from a housekeeping CPU; {seen}");
            yield break;
        }

        bool isPolled = disk.Declared.Mode == DiskMode.Iopoll;
        if (affinity != 0 && !isPolled)
        {
            yield return Finding.Warn($"completions interrupt CPU {cpu}, which submits; {seen}", null,
                $"echo 0 > {source}");
        }

        foreach (Match queue in facts.Match(disk.Sys("mq/*/cpu_list")))
        {
            // "0, 1": the one list of CPUs that the kernel prints with spaces (block/blk-mq-sysfs.c).
            CpuMask cpus = Facts.AsCpus(queue.Source,
                facts.Line(queue.Source).Replace(" ", "", StringComparison.Ordinal));
            CpuMask others = cpus.Without(new CpuMask([cpu]));
            if (cpus.Contains(cpu) && !isPolled && !others.IsEmpty)
            {
                yield return Finding.Warn($"CPU {cpu} shares queue {queue.Parts[0]} with CPUs {others}");
            }
        }

        if (isPolled || affinity == 0)
        {
            yield return Finding.Pass($"{(isPolled ? "polled" : "submitted")} from CPU {cpu}; {seen}");
        }
    }

    private static IEnumerable<Finding> Throttles(Facts facts, TopologyDisk disk)
    {
        List<string> slowed = [];
        string writeback = disk.Sys("queue/wbt_lat_usec");
        long? target = facts.NumberOrMissing(writeback);
        if (target is > 0)
        {
            yield return Finding.Warn($"writeback is throttled at a latency of {target} us", null,
                $"echo 0 > {writeback}");
        }

        string number = facts.Line(disk.HeadNumber);
        if (!number.Contains(':', StringComparison.Ordinal))
        {
            throw new NotReadException($"{disk.HeadNumber}: '{Facts.Short(number)}' is no device number");
        }

        foreach (string slice in facts.Topology.Slices)
        {
            foreach (string file in (string[])["io.max", "io.latency"])
            {
                if (Limit(facts, $"/sys/fs/cgroup{slice}/{file}", number) is string limit)
                {
                    slowed.Add($"{slice}/{file} says {Facts.Short(limit)}");
                }
            }
        }

        if (Limit(facts, "/sys/fs/cgroup/io.cost.qos", number) is string cost
            && !cost.Contains("enable=0", StringComparison.Ordinal))
        {
            slowed.Add($"io.cost.qos says {Facts.Short(cost)}");
        }

        foreach (string reason in slowed)
        {
            yield return Finding.Warn(reason);
        }

        if (facts.Topology.Slice is null)
        {
            yield return target is > 0 ? Finding.NotApplicable("no data plane runs: its cgroup is not known")
                : Finding.Pass("no writeback throttling; the data plane's cgroup is not known, as none runs");
        }
        else if (slowed.Count == 0 && target is not > 0)
        {
            yield return Finding.Pass("nothing throttles it" + Pressure(facts));
        }
    }

    // "some avg10=0.00 avg60=0.00 avg300=0.00 total=0": percent of time that some task waited
    // (accounting/psi.rst).
    private static string Pressure(Facts facts)
    {
        string source = $"/sys/fs/cgroup{facts.Topology.Slice!.TrimEnd('/')}/io.pressure";
        string[]? lines = facts.LinesOrMissing(source);
        return lines is null ? "" : lines[0].Split(' ')
            is ["some", _, ['a', 'v', 'g', '6', '0', '=', .. var share], ..]
            ? $"; some task waited {Facts.Short(share)} % of the last minute"
            : throw new NotReadException($"{source}: '{Facts.Short(lines[0])}' is no pressure");
    }

    // "259:0 rbps=max wbps=1048576 riops=max wiops=max"; no line, or nothing but max: no limit.
    private static string? Limit(Facts facts, string source, string number)
    {
        string[] lines = facts.LinesOrMissing(source) ?? [];
        string? line = lines.FirstOrDefault(line => line.StartsWith(number + " ", StringComparison.Ordinal))?
            [(number.Length + 1)..];
        return lines.FirstOrDefault(other => !other.Contains('=', StringComparison.Ordinal)) is string odd
            ? throw new NotReadException($"{source}: '{Facts.Short(odd)}' is no limit of a device")
            : line is null || line.Split(' ').All(word => word.EndsWith("=max", StringComparison.Ordinal))
                ? null : line;
    }

    private static IEnumerable<Finding> Capture(Facts facts, TopologyDisk disk)
    {
        IReadOnlyList<MountRow> mounts = MountTable.Parse(Mounts, facts.Lines(Mounts));
        string stat = "stat:" + disk.Path;
        string device = facts.Line(stat).Split(' ') is ["directory", var number] ? number
            : throw new NotReadException($"{stat}: '{Facts.Short(facts.Line(stat))}' is no directory");
        MountRow mount = MountTable.Find(mounts, device, disk.Path)
            ?? throw new NotReadException($"{Mounts}: nothing mounts device {device}");
        List<Finding> flaws = [];
        if (mounts.Any(other => other.Point == "/" && other.Device == device))
        {
            flaws.Add(Finding.Warn($"{disk.Path} lies on the root file system"));
        }

        if (mount.Options.Any(option => option == "discard"
            || option.StartsWith("discard=", StringComparison.Ordinal)))
        {
            flaws.Add(Finding.Warn(
                $"{mount.Point} discards while it is written to", null,
                    $"mount -o remount,nodiscard {mount.Point}"));
        }

        if (!DirectFileSystems.Contains(mount.Type))
        {
            flaws.Add(Finding.Unknown($"whether {Facts.Short(mount.Type)} takes O_DIRECT is not known"));
        }

        flaws.AddRange(Writeback(facts));
        foreach (Finding flaw in flaws)
        {
            yield return flaw;
        }

        string space = "probe:space " + disk.Path;
        long free = Facts.AsNumber(space, facts.Value(space, "freeBytes"));
        long wanted = facts.Topology.Objective.CaptureFreeBytes;
        long dirtyBytes = facts.NumberOrMissing("/proc/sys/vm/dirty_bytes") ?? 0;
        string dirty = dirtyBytes > 0 ? $"{dirtyBytes >> 20} MiB"
            : $"{facts.NumberOrMissing("/proc/sys/vm/dirty_ratio") ?? -1} % of memory";
        if (free < wanted)
        {
            yield return Finding.Warn($"{free >> 20} MiB are free on {mount.Point}, {wanted >> 20} MiB are "
                + "wanted");
        }
        else if (flaws.Count == 0)
        {
            yield return Finding.Pass($"{mount.Type} on {mount.Point}, {free >> 30} GiB free, at most "
                + $"{dirty} dirty");
        }
    }

    // What the file shows is cut to the CPUs of all unbound work (core-api/workqueue.rst, affinity scopes).
    private static IEnumerable<Finding> Writeback(Facts facts)
    {
        if (facts.HexCpusOrMissing(WritebackCpus) is not CpuMask own)
        {
            yield break;
        }

        CpuMask all = facts.HexCpusOrMissing(UnboundCpus) ?? own;
        CpuMask cut = own.And(all);
        CpuMask lanes = (cut.IsEmpty ? all : cut).And(facts.Topology.Data);
        CpuMask house = facts.Topology.Housekeeping;
        if (!lanes.IsEmpty)
        {
            yield return Finding.Warn($"writeback may run on CPUs {lanes}", null,
                house.IsEmpty ? [] : [$"echo {house.ToHex()} > {WritebackCpus}"]);
        }
    }
}
