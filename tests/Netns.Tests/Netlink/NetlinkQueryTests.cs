using LowLatency.Native;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Netns.Tests.Netlink;

/// <summary>Recorded answers about a veth whose truth ip-link(8), tc(8) and ethtool(8) have set.</summary>
public sealed class NetlinkQueryTests
{
    private const string PassAll = "1,6 0 0 4294967295"; // classic BPF of one instruction: return all

    [Fact]
    public void Features_have_names_and_those_that_were_set_are_active()
    {
        using Lab lab = Lab.Create();
        foreach (string setting in (string[])["on", "off"])
        {
            lab.Exec("ethtool", "-K", "a0", "gro", setting);
            NetlinkTree active = One(lab, "ethtool.features").Child(EthtoolAttribute.FeaturesActive)!;
            Assert.True(active.Has(EthtoolAttribute.BitsetNoMask));
            Assert.Equal(setting == "on", Names(active).Contains("rx-gro"));
            Assert.Contains("highdma", Names(active));
        }
    }

    [Fact]
    public void Channels_link_modes_and_the_header_are_those_of_the_veth()
    {
        using Lab lab = Lab.Create(queues: 4);
        lab.Exec("ethtool", "-L", "a0", "rx", "2", "tx", "3");
        NetlinkTree channels = One(lab, "ethtool.channels");
        Assert.Equal((2UL, 3UL, 4UL, 4UL),
            (channels.Number(EthtoolAttribute.ChannelsRx), channels.Number(EthtoolAttribute.ChannelsTx),
                channels.Number(EthtoolAttribute.ChannelsRxMax),
                channels.Number(EthtoolAttribute.ChannelsTxMax)));
        NetlinkTree header = channels.Child(EthtoolAttribute.Header)!;
        Assert.Equal("a0", header.Text(EthtoolAttribute.HeaderName));
        Assert.Equal((ulong)lab.IndexOf("a0"), header.Number(EthtoolAttribute.HeaderIndex));
        Assert.Equal(10000UL, One(lab, "ethtool.linkmodes").Number(EthtoolAttribute.LinkModesSpeed));
        Assert.Equal(1UL, One(lab, "ethtool.linkstate").Number(EthtoolAttribute.LinkStateLink));
    }

    [Fact]
    public void What_a_driver_does_not_have_is_refused_as_such()
    {
        using Lab lab = Lab.Create();
        using NetlinkQuery query = NetlinkQuery.Open(lab.Path);
        foreach (string question in (string[])["ethtool.fec", "ethtool.coalesce", "ethtool.pause",
            "ethtool.eee"])
        {
            NetlinkAnswer answer = query.Ask(question, "a0");
            Assert.Equal((question, Errno.EOPNOTSUPP), (question, answer.Errno));
            Assert.Equal(Errno.EOPNOTSUPP, Records(question, answer).Single().Errno);
        }
    }

    [Fact]
    public void A_link_has_its_counters_and_what_was_set()
    {
        using Lab lab = Lab.Create(queues: 3);
        lab.Ip("link", "set", "a0", "address", "02:00:00:00:0a:01", "mtu", "1400", "promisc", "on");
        lab.SendFromB(count: 7, port: 4000);
        using NetlinkQuery query = NetlinkQuery.Open(lab.Path);
        NetlinkTree link = NetlinkTree.Empty;
        Lab.Eventually(() =>
        {
            link = Records("route.link", query.Ask("route.link", "a0")).Single().Attributes;
            return link.Field(LinkAttribute.Stats64, LinkAttribute.StatsRxPackets, 8) >= 7;
        });
        Assert.Equal((1400UL, 1UL, 3UL, "a0"), (link.Number(LinkAttribute.Mtu),
            link.Number(LinkAttribute.Promiscuity), link.Number(LinkAttribute.RxQueues),
            link.Text(LinkAttribute.Name)));
        Assert.Equal([2, 0, 0, 0, 0x0A, 1], link.Bytes(LinkAttribute.Address)!);
        Assert.Equal("veth", link.Child(LinkAttribute.Info)!.Text(LinkAttribute.InfoKind));
        Assert.Null(link.Child(LinkAttribute.VfList)); // no VFs: not an SR-IOV device
    }

    [Fact]
    public void Qdiscs_are_those_of_the_interface_alone()
    {
        using Lab lab = Lab.Create();
        Assert.DoesNotContain(Kinds(lab, "route.qdisc", "a0"), kind => kind == "pfifo");
        lab.Exec("tc", "qdisc", "add", "dev", "a0", "root", "pfifo", "limit", "7");
        lab.Exec("tc", "qdisc", "add", "dev", "b0", "clsact");
        Assert.Equal(["pfifo"], Kinds(lab, "route.qdisc", "a0"));
        Assert.Contains("clsact", Kinds(lab, "route.qdisc", "b0"));
    }

    [Theory]
    [InlineData("clsact", 3)]
    [InlineData("ingress", 2)]
    public void Filters_are_listed_once_each_at_both_sides(string qdisc, int expected)
    {
        using Lab lab = Lab.Create();
        Assert.Empty(Kinds(lab, "route.filter", "a0"));
        lab.Exec("tc", "qdisc", "add", "dev", "a0", qdisc);
        lab.Exec("tc", "qdisc", "add", "dev", "b0", "clsact");
        foreach (string preference in (string[])["10", "20"])
        {
            (int code, string error) = Lab.Try("ip", "netns", "exec", lab.Name,
                "tc", "filter", "add", "dev", "a0",
                "ingress", "prio", preference, "bpf", "bytecode", PassAll, "classid", "1:1");
            Assert.SkipUnless(code == 0, $"this kernel has no such filter: {error}");
        }

        if (qdisc == "clsact")
        {
            lab.Exec("tc", "filter", "add", "dev", "a0", "egress",
                "bpf", "bytecode", PassAll, "classid", "1:1");
        }

        Assert.Equal(Enumerable.Repeat("bpf", expected), Kinds(lab, "route.filter", "a0"));
        Assert.Empty(Kinds(lab, "route.filter", "b0"));
    }

    [Fact]
    public void Netdev_lists_each_queue_and_the_device()
    {
        using Lab lab = Lab.Create(queues: 2);
        using NetlinkQuery query = NetlinkQuery.Open(lab.Path);
        NetlinkAnswer device = query.Ask("netdev.dev", "a0");
        Assert.SkipWhen(device.Errno == Errno.ENOENT, "this kernel has no netdev family (since 6.3)");
        NetlinkTree features = Records("netdev.dev", device).Single().Attributes;
        Assert.Equal((ulong)lab.IndexOf("a0"), features.Number(NetdevAttribute.DeviceIndex));
        Assert.True(((XdpFeatures)features.Number(NetdevAttribute.DeviceXdpFeatures)!)
            .HasFlag(XdpFeatures.Basic));

        NetlinkAnswer queues = query.Ask("netdev.queues", "a0");
        Assert.SkipWhen(queues.Errno == Errno.EOPNOTSUPP, "this kernel lists no queues (since 6.8)");
        Assert.Equal([(0UL, 0UL), (0UL, 1UL), (1UL, 0UL), (1UL, 1UL)],
            Records("netdev.queues", queues).Select(record => record.Attributes).Select(queue =>
                (queue.Number(NetdevAttribute.QueueType)!.Value,
                    queue.Number(NetdevAttribute.QueueId)!.Value))
                .Order());
    }

    [Fact]
    public void An_answer_is_about_the_namespace_it_was_opened_in()
    {
        using Lab lab = Lab.Create();
        using NetlinkQuery here = NetlinkQuery.Open("");
        Assert.Equal(Errno.ENODEV, here.Ask("route.link", "a0").Errno);
        Assert.Equal(Errno.ENODEV, here.Ask("netdev.queues", "a0").Errno);
    }

    private static NetlinkTree One(Lab lab, string question)
    {
        using NetlinkQuery query = NetlinkQuery.Open(lab.Path);
        NetlinkAnswer answer = query.Ask(question, "a0");
        Assert.Equal((question, Errno.Ok, ""), (question, answer.Errno, answer.Refusal));
        return Records(question, answer).Single().Attributes;
    }

    private static string[] Kinds(Lab lab, string question, string interfaceName)
    {
        using NetlinkQuery query = NetlinkQuery.Open(lab.Path);
        NetlinkAnswer answer = query.Ask(question, interfaceName);
        Assert.Equal((question, Errno.Ok, ""), (question, answer.Errno, answer.Refusal));
        return [.. Records(question, answer)
            .Where(record => record.Attributes.Has(2)) // TCA_OPTIONS: no heading of a priority
            .Select(record => record.Attributes.Text(LinkAttribute.QdiscKind)!)];
    }

    private static IReadOnlyList<NetlinkRecord> Records(string question, NetlinkAnswer answer) =>
        NetlinkRecord.Parse(answer.Messages, NetlinkRequests.Find(question)!.HeaderBytes);

    private static IReadOnlyList<string> Names(NetlinkTree bitset) =>
        [.. bitset.Child(EthtoolAttribute.BitsetBits)!.Children(EthtoolAttribute.BitsetBit)
            .Select(bit => bit.Text(EthtoolAttribute.BitsetBitName)!)];
}
