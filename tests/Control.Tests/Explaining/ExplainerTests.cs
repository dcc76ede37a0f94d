using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;
using Xunit;

namespace LowLatency.Control.Tests.Explaining;

/// <summary>Gaps joined with events.</summary>
public sealed class ExplainerTests
{
    private static readonly ExplainedLane Meter = new("m1", 1, 100, IsMeter: true);
    private static readonly ExplainedLane Other = new("m2", 2, 200, IsMeter: true);
    private static readonly ExplainedLane Forward = new("fwd", 3, 300, IsMeter: false);
    private readonly Explainer _explainer = Explainer.ForTest([Meter, Other, Forward]);

    [Fact]
    public void AGapThatAThreadFillsIsThatThreads()
    {
        Feed(Event(1000, 1, EventKind.Switch, 100, 5, "bash"),
            Event(9000, 1, EventKind.Switch, 5, 100, "m1"));
        Assert.Equal("thread bash 8000, return-path 500", Explain(Gap("m1", 700, 8500)));
    }

    [Fact]
    public void WhoeverGotTheCpuBeforeTheLaneLastRanHasNotTakenItSince()
    {
        // The switch back from idle is not told, as on some kernels.
        Feed(Event(1000, 1, EventKind.Switch, 100, 0, "swapper/1", 1),
            Event(6000, 1, EventKind.IrqEntry, 100, 0, "eth0 (irq 9)"),
            Event(6500, 1, EventKind.IrqExit, 100),
            Event(90_000, 1, EventKind.Switch, 0, 100, "m1"));
        Tell(Gap("m1", 500, 4500));
        Tell(Gap("m1", 5900, 1000));
        Assert.Equal("thread idle: the lane slept 4000, unattributed 3000, return-path 1000, "
            + "irq eth0 (irq 9) 500", Explain(Gap("m1", 20_000, 3000)));
    }

    [Fact]
    public void AnInterruptionAnswersForNoMoreThanItsOwnLengthOrFiveMicroseconds()
    {
        Feed(Event(1000, 1, EventKind.IrqEntry, 100, 0, "eth0 (irq 9)"),
            Event(2000, 1, EventKind.IrqExit, 100));
        Assert.Equal("unattributed 94000, return-path 5000, irq eth0 (irq 9) 1000",
            Explain(Gap("m1", 500, 100_000)));
    }

    [Fact]
    public void AnIpiIsNamedWithItsSender()
    {
        Feed(Event(900, 0, EventKind.IpiSent, 42, 1, ""), Event(950, 0, EventKind.IpiSent, 42, 1,
            "flush_tlb_func"),
            Event(960, 0, EventKind.IpiSent, 43, 2, "other_target"),
            Event(1000, 1, EventKind.VectorEntry, 100, 0, "call function", (long)Bucket.Ipi),
            Event(4000, 1, EventKind.VectorExit, 100));
        string said = Explain(Gap("m1", 1000, 3000));
        Assert.Matches(@"^ipi call function \(flush_tlb_func from .*/42 on CPU 0\) 3000$", said);
    }

    [Fact]
    public void AFaultTakesWhatNothingElseTook()
    {
        Feed(Event(1000, 1, EventKind.Fault, 100, value: 0x7000));
        Assert.Equal("own-fault page fault at 0x7000 2000", Explain(Gap("m1", 500, 2000)));
    }

    [Fact]
    public void AllMeasuredCpusAtOnceIsTheMachine()
    {
        Tell(Gap("m2", 10_300, 80_000));
        Tell(Gap("fwd", 10_100, 81_000, regime: "idle"));
        Assert.Equal("machine-wide all measured CPUs at once 80000",
            Explain(Gap("m1", 10_000, 80_000), "m1"));
    }

    [Fact]
    public void OneCpuAloneWithoutAnEventIsUnattributed()
    {
        Tell(Gap("m2", 10_000, 80_000));
        Assert.Equal("unattributed 80000", Explain(Gap("m1", 10_000, 80_000), "m1"));
    }

    [Fact]
    public void ATurnThatMovedFramesIsItsOwnWorkAsFarAsThoseTakeTime()
    {
        Assert.Equal("own-work 25000", Explain(Gap("fwd", 0, 25_000, frames: 64, regime: "busy")));
    }

    [Fact]
    public void ALongTurnWithFewFramesIsNotAllItsOwnWork()
    {
        Assert.Equal("unattributed 487000, own-work 13000",
            Explain(Gap("fwd", 0, 500_000, frames: 1, regime: "busy")));
    }

    [Fact]
    public void GapsOfOtherLanesAreNotLookedAt()
    {
        Tell(Gap("stranger", 0, 1000));
        Assert.Equal(0, _explainer.Finish().Gaps);
    }

    [Fact]
    public void WithoutTracingNoShareIsClaimed()
    {
        Tell(Gap("m1", 0, 1000));
        Explanation explanation = _explainer.Finish();
        Assert.Equal(("T0", "a test", null, null),
            (explanation.Tier, explanation.Why, explanation.NamedTimeShare, explanation.NamedCountShare));
    }

    private static CpuEvent Event(long atNs, int cpu, EventKind kind, int pid, int other = 0,
        string name = "",
        long value = 0) => new(atNs, cpu, kind, pid, other, value, name);

    private static GapRecord Gap(
        string lane, long startNs, long lengthNs, uint frames = 0, string regime = "idle") =>
        new("test", lane, startNs, lengthNs, 1, regime, frames);

    private void Tell(GapRecord gap) => _explainer.Add(new[] { Meter, Other, Forward }.FirstOrDefault(
        lane => lane.Name == gap.Lane, Meter with { Name = gap.Lane }), gap);

    private void Feed(params CpuEvent[] events) => _explainer.Feed(new TraceBatch(events, 1, []));

    private string Explain(GapRecord gap, string lane = "")
    {
        Tell(gap);
        Explanation explanation = _explainer.Finish();
        IEnumerable<CulpritRow> rows = explanation.Culprits.Where(row => lane.Length == 0
            || row.Lane == lane);
        return string.Join(", ", rows.Select(row =>
            row.Name.Length > 0 ? $"{row.Bucket} {row.Name} {row.LostNs}" : $"{row.Bucket} {row.LostNs}"));
    }
}
