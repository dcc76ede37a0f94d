using LowLatency.Control.Configuration;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>Where threads may run, together with the kernel's own work: the rules that keep a lane from starving what
/// it lives on. Pure.</summary>
internal static class PlacementRules
{
    /// <summary>Names of the shared threads, in order; their index is the plan's thread number.</summary>
    public static List<string> ThreadNames(PlanContext context) =>
        [.. context.Configuration.Lanes.Select(lane => lane.SharedThread).Where(name => name.Length > 0).Distinct()];

    /// <summary>CPUs of everything that is no lane: as written, or all online ones that no lane takes.</summary>
    public static CpuSet Housekeeping(PlanContext context)
    {
        string written = context.Configuration.Host.Housekeeping;
        if (written.Length > 0 && Quantity.TryCpuList(written, LastCpu(context), out CpuSet cpus))
        {
            return cpus;
        }

        CpuSet rest = default;
        CpuSet any = default;
        for (int cpu = 0; cpu < Limits.CpusMax; cpu++)
        {
            if (context.Facts.OnlineCpus.Contains(cpu))
            {
                any.Add(cpu);
                if (context.Configuration.Lanes.All(lane => lane.Thread.Cpu != cpu))
                {
                    rest.Add(cpu);
                }
            }
        }

        return rest.IsEmpty ? any : rest;
    }

    /// <summary>CPUs of forwarding lanes: online, one thread each, none of housekeeping, CPU 0 free where possible.
    /// </summary>
    public static void CheckLanes(PlanContext context)
    {
        CpuSet housekeeping = Housekeeping(context);
        IReadOnlyList<LaneConfiguration> lanes = context.Configuration.Lanes;
        for (int i = 0; i < lanes.Count; i++)
        {
            LaneConfiguration lane = lanes[i];
            int cpu = lane.Thread.Cpu;
            context.CheckCpu(lane.Source, "cpu", cpu);
            if (housekeeping.Contains(cpu))
            {
                context.Fail(lane.Source, "cpu", $"CPU {cpu} is a housekeeping CPU",
                    "Take another one, or leave it out of housekeeping.");
            }

            if (cpu == 0 && context.Facts.CpuCount > 2)
            {
                context.Fail(lane.Source, "cpu", "CPU 0 does work of the kernel that cannot be moved", "Take another one.");
            }

            CheckNeighbours(context, lane, lanes.Take(i));
        }

        CheckHousekeeping(context);
    }

    /// <summary>Ports of one lane: one bind mode, on the lane's NUMA node, interrupts elsewhere.</summary>
    public static void CheckLanePorts(
        PlanContext context, LaneConfiguration lane, IReadOnlyList<PortConfiguration> ports, int node)
    {
        PortConfiguration? zero = ports.FirstOrDefault(port => port.Mode == BindMode.ZeroCopy);
        PortConfiguration? copy = ports.FirstOrDefault(port => port.Mode is BindMode.Copy or BindMode.Generic);
        if (zero != null && copy != null)
        {
            context.Fail(copy.Source, "mode", $"port {zero.Name} of the same lane is zero-copy, and the kernel binds all "
                + "sockets of one UMEM alike", "Give both one mode, or a lane each.");
        }

        foreach (PortConfiguration port in ports)
        {
            InterfaceFacts? link = context.Facts.Interfaces.GetValueOrDefault(port.NetworkNamespace)?
                .FirstOrDefault(one => one.Name == port.Interface);
            if (link == null)
            {
                continue;
            }

            if (link.NumaNode >= 0 && node >= 0 && link.NumaNode != node)
            {
                context.Warnings.Add(port.Source.Error("interface",
                    $"it is on NUMA node {link.NumaNode}, its lane on node {node}", "Take a CPU of that node."));
            }

            if (lane.Thread.Policy == LanePolicy.Fifo && port.Wake != WakePolicy.BusyPoll
                && link.InterruptCpus.Contains(lane.Thread.Cpu))
            {
                context.Fail(port.Source, "interface", $"its interrupts run on CPU {lane.Thread.Cpu}, where the FIFO lane "
                    + $"{lane.Name} would starve its own NAPI", "Move them (/proc/irq/N/smp_affinity_list), or set "
                    + "wakeup = \"busy-poll\".");
            }
        }
    }

    /// <summary>Queues of one interface share its XDP program, so they must agree on what it does.</summary>
    public static void CheckInterfaces(PlanContext context, IReadOnlyList<PortConfiguration> ports)
    {
        foreach (IGrouping<(string, string), PortConfiguration> same in
            ports.GroupBy(port => (port.NetworkNamespace, port.Interface)))
        {
            PortConfiguration first = same.First();
            foreach (PortConfiguration port in same.Skip(1))
            {
                string? key = port.Mode != first.Mode ? "mode" : port.Claim != first.Claim ? "claim"
                    : (port.ClaimPortLow, port.ClaimPortHigh) != (first.ClaimPortLow, first.ClaimPortHigh)
                        ? "claim_ports"
                    : port.Stamps != first.Stamps ? "timestamps" : null;
                if (key != null)
                {
                    context.Fail(port.Source, key, $"port {first.Name} is a queue of the same interface and has another "
                        + $"{key}: both share one XDP program", "Write the same in both.");
                }
            }
        }
    }

    /// <summary>FIFO threads under RT throttling lose the rest of each period: refused, or switched off while they run.
    /// </summary>
    public static bool NeedsRtThrottlingOff(PlanContext context, IEnumerable<ThreadConfiguration> threads)
    {
        HostFacts facts = context.Facts;
        if (facts.RtRuntimeUs < 0 || threads.All(thread => thread.Policy != LanePolicy.Fifo))
        {
            return false;
        }

        double lostMs = (facts.RtPeriodUs - facts.RtRuntimeUs) / 1000.0;
        if (!context.Configuration.Host.RtThrottlingOff)
        {
            (context.Configuration.Host.Source ?? context.Configuration.Source).RtError(context, lostMs, facts);
            return false;
        }

        context.Notes.Add($"kernel.sched_rt_runtime_us goes from {facts.RtRuntimeUs} to -1 while FIFO lanes run (they would "
            + $"lose {lostMs:0} ms of each {facts.RtPeriodUs / 1000} ms), journaled and restored.");
        return true;
    }

    private static void RtError(this Section source, PlanContext context, double lostMs, HostFacts facts) =>
        context.Fail(source, "rt_throttling",
            $"a busy FIFO lane loses {lostMs:0} ms of each {facts.RtPeriodUs / 1000} ms to RT throttling",
            "Set rt_throttling = \"off\" in [host] (switched off while lanes run, restored after), or policy = \"other\".");

    private static void CheckNeighbours(
        PlanContext context, LaneConfiguration lane, IEnumerable<LaneConfiguration> before)
    {
        foreach (LaneConfiguration other in before.Where(other => other.Thread.Cpu == lane.Thread.Cpu))
        {
            bool isShared = lane.SharedThread.Length > 0 && lane.SharedThread == other.SharedThread;
            if (!isShared)
            {
                context.Fail(lane.Source, "cpu", $"lane {other.Name} keeps CPU {lane.Thread.Cpu} busy",
                    "Take another CPU, or let both share a thread: host = \"shared\", thread = \"name\".");
            }
        }

        foreach (LaneConfiguration other in before.Where(other => other.SharedThread.Length > 0
            && other.SharedThread == lane.SharedThread && other.Thread != lane.Thread))
        {
            context.Fail(lane.Source, "thread", $"lane {other.Name} of the same thread has another CPU, policy, priority or "
                + "pause", "Lanes of one thread agree on these.");
        }
    }

    private static void CheckHousekeeping(PlanContext context)
    {
        HostConfiguration host = context.Configuration.Host;
        if (host.Housekeeping.Length > 0
            && Quantity.TryCpuList(host.Housekeeping, LastCpu(context), out CpuSet cpus)
            && !Enumerable.Range(0, Limits.CpusMax).Any(cpu => cpus.Contains(cpu) && context.Facts.OnlineCpus.Contains(cpu)))
        {
            context.Fail(host.Source!, "housekeeping", "none of these CPUs is online", $"Online are {context.Facts.OnlineCpus}.");
        }
    }

    private static int LastCpu(PlanContext context) =>
        Enumerable.Range(0, Limits.CpusMax).Last(cpu => cpu == 0 || context.Facts.OnlineCpus.Contains(cpu));
}
