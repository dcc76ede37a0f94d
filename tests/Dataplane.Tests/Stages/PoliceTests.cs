using System.Numerics;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Lanes;
using LowLatency.Dataplane.Stages;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>The police stage against buckets in exact numbers.</summary>
public sealed class PoliceTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(3, 5000)]  // two rates
    [InlineData(4, 70_000)]
    public void ColoursAreThoseOfExactBuckets(int seed, long peakRate)
    {
        Random random = new(seed);
        PoliceSettings settings = new(PoliceScope.Port, CountsFrames: false, Rate: 3333, Burst: 1500, peakRate,
            ExcessBurst: 4000, DropsYellow: false, YellowDscp: 10);
        using PoliceBench bench = new(settings);
        Exact exact = new(settings);
        long nowNs = 1_000_000_000;
        for (int i = 0; i < 50_000; i++)
        {
            // From nothing to years between two frames.
            nowNs += random.Next(20) == 0 ? random.NextInt64(1L << random.Next(1, 58)) : random.Next(40_000_000);
            byte[] frame = TestPlans.Udp(bytes: random.Next(60, 1500));
            char colour = bench.Send(frame, nowNs);
            Assert.Equal(exact.Colour(frame.Length, nowNs), colour);
        }
    }

    [Fact]
    public void OverALongTimeTheRateIsWhatWasAsked()
    {
        using PoliceBench bench = new(new PoliceSettings(PoliceScope.Port, CountsFrames: true, Rate: 1000, Burst: 10, 0, 0,
            DropsYellow: true, YellowDscp: -1));
        int passed = 0;
        for (int i = 0; i < 100_000; i++) // 10 s, ten times too many
        {
            passed += bench.Send(TestPlans.Udp(), 5_000_000_000 + (i * 100_000L)) == 'g' ? 1 : 0;
        }

        Assert.Equal(10 + 9999, passed);
    }

    [Fact]
    public void YellowFramesAreMarkedAndTheirChecksumIsRight()
    {
        using PoliceBench bench = new(new PoliceSettings(PoliceScope.Port, CountsFrames: true, Rate: 1, Burst: 0, 0,
            ExcessBurst: 1000, DropsYellow: false, YellowDscp: 46));
        for (int id = 0; id < 1000; id++)
        {
            byte[] frame = TestPlans.Udp();
            (frame[15], frame[18], frame[19]) = ((byte)id, (byte)(id >> 8), (byte)(id * 7));
            Fix(frame);
            Assert.Equal('y', bench.Send(frame, 1_000_000_000));
            byte[] marked = bench.Last;
            Assert.Equal((46 << 2) | (id & 3), marked[15]);
            byte[] whole = [.. marked];
            Fix(whole);
            Assert.Equal(whole, marked);
        }
    }

    [Fact]
    public void FlowsHaveTheirOwnBuckets()
    {
        using PoliceBench bench = new(new PoliceSettings(PoliceScope.Flow, CountsFrames: true, Rate: 1, Burst: 1, 0, 0,
            DropsYellow: true, YellowDscp: -1));
        Assert.Equal("gr", $"{bench.Send(TestPlans.Udp(1), 1)}{bench.Send(TestPlans.Udp(1), 2)}");
        Assert.Equal("gr", $"{bench.Send(TestPlans.Udp(2), 3)}{bench.Send(TestPlans.Udp(2), 4)}");
        byte[] arp = new byte[60];
        (arp[12], arp[13]) = (8, 6);
        Assert.Equal("gg", $"{bench.Send(arp, 5)}{bench.Send(arp, 6)}"); // no flow: passes
    }

    private static void Fix(byte[] frame)
    {
        (frame[24], frame[25]) = (0, 0);
        int sum = 0;
        for (int i = 14; i < 34; i += 2)
        {
            sum += (frame[i] << 8) | frame[i + 1];
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = ~((sum & 0xFFFF) + (sum >> 16));
        (frame[24], frame[25]) = ((byte)(sum >> 8), (byte)sum);
    }

    /// <summary>RFC 2697 and 2698 in integers without end.</summary>
    private sealed class Exact(PoliceSettings settings)
    {
        private static readonly BigInteger Unit = 1_000_000_000;
        private BigInteger _committed = settings.Burst * Unit;
        private BigInteger _excess = settings.ExcessBurst * Unit;
        private long _atNs;

        public char Colour(int bytes, long nowNs)
        {
            BigInteger passed = nowNs - _atNs;
            _atNs = nowNs;
            _committed += passed * settings.Rate;
            BigInteger over = BigInteger.Max(0, _committed - (settings.Burst * Unit));
            _committed -= over;
            _excess = BigInteger.Min(settings.ExcessBurst * Unit,
                _excess + (settings.PeakRate > 0 ? passed * settings.PeakRate : over));
            BigInteger tokens = bytes * Unit;
            if (_committed >= tokens && (settings.PeakRate == 0 || _excess >= tokens))
            {
                _committed -= tokens;
                _excess -= settings.PeakRate > 0 ? tokens : 0;
                return 'g';
            }

            if (_excess < tokens)
            {
                return 'r';
            }

            _excess -= tokens;
            return 'y';
        }
    }

    /// <summary>The stage alone, with times of the test's own.</summary>
    private sealed class PoliceBench : IDisposable
    {
        private readonly MappedMemory _memory = MappedMemory.Anonymous(2048, HugePages.Never);
        private readonly Umem _umem;
        private readonly TableMemory _tables;
        private readonly IStage _stage;
        private readonly XdpDesc[] _descriptors = new XdpDesc[1];
        private readonly Verdict[] _verdicts = new Verdict[1];

        public PoliceBench(PoliceSettings settings)
        {
            PlanStage stage = TestPlans.Stage(StageKind.Police) with { TableCount = 1 };
            settings.Write(ref stage);
            int buckets = settings.Scope == PoliceScope.Flow ? 4096 : Limits.PortsPerLaneMax;
            PlanTable table = new() { Kind = TableKind.Buckets, Bytes = buckets * (long)TokenBuckets.SizeBytes };
            PlanImage plan = TestPlans.Forward([stage], tables: [table]);
            PlanRecheck.Check(plan);
            _tables = TableMemory.CreatePrivate(plan);
            _umem = Umem.OfMemory(_memory, 1, 2048);
            _stage = PipelineBuilder.Build(plan, 0, _tables).Stages[0];
        }

        public byte[] Last => _umem.View.Frame(_descriptors[0].Address, _descriptors[0].Length).ToArray();

        /// <summary>g, y or r: by what its counters say.</summary>
        public char Send(byte[] frame, long nowNs)
        {
            (ulong green, ulong yellow, ulong red) before = Counts();
            _descriptors[0] = new XdpDesc { Address = 256, Length = (uint)frame.Length };
            frame.CopyTo(_umem.View.Frame(256, (uint)frame.Length));
            _verdicts[0] = Verdict.None;
            Burst burst = new(_descriptors, _verdicts, 1) { Umem = _umem.View, Ingress = 0, NowNs = nowNs };
            _stage.Run(ref burst);
            (ulong green, ulong yellow, ulong red) after = Counts();
            char colour = after.yellow > before.yellow ? 'y' : after.red > before.red ? 'r' : 'g';
            Assert.Equal(colour == 'r' || (colour == 'y' && DropsYellow), _verdicts[0].IsEnded);
            return colour;
        }

        private bool DropsYellow => PoliceSettings.Read(_tables.Plan.Stage(0)).DropsYellow;

        private (ulong, ulong, ulong) Counts()
        {
            (ulong green, ulong yellow, ulong red) sum = default;
            foreach (TokenBuckets buckets in _tables.Slice<TokenBuckets>(0).Span)
            {
                sum = (sum.green + buckets.Green, sum.yellow + buckets.Yellow, sum.red + buckets.Red);
            }

            return sum;
        }

        public void Dispose()
        {
            _umem.Dispose();
            _memory.Dispose();
            _tables.Dispose();
        }
    }
}
