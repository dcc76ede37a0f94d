using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

public sealed partial class ZeroCopyTests
{
    private const int Flows = 32;

    [Fact]
    public void Flows_spread_over_two_queues_with_a_lane_each_and_every_frame_arrives()
    {
        foreach (string card in Cards)
        {
            _guest.Run($"/bin/ethtool -L {card} combined {Queues}"); // refused where it is so already
        }

        string[] ports = [.. Enumerable.Range(0, Queues).SelectMany(queue => Cards.Select(card =>
            card + queue))];
        Run(QueueConfiguration(), ports);
        try
        {
            Assert.All(Status().GetProperty("ports").EnumerateArray(), port =>
                Assert.Equal("zero-copy", port.GetProperty("effectiveMode").GetString()));
            using TapLink left = wires.Tap("m0");
            using TapLink right = wires.Tap("m1");
            CrossFlows(left, right, "there");
            CrossFlows(right, left, "back");
            JsonElement[] lanes = [.. Status().GetProperty("lanes").EnumerateArray()];
            Assert.Equal((2 * Count, 2 * Count),
                (lanes.Sum(lane => Number(lane, "rxFrames")), lanes.Sum(lane => Number(lane, "txFrames"))));
            Assert.All(lanes, lane =>
            {
                Assert.NotEqual(0, Number(lane, "rxFrames"));
                Assert.Empty(lane.GetProperty("drops").EnumerateObject());
            });
        }
        finally
        {
            End(Cards);
        }
    }

    private static string[] Cards => ["m0", "m1"];

    // A queue is a port of its own; a lane joins the same queue of both cards.
    private static string QueueConfiguration() => $"""
        name = "wires"
        [host]
        housekeeping = "0-1"
        rt_throttling = "off"
        {string.Concat(Enumerable.Range(0, Queues).Select(queue => string.Concat(Cards.Select(card => $"""
            [[port]]
            name = "{card}{queue}"
            interface = "{card}"
            queue = {queue}
            mode = "zero-copy"
            claim = "all"

            """)) + $"""
            [[lane]]
            name = "lane{queue}"
            cpu = {queue + 2}
            ports = ["m0{queue}", "m1{queue}"]
            chunk = 4096
            [[lane.stage]]
            kind = "cross-connect"
            ports = ["m0{queue}", "m1{queue}"]

            """))}
        """;

    // In order within a flow; across flows the queues are each other's equals.
    private static void CrossFlows(TapLink from, TapLink to, string mark)
    {
        byte[][] frames = Frames(mark);
        for (int number = 0; number < frames.Length; number++)
        {
            MakeFlow(frames[number], number);
        }

        List<byte[]> arrived = [];
        foreach (byte[][] some in frames.Chunk(AtOnce))
        {
            from.Send(some);
            arrived.AddRange(to.Receive(some.Length));
        }

        Assert.Equal(ByFlow(frames), ByFlow(arrived));
    }

    private static string[] ByFlow(IEnumerable<byte[]> frames) =>
        [.. frames.OrderBy(frame => frame[35]).Select(Convert.ToHexString)];

    // Ethernet, IPv4 and UDP headers before what Frames made, which a kernel can tell flows by.
    private static void MakeFlow(byte[] frame, int number)
    {
        byte[] content = frame[12..28];
        int length = frame.Length - 14;
        byte[] headers =
        [
            0x08, 0x00, 0x45, 0, (byte)(length >> 8), (byte)length, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 2,
            10, 9, 0, 3, 0x40, (byte)(number % Flows), 0x50, 0, (byte)((length - 20) >> 8),
            (byte)(length - 20), 0, 0,
        ];
        headers.CopyTo(frame, 12);
        content.CopyTo(frame, 42);
    }
}
