using System.Globalization;
using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

public sealed partial class ZeroCopyTests
{
    [Fact]
    public void Links_and_queues_that_change_under_load_are_told_and_every_frame_ends_by_name()
    {
        Run(Configuration("need-wakeup", "zero-copy", "v0 v1", "i0 i1"), Ports);
        try
        {
            using (FrameStream virtio = new(wires.Link("v0"), wires.Link("v1"), Frames("v0 to v1")),
                igb = new(wires.Link("i0"), wires.Link("i1"), Frames("i0 to i1")))
            {
                AwaitFrames();
                foreach (string port in (string[])["v1", "i1"])
                {
                    _guest.Do($"/bin/ip link set {port} down");
                    _guest.Until($"grep -q 'port {port} ({port}): link down' /run/run.err", 60,
                        "cat /run/run.err");
                    _guest.Do($"/bin/ip link set {port} up");
                    AwaitLinks(Ports);
                }

                foreach (int queues in (int[])[2, 1])
                {
                    _guest.Do($"/bin/ethtool -L i1 combined {queues}");
                    AwaitLinks(Ports);
                }

                AwaitFrames();
                virtio.Stop();
                igb.Stop();
                JsonElement lane = AwaitSent(virtio.Sent);
                AssertNamed(Lane("lane1"));
                Assert.NotEqual(0, Sum(lane, "drops"));
                Assert.Equal(Number(lane, "txFrames"), virtio.Arrived());
            }

            Cross("v0", "v1", "after it");
            Cross("i0", "i1", "after it");
        }
        finally
        {
            End(Ports);
        }
    }

    // Both lanes go on receiving.
    private void AwaitFrames()
    {
        string[] before = _guest.Do(Received).Split(' ');
        _guest.Until($"set -- $({Received}); [ $1 -gt {before[0]} ] && [ $2 -gt {before[1]} ]", 60,
            "lowlat status");
    }

    // The virtio lane has received all that was sent to it, and has it off its hands: a virtio card waits for
    // room, where an emulated igb drops.
    private JsonElement AwaitSent(long count)
    {
        _guest.Until($"set -- $({Received}); [ $1 = {count} ]", 60, "lowlat status");
        _guest.Until($"lowlat status --json | {OfVirtio} | grep -q '\"held\": {{}}'", 60, "lowlat status");
        JsonElement lane = Lane("lane0");
        AssertNamed(lane);
        return lane;
    }

    private const string Received =
        """lowlat status --json | sed -n 's/.*"rxFrames": \([0-9]*\).*/\1/p' | tr '\n' ' '""";

    private const string OfVirtio = """sed -n '/"name": "lane0"/,/}/p'""";

    private JsonElement Lane(string name) => Assert.Single(Status().GetProperty("lanes").EnumerateArray(),
        lane => lane.GetProperty("name").GetString() == name);

    private static void AssertNamed(JsonElement lane)
    {
        Assert.Equal(Number(lane, "rxFrames"), Number(lane, "txFrames") + Sum(lane, "drops"));
        Assert.All(lane.GetProperty("drops").EnumerateObject(),
            drop => Assert.Contains(drop.Name, (string[])["port-down", "tx-ring-full"]));
        Assert.Equal(0, Number(lane, "conservationBreaks"));
    }

    private static long Sum(JsonElement lane, string names) =>
        lane.GetProperty(names).EnumerateObject().Sum(entry => entry.Value.GetInt64());
}
