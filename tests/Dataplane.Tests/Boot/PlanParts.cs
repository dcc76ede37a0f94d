using System.Buffers.Binary;
using System.Numerics;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Tests.Boot;

/// <summary>A plan taken apart, so that a test can spoil one field and put it together again.</summary>
internal sealed class PlanParts
{
    public PlanHeader Header;
    public PlanPort[] Ports = [];
    public PlanLane[] Lanes = [];
    public PlanStage[] Stages = [];
    public PlanRule[] Rules = [];
    public PlanTable[] Tables = [];

    public static PlanParts Of(PlanImage plan)
    {
        PlanParts parts = new()
        {
            Header = plan.Header,
            Ports = new PlanPort[plan.PortCount],
            Lanes = new PlanLane[plan.LaneCount],
            Stages = new PlanStage[plan.Header.StageCount],
            Rules = new PlanRule[plan.Header.RuleCount],
            Tables = new PlanTable[plan.TableCount],
        };
        Fill(parts.Ports, i => plan.Port(i));
        Fill(parts.Lanes, i => plan.Lane(i));
        Fill(parts.Stages, i => plan.Stage(i));
        Fill(parts.Rules, i => plan.Rule(i));
        Fill(parts.Tables, i => plan.Table(i));
        return parts;
    }

    /// <summary>Two ports, one lane: filter, cross-connect, rewrite.</summary>
    public static PlanParts Forward()
    {
        PlanRule rule = new() { Family = 4, Protocol = 17, SourceBits = 8, Port = -1,
            DestinationPortHigh = 65535 };
        rule.Source[0] = 10;
        rule.Name.Set("ten");
        PlanStage filter = TestPlans.Stage(StageKind.Filter);
        filter.RuleCount = 1;
        return Of(TestPlans.Forward([filter, TestPlans.Connect, TestPlans.Stage(StageKind.MacRewrite, 1)],
            [rule]));
    }

    /// <summary>Four ports, a generator and a receiver, two paths.</summary>
    public static PlanParts Load() => Of(TestPlans.Load(TestPlans.MakeLoad(paths: 2)));

    public PlanImage Build() => PlanImage.Build(Header, Ports, Lanes, Stages, Rules, Tables);

    /// <summary>Writes the checksum that belongs to these bytes: CRC-32C of what follows its field.</summary>
    public static void FixChecksum(Span<byte> plan)
    {
        const int ChecksumAt = 16;
        uint crc = uint.MaxValue;
        foreach (byte b in plan[(ChecksumAt + 4)..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(plan[ChecksumAt..], ~crc);
    }

    private static void Fill<T>(T[] target, Func<int, T> read)
    {
        for (int i = 0; i < target.Length; i++)
        {
            target[i] = read(i);
        }
    }
}
