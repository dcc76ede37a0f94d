using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Native.Tests.Netlink;

/// <summary>Questions to the kernel about the loopback interface: no privileges, no namespace.</summary>
public sealed class NetlinkQueryTests
{
    [Fact]
    public void Every_question_is_answered_or_refused_with_a_reason_and_decodes()
    {
        using NetlinkQuery query = NetlinkQuery.Open("");
        foreach (NetlinkRequestKind kind in NetlinkRequests.All)
        {
            NetlinkAnswer answer = query.Ask(kind.Name, "lo");
            IReadOnlyList<NetlinkRecord> records = NetlinkRecord.Parse(answer.Messages, kind.HeaderBytes);
            Errno last = records.Count > 0 ? records[^1].Errno : Errno.Ok;
            Assert.True(answer.Messages.Length == 0 || last == answer.Errno,
                $"{kind.Name}: {answer.Errno}, {last}");
            Assert.True(answer.Errno is Errno.Ok or Errno.EOPNOTSUPP or Errno.ENOENT or Errno.EINVAL
                or Errno.EPERM
                or Errno.EPROTONOSUPPORT, $"{kind.Name}: {answer.Errno} {answer.Refusal}");
        }
    }

    [Fact]
    public void The_loopback_link_is_what_the_kernel_calls_it()
    {
        using NetlinkQuery query = NetlinkQuery.Open("");
        NetlinkRecord link = NetlinkRecord.Parse(query.Ask("route.link", "lo").Messages, 16).Single();
        Assert.Equal((ushort)Rt.NewLink, link.MessageType);
        Assert.Equal("lo", link.Attributes.Text(LinkAttribute.Name));
        Assert.Equal(1UL, link.HeaderNumber(4, 4)); // ifi_index: lo is always the first
        Assert.NotNull(link.Attributes.Field(LinkAttribute.Stats64, LinkAttribute.StatsRxNohandler, 8));
        Assert.Equal(0UL, link.Attributes.Child(LinkAttribute.Xdp)!.Number(LinkAttribute.XdpAttached));
    }

    [Fact]
    public void The_same_facts_are_the_same_bytes()
    {
        using NetlinkQuery first = NetlinkQuery.Open("");
        using NetlinkQuery second = NetlinkQuery.Open("");
        _ = first.Ask("ethtool.channels", "lo"); // its sequence numbers are ahead now
        Assert.Equal(
            first.Ask("ethtool.features", "lo").Messages, second.Ask("ethtool.features", "lo").Messages);
    }

    [Fact]
    public void An_interface_that_is_not_there_is_ENODEV_to_every_question_about_one()
    {
        using NetlinkQuery query = NetlinkQuery.Open("");
        foreach (NetlinkRequestKind kind in NetlinkRequests.All.Where(kind => kind.Family
            is NetlinkFamily.Ethtool or NetlinkFamily.Route))
        {
            foreach (string name in (string[])["llx-none", "", "a_name_no_interface_can_have"])
            {
                Assert.Equal(Errno.ENODEV, query.Ask(kind.Name, name).Errno);
            }
        }
    }

    [Fact]
    public void A_question_that_does_not_exist_is_a_mistake_of_the_caller()
    {
        using NetlinkQuery query = NetlinkQuery.Open("");
        Assert.Throws<ArgumentException>(() => query.Ask("ethtool.nothing", "lo"));
        Assert.Null(NetlinkRequests.Find("ethtool.nothing"));
    }

    [Fact]
    public void Questions_have_one_name_each_and_say_what_they_mean()
    {
        Assert.Distinct(NetlinkRequests.All.Select(kind => kind.Name));
        Assert.All(NetlinkRequests.All, kind => Assert.NotEmpty(kind.Meaning));
    }

    [Fact]
    public void A_namespace_that_is_not_there_is_said_so() => Assert.Equal(Errno.ENOENT,
        Assert.Throws<NativeException>(() => NetlinkQuery.Open("/run/netns/llx-none")).Errno);
}
