using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Dataplane.Tests.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Paths;

/// <summary>The same frames through the XDP program, which reads the lane's own tables, and through a real
/// lane: what is routed in the kernel must be what the lane routes, to the byte.</summary>
public sealed class PathRouteTests
{
    private const int FramesEach = 500;

    [Theory]
    [InlineData(64, 64, 24)]
    [InlineData(Lpm4.NarrowRoutesMax + 1, Lpm6.NarrowRoutesMax + 1, 3)] // the other shape of both tables
    public void A_path_routes_as_the_lane_does(uint routes4, uint routes6, int pipelines)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        Tally tally = new();
        for (int pipeline = 0; pipeline < pipelines; pipeline++)
        {
            using Pair pair = new(routes4, routes6, rules: pipeline % 3 == 0 ? 4 : 0, seed: pipeline);
            Compare(pair, pipeline, tally);
        }

        // It says something only if everything happens, and what plainly is routed needs no lane.
        int frames = pipelines * FramesEach;
        Assert.InRange(tally.Offloaded, frames / 5, frames);
        Assert.InRange(tally.Groups, frames / 50, frames);
        Assert.InRange(tally.Version6, frames / 20, frames);
        Assert.InRange(tally.Dropped, frames / 200, frames);
        Assert.InRange(tally.Left, frames / 10, frames);
        Assert.InRange(tally.Trimmed, frames / 50, frames);
    }

    [Fact]
    public void A_change_of_the_table_takes_effect_with_the_next_frame()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        using Pair pair = new(64, 64, rules: 0, seed: 1);
        byte[] frame = Frame(pair, "0A000001", "63010203");
        Assert.Equal(XdpOutcome.PassedNoSocket, pair.Run(frame, out _));
        Assert.True(pair.Routes4.Set((UInt128)0x63000000 << 96, 8, 1));
        Assert.Equal(XdpOutcome.Offloaded, pair.Run(frame, out byte[] left));
        Assert.Equal(Pair.NextMac + 1, Ethernet.ReadDestination(left));
        pair.NextHops.Set(1, NextHop.Make(NextHopKind.Neighbour, 0));
        Assert.Equal(XdpOutcome.PassedNoSocket, pair.Run(frame, out _));
        pair.NextHops.Set(1, NextHop.Make(NextHopKind.Forward, 1, 0xAA02, 0xBB02, 1500));
        Assert.Equal(XdpOutcome.Offloaded, pair.Run(frame, out left));
        Assert.Equal((0xAA02UL, 0xBB02UL), (Ethernet.ReadDestination(left), Ethernet.ReadSource(left)));
        Assert.True(pair.Routes4.Remove((UInt128)0x63000000 << 96, 8));
        Assert.Equal(XdpOutcome.PassedNoSocket, pair.Run(frame, out _));
    }

    [Fact]
    public void Every_ttl_and_checksum_keeps_the_sum_and_a_wrong_one_is_the_lanes()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        using Pair pair = new(64, 64, rules: 0, seed: 1);
        Assert.True(pair.Routes4.Set((UInt128)0x63000000 << 96, 8, 1));
        for (int i = 0; i < 2048; i++)
        {
            byte[] frame = Frame(pair, "0A000001", "63010203");
            frame[22] = (byte)(2 + (i % 254));
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)(i * 97)); // moves the sum about
            FixSum(frame);
            Assert.Equal(XdpOutcome.Offloaded, pair.Run(frame, out byte[] left));
            Assert.Equal(frame[22] - 1, left[22]);
            Assert.Equal(0xFFFF, InternetChecksum.Fold(InternetChecksum.Add(0, left.AsSpan(14, 20))));
            frame[24] ^= (byte)(1 << (i % 8));
            Assert.Equal(XdpOutcome.PassedNoSocket, pair.Run(frame, out _));
        }
    }

    private static void Compare(Pair pair, int seed, Tally tally)
    {
        for (int i = 0; i < FramesEach; i++)
        {
            Random random = new(i + (seed * FramesEach));
            byte[] frame = MakeFrame(random);
            if (random.Next(10) > 0 && frame.Length > 13)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(
                    frame, pair.Mac | (BinaryPrimitives.ReadUInt64LittleEndian(
                        frame) & 0xFFFF_0000_0000_0000));
            }

            if (random.Next(20) > 0)
            {
                FixSum(frame);
            }

            List<byte[]> sent = pair.Send(frame);
            XdpOutcome outcome = pair.Run(frame, out byte[] left);
            string text = $"{seed}/{i} {outcome} {Convert.ToHexString(frame)}";
            switch (outcome)
            {
                case XdpOutcome.Offloaded:
                    Assert.True(sent.Count == 1 && sent[0].AsSpan().SequenceEqual(left), text);
                    tally.Offloaded++;
                    tally.Version6 += frame[12] == 0x86 ? 1 : 0;
                    tally.Trimmed += left.Length < frame.Length ? 1 : 0;
                    tally.Groups += Ethernet.ReadDestination(left) >= Pair.NextMac + 8 ? 1 : 0;
                    break;
                case XdpOutcome.DroppedRule or XdpOutcome.DroppedDefault:
                    Assert.True(sent.Count == 0, text);
                    tally.Dropped++;
                    break;
                default:
                    Assert.Equal(XdpOutcome.PassedNoSocket, outcome); // ours, and no socket here: the lane's
                    Assert.Equal(frame, left);
                    Assert.True(sent.Count == 0 || PathProgram.HasExtension(frame)
                        || FiveTuple.Parse(frame, out _) == ParseResult.Malformed || IsNet0(frame), text);
                    tally.Left++;
                    break;
            }
        }
    }

    // Most are what a router forwards: neither tags nor ARP.
    private static byte[] MakeFrame(Random random)
    {
        byte[] frame;
        do
        {
            frame = FrameMaker.Make((ulong)random.NextInt64());
        }
        while (frame[12] is not (0x08 or 0x86) || (frame.Length > 14 && frame[14] >> 4 is not (4 or 6)
            && random.Next(4) > 0));

        return frame;
    }

    private static byte[] Frame(Pair pair, string source, string target)
    {
        byte[] frame = TestPlans.Udp();
        BinaryPrimitives.WriteUInt64LittleEndian(frame, pair.Mac | (2UL << 48));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)(frame.Length - 14));
        Convert.FromHexString(source).CopyTo(frame, 26);
        Convert.FromHexString(target).CopyTo(frame, 30);
        FixSum(frame);
        return frame;
    }

    private static void FixSum(byte[] frame)
    {
        int header = frame.Length >= 34 && frame[12] == 8 && frame[13] == 0 ? (frame[14] & 15) * 4 : 0;
        if (header >= 20 && frame.Length >= 14 + header)
        {
            frame[24] = frame[25] = 0;
            ushort sum = InternetChecksum.Fold(InternetChecksum.Add(0, frame.AsSpan(14, header)));
            BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(24), (ushort)~sum);
        }
    }

    // The lane routes the rest of 0/8; the program leaves it alone.
    private static bool IsNet0(byte[] frame) => frame[12] == 8 && (frame[26] == 0 || frame[30] == 0);

    private sealed class Tally
    {
        public int Offloaded { get; set; }
        public int Groups { get; set; }
        public int Version6 { get; set; }
        public int Dropped { get; set; }
        public int Left { get; set; }
        public int Trimmed { get; set; }
    }
}
