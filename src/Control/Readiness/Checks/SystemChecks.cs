using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>What the kernel grants the data plane: io_uring, BPF, AF_XDP, VFIO, limits, capabilities. Limits
/// and capabilities are those of the running data plane, else of this process.</summary>
internal static class SystemChecks
{
    private const string RingDisabled = "/proc/sys/kernel/io_uring_disabled";
    private const string JitEnable = "/proc/sys/net/core/bpf_jit_enable";
    private const string JitHarden = "/proc/sys/net/core/bpf_jit_harden";
    private const string Types = "stat:/sys/kernel/btf/vmlinux"; // some 5 MiB: that it is there is enough
    private const string ThreadStatus = "/proc/*/task/*/status";
    private const string MapsMax = "/proc/sys/vm/max_map_count";
    private const string FilesMax = "/proc/sys/fs/nr_open";
    private const string PidsMax = "/proc/sys/kernel/pid_max";
    private const int MapsNeeded = 4096;     // the runtime takes some hundred, each lane a dozen
    private const int PidsNeeded = 4096;     // per-CPU kernel threads alone are some dozen a CPU
    private const int FilesBase = 64;        // runtime, libraries, regions, sockets of the control plane
    private const int FilesPerThing = 16;    // sockets, maps, links and clocks of a port or a disk

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [RingUsable, RingWorkersOff, BpfLoadable, SocketUsable, LimitsSufficient, CapabilitiesMinimal];

    private static Check RingUsable => new()
    {
        Id = "sys.io_uring.usable",
        Kind = CheckKind.Probe,
        Severities = "H/H/M",
        Reads =
        [
            RingDisabled, "/proc/sys/kernel/io_uring_group", new Read("probe:uring {uring}", Intrusion.I1),
        ],
        Expects = "io_uring_setup works with the flags that the declared disks need",
        Why = "it is refused for different reasons that look alike: EPERM is a sysctl, ENOSYS a seccomp "
            + "filter or a kernel without it",
        Source = "admin-guide/sysctl/kernel.rst (io_uring_disabled); tigerbeetle/tigerbeetle#2246",
        Remedy = new Remedy(RollbackClass.Runtime, "sysctl -w kernel.io_uring_disabled=0; in a container, "
            + "a seccomp profile that lets io_uring_setup through"),
        Judge = static facts => facts.Topology.RingModes.SelectMany(mode => Ring(facts, mode)),
    };

    private static Check RingWorkersOff => new()
    {
        Id = "sys.io_uring.workers-off",
        Kind = CheckKind.Static,
        Severities = "M/M/L",
        Reads = [ThreadStatus],
        Expects = "no worker of io_uring may run on a data-plane CPU but a declared submission thread",
        Why = "before Linux 6.12 workers ignore the cpuset of their creator and may use every CPU; a mask "
            + "of several isolated CPUs ends on one of them",
        Source = "ydb-platform/nbs#4662; axboe/liburing#1017",
        Remedy = new Remedy(RollbackClass.Restart, "register a mask of housekeeping CPUs "
            + "(IORING_REGISTER_IOWQ_AFF) in the program that owns the ring"),
        Judge = RingWorkers,
    };

    private static Check BpfLoadable => new()
    {
        Id = "sys.bpf.loadable",
        Kind = CheckKind.Static | CheckKind.Probe,
        Severities = "H/H/M",
        Reads =
        [
            JitEnable, JitHarden, "/proc/sys/kernel/unprivileged_bpf_disabled", Types,
            new Read("probe:bpf", Intrusion.I2),
        ],
        Expects = "the verifier takes our program, and it runs as machine code without blinded constants",
        Why = "without the JIT each frame is interpreted; blinding of constants lengthens the program",
        Source = "admin-guide/sysctl/net.rst (bpf_jit_enable, bpf_jit_harden)",
        Remedy = new Remedy(RollbackClass.Runtime,
            "sysctl -w net.core.bpf_jit_enable=1 net.core.bpf_jit_harden=1, then start the data plane anew"),
        Judge = Bpf,
    };

    private static Check SocketUsable => new()
    {
        Id = "sys.afxdp.socket",
        Kind = CheckKind.Probe,
        Severities = "H/H/M",
        Reads = [new Read("probe:xsk {umem}", Intrusion.I1)],
        Expects = "an AF_XDP socket takes a UMEM of the declared size",
        Why = "a limit on locked memory or a denial by a security module shows only when the socket is bound",
        Source = "networking/af_xdp.rst; net/xdp/xdp_umem.c",
        Remedy = new Remedy(RollbackClass.Restart, "LimitMEMLOCK=infinity and "
            + "AmbientCapabilities=CAP_NET_RAW in the unit"),
        Judge = Socket,
    };

    private static Check LimitsSufficient => new()
    {
        Id = "sys.limits.sufficient",
        Kind = CheckKind.Static,
        Severities = "H/H/H",
        Reads =
        [
            "/proc/{app}/limits", "/proc/self/limits", "/proc/{app}/status", "/proc/self/status",
            "/proc/{app}/uid_map", "/proc/self/uid_map", MapsMax, FilesMax, PidsMax,
        ],
        Expects = "limits on locked memory, real-time priority, files, mappings and threads leave room for "
            + "what is declared",
        Why = "what is refused at the limit fails hours later, when the last mapping or thread is made",
        Source = "getrlimit(2); capabilities(7); admin-guide/sysctl/vm.rst (max_map_count)",
        Remedy = new Remedy(RollbackClass.Restart, "LimitMEMLOCK, LimitRTPRIO and LimitNOFILE in the unit, "
            + "then start it anew"),
        Judge = Limits,
    };

    private static Check CapabilitiesMinimal => new()
    {
        Id = "sys.caps.minimal",
        Kind = CheckKind.Static,
        Severities = "M/M/M",
        Reads = ["/proc/{app}/status", "/proc/self/status", "/proc/{app}/uid_map", "/proc/self/uid_map"],
        Expects = "exactly CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_IPC_LOCK and CAP_SYS_NICE are in force",
        Why = "one too few takes a feature away without a word, one too many is a way into the host",
        Source = "capabilities(7); proc_pid_status(5) (CapEff)",
        Remedy = new Remedy(RollbackClass.Restart, "AmbientCapabilities and CapabilityBoundingSet in the "
            + "unit: CAP_NET_RAW CAP_NET_ADMIN CAP_BPF CAP_IPC_LOCK CAP_SYS_NICE"),
        Judge = static facts => facts.Topology.Lanes.Count == 0
            ? [Finding.NotApplicable("no lane is declared")]
            : Capability.Judge(Of(facts, "status"), facts.Value(Of(facts, "status"), "CapEff"),
                facts.Lines(Of(facts, "uid_map")), Whose(facts)),
    };

    private static string Of(Facts facts, string file) => !facts.Topology.IsRunning ? $"/proc/self/{file}"
        : string.Create(CultureInfo.InvariantCulture, $"/proc/{facts.Topology.AppPid}/{file}");

    private static string Whose(Facts facts) => !facts.Topology.IsRunning
        ? "this process, as no data plane runs,"
        : string.Create(CultureInfo.InvariantCulture, $"the data plane (pid {facts.Topology.AppPid})");

    private static IEnumerable<Finding> Ring(Facts facts, string mode)
    {
        string source = "probe:uring " + mode;
        string result = facts.Value(source, "result");
        long? disabled = facts.NumberOrMissing(RingDisabled);
        string why = result switch
        {
            "EPERM" when disabled is > 0 => $"EPERM, as kernel.io_uring_disabled is {disabled}",
            "EPERM" => "EPERM, though no sysctl disables it: a seccomp filter, a security module or a "
                + "missing privilege",
            "ENOSYS" when disabled is not null => "ENOSYS, though the kernel has it: a seccomp filter",
            "ENOSYS" => "ENOSYS: a seccomp filter, or a kernel without CONFIG_IO_URING",
            "EINVAL" => "EINVAL: this kernel does not know the flags",
            "ENOMEM" => "ENOMEM: the limit on locked memory",
            _ => Facts.Short(result),
        };
        string flags = mode == "none" ? "" : $" with {mode}";
        if (result == "ok")
        {
            long operations = Facts.AsNumber(source, facts.Value(source, "ops"));
            yield return operations == 0
                ? Finding.Unknown("io_uring_setup works, but which operations there are is not known")
                : disabled switch
            {
                null or 0 => Finding.Pass($"io_uring works{flags}, {operations} operations"),
                1 => Finding.Warn("io_uring works here, but only for CAP_SYS_ADMIN and group "
                    + $"{facts.LineOrMissing("/proc/sys/kernel/io_uring_group")}: kernel.io_uring_disabled "
                        + "is 1"),
                _ => Finding.Fail($"kernel.io_uring_disabled is {disabled}: no process gets a new ring"),
            };
        }
        else
        {
            yield return facts.Topology.Disks.Count == 0
                ? Finding.NotApplicable($"io_uring is refused ({why}), and nothing declared needs it")
                : Finding.Fail($"io_uring is refused{flags}: {why}", null,
                    result == "EPERM" && disabled is > 0 ? ["sysctl -w kernel.io_uring_disabled=0"] : []);
        }
    }

    private static List<Finding> RingWorkers(Facts facts)
    {
        const int Named = 8;
        CpuMask data = facts.Topology.Data;
        if (data.IsEmpty)
        {
            return [Finding.NotApplicable("no data-plane CPU is declared")];
        }

        CpuMask declared = new(facts.Topology.Disks
            .Where(disk => disk.Declared.Mode == Configuring.DiskMode.Sqpoll)
                .Select(disk => disk.Declared.Cpu).OfType<int>());
        List<Match> threads = [.. facts.Match(ThreadStatus).Where(match =>
            match.Parts.All(part => part.All(char.IsAsciiDigit)))];
        if (threads.Count == 0)
        {
            throw new NotReadException("/proc: it shows no thread, not even ours");
        }

        bool isWhole = threads.Exists(match => match.Parts is ["2", "2"]
            && facts.TextOrMissing(match.Source) is not null
            && facts.Value(match.Source, "Name") == ProcessTable.Kernel.Name);

        List<Finding> findings =
        [
            .. Facts.Each(threads, match => new Subject(SubjectKind.Thread, match.Parts[1]),
                match => Worker(facts, match, data, declared)),
        ];
        List<Finding> wrong = [.. findings.Where(finding => finding.State != CheckState.Pass)];
        return wrong.Count == 0 && !isWhole
            ? [Finding.Unknown("/proc shows only some threads: a namespace of processes, or hidepid=, hides "
                + "the others")]
            : wrong.Count == 0
            ? [Finding.Pass($"{findings.Count} workers of io_uring, none may run on CPUs {data}")]
            : wrong.Count <= Named ? wrong
            : [.. wrong.Take(Named), new Finding(Subject.Host, wrong[Named..].Max(finding => finding.State),
                $"and {wrong.Count - Named} more")];
    }

    // A thread that ended between listing and reading is gone; iou-wrk and iou-sqp are their names
    // (io_uring/io-wq.c, sqpoll.c).
    private static IEnumerable<Finding> Worker(Facts facts, Match match, CpuMask data, CpuMask declared)
    {
        if (facts.TextOrMissing(match.Source) is null)
        {
            yield break;
        }

        string name = facts.Value(match.Source, "Name");
        bool isPolling = name.StartsWith("iou-sqp", StringComparison.Ordinal);
        if (!isPolling && !name.StartsWith("iou-wrk", StringComparison.Ordinal))
        {
            yield break;
        }

        CpuMask cpus = facts.AllowedCpus(match.Source);
        Subject thread = new(SubjectKind.Thread, $"{name} ({match.Parts[1]})");
        yield return cpus.And(data).IsEmpty || (isPolling && cpus.Count == 1 && cpus.IsWithin(declared))
            ? Finding.Pass($"runs on CPUs {cpus}", thread)
            : Finding.Warn($"may run on CPUs {cpus.And(data)}", thread);
    }

    private static IEnumerable<Finding> Bpf(Facts facts)
    {
        if (facts.Topology.Ports.Count == 0)
        {
            yield return Finding.NotApplicable("no port is declared");
            yield break;
        }

        bool isGood = true;
        if (facts.NumberOrMissing(JitEnable) == 0)
        {
            isGood = false;
            yield return Finding.Fail("the JIT is off: bpf_jit_enable is 0", null,
                "sysctl -w net.core.bpf_jit_enable=1");
        }

        if (facts.NumberOrMissing(JitHarden) == 2)
        {
            isGood = false;
            yield return Finding.Warn("constants are blinded for all programs: bpf_jit_harden is 2", null,
                "sysctl -w net.core.bpf_jit_harden=1");
        }

        string? types = facts.LineOrMissing(Types);
        if (types?.StartsWith("file ", StringComparison.Ordinal) == false)
        {
            throw new NotReadException($"{Types}: '{Facts.Short(types)}' is no file");
        }

        if (types is null)
        {
            isGood = false;
            yield return Finding.Warn("the kernel describes no types: /sys/kernel/btf/vmlinux is not there");
        }

        string result = facts.Value("probe:bpf", "result");
        if (result != "ok")
        {
            yield return Finding.Fail($"the kernel refuses our program: {Facts.Short(result)} "
                + Facts.Short(facts.ValueOrMissing("probe:bpf", "verifier") ?? ""));
        }
        else if (facts.Value("probe:bpf", "jited") != "true")
        {
            yield return Finding.Fail("our program is interpreted, not compiled");
        }
        else if (isGood)
        {
            long unprivileged = facts.NumberOrMissing("/proc/sys/kernel/unprivileged_bpf_disabled") ?? 0;
            yield return Finding.Pass("our program loads and is compiled" + (unprivileged == 0
                ? "; bpf(2) is open to everybody" : ""));
        }
    }

    private static IEnumerable<Finding> Socket(Facts facts)
    {
        if (facts.Topology.Ports.Count == 0 || facts.Topology.MemoryBytes == 0)
        {
            return [Finding.NotApplicable("no lane with ports is declared")];
        }

        string source = string.Create(CultureInfo.InvariantCulture,
            $"probe:xsk {facts.Topology.MemoryBytes}");
        string result = facts.Value(source, "result");
        string size = $"{facts.Topology.MemoryBytes >> 10} KiB";
        return
        [
            result switch
            {
                "ok" => Finding.Pass($"a UMEM of {size} is taken"),
                "ENOBUFS" or "ENOMEM" => Finding.Fail($"a UMEM of {size} is refused ({result}): the limit "
                    + "on locked memory"),
                "EPERM" or "EACCES" => Finding.Fail($"refused ({result}): no CAP_NET_RAW, or a security "
                    + "module"),
                "EAFNOSUPPORT" => Finding.Fail("this kernel has no AF_XDP sockets"),
                _ => Finding.Fail($"a UMEM of {size} is refused: {Facts.Short(result)}"),
            },
        ];
    }

    private static IEnumerable<Finding> Limits(Facts facts)
    {
        Topology topology = facts.Topology;
        if (topology.Lanes.Count == 0)
        {
            return [Finding.NotApplicable("no lane is declared")];
        }

        string source = Of(facts, "limits");
        string[] lines = facts.Lines(source);

        // What lifts limits counts in the first namespace of users only (capable(), kernel/capability.c).
        ulong effective = Capability.Parse(Of(facts, "status"), facts.Value(Of(facts, "status"), "CapEff"));
        string[] users = facts.Lines(Of(facts, "uid_map"));
        effective = !Capability.IsMapOfUsers(users)
            ? throw new NotReadException($"{Of(facts, "uid_map")}: it is no map of users")
            : Capability.IsFirstNamespace(users) ? effective : 0;
        long files = FilesBase + (FilesPerThing * (topology.Ports.Count + topology.Disks.Count));
        int priority = topology.Lanes.Where(lane => lane.Policy == Native.Layout.LanePolicy.Fifo)
            .Select(lane => lane.Priority).DefaultIfEmpty(0).Max();
        long locked = LimitOf(source, lines, "Max locked memory");
        long realTime = LimitOf(source, lines, "Max realtime priority");
        long open = LimitOf(source, lines, "Max open files");
        List<string> low = [];
        Below(low, "locked memory, KiB", locked == long.MaxValue ? locked
            : locked >> 10, (topology.MemoryBytes + 1023) >> 10,
            Capability.Has(effective, Capability.IpcLock));
        Below(low, "real-time priority", realTime, priority, Capability.Has(effective, Capability.SysNice));
        Below(low, "nice priority", LimitOf(source, lines, "Max nice priority"), Niceness(topology),
            Capability.Has(effective, Capability.SysNice));
        Below(low, "open files", open, files, isExempt: false);
        Below(low, MapsMax, facts.Number(MapsMax), MapsNeeded, isExempt: false);
        Below(low, FilesMax, facts.Number(FilesMax), files, isExempt: false);
        Below(low, PidsMax, facts.Number(PidsMax), PidsNeeded, isExempt: false);
        return low.Count > 0 ? [.. low.Select(text => Finding.Fail($"{Whose(facts)} has too little: {text}"))]
            : [Finding.Pass($"{Whose(facts)} has room: {open} files, real-time priority "
                + (Capability.Has(effective, Capability.SysNice) ? "by capability" : realTime)
                    + ", locked memory "
                + (Capability.Has(effective, Capability.IpcLock) ? "by capability" : "within its limit"))];
    }

    // RLIMIT_NICE counts from 20 down: 20 minus the lowest nice value (getrlimit(2)).
    private static long Niceness(Topology topology) => topology.Lanes
        .Where(lane => lane.Policy == Native.Layout.LanePolicy.Other && lane.Priority < 0)
        .Select(lane => 20L - lane.Priority).DefaultIfEmpty(0).Max();

    private static void Below(List<string> low, string what, long limit, long needed, bool isExempt)
    {
        if (limit < needed && !isExempt)
        {
            low.Add($"{what} {limit}, wanted {needed}");
        }
    }

    // "Max locked memory         8388608              8388608              bytes": columns of 26 and 21
    // characters (fs/proc/base.c, proc_pid_limits). The soft limit is what holds.
    private static long LimitOf(string source, string[] lines, string name)
    {
        string line = lines.FirstOrDefault(line => line.StartsWith(name + " ", StringComparison.Ordinal))
            ?? throw new NotReadException($"{source}: it has no line '{name}'");
        string soft = line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault() ?? "";
        return soft == "unlimited" ? long.MaxValue : Facts.AsNumber(source, soft);
    }
}
