using System.Text.Json;
using System.Text.Json.Serialization;
using LowLatency.Control.Configuration;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>A plan as JSON, schema <c>lowlat.plan/1</c>: a contract.</summary>
internal static class PlanJson
{
    /// <summary>The whole plan, indented.</summary>
    public static string Write(PlanImage plan)
    {
        ref readonly PlanHeader header = ref plan.Header;
        PlanDocument document = new()
        {
            Schema = "lowlat.plan/1",
            Name = header.Name.ToString(),
            Checksum = header.Checksum.ToString("x8"),
            ConfigSha256 = header.ConfigHash.ToString(),
            Region = header.RegionPath.ToString(),
            HousekeepingCpus = header.HousekeepingCpus.ToString(),
            LockMemory = header.LockMemory != 0,
            Lanes = [.. Enumerable.Range(0, plan.LaneCount).Select(i => Lane(plan, plan.Lane(i)))],
            Load = header.Load.PathCount > 0 ? Load(header.Load) : null,
        };
        return JsonSerializer.Serialize(document, PlanJsonContext.Default.PlanDocument);
    }

    private static PlanLaneDocument Lane(PlanImage plan, PlanLane lane) => new()
    {
        Name = lane.Name.ToString(),
        Kind = lane.Kind.ToString().ToLowerInvariant(),
        Host = lane.Host == LaneHost.Pinned ? "pinned" : "shared",
        Thread = lane.Host == LaneHost.Shared ? lane.Thread : null,
        Cpu = lane.Cpu,
        Policy = lane.Policy == LanePolicy.Fifo ? "fifo" : "other",
        Priority = lane.Priority,
        YieldEveryNs = lane.YieldEveryNs,
        YieldForNs = lane.YieldForNs,
        Frames = lane.Frames,
        ChunkBytes = lane.ChunkBytes,
        HeadroomBytes = lane.HeadroomBytes,
        HugePages = Names.Huges[(int)lane.HugePages],
        NumaNode = lane.NumaNode,
        Burst = lane.Burst,
        GapThresholdNs = lane.GapThresholdNs,
        Ports = [.. Enumerable.Range(0, (int)lane.PortCount).Select(i => Port(plan.Port(lane.Ports[i])))],
        Stages = [.. Enumerable.Range(0, (int)lane.StageCount)
            .Select(i => Stage(plan, lane, plan.Stage((int)lane.FirstStage + i)))],
    };

    private static PlanPortDocument Port(PlanPort port) => new()
    {
        Name = port.Name.ToString(),
        Interface = port.Interface.ToString(),
        Netns = port.NetworkNamespace.ToString(),
        InterfaceIndex = port.InterfaceIndex,
        Queue = port.Queue,
        Mode = Names.Modes[(int)port.Mode],
        Claim = Names.Claims[(int)port.Claim],
        ClaimPorts = port.Claim == Claim.Udp ? $"{port.ClaimPortLow}-{port.ClaimPortHigh}" : null,
        Wakeup = Names.Wakes[(int)port.Wake],
        Timestamps = port.Stamps == StampSource.Software ? "software" : "none",
        RxSlots = port.RxSlots,
        TxSlots = port.TxSlots,
        FillSlots = port.FillSlots,
        CompletionSlots = port.CompletionSlots,
        FillLevel = port.FillLevel,
        MtuBytes = port.MtuBytes,
        Mac = Quantity.MacText(port.Mac),
        NumaNode = port.NumaNode,
    };

    private static PlanStageDocument Stage(PlanImage plan, PlanLane lane, PlanStage stage)
    {
        string? Name(int port) => port < 0 ? null : plan.Port(lane.Ports[port]).Name.ToString();
        return new PlanStageDocument
        {
            Kind = Names.Stages[(int)stage.Kind],
            Ports = [.. new[] { Name(stage.PortA), Name(stage.PortB) }.OfType<string>()],
            SourceMac = stage.SourceMac == 0 ? null : Quantity.MacText(stage.SourceMac),
            DestinationMac = stage.DestinationMac == 0 ? null : Quantity.MacText(stage.DestinationMac),
            Default = stage.Kind == StageKind.Filter ? Names.Actions[(int)stage.DefaultAction] : null,
            Rules = [.. Enumerable.Range(0, (int)stage.RuleCount)
                .Select(i => plan.Rule((int)stage.FirstRule + i))
                .Select(rule => new PlanRuleDocument(rule.Name.ToString(), Names.Actions[(int)rule.Action]))],
        };
    }

    private static PlanLoadDocument Load(PlanLoad load) => new()
    {
        RatePps = load.RatePps,
        Schedule = Names.Schedules[(int)load.Schedule],
        Family = load.Family,
        Flows = load.Flows,
        Seed = load.Seed,
        DurationNs = load.DurationNs,
        WarmupNs = load.WarmupNs,
        QuietEveryNs = load.QuietEveryNs,
        QuietForNs = load.QuietForNs,
        QuietGuardNs = load.QuietGuardNs,
        Sizes = [.. Enumerable.Range(0, 8).Select(i => load.Sizes[i]).Where(size => size.Weight > 0)
            .Select(size => new PlanSizeDocument(size.FrameBytes, size.Weight))],
        Paths = [.. Enumerable.Range(0, (int)load.PathCount).Select(i => load.Paths[i])
            .Select(path => new PlanPathDocument(path.Name.ToString(), path.SliceNs,
                Quantity.MacText(path.SourceMac), Quantity.MacText(path.DestinationMac)))],
    };
}

internal sealed record PlanRuleDocument(string Name, string Action);

internal sealed record PlanSizeDocument(uint FrameBytes, uint Weight);

internal sealed record PlanPathDocument(string Name, long SliceNs, string SourceMac, string DestinationMac);

internal sealed record PlanDocument
{
    public required string Schema { get; init; }
    public required string Name { get; init; }
    public required string Checksum { get; init; }
    public required string ConfigSha256 { get; init; }
    public required string Region { get; init; }
    public required string HousekeepingCpus { get; init; }
    public required bool LockMemory { get; init; }
    public required IReadOnlyList<PlanLaneDocument> Lanes { get; init; }
    public required PlanLoadDocument? Load { get; init; }
}

internal sealed record PlanLaneDocument
{
    public required string Name { get; init; }
    public required string Kind { get; init; }
    public required string Host { get; init; }
    public required uint? Thread { get; init; }
    public required int Cpu { get; init; }
    public required string Policy { get; init; }
    public required int Priority { get; init; }
    public required long YieldEveryNs { get; init; }
    public required long YieldForNs { get; init; }
    public required uint Frames { get; init; }
    public required uint ChunkBytes { get; init; }
    public required uint HeadroomBytes { get; init; }
    public required string HugePages { get; init; }
    public required int NumaNode { get; init; }
    public required uint Burst { get; init; }
    public required long GapThresholdNs { get; init; }
    public required IReadOnlyList<PlanPortDocument> Ports { get; init; }
    public required IReadOnlyList<PlanStageDocument> Stages { get; init; }
}

internal sealed record PlanPortDocument
{
    public required string Name { get; init; }
    public required string Interface { get; init; }
    public required string Netns { get; init; }
    public required int InterfaceIndex { get; init; }
    public required uint Queue { get; init; }
    public required string Mode { get; init; }
    public required string Claim { get; init; }
    public required string? ClaimPorts { get; init; }
    public required string Wakeup { get; init; }
    public required string Timestamps { get; init; }
    public required uint RxSlots { get; init; }
    public required uint TxSlots { get; init; }
    public required uint FillSlots { get; init; }
    public required uint CompletionSlots { get; init; }
    public required uint FillLevel { get; init; }
    public required uint MtuBytes { get; init; }
    public required string Mac { get; init; }
    public required int NumaNode { get; init; }
}

internal sealed record PlanStageDocument
{
    public required string Kind { get; init; }
    public required IReadOnlyList<string> Ports { get; init; }
    public required string? SourceMac { get; init; }
    public required string? DestinationMac { get; init; }
    public required string? Default { get; init; }
    public required IReadOnlyList<PlanRuleDocument> Rules { get; init; }
}

internal sealed record PlanLoadDocument
{
    public required double RatePps { get; init; }
    public required string Schedule { get; init; }
    public required uint Family { get; init; }
    public required uint Flows { get; init; }
    public required ulong Seed { get; init; }
    public required long DurationNs { get; init; }
    public required long WarmupNs { get; init; }
    public required long QuietEveryNs { get; init; }
    public required long QuietForNs { get; init; }
    public required long QuietGuardNs { get; init; }
    public required IReadOnlyList<PlanSizeDocument> Sizes { get; init; }
    public required IReadOnlyList<PlanPathDocument> Paths { get; init; }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(PlanDocument))]
internal sealed partial class PlanJsonContext : JsonSerializerContext;
