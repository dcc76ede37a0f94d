using System.Text.Json;
using System.Text.Json.Serialization;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>A plan as JSON, schema <c>lowlat.plan/1</c>: the contract for other programs. Pure.</summary>
internal static class PlanJson
{
    /// <summary>Name and version of the schema.</summary>
    public const string SchemaName = "lowlat.plan/1";

    /// <summary>Writes a plan; ends with a line feed.</summary>
    public static string Write(PlanImage plan) =>
        JsonSerializer.Serialize(DocumentOf(plan), PlanJsonContext.Default.PlanDocument) + "\n";

    private static PlanDocument DocumentOf(PlanImage plan)
    {
        ref readonly PlanHeader header = ref plan.Header;
        return new PlanDocument(SchemaName, header.Name.ToString(), header.RegionPath.ToString(),
            header.ConfigHash.ToString(), header.HousekeepingCpus.ToString(), header.LockMemory != 0,
            [.. Enumerable.Range(0, plan.PortCount).Select(i => PortOf(plan.Port(i)))],
            [.. Enumerable.Range(0, plan.LaneCount).Select(i => LaneOf(plan, plan.Lane(i)))],
            header.Load.PathCount == 0 ? null : LoadOf(plan, header.Load));
    }

    private static PortDocument PortOf(PlanPort port) => new(port.Name.ToString(), port.Interface.ToString(),
        port.NetworkNamespace.ToString(), port.InterfaceIndex, port.Queue, PlanWords.Of(port.Mode),
        PlanWords.Of(port.Claim), port.Claim == Claim.Udp ? [port.ClaimPortLow, port.ClaimPortHigh] : null,
        PlanWords.Of(port.Wake), port.BusyPollUs, port.BusyPollBudget, PlanWords.Of(port.Stamps),
        port.RxSlots,
        port.TxSlots, port.FillSlots, port.CompletionSlots, port.FillLevel, port.MtuBytes, port.NumaNode,
        PlanWords.Mac(port.Mac));

    private static LaneDocument LaneOf(PlanImage plan, PlanLane lane)
    {
        string[] ports = [.. Enumerable.Range(0, (int)lane.PortCount)
            .Select(i => plan.Port(lane.Ports[i]).Name.ToString())];
        return new LaneDocument(
            lane.Name.ToString(), PlanWords.Of(lane.Kind), PlanWords.Of(lane.Host), lane.Thread,
            lane.Cpu, PlanWords.Of(lane.Policy), lane.Priority, ports, lane.Frames, lane.ChunkBytes,
            lane.HeadroomBytes, PlanWords.Of(lane.HugePages), lane.NumaNode, lane.Burst,
            PlanWords.Of(lane.Offload), lane.GapThresholdNs, lane.YieldEveryNs, lane.YieldForNs,
            [.. Enumerable.Range((int)lane.FirstStage, (int)lane.StageCount)
                .Select(i => StageOf(plan, plan.Stage(i), ports))]);
    }

    private static StageDocument StageOf(PlanImage plan, PlanStage stage, string[] ports)
    {
        bool isFilter = stage.Kind is StageKind.Filter or StageKind.Acl;
        int[] numbers = [stage.PortA, stage.PortB];
        return new StageDocument(PlanWords.Of(stage.Kind),
            [.. numbers.Where(number => number >= 0).Select(number => ports[number])],
            stage.SourceMac == 0 ? null : PlanWords.Mac(stage.SourceMac),
            stage.DestinationMac == 0 ? null : PlanWords.Mac(stage.DestinationMac),
            isFilter ? PlanWords.Of(stage.DefaultAction) : null,
            !isFilter ? null : [.. Enumerable.Range((int)stage.FirstRule, (int)stage.RuleCount)
                .Select(i => RuleOf(plan.Rule(i), ports))]);
    }

    private static RuleDocument RuleOf(PlanRule rule, string[] ports) =>
        new(rule.Name.ToString(), PlanWords.Of(rule.Action), PlanWords.Matches(rule, ports));

    private static LoadDocument LoadOf(PlanImage plan, PlanLoad load) => new(
            load.RatePps, PlanWords.Of(load.Schedule),
            load.Schedule == Schedule.Burst ? new BurstDocument(load.BurstFrames, load.BurstGapNs) : null,
            load.Schedule is Schedule.Ramp or Schedule.Steps
                ? [.. PlanWords.Rates(load).Select(r => new RateDocument(r.FromPps, r.ToPps, r.ForNs))]
                    : null,
            load.ReplayCount == 0 ? null : new ReplayDocument(load.ReplayCount, load.ReplayRoundNs),
            load.Seed, load.DurationNs, load.WarmupNs,
            load.QuietEveryNs, load.QuietForNs, load.QuietGuardNs, load.Flows, load.Family,
            PlanWords.Addresses(load.Source, load.SourceCount, load.Family),
            PlanWords.Addresses(load.Destination, load.DestinationCount, load.Family),
            load.SourcePort, load.SourcePortCount, load.DestinationPort, load.DestinationPortCount,
            load.VlanCount == 0 ? null : [.. PlanWords.Vlans(load)],
            [.. PlanWords.Sizes(load).Select(s => new SizeDocument(s.FrameBytes, s.FrameBytesMax, s.Weight))],
            [.. Enumerable.Range(0, (int)load.PathCount).Select(i => PathOf(plan, load.Paths[i]))]);

    private static PathDocument PathOf(PlanImage plan, PlanPath path) => new(path.Name.ToString(),
        plan.Port(plan.Lane(0).Ports[(int)path.TxPort]).Name.ToString(),
        plan.Port(plan.Lane(1).Ports[(int)path.RxPort]).Name.ToString(),
        PlanWords.Mac(path.SourceMac), PlanWords.Mac(path.DestinationMac), path.SliceNs);
}

internal sealed record PlanDocument(string Schema, string Name, string RegionPath, string ConfigHash,
    string HousekeepingCpus, bool LockMemory, PortDocument[] Ports, LaneDocument[] Lanes, LoadDocument? Load);

internal sealed record PortDocument(
    string Name, string Interface, string NetworkNamespace, int InterfaceIndex,
    uint Queue, string Mode, string Claim, int[]? ClaimPorts, string Wakeup, uint BusyPollUs,
    uint BusyPollBudget,
    string Timestamps, uint RxSlots, uint TxSlots, uint FillSlots, uint CompletionSlots, uint FillLevel,
    uint MtuBytes, int NumaNode, string Mac);

internal sealed record LaneDocument(
    string Name, string Kind, string Host, uint Thread, int Cpu, string Policy,
    int Priority, string[] Ports, uint Frames, uint ChunkBytes, uint HeadroomBytes, string HugePages,
    int NumaNode,
    uint Burst, string Offload, long GapThresholdNs, long YieldEveryNs, long YieldForNs,
    StageDocument[] Stages);

internal sealed record StageDocument(string Kind, string[] Ports, string? SourceMac, string? DestinationMac,
    string? DefaultAction, RuleDocument[]? Rules);

internal sealed record RuleDocument(string Name, string Action, IReadOnlyList<string> Matches);

internal sealed record LoadDocument(
    double RatePps, string Schedule, BurstDocument? Burst, RateDocument[]? Rates, ReplayDocument? Replay,
    ulong Seed, long DurationNs,
    long WarmupNs,
    long QuietEveryNs, long QuietForNs, long QuietGuardNs, uint Flows, uint Family, string Source,
    string Destination, int SourcePort, uint SourcePortCount, int DestinationPort, uint DestinationPortCount,
    int[]? Vlans, SizeDocument[] Sizes, PathDocument[] Paths);

/// <summary>The bursts of a load.</summary>
internal sealed record BurstDocument(uint Frames, long GapNs);

/// <summary>One part of a load's ramp or steps.</summary>
internal sealed record RateDocument(double FromPps, double ToPps, long ForNs);

/// <summary>The capture of a load; a round of 0 ns is timed by the rate.</summary>
internal sealed record ReplayDocument(uint Frames, long RoundNs);

internal sealed record SizeDocument(uint FrameBytes, uint FrameBytesMax, uint Weight);

internal sealed record PathDocument(
    string Name, string Tx, string Rx, string SourceMac, string DestinationMac, long SliceNs);

[JsonSourceGenerationOptions(WriteIndented = true, NewLine = "\n",
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PlanDocument))]
internal sealed partial class PlanJsonContext : JsonSerializerContext;
