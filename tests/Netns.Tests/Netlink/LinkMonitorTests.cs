using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Netns.Tests.Netlink;

/// <summary>Changes, as the monitor tells of them. ip(8) answers after the kernel has sent its notification,
/// so no test waits.</summary>
public sealed class LinkMonitorTests
{
    [Fact]
    public void Down_up_and_delete_of_a_link_are_told()
    {
        using Lab lab = Lab.Create();
        int index = lab.IndexOf("a0");
        using LinkMonitor monitor = LinkMonitor.Open(lab.Path);
        Assert.False(monitor.TryRead(out _));

        lab.Ip("link", "set", "a0", "down");
        LinkChange down = Changes(monitor).Last(change => change.InterfaceIndex == index);
        Assert.Equal((LinkChangeKind.Link, false, false), (down.Kind, down.IsUp, down.HasCarrier));

        lab.Ip("link", "set", "a0", "up");
        LinkChange up = Changes(monitor).Last(change => change.InterfaceIndex == index);
        Assert.Equal((LinkChangeKind.Link, true, true), (up.Kind, up.IsUp, up.HasCarrier));

        lab.Ip("link", "delete", "a0");
        LinkChange gone = Changes(monitor).Last(change => change.InterfaceIndex == index);
        Assert.Equal(LinkChangeKind.LinkGone, gone.Kind);
        Assert.False(monitor.TryRead(out _));
    }

    [Fact]
    public void A_link_whose_peer_goes_down_loses_its_carrier()
    {
        using Lab lab = Lab.Create();
        int index = lab.IndexOf("a0");
        using LinkMonitor monitor = LinkMonitor.Open(lab.Path);
        lab.Ip("link", "set", "b0", "down");
        // Carrier changes are told by the kernel's linkwatch, at most a second later.
        LinkChange change = Wait(monitor, found => found.InterfaceIndex == index && !found.HasCarrier);
        Assert.True(change.IsUp);
    }

    [Fact]
    public void Addresses_that_come_and_go_are_told_with_their_bytes()
    {
        using Lab lab = Lab.Create();
        int index = lab.IndexOf("a0");
        using LinkMonitor monitor = LinkMonitor.Open(lab.Path);
        foreach (string address in (string[])["10.9.0.1", "fd00:9::1"])
        {
            string prefix = address + (address.Contains(':', StringComparison.Ordinal) ? "/64" : "/24");
            lab.Ip("address", "add", prefix, "dev", "a0");
            LinkChange added = Wait(monitor, change => change.Kind == LinkChangeKind.AddressAdded);
            Assert.Equal(index, added.InterfaceIndex);
            Assert.Equal(Lab.Address(address), added.AddressBytes.ToArray());

            lab.Ip("address", "delete", prefix, "dev", "a0");
            LinkChange removed = Wait(monitor, change => change.Kind == LinkChangeKind.AddressRemoved);
            Assert.Equal(Lab.Address(address), removed.AddressBytes.ToArray());
        }
    }

    [Fact]
    public void A_link_that_leaves_a_bridge_is_not_gone()
    {
        using Lab lab = Lab.Create();
        lab.Ip("link", "add", "br0", "type", "bridge");
        lab.Ip("link", "set", "a0", "master", "br0");
        using LinkMonitor monitor = LinkMonitor.Open(lab.Path);
        lab.Ip("link", "set", "a0", "nomaster");
        Assert.DoesNotContain(Changes(monitor), change => change.Kind == LinkChangeKind.LinkGone);
    }

    [Fact]
    public void A_link_that_moves_to_another_namespace_is_gone_here()
    {
        using Lab lab = Lab.Create();
        using Lab other = Lab.Create();
        int index = lab.IndexOf("b0");
        using LinkMonitor monitor = LinkMonitor.Open(lab.Path);
        other.Ip("link", "delete", "b0"); // its name is wanted
        lab.Ip("link", "set", "b0", "netns", other.Name);
        Assert.Contains(Changes(monitor),
            change => change.Kind == LinkChangeKind.LinkGone && change.InterfaceIndex == index);
    }

    [Fact]
    public void More_changes_than_the_queue_holds_end_in_an_overrun_and_then_in_news_again()
    {
        using Lab lab = Lab.Create();
        using LinkMonitor monitor = LinkMonitor.Open(lab.Path);
        string batch = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(batch, Enumerable.Range(0, 4000).Select(i =>
                $"link set dev b0 mtu {1300 + (i % 2)}"));
            lab.Ip("-batch", batch);
        }
        finally
        {
            File.Delete(batch);
        }

        Assert.Contains(Changes(monitor), change => change.Kind == LinkChangeKind.Overrun);
        lab.Ip("link", "set", "a0", "down");
        Assert.Contains(Changes(monitor),
            change => change.InterfaceIndex == lab.IndexOf("a0") && !change.IsUp);
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        using Lab lab = Lab.Create();
        using LinkMonitor monitor = LinkMonitor.Open(lab.Path);
        lab.Ip("link", "set", "a0", "down");
        Assert.True(monitor.TryRead(out _)); // warm
        lab.Ip("link", "set", "a0", "up");
        lab.Ip("address", "add", "10.9.0.1/24", "dev", "a0");
        long before = GC.GetAllocatedBytesForCurrentThread();
        int read = 0;
        while (monitor.TryRead(out _))
        {
            read++;
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.True(read >= 2);
    }

    private static List<LinkChange> Changes(LinkMonitor monitor)
    {
        List<LinkChange> changes = [];
        while (monitor.TryRead(out LinkChange change))
        {
            changes.Add(change);
        }

        return changes;
    }

    /// <summary>The first change of this kind, for what the kernel tells of a moment later.</summary>
    private static LinkChange Wait(LinkMonitor monitor, Func<LinkChange, bool> wanted)
    {
        LinkChange found = default;
        bool isThere = SpinWait.SpinUntil(
            () =>
            {
                while (monitor.TryRead(out LinkChange change))
                {
                    if (wanted(change))
                    {
                        found = change;
                        return true;
                    }
                }

                return false;
            },
            TimeSpan.FromSeconds(5));
        Assert.True(isThere, "the kernel told of no such change within 5 s");
        return found;
    }
}
