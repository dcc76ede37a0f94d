using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Dataplane.Tests.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Paths;

/// <summary>The same frames through vlan stages as a path of the XDP program and as a lane's: tags that are
/// added, taken off, changed and refused must be so alike, to the byte.</summary>
public sealed class PathVlanTests
{
    private const int Pipelines = 80;
    private const int FramesEach = 200;
    private const int Loopback = 1; // an interface that every namespace has
    private const ushort Customer = 0x8100;
    private const ushort Service = 0x88A8;

    [Fact]
    public void A_path_treats_tags_as_the_lane_does()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        Tally tally = new();
        for (int pipeline = 0; pipeline < Pipelines; pipeline++)
        {
            Compare(pipeline, tally);
        }

        // It says something only if everything happens.
        const int Frames = Pipelines * FramesEach;
        Assert.InRange(tally.Same, Frames / 50, Frames);
        Assert.InRange(tally.Longer, Frames / 50, Frames);
        Assert.InRange(tally.Shorter, Frames / 400, Frames);
        Assert.InRange(tally.Dropped, Frames / 100, Frames);
        Assert.InRange(tally.Refused, Frames / 50, Frames);
    }

    [Fact]
    public void A_frame_that_a_tag_makes_too_long_is_the_lanes()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        VlanPort[] ports = new VlanPort[Limits.PortsPerLaneMax];
        ports[0] = MakePort(VlanMode.Access, Customer, untagged: 10);
        ports[1] = MakePort(VlanMode.Trunk, Customer, VlanMap.None);
        ports[1].Out[10] = 110;
        using Device device = new([Stage(isOut: false), TestPlans.Connect, Stage(isOut: true)], [], ports, 0);
        Assert.Equal(XdpOutcome.Offloaded, device.Run(TestPlans.Udp(bytes: 1514), out byte[] left));
        Assert.Equal((1518, 110), (left.Length, BinaryPrimitives.ReadUInt16BigEndian(left.AsSpan(14)) & 0xFFF));
        Assert.Equal(XdpOutcome.PassedNoSocket, device.Run(TestPlans.Udp(bytes: 1515), out _));
    }

    private static void Compare(int seed, Tally tally)
    {
        Random random = new(seed);
        PlanRule[] rules = [.. Enumerable.Range(0, random.Next(6)).Select(_ => FilterTests.MakeRule(random))];
        for (int i = 0; i < rules.Length; i++)
        {
            rules[i].Port = rules[i].Port == 2 ? -1 : rules[i].Port; // the plan has two ports
        }

        VlanPort[] ports = new VlanPort[Limits.PortsPerLaneMax];
        ports[0] = MakePort(random);
        ports[1] = MakePort(random);
        using Device device = new(MakeStages(random, rules.Length), rules, ports, random.Next(2));
        RuleCounter[] expected = new RuleCounter[rules.Length];
        for (int i = 0; i < FramesEach; i++)
        {
            byte[] frame = FrameMaker.Make(((ulong)seed << 32) + (ulong)i);
            Tag(random, ref frame);
            CompareFrame(device, frame, expected, tally);
        }

        for (int rule = 0; rule < rules.Length; rule++)
        {
            RuleCounter hits = device.ReadHits(rule);
            Assert.Equal((expected[rule].Frames, expected[rule].Bytes), (hits.Frames, hits.Bytes));
        }
    }

    private static void CompareFrame(Device device, byte[] frame, RuleCounter[] expected, Tally tally)
    {
        RuleCounter[] before = [.. Enumerable.Range(0, expected.Length).Select(device.LaneHits)];
        List<byte[]> sent = device.Send(frame);
        XdpOutcome outcome = device.Run(frame, out byte[] left);
        string text = $"{outcome} {Convert.ToHexString(frame)}";
        switch (outcome)
        {
            case XdpOutcome.Offloaded:
                Assert.True(sent.Count == 1 && sent[0].AsSpan().SequenceEqual(left), text);
                tally.Same += left.Length == frame.Length ? 1 : 0;
                tally.Longer += left.Length > frame.Length ? 1 : 0;
                tally.Shorter += left.Length < frame.Length ? 1 : 0;
                break;
            case XdpOutcome.DroppedRule or XdpOutcome.DroppedDefault:
                Assert.True(sent.Count == 0, text);
                tally.Dropped++;
                break;
            default:
                Assert.Equal(XdpOutcome.PassedNoSocket, outcome); // ours, and no socket here: the lane's
                Assert.Equal(frame, left);
                Assert.True(sent.Count == 0 || CountTags(frame) >= 2 || PathProgram.HasExtension(frame)
                    || FiveTuple.Parse(frame, out _) == ParseResult.Malformed, text);
                tally.Refused += sent.Count == 0 ? 1 : 0;
                return;
        }

        for (int rule = 0; rule < expected.Length; rule++)
        {
            expected[rule].Frames += device.LaneHits(rule).Frames - before[rule].Frames;
            expected[rule].Bytes += device.LaneHits(rule).Bytes - before[rule].Bytes;
        }
    }

    private static PlanStage Stage(bool isOut)
    {
        PlanStage stage = TestPlans.Stage(StageKind.Vlan);
        stage.TableCount = 1;
        new VlanSettings(isOut).Write(ref stage);
        return stage;
    }

    private static PlanStage[] MakeStages(Random random, int rules)
    {
        List<PlanStage> stages = [Stage(isOut: false), TestPlans.Connect];
        if (random.Next(5) > 0)
        {
            stages.Add(Stage(isOut: true));
        }

        if (random.Next(3) == 0)
        {
            stages.Insert(random.Next(stages.Count + 1), TestPlans.Stage(StageKind.MacSwap));
        }

        if (rules > 0)
        {
            stages.Insert(random.Next(stages.Count + 1), new PlanStage
            {
                Kind = StageKind.Filter, PortA = -1, PortB = -1, RuleCount = (uint)rules,
                DefaultAction = (RuleAction)random.Next(2),
            });
        }

        return [.. stages];
    }

    private static VlanPort MakePort(VlanMode mode, ushort tag, ushort untagged)
    {
        VlanPort port = new() { Mode = mode, TagType = tag, Untagged = untagged };
        ((Span<ushort>)port.In).Fill(VlanMap.None);
        ((Span<ushort>)port.Out).Fill(VlanMap.None);
        if (untagged < VlanMap.Count)
        {
            port.Out[untagged] = untagged;
        }

        return port;
    }

    // Ids on the wire are 1 to 8, inside they are one to eight as well, moved by some.
    private static VlanPort MakePort(Random random)
    {
        VlanMode mode = (VlanMode)random.Next(4);
        ushort untagged = mode == VlanMode.Trunk && random.Next(2) == 0 ? VlanMap.None
            : (ushort)random.Next(1, 4);
        VlanPort port = MakePort(mode, random.Next(2) == 0 ? Customer : Service, untagged);
        port.Priority = (ushort)random.Next(8);
        int move = random.Next(8);
        for (int wire = 1; wire <= 8 && mode == VlanMode.Trunk; wire++)
        {
            int vlan = ((wire + move) % 8) + 1;
            if (random.Next(6) > 0)
            {
                port.In[wire] = (ushort)vlan;
                port.Out[vlan] = (ushort)wire;
            }
        }

        return port;
    }

    private static void Tag(Random random, ref byte[] frame)
    {
        for (int tags = random.Next(6) == 0 ? 4 : random.Next(3); tags > 0 && frame.Length >= 14; tags--)
        {
            byte[] tag = new byte[4];
            BinaryPrimitives.WriteUInt16BigEndian(tag, random.Next(2) == 0 ? Customer : Service);
            BinaryPrimitives.WriteUInt16BigEndian(tag.AsSpan(2),
                (ushort)(random.Next(16) << 12 | random.Next(9)));
            frame = [.. frame[..12], .. tag, .. frame[12..]];
        }
    }

    private static int CountTags(byte[] frame)
    {
        int tags = 0;
        for (int at = 12; at + 2 <= frame.Length && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at))
            is Customer or Service; at += 4)
        {
            tags++;
        }

        return tags;
    }

    /// <summary>A lane and an XDP program of one plan.</summary>
    private sealed class Device : IDisposable
    {
        private readonly LaneBench _bench;
        private readonly XdpObject _loaded;
        private readonly int _ingress;
        private readonly int _counters;

        public Device(PlanStage[] stages, PlanRule[] rules, VlanPort[] ports, int ingress)
        {
            List<PlanTable> tables = [new()
            {
                Kind = TableKind.Vlans, Capacity = (uint)ports.Length,
                Bytes = (long)ports.Length * VlanPort.SizeBytes,
            }];
            TestPlans.AddRuleCounters(stages, tables);
            _counters = tables.Count - 1;
            PlanImage plan = TestPlans.Forward(stages, rules, tables: [.. tables]);
            PlanRecheck.Check(plan);
            Assert.Equal("", PathCompiler.WhyNot(plan, 0));
            TableMemory memory = TableMemory.CreatePrivate(plan);
            ports.CopyTo(memory.Slice<VlanPort>(0).Span);
            _ingress = ingress;
            _bench = new LaneBench(plan, tables: memory);
            Assert.True(PathCompiler.TryCompile(plan, 0, ingress, out XdpPath path));
            VlanMap vlans = default;
            PathCompiler.AddVlans(plan, 0, ingress, memory, ref path, ref vlans);
            _loaded = XdpObject.Load(new XdpConfig { Claim = Claim.All }, queueCount: 1);
            Assert.Equal(Errno.Ok, _loaded.SetEgress(path.Egress, Loopback));
            Assert.Equal(Errno.Ok, _loaded.SetVlans(0, vlans));
            Assert.Equal(Errno.Ok, _loaded.WritePath(0, path));
            Assert.Equal(Errno.Ok, _loaded.UsePath(0));
        }

        public List<byte[]> Send(byte[] frame)
        {
            _bench.Port(1 - _ingress).Sent.Clear();
            Assert.True(_bench.Receive(_ingress, frame));
            _bench.Turn();
            return [.. _bench.Port(1 - _ingress).Sent];
        }

        public XdpOutcome Run(byte[] frame, out byte[] left) =>
            PathProgram.Run(_loaded, frame, out left);

        public RuleCounter LaneHits(int rule) => _bench.Tables.Slice<RuleCounter>(_counters)[rule];

        public RuleCounter ReadHits(int rule)
        {
            RuleCounter hits = default;
            Assert.Equal(Errno.Ok, _loaded.ReadHits(0, (uint)rule, ref hits));
            return hits;
        }

        public void Dispose()
        {
            _loaded.Dispose();
            _bench.Dispose();
        }
    }

    private sealed class Tally
    {
        public int Same { get; set; }
        public int Longer { get; set; }
        public int Shorter { get; set; }
        public int Dropped { get; set; }
        public int Refused { get; set; }
    }
}
