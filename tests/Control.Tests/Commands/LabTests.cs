using LowLatency.Control.Running;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Control.Tests.Commands;

public sealed class LabTests : IDisposable
{
    private static int made;
    private readonly string _name = $"llc{Environment.ProcessId}x{Interlocked.Increment(ref made)}";

    public LabTests() =>
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "making network namespaces needs root");

    [Fact]
    public void Up_and_down_may_be_repeated()
    {
        Assert.Equal((0, $"lab '{_name}' is up\n"), Lab("up"));
        Assert.Equal((0, $"lab '{_name}' is up already\n"), Lab("up"));
        Assert.Equal((0, $"lab '{_name}' is up\n"), Lab("status"));
        Assert.Equal((0, $"lab '{_name}' is down\n"), Lab("down"));
        Assert.Equal((0, $"lab '{_name}' was not there\n"), Lab("down"));
        Assert.Equal(3, Lab("status").Code);
    }

    [Fact]
    public void A_broken_lab_is_named_and_rebuilt()
    {
        Lab("up");
        Tool.Run("ip", ["-n", _name + "-gen", "link", "del", "genA"]);
        (int code, string text) = Lab("status");
        Assert.Equal(3, code);
        Assert.Contains($"genA in {_name}-gen is missing", text, StringComparison.Ordinal);
        Assert.Contains($"dutA in {_name}-dut is missing", text, StringComparison.Ordinal);
        Assert.Equal((0, $"lab '{_name}' is up\n"), Lab("up"));
        Assert.Empty(new Lab(_name).Faults(1));
    }

    [Fact]
    public void What_a_killed_up_left_is_taken_down()
    {
        Tool.Run("ip", ["netns", "add", _name + "-dut"]);
        File.WriteAllText($"/run/netns/{_name}-sink", ""); // 'ip netns add' died before its mount
        Assert.Equal((0, $"lab '{_name}' is down\n"), Lab("down"));
        Assert.True(new Lab(_name).IsAbsent);
    }

    [Fact]
    public void Other_queues_rebuild_it_and_are_there()
    {
        Lab("up");
        CommandRun run = CommandRun.Of("lab", "up", "--name", _name, "--queues", "3");
        Assert.Equal((0, $"lab '{_name}' is up\n"), (run.Code, run.Out));
        using Ethtool ethtool = Ethtool.Open($"/run/netns/{_name}-dut");
        Assert.Equal((3, 3), (ethtool.Channels("dutA")!.RxQueues, ethtool.Channels("dutA")!.TxQueues));
    }

    [Fact]
    public void Interfaces_have_their_addresses_and_no_IPv6()
    {
        Lab("up");
        foreach (string role in LabPlan.Roles)
        {
            using RouteNetlink route = RouteNetlink.Open($"/run/netns/{_name}-{role}");
            foreach (LabEnd end in LabPlan.Ends.Where(end => end.Role == role))
            {
                LinkInfo link = route.FindLink(end.Interface)!;
                Assert.Equal((end.Mac, OperState.Up, 1500u), (link.MacText, link.OperState, link.MtuBytes));
                Assert.Equal([end.Address], route.Addresses(link.Index).Select(a => a.Address.ToString()));
            }
        }
    }

    public void Dispose()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return; // skipped
        }

        new Lab(_name).Down();
        Assert.False(File.Exists($"{RuntimeFolder.Root}/lab-{_name}.lock"));
    }

    private (int Code, string Out) Lab(string verb)
    {
        CommandRun run = CommandRun.Of("lab", verb, "--name", _name);
        return (run.Code, run.Out);
    }
}
