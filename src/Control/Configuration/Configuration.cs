using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuration;

/// <summary>What the user wrote, checked as far as text alone can be: the human's shape. The planner turns it into a
/// plan. Each part keeps its <see cref="Section"/> for the places of later errors.</summary>
internal sealed record Configuration
{
    /// <summary>File it came from, for messages.</summary>
    public required string File { get; init; }

    /// <summary>The text itself: hashed into the plan, copied into run folders.</summary>
    public required string Text { get; init; }

    /// <summary>Name of the instance.</summary>
    public required string Name { get; init; }

    /// <summary>[host].</summary>
    public required HostConfiguration Host { get; init; }

    /// <summary>Every [[port]].</summary>
    public required IReadOnlyList<PortConfiguration> Ports { get; init; }

    /// <summary>Every [[lane]].</summary>
    public required IReadOnlyList<LaneConfiguration> Lanes { get; init; }

    /// <summary>[load]; null without one.</summary>
    public required LoadConfiguration? Load { get; init; }

    /// <summary>The top of the document.</summary>
    public required Section Source { get; init; }

    /// <summary>Paths of every network namespace that a port names; empty text: the one lowlat runs in.</summary>
    public IReadOnlyList<string> NetnsPaths => [.. Ports.Select(port => port.NetworkNamespace).Distinct()];
}

/// <summary>[host].</summary>
internal sealed record HostConfiguration
{
    /// <summary>CPUs of everything that is no lane, cpulist grammar; empty: all that no lane takes.</summary>
    public required string Housekeeping { get; init; }

    /// <summary>mlockall before arming.</summary>
    public required bool LockMemory { get; init; }

    /// <summary>lowlat may switch RT throttling off while lanes run.</summary>
    public required bool RtThrottlingOff { get; init; }

    /// <summary>Places; null when there is no [host].</summary>
    public required Section? Source { get; init; }
}

/// <summary>A [[port]].</summary>
internal sealed record PortConfiguration
{
    /// <summary>Name.</summary>
    public required string Name { get; init; }
    /// <summary>Kernel interface.</summary>
    public required string Interface { get; init; }
    /// <summary>Path of its network namespace; empty: the one lowlat runs in.</summary>
    public required string NetworkNamespace { get; init; }
    /// <summary>Queue.</summary>
    public required uint Queue { get; init; }
    /// <summary>Mode.</summary>
    public required BindMode Mode { get; init; }
    /// <summary>What is ours; null: by the port's use.</summary>
    public required Claim? Claim { get; init; }
    /// <summary>First UDP port of a udp claim.</summary>
    public required ushort ClaimPortLow { get; init; }
    /// <summary>Last UDP port of a udp claim.</summary>
    public required ushort ClaimPortHigh { get; init; }
    /// <summary>Wake-ups.</summary>
    public required WakePolicy Wake { get; init; }
    /// <summary>SO_BUSY_POLL, µs.</summary>
    public required uint BusyPollUs { get; init; }
    /// <summary>SO_BUSY_POLL_BUDGET, packets.</summary>
    public required uint BusyPollBudget { get; init; }
    /// <summary>Stamps.</summary>
    public required StampSource Stamps { get; init; }
    /// <summary>Slots.</summary>
    public required uint RxRing { get; init; }
    /// <summary>Slots.</summary>
    public required uint TxRing { get; init; }
    /// <summary>Slots.</summary>
    public required uint FillRing { get; init; }
    /// <summary>Slots.</summary>
    public required uint CompletionRing { get; init; }
    /// <summary>Frames kept posted.</summary>
    public required uint FillLevel { get; init; }
    /// <summary>Places.</summary>
    public required Section Source { get; init; }
}

/// <summary>Where a thread runs: what a lane and the load pair share.</summary>
internal sealed record ThreadConfiguration
{
    /// <summary>CPU.</summary>
    public required int Cpu { get; init; }
    /// <summary>Policy.</summary>
    public required LanePolicy Policy { get; init; }
    /// <summary>FIFO priority or nice value.</summary>
    public required int Priority { get; init; }
    /// <summary>Planned pauses start at every multiple of this, ns; 0: none.</summary>
    public required long YieldEveryNs { get; init; }
    /// <summary>Length of a planned pause, ns.</summary>
    public required long YieldForNs { get; init; }
}

/// <summary>A [[lane]].</summary>
internal sealed record LaneConfiguration
{
    /// <summary>Name.</summary>
    public required string Name { get; init; }
    /// <summary>Its thread.</summary>
    public required ThreadConfiguration Thread { get; init; }
    /// <summary>Name of the shared thread; empty: a thread of its own.</summary>
    public required string SharedThread { get; init; }
    /// <summary>Names of its ports.</summary>
    public required string[] Ports { get; init; }
    /// <summary>UMEM chunks; 0: what its rings need.</summary>
    public required uint Frames { get; init; }
    /// <summary>Bytes of a chunk.</summary>
    public required uint ChunkBytes { get; init; }
    /// <summary>Extra headroom, bytes.</summary>
    public required uint HeadroomBytes { get; init; }
    /// <summary>Huge pages.</summary>
    public required HugePages HugePages { get; init; }
    /// <summary>NUMA node of the UMEM; -1: by its CPU.</summary>
    public required int NumaNode { get; init; }
    /// <summary>Burst.</summary>
    public required uint Burst { get; init; }
    /// <summary>Gaps longer than this become events, ns.</summary>
    public required long GapThresholdNs { get; init; }
    /// <summary>Its stages.</summary>
    public required IReadOnlyList<StageConfiguration> Stages { get; init; }
    /// <summary>Places.</summary>
    public required Section Source { get; init; }
}

/// <summary>A [[lane.stage]]; ports by name, resolved by the planner.</summary>
internal sealed record StageConfiguration
{
    /// <summary>Kind.</summary>
    public required StageKind Kind { get; init; }
    /// <summary>Cross-connect: its two ports. MAC rewrite: none or one.</summary>
    public required string[] Ports { get; init; }
    /// <summary>MAC rewrite: new source; 0 leaves it.</summary>
    public required ulong SourceMac { get; init; }
    /// <summary>MAC rewrite: the source is the egress port's own MAC.</summary>
    public required bool SourceIsOwn { get; init; }
    /// <summary>MAC rewrite: new destination; 0 leaves it.</summary>
    public required ulong DestinationMac { get; init; }
    /// <summary>Filter: what happens to the rest.</summary>
    public required RuleAction Default { get; init; }
    /// <summary>Filter: rules; <see cref="PlanRule.Port"/> is -1, the name is in <see cref="RulePorts"/>.</summary>
    public required PlanRule[] Rules { get; init; }
    /// <summary>Filter: ingress port name of each rule; empty: any.</summary>
    public required string[] RulePorts { get; init; }
    /// <summary>Filter: places of the rules.</summary>
    public required Section[] RuleSources { get; init; }
    /// <summary>Places.</summary>
    public required Section Source { get; init; }
}

/// <summary>[load.through] or [load.direct].</summary>
internal sealed record PathConfiguration
{
    /// <summary>Port that sends.</summary>
    public required string Tx { get; init; }
    /// <summary>Port that receives.</summary>
    public required string Rx { get; init; }
    /// <summary>Source MAC; 0: the sender's own.</summary>
    public required ulong SourceMac { get; init; }
    /// <summary>Destination MAC; 0: by the next key, else the receiver's own.</summary>
    public required ulong DestinationMac { get; init; }
    /// <summary>Port whose MAC is the destination; empty: none.</summary>
    public required string DestinationMacOf { get; init; }
    /// <summary>Places.</summary>
    public required Section Source { get; init; }
}

/// <summary>A limit of [load.slo].</summary>
/// <param name="Percentile">As written: "p99.99" or "max".</param>
/// <param name="LimitNs">Limit, ns.</param>
internal sealed record SloLimit(string Percentile, long LimitNs);

/// <summary>[load].</summary>
internal sealed record LoadConfiguration
{
    /// <summary>Thread of the generator.</summary>
    public required ThreadConfiguration Generator { get; init; }
    /// <summary>CPU of the receiver; the generator's CPU: one shared thread.</summary>
    public required int ReceiverCpu { get; init; }
    /// <summary>Rate, frames a second.</summary>
    public required double RatePps { get; init; }
    /// <summary>Arrival process.</summary>
    public required Schedule Schedule { get; init; }
    /// <summary>Sizes.</summary>
    public required PlanSizes Sizes { get; init; }
    /// <summary>Flows.</summary>
    public required uint Flows { get; init; }
    /// <summary>Seed.</summary>
    public required ulong Seed { get; init; }
    /// <summary>Measured time of the first path, ns.</summary>
    public required long DurationNs { get; init; }
    /// <summary>Warm-up, ns.</summary>
    public required long WarmupNs { get; init; }
    /// <summary>4 or 6.</summary>
    public required uint Family { get; init; }
    /// <summary>Source address.</summary>
    public required Address16 Address { get; init; }
    /// <summary>Destination address.</summary>
    public required Address16 DestinationAddress { get; init; }
    /// <summary>First UDP source port.</summary>
    public required ushort SourcePort { get; init; }
    /// <summary>UDP destination port.</summary>
    public required ushort DestinationPort { get; init; }
    /// <summary>Quiet windows, ns; 0: none.</summary>
    public required long QuietEveryNs { get; init; }
    /// <summary>Length of a quiet window, ns.</summary>
    public required long QuietForNs { get; init; }
    /// <summary>Nothing is intended in this time before a window, ns.</summary>
    public required long QuietGuardNs { get; init; }
    /// <summary>Share of the direct path.</summary>
    public required double DirectShare { get; init; }
    /// <summary>One round over both paths, ns.</summary>
    public required long SliceNs { get; init; }
    /// <summary>The path through the device under test.</summary>
    public required PathConfiguration Through { get; init; }
    /// <summary>The path without it; null: none.</summary>
    public required PathConfiguration? Direct { get; init; }
    /// <summary>Latency objectives of the first path.</summary>
    public required IReadOnlyList<SloLimit> Slo { get; init; }
    /// <summary>Largest fraction of frames that may be lost; null: not judged.</summary>
    public required double? MaxLoss { get; init; }
    /// <summary>Places.</summary>
    public required Section Source { get; init; }
}
