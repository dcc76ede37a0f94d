using LowLatency.Dataplane.Boot;
using LowLatency.Native;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Boot;

public sealed class PlanRecheckTests
{
    private static readonly (string Message, Action<PlanParts> Spoil)[] ForwardMutations =
    [
        ("has no lane", p => p.Lanes = []),
        ("has no name", p => p.Header.Name = default),
        ("has no housekeeping CPU", p => p.Header.HousekeepingCpus = default),
        ("port 0: rx ring of 63 slots; a power of two from 64 to 32768", p => p.Ports[0].RxSlots = 63),
        ("port 0: rx ring of 32 slots; a power of two from 64 to 32768", p => p.Ports[0].RxSlots = 32),
        ("port 0: rx ring of 65536 slots; a power of two from 64 to 32768", p => p.Ports[0].RxSlots = 65536),
        ("port 1: tx ring of 0 slots; a power of two from 64 to 32768", p => p.Ports[1].TxSlots = 0),
        ("port 1: fill ring of 96 slots; a power of two from 64 to 32768", p => p.Ports[1].FillSlots = 96),
        ("port 0: completion ring of 1 slots; a power of two from 64 to 32768", p =>
            p.Ports[0].CompletionSlots = 1),
        ("port 0: fill level 65 is over its fill ring", p => p.Ports[0].FillLevel = 65),
        ("port 1: mode 4 is unknown", p => p.Ports[1].Mode = (BindMode)4),
        ("port 1: claim 5 is unknown", p => p.Ports[1].Claim = (Claim)5),
        ("port 1: wake-up policy 3 is unknown", p => p.Ports[1].Wake = (WakePolicy)3),
        ("port 1: stamp source 2 is unknown", p => p.Ports[1].Stamps = (StampSource)2),
        ("port 1: has no interface", p => p.Ports[1].Interface = default),
        ("lane 0: kind 7 is unknown", p => p.Lanes[0].Kind = (LaneKind)7),
        ("lane 0: is no replay", p => p.Lanes[0].Kind = LaneKind.Replay),
        ("lane 0: has 2 ports", p => p.Lanes[0].Kind = LaneKind.Storage),
        ("lane 0: host 2 is unknown", p => p.Lanes[0].Host = (LaneHost)2),
        ("lane 0: policy 2 is unknown", p => p.Lanes[0].Policy = (LanePolicy)2),
        ("lane 0: huge pages 3 is unknown", p => p.Lanes[0].HugePages = (HugePages)3),
        ("lane 0: NUMA node 64", p => p.Lanes[0].NumaNode = 64),
        ("lane 0: NUMA node -2", p => p.Lanes[0].NumaNode = -2),
        ("lane 0: CPU -1 is out of range", p => p.Lanes[0].Cpu = -1),
        ("lane 0: CPU 1024 is out of range", p => p.Lanes[0].Cpu = Limits.CpusMax),
        ("lane 0: has 0 ports", p => p.Lanes[0].PortCount = 0),
        ("lane 0: has 17 ports", p => p.Lanes[0].PortCount = 17),
        ("lane 0: chunks of 3000 bytes; 2048 or 4096", p => p.Lanes[0].ChunkBytes = 3000),
        ("lane 0: offload 3 is unknown", p => p.Lanes[0].Offload = (Offload)3),
        ("lane 0: burst of 0", p => p.Lanes[0].Burst = 0),
        ("lane 0: burst of 65", p => p.Lanes[0].Burst = 65),
        ("lane 0: pauses of 0 ns every 5 ns", p => p.Lanes[0].YieldEveryNs = 5),
        ("lane 0: pauses of 5 ns every 5 ns", p => p.Lanes[0].YieldEveryNs = p.Lanes[0].YieldForNs = 5),
        ("lane 0: port 2 is not in the plan", p => p.Lanes[0].Ports[1] = 2),
        ("lane 0: port -1 is not in the plan", p => p.Lanes[0].Ports[0] = -1),
        ("lane 0: port 0 belongs to another lane already", p => p.Lanes[0].Ports[1] = 0),
        ("lane 1: port 0 belongs to another lane already", p => p.Lanes = [p.Lanes[0], p.Lanes[0]]),
        ("lane 0: 128 frames for fill levels of 128", p => p.Lanes[0].Frames = 128),
        ("lane 0: 1048576 frames for fill levels of 128", p => p.Lanes[0].Frames = 1 << 20),
        ("lane 0: stages out of range", p => p.Lanes[0].FirstStage = 1),
        ("lane 0: stages out of range", p => p.Lanes[0].FirstStage = uint.MaxValue),
        ("lane 0: stages out of range", p => p.Lanes[0].StageCount = 4),
        ("lane 0: has no stage", p => p.Lanes[0].StageCount = 0),
        ("lane 0: stage kind 18 is unknown", p => p.Stages[2].Kind = (StageKind)18),
        ("lane 0: a replay in a lane of another kind", p => p.Stages[2].Kind = StageKind.Replay),
        ("lane 0: a record stage without its blocks", p => p.Stages[2].Kind = StageKind.Record),
        ("lane 0: a recorder in a lane of another kind", p => p.Stages[2].Kind = StageKind.Recorder),
        ("lane 0: stage port -1", p => p.Stages[1].PortA = -1),
        ("lane 0: stage port 2", p => p.Stages[1].PortB = 2),
        ("lane 0: stage port -2", p => p.Stages[2].PortA = -2),
        ("lane 0: stage port 2", p => p.Stages[2].PortA = 2),
        ("lane 0: rules out of range", p => p.Stages[0].RuleCount = 2),
        ("lane 0: tables out of range", p => p.Stages[0].FirstTable = 1),
        ("lane 0: rules without counters", p => p.Stages[0].TableCount = 0),
        ("lane 0: rules without counters", p => p.Tables[0].Bytes = 15),
        ("table 0: is nowhere", p => p.Tables[0].Offset = 1),
        ("table 0: is nowhere", p => p.Tables[0].Offset = -4096),
        ("table 0: is nowhere", p => p.Tables[0].Bytes = Limits.TableBytesMax + 1),
        ("table 0: kind 15 is unknown", p => p.Tables[0].Kind = (TableKind)15),
        ("port 0: interface number 64", p => p.Ports[0].InterfaceNumber = Limits.PortsMax),
        ("lane 0: rules out of range", p => p.Stages[0].FirstRule = uint.MaxValue),
        ("lane 0: a filter's default action is unknown", p => p.Stages[0].DefaultAction = (RuleAction)2),
        ("lane 0: rule 'ten' has family 5", p => p.Rules[0].Family = 5),
        ("lane 0: rule 'ten' has a prefix longer than its address", p => p.Rules[0].SourceBits = 33),
        ("lane 0: rule 'ten' has a prefix longer than its address", p => p.Rules[0].DestinationBits = 33),
        ("lane 0: rule 'ten' has a prefix and no family", p => p.Rules[0].Family = 0),
        ("lane 0: rule 'ten' has an unknown action", p => p.Rules[0].Action = (RuleAction)2),
    ];

    private static readonly (string Message, Action<PlanParts> Spoil)[] LoadMutations =
    [
        ("lane 0: load family 5", p => p.Header.Load.Family = 5),
        ("lane 0: load rate 0", p => p.Header.Load.RatePps = 0),
        ("lane 0: load rate -1", p => p.Header.Load.RatePps = -1),
        ("lane 0: load rate NaN", p => p.Header.Load.RatePps = double.NaN),
        ("lane 0: load rate Infinity", p => p.Header.Load.RatePps = double.PositiveInfinity),
        ("lane 0: load rate 2000000000", p => p.Header.Load.RatePps = 2e9),
        ("lane 0: load schedule 6 is unknown", p => p.Header.Load.Schedule = (Schedule)6),
        ("lane 0: replay of 0 frames in 0 ns", p => p.Header.Load.Schedule = Schedule.Replay),
        ("lane 0: replay without its tables", p => p.Header.Load.ReplayCount = 1),
        ("lane 0: bursts of 1 frames", p => SetBurst(p, 1, 0)),
        ("lane 0: bursts of 262145 frames", p => SetBurst(p, Limits.BurstFramesMax + 1, 0)),
        ("lane 0: gaps of -1 ns between bursts: the rate leaves no time for them", p => SetBurst(p, 2, -1)),
        ("lane 0: gaps of 2001 ns between bursts: the rate leaves no time for them",
            p => SetBurst(p, 2, 2001)),
        ("lane 0: load has no rates", p => SetRate(p, 0, 1e6, 0)),
        ("lane 0: load rate 0 is none", p => SetRate(p, 0, 0, 1)),
        ("lane 0: load rate 0 is none", p => SetRate(p, 0, double.NaN, 1)),
        ("lane 0: load rate 0 is none", p => SetRate(p, 0, 2e9, 1)),
        ("lane 0: load rate 1 is none", p => SetRate(p, 1, 1e6, -1)),
        ("lane 0: 0 flows", p => p.Header.Load.Flows = 0),
        ("lane 0: 1048577 flows", p => p.Header.Load.Flows = Limits.FlowsMax + 1),
        ("lane 0: 0 paths", p => p.Header.Load.PathCount = 0),
        ("lane 0: 3 paths", p => p.Header.Load.PathCount = 3),
        ("lane 0: load of 0 ns", p => p.Header.Load.DurationNs = 0),
        ("lane 0: load of 9223372036854775807 ns", p => p.Header.Load.DurationNs = long.MaxValue),
        ("lane 0: warm-up of -1 ns", p => p.Header.Load.WarmupNs = -1),
        ("lane 0: quiet windows are no times", p => p.Header.Load.QuietEveryNs = -1),
        ("lane 0: quiet windows are no times", p =>
        {
            p.Header.Load.QuietEveryNs = 1;
            p.Header.Load.QuietForNs = p.Header.Load.QuietGuardNs = long.MaxValue; // their sum is -2
        }),
        ("lane 0: quiet windows leave no time", p =>
        {
            p.Header.Load.QuietEveryNs = 10;
            p.Header.Load.QuietForNs = p.Header.Load.QuietGuardNs = 5;
        }),
        ("lane 0: load has no frame size", p => p.Header.Load.Sizes[0].Weight = 0),
        ("lane 0: load frames of 59 to 60 bytes", p => p.Header.Load.Sizes[0].FrameBytes = 59),
        ("lane 0: load frames of 60 to 59 bytes", p => p.Header.Load.Sizes[0].FrameBytesMax = 59),
        ("lane 0: load frames of 60 to 60 bytes", p => p.Header.Load.Family = 6),
        ("lane 0: load frames of 60 to 60 bytes", p => p.Header.Load.VlanCount = 1),
        ("lane 0: load with 3 tags", p => p.Header.Load.VlanCount = 3),
        ("lane 0: load frames of 60 to 2049 bytes", p => p.Header.Load.Sizes[0].FrameBytesMax = 2049),
        ("lane 0: load weights do not add up in 32 bits", p =>
        {
            p.Header.Load.Sizes[0].Weight = 1U << 31;
            p.Header.Load.Sizes[1] = p.Header.Load.Sizes[0]; // 2^32: a remainder by zero on the lane
        }),
        ("lane 0: load ports run over", p => p.Header.Load.SourcePortCount = 0),
        ("lane 0: load ports run over", p => p.Header.Load.SourcePortCount = 55_537),
        ("lane 0: load ports run over", p => p.Header.Load.DestinationPortCount = uint.MaxValue),
        ("lane 0: load addresses run over", p => p.Header.Load.SourceCount = 0),
        ("lane 0: load addresses run over", p => p.Header.Load.DestinationCount = 0xFFFF_FFFF),
        ("lane 0: load path 1", p => p.Header.Load.Paths[1].TxPort = 2),
        ("lane 1: load path 1", p => p.Header.Load.Paths[1].RxPort = 2),
        ("lane 0: load path 0", p => p.Header.Load.Paths[0].SliceNs = 0),
        ("lane 0: load path 1", p => p.Header.Load.Paths[1].SliceNs = long.MaxValue),
    ];

    private static void SetBurst(PlanParts parts, uint frames, long gapNs)
    {
        parts.Header.Load.Schedule = Schedule.Burst;
        parts.Header.Load.BurstFrames = frames;
        parts.Header.Load.BurstGapNs = gapNs;
    }

    private static void SetRate(PlanParts parts, int index, double ratePps, long forNs)
    {
        parts.Header.Load.Schedule = Schedule.Steps;
        parts.Header.Load.Rates[0] = new PlanRate { FromPps = 1, ToPps = 1, ForNs = 1 };
        parts.Header.Load.Rates[index] = new PlanRate { FromPps = ratePps, ToPps = 1, ForNs = forNs };
    }

    [Fact]
    public void TheTestsOwnPlansAreAccepted()
    {
        PlanRecheck.Check(PlanParts.Forward().Build());
        PlanRecheck.Check(PlanParts.Load().Build());
    }

    [Fact]
    public void EverySingleBrokenFieldIsRefusedWithItsOwnLine()
    {
        foreach ((string message, Action<PlanParts> spoil) in ForwardMutations)
        {
            AssertRefused(PlanParts.Forward(), message, spoil);
        }

        foreach ((string message, Action<PlanParts> spoil) in LoadMutations)
        {
            AssertRefused(PlanParts.Load(), message, spoil);
        }
    }

    private static void AssertRefused(PlanParts parts, string message, Action<PlanParts> spoil)
    {
        spoil(parts);
        PlanImage plan = PlanImage.Parse(parts.Build().Bytes); // whole as a file
        PlanFormatException refusal = Assert.Throws<PlanFormatException>(() => PlanRecheck.Check(plan));
        Assert.Equal("plan is inconsistent: " + message, refusal.Message);
    }
}
