using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Netns.Tests.Routing;

/// <summary>What stands before the kernel's tables.</summary>
public sealed class PolicyTests
{
    private const int WaitMs = 5000;

    [Theory]
    [InlineData("rule add from 10.9.0.0/16 lookup 100", "rule del from 10.9.0.0/16 lookup 100")]
    [InlineData("rule add fwmark 7 lookup main priority 10", "rule del priority 10")]
    [InlineData("rule add not from all lookup main priority 10", "rule del priority 10")]
    [InlineData("-6 rule add blackhole priority 10", "-6 rule del priority 10")]
    [InlineData("rule del priority 32766", "rule add lookup main priority 32766")]
    public void RulesOfOnesOwnLeaveAllPacketsToTheKernelAsLongAsTheyStand(string change, string undo)
    {
        using RouteNet net = new();
        net.Batch("neighbour replace 10.1.0.2 lladdr 02:00:00:00:00:11 dev a0 nud permanent",
            "route add 20.0.0.0/8 via 10.1.0.2 dev a0");
        Assert.True(Comes(net, () => net.At("20.0.0.1").StartsWith("forward", StringComparison.Ordinal)));
        Assert.False(net.Sync.Policy.HasOtherRules);

        net.Ip(change);
        Assert.True(Comes(net, () => net.At("20.0.0.1") == "otherinterface"), net.At("20.0.0.1"));
        Assert.True(net.Sync.Policy.HasOtherRules);
        Assert.Equal("otherinterface", net.At("10.1.0.2"));
        Assert.Equal("otherinterface", net.At("fd01::2"));

        net.Ip(undo);
        Assert.True(Comes(net, () => net.At("20.0.0.1").StartsWith("forward", StringComparison.Ordinal)));
        Assert.False(net.Sync.Policy.HasOtherRules);
    }

    [Fact]
    public void ALocalRuleThatWasMovedIsStillStandard()
    {
        using RouteNet net = new();
        net.Ip("rule add lookup local priority 100");
        net.Ip("rule del priority 0");
        net.Turn();
        Assert.False(Comes(net, () => net.Sync.Policy.HasOtherRules, 300));
    }

    [Fact]
    public void AKernelThatDoesNotForwardIsTold()
    {
        using RouteNet net = new();
        net.Turn();
        Assert.Equal(new RoutePolicy(false, true, true), net.Sync.Policy);
        net.Sysctl("net.ipv4.ip_forward=0");
        Assert.True(Comes(net, () => !net.Sync.Policy.Forwards4));
        Assert.True(net.Sync.Policy.Forwards6);
        net.Sysctl("net.ipv6.conf.all.forwarding=0");
        Assert.True(Comes(net, () => !net.Sync.Policy.Forwards6));
        net.Sysctl("net.ipv4.ip_forward=1");
        Assert.True(Comes(net, () => net.Sync.Policy.Forwards4));
    }

    private static bool Comes(RouteNet net, Func<bool> condition, int waitMs = WaitMs)
    {
        long endMs = Environment.TickCount64 + waitMs;
        do
        {
            net.Turn();
            if (condition())
            {
                return true;
            }
        }
        while (Environment.TickCount64 < endMs);
        return false;
    }
}
