using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;

namespace LowLatency.Bench.Forward;

/// <summary>The two plans of the bench: the forwarder on CPU 1, the load on CPU 0.</summary>
internal static class Plans
{
    /// <summary>Next hop of the routers, 02:00:00:00:00:99: not the sink's own, whose stack would look at
    /// every frame on the flood's CPU and not at those of the other contestants.</summary>
    public const ulong NextHopMac = 0x9900_0000_0002;

    private const ushort UdpPort = 4000;
    private const uint Slots = 2048;
    private const uint Routes = 1024;
    private const uint Hops = 16;

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

    /// <summary>The forwarder as a router that the XDP program may stand in for.</summary>
    public static PlanImage Router(Rack rack, Tuning tuning)
    {
        PlanPort[] ports =
        [
            MakePort(rack, "a", "dut", "dutA", Claim.Route, tuning.FillLevel),
            MakePort(rack, "b", "dut", "dutB", Claim.Route, tuning.FillLevel),
        ];
        ports[0].Mac = rack.MacBitsOf("dut", "dutA");
        ports[1].Mac = rack.MacBitsOf("dut", "dutB");
        ports[1].InterfaceNumber = 1;
        PlanLane lane = MakeLane("fwd", LaneKind.Forward, 1, 0, tuning.HugePages);
        lane.Burst = tuning.Burst;
        lane.Offload = Offload.Kernel;
        lane.StageCount = 1;
        PlanStage stage = new()
        {
            Kind = StageKind.Route, PortA = -1, PortB = -1, TableCount = RouteSettings.Tables,
        };
        PlanTable[] tables =
        [
            new() { Kind = TableKind.Routes4, Capacity = Routes, Bytes = Lpm4.BytesFor(Routes) },
            new() { Kind = TableKind.Routes6, Capacity = Routes, Bytes = Lpm6.BytesFor(Routes) },
            new() { Kind = TableKind.NextHops, Capacity = Hops, Bytes = NextHops.BytesFor(Hops, groups: 4) },
        ];
        tables[1].Offset = TableMemory.RoundUp(tables[0].Bytes);
        tables[2].Offset = tables[1].Offset + TableMemory.RoundUp(tables[1].Bytes);
        return PlanImage.Build(MakeHeader(rack, "fwd"), ports, [lane], [stage], [], tables);
    }

    /// <summary>Writes the router's one route, as Control does: what is sent to 198.19/24 goes to the
    /// sink.</summary>
    public static void FillRoutes(Rack rack, PlanImage plan, in RegionHeader header)
    {
        int fd = TableMemory.OpenFile(TableMemory.PathOf(header.Pid, header.TablesFd));
        try
        {
            using TableMemory tables = TableMemory.Map(fd, plan);
            NextHops hops = new(tables.Slice<byte>(RouteSettings.NextHops), Hops);
            hops.Set(1, NextHop.Make(NextHopKind.Forward, 1, NextHopMac,
                rack.MacBitsOf("dut", "dutB"), 1500));
            RangeTrieWriter routes = Lpm4.WriterOf(tables.Slice<byte>(RouteSettings.Routes4), Routes);
            if (!routes.Set((UInt128)0xC613_0000u << 96, 24, 1))
            {
                throw new BenchException("no room for a route");
            }
        }
        finally
        {
            TableMemory.CloseFile(fd);
        }
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
