using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>The two lanes of a load and its <see cref="PlanLoad"/>. Pure.</summary>
internal static class LoadShapes
{
    private const string SharedThread = "load";
    private const long GapThresholdNs = 20_000;
    private const long FifoYieldEveryNs = 1_000_000_000;
    private const long FifoYieldForNs = 50_000;
    private const int EthernetHeaderBytes = 14;

    /// <summary>Generator and receiver, with all defaults filled in.</summary>
    public static LaneShape[] From(
        Configuration configuration, LoadConfiguration load, LoadRequest request, HostFacts facts)
    {
        ThreadSeat[] seats = [.. CpuRules.LoadSeats(configuration)];
        return
        [
            Shape(configuration, load, facts, LaneKind.Generator, seats[0],
                request.Paths.Select(path => path.Tx)),
            Shape(configuration, load, facts, LaneKind.Receiver, seats[^1],
                request.Paths.Select(path => path.Rx)),
        ];
    }

    /// <summary>Adds what is wrong with the frame sizes: larger than an interface of the path
    /// carries.</summary>
    public static void CheckSizes(LaneShape[] lanes, LoadRequest request, HostFacts facts, Findings findings)
    {
        int largest = request.Sizes.Count == 0 ? 0 : request.Sizes.Max(size => size.FrameBytes);
        foreach (PortConfiguration port in lanes.SelectMany(lane => lane.Ports))
        {
            if (facts.FindInterface(port) is { } link && largest > link.MtuBytes + EthernetHeaderBytes)
            {
                findings.Error(request.SizesAt,
                    $"frames of {largest} bytes do not pass {link.Name}: MTU {link.MtuBytes} and the "
                        + "Ethernet header "
                        + $"make {link.MtuBytes + EthernetHeaderBytes}",
                    "Lower the size, or raise the MTU.");
                return;
            }
        }
    }

    /// <summary>What the generator sends and the receiver expects.</summary>
    public static PlanLoad PlanOf(
        Configuration configuration, LoadConfiguration load, LoadRequest request, HostFacts facts)
    {
        Section section = load.Section;
        PlanLoad plan = new()
        {
            RatePps = request.RatePps,
            Schedule = request.IsPoisson ? Schedule.Poisson : Schedule.Constant,
            PathCount = (uint)request.Paths.Count,
            Flows = (uint)request.Flows,
            Family = (uint)load.Family,
            Seed = (ulong)section.Get<long>("seed"),
            WarmupNs = request.WarmupNs,
            DurationNs = request.DurationNs,
            QuietEveryNs = section.Get<long>("quiet_every"),
            QuietForNs = section.Get<long>("quiet_for"),
            QuietGuardNs = section.Get<long>("quiet_guard"),
            SourcePort = (ushort)section.Get<long>("source_port"),
            DestinationPort = (ushort)section.Get<long>("destination_port"),
        };
        load.Source.TryWriteBytes(plan.Source, out _);
        load.Destination.TryWriteBytes(plan.Destination, out _);
        for (int i = 0; i < request.Sizes.Count; i++)
        {
            plan.Sizes[i] = new PlanSize
            {
                FrameBytes = (uint)request.Sizes[i].FrameBytes,
                Weight = (uint)request.Sizes[i].Weight,
            };
        }

        for (int i = 0; i < request.Paths.Count; i++)
        {
            plan.Paths[i] = PathOf(configuration, request, i, section, facts);
        }

        return plan;
    }

    private static LaneShape Shape(Configuration configuration, LoadConfiguration load, HostFacts facts,
        LaneKind kind, ThreadSeat seat, IEnumerable<string> names)
    {
        PortConfiguration[] ports = [.. names.Select(name => configuration.FindPort(name)!)];
        bool fitsSmall = ports.All(port => facts.FindInterface(port) is not InterfaceFacts link
            || link.MtuBytes <= InterfaceChecks.MtuMax(port, link, Limits.ChunkBytesMin, 0));
        bool isFifo = load.Thread.Policy == LanePolicy.Fifo;
        return new LaneShape
        {
            Name = kind == LaneKind.Generator ? "gen" : "rcv",
            Kind = kind,
            Seat = seat,
            SharedThread = load.IsShared ? SharedThread : null,
            Thread = load.Thread,
            YieldEveryNs = load.HasQuiet ? load.Section.Get<long>("quiet_every")
                : isFifo ? FifoYieldEveryNs : 0,
            YieldForNs = load.HasQuiet ? load.Section.Get<long>("quiet_for") : isFifo ? FifoYieldForNs : 0,
            Ports = ports,
            Frames = LaneShape.DefaultFrames(ports),
            ChunkBytes = fitsSmall ? Limits.ChunkBytesMin : Limits.ChunkBytesMax,
            Burst = Limits.BurstMax,
            GapThresholdNs = GapThresholdNs,
            Section = load.Section,
        };
    }

    // One path alone has the whole cycle.
    private static PlanPath PathOf(
        Configuration configuration, LoadRequest request, int index, Section load, HostFacts facts)
    {
        PathConfiguration path = request.Paths[index];
        InterfaceFacts tx = facts.FindInterface(configuration.FindPort(path.Tx)!)!;
        InterfaceFacts rx = facts.FindInterface(configuration.FindPort(path.Rx)!)!;
        string otherName = path.Section.GetOr("destination_mac_of", path.Rx);
        InterfaceFacts other = facts.FindInterface(configuration.FindPort(otherName)!) ?? rx;
        long cycleNs = load.Get<long>("slice");
        long directNs = configuration.Load!.DirectSliceNs;
        PlanPath plan = new()
        {
            SourceMac = path.Section.GetOr("source_mac", tx.Mac),
            DestinationMac = path.Section.GetOr("destination_mac", other.Mac),
            TxPort = (uint)index,
            RxPort = (uint)index,
            SliceNs = request.Paths.Count == 1 ? cycleNs
                : path.Name == "direct" ? directNs : cycleNs - directNs,
        };
        plan.Name.Set(path.Name);
        return plan;
    }
}
