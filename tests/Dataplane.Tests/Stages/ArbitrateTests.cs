using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>The arbitrate stage: lines on ports 0 and 1, first copies out by port 2.</summary>
public sealed class ArbitrateTests
{
    private const int Window = 64;

    [Theory]
    [InlineData(SequenceFormat.MoldUdp64, 1)]
    [InlineData(SequenceFormat.Rtp, 2)]
    [InlineData(SequenceFormat.Custom, 3)]
    public void EachMessageGoesOnOnceAndTheCountsAreExact(SequenceFormat format, int seed)
    {
        using ArbitrateBench bench = new(format);
        Random random = new(seed);
        HashSet<int> passed = [];
        List<(int Line, int Number)> sent = [];
        for (int number = 0; number < 70_000; number++) // rolls over 16 bits
        {
            for (int line = 0; line < 2; line++)
            {
                if (random.Next(20) != 0) // a line loses one in twenty
                {
                    sent.Add((line, number));
                }
            }
        }

        // Lines reorder within a few messages: each copy moves back by at most 20 places.
        (int Line, int Number)[] order = [.. sent.Select((copy, i) => (copy, At: i + random.Next(20)))
            .OrderBy(pair => pair.At).Select(pair => pair.copy)];
        int duplicates = 0;
        foreach ((int line, int number) in order)
        {
            bool isFirst = passed.Add(number);
            duplicates += isFirst ? 0 : 1;
            Assert.Equal(isFirst, bench.Send(line, number));
        }

        ref StreamWindow stream = ref bench.Stream;
        Assert.Equal((ulong)passed.Count, stream.WonA + stream.WonB);
        Assert.Equal((ulong)duplicates, stream.DuplicateA + stream.DuplicateB);
        Assert.Equal((0UL, 0UL), (stream.Late, stream.Restarts));
        int first = order[0].Number;
        int newest = passed.Max();
        int gone = Enumerable.Range(first, newest + 1 - Window - first).Count(n => !passed.Contains(n));
        Assert.Equal((ulong)gone, stream.Lost);
        Assert.Equal((ulong)duplicates, bench.Skews);
    }

    [Fact]
    public void AFrameOfSeveralMessagesGoesOnWhenOneIsNew()
    {
        using ArbitrateBench bench = new(SequenceFormat.MoldUdp64);
        Assert.True(bench.Send(0, 10, count: 3));
        Assert.False(bench.Send(1, 11, count: 2));
        Assert.True(bench.Send(1, 12, count: 2)); // 12 is known, 13 is not
        Assert.False(bench.Send(0, 13));
    }

    [Fact]
    public void WhatIsBehindTheWindowIsLateAndAJumpLosesWhatItSkips()
    {
        using ArbitrateBench bench = new(SequenceFormat.MoldUdp64);
        bench.Send(0, 1);
        Assert.True(bench.Send(0, 1 + Window + 5)); // 2 to 6 have left the window
        Assert.Equal(5UL, bench.Stream.Lost);
        Assert.False(bench.Send(1, 3));
        Assert.Equal((1UL, 1UL), (bench.Stream.Late, bench.Lane.Counters.Drops[(int)DropReason.ArbitrateLate]));
        Assert.True(bench.Send(1, 8)); // still in it
        Assert.Equal(1UL, bench.Stream.Recovered);
        Assert.True(bench.Send(0, 1000));
        Assert.Equal(933UL, bench.Stream.Lost); // 2 to 936 without 8 and 70
    }

    [Fact]
    public void ANewSessionOrAFarJumpBeginsTheStreamAnew()
    {
        using ArbitrateBench bench = new(SequenceFormat.MoldUdp64);
        bench.Send(0, 500);
        Assert.True(bench.Send(0, 1, session: 7));
        Assert.Equal((1UL, 0UL), (bench.Stream.Restarts, bench.Stream.Lost));
        Assert.False(bench.Send(1, 1, session: 7));
        Assert.True(bench.Send(0, 10_000_000, session: 7));
        Assert.Equal((2UL, 0UL), (bench.Stream.Restarts, bench.Stream.Lost));
        Assert.True(bench.Send(0, 5, session: 7));
    }

    [Theory]
    [InlineData(0)]      // heartbeat
    [InlineData(0xFFFF)] // end of session
    public void WhatIsNotNumberedGoesOnFromBothLines(int count)
    {
        using ArbitrateBench bench = new(SequenceFormat.MoldUdp64);
        for (int i = 0; i < 3; i++)
        {
            Assert.True(bench.Send(i & 1, 9, count));
        }

        Assert.Equal(0UL, bench.Stream.Key);
    }

    [Fact]
    public void NumbersBeyondReasonAreNoNumbersAndNeverALoop()
    {
        using ArbitrateBench bench = new(SequenceFormat.MoldUdp64);
        bench.Send(0, 1);
        Assert.True(bench.Send(0, -1)); // all bits set
        Assert.True(bench.Send(0, long.MinValue));
        Assert.True(bench.Send(0, (1L << 62) - 1));
        Assert.False(bench.Send(1, (1L << 62) - 1));
    }

    [Fact]
    public void OfStreamsThatFindNoRoomBothCopiesGoOn()
    {
        using ArbitrateBench bench = new(SequenceFormat.MoldUdp64); // room for two
        Assert.True(bench.Send(0, 1, port: 1));
        Assert.True(bench.Send(0, 1, port: 2));
        Assert.True(bench.Send(0, 1, port: 3));
        Assert.Equal((false, false, true),
            (bench.Send(1, 1, port: 1), bench.Send(1, 1, port: 2), bench.Send(1, 1, port: 3)));
    }

    [Fact]
    public void AFrameCutAtAnyByteGoesOnOrEndsAsMalformed()
    {
        using ArbitrateBench bench = new(SequenceFormat.MoldUdp64);
        byte[] whole = bench.Frame(5, 1, 0, 4000);
        for (int bytes = 0; bytes < whole.Length; bytes++)
        {
            ulong malformed = bench.Lane.Counters.Drops[(int)DropReason.Malformed];
            bool goesOn = bench.Send(0, whole[..bytes]);
            Assert.True(goesOn || bench.Lane.Counters.Drops[(int)DropReason.Malformed] == malformed + 1);
        }
    }

    private sealed class ArbitrateBench : IDisposable
    {
        private readonly SequenceFormat _format;

        public ArbitrateBench(SequenceFormat format)
        {
            _format = format;
            PlanStage stage = TestPlans.Stage(StageKind.Arbitrate) with { TableCount = 3 };
            new ArbitrateSettings(0, 1, 2, format, At: 3, Width: 4, IsLittleEndian: true, Window).Write(ref stage);
            PlanImage plan = TestPlans.Forward([stage], portCount: 3, tables:
            [
                new() { Kind = TableKind.Windows, Bytes = 2 * StreamWindow.SizeBytes },
                new() { Kind = TableKind.Histogram, Bytes = RegionLayout.HistogramBytes },
                new() { Kind = TableKind.Histogram, Bytes = RegionLayout.HistogramBytes },
            ]);
            PlanRecheck.Check(plan);
            Lane = new LaneBench(plan);
        }

        public LaneBench Lane { get; }

        public ref StreamWindow Stream
        {
            get
            {
                Span<StreamWindow> streams = Lane.Tables.Slice<StreamWindow>(0).Span;
                return ref streams[streams[0].Key != 0 ? 0 : 1];
            }
        }

        public ulong Skews
        {
            get
            {
                ulong sum = 0;
                for (int table = 1; table < 3; table++)
                {
                    foreach (ulong count in Lane.Tables.Slice<ulong>(table).Span)
                    {
                        sum += count;
                    }
                }

                return sum;
            }
        }

        public bool Send(int line, long number, int count = 1, byte session = 0, ushort port = 4000) =>
            Send(line, Frame(number, count, session, port));

        /// <summary>True when it went on.</summary>
        public bool Send(int line, byte[] frame)
        {
            Lane.Port(2).Sent.Clear();
            Assert.True(Lane.Receive(line, frame));
            Lane.Turn();
            return Lane.Port(2).Sent.Count == 1;
        }

        public byte[] Frame(long number, int count, byte session, ushort port)
        {
            byte[] frame = TestPlans.Udp(port, bytes: 90);
            Span<byte> payload = frame.AsSpan(42);
            switch (_format)
            {
                case SequenceFormat.MoldUdp64:
                    payload[0] = session;
                    BinaryPrimitives.WriteInt64BigEndian(payload[10..], number);
                    BinaryPrimitives.WriteUInt16BigEndian(payload[18..], (ushort)count);
                    break;
                case SequenceFormat.Rtp:
                    payload[0] = 0x80;
                    BinaryPrimitives.WriteUInt16BigEndian(payload[2..], (ushort)number);
                    break;
                default:
                    BinaryPrimitives.WriteUInt32LittleEndian(payload[3..], (uint)number);
                    break;
            }

            return frame;
        }

        public void Dispose() => Lane.Dispose();
    }
}
