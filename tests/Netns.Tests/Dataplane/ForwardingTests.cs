using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Netns.Tests.Dataplane;

/// <summary>Real frames through real AF_XDP sockets: the published lowlatd between two veth pairs.</summary>
public sealed class ForwardingTests
{
    [Fact]
    public void EveryFrameIsAccountedForAndLanesAllocateCollectAndFaultNothing()
    {
        using Rack rack = Rack.Create();
        using Daemon forward = Daemon.StartArmed(rack.Forwarder());
        using Daemon load = Daemon.StartArmed(rack.Load(ratePps: 20_000, durationMs: 2000));
        Rack.Begin(load);
        Rack.WaitUntilDrained(load);

        LaneCounters generator = load.Region.ReadCounters(0);
        LaneCounters receiver = load.Region.ReadCounters(1);
        LaneCounters forwarder = forward.Region.ReadCounters(0);
        Assert.Equal(40_000UL, generator.Sent[0] + generator.Unsent[0]);
        ulong dropped = KernelDrops(forward.Region) + KernelDrops(load.Region) + LaneDrops(forwarder);
        Assert.Equal(generator.Sent[0], receiver.Received[0] + dropped);
        Assert.True(receiver.Received[0] > 0);
        Assert.Equal(0UL, receiver.Duplicated[0] + receiver.Reordered[0] + receiver.Corrupt[0]);
        foreach (LaneCounters lane in (ReadOnlySpan<LaneCounters>)[generator, receiver, forwarder])
        {
            Assert.Equal(0, lane.AllocatedBytes);
            Assert.Equal(0, lane.Collections);
            Assert.Equal(0, lane.MinorFaults + lane.MajorFaults);
            Assert.Equal(0UL, lane.ConservationBreaks);
        }

        Assert.Equal((0, ""), forward.Stop());
        Assert.Equal((0, ""), load.Stop());
    }

    [Fact]
    public void VethIsCopyModeAndTheReasonIsSaid()
    {
        using Rack rack = Rack.Create();
        using Daemon forward = Daemon.StartArmed(rack.Forwarder());
        PortPage port = forward.Region.ReadPort(0);
        Assert.Equal((BindMode.Auto, BindMode.Copy), (port.RequestedMode, port.EffectiveMode));
        Assert.Equal("veth", port.Driver.ToString());
        Assert.Equal(
            "zero-copy refused: bind(AF_XDP, p0 queue 0, zero-copy): EOPNOTSUPP; copy granted (XDP_OPTIONS), "
            + "native program",
            port.Why.ToString());
    }

    [Fact]
    public void ACleanStopLeavesNoProgramAndNoRegion()
    {
        using Rack rack = Rack.Create();
        using Daemon forward = Daemon.StartArmed(rack.Forwarder());
        Assert.NotEqual(0u, rack.ProgramOn("p0"));
        Assert.Equal((0, ""), forward.Stop());
        Assert.Equal(0u, rack.ProgramOn("p0"));
        Assert.False(File.Exists(forward.RegionPath));
    }

    private static ulong LaneDrops(in LaneCounters lane)
    {
        ulong sum = 0;
        foreach (ulong drops in (ReadOnlySpan<ulong>)lane.Drops)
        {
            sum += drops;
        }

        return sum;
    }

    private static ulong KernelDrops(SharedRegion region)
    {
        ulong sum = 0;
        for (int i = 0; i < region.Plan.PortCount; i++)
        {
            PortPage port = region.ReadPort(i);
            ulong socket = port.Xdp.RxDropped + port.Xdp.RxRingFull;
            sum += socket + port.Device.TxDropped;
            sum += Math.Max(port.Device.RxDropped, socket) - socket; // veth counts what the socket refused, too
        }

        return sum;
    }
}
