using System.Buffers.Binary;
using LowLatency.Native.Layout;

namespace LowLatency.Bench.Micro;

/// <summary>One forward lane, two ports, no kernel.</summary>
internal static class MicroPlans
{
    public static PlanImage Forward(PlanStage[] stages, PlanRule[] rules)
    {
        PlanHeader header = default;
        header.Name.Set("micro");
        header.RegionPath.Set("/dev/shm/lowlat-micro.region");
        header.HousekeepingCpus.Add(0);
        PlanLane lane = new()
        {
            Kind = LaneKind.Forward,
            PortCount = 2,
            StageCount = (uint)stages.Length,
            Frames = 4096,
            ChunkBytes = 2048,
            Burst = 64,
            GapThresholdNs = long.MaxValue,
        };
        lane.Name.Set("fwd");
        lane.Ports[1] = 1;
        PlanTable counters = new() { Kind = TableKind.RuleCounters, Bytes = 4096 };
        return PlanImage.Build(header, [Port("a"), Port("b")], [lane], stages, rules, [counters]);
    }

    /// <summary>Filter, cross-connect, MAC rewrite.</summary>
    public static PlanStage[] Stages =>
    [
        new() { Kind = StageKind.Filter, PortA = -1, PortB = -1, RuleCount = 2,
            DefaultAction = RuleAction.Drop,
            TableCount = 1 },
        new() { Kind = StageKind.CrossConnect, PortA = 0, PortB = 1 },
        new() { Kind = StageKind.MacRewrite, PortA = 1, PortB = -1, DestinationMac = 0x0605_0403_0202 },
    ];

    /// <summary>One rule that misses and one that hits <see cref="Udp"/>.</summary>
    public static PlanRule[] Rules =>
    [
        new() { Family = 4, Protocol = 6, SourcePortHigh = 65535, DestinationPortHigh = 1023, Port = -1,
            Action = RuleAction.Drop },
        new() { Family = 4, Protocol = 17, SourcePortHigh = 65535, DestinationPortLow = 4000,
            DestinationPortHigh = 4000, Port = -1 },
    ];

    /// <summary>60 bytes of UDP over IPv4.</summary>
    public static byte[] Udp()
    {
        byte[] frame = new byte[60];
        frame[12] = 8;
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), 46);
        frame[22] = 64;
        frame[23] = 17;
        ((ReadOnlySpan<byte>)[198, 18, 0, 1, 198, 19, 0, 1]).CopyTo(frame.AsSpan(26));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), 10_000);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), 4000);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), 26);
        return frame;
    }

    private static PlanPort Port(string name)
    {
        PlanPort port = new()
        {
            RxSlots = 1024,
            TxSlots = 1024,
            FillSlots = 1024,
            CompletionSlots = 1024,
            FillLevel = 1024,
        };
        port.Name.Set(name);
        port.Interface.Set(name);
        return port;
    }
}
