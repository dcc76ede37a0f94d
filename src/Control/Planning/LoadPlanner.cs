using LowLatency.Control.Configuration;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>Plans [load]: a data plane of its own with a generator and a receiver lane, on one shared thread or two.
/// Pure.</summary>
internal static class LoadPlanner
{
    private const uint ChunkOfLargeFrames = 4096;
    private const long GapThresholdNs = 20_000;

    /// <summary>Plans the section with the command line's overrides.</summary>
    public static PlanResult Plan(Configuration.Configuration configuration, HostFacts facts, LoadOverrides overrides)
    {
        PlanContext context = new(configuration, facts);
        if (configuration.Load == null)
        {
            context.Fail(configuration.Source, "", "there is no [load]", "Add one, or see configs/lab.toml.");
            return context.Finish(() => throw new InvalidOperationException(), false);
        }

        LoadConfiguration load = LoadOverriding.Apply(configuration.Load, overrides, context.Errors);
        PathConfiguration[] paths = load.Direct == null || overrides.NoDirect ? [load.Through] : [load.Through, load.Direct];
        CheckThreads(context, load);
        LaneMemory memory = new(0, ChunkFor(load), 0, HugePages.Auto);
        bool isShared = load.ReceiverCpu == load.Generator.Cpu;
        PlanLane generator = PlanLane(context, "gen", LaneKind.Generator, load, load.Generator.Cpu, isShared, memory,
            [.. paths.Select(path => (path.Source, "tx", path.Tx))]);
        PlanLane receiver = PlanLane(context, "rcv", LaneKind.Receiver, load, load.ReceiverCpu, isShared, memory,
            [.. paths.Select(path => (path.Source, "rx", path.Rx))]);
        PlanHeader header = Planner.Header(context, configuration.Name + "-load");
        header.Load = Fill(context, load, paths);
        bool needsOff = PlacementRules.NeedsRtThrottlingOff(context, [load.Generator]);
        if (load.QuietEveryNs > 0)
        {
            context.Notes.Add($"The load thread pauses {load.QuietForNs / 1e6:0.###} ms of every {load.QuietEveryNs / 1e6:0.###} "
                + $"ms for the rest of its CPU; no frame is intended then, nor {load.QuietGuardNs / 1e3:0} us before.");
        }

        return context.Finish(
            () => PlanImage.Build(header, context.Ports.ToArray(), [generator, receiver], [], []), needsOff);
    }

    private static PlanLane PlanLane(
        PlanContext context, string name, LaneKind kind, LoadConfiguration load, int cpu, bool isShared,
        LaneMemory memory, (Section Source, string Key, string Port)[] names)
    {
        bool isQuiet = load.QuietEveryNs > 0;
        PlanLane plan = new()
        {
            Kind = kind,
            Host = isShared ? LaneHost.Shared : LaneHost.Pinned,
            Cpu = cpu,
            Policy = load.Generator.Policy,
            Priority = load.Generator.Priority,
            Burst = Limits.BurstMax,
            NumaNode = context.Facts.NodeOfCpu.GetValueOrDefault(cpu, -1),
            GapThresholdNs = GapThresholdNs,
            YieldEveryNs = isQuiet ? load.QuietEveryNs : load.Generator.YieldEveryNs,
            YieldForNs = isQuiet ? load.QuietForNs : load.Generator.YieldForNs,
        };
        plan.Name.Set(name);
        List<PortConfiguration> ports = [];
        foreach ((Section source, string key, string portName) in names)
        {
            if (context.FindPort(source, key, portName) is not { } port)
            {
                continue;
            }

            if (ports.Contains(port) || context.Configuration.Lanes.Any(lane => lane.Ports.Contains(portName)))
            {
                context.Fail(source, key, $"port {portName} is used already", "A port (a queue) has one lane.");
                continue;
            }

            Claim claim = port.Claim ?? (kind == LaneKind.Generator ? Claim.None : Claim.Udp);
            int number = context.AddPort(ClaimLoad(port, load), claim, memory);
            plan.Ports[(int)plan.PortCount] = Math.Max(number, 0);
            plan.PortCount++;
            ports.Add(port);
            CheckFrames(context, port, load, source, key);
        }

        context.FillMemory(ref plan, memory, load.Source, ports);
        return plan;
    }

    // A receiver's port takes the load's own UDP port unless the user chose a range.
    private static PortConfiguration ClaimLoad(PortConfiguration port, LoadConfiguration load) =>
        port.Source.Has("claim_ports") ? port
            : port with { ClaimPortLow = load.DestinationPort, ClaimPortHigh = load.DestinationPort };

    private static void CheckFrames(
        PlanContext context, PortConfiguration port, LoadConfiguration load, Section source, string key)
    {
        InterfaceFacts? link = context.Facts.Interfaces.GetValueOrDefault(port.NetworkNamespace)?
            .FirstOrDefault(one => one.Name == port.Interface);
        uint largest = Largest(load.Sizes);
        if (link != null && largest > link.MtuBytes + 14)
        {
            context.Fail(source, key, $"frames of {largest} bytes, the MTU of {port.Interface} allows {link.MtuBytes + 14}",
                "Send smaller frames, or raise the MTU.");
        }
    }

    private static void CheckThreads(PlanContext context, LoadConfiguration load)
    {
        bool isShared = load.ReceiverCpu == load.Generator.Cpu;
        foreach ((string key, int cpu) in ((string, int)[])
            [(isShared ? "cpu" : "generator_cpu", load.Generator.Cpu), (isShared ? "cpu" : "receiver_cpu", load.ReceiverCpu)])
        {
            context.CheckCpu(load.Source, key, cpu);
            LaneConfiguration? lane = context.Configuration.Lanes.FirstOrDefault(one => one.Thread.Cpu == cpu);
            if (lane != null)
            {
                context.Fail(load.Source, key, $"lane {lane.Name} keeps CPU {cpu} busy", "Take another CPU.");
            }

            bool pauses = load.QuietEveryNs > 0 || load.Generator.Policy == LanePolicy.Other;
            if (!pauses && PlacementRules.Housekeeping(context).Contains(cpu))
            {
                context.Fail(load.Source, key, $"CPU {cpu} is a housekeeping CPU, which a FIFO thread would starve",
                    "Set quiet_every = \"20ms\", or take another CPU, or policy = \"other\".");
            }

            if (isShared)
            {
                return;
            }
        }
    }

    private static PlanLoad Fill(PlanContext context, LoadConfiguration load, PathConfiguration[] paths)
    {
        bool hasDirect = paths.Length > 1;
        PlanLoad plan = new()
        {
            RatePps = load.RatePps,
            Schedule = load.Schedule,
            PathCount = (uint)paths.Length,
            Flows = load.Flows,
            Family = load.Family,
            Seed = load.Seed,
            WarmupNs = load.WarmupNs,
            DurationNs = load.DurationNs,
            QuietEveryNs = load.QuietEveryNs,
            QuietForNs = load.QuietEveryNs > 0 ? load.QuietForNs : 0,
            QuietGuardNs = load.QuietEveryNs > 0 ? load.QuietGuardNs : 0,
            Source = load.Address,
            Destination = load.DestinationAddress,
            SourcePort = load.SourcePort,
            DestinationPort = load.DestinationPort,
            Sizes = load.Sizes,
        };
        for (int i = 0; i < paths.Length; i++)
        {
            double share = !hasDirect ? 1 : i == 0 ? 1 - load.DirectShare : load.DirectShare;
            ref PlanPath path = ref plan.Paths[i];
            path.Name.Set(i == 0 ? "through" : "direct");
            path.TxPort = path.RxPort = (uint)i;
            path.SliceNs = Math.Max(1, (long)(load.SliceNs * share));
            path.SourceMac = paths[i].SourceMac != 0 ? paths[i].SourceMac : MacOf(context, paths[i], "tx", paths[i].Tx);
            path.DestinationMac = paths[i].DestinationMac != 0 ? paths[i].DestinationMac
                : paths[i].DestinationMacOf.Length > 0
                    ? MacOf(context, paths[i], "destination_mac_of", paths[i].DestinationMacOf)
                    : MacOf(context, paths[i], "rx", paths[i].Rx);
        }

        return plan;
    }

    private static ulong MacOf(PlanContext context, PathConfiguration path, string key, string name)
    {
        PortConfiguration? port = context.Configuration.Ports.FirstOrDefault(one => one.Name == name);
        if (port == null)
        {
            if (key == "destination_mac_of")
            {
                context.FindPort(path.Source, key, name);
            }

            return 0;
        }

        return context.Facts.Interfaces.GetValueOrDefault(port.NetworkNamespace)?
            .FirstOrDefault(one => one.Name == port.Interface)?.Mac ?? 0;
    }

    private static uint ChunkFor(LoadConfiguration load) =>
        Largest(load.Sizes) > Limits.ChunkBytesMin - Limits.XdpHeadroomBytes ? ChunkOfLargeFrames : Limits.ChunkBytesMin;

    private static uint Largest(in PlanSizes sizes)
    {
        uint largest = 0;
        foreach (PlanSize size in (ReadOnlySpan<PlanSize>)sizes)
        {
            largest = size.Weight > 0 ? Math.Max(largest, size.FrameBytes) : largest;
        }

        return largest;
    }
}
