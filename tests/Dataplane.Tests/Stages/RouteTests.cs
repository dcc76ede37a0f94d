using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Lanes;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>The route stage in a real lane: two ports, networks 10/8 behind the first and 20/8 behind the
/// second.</summary>
public sealed class RouteTests : IDisposable
{
    private const ulong NextMac = 0x0A0B_0C0D_0E02;
    private readonly LaneBench _bench;
    private readonly RangeTrieWriter _routes4;
    private readonly RangeTrieWriter _routes6;
    private readonly NextHops _hops;
    private readonly PlanImage _plan;

    public RouteTests()
        : this(isKernels: false)
    {
    }

    private RouteTests(bool isKernels)
    {
        PlanStage stage = TestPlans.Stage(StageKind.Route);
        stage.TableCount = RouteSettings.Tables;
        new RouteSettings(isKernels).Write(ref stage);
        PlanTable[] tables =
        [
            new() { Kind = TableKind.Routes4, Capacity = 64, Bytes = Lpm4.BytesFor(64) },
            new() { Kind = TableKind.Routes6, Capacity = 64, Bytes = Lpm6.BytesFor(64) },
            new() { Kind = TableKind.NextHops, Capacity = 16, Bytes = NextHops.BytesFor(16, 4) },
        ];
        _plan = TestPlans.Forward([stage], tables: tables);
        PlanRecheck.Check(_plan);
        _bench = new LaneBench(_plan);
        TableMemory memory = _bench.Tables;
        _routes4 = Lpm4.WriterOf(memory.Slice<byte>(0), 64);
        _routes6 = Lpm6.WriterOf(memory.Slice<byte>(1), 64);
        _hops = new NextHops(memory.Slice<byte>(2), 16);
        _hops.Set(1, NextHop.Make(NextHopKind.Forward, 0, NextMac, Mac(0), 1500));
        _hops.Set(2, NextHop.Make(NextHopKind.Forward, 1, NextMac + 0x0100_0000_0000, Mac(1), 1400));
        _hops.Set(3, NextHop.Make(NextHopKind.Blackhole));
        _hops.Set(4, NextHop.Make(NextHopKind.Unreachable));
        _hops.Set(5, NextHop.Make(NextHopKind.Neighbour, 1));
        _hops.Set(6, NextHop.Make(NextHopKind.Local));
        _hops.Set(7, NextHop.Make(NextHopKind.OtherInterface));
        _hops.Set(8, NextHop.Make(NextHopKind.Forward, 9, NextMac, Mac(1),
            1500)); // an interface of another lane
        Route4("10.0.0.0", 8, 1);
        Route4("20.0.0.0", 8, 2);
    }

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void AFrameIsRewrittenAsARouterDoes()
    {
        byte[] frame = Frame("10.0.0.1", "20.1.2.3");
        byte[] sent = Assert.Single(Send(frame));
        Assert.Equal(NextMac + 0x0100_0000_0000, Ethernet.ReadDestination(sent));
        Assert.Equal(Mac(1), Ethernet.ReadSource(sent));
        Assert.Equal(63, sent[22]);
        Assert.Equal(0xFFFF, Sum(sent.AsSpan(14, 20)));
        (frame[22], frame[24], frame[25]) = (sent[22], sent[24], sent[25]);
        Assert.Equal(frame.AsSpan(12).ToArray(), sent.AsSpan(12).ToArray()); // and nothing else
    }

    [Fact]
    public void EveryTtlAndChecksumKeepsTheSum()
    {
        for (int ttl = 2; ttl < 256; ttl++)
        {
            for (int id = 0; id < 512; id++)
            {
                byte[] frame = Frame("10.0.0.1", "20.1.2.3");
                frame[22] = (byte)ttl;
                BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18),
                    (ushort)(id * 129)); // moves the sum about
                FixSum(frame);
                byte[] sent = Assert.Single(Send(frame));
                Assert.Equal(ttl - 1, sent[22]);
                Assert.Equal(0xFFFF, Sum(sent.AsSpan(14, 20)));
            }
        }
    }

    [Fact]
    public void PaddingOfTheLinkIsCutOff()
    {
        byte[] frame = Frame("10.0.0.1", "20.1.2.3", packetBytes: 29); // 43 bytes of 60
        Assert.Equal(43, Assert.Single(Send(frame)).Length);
        Assert.Equal(54 + 3, Assert.Single(Send(Frame6(hopLimit: 9, payloadBytes: 3, frameBytes: 90)))
            .Length);
    }

    [Fact]
    public void Ipv6LosesAHopAndNothingElse()
    {
        byte[] frame = Frame6(hopLimit: 2, payloadBytes: 20, frameBytes: 74);
        byte[] sent = Assert.Single(Send(frame));
        Assert.Equal(1, sent[21]);
        frame[21] = 1;
        Assert.Equal(frame.AsSpan(12).ToArray(), sent.AsSpan(12).ToArray());
    }

    [Theory]
    [InlineData("ttl", DropReason.RouteTtl, PuntReason.Ttl)]
    [InlineData("options", DropReason.RouteNotIp, PuntReason.Options)]
    [InlineData("mtu", DropReason.RouteMtu, PuntReason.Mtu)]
    [InlineData("none", DropReason.RouteNone, PuntReason.NoRoute)]
    [InlineData("neighbour", DropReason.RouteNeighbour, PuntReason.Neighbour)]
    [InlineData("local", DropReason.RouteNone, PuntReason.Local)]
    [InlineData("unreachable", DropReason.RouteUnreachable, PuntReason.Unreachable)]
    [InlineData("elsewhere", DropReason.RouteNoPort, PuntReason.OtherInterface)]
    [InlineData("other-lane", DropReason.RouteNoPort, PuntReason.OtherInterface)]
    [InlineData("arp", DropReason.RouteNotIp, PuntReason.NotIp)]
    [InlineData("multicast-mac", DropReason.RouteOtherHost, PuntReason.Multicast)]
    [InlineData("multicast", DropReason.RouteMartian, PuntReason.Multicast)]
    [InlineData("ttl6", DropReason.RouteTtl, PuntReason.Ttl)]
    [InlineData("hop-by-hop", DropReason.RouteNotIp, PuntReason.Options)]
    [InlineData("link-local", DropReason.RouteMartian, PuntReason.Unreachable)]
    public void WhatIsNotForwardedEndsOrGoesToTheStackWithAReason(string what, DropReason own,
        PuntReason kernels)
    {
        byte[] frame = Odd(what);
        Assert.Empty(Send(frame));
        Assert.Equal(1UL, _bench.Counters.Drops[(int)own]);
        using RouteTests mirrored = new(isKernels: true);
        Assert.Empty(mirrored.Send(mirrored.Odd(what)));
        // A port without a queue: its program is generic, what it gave to the stack would come back.
        Assert.Equal(1UL, mirrored._bench.Counters.Drops[(int)DropReason.PuntGeneric]);
        mirrored.GivePuntQueue();
        Assert.Empty(mirrored.Send(mirrored.Odd(what)));
        Assert.Equal(1UL, mirrored._bench.Counters.Punts[(int)kernels]);
        Assert.Equal(1UL, mirrored._bench.Region.StageCounters(0)[0].Punts[(int)kernels]);
    }

    [Theory]
    [InlineData("other-host", DropReason.RouteOtherHost)]
    [InlineData("blackhole", DropReason.RouteBlackhole)]
    [InlineData("checksum", DropReason.RouteChecksum)]
    [InlineData("version", DropReason.Malformed)]
    [InlineData("header-length", DropReason.Malformed)]
    [InlineData("total-length", DropReason.Malformed)]
    [InlineData("total-below-header", DropReason.Malformed)]
    [InlineData("source-zero", DropReason.RouteMartian)]
    [InlineData("source-loopback", DropReason.RouteMartian)]
    [InlineData("source-multicast", DropReason.RouteMartian)]
    [InlineData("target-loopback", DropReason.RouteMartian)]
    [InlineData("source6-loopback", DropReason.RouteMartian)]
    [InlineData("payload-length", DropReason.Malformed)]
    public void WhatNoRouterForwardsEndsWhoeverOwnsTheTable(string what, DropReason reason)
    {
        foreach (bool isKernels in (bool[])[false, true])
        {
            using RouteTests bench = new(isKernels);
            bench.GivePuntQueue();
            Assert.Empty(bench.Send(bench.Odd(what)));
            Assert.Equal(1UL, bench._bench.Counters.Drops[(int)reason]);
        }
    }

    [Fact]
    public void AFrameCutAtAnyByteEndsAsMalformed()
    {
        foreach (byte[] whole in (byte[][])[Frame("10.0.0.1", "20.1.2.3"), Frame6(9, 20, 74)])
        {
            for (int bytes = 0; bytes < whole.Length; bytes++)
            {
                ulong before = _bench.Counters.Drops[(int)DropReason.Malformed];
                Assert.Empty(Send(whole[..bytes]));
                Assert.Equal(before + 1, _bench.Counters.Drops[(int)DropReason.Malformed]);
            }
        }
    }

    [Fact]
    public void AGroupSendsEachFlowOneWayAndUsesAll()
    {
        for (int bucket = 0; bucket < NextHopGroup.Buckets; bucket++)
        {
            _hops.SetBucket(1, bucket, bucket % 4 == 0 ? 1u : 2u);
        }

        Route4("30.0.0.0", 8, NextHops.GroupBit | 1);
        int[] byPort = new int[2];
        for (int flow = 0; flow < 1000; flow++)
        {
            byte[] frame = Frame("10.0.0.1", "30.1.2.3", sourcePort: (ushort)(flow + 1));
            int first = PortOf(frame);
            Assert.Equal(first, PortOf(frame));
            byPort[first]++;
        }

        Assert.InRange(byPort[0], 190, 310); // a quarter of 1000; the flows are the same each time
    }

    [Fact]
    public void FragmentsOfAPacketTakeOneWay()
    {
        for (int bucket = 0; bucket < NextHopGroup.Buckets; bucket++)
        {
            _hops.SetBucket(1, bucket, bucket % 2 == 0 ? 1u : 2u);
        }

        Route4("30.0.0.0", 8, NextHops.GroupBit | 1);
        for (int flow = 0; flow < 64; flow++)
        {
            byte[] first = Frame("10.0.0.1", "30.1.2.3", sourcePort: (ushort)(flow + 1));
            first[20] = 0x20; // more fragments
            FixSum(first);
            byte[] later = Frame("10.0.0.1", "30.1.2.3", sourcePort: (ushort)(flow * 977));
            later[21] = 5;
            FixSum(later);
            Assert.Equal(PortOf(first), PortOf(later));
        }
    }

    [Fact]
    public void ATurnAllocatesNothing()
    {
        byte[] frame = Frame("10.0.0.1", "20.1.2.3");
        byte[] odd = Odd("none");
        _bench.Port(0).Keeps = _bench.Port(1).Keeps = false;
        long allocated = 0;
        for (int i = 0; i < 3; i++) // the first time loads code
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int n = 0; n < 100; n++)
            {
                _bench.Receive(0, frame);
                _bench.Receive(0, odd);
                _bench.Lane.Turn();
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    private byte[] Odd(string what)
    {
        byte[] frame = Frame("10.0.0.1", "20.1.2.3");
        switch (what)
        {
            case "ttl": frame[22] = 1; break;
            case "options": return WithOptions();
            case "mtu": return Frame("10.0.0.1", "20.1.2.3", packetBytes: 1401, frameBytes: 1415);
            case "none": return Frame("10.0.0.1", "99.1.2.3");
            case "neighbour": return Frame("10.0.0.1", RouteTo(5));
            case "local": return Frame("10.0.0.1", RouteTo(6));
            case "unreachable": return Frame("10.0.0.1", RouteTo(4));
            case "blackhole": return Frame("10.0.0.1", RouteTo(3));
            case "elsewhere": return Frame("10.0.0.1", RouteTo(7));
            case "other-lane": return Frame("10.0.0.1", RouteTo(8));
            case "arp": (frame[12], frame[13]) = (0x08, 0x06); return frame;
            case "multicast-mac": frame[0] |= 1; return frame;
            case "multicast": return Frame("10.0.0.1", "224.1.2.3");
            case "ttl6": return Frame6(1, 20, 74);
            case "hop-by-hop": frame = Frame6(9, 20, 74); frame[20] = 0; return frame;
            case "link-local": frame = Frame6(9, 20, 74); (frame[22], frame[23]) = (0xFE, 0x80); return frame;
            case "other-host": frame[5] ^= 1; return frame;
            case "checksum": frame[24] ^= 1; return frame;
            case "version": frame[14] = 0x55; break;
            case "header-length": frame[14] = 0x44; break;
            case "total-length": frame[17] = 47; break;
            case "total-below-header": frame[17] = 19; break;
            case "source-zero": return Frame("0.0.0.0", "20.1.2.3");
            case "source-loopback": return Frame("127.0.0.1", "20.1.2.3");
            case "source-multicast": return Frame("224.0.0.1", "20.1.2.3");
            case "target-loopback": return Frame("10.0.0.1", "127.0.0.1");
            case "source6-loopback": frame = Frame6(9, 20, 74); frame.AsSpan(22, 16)
                .Clear(); frame[37] = 1; return frame;
            case "payload-length": frame = Frame6(9, 20, 74); frame[19] = 21; return frame;
            default: throw new ArgumentException(what);
        }

        FixSum(frame);
        return frame;
    }

    private void GivePuntQueue()
    {
        PuntQueue queue = new(2048);
        ((ForwardLane)_bench.Lane).SetPuntQueue(0, queue);
    }

    private string RouteTo(uint hop)
    {
        Route4("40.0.0.0", 8, hop);
        return "40.1.2.3";
    }

    private void Route4(string network, int length, uint value) =>
        Assert.True(_routes4.Set((UInt128)Address(network) << 96, length, value));

    private int PortOf(byte[] frame)
    {
        _bench.Port(0).Sent.Clear();
        _bench.Port(1).Sent.Clear();
        Assert.True(_bench.Receive(0, frame));
        _bench.Turn();
        Assert.Equal(1, _bench.Port(0).Sent.Count + _bench.Port(1).Sent.Count);
        return _bench.Port(0).Sent.Count == 1 ? 0 : 1;
    }

    private List<byte[]> Send(byte[] frame)
    {
        _bench.Port(1).Sent.Clear();
        Assert.True(_bench.Receive(0, frame));
        _bench.Turn();
        return [.. _bench.Port(1).Sent, .. _bench.Port(0).Sent];
    }

    private ulong Mac(int port) => _plan.Port(port).Mac;

    private byte[] Frame(
        string source, string target, int packetBytes = 46, int frameBytes = 60, ushort sourcePort = 1234)
    {
        byte[] frame = TestPlans.Udp(bytes: frameBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(frame, Mac(0) | (NextMac << 48));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)packetBytes);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(26), Address(source));
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(30), Address(target));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), sourcePort);
        FixSum(frame);
        return frame;
    }

    private byte[] Frame6(byte hopLimit, int payloadBytes, int frameBytes)
    {
        byte[] frame = new byte[frameBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, Mac(0) | (NextMac << 48));
        (frame[12], frame[13], frame[14]) = (0x86, 0xDD, 0x60);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)payloadBytes);
        (frame[20], frame[21], frame[22], frame[23], frame[37]) = (59, hopLimit, 0x20, 0x01, 1);
        (frame[38], frame[39], frame[53]) = (0x20, 0x02, 7);
        UInt128 network = (UInt128)0x2002 << 112;
        Assert.True(_routes6.Set(network, 16, 2));
        return frame;
    }

    private byte[] WithOptions()
    {
        byte[] frame = Frame("10.0.0.1", "20.1.2.3");
        frame[14] = 0x46;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(34), 0x01010101); // no operation
        frame.AsSpan(24, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), (ushort)~Sum(frame.AsSpan(14, 24)));
        return frame;
    }

    private static uint Address(string text) =>
        BinaryPrimitives.ReadUInt32BigEndian(System.Net.IPAddress.Parse(text).GetAddressBytes());

    private static void FixSum(byte[] frame)
    {
        frame.AsSpan(24, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), (ushort)~Sum(frame.AsSpan(14, 20)));
    }

    // RFC 1071 as it is written: 16-bit words, carries around.
    private static int Sum(ReadOnlySpan<byte> header)
    {
        int sum = 0;
        for (int i = 0; i < header.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(header[i..]);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return sum;
    }
}
