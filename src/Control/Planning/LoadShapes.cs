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
    private const int TagBytes = 4;

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
                request.Paths.Select(path => path.Rx), claimsAll: request.Replay != null),
        ];
    }

    /// <summary>Adds what is wrong with the frame sizes: larger than an interface of the path
    /// carries.</summary>
    public static void CheckSizes(LaneShape[] lanes, LoadRequest request, HostFacts facts, Findings findings)
    {
        Traffic traffic = request.Traffic;
        int tagBytes = traffic.Vlans.Count * TagBytes;
        Place? replayAt = request.Replay == null ? null : request.ReplayAt;
        int largest = request.Replay?.BytesMax
            ?? traffic.Sizes.Select(size => size.FrameBytesMax).DefaultIfEmpty(0).Max();
        foreach (PortConfiguration port in lanes.SelectMany(lane => lane.Ports))
        {
            if (facts.FindInterface(port) is { } link && largest > link.MtuBytes + EthernetHeaderBytes
                + tagBytes)
            {
                string tags = tagBytes == 0 ? "" : ", with tags,";
                findings.Error(replayAt ?? traffic.SizesAt,
                    $"frames of {largest} bytes do not pass {link.Name}: MTU {link.MtuBytes} and the "
                        + $"Ethernet header{tags} make {link.MtuBytes + EthernetHeaderBytes + tagBytes}",
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
            RatePps = request.Arrivals.RatePps,
            Schedule = request.Arrivals.Schedule,
            BurstFrames = (uint)(request.Arrivals.Burst?.Frames ?? 0),
            BurstGapNs = request.Arrivals.Burst?.GapNs ?? 0,
            PathCount = (uint)request.Paths.Count,
            Seed = (ulong)section.Get<long>("seed"),
            WarmupNs = request.WarmupNs,
            DurationNs = request.Arrivals.DurationNs,
            QuietEveryNs = section.Get<long>("quiet_every"),
            QuietForNs = section.Get<long>("quiet_for"),
            QuietGuardNs = section.Get<long>("quiet_guard"),
        };
        request.Traffic.Set(ref plan);
        request.Replay?.Set(ref plan, table: 0);
        for (int i = 0; i < request.Arrivals.Rates.Count; i++)
        {
            plan.Rates[i] = request.Arrivals.Rates[i];
        }

        for (int i = 0; i < request.Paths.Count; i++)
        {
            plan.Paths[i] = PathOf(configuration, request, i, section, facts);
        }

        return plan;
    }

    private static LaneShape Shape(Configuration configuration, LoadConfiguration load, HostFacts facts,
        LaneKind kind, ThreadSeat seat, IEnumerable<string> names, bool claimsAll = false)
    {
        PortConfiguration[] ports = [.. names.Select(name => configuration.FindPort(name)!)
            .Select(port => claimsAll && !port.Section.Has("claim") ? port with { Claim = Claim.All }
                : port)];
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
