using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>Threads against the host's CPUs and its scheduler. Pure.</summary>
internal static class CpuChecks
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(
        Configuration configuration, HostFacts facts, IReadOnlyList<LaneShape> lanes, Findings findings)
    {
        CpuList? asked = configuration.Host.Housekeeping;
        Place askedAt = configuration.Host.Section.At("housekeeping");
        CpuSet housekeeping = Housekeeping(configuration, facts);
        IReadOnlyList<int> named = asked is null or { IsAll: true } ? [] : asked.Resolve(LastCpu(facts));
        foreach (int cpu in named.Where(cpu => !facts.OnlineCpus.Contains(cpu)))
        {
            findings.Error(askedAt, NotOnline(cpu, facts), "Name CPUs that are online.");
        }

        if (asked is { IsSymbolic: true, IsAll: false } && named.Count == 0)
        {
            findings.Error(askedAt, $"is no list of CPUs on this host, where N is {LastCpu(facts)}",
                "Name CPUs that are online.");
        }
        else if (housekeeping.IsEmpty)
        {
            findings.Error(askedAt, "no CPU is left for the threads that are not lanes",
                "Free a CPU, or give a lane policy = \"other\" and name its CPU here.");
        }

        CheckCgroup(configuration, facts, lanes, housekeeping, findings);
        HashSet<int> seen = [];
        foreach (LaneShape lane in lanes.Where(lane => seen.Add(lane.Seat.Cpu)))
        {
            CheckCpu(facts, lane, findings);
            CheckThrottling(configuration, facts, lane, findings);
            if (housekeeping.Contains(lane.Seat.Cpu))
            {
                CheckShared(configuration, lane, housekeeping, findings);
            }
        }
    }

    /// <summary>CPUs of all threads that are not lanes: as asked; else those of no lane; else, on a host with
    /// a CPU for each lane and no more, those of the load, which pauses, and of lanes that are not
    /// FIFO.</summary>
    public static CpuSet Housekeeping(Configuration configuration, HostFacts facts)
    {
        if (configuration.Host.Housekeeping is { } asked)
        {
            return SetOf(asked.IsAll ? facts.OnlineCpus : asked.Resolve(LastCpu(facts)));
        }

        HashSet<int> forward =
        [
            .. CpuRules.ForwardSeats(configuration).Select(seat => seat.Cpu),
            .. configuration.Recorders.Select(recorder => recorder.Cpu).OfType<int>(),
        ];
        HashSet<int> load = [.. CpuRules.LoadSeats(configuration).Select(seat => seat.Cpu)];
        CpuSet free = SetOf(facts.OnlineCpus.Where(cpu => !forward.Contains(cpu) && !load.Contains(cpu)));
        if (free.IsEmpty)
        {
            free = SetOf(facts.OnlineCpus.Where(cpu => !forward.Contains(cpu)));
        }

        return !free.IsEmpty ? free : SetOf(configuration.Lanes
            .Where(lane => lane.Thread.Policy == LanePolicy.Other).Select(lane => lane.Cpu)
            .Where(facts.OnlineCpus.Contains));
    }

    /// <summary>The mask of some CPUs.</summary>
    public static CpuSet SetOf(IEnumerable<int> cpus)
    {
        CpuSet set = default;
        foreach (int cpu in cpus)
        {
            set.Add(cpu);
        }

        return set;
    }

    // A cgroup's CPUs bound every affinity within it (sched_setaffinity(2): EINVAL outside).
    private static void CheckCgroup(Configuration configuration, HostFacts facts,
        IReadOnlyList<LaneShape> lanes, in CpuSet housekeeping, Findings findings)
    {
        Place place = configuration.Host.Section.At("slice");
        if (facts.Cgroup is { Refusal.Length: > 0 } refused)
        {
            findings.Error(place, refused.Refusal, refused.Remedy);
        }
        else if (facts.Cgroup is { Cpus: CpuList cpus } cgroup)
        {
            IReadOnlyList<int> allowed = cpus.Resolve(LastCpu(facts));
            IEnumerable<int> wanted = allowed.Concat(lanes.Select(lane => lane.Seat.Cpu)).Distinct();
            if (wanted.Count() > allowed.Count)
            {
                findings.Error(place,
                    $"that cgroup has CPUs {SetOf(allowed)}: the kernel pins no lane elsewhere",
                    $"Give it those of all lanes: echo {SetOf(wanted)} > {cgroup.Path}/cpuset.cpus.");
            }
            else if (!allowed.Any(housekeeping.Contains))
            {
                findings.Error(place,
                    $"that cgroup has CPUs {SetOf(allowed)}: none is left for the threads that are not lanes",
                    "Give it one of the housekeeping CPUs too.");
            }
        }
    }

    private static int LastCpu(HostFacts facts) => facts.OnlineCpus.DefaultIfEmpty().Max();

    private static string NotOnline(int cpu, HostFacts facts) =>
        $"CPU {cpu} is not online: this host has {SetOf(facts.OnlineCpus)}";

    private static void CheckCpu(HostFacts facts, LaneShape lane, Findings findings)
    {
        if (!facts.OnlineCpus.Contains(lane.Seat.Cpu))
        {
            findings.Error(lane.Seat.Place, NotOnline(lane.Seat.Cpu, facts), "Choose a CPU that is online.");
        }
        else if (lane.Seat.Cpu == 0 && !lane.IsLoad && lane.IsFifo && lane.SharedThread == null
            && facts.OnlineCpus.Count > 2)
        {
            findings.Error(lane.Seat.Place, "CPU 0 has work of the kernel that no isolation moves away",
                $"Choose another CPU of {SetOf(facts.OnlineCpus)}, or write policy = \"other\".");
        }
    }

    // The throttle (sched(7)) stops a FIFO thread that used its runtime, until the period ends.
    private static void CheckThrottling(
        Configuration configuration, HostFacts facts, LaneShape lane, Findings findings)
    {
        bool isThrottled = facts.RtRuntimeUs >= 0 && facts.RtRuntimeUs < facts.RtPeriodUs;
        double busy = lane.YieldEveryNs == 0 ? 1 : 1 - ((double)lane.YieldForNs / lane.YieldEveryNs);
        double granted = (double)facts.RtRuntimeUs / facts.RtPeriodUs;
        if (lane.IsFifo && isThrottled && busy > granted && !configuration.Host.RtThrottlingOff)
        {
            double lostMs = (facts.RtPeriodUs - facts.RtRuntimeUs) / 1000.0;
            findings.Error(lane.Section.At("policy"),
                $"the kernel stops a FIFO lane for {lostMs:0.###} ms of each "
                    + $"{facts.RtPeriodUs / 1000.0:0.###} ms "
                    + $"(kernel.sched_rt_runtime_us = {facts.RtRuntimeUs})",
                "Write rt_throttling = \"off\" in [host], or policy = \"other\".");
        }
    }

    private static void CheckShared(
        Configuration configuration, LaneShape lane, in CpuSet housekeeping, Findings findings)
    {
        if (lane.Seat.IsGreedy)
        {
            CpuRules.Starving(lane.Seat, housekeeping.ToString(), configuration.Host.Section, findings);
            return;
        }

        findings.Note(lane.Seat.Place,
            $"{lane.Seat.Name} shares CPU {lane.Seat.Cpu} with the threads that are not lanes"
                + (lane.IsFifo ? ", which run in its quiet windows" : ""),
            "");
    }
}
