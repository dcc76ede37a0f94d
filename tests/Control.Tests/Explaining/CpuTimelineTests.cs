using LowLatency.Control.Explaining;
using Xunit;

namespace LowLatency.Control.Tests.Explaining;

/// <summary>Nested events make segments that never overlap.</summary>
public sealed class CpuTimelineTests
{
    private const int Lane = 100;
    private readonly CpuTimeline _timeline = new(Lane, tid => tid == 7 ? "lowlat (gc)" : null);

    [Fact]
    public void AThreadHasTheTimeFromItsSwitchToTheNext()
    {
        Add(1000, EventKind.Switch, Lane, 5, "bash");
        Add(1300, EventKind.Switch, 5, 6, "cat");
        Add(1400, EventKind.Switch, 6, Lane, "lane");
        Assert.Equal(["thread bash/5 1000-1300", "thread cat/6 1300-1400"], Segments());
    }

    [Theory]
    [InlineData(0, "idle: the scheduler held the lane back")] // R
    [InlineData(256, "idle: the scheduler held the lane back")] // R+: preempted
    [InlineData(1, "idle: the lane slept")]
    [InlineData(4, "idle: the lane was stopped")]
    [InlineData(8, "idle: the lane was stopped")] // by a debugger
    public void AnIdleCpuIsExplainedByTheStateThatTheLaneLeftItIn(long state, string name)
    {
        Add(1000, EventKind.Switch, Lane, 5, "bash", state);
        Add(1300, EventKind.Switch, 5, 0, "swapper/1", 1); // the state of whom it is, not of the lane
        Add(1400, EventKind.Switch, 0, Lane, "lane");
        Assert.Equal(["thread bash/5 1000-1300", $"thread {name} 1300-1400"], Segments());
    }

    [Fact]
    public void WhatInterruptsIsTakenOffWhatItInterrupts()
    {
        Add(100, EventKind.VectorEntry, Lane, value: (long)Bucket.Irq, name: "local timer");
        Add(150, EventKind.TimerCallback, Lane, name: "tick");
        Add(200, EventKind.IrqEntry, Lane, name: "eth0 (irq 9)");
        Add(260, EventKind.IrqExit, Lane);
        Add(300, EventKind.VectorExit, Lane);
        Add(310, EventKind.SoftirqEntry, Lane, name: "TIMER");
        Add(350, EventKind.SoftirqExit, Lane);
        Assert.Equal(
        [
            "irq local timer (tick) 100-200", "irq eth0 (irq 9) 200-260", "irq local timer (tick) 260-300",
            "softirq TIMER 310-350",
        ], Segments());
    }

    [Fact]
    public void AKernelWorkerIsNamedByWhatItRuns()
    {
        Add(10, EventKind.Switch, Lane, 5, "kworker/1:2");
        Add(20, EventKind.WorkStart, 5, name: "vmstat_update");
        Add(50, EventKind.WorkEnd, 5);
        Add(60, EventKind.WorkStart, 5, name: "lru_add_drain");
        Add(90, EventKind.Switch, 5, Lane, "lane");
        Assert.Equal(
        [
            "thread kworker/1:2/5 10-20", "thread kworker/1:2/5 (vmstat_update) 20-50",
            "thread kworker/1:2/5 50-60", "thread kworker/1:2/5 (lru_add_drain) 60-90",
        ], Segments());
    }

    [Fact]
    public void AThreadOfOurOwnIsOurShare()
    {
        Add(10, EventKind.Switch, Lane, 7, "gc");
        Add(20, EventKind.Switch, 7, Lane, "lane");
        Assert.Equal(["own lowlat (gc) 10-20"], Segments());
    }

    [Fact]
    public void ACallThatSleepsGoesOnWhereItWasLeft()
    {
        Add(10, EventKind.CallEntry, Lane, value: 44, name: "system call 44");
        Add(30, EventKind.Switch, Lane, 5, "bash");
        Add(70, EventKind.Switch, 5, Lane, "lane");
        Add(90, EventKind.CallExit, Lane);
        Add(95, EventKind.CallEntry, 5, value: 1, name: "system call 1"); // not the lane's
        Assert.Equal(["own-syscall system call 44 10-30", "thread bash/5 30-70",
            "own-syscall system call 44 70-90"],
            Segments());
    }

    [Fact]
    public void AnNmiHasTheTimeThatItsHandlerTook()
    {
        Add(100, EventKind.SoftirqEntry, Lane, name: "RCU");
        Add(200, EventKind.Nmi, Lane, value: 40, name: "perf_event_nmi_handler");
        Add(300, EventKind.SoftirqExit, Lane);
        Assert.Equal(["softirq RCU 100-160", "nmi perf_event_nmi_handler 160-200", "softirq RCU 200-300"],
            Segments());
    }

    [Fact]
    public void EndsWithoutABeginningAndLostEventsNameNothing()
    {
        Add(50, EventKind.SoftirqExit, Lane);
        Add(60, EventKind.IrqEntry, Lane, name: "eth0 (irq 9)");
        _timeline.Interrupt();
        Add(90, EventKind.IrqExit, Lane);
        Assert.Empty(Segments());
    }

    [Fact]
    public void SegmentsAreCutToTheTimeAskedForAndForgottenAfterwards()
    {
        Add(100, EventKind.IrqEntry, Lane, name: "x");
        Add(200, EventKind.IrqExit, Lane);
        Assert.Equal([(120L, 150L)], _timeline.Within(120, 150).Select(s => (s.StartNs, s.EndNs)));
        Assert.Empty(_timeline.Within(200, 300));
        _timeline.ForgetBefore(201);
        Assert.Empty(Segments());
    }

    [Fact]
    public void AFaultOfTheLaneIsFoundByItsTime()
    {
        Add(100, EventKind.Fault, 5, value: 0x1000);
        Add(110, EventKind.Fault, Lane, value: 0x2000);
        Assert.Null(_timeline.FaultWithin(90, 105));
        Assert.Equal("page fault at 0x2000", _timeline.FaultWithin(90, 120));
    }

    private void Add(long atNs, EventKind kind, int pid, int other = 0, string name = "", long value = 0) =>
        _timeline.Add(new CpuEvent(atNs, 1, kind, pid, other, value, name));

    private string[] Segments() => [.. _timeline.Within(0, long.MaxValue)
        .Select(s => $"{s.By.Bucket.Name()} {s.By.Name} {s.StartNs}-{s.EndNs}")];
}
