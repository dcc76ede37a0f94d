using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Paths;

/// <summary>A lane and an XDP program that route by the same tables; frames come in by the first of two
/// ports.</summary>
internal sealed class Pair : IDisposable
{
    /// <summary>MAC of next hop 0; that of number n is n more.</summary>
    public const ulong NextMac = 0x0A0B_0C0D_0E00;

    private const int Loopback = 1; // an interface that every namespace has
    private const uint Hops = 16;
    private const uint Groups = 4;
    private readonly LaneBench _bench;
    private readonly XdpObject _loaded;
    private readonly int _file;

    /// <summary>Makes the pair, with routes to 10/8 and 32/8 and parts of them, and of 0a00:: and
    /// 2000::.</summary>
    /// <param name="routes4">Room for IPv4 routes: says which shape the table has.</param>
    /// <param name="routes6">Room for IPv6 routes.</param>
    /// <param name="rules">Rules of a filter before the route stage; 0: no filter.</param>
    /// <param name="seed">Of routes and rules.</param>
    public Pair(uint routes4, uint routes6, int rules, int seed)
    {
        Random random = new(seed);
        PlanImage plan = MakePlan(routes4, routes6, rules, random);
        PlanRecheck.Check(plan);
        Assert.Equal("", PathCompiler.WhyNot(plan, 0));
        Mac = plan.Port(0).Mac;
        _file = TableMemory.MakeFile("pair");
        TableMemory tables = TableMemory.Map(_file, plan);
        Routes4 = Lpm4.WriterOf(tables.Slice<byte>(0), routes4);
        Routes6 = Lpm6.WriterOf(tables.Slice<byte>(1), routes6);
        NextHops = new NextHops(tables.Slice<byte>(2), Hops);
        AddHops(random);
        AddRoutes(random);
        // A second mapping finds the same memory, as another process does.
        using TableMemory again = TableMemory.Map(_file, plan);
        Assert.Equal(NextMac + 1, again.Slice<NextHop>(2)[1].Destination & 0xFFFF_FFFF_FFFF);
        _bench = new LaneBench(plan, tables: tables);
        Assert.True(PathCompiler.TryCompile(plan, 0, 0, out XdpPath path));
        _loaded = XdpObject.Load(new XdpConfig { Claim = Claim.All }, queueCount: 1);
        for (uint table = 0; table < RouteSettings.Tables; table++)
        {
            Assert.Equal(Errno.Ok, _loaded.SetTable(0, table, tables.KernelFd((int)table)));
        }

        Assert.Equal(Errno.Ok, _loaded.SetEgress(0, Loopback));
        Assert.Equal(Errno.Ok, _loaded.SetEgress(1, Loopback));
        Assert.Equal(Errno.Ok, _loaded.WritePath(0, path));
        Assert.Equal(Errno.Ok, _loaded.UsePath(0));
    }

    /// <summary>MAC of the port that frames come in by.</summary>
    public ulong Mac { get; }

    /// <summary>Writes IPv4 routes.</summary>
    public RangeTrieWriter Routes4 { get; }

    /// <summary>Writes IPv6 routes.</summary>
    public RangeTrieWriter Routes6 { get; }

    /// <summary>Next hops, to be changed.</summary>
    public NextHops NextHops { get; }

    /// <summary>What the lane sends of a frame.</summary>
    public List<byte[]> Send(byte[] frame)
    {
        _bench.Port(0).Sent.Clear();
        _bench.Port(1).Sent.Clear();
        Assert.True(_bench.Receive(0, frame));
        _bench.Turn();
        return [.. _bench.Port(0).Sent, .. _bench.Port(1).Sent];
    }

    /// <summary>What the program does with a frame, and leaves of it.</summary>
    public XdpOutcome Run(byte[] frame, out byte[] left) =>
        PathProgram.Run(_loaded, frame, out left);

    public void Dispose()
    {
        _loaded.Dispose();
        _bench.Dispose();
        TableMemory.CloseFile(_file);
    }

    private void AddHops(Random random)
    {
        for (uint hop = 1; hop < Hops; hop++)
        {
            NextHopKind kind = hop is < 5 or >= 8 ? NextHopKind.Forward : (NextHopKind)(hop - 3);
            uint to = hop == 4 ? 9 : hop % 2; // number 4: an interface of another lane
            NextHops.Set(hop, NextHop.Make(kind, to, NextMac + hop, 0xBB00 + hop, hop == 3 ? 50u : 1500));
        }

        for (uint group = 0; group < Groups; group++)
        {
            for (int bucket = 0; bucket < NextHopGroup.Buckets; bucket++)
            {
                NextHops.SetBucket(group, bucket, (uint)random.Next(8, (int)Hops));
            }
        }
    }

    // Addresses of FrameMaker begin with 10 or 32 and end with 0 to 3.
    private void AddRoutes(Random random)
    {
        foreach (uint top in (ReadOnlySpan<uint>)[0x0A, 0x20])
        {
            for (int i = 0; i < 12; i++)
            {
                int length = i == 0 ? 8 : random.Next(8, 33);
                uint bits = top << 24 | (uint)random.Next(4);
                uint prefix = bits & (uint.MaxValue << (32 - length));
                Assert.True(Routes4.Set((UInt128)prefix << 96, length, Value(random)));
                int length6 = i == 0 ? 8 : random.Next(8, 129);
                UInt128 bits6 = ((UInt128)top << 120) + ((UInt128)(uint)random.Next(2) << 63)
                    + (UInt128)(uint)random.Next(4);
                UInt128 prefix6 = bits6 & (UInt128.MaxValue << (128 - length6));
                Assert.True(Routes6.Set(prefix6, length6, Value(random)));
            }
        }
    }

    private static uint Value(Random random) => random.Next(3) switch
    {
        0 => (uint)random.Next((int)Groups) | LowLatency.Native.Tables.NextHops.GroupBit,
        1 => (uint)random.Next(1, 4),
        _ => (uint)random.Next(1, (int)Hops),
    };

    private static PlanImage MakePlan(uint routes4, uint routes6, int ruleCount, Random random)
    {
        PlanStage route = TestPlans.Stage(StageKind.Route);
        route.TableCount = RouteSettings.Tables;
        new RouteSettings(IsKernels: false).Write(ref route);
        PlanTable[] tables =
        [
            new() { Kind = TableKind.Routes4, Capacity = routes4, Bytes = Lpm4.BytesFor(routes4) },
            new() { Kind = TableKind.Routes6, Capacity = routes6, Bytes = Lpm6.BytesFor(routes6) },
            new() { Kind = TableKind.NextHops, Capacity = Hops,
                Bytes = LowLatency.Native.Tables.NextHops.BytesFor(Hops, Groups) },
        ];
        tables[1].Offset = TableMemory.RoundUp(tables[0].Bytes);
        tables[2].Offset = tables[1].Offset + TableMemory.RoundUp(tables[1].Bytes);
        PlanRule[] rules = [.. Enumerable.Range(0, ruleCount).Select(_ => FilterTests.MakeRule(random))];
        for (int i = 0; i < rules.Length; i++)
        {
            rules[i].Port = -1;
        }

        List<PlanTable> all = [.. tables];
        PlanStage[] stages = ruleCount == 0 ? [route]
            : [new() { Kind = StageKind.Filter, PortA = -1, PortB = -1, RuleCount = (uint)ruleCount }, route];
        TestPlans.AddRuleCounters(stages, all);
        PlanImage plan = TestPlans.Forward(stages, rules, tables: [.. all]);
        PlanLane lane = plan.Lane(0);
        lane.Offload = Offload.Kernel;
        return PlanImage.Build(plan.Header, [plan.Port(0), plan.Port(1)], [lane], stages, rules,
            all.ToArray());
    }
}
