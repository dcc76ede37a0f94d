using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Stages;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>The nat stage: each frame that it gives is compared with one written whole.</summary>
public sealed class NatTests
{
    private const uint Host = NatBench.Host;
    private const uint Outside = NatBench.Outside;
    private const uint Remote = NatBench.Remote;
    private const long Second = NatBench.Second;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Icmp = 1;

    private static readonly NatEntry[] Static =
    [
        new() { Kind = NatEntryKind.Static, Inside = 0x0A000000, Outside = 0xC0000200, Bits = 24 },
        new() { Kind = NatEntryKind.Static, Inside = 0x0A000107, Outside = 0xC6336463, Bits = 32 },
    ];

    private static readonly NatEntry[] Forward =
    [
        new() { Kind = NatEntryKind.Source, Outside = Outside },
        new()
        {
            Kind = NatEntryKind.Forward, Protocol = Tcp, Outside = Outside, OutsidePort = 443, Inside = Host,
            InsidePort = 8443,
        },
    ];

    [Theory]
    [InlineData(Udp)]
    [InlineData(Tcp)]
    [InlineData(Icmp)]
    public void OutAndBackIsTheSameAndEveryChecksumIsTheWholeOne(byte protocol)
    {
        using NatBench bench = new();
        Random random = new(protocol);
        for (int i = 0; i < 3000; i++)
        {
            NatFrame frame = Make(random, protocol) with { Payload = random.Next(64), Seed = i };
            int port = bench.PortOf(frame);
            NatFrame answer = frame.Reply with { Seed = -i };
            bench.Translates(1, answer with { Destination = Outside, DestinationPort = port }, answer);
            bench.NowNs += 10 * Second;
        }
    }

    [Fact]
    public void AUdpChecksumIsKeptNoneAndNeverBecomesNone()
    {
        using NatBench bench = new();
        NatFrame frame = new(Udp, Host, 5000, Remote, 53) { HasNoChecksum = true };
        bench.Translates(0, frame, frame with { Source = Outside });
        int others = 0;
        for (int remote = 1; remote < 65_536; remote++) // each word once: one of them makes the sum that
        {
            NatFrame other = new(Udp, Host, 5000, Remote, remote);
            byte[] wanted = (other with { Source = Outside }).Bytes();
            if (wanted[40] == 0xFF && wanted[41] == 0xFF)
            {
                Assert.Equal(wanted, bench.Send(0, other));
                others++;
            }
        }

        Assert.Equal(1, others);
    }

    [Theory]
    [InlineData(1, 60_000)]
    [InlineData(2, 1030)]
    [InlineData(3, 60_000)]
    public void RandomFlowsAreThoseOfADictionary(int seed, int high)
    {
        NatEntry[] pool = [.. Enumerable.Range(0, 3).Select(i =>
            new NatEntry { Kind = NatEntryKind.Source, Outside = Outside + (uint)i })];
        using NatBench bench = new(flows: 4096, low: 1024, high: high, entries: pool);
        NatModel model = new(bench.Settings);
        Random random = new(seed);
        for (int i = 0; i < 60_000; i++)
        {
            bench.NowNs += random.NextInt64(random.Next(50) == 0 ? 60 * Second : Second / 5);
            byte protocol = (byte)(random.Next(3) switch { 0 => Tcp, 1 => Udp, _ => Icmp });
            byte flags = (byte)(random.Next(4) == 0 ? random.Next(32) : 16);
            if (random.Next(2) == 0)
            {
                NatFrame frame = Make(random, protocol) with { Flags = flags };
                byte[]? sent = bench.Send(0, frame);
                Assert.Equal(model.Out(frame, sent, bench.NowNs, 1024, high), bench.Verdict.Reason);
            }
            else
            {
                NatFrame frame = model.AnyAnswer(random, protocol, Outside) with { Flags = flags };
                NatFrame? wanted = model.In(frame, bench.NowNs);
                Assert.Equal(wanted?.Bytes(), bench.Send(1, frame));
                Assert.True(wanted != null || bench.Verdict.Reason == DropReason.NatNoFlow);
            }
        }

        Assert.True(model.Made > 1000);
        Assert.Equal((ulong)model.Made, bench.Header.Created);
    }

    [Fact]
    public void AFullTableRefusesAndTakesAgainWhatHasEnded()
    {
        using NatBench bench = new(flows: 1024);
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 1024; i++) // every place can be used: no bucket is full before
            {
                bench.PortOf(new NatFrame(Udp, Host + (uint)i, 2000 + (7 * i), Remote, 53));
            }

            bench.Ends(0, new NatFrame(Udp, Host, 9, Remote, 99), DropReason.NatTableFull);
            Assert.Equal(2000, bench.PortOf(new NatFrame(Udp, Host, 2000, Remote, 53))); // known: goes on
            bench.NowNs += 101 * Second;
        }
    }

    [Fact]
    public void PortsAreExhaustedForOneRemotePairOnly()
    {
        using NatBench bench = new(low: 3000, high: 3009);
        HashSet<int> ports = [];
        for (int i = 0; i < 10; i++)
        {
            ports.Add(bench.PortOf(new NatFrame(Udp, Host + (uint)i, 3003, Remote, 53)));
        }

        Assert.Equal(Enumerable.Range(3000, 10), ports.Order());
        bench.Ends(0, new NatFrame(Udp, Host + 10, 3003, Remote, 53), DropReason.NatNoPort);
        Assert.Equal(3003, bench.PortOf(new NatFrame(Udp, Host + 10, 3003, Remote, 54)));
        Assert.InRange(bench.PortOf(new NatFrame(Tcp, Host + 10, 80, Remote, 53)), 3000, 3009);
    }

    [Fact]
    public void AConnectionLivesByItsState()
    {
        using NatBench bench = new();
        NatFrame frame = new(Tcp, Host, 5000, Remote, 80);
        NatFrame answer = frame.Reply with { Destination = Outside };
        void Out(byte flags) => Assert.NotNull(bench.Send(0, frame with { Flags = flags }));
        void In(byte flags) => Assert.NotNull(bench.Send(1, answer with { Flags = flags }));
        long Lives() => (bench.Flows[0].ExpiresNs - bench.NowNs) / Second;
        Out(2);
        In(18);
        Assert.Equal(50, Lives());
        Out(16);
        Assert.Equal(1000, Lives());
        Out(17);
        Assert.Equal(1000, Lives()); // half closed
        In(17);
        Assert.Equal(50, Lives());
        Out(2);                      // the same pairs once more
        In(18);
        Out(16);
        Assert.Equal(1000, Lives());
        In(4);
        Assert.Equal(50, Lives());
        bench.NowNs += 50 * Second;
        bench.Ends(1, answer, DropReason.NatNoFlow);
        Assert.Equal((1UL, 5UL), (bench.Header.Created, bench.Flows[0].FramesOut));
    }

    [Theory]
    [InlineData(Udp)]
    [InlineData(Tcp)]
    [InlineData(Icmp)]
    public void AnErrorFromOutsideReachesItsHostWithThePacketThatItSent(byte protocol)
    {
        using NatBench bench = new(low: 20_000, high: 20_100);
        NatFrame frame = new(protocol, Host, 5000, Remote, protocol == Icmp ? 0 : 53);
        int port = bench.PortOf(frame);
        NatFrame sent = frame with { Source = Outside, SourcePort = port };
        long before = bench.Flows[0].ExpiresNs;
        bench.NowNs++;
        for (int bytes = 28; bytes <= frame.Bytes().Length - 14; bytes++)
        {
            if (bytes == 37 && protocol == Tcp)
            {
                continue; // half of the quoted checksum: nothing can be said of it
            }

            foreach (byte type in (byte[])[3, 4, 11, 12])
            {
                NatFrame error = new(Icmp, 0x01020304, 0, Outside, 0) { Type = type, Quoted = (sent, bytes) };
                bench.Translates(1, error, error with { Destination = Host, Quoted = (frame, bytes) });
            }
        }

        Assert.Equal(before, bench.Flows[0].ExpiresNs);
        NatFrame foreign = sent with { SourcePort = port + 1 };
        bench.Ends(1, new NatFrame(Icmp, Remote, 0, Outside, 0) { Type = 3, Quoted = (foreign, 28) },
            DropReason.NatUnsupported);
        bench.Ends(1, new NatFrame(Icmp, Remote, 0, Outside, 0) { Type = 3, Quoted = (sent, 27) },
            DropReason.Malformed);
        NatFrame elsewhere = new(Icmp, Remote, 0, 0x05050505, 0) { Type = 3, Quoted = (sent, 28) };
        bench.Translates(1, elsewhere, elsewhere); // it goes to another than who sent the packet
    }

    [Fact]
    public void AnErrorFromInsideQuotesWhatTheOtherSideSent()
    {
        using NatBench bench = new(low: 20_000, high: 20_100);
        NatFrame frame = new(Udp, Host, 5000, Remote, 53);
        int port = bench.PortOf(frame);
        NatFrame answer = frame.Reply;
        NatFrame outside = answer with { Destination = Outside, DestinationPort = port };
        foreach (uint source in (uint[])[Host, 0x0A0000FE]) // the host, and a router before it
        {
            NatFrame error = new(Icmp, source, 0, Remote, 0) { Type = 3, Quoted = (answer, 30) };
            bench.Translates(0, error, error with { Source = Outside, Quoted = (outside, 30) });
        }
    }

    [Fact]
    public void StaticPrefixesAreTranslatedBothWaysWithoutFlows()
    {
        using NatBench bench = new(entries: Static);
        Random random = new(5);
        (uint Inside, uint Outside)[] pairs = [(0x0A000000, 0xC0000200), (0x0A0000FF, 0xC00002FF),
            (0x0A000107, 0xC6336463)];
        foreach ((uint inside, uint outside) in pairs)
        {
            foreach (byte protocol in (byte[])[Tcp, Udp, Icmp, 47, 132])
            {
                foreach (int fragment in (int[])[0, 0x2000, 0x2003, 0x0007])
                {
                    NatFrame frame = Make(random, protocol) with { Source = inside, Fragment = fragment };
                    bench.Translates(0, frame, frame with { Source = outside });
                    NatFrame answer = frame.Reply;
                    bench.Translates(1, answer with { Destination = outside }, answer);
                    NatFrame error = new(Icmp, Remote, 0, outside, 0)
                    {
                        Type = 11, Quoted = (frame with { Source = outside }, 28),
                    };
                    bench.Translates(
                        1, error, error with { Destination = inside, Quoted = (frame, 28) });
                }
            }
        }

        NatFrame other = Make(random, Udp) with { Source = 0x0A000106 };
        bench.Translates(0, other, other);
        bench.Ends(0, other with { Source = 0x0A000107, Protocol = Icmp, Type = 5 },
            DropReason.NatUnsupported);
        Assert.Equal(0UL, bench.Header.Created);
    }

    [Fact]
    public void AForwardedPortLeadsInsideAndItsAnswersComeFromIt()
    {
        using NatBench bench = new(entries: Forward, low: 443, high: 450);
        NatFrame frame = new(Tcp, Remote, 7777, Outside, 443) { Flags = 2 };
        NatFrame inside = frame with { Destination = Host, DestinationPort = 8443 };
        bench.Ends(1, frame with { DestinationPort = 444 }, DropReason.NatNoFlow);
        bench.Ends(1, frame with { Protocol = Udp }, DropReason.NatNoFlow);
        bench.Translates(1, frame, inside);
        bench.Translates(0, inside.Reply, frame.Reply);
        NatFrame error = new(Icmp, Host, 0, Remote, 0) { Type = 3, Quoted = (inside, 40) };
        bench.Translates(0, error, error with { Source = Outside, Quoted = (frame, 40) });

        // No other flow is given the port that is forwarded.
        Assert.NotEqual(443, bench.PortOf(new NatFrame(Tcp, Host + 9, 443, Remote, 9999)));
    }

    [Fact]
    public void WhatIsNotOursGoesOnAsItIs()
    {
        using NatBench bench = new();
        byte[] arp = new byte[60];
        (arp[12], arp[13]) = (8, 6);
        Assert.Equal(arp, bench.Send(0, arp));
        NatFrame transit = new(Udp, Remote, 1, 0x05050505, 2);
        bench.Translates(1, transit, transit);
        byte[] local = new NatFrame(Udp, Host, 1, Remote, 2).Bytes();
        Assert.Equal(local, bench.Send(0, local, Verdict.Forward(0))); // to another inside port
        Assert.NotEqual(local, bench.Send(0, local, Verdict.Forward(1)));
        bench.Ends(0, new NatFrame(47, Host, 0, Remote, 0), DropReason.NatUnsupported);
        bench.Ends(0, new NatFrame(Udp, Host, 1, Remote, 2) { Fragment = 0x2000 }, DropReason.NatUnsupported);
        bench.Ends(1, new NatFrame(Udp, Remote, 1, Outside, 2) { Fragment = 5 }, DropReason.NatUnsupported);
        bench.Ends(0, new NatFrame(Icmp, Host, 0, Remote, 7) { Type = 0 }, DropReason.NatUnsupported);
        bench.Ends(1, new NatFrame(Icmp, Remote, 7, Outside, 0), DropReason.NatNoFlow);
    }

    [Fact]
    public void AFrameCutAtAnyByteIsMalformed()
    {
        using NatBench bench = new();
        NatFrame udp = new(Udp, Host, 5000, Remote, 53);
        bench.PortOf(udp);
        NatFrame[] frames = [udp, udp with { Protocol = Tcp },
            udp with { Protocol = Icmp, DestinationPort = 0 },
            new(Icmp, Remote, 0, Outside, 0) { Type = 3, Quoted = (udp with { Source = Outside }, 28) }];
        foreach (byte[] frame in frames.Select(frame => frame.Bytes()))
        {
            int ingress = BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(26)) == Host ? 0 : 1;
            Assert.NotNull(bench.Send(ingress, frame));
            for (int bytes = 0; bytes < frame.Length; bytes++)
            {
                Assert.Null(bench.Send(ingress, frame[..bytes]));
                Assert.Equal(DropReason.Malformed, bench.Verdict.Reason);
                if (bytes >= 34) // the header says so, too
                {
                    byte[] cut = frame[..bytes];
                    BinaryPrimitives.WriteUInt16BigEndian(cut.AsSpan(16), (ushort)(bytes - 14));
                    Assert.True(bench.Send(ingress, cut) is null == bytes < Least(frame), $"{bytes} bytes");
                }
            }
        }
    }

    [Fact]
    public void NoFrameAndNoTableBreaksTheLane()
    {
        Random random = new(9);
        using NatBench bench = new(flows: 64, entries: [.. Forward, .. Static]);
        for (int i = 0; i < 200_000; i++)
        {
            NatFrame inner = Make(random, (byte)(random.Next(3) switch { 0 => Tcp, 1 => Udp, _ => Icmp }));
            NatFrame error = new(Icmp, Remote, 0, Outside, 0) { Type = 3, Quoted = (inner, 28) };
            byte[] frame = (random.Next(2) == 0 ? inner : error).Bytes();
            for (int change = random.Next(4); change > 0; change--)
            {
                frame[random.Next(12, frame.Length)] = (byte)random.Next(256);
            }

            bench.Send(random.Next(2), frame);
            if (i % 1000 == 0)
            {
                random.NextBytes(bench.Tables.Slice<byte>(0).Span);
            }
        }
    }

    [Theory]
    [InlineData("flows are no power of two", 0, 0L)]
    [InlineData("without entries", 1, 0L)]
    [InlineData("ports are none", 2, 3L)]
    [InlineData("ports are none", 2, 4L)]
    [InlineData("no ports to give", 3, 0L)]
    [InlineData("no ports to give", 3, 65_536L)]
    [InlineData("times are none", 4, 0L)]
    [InlineData("times are none", 4, NatSettings.TimeMaxNs + 1)]
    public void APlanThatIsWrongIsRefused(string message, int what, long value)
    {
        NatSettings good = new(1, 2, 1024, 65_535, Second, Second, Second, Second);
        NatSettings settings = what switch
        {
            2 => good with { Outside = value },
            3 => good with { PortLow = value },
            4 => good with { EstablishedNs = value },
            _ => good,
        };
        PlanStage stage = TestPlans.Stage(StageKind.Nat) with { TableCount = what == 1 ? 1u : 2u };
        settings.Write(ref stage);
        PlanImage plan = TestPlans.Forward([stage], tables:
        [
            new PlanTable { Kind = TableKind.Flows, Bytes = NatHeader.BytesFor(what == 0 ? 48 : 64) },
            new PlanTable { Kind = TableKind.Entries },
        ]);
        Assert.Contains(message, Assert.Throws<PlanFormatException>(() => PlanRecheck.Check(plan)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void NothingIsAllocated()
    {
        using NatBench bench = new(entries: Forward);
        byte[][] frames = [.. Enumerable.Range(0, 2000)
            .Select(i => new NatFrame(Udp, Host, i, Remote, 53).Bytes())];
        byte[] answer = new NatFrame(Tcp, Remote, 7777, Outside, 443).Bytes();
        bench.Run(0, frames[0]);
        bench.Run(1, answer);
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (byte[] frame in frames)
        {
            bench.Run(0, frame);
            bench.Run(1, answer);
            bench.NowNs += Second;
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static int Least(byte[] frame) =>
        frame[23] switch { Tcp => 54, Udp => 42, _ => frame[34] == 3 ? 34 + 8 + 28 : 42 };

    private static NatFrame Make(Random random, byte protocol) => new(protocol, Host + (uint)random.Next(20),
        1 + random.Next(2000), Remote + (uint)random.Next(4), protocol == Icmp ? 0 : 50 + random.Next(3));
}
