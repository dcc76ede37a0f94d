using LowLatency.Control.Readiness;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

public sealed class ExpansionTests
{
    private const string Bind = "probe:bind eth2 0 zero-copy";

    [Fact]
    public void Nobody_tries_a_queue_that_carries_packets()
    {
        Check[] checks = [Catalogue.Find("nic.xdp.zerocopy-effective")!];
        RecordedHost running = RecordedHost.Load("bare-metal");
        Assert.False(running.Judge(checks).Evidence.Has(Bind));
        Assert.True(running.With("-- instance:edge ? --\n").Judge(checks).Evidence.Has(Bind));
    }

    [Fact]
    public void A_placeholder_that_stands_for_nothing_expands_to_nothing()
    {
        Topology topology = RecordedHost.Load("lab").Judge([]).Topology;
        Assert.Empty(Expansion.Of("{port.pci}/numa_node", topology));
        Assert.Empty(Expansion.Of("/proc/{app}/maps", topology));
        Assert.Equal(["/sys/devices/system/cpu/cpu1/online"],
            Expansion.Of("/sys/devices/system/cpu/cpu{D}/online", topology));
        Assert.Equal(["netlink:route.link [ll-dut]dutA", "netlink:route.link [ll-dut]dutB"],
            Expansion.Of("netlink:route.link {port.link}", topology));
    }

    [Fact]
    public void A_placeholder_that_nobody_knows_is_a_fault_of_the_check() => Assert.Throws<ArgumentException>(
        () => Expansion.Of("/proc/{nobody}", RecordedHost.Load("lab").Judge([]).Topology));
}
