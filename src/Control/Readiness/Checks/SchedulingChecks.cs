using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>What else may run on the lanes' CPUs, and what may stop the lanes.</summary>
internal static class SchedulingChecks
{
    private const string Kernel = "/proc/sys/kernel/";
    private const string Budget = "/sys/fs/cgroup/cpu/cpu.rt_runtime_us";
    private const string Migration = Kernel + "timer_migration";
    private const string Smt = "/sys/devices/system/cpu/smt/";
    private const string Siblings = "/sys/devices/system/cpu/cpu{D}/topology/thread_siblings_list";
    private const string Stat = "/proc/stat";

    // "sched/rt: Remove default bandwidth control": only groups are held back since.
    private static readonly Version NoThrottling = new(6, 12);

    /// <summary>The second half of the group.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [RtThrottle, RtGroup, NoForeignUser, KthreadsMovableOff, TimersForeign, SiblingQuiet];

    private static Check RtThrottle => new()
    {
        Id = "cpu.sched.rt-throttle",
        Kind = CheckKind.Static,
        Severities = "H/H/I",
        Reads =
            [Kernel + "sched_rt_runtime_us", Kernel + "sched_rt_period_us", .. KernelConfig.Reads],
        Expects = "where lanes spin at a real-time policy, real-time throttling is off",
        Why = "it stops a thread that spins for the rest of each period: 50 ms of every second by default",
        Source = "Linux Documentation/scheduler/sched-rt-group.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "write rt_throttling = \"off\" in [host]: lowlat then "
            + "switches it off while "
            + "lanes run and restores it", Hazard: "keep another guard against starvation"),
        Judge = static facts =>
        {
            long runtime = facts.Number(Kernel + "sched_rt_runtime_us");
            long period = facts.Number(Kernel + "sched_rt_period_us");
            bool isThrottled = runtime >= 0 && runtime < period;
            string told = string.Create(CultureInfo.InvariantCulture, $"{runtime} of {period} us");
            return !facts.Topology.HasFifoLanes
                ? [Finding.NotApplicable("no lane runs at a real-time policy")]
                : !isThrottled ? [Finding.Pass($"off ({told})")]
                : !facts.Topology.IsRunning && facts.Topology.Configuration?.Host.RtThrottlingOff == true
                    ? [Finding.Pass($"{told} now; lowlat switches it off while lanes run (rt_throttling = "
                        + $"\"off\")")]
                : KernelRelease.Of(facts) >= NoThrottling && KernelConfig.Of(facts) is var config
                    && config?.Has("RT_GROUP_SCHED") != true
                    ? [config is null ? Finding.Unknown($"{told}: whether it stops lanes, RT_GROUP_SCHED "
                        + "says, and the host does not show how its kernel was built")
                        : Finding.Pass($"{told}, which holds back deadline threads alone since 6.12")]
                : [Finding.Fail($"{told}: a lane stops for the rest of each period", null,
                    $"echo -1 > {Kernel}sched_rt_runtime_us")];
        },
    };

    private static Check RtGroup => new()
    {
        Id = "cpu.sched.rt-group",
        Kind = CheckKind.Static | CheckKind.Probe,
        Severities = "M/M/I",
        Reads = [Budget, new Read("probe:realtime 1", Intrusion.I1)],
        Expects = "a thread may become SCHED_FIFO here",
        Why = "with RT_GROUP_SCHED a cgroup has no real-time budget until it is given one, and the policy "
            + "is refused",
        Source = "Linux Documentation/scheduler/sched-rt-group.rst; sched_setscheduler(2)",
        Remedy = new Remedy(RollbackClass.Runtime, "give the cgroup a budget, grant CAP_SYS_NICE, or raise "
            + "RLIMIT_RTPRIO",
            "rt_group_sched=0"),
        Judge = static facts =>
        {
            if (!facts.Topology.HasFifoLanes)
            {
                return [Finding.NotApplicable("no lane runs at a real-time policy")];
            }

            string result = facts.Value("probe:realtime 1", "result");
            long? budget = facts.NumberOrMissing(Budget);
            return result == "ok" ? [Finding.Pass(budget is null ? "it may" : string.Create(
                    CultureInfo.InvariantCulture, $"it may; the root group's budget is {budget} us"))]
                : [Finding.Fail($"sched_setscheduler: {result}"
                    + (budget is null ? "" : ", and real-time group scheduling is on"))];
        },
    };

    private static Check NoForeignUser => new()
    {
        Id = "cpu.threads.no-foreign-user",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "H/H/L",
        Reads = ThreadTable.Reads,
        Expects = "no thread of another program runs on a lane's CPU, and none may",
        Why = "one wake-up there costs the lane a context switch and a cold cache",
        Source = "redhat-performance/tuned scheduler plugin (its verify looks at interrupts only); "
            + "Linux Documentation/admin-guide/cpu-isolation.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "keep other programs to the housekeeping CPUs: "
            + "AllowedCPUs= of their slices, "
            + "or CPUAffinity= in systemd's system.conf"),
        Judge = static facts => Threads(facts, isKernel: false),
    };

    private static Check KthreadsMovableOff => new()
    {
        Id = "cpu.threads.kthreads-movable-off",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = ThreadTable.Reads,
        Expects = "no kernel thread that can be moved may run on a lane's CPU",
        Why = "such threads do the work of drivers and file systems wherever they may run",
        Source = "Linux Documentation/admin-guide/kernel-per-CPU-kthreads.rst; firedancer-io/firedancer "
            + "configure stage "
            + "'kworkers'",
        Remedy = new Remedy(RollbackClass.Runtime, "move them with taskset; at boot isolcpus and nohz_full "
            + "keep them away",
            "isolcpus=domain,managed_irq,{D}"),
        Judge = static facts => Threads(facts, isKernel: true),
    };

    private static Check TimersForeign => new()
    {
        Id = "cpu.timers.foreign",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "M/M/I",
        Reads = [Migration, new Read(TimerList.Source, Intrusion.I1, ReadTraits.Window)],
        Expects = "no timer but the tick's is armed on a lane's CPU",
        Why = "a timer fires where it was armed, whoever it belongs to; which value of timer_migration is "
            + "better, the best "
            + "profiles disagree on: it is told, not judged",
        Source = "Linux Documentation/admin-guide/sysctl/kernel.rst (timer_migration); "
            + "redhat-performance/tuned and "
            + "openshift/cluster-node-tuning-operator set opposite values",
        Remedy = new Remedy(RollbackClass.Runtime, "find the owner by a trace of timer:timer_start, then "
            + "try timer_migration "
            + "both ways and measure"),
        Judge = static facts =>
        {
            long? migration = facts.NumberOrMissing(Migration);
            string told = string.Create(CultureInfo.InvariantCulture,
                $"timer_migration is {migration?.ToString() ?? "not there"}");
            List<IReadOnlyDictionary<int,
                IReadOnlyList<string>>> lists = [TimerList.Parse(facts.Text(TimerList.Source))];
            if (facts.WindowSeconds > 0)
            {
                lists.Add(TimerList.Parse(facts.Text(TimerList.Source, Moment.End)));
            }

            return facts.EachDataCpu(cpu =>
            {
                string[] foreign =
                [
                    .. lists.SelectMany(list => TimerList.On(list, cpu))
                        .Where(name => !name.StartsWith("tick_", StringComparison.Ordinal)).Distinct()
                            .Order(StringComparer.Ordinal),
                ];
                return [foreign.Length == 0 ? Finding.Pass($"none; {told}")
                    : Finding.Warn($"{string.Join(", ", foreign.Take(6))}; {told}")];
            });
        },
    };

    private static Check SiblingQuiet => new()
    {
        Id = "cpu.smt.sibling-quiet",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "H/I/-",
        Reads = [Smt + "control", Siblings, new Read(Stat, Traits: ReadTraits.Window)],
        Expects = "the other hardware thread of each lane's core is offline or idle",
        Why = "a busy sibling takes half of the issue slots and evicts the first-level caches",
        Source = "firedancer-io/firedancer configure stage 'hyperthreads'; Linux "
            + "Documentation/admin-guide/hw-vuln/l1tf.rst "
            + "(smt/control)",
        Remedy = new Remedy(RollbackClass.Runtime, "take the sibling offline, or declare it to nobody",
            Hazard: "taking a CPU offline stops all CPUs for a moment: not while the host is live"),
        Judge = static facts => facts.EachDataCpu(cpu => Sibling(facts, cpu)),
    };

    private static IEnumerable<Finding> Threads(Facts facts, bool isKernel)
    {
        Topology topology = facts.Topology;
        if (topology.Data.IsEmpty)
        {
            return [Finding.NotApplicable("no data-plane CPU is declared")];
        }

        string app = topology.AppPid.ToString(CultureInfo.InvariantCulture);
        List<ThreadRow> may =
        [
            .. ThreadTable.Of(facts).Where(thread => thread.IsKernel == isKernel && !thread.IsEnded
                && !(isKernel && thread.IsBound) && thread.Pid != app
                && !thread.Allowed.And(topology.Data).IsEmpty),
        ];
        Dictionary<string, ThreadRow> later = facts.WindowSeconds == 0 ? []
            : ThreadTable.Of(facts, Moment.End).ToDictionary(thread => thread.Tid);
        List<ThreadRow> runs = [];
        List<ThreadRow> rests = [];
        foreach (ThreadRow thread in may)
        {
            // One that moved there in the window runs there as well as one that was there all along.
            ThreadRow end = later.GetValueOrDefault(thread.Tid, thread);
            ThreadRow seen = topology.Data.Contains(end.LastCpu) ? end : thread;
            bool isSeen = topology.Data.Contains(seen.LastCpu)
                && (seen.State == 'R' || thread.State == 'R' || end.Ticks > thread.Ticks);
            (isSeen ? runs : rests).Add(seen);
        }

        string house = topology.Online.Without(topology.Data).ToString();
        string[] Move(ThreadRow thread) => isKernel ? [$"taskset -pc {house} {thread.Tid}"] : [];
        return may.Count == 0 ? [Finding.Pass("none may")] :
        [
            .. ThreadTable.Told(runs, CheckState.Fail, thread =>
                $"runs on CPU {thread.LastCpu}, may run on {thread.Allowed}", Move),
            .. ThreadTable.Told(rests, CheckState.Warn, thread =>
                $"may run on {thread.Allowed}, was last on CPU {thread.LastCpu}", Move),
        ];
    }

    private static IEnumerable<Finding> Sibling(Facts facts, int cpu)
    {
        CpuMask siblings = facts.Cpus(Siblings.Replace("{D}", cpu.ToString(CultureInfo.InvariantCulture),
            StringComparison.Ordinal));
        if (!siblings.Contains(cpu))
        {
            yield return Finding.Unknown($"the kernel names {siblings} as its siblings, itself not among "
                + $"them");
            yield break;
        }

        CpuMask others = siblings.Without(new CpuMask([cpu])).And(facts.Topology.Online);
        if (others.IsEmpty)
        {
            string control = facts.LineOrMissing(Smt + "control") ?? "not there";
            yield return control is "on" or "off" or "forceoff" or "notsupported" or "notimplemented"
                or "not there"
                ? Finding.Pass($"it has no sibling online (SMT control: {control})")
                : Finding.Unknown($"{Smt}control: '{Facts.Short(control)}' is no state of SMT");
            yield break;
        }

        foreach (int other in others.Cpus)
        {
            bool isOurs = facts.Topology.Data.Contains(other) || facts.Topology.Housekeeping.Contains(other);
            double? busy = facts.WindowSeconds == 0 ? null : CpuTime.BusyShare(facts, Stat, other);
            string told = busy is null ? "" : string.Create(CultureInfo.InvariantCulture,
                $", {100 * busy:0.0} % busy");
            string[] fix = [$"echo 0 > "
                + $"/sys/devices/system/cpu/cpu{other.ToString(CultureInfo.InvariantCulture)}/online"];
            yield return busy > 0.01 ? Finding.Fail($"its sibling {other} works{told}", null, fix)
                : facts.Topology.Data.Contains(other)
                    ? Finding.Fail($"its sibling {other} carries a lane too", null)
                : isOurs ? Finding.Warn($"its sibling {other} keeps house{told}", null, fix)
                : busy is null ? Finding.Unknown($"its sibling {other} is declared to nobody; whether it is "
                    + "idle shows over a window (--window 10s)")
                : Finding.Pass($"its sibling {other} is declared to nobody{told}");
        }
    }
}
