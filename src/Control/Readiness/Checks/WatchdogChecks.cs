using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>What watches over CPUs, and how it interrupts them.</summary>
internal static class WatchdogChecks
{
    private const string Kernel = "/proc/sys/kernel/";
    private const string FairServers = "/sys/kernel/debug/sched/fair_server/cpu{D}/runtime";

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } = [LockupOff, NoBroadcast, OneGuard];

    private static Check LockupOff => new()
    {
        Id = "wd.lockup.off-dataplane",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = [Kernel + "watchdog", Kernel + "watchdog_cpumask"],
        Expects = "the lockup detectors are on for housekeeping CPUs and off for the lanes'",
        Why = "on each CPU they watch they run a timer and, with a PMU, an NMI; off everywhere, a stuck "
            + "housekeeping "
            + "CPU goes unnoticed",
        Source = "Linux Documentation/admin-guide/sysctl/kernel.rst (watchdog_cpumask), "
            + "Documentation/admin-guide/lockup-watchdogs.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "take the lanes' CPUs out of kernel.watchdog_cpumask"),
        Judge = static facts =>
        {
            if (facts.NumberOrMissing(Kernel + "watchdog") is not long isOn)
            {
                return [Finding.Unsupported("this kernel has no lockup detector")];
            }

            CpuMask watched = facts.Cpus(Kernel + "watchdog_cpumask");
            return isOn == 0
                ? [Finding.Warn("off on every CPU: a stuck housekeeping CPU goes unnoticed", null,
                    $"echo {facts.Topology.Housekeeping} > {Kernel}watchdog_cpumask && echo 1 > "
                        + $"{Kernel}watchdog")]
                : facts.EachDataCpu(cpu => !watched.Contains(cpu) ? [Finding.Pass("not watched")]
                    : [Finding.Fail($"is watched ({Kernel}watchdog_cpumask is {watched})", null,
                        $"echo {watched.Without(facts.Topology.Data)} > {Kernel}watchdog_cpumask")]);
        },
    };

    private static Check NoBroadcast => new()
    {
        Id = "wd.backtrace.no-broadcast",
        Kind = CheckKind.Static,
        Severities = "L/L/I",
        Reads =
        [
            Kernel + "softlockup_all_cpu_backtrace", Kernel + "hardlockup_all_cpu_backtrace",
            Kernel + "hung_task_all_cpu_backtrace", Kernel + "oops_all_cpu_backtrace",
        ],
        Expects = "a lockup or hang on one CPU does not make all CPUs print their stacks",
        Why = "the request for a stack is an NMI to every CPU, the lanes' too",
        Source = "Linux Documentation/admin-guide/sysctl/kernel.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "set the sysctl to 0"),
        Judge = static facts =>
        {
            List<Finding> findings = [];
            foreach (string name in (string[])["softlockup_all_cpu_backtrace", "hardlockup_all_cpu_backtrace",
                "hung_task_all_cpu_backtrace", "oops_all_cpu_backtrace"])
            {
                if (facts.NumberOrMissing(Kernel + name) is long value)
                {
                    findings.Add(value == 0 ? Finding.Pass($"kernel.{name} is 0")
                        : Finding.Warn($"kernel.{name} is {value.ToString(CultureInfo.InvariantCulture)}",
                            null,
                            $"echo 0 > {Kernel}{name}"));
                }
            }

            return findings.Count > 0 ? findings
                : [Finding.Unsupported("this kernel has none of these switches")];
        },
    };

    private static Check OneGuard => new()
    {
        Id = "wd.starvation-guard.exactly-one",
        Kind = CheckKind.Static,
        Severities = "H/H/I",
        Reads =
        [
            Kernel + "sched_rt_runtime_us", Kernel + "sched_rt_period_us", FairServers, ProcessTable.Names,
        ],
        Expects = "where lanes spin at a real-time policy, exactly one guard keeps them from starving the "
            + "rest of their "
            + "CPU: real-time throttling, the fair server, or stalld",
        Why = "without any, a kernel thread bound to the CPU never runs and the host can wedge; two take "
            + "turns at "
            + "interrupting the lane",
        Source = "bristot/stalld README; Linux Documentation/scheduler/sched-rt-group.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "choose one: the fair server is the mildest, throttling "
            + "takes 50 ms of "
            + "each second", Hazard: "with all guards off a spinning lane can make the host unreachable"),
        Judge = Guards,
    };

    private static IEnumerable<Finding> Guards(Facts facts)
    {
        if (!facts.Topology.HasFifoLanes)
        {
            yield return Finding.NotApplicable("no lane runs at a real-time policy");
            yield break;
        }

        long runtime = facts.Number(Kernel + "sched_rt_runtime_us");
        long period = facts.Number(Kernel + "sched_rt_period_us");
        List<string> guards = [];
        if (runtime >= 0 && runtime < period)
        {
            guards.Add(string.Create(CultureInfo.InvariantCulture,
                $"real-time throttling ({runtime} of {period} us)"));
        }

        guards.AddRange(ProcessTable.Running(facts, ["stalld"]));
        string? unread = null;
        foreach (int cpu in facts.Topology.Data.Cpus)
        {
            string source = FairServers.Replace("{D}", cpu.ToString(CultureInfo.InvariantCulture),
                StringComparison.Ordinal);
            Fact fact = facts.Get(source);
            unread ??= fact.State is FactState.Read or FactState.Missing ? null : $"{source}: {fact.Problem}";
            if (fact.State == FactState.Read && facts.Number(source) > 0)
            {
                guards.Add("the fair server");
                break;
            }
        }

        string all = string.Join(", ", guards);
        yield return guards.Count >= 2 ? Finding.Warn($"{guards.Count} guards are on: {all}")
            : unread is not null ? Finding.Unknown($"{(guards.Count == 0 ? "no guard seen" : all)}; {unread}")
            : guards.Count == 1 ? Finding.Pass(all)
            : Finding.Fail("no guard is on: a thread bound to a lane's CPU starves", null,
                $"echo 950000 > {Kernel}sched_rt_runtime_us");
    }
}
