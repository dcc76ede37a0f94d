using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Netns.Tests.Dataplane;

/// <summary>A test's rack in one namespace: g0–a0 [forwarder] b0–s0; generator on g0, receiver on
/// s0.</summary>
public sealed class Rack : IDisposable
{
    private readonly Lab _lab;
    private readonly string _name;

    private Rack(Lab lab)
    {
        _lab = lab;
        _name = lab.Name;
    }

    /// <summary>The namespace.</summary>
    public Lab Lab => _lab;

    /// <summary>Makes it, or skips with the reason.</summary>
    public static Rack Create()
    {
        Rack rack = new(Lab.Create());
        foreach ((string one, string other) in (ReadOnlySpan<(string, string)>)[("g0", "p0"), ("q0", "s0")])
        {
            rack._lab.Ip("link", "add", one, "type", "veth", "peer", "name", other);
            foreach (string end in (ReadOnlySpan<string>)[one, other])
            {
                rack._lab.Ip("link", "set", end, "addrgenmode", "none", "up");
            }
        }

        return rack;
    }

    /// <summary>The forwarder p0 and q0, cross-connected, pinned to the last CPU.</summary>
    public PlanImage Forwarder(
        string suffix = "", bool lockMemory = true, Offload offload = Offload.None)
    {
        PlanPort[] ports = [MakePort("a", "p0", Claim.Ip), MakePort("b", "q0", Claim.Ip)];
        PlanLane lane = MakeLane("fwd", LaneKind.Forward, Environment.ProcessorCount - 1, 0, 1);
        lane.StageCount = 1;
        lane.Offload = offload;
        ports[1].InterfaceNumber = 1;
        PlanStage stage = new() { Kind = StageKind.CrossConnect, PortA = 0, PortB = 1 };
        return PlanImage.Build(MakeHeader(suffix, lockMemory), ports, [lane], [stage], []);
    }

    /// <summary>Generator on g0 and receiver on s0, sharing a thread on CPU 0.</summary>
    public PlanImage Load(double ratePps, long durationMs)
    {
        PlanPort[] ports = [MakePort("g", "g0", Claim.None), MakePort("s", "s0", Claim.Udp)];
        PlanLane generator = MakeLane("gen", LaneKind.Generator, 0, 0, -1);
        PlanLane receiver = MakeLane("rcv", LaneKind.Receiver, 0, 1, -1);
        generator.Host = receiver.Host = LaneHost.Shared;
        PlanHeader header = MakeHeader("-load", lockMemory: true);
        header.Load = new PlanLoad
        {
            RatePps = ratePps,
            PathCount = 1,
            Flows = 16,
            Family = 4,
            Seed = 1,
            DurationNs = durationMs * 1_000_000,
            SourcePort = 10_000,
            DestinationPort = 4000,
            SourcePortCount = 16,
            DestinationPortCount = 1,
            SourceCount = 1,
            DestinationCount = 1,
        };
        header.Load.Source[0] = header.Load.Destination[0] = 198;
        header.Load.Sizes[0] = new PlanSize { FrameBytes = 60, FrameBytesMax = 60, Weight = 1 };
        header.Load.Paths[0] = new PlanPath { SourceMac = 0x0102, DestinationMac = 0x0202,
            SliceNs = 1_000_000 };
        return PlanImage.Build(header, ports, [generator, receiver], [], []);
    }

    /// <summary>Starts the generator of a load process.</summary>
    public static void Begin(Daemon load) => load.Region.Header.StartAtNs = ThreadControl.NowNs + 10_000_000;

    /// <summary>Waits until the generator has sent all and the receiver's counters stand still.</summary>
    public static void WaitUntilDrained(Daemon load)
    {
        ref LanePage page = ref load.Region.LanePage(0).Value;
        SharedRegion region = load.Region;
        Assert.True(
            SpinWait.SpinUntil(() => region.LanePage(0).Value.State == LaneState.Done,
                TimeSpan.FromSeconds(60)),
            $"the generator is not done: {page.State}");
        ulong before = ulong.MaxValue;
        long lookNs = 0;
        SpinWait.SpinUntil(
            () =>
            {
                if (ThreadControl.NowNs < lookNs)
                {
                    return false;
                }

                ulong now = region.ReadCounters(1).RxFrames;
                bool stands = now == before;
                before = now;
                lookNs = ThreadControl.NowNs + 200_000_000; // twice the period of lowlatd's kernel counters
                return stands;
            },
            TimeSpan.FromSeconds(20));
    }

    /// <summary>Id of the XDP program on an interface; 0: none.</summary>
    public uint ProgramOn(string interfaceName)
    {
        using RouteNetlink route = RouteNetlink.Open(_lab.Path);
        return route.FindLink(interfaceName)!.XdpProgramId;
    }

    /// <inheritdoc/>
    public void Dispose() => _lab.Dispose();

    private PlanHeader MakeHeader(string suffix, bool lockMemory)
    {
        PlanHeader header = default;
        header.LockMemory = lockMemory ? 1u : 0u;
        header.Name.Set(_name + suffix);
        header.RegionPath.Set($"/dev/shm/lowlat-{_name}{suffix}.region");
        header.HousekeepingCpus.Add(0);
        return header;
    }

    private PlanPort MakePort(string name, string interfaceName, Claim claim)
    {
        PlanPort port = new()
        {
            InterfaceIndex = _lab.IndexOf(interfaceName),
            Claim = claim,
            ClaimPortLow = 4000,
            ClaimPortHigh = 4000,
            RxSlots = 1024,
            TxSlots = 1024,
            FillSlots = 2048,
            CompletionSlots = 1024,
            FillLevel = 1024,
            MtuBytes = 1500,
            NumaNode = -1,
        };
        port.Name.Set(name);
        port.Interface.Set(interfaceName);
        port.NetworkNamespace.Set(_lab.Path);
        return port;
    }

    private static PlanLane MakeLane(string name, LaneKind kind, int cpu, int first, int second)
    {
        PlanLane lane = new()
        {
            Kind = kind,
            Cpu = cpu,
            PortCount = second < 0 ? 1u : 2u,
            Frames = 8192,
            ChunkBytes = 2048,
            Burst = 64,
            NumaNode = -1,
            GapThresholdNs = 100_000,
        };
        lane.Name.Set(name);
        lane.Ports[0] = first;
        lane.Ports[1] = Math.Max(second, 0);
        return lane;
    }
}
