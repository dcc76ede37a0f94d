using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Stages;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>The acl stage: what it reads of a frame, and that it decides as the filter stage does where both
/// can ask the same.</summary>
public sealed class AclTests
{
    private static readonly AclRule Any = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void VerdictsAndCountersAreThoseOfTheFilterStage(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 100; round++)
        {
            PlanRule[] plans = [.. Enumerable.Range(0, random.Next(1, 40))
                .Select(_ => FilterTests.MakeRule(random))
                .Where(rule => rule.Protocol <= 256 && (rule.Family != 0
                    || (rule.SourceBits == 0 && rule.DestinationBits == 0)))];
            if (plans.Length == 0)
            {
                continue;
            }

            RuleAction otherwise = (RuleAction)random.Next(2);
            using AclBench bench = new([.. plans.Select(RuleOf)], plans, otherwise);
            using MappedMemory memory = MappedMemory.Anonymous(4096, HugePages.Never);
            NativeSpan<RuleCounter> counters = memory.Slice<RuleCounter>(0, plans.Length);
            Filter filter = new(plans, otherwise, counters);
            for (int i = 0; i < 200; i++)
            {
                byte[] frame = FrameMaker.Make((ulong)random.NextInt64());
                int ingress = random.Next(3);
                Verdict expected = filter.Apply(frame, ingress, Verdict.None);
                Verdict got = bench.Send(frame, ingress);
                Assert.Equal(expected.IsEnded, got.IsEnded);
            }

            for (int i = 0; i < plans.Length; i++)
            {
                RuleCounter counter = bench.Rule(i);
                Assert.Equal((counters[i].Frames, counters[i].Bytes), (counter.Frames, counter.Bytes));
            }
        }
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(9, false)]
    [InlineData(10, true)]
    [InlineData(19, true)]
    [InlineData(20, false)]
    public void AVlanIsThatOfTheOuterTag(int id, bool isHit)
    {
        byte[] frame = TestPlans.Udp();
        byte[] tagged = id == 0 ? frame
            : [.. frame[..12], 0x88, 0xA8, 0x60, (byte)id, 0x81, 0x00, 0, 15, .. frame[12..]];
        Assert.Equal(isHit, IsHit(Any with { Vlans = (10, 19) }, tagged));
        Assert.Equal(id == 0, IsHit(Any with { Vlans = (0, 0) }, tagged));
    }

    [Fact]
    public void TcpFlagsAreAskedOfWholeTcpHeadersOnly()
    {
        AclRule opens = Any with { TcpFlags = 0x02, TcpFlagsMask = 0x12 }; // SYN and no ACK
        AclRule none = Any with { TcpFlags = 0, TcpFlagsMask = 0x02 };
        for (int flags = 0; flags < 256; flags++)
        {
            Assert.Equal((flags & 0x12) == 0x02, IsHit(opens, Tcp(flags)));
            Assert.Equal((flags & 0x02) == 0, IsHit(none, Tcp(flags)));
        }

        byte[] later = Tcp(0);
        later[21] = 1; // fragment offset
        Assert.False(IsHit(none, later));
        byte[] udp = Tcp(0);
        udp[23] = 17;
        Assert.False(IsHit(none, udp));
    }

    [Fact]
    public void LaterFragmentsAreToldFromFirstOnes()
    {
        byte[] frame = TestPlans.Udp();
        AssertFragment(frame, isLater: false);
        frame[20] = 0x20; // more to come: the first
        AssertFragment(frame, isLater: false);
        frame[21] = 1;
        AssertFragment(frame, isLater: true);
        byte[] six = new byte[80];
        (six[12], six[13], six[14], six[19], six[20]) = (0x86, 0xDD, 0x60, 26, 44);
        six[54] = 17;
        AssertFragment(six, isLater: false);
        six[57] = 8; // offset 1, in units of eight bytes above three bits
        AssertFragment(six, isLater: true);
    }

    [Fact]
    public void DropsCarryTheirReason()
    {
        PlanRule drop = new() { Action = RuleAction.Drop };
        AclRule port = Any with { Ingress = 1 };
        using AclBench bench = new([port], [drop], RuleAction.Drop);
        Assert.Equal(DropReason.AclRule, bench.Send(TestPlans.Udp(), 0).Reason);
        Assert.Equal(DropReason.AclDefault, bench.Send(TestPlans.Udp(), 1).Reason);
        Assert.Equal(DropReason.Malformed, bench.Send(new byte[13], 1).Reason);
    }

    private static void AssertFragment(byte[] frame, bool isLater)
    {
        Assert.Equal(isLater, IsHit(Any with { Fragment = FragmentMatch.Later }, frame));
        Assert.Equal(!isLater, IsHit(Any with { Fragment = FragmentMatch.First }, frame));
    }

    private static bool IsHit(AclRule rule, byte[] frame)
    {
        using AclBench bench = new([rule], [new PlanRule { Action = RuleAction.Drop }], RuleAction.Pass);
        return bench.Send(frame, 0).IsEnded;
    }

    private static byte[] Tcp(int flags)
    {
        byte[] frame = TestPlans.Udp(bytes: 80);
        frame[23] = 6;
        frame[47] = (byte)flags;
        return frame;
    }

    private static AclRule RuleOf(PlanRule plan) => new()
    {
        Family = (int)plan.Family,
        Source = Number(plan.Source, plan.Family),
        SourceBits = (int)plan.SourceBits,
        Destination = Number(plan.Destination, plan.Family),
        DestinationBits = (int)plan.DestinationBits,
        Protocol = plan.Protocol,
        SourcePorts = (plan.SourcePortLow, plan.SourcePortHigh),
        DestinationPorts = (plan.DestinationPortLow, plan.DestinationPortHigh),
        Ingress = plan.Port < 0 ? uint.MaxValue : 1u << plan.Port,
    };

    private static UInt128 Number(Address16 address, uint family) => family == 4
        ? BinaryPrimitives.ReadUInt32BigEndian(address) : BinaryPrimitives.ReadUInt128BigEndian(address);

    private sealed class AclBench : IDisposable
    {
        private readonly MappedMemory _memory = MappedMemory.Anonymous(2048, HugePages.Never);
        private readonly Umem _umem;
        private readonly TableMemory _tables;
        private readonly IStage _stage;
        private readonly XdpDesc[] _descriptors = new XdpDesc[1];
        private readonly Verdict[] _verdicts = new Verdict[1];

        public AclBench(AclRule[] rules, PlanRule[] plans, RuleAction otherwise)
        {
            Assert.True(AclBuilder.TryBuild(rules, out byte[]? list, out string? problem), problem);
            PlanStage stage = TestPlans.Stage(StageKind.Acl) with
            {
                RuleCount = (uint)rules.Length, DefaultAction = otherwise, TableCount = 2,
            };
            PlanTable counters = new() { Kind = TableKind.RuleCounters, Bytes = rules.Length * 16L };
            PlanTable table = new() { Kind = TableKind.Acl, Bytes = list!.Length, Offset = 1 << 16 };
            PlanImage plan = TestPlans.Forward([stage], plans, tables: [counters, table]);
            _tables = TableMemory.CreatePrivate(plan);
            list.CopyTo(_tables.Slice<byte>(1).Span);
            _umem = Umem.OfMemory(_memory, 1, 2048);
            _stage = PipelineBuilder.Build(plan, 0, _tables).Stages[0];
        }

        public RuleCounter Rule(int index) => _tables.Slice<RuleCounter>(0)[index];

        public Verdict Send(byte[] frame, int ingress)
        {
            _descriptors[0] = new XdpDesc { Address = 256, Length = (uint)frame.Length };
            frame.CopyTo(_umem.View.Frame(256, (uint)frame.Length));
            _verdicts[0] = Verdict.None;
            Burst burst = new(_descriptors, _verdicts, 1) { Umem = _umem.View, Ingress = ingress };
            _stage.Run(ref burst);
            return _verdicts[0];
        }

        public void Dispose()
        {
            _umem.Dispose();
            _memory.Dispose();
            _tables.Dispose();
        }
    }
}
