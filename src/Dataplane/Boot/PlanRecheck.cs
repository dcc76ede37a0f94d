using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Boot;

/// <summary>The data plane's own look at a plan: every index and size that a lane will trust. Control has
/// checked it too, against the host; this guards the loop against a plan from anywhere. Pure.</summary>
internal static class PlanRecheck
{
    /// <summary>Throws with the first thing that is wrong.</summary>
    /// <exception cref="PlanFormatException">The plan does not hold together.</exception>
    public static void Check(PlanImage plan)
    {
        Require(plan.LaneCount > 0, "has no lane");
        Require(plan.Header.Name.ToString().Length > 0, "has no name");
        Require(!plan.Header.HousekeepingCpus.IsEmpty, "has no housekeeping CPU");
        bool[] isOwned = new bool[plan.PortCount];
        for (int i = 0; i < plan.PortCount; i++)
        {
            CheckPort(plan.Port(i), i);
        }

        for (int i = 0; i < plan.TableCount; i++)
        {
            PlanTable table = plan.Table(i);
            Require(table.Kind <= TableKind.Records, $"table {i}: kind {(uint)table.Kind} is unknown");
            Require(table.Offset >= 0 && table.Offset % 4096 == 0 && table.Bytes
                is >= 0 and <= Limits.TableBytesMax
                && table.Offset <= long.MaxValue - Limits.TableBytesMax, $"table {i}: is nowhere");
        }

        for (int i = 0; i < plan.LaneCount; i++)
        {
            CheckLane(plan, i, isOwned);
        }
    }

    private static void CheckPort(in PlanPort port, int index)
    {
        string who = $"port {index}";
        RequireRing(port.RxSlots, who, "rx");
        RequireRing(port.TxSlots, who, "tx");
        RequireRing(port.FillSlots, who, "fill");
        RequireRing(port.CompletionSlots, who, "completion");
        Require(port.FillLevel <= port.FillSlots, $"{who}: fill level {port.FillLevel} is over its fill "
            + $"ring");
        Require(port.Mode <= BindMode.Generic, $"{who}: mode {(uint)port.Mode} is unknown");
        Require(port.Claim <= Claim.Route, $"{who}: claim {(uint)port.Claim} is unknown");
        Require(port.Wake <= WakePolicy.BusyPoll, $"{who}: wake-up policy {(uint)port.Wake} is unknown");
        Require(port.Stamps <= StampSource.Software, $"{who}: stamp source {(uint)port.Stamps} is unknown");
        Require(port.Interface.ToString().Length > 0, $"{who}: has no interface");
        Require(port.InterfaceNumber < Limits.PortsMax, $"{who}: interface number {port.InterfaceNumber}");
    }

    private static void CheckLane(PlanImage plan, int index, bool[] isOwned)
    {
        ref readonly PlanLane lane = ref plan.Lane(index);
        string who = $"lane {index}";
        Require(lane.Kind <= LaneKind.Replay, $"{who}: kind {(uint)lane.Kind} is unknown");
        Require(lane.Host <= LaneHost.Shared, $"{who}: host {(uint)lane.Host} is unknown");
        Require(lane.Cpu is >= 0 and < Limits.CpusMax, $"{who}: CPU {lane.Cpu} is out of range");
        bool isPortless = lane.Kind is LaneKind.Meter or LaneKind.ShapedMeter or LaneKind.Storage;
        Require(lane.PortCount > 0 == !isPortless && lane.PortCount <= Limits.PortsPerLaneMax,
            $"{who}: has {lane.PortCount} ports");
        Require(lane.ChunkBytes is Limits.ChunkBytesMin or Limits.ChunkBytesMax,
            $"{who}: chunks of {lane.ChunkBytes} bytes; 2048 or 4096");
        Require(lane.Policy <= LanePolicy.Fifo, $"{who}: policy {(uint)lane.Policy} is unknown");
        Require(lane.HugePages <= HugePages.Require, $"{who}: huge pages {(uint)lane.HugePages} is unknown");
        Require(lane.NumaNode is >= -1 and < Limits.NumaNodesMax, $"{who}: NUMA node {lane.NumaNode}");
        Require(lane.Offload <= Offload.Kernel, $"{who}: offload {(uint)lane.Offload} is unknown");
        Require(lane.Burst is > 0 and <= Limits.BurstMax, $"{who}: burst of {lane.Burst}");
        Require(lane.YieldEveryNs == 0 || (lane.YieldForNs > 0 && lane.YieldForNs < lane.YieldEveryNs),
            $"{who}: pauses of {lane.YieldForNs} ns every {lane.YieldEveryNs} ns");
        long fill = 0;
        for (int i = 0; i < lane.PortCount; i++)
        {
            int port = lane.Ports[i];
            Require((uint)port < (uint)plan.PortCount, $"{who}: port {port} is not in the plan");
            Require(!isOwned[port], $"{who}: port {port} belongs to another lane already");
            isOwned[port] = true;
            fill += plan.Port(port).FillLevel;
        }

        Require(lane.Frames > fill && lane.Frames <= int.MaxValue / lane.ChunkBytes,
            $"{who}: {lane.Frames} frames for fill levels of {fill}");
        CheckStages(plan, lane, who);
        if (lane.Kind is LaneKind.Generator or LaneKind.Receiver)
        {
            LoadRecheck.Check(plan, lane, who);
        }
    }

    private static void CheckStages(PlanImage plan, in PlanLane lane, string who)
    {
        Require((ulong)lane.FirstStage + lane.StageCount <= plan.Header.StageCount,
            $"{who}: stages out of range");
        Require(lane.Kind != LaneKind.Forward || lane.StageCount > 0, $"{who}: has no stage");
        Require(lane.Kind != LaneKind.Storage
            || (lane.StageCount == 1 && plan.Stage((int)lane.FirstStage).Kind == StageKind.Recorder
                && lane.Host == LaneHost.Pinned), $"{who}: is no recorder");
        Require(lane.Kind != LaneKind.Replay
            || (lane.StageCount == 1 && plan.Stage((int)lane.FirstStage).Kind == StageKind.Replay
                && lane.PortCount == 1 && lane.Host == LaneHost.Pinned), $"{who}: is no replay");
        Require(lane.StageCount <= Limits.StagesPerLaneMax, $"{who}: has {lane.StageCount} stages");
        for (uint i = 0; i < lane.StageCount; i++)
        {
            ref readonly PlanStage stage = ref plan.Stage((int)(lane.FirstStage + i));
            bool isConnect = stage.Kind == StageKind.CrossConnect;
            int lowest = isConnect ? 0 : -1;
            Require(stage.Kind <= StageKind.Replay, $"{who}: stage kind {(uint)stage.Kind} is unknown");
            Require(stage.PortA >= lowest && stage.PortA < (int)lane.PortCount,
                $"{who}: stage port {stage.PortA}");
            Require(stage.PortB >= lowest && stage.PortB < (int)lane.PortCount,
                $"{who}: stage port {stage.PortB}");
            Require((ulong)stage.FirstRule + stage.RuleCount <= plan.Header.RuleCount,
                $"{who}: rules out of range");
            Require(stage.DefaultAction <= RuleAction.Drop, $"{who}: a filter's default action is unknown");
            Require((ulong)stage.FirstTable + stage.TableCount <= plan.Header.TableCount,
                $"{who}: tables out of range");
            Require(stage.RuleCount == 0 || (stage.TableCount > 0
                    && HasTable(plan, stage, 0, TableKind.RuleCounters,
                        stage.RuleCount * (long)RuleCounter.SizeBytes)),
                $"{who}: rules without counters");
            StageRecheck.Check(plan, lane, stage, who);

            for (uint rule = 0; rule < stage.RuleCount; rule++)
            {
                CheckRule(plan.Rule((int)(stage.FirstRule + rule)), who);
            }
        }
    }

    /// <summary>True when a stage's table is of a kind and at least so large.</summary>
    internal static bool HasTable(
        PlanImage plan, in PlanStage stage, int index, TableKind kind, long bytesMin)
    {
        if (index >= stage.TableCount)
        {
            return false;
        }

        ref readonly PlanTable table = ref plan.Table((int)stage.FirstTable + index);
        return table.Kind == kind && table.Bytes >= bytesMin;
    }

    private static void CheckRule(in PlanRule rule, string who)
    {
        uint bitsMax = rule.Family == 4 ? 32u : 128u;
        Require(rule.Family is 0 or 4 or 6, $"{who}: rule '{rule.Name}' has family {rule.Family}");
        Require(rule.SourceBits <= bitsMax && rule.DestinationBits <= bitsMax,
            $"{who}: rule '{rule.Name}' has a prefix longer than its address");
        Require(rule.Family != 0 || (rule.SourceBits | rule.DestinationBits) == 0,
            $"{who}: rule '{rule.Name}' has a prefix and no family");
        Require(rule.Action <= RuleAction.Drop, $"{who}: rule '{rule.Name}' has an unknown action");
    }

    private static void RequireRing(uint slots, string who, string ring) =>
        Require(slots is >= Limits.RingSlotsMin and <= Limits.RingSlotsMax && (slots & (slots - 1)) == 0,
            $"{who}: {ring} ring of {slots} slots; a power of two from 64 to 32768");

    internal static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new PlanFormatException("plan is inconsistent: " + what);
        }
    }
}
