using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Netns.Tests.Netlink;

/// <summary>What rtnetlink, ethtool and the netdev family say of interfaces whose truth ip-link(8) has
/// set.</summary>
public sealed class RouteNetlinkTests
{
    [Fact]
    public void A_list_of_links_has_each_with_what_was_set()
    {
        using Lab lab = Lab.Create(queues: 3);
        lab.Ip("link", "set", "a0", "address", "02:00:00:00:0a:01", "mtu", "1400");
        lab.Ip("link", "set", "b0", "down");
        lab.Ip("link", "add", "br0", "type", "bridge");
        lab.Ip("link", "set", "a0", "master", "br0");
        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        IReadOnlyList<LinkInfo> links = route.Links();
        Assert.Equal(["a0", "b0", "br0", "lo"], links.Select(link => link.Name).Order());
        LinkInfo a = links.Single(link => link.Name == "a0");
        Assert.Equal(lab.IndexOf("a0"), a.Index);
        Assert.Equal("veth", a.Kind);
        Assert.Equal(1400u, a.MtuBytes);
        Assert.Equal("02:00:00:00:0a:01", a.MacText);
        Assert.Equal(0x010A_0000_0002UL, a.Mac);
        Assert.Equal(1, a.HardwareType);
        Assert.Equal((3, 3), (a.TxQueues, a.RxQueues));
        Assert.Equal(lab.IndexOf("br0"), a.MasterIndex);
        Assert.Equal(lab.IndexOf("b0"), a.ParentIndex);
        Assert.Equal(-1, a.ParentNamespaceId);
        Assert.True(a.IsUp);
        Assert.False(a.HasCarrier);
        Assert.Equal(OperState.LowerLayerDown, a.OperState);
        Assert.Equal((0u, null), (a.XdpProgramId, a.XdpMode));
        LinkInfo b = links.Single(link => link.Name == "b0");
        Assert.Equal((false, false, OperState.Down), (b.IsUp, b.HasCarrier, b.OperState));
        Assert.Equal("bridge", links.Single(link => link.Name == "br0").Kind);
    }

    [Fact]
    public void A_peer_in_another_namespace_has_its_id()
    {
        using Lab lab = Lab.Create();
        using Lab other = Lab.Create();
        lab.Ip("link", "add", "far", "type", "veth", "peer", "name", "near", "netns", other.Name);
        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        Assert.True(route.FindLink("far")!.ParentNamespaceId >= 0);
    }

    [Fact]
    public void One_link_is_found_by_name_and_by_index_and_a_missing_one_is_null()
    {
        using Lab lab = Lab.Create();
        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        LinkInfo byName = route.FindLink("a0")!;
        Assert.Equal(byName, route.FindLink(byName.Index));
        Assert.True(byName.HasCarrier);
        Assert.Null(route.FindLink("zz"));
        Assert.Null(route.FindLink("a_name_no_interface_can_have"));
        Assert.Null(route.FindLink(0x7FFF_FFFF));
    }

    [Theory]
    [InlineData(XdpAttachMode.Native)]
    [InlineData(XdpAttachMode.Generic)]
    public void An_attached_program_shows_with_its_mode(XdpAttachMode mode)
    {
        using Lab lab = Lab.Create();
        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        using XdpProgram program = XdpProgram.Attach(new XdpAttachRequest
        {
            Interface = "a0",
            InterfaceIndex = lab.IndexOf("a0"),
            NetworkNamespace = lab.Path,
            QueueCount = 1,
            Mode = mode,
            Claim = Claim.Ip,
        });
        LinkInfo link = route.FindLink("a0")!;
        Assert.Equal((program.ProgramId, (XdpAttachMode?)mode), (link.XdpProgramId, link.XdpMode));
    }

    [Fact]
    public void Addresses_of_a_link_are_those_that_were_set()
    {
        using Lab lab = Lab.Create();
        lab.Ip("address", "add", "10.9.0.1/24", "dev", "a0");
        lab.Ip("address", "add", "10.9.1.1", "peer", "10.9.1.2", "dev", "a0");
        lab.Ip("address", "add", "fd00:9::1/64", "dev", "a0", "nodad");
        lab.Ip("address", "add", "10.9.0.2/24", "dev", "b0");
        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        IReadOnlyList<LinkAddress> addresses = route.Addresses(lab.IndexOf("a0"));
        Assert.Equal(["10.9.0.1/24", "10.9.1.1/32", "fd00:9::1/64"],
            addresses.Select(address => $"{address.Address}/{address.PrefixLength}").Order());
        Assert.All(addresses, address => Assert.Equal(lab.IndexOf("a0"), address.InterfaceIndex));
        Assert.Empty(route.Addresses(0x7FFF_FFFF));
    }

    [Fact]
    public void Statistics_count_a_frame_and_reading_them_allocates_nothing()
    {
        using Lab lab = Lab.Create();
        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        int index = lab.IndexOf("a0");
        LinkStatistics before = default;
        LinkStatistics after = default;
        Assert.Equal(Errno.Ok, route.ReadStatistics(index, ref before));
        lab.SendFromB(count: 7, port: 4000);
        Lab.Eventually(() => route.ReadStatistics(index, ref after) == Errno.Ok
            && after.RxPackets >= before.RxPackets + 7);
        LinkStatistics peer = default;
        Assert.Equal(Errno.Ok, route.ReadStatistics(lab.IndexOf("b0"), ref peer));
        Assert.True(peer.TxPackets >= after.RxPackets);

        long allocated = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 100; round++)
        {
            _ = route.ReadStatistics(index, ref after);
        }

        Assert.Equal(allocated, GC.GetAllocatedBytesForCurrentThread());
        LinkStatistics unchanged = after;
        Assert.Equal(Errno.ENODEV, route.ReadStatistics(0x7FFF_FFFF, ref after));
        Assert.Equal(unchanged, after);
    }

    [Fact]
    public void A_namespace_of_many_links_is_listed_whole()
    {
        using Lab lab = Lab.Create();
        for (int i = 0; i < 60; i++)
        {
            lab.Ip("link", "add", $"d{i}", "type", "bridge"); // more than one datagram of a dump
        }

        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        Assert.Equal(63, route.Links().Count);
    }

    [Fact]
    public void Netdev_features_of_a_veth_are_native_without_zero_copy()
    {
        using Lab lab = Lab.Create();
        using NetdevFamily netdev = NetdevFamily.Open(lab.Path);
        Assert.SkipUnless(netdev.IsPresent, "this kernel has no netdev family (since 6.3)");
        NetdevFeatures features = netdev.Query(lab.IndexOf("a0"))!;
        Assert.Equal(XdpFeatures.Basic | XdpFeatures.Redirect,
            features.Xdp & (XdpFeatures.Basic | XdpFeatures.Redirect));
        Assert.Equal(XdpFeatures.None, features.Xdp & XdpFeatures.XskZeroCopy);
        Assert.Null(netdev.Query(0x7FFF_FFFF));
    }

    [Fact]
    public void Ethtool_knows_a_veth_by_its_driver_queues_and_offloads()
    {
        using Lab lab = Lab.Create(queues: 4);
        lab.Exec("ethtool", "-L", "a0", "rx", "2", "tx", "3");
        lab.Exec("ethtool", "-K", "a0", "gro", "on");
        using Ethtool ethtool = Ethtool.Open(lab.Path);
        Assert.Equal("veth", ethtool.Driver("a0")!.Name);
        EthtoolChannels channels = ethtool.Channels("a0")!;
        Assert.Equal((2, 3, 4, 4), (channels.RxQueues, channels.TxQueues, channels.RxMax, channels.TxMax));
        EthtoolTimestamping stamps = ethtool.Timestamping("a0")!;
        Assert.Equal(-1, stamps.ClockIndex);
        Assert.False(stamps.HasHardwareRx || stamps.HasHardwareTx);
        Assert.True(ethtool.Features("a0").Gro);
        Assert.False(ethtool.Features("a0").Lro);
        lab.Exec("ethtool", "-K", "a0", "gro", "off");
        Assert.False(ethtool.Features("a0").Gro);
    }

    [Fact]
    public void Ethtool_says_null_where_a_driver_has_nothing_and_throws_where_nothing_is()
    {
        using Lab lab = Lab.Create();
        lab.Ip("link", "add", "d0", "type", "bridge");
        using Ethtool ethtool = Ethtool.Open(lab.Path);
        Assert.Null(ethtool.Rings("d0"));
        Assert.Null(ethtool.Channels("d0"));
        Assert.Null(ethtool.ClassificationRules("d0"));
        Assert.Throws<NativeException>(() => ethtool.ClassificationRules("zz"));
        NativeException refused = Assert.Throws<NativeException>(() => ethtool.Driver("zz"));
        Assert.Equal(Errno.ENODEV, refused.Errno);
        Assert.Throws<NativeException>(() => ethtool.Driver("a_name_no_interface_can_have"));
    }
}
