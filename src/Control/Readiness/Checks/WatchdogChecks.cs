using System.Globalization;
using LowLatency.Native.Layout;

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
        Reads = [Kernel + "watchdog", Kernel + "watchdog_cpumask", Kernel + "watchdog_thresh"],
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
            CpuMask unwatched = facts.Topology.Housekeeping.And(facts.Topology.Online)
                .Without(facts.Topology.Data).Without(watched);
            IEnumerable<Finding> alone = unwatched.IsEmpty ? []
                : [Finding.Warn($"housekeeping CPUs {unwatched} are not watched: a stuck one goes unnoticed",
                    null, $"echo {watched.Or(unwatched).Without(facts.Topology.Data)} > "
                        + $"{Kernel}watchdog_cpumask")];
            return facts.NumberOrMissing(Kernel + "watchdog_thresh") is <= 0
                ? [Finding.Warn("off on every CPU: kernel.watchdog_thresh is 0", null,
                    $"echo 10 > {Kernel}watchdog_thresh")]
                : isOn == 0
                ? [Finding.Warn("off on every CPU: a stuck housekeeping CPU goes unnoticed", null,
                    $"echo {facts.Topology.Housekeeping} > {Kernel}watchdog_cpumask && echo 1 > "
                        + $"{Kernel}watchdog")]
                : alone.Concat(facts.EachDataCpu(cpu => !watched.Contains(cpu) ? [Finding.Pass("not watched")]
                    : [Finding.Fail($"is watched ({Kernel}watchdog_cpumask is {watched})", null,
                        $"echo {watched.Without(facts.Topology.Data)} > {Kernel}watchdog_cpumask")]));
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
        Reads = [.. GuardReads, FairServers],
        Expects = "where lanes spin at a real-time policy, exactly one guard keeps them from starving the "
            + "rest of their "
            + "CPU: real-time throttling, the fair server, or stalld",
        Why = "without any, a kernel thread bound to the CPU never runs and the host can wedge; two take "
            + "turns at "
            + "interrupting the lane",
        Source = "bristot/stalld README; Linux Documentation/scheduler/sched-rt-group.rst; "
            + "commit 5f6bd380c7bd (sched/rt: Remove default bandwidth control)",
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
        if (runtime == 0)
        {
            yield return Finding.Fail("kernel.sched_rt_runtime_us is 0: real-time threads get no time", null,
                $"echo 950000 > {Kernel}sched_rt_runtime_us");
            yield break;
        }

        List<string> everywhere = GuardsOfAllCpus(facts);
        IEnumerable<int> cpus = facts.Topology.Lanes.Where(lane => lane.Policy == LanePolicy.Fifo)
            .Select(lane => lane.Cpu).Distinct();
        foreach (Finding finding in Facts.Each(cpus, Subject.OfCpu, cpu => [GuardOf(facts, cpu, everywhere)]))
        {
            yield return finding;
        }
    }

    /// <summary>Reads that <see cref="GuardsOfAllCpus"/> needs.</summary>
    internal static IReadOnlyList<Read> GuardReads =>
    [
        Kernel + "sched_rt_runtime_us", Kernel + "sched_rt_period_us", ProcessTable.Names,
        .. KernelConfig.Reads,
    ];

    /// <summary>Guards against starvation beside the fair server, by name.</summary>
    /// <exception cref="NotReadException">Whether this kernel throttles is not known.</exception>
    internal static List<string> GuardsOfAllCpus(Facts facts)
    {
        long runtime = facts.Number(Kernel + "sched_rt_runtime_us");
        long period = facts.Number(Kernel + "sched_rt_period_us");
        List<string> guards = [.. ProcessTable.Named(facts, ["stalld"])];
        if (runtime > 0 && runtime < period && CanThrottle(facts))
        {
            guards.Insert(0, string.Create(CultureInfo.InvariantCulture,
                $"real-time throttling ({runtime} of {period} us)"));
        }

        return guards;
    }

    // Each lane's CPU needs its own: the fair server is switched CPU by CPU.
    private static Finding GuardOf(Facts facts, int cpu, List<string> everywhere)
    {
        string source = FairServers.Replace("{D}", cpu.ToString(CultureInfo.InvariantCulture),
            StringComparison.Ordinal);
        bool? isServed = HasFairServer(facts, source, out string problem);
        List<string> guards = isServed == true ? [.. everywhere, "the fair server"] : everywhere;
        string all = string.Join(", ", guards);
        if (guards.Count < 2 && isServed is null)
        {
            return Finding.Unknown($"{(guards.Count == 0 ? "no guard seen" : all)}; {source}: {problem}");
        }

        if (guards.Count < 2 && !guards.Exists(guard => guard.StartsWith("stalld", StringComparison.Ordinal)))
        {
            ProcessTable.RequireWhole(facts);
        }

        return guards.Count >= 2 ? Finding.Warn($"{guards.Count} guards are on: {all}")
            : guards.Count == 1 ? Finding.Pass(all)
            : Finding.Fail("no guard is on: a thread bound to a lane's CPU starves", null,
                FairServersSince(facts) ? $"echo 50000000 > {source}"
                    : $"echo 950000 > {Kernel}sched_rt_runtime_us");
    }

    // From 6.12 on each CPU has one, and debugfs shows it: where it does not, debugfs is not mounted.
    private static bool? HasFairServer(Facts facts, string source, out string problem)
    {
        Fact fact = facts.Get(source);
        problem = fact.State == FactState.Missing ? "debugfs does not show it" : fact.Problem;
        return fact.State == FactState.Read ? facts.Number(source) > 0
            : fact.State == FactState.Missing && !FairServersSince(facts) ? false : null;
    }

    // Since then only groups of real-time threads are throttled, where the kernel is built to have them.
    private static bool CanThrottle(Facts facts) => !FairServersSince(facts)
        || (KernelConfig.Of(facts) is KernelConfig config ? config.Has("RT_GROUP_SCHED")
            : throw new NotReadException("whether this kernel throttles real-time threads is not known: it "
                + "does not show its configuration"));

    private static bool FairServersSince(Facts facts)
    {
        string release = facts.Line(HostIdentity.Kernel);
        int[] numbers = [.. release.Split('.', '-', '+', '~').Take(2).Select(word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
                : throw new NotReadException($"{HostIdentity.Kernel}: '{Facts.Short(release)}' is no "
                    + $"release"))];
        return numbers is [var major, var minor] && (major > 6 || (major == 6 && minor >= 12));
    }
}
