using System.Net;
using System.Net.Sockets;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Netns.Tests.Dataplane;

/// <summary>Frames that the XDP program forwards in the lane's place, on real interfaces.</summary>
public sealed class OffloadTests
{
    private const ulong Frames = 20_000;

    [Fact]
    public void EveryFrameGoesThroughTheKernelAndIsAccountedFor()
    {
        using Rack rack = Rack.Create();
        using Daemon forward = Daemon.StartArmed(rack.Forwarder(offload: Offload.Kernel));
        Assert.Equal("lane: q0 cannot take redirected frames; a veth can when its peer has XDP or GRO on",
            forward.Region.ReadPort(0).Offload.ToString());
        using Daemon load = Daemon.StartArmed(rack.Load(ratePps: Frames, durationMs: 1000));
        // s0 has XDP now.
        Lab.Eventually(() => forward.Region.ReadPort(0).Offload.ToString() == "kernel: to q0");
        Rack.Begin(load);
        Rack.WaitUntilDrained(load);

        LaneCounters generator = load.Region.ReadCounters(0);
        LaneCounters receiver = load.Region.ReadCounters(1);
        PortPage port = forward.Region.ReadPort(0);
        ulong offloaded = port.Outcomes[(int)XdpOutcome.Offloaded];
        ulong lane = forward.Region.ReadCounters(0).RxFrames;
        Assert.True(generator.Sent[0] > 0);
        Assert.Equal((generator.Sent[0], 0UL), (offloaded, lane));
        Assert.Equal(offloaded * 60, port.OutcomeBytes[(int)XdpOutcome.Offloaded]);
        PortPage sink = load.Region.ReadPort(1);
        ulong dropped = forward.Region.ReadPort(1).Device.TxDropped + sink.Xdp.RxDropped
            + sink.Xdp.RxRingFull;
        Assert.Equal(generator.Sent[0], receiver.Received[0] + dropped);
        Assert.True(receiver.Received[0] > 0);
        Assert.Equal((0, ""), forward.Stop());
        Assert.Equal((0, ""), load.Stop());
    }

    [Fact]
    public void WhereTheOtherInterfaceTakesNoRedirectedFramesTheLaneForwards()
    {
        using Rack rack = Rack.Create();
        using Daemon forward = Daemon.StartArmed(rack.Forwarder(offload: Offload.Kernel));
        rack.Lab.Ip("address", "replace", "10.9.0.2/24", "dev", "g0");
        rack.Lab.Ip("neighbour", "replace", "10.9.0.9", "lladdr", "02:00:00:00:00:09", "dev", "g0");
        using (NetworkNamespace scope = NetworkNamespace.Enter(rack.Lab.Path))
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            _ = socket.SendTo(new byte[18], new IPEndPoint(IPAddress.Parse("10.9.0.9"), 4000));
        }

        Lab.Eventually(() => forward.Region.ReadCounters(0).TxFrames >= 1);
        Assert.Equal(0UL, forward.Region.ReadPort(0).Outcomes[(int)XdpOutcome.Offloaded]);
    }

    [Fact]
    public void AKilledDataPlaneLeavesNoProgramAndNothingRedirected()
    {
        using Rack rack = Rack.Create();
        using Daemon load = Daemon.StartArmed(rack.Load(ratePps: Frames, durationMs: 100));
        using Daemon forward = Daemon.StartArmed(rack.Forwarder(offload: Offload.Auto));
        Lab.Eventually(() => forward.Region.ReadPort(0).Offload.ToString() == "kernel: to q0");
        Assert.NotEqual(0u, rack.ProgramOn("p0"));
        forward.Kill9();
        Lab.Eventually(() => rack.ProgramOn("p0") == 0 && rack.ProgramOn("q0") == 0);
    }

    [Fact]
    public void ALinkThatGoesDownGivesTheFramesBackToTheLaneWhichNamesThem()
    {
        using Rack rack = Rack.Create();
        using Daemon load = Daemon.StartArmed(rack.Load(ratePps: Frames, durationMs: 100));
        using Daemon forward = Daemon.StartArmed(rack.Forwarder(offload: Offload.Auto));
        Lab.Eventually(() => forward.Region.ReadPort(0).Offload.ToString() == "kernel: to q0");
        rack.Lab.Ip("link", "set", "q0", "down");
        Lab.Eventually(() => forward.Region.ReadPort(0).Offload.ToString() == "lane: q0 is down");
        Rack.Begin(load);
        Rack.WaitUntilDrained(load);
        Lab.Eventually(() => forward.Region.ReadCounters(0).Drops[(int)DropReason.PortDown] > 0);
        rack.Lab.Ip("link", "set", "q0", "up");
        Lab.Eventually(() => forward.Region.ReadPort(0).Offload.ToString() == "kernel: to q0");
    }
}
