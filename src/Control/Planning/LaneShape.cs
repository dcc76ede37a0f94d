using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>A lane to be, forward or load, with all defaults filled in: what checks look at and plans are
/// built from.</summary>
internal sealed record LaneShape
{
    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>What it does.</summary>
    public required LaneKind Kind { get; init; }

    /// <summary>CPU, and where that is said.</summary>
    public required ThreadSeat Seat { get; init; }

    /// <summary>Name of the shared thread; null: pinned.</summary>
    public required string? SharedThread { get; init; }

    /// <summary>Policy and priority.</summary>
    public required ThreadPolicy Thread { get; init; }

    /// <summary>Period of planned pauses, ns; 0: never.</summary>
    public required long YieldEveryNs { get; init; }

    /// <summary>Length of a planned pause, ns.</summary>
    public required long YieldForNs { get; init; }

    /// <summary>Ports in the order of its own numbers.</summary>
    public required IReadOnlyList<PortConfiguration> Ports { get; init; }

    /// <summary>Chunks of its UMEM.</summary>
    public required long Frames { get; init; }

    /// <summary>Bytes of a chunk.</summary>
    public required int ChunkBytes { get; init; }

    /// <summary>Extra headroom, bytes.</summary>
    public int HeadroomBytes { get; init; }

    /// <summary>Huge pages.</summary>
    public HugePages HugePages { get; init; } = HugePages.Auto;

    /// <summary>NUMA node; -1: where the CPU is.</summary>
    public int NumaNode { get; init; } = -1;

    /// <summary>Frames handled together.</summary>
    public required int Burst { get; init; }

    /// <summary>Whether the XDP program may decide in its place.</summary>
    public Offload Offload { get; init; }

    /// <summary>Longer gaps become events, ns.</summary>
    public required long GapThresholdNs { get; init; }

    /// <summary>Its stages; empty for load lanes.</summary>
    public IReadOnlyList<StageConfiguration> Stages { get; init; } = [];

    /// <summary>Makes its one stage, and the tables of that; null: it has <see cref="Stages"/>.</summary>
    public Func<TableBuilder, PlanStage>? OwnStage { get; init; }

    /// <summary>Its table in the file.</summary>
    public required Section Section { get; init; }

    /// <summary>The thread runs SCHED_FIFO.</summary>
    public bool IsFifo => Thread.Policy == LanePolicy.Fifo;

    /// <summary>It is a lane of the load.</summary>
    public bool IsLoad => Kind != LaneKind.Forward;

    /// <summary>Bytes of its UMEM.</summary>
    public long UmemBytes => Frames * ChunkBytes;

    /// <summary>Frames by default for some ports: what their rings can hold at once.</summary>
    public static long DefaultFrames(IEnumerable<PortConfiguration> ports) =>
        (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)ports.Sum(port => port.FramesWanted));

    /// <summary>Node that its memory is wanted on: the declared one, else its CPU's; -1: unknown.</summary>
    public int NodeIn(HostFacts facts) =>
        NumaNode >= 0 ? NumaNode : facts.NodeOfCpu.GetValueOrDefault(Seat.Cpu, -1);

    /// <summary>The shape of a forward lane.</summary>
    public static LaneShape From(Configuration configuration, LaneConfiguration lane)
    {
        PortConfiguration[] ports = [.. lane.Ports.Select(name => configuration.FindPort(name)!)];
        Section section = lane.Section;
        return new LaneShape
        {
            Name = lane.Name,
            Kind = LaneKind.Forward,
            Seat = CpuRules.SeatOf(lane),
            SharedThread = lane.SharedThread,
            Thread = lane.Thread,
            YieldEveryNs = lane.YieldEveryNs,
            YieldForNs = lane.YieldForNs,
            Ports = ports,
            Frames = section.GetOr("frames", DefaultFrames(ports)),
            ChunkBytes = section.Int("chunk"),
            HeadroomBytes = section.Int("headroom"),
            HugePages = lane.HugePages,
            NumaNode = section.Int("numa_node"),
            Burst = section.Int("burst"),
            Offload = lane.Offload,
            GapThresholdNs = section.Get<long>("gap_threshold"),
            Stages = lane.Stages,
            Section = section,
        };
    }
}
