using System.Globalization;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>What the kernel has cleared from the lanes' CPUs: domains, ticks, callbacks, deferred
/// work.</summary>
internal static class IsolationChecks
{
    private const string Cpus = "/sys/devices/system/cpu/";
    private const string Cgroup = "/sys/fs/cgroup";
    private const string Interrupts = "/proc/interrupts";
    private const string FairServers = "/sys/kernel/debug/sched/fair_server/cpu{D}/runtime";
    private const string RcuExpedited = "/sys/kernel/rcu_expedited";
    private const string RcuNormal = "/sys/kernel/rcu_normal";
    private const string Workqueues = "/sys/devices/virtual/workqueue/";

    /// <summary>The first half of the group.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [Isolated, PartitionValid, QuotaUnlimited, NohzFull, RcuOffloaded, TickSilent, FairServer,
            WorkqueueOff];

    private static Check Isolated => new()
    {
        Id = "cpu.isolated.covers-dataplane",
        Kind = CheckKind.Static,
        Severities = "B/B/L",
        Reads = [Cpus + "isolated", Cgroup + "/cpuset.cpus.isolated"],
        Expects = "every lane's CPU is out of the scheduler's domains, by boot argument or by an isolated "
            + "cgroup partition",
        Why = "within a domain, load balancing moves foreign work onto the lane's CPU",
        Source = "Linux Documentation/admin-guide/cpu-isolation.rst; redhat-performance/tuned#98",
        Remedy = new Remedy(RollbackClass.Boot, "make the lanes' cgroup an isolated partition, or isolate "
            + "at boot",
            "isolcpus=domain,managed_irq,{D}"),
        Judge = static facts =>
        {
            CpuMask isolated = facts.Cpus(Cpus + "isolated")
                .Or(facts.CpusOrMissing(Cgroup + "/cpuset.cpus.isolated") ?? CpuMask.Empty);
            return facts.EachDataCpu(cpu => isolated.Contains(cpu) ? [Finding.Pass("isolated")]
                : [Finding.Fail($"is not isolated; isolated are: {isolated}")]);
        },
    };

    private static Check PartitionValid => new()
    {
        Id = "cpu.cgroup.partition-valid",
        Kind = CheckKind.Static,
        Severities = "B/B/L",
        Reads =
        [
            Cgroup + "{slices}/cpuset.cpus.partition",
            new Read(Cgroup + "{slices}/cpuset.cpus", Traits: ReadTraits.MayBeEmpty), Cpus + "isolated",
        ],
        Expects = "where a cgroup partition isolates the lanes, it is in force: 'isolated', not 'isolated "
            + "invalid'",
        Why = "the kernel falls back to a partition that isolates nothing, and says so only in this file",
        Source = "Linux Documentation/admin-guide/cgroup-v2.rst (cpuset.cpus.partition); "
            + "intel/intel-lpmd#117; "
            + "systemd/systemd#42013",
        Remedy = new Remedy(RollbackClass.Runtime, "give the parent cgroup these CPUs; make the "
            + "cgroup a partition while it has none that the boot line isolates, then give it those",
            Hazard: "on the way the CPUs are not isolated; without any CPU of its own the cgroup must be "
                + "empty"),
        Judge = static facts =>
        {
            List<Finding> findings = [];
            foreach (string slice in facts.Topology.Slices)
            {
                string source = $"{Cgroup}{slice}/cpuset.cpus.partition";
                string? state = facts.LineOrMissing(source);
                // Above an isolated partition there may well be one that is not: the nearest holds.
                if (state is not (null or "member" or "root") || (state == "root" && findings.Count == 0))
                {
                    findings.Add(state == "isolated" ? Finding.Pass($"{slice} is isolated")
                        : Finding.Fail($"{slice} is '{Facts.Short(state)}'", null, Reform(facts, slice)));
                }
            }

            bool isByBoot = !facts.Topology.Data.IsEmpty
                && facts.Topology.Data.IsWithin(facts.Cpus(Cpus + "isolated"));
            return findings.Count > 0 ? findings
                : isByBoot ? [Finding.NotApplicable("the lanes' CPUs are isolated by a boot argument, not "
                    + "by a cgroup")]
                : facts.Topology.Slice is null
                    ? [Finding.NotApplicable("no cgroup of the data plane is known: none runs, and [host] "
                        + "slice is not set")]
                : [Finding.Fail($"{facts.Topology.Slice} is no partition, and no boot argument isolates "
                    + $"the lanes' CPUs")];
        },
    };

    private static Check QuotaUnlimited => new()
    {
        Id = "cpu.cgroup.quota-unlimited",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "B/B/H",
        Reads = [Cgroup + "{slices}/cpu.max", new Read(Cgroup + "{slices}/cpu.stat",
            Traits: ReadTraits.Window)],
        Expects = "no cgroup on the data plane's way to the root has a CPU quota, and none was throttled",
        Why = "a cgroup that has used up its quota stands still for the rest of the period, up to 100 ms",
        Source = "Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max); kubernetes/kubernetes#70585, "
            + "#127525, "
            + "cri-o/cri-o#4022",
        Remedy = new Remedy(RollbackClass.Runtime, "write 'max' to cpu.max of that cgroup"),
        Judge = static facts => facts.Topology.Slices.Count == 0
            ? [Finding.NotApplicable("no cgroup of the data plane is known: none runs, and [host] slice is "
                + "not set")]
            : facts.Topology.Slices.SelectMany(slice => Quota(facts, slice)),
    };

    private static Check NohzFull => new()
    {
        Id = "cpu.nohz_full.covers-dataplane",
        Kind = CheckKind.Static,
        Severities = "H/H/I",
        Reads = [Cpus + "nohz_full"],
        Expects = "the kernel stops its tick on every lane's CPU while one thread runs there",
        Why = "each tick is an interrupt of 1 to 5 us, up to a thousand times a second",
        Source = "Linux Documentation/timers/no_hz.rst; siderolabs/pkgs#1692",
        Remedy = new Remedy(RollbackClass.Boot, "boot with nohz_full", "nohz_full={D}"),
        Judge = static facts => facts.CpusOrMissing(Cpus + "nohz_full") is not CpuMask silent
            ? [Finding.Unsupported("this kernel is built without NO_HZ_FULL")]
            : facts.EachDataCpu(cpu => silent.Contains(cpu) ? [Finding.Pass("tickless")]
                : [Finding.Fail($"keeps its tick; tickless are: {silent}")]),
    };

    private static Check RcuOffloaded => new()
    {
        Id = "cpu.rcu.offloaded",
        Kind = CheckKind.Static,
        Severities = "H/H/I",
        Reads = [.. ThreadTable.Reads, RcuExpedited, RcuNormal, BootLine.Source, Cpus + "nohz_full"],
        Expects = "RCU callbacks of every lane's CPU are run by threads, and those threads keep off the "
            + "lanes' CPUs",
        Why = "rcu_nocbs moves callbacks to threads; the threads still run wherever they may",
        Source = "Linux Documentation/admin-guide/kernel-per-CPU-kthreads.rst",
        Remedy = new Remedy(RollbackClass.Boot, "boot with rcu_nocbs, then move the rcuo threads to "
            + "housekeeping CPUs",
            "rcu_nocbs={D}"),
        Judge = Rcu,
    };

    private static Check TickSilent => new()
    {
        Id = "cpu.tick.silent",
        Kind = CheckKind.Behaviour,
        Severities = "H/H/I",
        Reads = [new Read(Interrupts, Intrusion.I1, ReadTraits.Window)],
        Expects = "over the window the local timer interrupts each lane's CPU at most once a second",
        Why = "configured is not effective: a timer of the scheduler has kept the tick alive on nohz_full "
            + "CPUs",
        Source = "NVIDIA/NV-Kernels#400; Linux Documentation/timers/no_hz.rst",
        Remedy = new Remedy(RollbackClass.Observe, "a trace of timer:tick_stop names what keeps the tick"),
        Judge = static facts =>
        {
            // An idle CPU stops its tick on any kernel (NO_HZ_IDLE): silence counts under a lane alone.
            bool isRunning = facts.Topology.IsRunning;
            return facts.EachDataCpu(cpu =>
            {
                double rate = Ticks(facts, cpu) / facts.WindowSeconds;
                string told = string.Create(CultureInfo.InvariantCulture, $"{rate:0.#} ticks a second")
                    + (isRunning ? "" : " (no data plane runs)");
                return [rate > 10 ? Finding.Fail(told) : rate > 1 ? Finding.Warn(told)
                    : isRunning ? Finding.Pass(told)
                    : Finding.Unknown($"{told}: an idle CPU is silent without nohz_full too")];
            });
        },
    };

    private static Check FairServer => new()
    {
        Id = "cpu.sched.dl-server",
        Kind = CheckKind.Static,
        Severities = "H/H/I",
        Reads = [FairServers, new Read(TimerList.Source, Intrusion.I1), .. WatchdogChecks.GuardReads],
        Expects = "the scheduler's fair server takes no time of the lanes' CPUs and arms no timer there, "
            + "unless it is the one guard against starvation (wd.starvation-guard.exactly-one)",
        Why = "since Linux 6.12 a deadline server gives starving ordinary threads up to 50 ms of each "
            + "second, and its timer "
            + "keeps the tick alive",
        Source = "NVIDIA/NV-Kernels#400; Linux kernel/sched/debug.c (fair_server); measured: it takes 50 "
            + "ms/s from a FIFO "
            + "lane when other threads want its CPU",
        Remedy = new Remedy(RollbackClass.Runtime, "set the fair server's runtime of the lanes' CPUs to 0",
            Hazard: "what starves there then starves for good: keep another guard on. Linux 6.12 may answer "
                + "EBUSY; forcing it with sched_rt_runtime_us = -1 loses the kernel's count of bandwidth, "
                + "and throttling cannot be switched on again before a boot"),
        Judge = static facts => facts.EachDataCpu(cpu => Server(facts, cpu)),
    };

    private static Check WorkqueueOff => new()
    {
        Id = "cpu.workqueue.unbound-off",
        Kind = CheckKind.Static,
        Severities = "H/H/L",
        Reads = [Workqueues + "cpumask", Workqueues + "*/cpumask"],
        Expects = "no workqueue that is bound to no CPU may use a lane's",
        Why = "write-back, flushes and crypto land on any CPU of the mask",
        Source = "Linux Documentation/core-api/workqueue.rst, admin-guide/kernel-per-CPU-kthreads.rst; "
            + "firedancer-io/firedancer "
            + "configure stage 'kworkers'",
        Remedy = new Remedy(RollbackClass.Runtime, "write the housekeeping CPUs' mask"),
        Judge = static facts =>
        {
            CpuMask data = facts.Topology.Data;
            if (facts.HexCpusOrMissing(Workqueues + "cpumask") is not CpuMask all)
            {
                return [Finding.Unsupported("this kernel shows no mask of workqueues")];
            }

            // The mask above holds for all: a queue's own mask is cut to it, and one that shares no CPU
            // with it gives way to it (kernel/workqueue.c, wqattrs_actualize_cpumask).
            string house = facts.Topology.Online.Without(data).ToHex();
            return data.IsEmpty ? [Finding.NotApplicable("no data-plane CPU is declared")]
                : new[] { Workqueues + "cpumask" }.Concat(facts.Match(Workqueues + "*/cpumask")
                    .Select(match => match.Source)).Select(source =>
                {
                    CpuMask cut = facts.HexCpus(source).And(all);
                    return (cut.IsEmpty ? all : cut).And(data) is { IsEmpty: false } shared
                        ? Finding.Fail($"{source} has CPUs {shared}", null, $"echo {house} > {source}")
                        : Finding.Pass($"{source} keeps off");
                });
        },
    };

    // A cgroup that has CPUs of isolcpus= does not become an isolated partition (kernel/cgroup/cpuset.c,
    // prstate_housekeeping_conflict): it becomes one without them, then takes them.
    private static string[] Reform(Facts facts, string slice)
    {
        string folder = Cgroup + slice;
        CpuMask all = (facts.CpusOrMissing(folder + "/cpuset.cpus") ?? CpuMask.Empty).Or(facts.Topology.Data);
        CpuMask first = all.Without(facts.Cpus(Cpus + "isolated"));
        return
        [
            $"echo member > {folder}/cpuset.cpus.partition",
            $"echo {first} > {folder}/cpuset.cpus".Replace("  ", " ", StringComparison.Ordinal),
            $"echo isolated > {folder}/cpuset.cpus.partition",
            $"echo {all} > {folder}/cpuset.cpus",
        ];
    }

    private static List<Finding> Quota(Facts facts, string slice)
    {
        string source = $"{Cgroup}{slice}/cpu.max";
        string? line = facts.LineOrMissing(source);
        string stat = $"{Cgroup}{slice}/cpu.stat";
        // Each cgroup of version 2 has cpu.stat, with the controller or without.
        if (line is null && (!facts.Exists(stat) || facts.ValueOrMissing(stat, "usage_usec") is null))
        {
            return [Finding.Unknown($"{Cgroup}{slice}: there is no such cgroup of version 2")];
        }

        string[] words = line?.Split(' ') ?? ["max", "0"];
        if (words.Length != 2 || (words[0] != "max" && !words[0].All(char.IsAsciiDigit)))
        {
            throw new NotReadException($"{source}: '{Facts.Short(line!)}' is no quota and period");
        }

        List<Finding> findings =
        [
            words[0] != "max"
                ? Finding.Fail($"{slice} may use {words[0]} of {words[1]} us", null, $"echo max > {source}")
                : Finding.Pass(line is null ? $"{slice} has no cpu controller, so no quota"
                    : $"{slice} has no quota"),
        ];
        if (facts.WindowSeconds > 0 && line is not null)
        {
            long moved = Facts.AsNumber(stat, facts.Value(stat, "nr_throttled", Moment.End))
                - Facts.AsNumber(stat, facts.Value(stat, "nr_throttled"));
            if (moved > 0)
            {
                findings.Add(Finding.Fail($"{slice} was throttled {moved} times in the window"));
            }
        }

        return findings;
    }

    private static IEnumerable<Finding> Rcu(Facts facts)
    {
        if (facts.Topology.Data.IsEmpty)
        {
            yield return Finding.NotApplicable("no data-plane CPU is declared");
            yield break;
        }

        IReadOnlyList<ThreadRow> threads =
            [.. ThreadTable.Of(facts).Where(thread => thread.IsKernel
                && thread.Name.StartsWith("rcuo", StringComparison.Ordinal))];
        CpuMask house = facts.Topology.Online.Without(facts.Topology.Data);
        CpuMask? asked = Offloaded(facts);
        foreach (int cpu in facts.Topology.Data.Cpus)
        {
            string suffix = "/" + cpu.ToString(CultureInfo.InvariantCulture);
            List<ThreadRow> own = [.. threads.Where(thread => !IsOfGroup(thread)
                && thread.Name.EndsWith(suffix, StringComparison.Ordinal))];
            List<ThreadRow> stray = [.. own.Concat(threads.Where(IsOfGroup)).Where(thread =>
                !thread.Allowed.And(facts.Topology.Data).IsEmpty)];
            yield return own.Count == 0 ? Finding.Fail("no rcuo thread runs its callbacks",
                Subject.OfCpu(cpu))
                : own.Exists(thread => thread.State == 'P') || asked?.Contains(cpu) == false
                    ? Finding.Fail($"{own[0].Name} is there, but runs nothing: neither rcu_nocbs nor "
                        + "nohz_full names this CPU", Subject.OfCpu(cpu))
                : stray.Count > 0 ? Finding.Fail($"{stray[0].Name} may run on {stray[0].Allowed}",
                    Subject.OfCpu(cpu),
                    [.. stray.Select(thread => $"taskset -pc {house} {thread.Tid}")])
                : Finding.Pass($"{own[0].Name} runs on {own[0].Allowed}", Subject.OfCpu(cpu));
        }

        // rcu_normal takes precedence (kernel/rcu/update.c, rcu_gp_is_normal).
        if (facts.NumberOrMissing(RcuExpedited) is not (null or 0)
            && facts.NumberOrMissing(RcuNormal) is (null or 0))
        {
            yield return Finding.Warn("expedited grace periods are on: each interrupts every CPU", null,
                $"echo 0 > {RcuExpedited}");
        }
    }

    // rcuog/N runs the grace periods of a group of CPUs, whichever N is.
    private static bool IsOfGroup(ThreadRow thread) =>
        thread.Name.StartsWith("rcuog/", StringComparison.Ordinal);

    // Where either argument is given, every CPU has its threads since 5.17, and those of the CPUs that
    // neither
    // names do nothing (kernel/rcu/tree_nocb.h). Null: neither is given, so threads alone tell
    // (RCU_NOCB_CPU_DEFAULT_ALL).
    private static CpuMask? Offloaded(Facts facts)
    {
        BootLine line = BootLine.Running(facts);
        CpuMask silent = facts.CpusOrMissing(Cpus + "nohz_full") ?? CpuMask.Empty;
        return line.Has("rcu_nocbs") || !silent.IsEmpty
            ? silent.Or(line.Cpus("rcu_nocbs", facts.Topology.Possible)) : null;
    }

    private static IEnumerable<Finding> Server(Facts facts, int cpu)
    {
        string source = FairServers.Replace("{D}", cpu.ToString(CultureInfo.InvariantCulture),
            StringComparison.Ordinal);
        Fact fact = facts.Get(source);
        if (fact.State == FactState.Read)
        {
            long runtime = facts.Number(source);
            string told = string.Create(CultureInfo.InvariantCulture,
                $"may take {runtime / 1e6:0.#} ms a second");
            bool isFifo = facts.Topology.Lanes.Any(lane => lane.Cpu == cpu && lane.Policy == LanePolicy.Fifo);
            yield return runtime == 0 ? Finding.Pass("off")
                : isFifo && WatchdogChecks.GuardsOfAllCpus(facts).Count == 0
                    ? Finding.Pass($"{told} from a lane that lets others starve: the one guard there is")
                : Finding.Warn(told, null, $"echo 0 > {source}");
            yield break;
        }

        // Without debugfs an armed timer still shows it; none armed proves nothing.
        IReadOnlyDictionary<int,
            IReadOnlyList<string>> timers = TimerList.Parse(facts.Text(TimerList.Source));
        yield return TimerList.On(timers, cpu).Contains("dl_task_timer")
            ? Finding.Warn("its timer is armed (dl_task_timer); the knob itself cannot be read")
            : fact.State == FactState.Missing ? Finding.Unsupported("this kernel has no fair server, or "
                + "shows it in a debugfs "
                + "that is not mounted")
            : Finding.Unknown($"{source}: {fact.Problem}");
    }

    private static long Ticks(Facts facts, int cpu) => InterruptTable.Moved(facts, Interrupts, cpu)
        .Where(row => row.Row.Name == "LOC").Select(row => (long?)row.Count).FirstOrDefault()
        ?? throw new NotReadException($"{Interrupts}: it has no row LOC");
}
