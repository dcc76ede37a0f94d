using LowLatency.Dataplane.Stages;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>Every list of up to four stages: what the builder fuses does what the list does.</summary>
public sealed class PipelineTests
{
    private const int StagesMax = 4;
    private const int Frames = 128;
    private const uint ChunkBytes = 2048;

    private static readonly PlanRule[] Rules =
    [
        Rule(4, 17, 32768, RuleAction.Drop), Rule(6, 256, 65535, RuleAction.Pass),
            Rule(0, 6, 65535, RuleAction.Drop),
        Rule(4, 256, 65535, RuleAction.Pass), Rule(0, 17, 30000, RuleAction.Drop),
    ];

    private static PlanRule Rule(uint family, uint protocol, ushort portHigh, RuleAction action) => new()
    {
        Family = family, Protocol = protocol, SourcePortHigh = 65535, DestinationPortHigh = portHigh,
            Port = -1,
        Action = action,
    };

    [Fact]
    public void AFusedPipelineIsByteForByteTheListItReplaces()
    {
        List<string> fused = [];
        byte[][] frames = [.. Enumerable.Range(0, Frames).Select(i => FrameMaker.Make(77_000 + (ulong)i))];
        using MappedMemory one = MappedMemory.Anonymous(Frames * ChunkBytes, HugePages.Never);
        using MappedMemory two = MappedMemory.Anonymous(Frames * ChunkBytes, HugePages.Never);
        foreach (StageKind[] kinds in Lists())
        {
            PlanImage plan = TestPlans.Forward([.. kinds.Select(MakeStage)], Rules);
            using TableMemory fusedTables = TableMemory.CreatePrivate(plan);
            using TableMemory listTables = TableMemory.CreatePrivate(plan);
            IStage[] fusedStages = PipelineBuilder.Build(plan, 0, fusedTables).Stages;
            IStage[] listStages = PipelineBuilder.Build(plan, 0, listTables, fuse: false).Stages;
            Assert.Equal(kinds.Length, listStages.Length);
            if (kinds.Length > 1 && fusedStages.Length == 1)
            {
                fused.Add(string.Join(' ', kinds));
            }

            for (int ingress = 0; ingress < 2; ingress++)
            {
                string what = $"{string.Join(' ', kinds)} from {ingress}";
                AssertSame(what, Run(one, fusedStages, frames, ingress),
                    Run(two, listStages, frames, ingress));
            }

            for (int table = 0; table < plan.TableCount; table++)
            {
                Assert.Equal(listTables.Slice<RuleCounter>(table).Span.ToArray(),
                    fusedTables.Slice<RuleCounter>(table).Span.ToArray());
            }
        }

        Assert.Equal(7, fused.Count); // each new one must be among the lists above
    }

    [Fact]
    public void AnEndedFrameIsNotSeenByLaterStages()
    {
        PlanImage plan = TestPlans.Forward([TestPlans.Stage(StageKind.Reflect), TestPlans.Connect]);
        using TableMemory tables = TableMemory.CreatePrivate(plan);
        using MappedMemory memory = MappedMemory.Anonymous(Frames * ChunkBytes, HugePages.Never);
        byte[] arp = new byte[60];
        (arp[12], arp[13]) = (0x08, 0x06);
        (Verdict[] verdicts, _) =
            Run(memory, PipelineBuilder.Build(plan, 0, tables).Stages, [arp, TestPlans.Udp()], 0);
        Assert.Equal([Verdict.Drop(DropReason.NotUdp).At(0), Verdict.Forward(1)], verdicts);
    }

    private static IEnumerable<StageKind[]> Lists()
    {
        int kinds = (int)StageKind.Reflect + 1; // stages with tables are never fused with each other here
        for (int length = 1; length <= StagesMax; length++)
        {
            for (int code = 0; code < Math.Pow(kinds, length); code++)
            {
                StageKind[] list = new StageKind[length];
                for (int i = 0, rest = code; i < length; i++, rest /= kinds)
                {
                    list[i] = (StageKind)(rest % kinds);
                }

                yield return list;
            }
        }
    }

    // Stages of one kind differ by where they stand, so that a fused pipeline cannot mix them up unseen.
    private static PlanStage MakeStage(StageKind kind, int at)
    {
        PlanStage stage = TestPlans.Stage(kind, kind == StageKind.CrossConnect ? 0 : (at % 3) - 1, 1);
        stage.DestinationMac = at == 1 ? 0 : 0x0606_0606_0600u + (ulong)at;
        stage.SourceMac = at == 2 ? 0 : 0x0A0A_0A0A_0A00u + (ulong)at;
        if (kind == StageKind.Filter)
        {
            stage.FirstRule = (uint)at;
            stage.RuleCount = 2;
            stage.DefaultAction = (RuleAction)(at % 2);
        }

        return stage;
    }

    private static (Verdict[] Verdicts, byte[][] Frames) Run(
        MappedMemory memory, IStage[] stages, byte[][] frames, int ingress)
    {
        using Umem umem = Umem.OfMemory(memory, Frames, ChunkBytes);
        XdpDesc[] descriptors = new XdpDesc[frames.Length];
        Verdict[] verdicts = new Verdict[frames.Length];
        for (int i = 0; i < frames.Length; i++)
        {
            descriptors[i] = new XdpDesc
            {
                Address = ((ulong)i * ChunkBytes) + Limits.XdpHeadroomBytes, Length = (uint)frames[i].Length,
            };
            frames[i].CopyTo(umem.View.Frame(descriptors[i].Address, descriptors[i].Length));
            verdicts[i] = Verdict.None;
        }

        Burst burst = new(descriptors, verdicts, frames.Length) { Umem = umem.View, Ingress = ingress };
        foreach (IStage stage in stages)
        {
            stage.Run(ref burst);
        }

        UmemView view = umem.View;
        return (verdicts, Array.ConvertAll(descriptors, d => view.Frame(d.Address, d.Length).ToArray()));
    }

    private static void AssertSame(
        string what, (Verdict[] Verdicts, byte[][] Frames) one, (Verdict[] Verdicts, byte[][] Frames) two)
    {
        for (int i = 0; i < one.Verdicts.Length; i++)
        {
            Assert.True(one.Verdicts[i] == two.Verdicts[i],
                $"{what}: {one.Verdicts[i]}, list {two.Verdicts[i]}");
            Assert.True(one.Frames[i].AsSpan().SequenceEqual(two.Frames[i]),
                $"{what}: bytes of frame {i} differ");
        }
    }
}
