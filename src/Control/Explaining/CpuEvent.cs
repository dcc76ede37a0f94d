namespace LowLatency.Control.Explaining;

/// <summary>What the kernel told of.</summary>
internal enum EventKind : byte
{
    /// <summary>Another thread gets the CPU: Pid of the one that goes, Value: its state, Other of the one that
    /// comes, its name.</summary>
    Switch,

    /// <summary>An interrupt vector begins: its name; Value: <see cref="Bucket"/>.</summary>
    VectorEntry,

    /// <summary>It ends.</summary>
    VectorExit,

    /// <summary>A device's handler begins: "name (irq n)".</summary>
    IrqEntry,

    /// <summary>It ends.</summary>
    IrqExit,

    /// <summary>A softirq begins: its name.</summary>
    SoftirqEntry,

    /// <summary>It ends.</summary>
    SoftirqExit,

    /// <summary>A handler of an NMI has ended: its name; Value: what it took, ns.</summary>
    Nmi,

    /// <summary>A page fault: Value: the address.</summary>
    Fault,

    /// <summary>A work item begins: its function's name.</summary>
    WorkStart,

    /// <summary>It ends.</summary>
    WorkEnd,

    /// <summary>A timer's callback begins: its name.</summary>
    TimerCallback,

    /// <summary>A CPU is interrupted by another: Other: that CPU; the function it shall run, or "".</summary>
    IpiSent,

    /// <summary>A system call begins: Value: its number.</summary>
    CallEntry,

    /// <summary>It ends.</summary>
    CallExit,
}

/// <summary>One event of one CPU.</summary>
/// <param name="AtNs">CLOCK_MONOTONIC, ns.</param>
/// <param name="Cpu">Where.</param>
/// <param name="Kind">What.</param>
/// <param name="Pid">The thread it happened to.</param>
/// <param name="Other">By kind.</param>
/// <param name="Value">By kind.</param>
/// <param name="Name">By kind; never null.</param>
internal readonly record struct CpuEvent(
    long AtNs, int Cpu, EventKind Kind, int Pid, int Other, long Value, string Name);
