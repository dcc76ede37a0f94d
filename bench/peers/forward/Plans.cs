using LowLatency.Native.Layout;

namespace LowLatency.Bench.Forward;

/// <summary>The two plans of the bench: the forwarder on CPU 1, the load on CPU 0.</summary>
internal static class Plans
{
    private const ushort UdpPort = 4000;
    private const uint Slots = 2048;

    /// <summary>The forwarder: cross-connect, then swap MACs, as testpmd's macswap does.</summary>
    public static PlanImage Forwarder(Rack rack, Tuning tuning, Offload offload = Offload.None)
    {
        PlanPort[] ports =
        [
            MakePort(rack, "a", "dut", "dutA", Claim.Ip, tuning.FillLevel),
            MakePort(rack, "b", "dut", "dutB", Claim.Ip, tuning.FillLevel),
        ];
        PlanLane lane = MakeLane("fwd", LaneKind.Forward, 1, 0, tuning.HugePages);
        lane.Burst = tuning.Burst;
        lane.Offload = offload;
        ports[1].InterfaceNumber = 1;
        lane.StageCount = 2;
        PlanStage[] stages =
        [
            new() { Kind = StageKind.CrossConnect, PortA = 0, PortB = 1 },
            new() { Kind = StageKind.MacSwap, PortA = -1, PortB = -1 },
        ];
        return PlanImage.Build(MakeHeader(rack, "fwd"), ports, [lane], stages, []);
    }

    /// <summary>Generator and receiver, taking turns on one thread: 80 of 100 ms through, 20
    /// direct.</summary>
    public static PlanImage Load(Rack rack, double ratePps, double seconds)
    {
        PlanPort[] ports =
        [
            MakePort(rack, "g", "gen", "genA", Claim.None, 1024),
            MakePort(rack, "gd", "gen", "genD", Claim.None, 1024),
            MakePort(rack, "s", "sink", "sinkB", Claim.Udp, 1024),
            MakePort(rack, "sd", "sink", "sinkD", Claim.Udp, 1024),
        ];
        PlanLane generator = MakeLane("gen", LaneKind.Generator, 0, 0, HugePages.Auto);
        PlanLane receiver = MakeLane("rcv", LaneKind.Receiver, 0, 2, HugePages.Auto);
        generator.Host = receiver.Host = LaneHost.Shared;
        PlanHeader header = MakeHeader(rack, "load");
        header.Load = new PlanLoad
        {
            RatePps = ratePps,
            PathCount = 2,
            Flows = 64,
            Family = 4,
            Seed = 1,
            WarmupNs = 500_000_000,
            DurationNs = (long)(seconds * 1e9),
            SourcePort = 10_000,
            DestinationPort = UdpPort,
        };
        ((ReadOnlySpan<byte>)[198, 18, 0, 1]).CopyTo(header.Load.Source);
        ((ReadOnlySpan<byte>)[198, 19, 0, 1]).CopyTo(header.Load.Destination);
        header.Load.Sizes[0] = new PlanSize { FrameBytes = 60, Weight = 1 };
        for (int path = 0; path < 2; path++)
        {
            header.Load.Paths[path] = new PlanPath
            {
                TxPort = (uint)path,
                RxPort = (uint)path,
                SliceNs = path == 0 ? 80_000_000 : 20_000_000,
                SourceMac = 0x0102_0304_0502,
                DestinationMac = 0x0202_0304_0502,
            };
        }

        return PlanImage.Build(header, ports, [generator, receiver], [], []);
    }

    private static PlanHeader MakeHeader(Rack rack, string suffix)
    {
        PlanHeader header = new() { LockMemory = 1 };
        string name = rack.Name(suffix);
        header.Name.Set(name);
        header.RegionPath.Set($"/dev/shm/lowlat-{name}.region");
        header.HousekeepingCpus.Add(0);
        return header;
    }

    private static PlanPort MakePort(
        Rack rack, string name, string room, string interfaceName, Claim claim, uint fillLevel)
    {
        PlanPort port = new()
        {
            InterfaceIndex = rack.IndexOf(room, interfaceName),
            Mode = BindMode.Auto,
            Claim = claim,
            ClaimPortLow = UdpPort,
            ClaimPortHigh = UdpPort,
            RxSlots = Slots,
            TxSlots = Slots,
            FillSlots = 2 * Slots,
            CompletionSlots = Slots,
            FillLevel = fillLevel,
            MtuBytes = 1500,
            NumaNode = -1,
        };
        port.Name.Set(name);
        port.Interface.Set(interfaceName);
        port.NetworkNamespace.Set(rack.Path(room));
        return port;
    }

    private static PlanLane MakeLane(string name, LaneKind kind, int cpu, int firstPort, HugePages hugePages)
    {
        PlanLane lane = new()
        {
            Kind = kind,
            Cpu = cpu,
            Priority = 0, // nice, as its peers have it: a busy host must not hit one contestant harder
            PortCount = 2,
            Frames = 16_384,
            ChunkBytes = 2048,
            Burst = 64,
            NumaNode = -1,
            GapThresholdNs = 100_000,
            HugePages = hugePages,
        };
        lane.Name.Set(name);
        lane.Ports[0] = firstPort;
        lane.Ports[1] = firstPort + 1;
        return lane;
    }
}

/// <summary>What can be turned on the forwarder, for finding good defaults.</summary>
/// <param name="Burst">Most frames taken together.</param>
/// <param name="FillLevel">Frames posted a port.</param>
/// <param name="HugePages">Pages of the UMEM.</param>
internal sealed record Tuning(uint Burst, uint FillLevel, HugePages HugePages);
