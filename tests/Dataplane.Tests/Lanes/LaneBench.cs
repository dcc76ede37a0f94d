using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Tests.Lanes;

/// <summary>One real lane over rings without a kernel: the test plays the kernel. The Inline host: the test
/// calls <see cref="Turn"/> itself.</summary>
internal sealed class LaneBench : IDisposable
{
    private readonly MappedMemory _memory;
    private readonly Umem _umem;
    private readonly RingMemory[] _rings;
    private readonly FakeWakeup[] _wakeups;

    public LaneBench(PlanImage plan, int lane = 0, SharedRegion? region = null, bool housekeeps = true,
        bool isZeroCopy = false, TableMemory? tables = null)
    {
        PlanLane entry = plan.Lane(lane);
        Region = region ?? SharedRegion.CreatePrivate(plan);
        _memory = MappedMemory.Anonymous((long)entry.Frames * entry.ChunkBytes, HugePages.Never);
        _umem = Native.Xdp.Umem.OfMemory(_memory, entry.Frames, entry.ChunkBytes);
        _rings = new RingMemory[entry.PortCount];
        _wakeups = new FakeWakeup[entry.PortCount];
        LanePort[] ports = new LanePort[entry.PortCount];
        for (int i = 0; i < ports.Length; i++)
        {
            PlanPort port = plan.Port(entry.Ports[i]);
            _rings[i] = new RingMemory(port.RxSlots);
            _wakeups[i] = new FakeWakeup(_rings[i], _umem.View);
            LanePortSetup setup = new() { Plan = port, Wakeup = _wakeups[i], IsZeroCopy = isZeroCopy };
            ports[i] = new LanePort(setup, _rings[i].Rx, _rings[i].Tx, _rings[i].Fill, _rings[i].Completion);
        }

        FramePool pool = new(entry.Frames, entry.ChunkBytes);
        LaneCore core = housekeeps
            ? new(Region, lane, _umem.View, pool, ports)
            : new(Region, lane, _umem.View, pool, ports) { HousekeepEveryNs = long.MaxValue / 2 };
        foreach (LanePort port in ports)
        {
            port.Refill(pool);
        }

        Tables = tables ?? TableMemory.CreatePrivate(plan);
        Lane = LaneFactory.Make(Region, Tables, lane, core);
        core.Resume(ThreadControl.NowNs);
    }

    public ILane Lane { get; }

    public SharedRegion Region { get; }

    public TableMemory Tables { get; }

    public ref LaneCounters Counters => ref Lane.Core.Counters;

    public FakeWakeup Port(int port) => _wakeups[port];

    public UmemView Umem => _umem.View;

    /// <summary>The kernel receives a frame; false when it has no frame posted or no rx slot.</summary>
    public bool Receive(int port, ReadOnlySpan<byte> bytes)
    {
        if (!_rings[port].TryTakeFill(out ulong chunk))
        {
            return false;
        }

        ulong address = chunk + Limits.XdpHeadroomBytes;
        bytes.CopyTo(_umem.View.Frame(address, (uint)bytes.Length));
        return _rings[port].TryReceive(address, (uint)bytes.Length);
    }

    /// <summary>The kernel gives a descriptor that no kernel should.</summary>
    public void ReceiveBroken(int port, ulong address, uint length)
    {
        _rings[port].TryTakeFill(out _);
        _rings[port].TryReceive(address, length);
    }

    /// <summary>A turn, after which every frame must be somewhere.</summary>
    public void Turn()
    {
        Lane.Turn();
        Lane.Core.CheckConservation();
        Xunit.Assert.Equal(0UL, Counters.ConservationBreaks);
    }

    public void Dispose()
    {
        foreach (RingMemory ring in _rings)
        {
            ring.Dispose();
        }

        _umem.Dispose();
        _memory.Dispose();
        Tables.Dispose();
        Region.Dispose();
    }
}

/// <summary>The kernel's send side: takes up to a budget a call, keeps what was sent, completes it.</summary>
internal sealed class FakeWakeup(RingMemory rings, UmemView umem) : IWakeup
{
    public List<byte[]> Sent { get; } = [];

    public int Budget { get; set; } = int.MaxValue;

    public Errno Answer { get; set; } = Errno.Ok;

    public int Calls { get; private set; }

    public int Kicks { get; private set; }

    public bool Keeps { get; set; } = true;

    public bool Completes { get; set; } = true;

    public ulong SentCount { get; private set; }

    public Errno Tx()
    {
        Calls++;
        if (Answer != Errno.Ok)
        {
            return Answer;
        }

        for (int i = 0; i < Budget && rings.TryTakeTx(out XdpDesc descriptor); i++)
        {
            SentCount++;
            if (Keeps)
            {
                Sent.Add(umem.Frame(descriptor.Address, descriptor.Length).ToArray());
            }

            Xunit.Assert.True(!Completes || rings.TryComplete(descriptor.Address));
        }

        return Errno.Ok;
    }

    public Errno KickTx()
    {
        Kicks++;
        int budget = Budget;
        Budget = int.MaxValue;
        Errno errno = Tx();
        Budget = budget;
        return errno;
    }

    public Errno Rx() => Errno.Ok;
}

/// <summary>Plans for tests: small, valid, two ports.</summary>
internal static class TestPlans
{
    public static PlanImage Forward(PlanStage[] stages, PlanRule[]? rules = null, uint frames = 256,
        uint slots = 64,
        WakePolicy wake = WakePolicy.NeedWakeup, int portCount = 2, PlanTable[]? tables = null)
    {
        PlanPort[] ports = new PlanPort[portCount];
        PlanLane lane = MakeLane(LaneKind.Forward, frames);
        lane.PortCount = (uint)portCount;
        lane.StageCount = (uint)stages.Length;
        for (int i = 0; i < portCount; i++)
        {
            ports[i] = MakePort(((char)('a' + i)).ToString(), slots);
            ports[i].Wake = wake;
            ports[i].InterfaceNumber = (uint)i;
            ports[i].Mac = 0x0000_0000_0002 + ((ulong)i << 40);
            lane.Ports[i] = i;
        }

        List<PlanTable> all = [.. tables ?? []];
        AddRuleCounters(stages, all);
        return PlanImage.Build(MakeHeader(), ports, [lane], stages, rules ?? [], all.ToArray());
    }

    /// <summary>Gives each stage with rules the counters that they need, where the test did not.</summary>
    public static void AddRuleCounters(PlanStage[] stages, List<PlanTable> tables)
    {
        for (int i = 0; i < stages.Length; i++)
        {
            if (stages[i].RuleCount > 0 && stages[i].TableCount == 0)
            {
                stages[i].FirstTable = (uint)tables.Count;
                stages[i].TableCount = 1;
                tables.Add(new PlanTable
                {
                    Kind = TableKind.RuleCounters,
                    Bytes = stages[i].RuleCount * 16,
                    Offset = tables.Count > 0 ? tables[^1].Offset + TableMemory.RoundUp(tables[^1].Bytes) : 0,
                });
            }
        }
    }

    public static PlanImage Load(PlanLoad load, uint frames = 256)
    {
        PlanPort[] ports = [MakePort("g", 64), MakePort("gd", 64), MakePort("s", 64), MakePort("sd", 64)];
        PlanLane generator = MakeLane(LaneKind.Generator, frames);
        PlanLane receiver = MakeLane(LaneKind.Receiver, frames);
        receiver.Ports[0] = 2;
        receiver.Ports[1] = 3;
        PlanHeader header = MakeHeader();
        header.Load = load;
        return PlanImage.Build(header, ports, [generator, receiver], [], []);
    }

    public static PlanLoad MakeLoad(double ratePps = 1e6, int paths = 1, uint flows = 4, uint family = 4)
    {
        PlanLoad load = new()
        {
            RatePps = ratePps,
            PathCount = (uint)paths,
            Flows = flows,
            Family = family,
            Seed = 7,
            WarmupNs = 0,
            DurationNs = 10_000_000,
            SourcePort = 10_000,
            DestinationPort = 4000,
            SourcePortCount = flows,
            DestinationPortCount = 1,
            SourceCount = 1,
            DestinationCount = 1,
        };
        load.Source[0] = 198;
        load.Destination[0] = 198;
        load.Sizes[0] = Size(family == 4 ? 60u : 80u);
        for (int path = 0; path < paths; path++)
        {
            load.Paths[path].TxPort = (uint)path;
            load.Paths[path].RxPort = (uint)path;
            load.Paths[path].SliceNs = path == 0 ? 800_000 : 200_000;
            load.Paths[path].DestinationMac = 0x0605_0403_0202;
            load.Paths[path].SourceMac = 0x0A09_0807_0602;
        }

        return load;
    }

    public static PlanSize Size(uint bytes, uint weight = 1) =>
        new() { FrameBytes = bytes, FrameBytesMax = bytes, Weight = weight };

    public static PlanStage Stage(StageKind kind, int a = -1, int b = -1) =>
        new() { Kind = kind, PortA = a, PortB = b };

    public static PlanStage Connect => Stage(StageKind.CrossConnect, 0, 1);

    /// <summary>An Ethernet, IPv4, UDP frame.</summary>
    public static byte[] Udp(ushort destinationPort = 4000, int bytes = 60, byte lastOctet = 1)
    {
        byte[] frame = new byte[bytes];
        for (int i = 0; i < 12; i++)
        {
            frame[i] = (byte)(i + 1);
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)(bytes - 14));
        frame[22] = 64;
        frame[23] = 17;
        ((ReadOnlySpan<byte>)[10, 0, 0, lastOctet, 10, 1, 0, 1]).CopyTo(frame.AsSpan(26));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), 1234);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), (ushort)(bytes - 34));
        return frame;
    }

    private static PlanHeader MakeHeader()
    {
        PlanHeader header = default;
        header.Name.Set("test");
        header.RegionPath.Set("/dev/shm/lowlat-unit.region");
        header.HousekeepingCpus.Add(0);
        return header;
    }

    private static PlanPort MakePort(string name, uint slots)
    {
        PlanPort port = new()
        {
            RxSlots = slots,
            TxSlots = slots,
            FillSlots = slots,
            CompletionSlots = slots,
            FillLevel = slots,
            MtuBytes = 1500,
        };
        port.Name.Set(name);
        port.Interface.Set(name);
        return port;
    }

    private static PlanLane MakeLane(LaneKind kind, uint frames)
    {
        PlanLane lane = new()
        {
            Kind = kind,
            PortCount = 2,
            Frames = frames,
            ChunkBytes = 2048,
            Burst = 64,
            GapThresholdNs = long.MaxValue,
        };
        lane.Name.Set(kind.ToString());
        lane.Ports[0] = 0;
        lane.Ports[1] = 1;
        return lane;
    }
}
