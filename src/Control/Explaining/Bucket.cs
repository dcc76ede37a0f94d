namespace LowLatency.Control.Explaining;

/// <summary>What took a lane's time: classes that differ in what one does about them.</summary>
internal enum Bucket
{
    /// <summary>A non-maskable interrupt: perf, watchdog, crash.</summary>
    Nmi,

    /// <summary>Another thread had the CPU.</summary>
    Thread,

    /// <summary>Threads of lowlat or lowlatd that are no lane: our own share.</summary>
    Own,

    /// <summary>A page fault of the lane.</summary>
    OwnFault,

    /// <summary>An interrupt of a device or of the local timer.</summary>
    Irq,

    /// <summary>A softirq.</summary>
    Softirq,

    /// <summary>An interrupt that another CPU sent.</summary>
    Ipi,

    /// <summary>A system call of the lane.</summary>
    OwnCall,

    /// <summary>System management mode: firmware.</summary>
    Smi,

    /// <summary>The hypervisor ran something else.</summary>
    Host,

    /// <summary>The CPU was throttled.</summary>
    Thermal,

    /// <summary>All measured CPUs stood still at one time.</summary>
    Machine,

    /// <summary>Between what is named and the lane's next turn: entry, return, caches that were
    /// lost.</summary>
    ReturnPath,

    /// <summary>The turn itself: frames that it moved, wake-ups that it made.</summary>
    OwnWork,

    /// <summary>Events were lost while it lasted: nothing is said.</summary>
    Unknown,

    /// <summary>Nothing explains it.</summary>
    Unattributed,
}

/// <summary>Names of buckets in text and JSON, and what would remove what is in them.</summary>
internal static class Buckets
{
    private static readonly string[] Names =
    [
        "nmi", "thread", "own", "own-fault", "irq", "softirq", "ipi", "own-syscall", "smi", "host", "thermal",
        "machine-wide", "return-path", "own-work", "unknown", "unattributed",
    ];

    /// <summary>All of them, in the order of the enumeration.</summary>
    public static IReadOnlyList<string> All => Names;

    /// <summary>The name.</summary>
    public static string Name(this Bucket bucket) => Names[(int)bucket];

    /// <summary>True for those that name a cause.</summary>
    public static bool IsNamed(this Bucket bucket) => bucket is not (Bucket.Unknown or Bucket.Unattributed);

    /// <summary>The readiness check that judges the cause; "" where none does.</summary>
    /// <param name="bucket">Of the culprit.</param>
    /// <param name="name">As the explanation names it.</param>
    public static string CheckOf(Bucket bucket, string name) => bucket switch
    {
        Bucket.Nmi => "wd.lockup.off-dataplane",
        Bucket.Thread when name.StartsWith("kworker", Is) => "cpu.workqueue.unbound-off",
        Bucket.Thread when name.StartsWith("irq/", Is) => "irq.affinity.effective-off",
        Bucket.Thread when name.StartsWith("rcu", Is) => "cpu.rcu.offloaded",
        Bucket.Thread when IsKernelThread(name) => "cpu.threads.kthreads-movable-off",
        Bucket.Thread when name.StartsWith("idle: the scheduler", Is) => "cpu.sched.dl-server",
        Bucket.Thread when name.StartsWith("idle: ", Is) => "", // the lane's own doing, or a signal's
        Bucket.Thread => "cpu.threads.no-foreign-user",
        Bucket.Own => "app.threads.placement",
        Bucket.OwnFault => "mem.locked.no-faults",
        Bucket.Irq when name.StartsWith("local timer", Is) => "cpu.tick.silent",
        Bucket.Irq => "irq.affinity.effective-off",
        Bucket.Softirq when name.StartsWith("RCU", Is) => "cpu.rcu.offloaded",
        Bucket.Softirq when name.StartsWith("NET", Is) => "nic.steering-sw.off-dataplane",
        Bucket.Softirq when name.StartsWith("TIMER", Is) || name.StartsWith("HRTIMER", Is) =>
            "cpu.timers.foreign",
        Bucket.Softirq => "cpu.tick.silent",
        Bucket.Ipi => "irq.ipi.sources-known",
        Bucket.Smi => "hw.smi.zero-delta",
        Bucket.Host => "hw.virt.steal-zero",
        Bucket.Thermal => "pwr.thermal.no-throttle",
        Bucket.Machine => "hw.noise.hwlat-max",
        _ => "",
    };

    private const StringComparison Is = StringComparison.Ordinal;

    private static bool IsKernelThread(string name) =>
        name.StartsWith("ksoftirqd", Is) || name.StartsWith("migration", Is) || name.StartsWith("cpuhp", Is)
        || name.StartsWith("kcompactd", Is) || name.StartsWith("kswapd", Is)
            || name.StartsWith("watchdog", Is)
        || name.StartsWith("ktimers", Is) || name.StartsWith("idle_inject", Is);
}
