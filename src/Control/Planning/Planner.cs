using System.Security.Cryptography;
using System.Text;
using LowLatency.Control.Configuration;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>Turns a configuration and the facts of the host into the plan of the forwarding data plane, or into every
/// reason why not. Pure.</summary>
internal static class Planner
{
    /// <summary>Plans the [[lane]]s.</summary>
    public static PlanResult PlanForward(Configuration.Configuration configuration, HostFacts facts)
    {
        PlanContext context = new(configuration, facts);
        List<PlanLane> lanes = [];
        List<PlanStage> stages = [];
        List<PlanRule> rules = [];
        if (configuration.Lanes.Count == 0)
        {
            context.Fail(configuration.Source, "", "there is no [[lane]]", "Add one with ports and a stage.");
        }

        HashSet<string> taken = [];
        foreach (LaneConfiguration lane in configuration.Lanes)
        {
            lanes.Add(PlanLane(context, lane, taken, stages, rules));
        }

        PlacementRules.CheckLanes(context);
        PlacementRules.CheckInterfaces(context, [.. configuration.Ports.Where(port => taken.Contains(port.Name))]);
        CheckLimits(context, lanes.Count, stages.Count, rules.Count);
        WarnUnused(context, taken);
        bool needsOff = PlacementRules.NeedsRtThrottlingOff(context, configuration.Lanes.Select(lane => lane.Thread));
        return context.Finish(
            () => PlanImage.Build(
                Header(context, configuration.Name),
                context.Ports.ToArray(), lanes.ToArray(), stages.ToArray(), rules.ToArray()),
            needsOff);
    }

    /// <summary>Plans the [load] section as a data plane of its own; see <see cref="LoadPlanner"/>.</summary>
    public static PlanResult PlanLoad(
        Configuration.Configuration configuration, HostFacts facts, LoadOverrides overrides) =>
        LoadPlanner.Plan(configuration, facts, overrides);

    /// <summary>The header of a plan of this configuration.</summary>
    public static PlanHeader Header(PlanContext context, string name)
    {
        PlanHeader header = new() { LockMemory = context.Configuration.Host.LockMemory ? 1u : 0u };
        header.Name.Set(name);
        header.RegionPath.Set(RegionPathOf(name));
        header.HousekeepingCpus = PlacementRules.Housekeeping(context);
        SHA256.HashData(Encoding.UTF8.GetBytes(context.Configuration.Text), header.ConfigHash);
        return header;
    }

    /// <summary>Where the region of a data plane of this name lies.</summary>
    public static string RegionPathOf(string name) => $"/dev/shm/lowlat-{name}.region";

    private static PlanLane PlanLane(
        PlanContext context, LaneConfiguration lane, HashSet<string> taken, List<PlanStage> stages, List<PlanRule> rules)
    {
        LaneMemory memory = new(lane.Frames, lane.ChunkBytes, lane.HeadroomBytes, lane.HugePages);
        PlanLane plan = new()
        {
            Kind = LaneKind.Forward,
            Host = lane.SharedThread.Length > 0 ? LaneHost.Shared : LaneHost.Pinned,
            Thread = (uint)Math.Max(0, PlacementRules.ThreadNames(context).IndexOf(lane.SharedThread)),
            Cpu = lane.Thread.Cpu,
            Policy = lane.Thread.Policy,
            Priority = lane.Thread.Priority,
            FirstStage = (uint)stages.Count,
            Burst = lane.Burst,
            NumaNode = lane.NumaNode >= 0 ? lane.NumaNode
                : context.Facts.NodeOfCpu.GetValueOrDefault(lane.Thread.Cpu, -1),
            GapThresholdNs = lane.GapThresholdNs,
            YieldEveryNs = lane.Thread.YieldEveryNs,
            YieldForNs = lane.Thread.YieldForNs,
        };
        plan.Name.Set(lane.Name);
        List<PortConfiguration> ports = [];
        foreach (string name in lane.Ports)
        {
            PortConfiguration? port = context.FindPort(lane.Source, "ports", name);
            if (port == null)
            {
                continue;
            }

            if (!taken.Add(name))
            {
                context.Fail(lane.Source, "ports", $"port {name} belongs to a lane already",
                    "A port (a queue) has one lane: give this lane another queue.");
            }

            int number = context.AddPort(port, port.Claim ?? Claim.Ip, memory);
            plan.Ports[(int)plan.PortCount] = Math.Max(number, 0);
            plan.PortCount++;
            ports.Add(port);
        }

        context.FillMemory(ref plan, memory, lane.Source, ports);
        PlacementRules.CheckLanePorts(context, lane, ports, plan.NumaNode);
        foreach (StageConfiguration stage in lane.Stages)
        {
            stages.Add(StagePlanner.Plan(context, lane, stage, rules));
        }

        plan.StageCount = (uint)stages.Count - plan.FirstStage;
        return plan;
    }

    private static void CheckLimits(PlanContext context, int lanes, int stages, int rules)
    {
        foreach ((string what, int count, int most) in ((string, int, int)[])
            [
                ("lanes", lanes, Limits.LanesMax), ("ports", context.Ports.Count, Limits.PortsMax),
                ("stages", stages, Limits.StagesMax), ("filter rules", rules, Limits.RulesMax),
            ])
        {
            if (count > most)
            {
                context.Fail(context.Configuration.Source, "", $"{count} {what}, at most {most}", "Split the configuration.");
            }
        }
    }

    private static void WarnUnused(PlanContext context, HashSet<string> taken)
    {
        LoadConfiguration? load = context.Configuration.Load;
        string?[] loaded = [load?.Through.Tx, load?.Through.Rx, load?.Direct?.Tx, load?.Direct?.Rx];
        foreach (PortConfiguration port in context.Configuration.Ports
            .Where(port => !taken.Contains(port.Name) && !loaded.Contains(port.Name)))
        {
            context.Warnings.Add(port.Source.Error("name", "no lane and no [load] uses this port", "Remove it, or use it."));
        }
    }
}
