using System.Runtime.InteropServices;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Interop;

/// <summary>libc: threads, scheduling and time. Declarations and the thinnest verbs.</summary>
internal static unsafe partial class Libc
{
    // linux/sched.h, sys/resource.h, time.h.
    internal const int SchedOther = 0;
    internal const int SchedFifo = 1;
    private const int SchedResetOnFork = 0x40000000;
    private const int RusageThread = 1;
    private const int ClockMonotonic = 1;
    private const int TimerAbstime = 1;

    [LibraryImport(Name, EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int SchedSetAffinity(int pid, nuint bytes, void* mask);

    [LibraryImport(Name, EntryPoint = "sched_setscheduler", SetLastError = true)]
    private static partial int SchedSetScheduler(int pid, int policy, int* priority);

    [LibraryImport(Name, EntryPoint = "sched_getscheduler", SetLastError = true)]
    private static partial int SchedGetScheduler(int pid);

    [LibraryImport(Name, EntryPoint = "sched_getparam", SetLastError = true)]
    private static partial int SchedGetParam(int pid, int* priority);

    [LibraryImport(Name, EntryPoint = "sched_getcpu")]
    private static partial int SchedGetCpu();

    [LibraryImport(Name, EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, uint who, int nice);

    [LibraryImport(Name, EntryPoint = "getpriority", SetLastError = true)]
    private static partial int GetPriority(int which, uint who);

    [LibraryImport(Name, EntryPoint = "gettid")]
    private static partial int GetTid();

    [LibraryImport(Name, EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);

    [LibraryImport(Name, EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    [LibraryImport(Name, EntryPoint = "getrusage", SetLastError = true)]
    private static partial int GetUsage(int who, Usage* usage);

    [LibraryImport(Name, EntryPoint = "clock_nanosleep")]
    private static partial int ClockNanosleep(int clock, int flags, TimeSpec* request, TimeSpec* remain);

    /// <summary>sys/resource.h <c>struct rusage</c>, x86-64.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 144)]
    internal struct Usage
    {
        [FieldOffset(64)] public long MinorFaults;
        [FieldOffset(72)] public long MajorFaults;
        [FieldOffset(128)] public long VoluntarySwitches;
        [FieldOffset(136)] public long InvoluntarySwitches;
    }

    internal static int ThreadId => GetTid();

    internal static int CurrentCpu => SchedGetCpu();

    internal static bool IsRoot => GetEffectiveUser() == 0;

    internal static Errno SetAffinity(int tid, in CpuSet cpus)
    {
        fixed (CpuSet* mask = &cpus) // in bounds: the size is the struct's own
        {
            return SchedSetAffinity(tid, (nuint)sizeof(CpuSet), mask) == 0 ? Errno.Ok : LastErrno;
        }
    }

    internal static Errno SetFifo(int priority) =>
        SchedSetScheduler(0, SchedFifo | SchedResetOnFork, &priority) == 0 ? Errno.Ok : LastErrno;

    internal static Errno SetOther(int nice)
    {
        int zero = 0;
        if (SchedSetScheduler(0, SchedOther, &zero) != 0)
        {
            return LastErrno;
        }

        return SetPriority(0 /* PRIO_PROCESS */, (uint)GetTid(), nice) == 0 ? Errno.Ok : LastErrno;
    }

    internal static void ReadPolicy(out int policy, out int priority)
    {
        policy = SchedGetScheduler(0) & ~SchedResetOnFork;
        int value = 0;
        _ = SchedGetParam(0, &value);
        priority = policy == SchedOther ? GetPriority(0, (uint)GetTid()) : value;
    }

    internal static Errno SendSignal(int pid, int signal) => Kill(pid, signal) == 0 ? Errno.Ok : LastErrno;

    internal static Usage ThreadUsage()
    {
        Usage usage;
        Invariant.Require(GetUsage(RusageThread, &usage) == 0);
        return usage;
    }

    internal static void SleepUntil(long monotonicNs)
    {
        TimeSpec until = new() { Seconds = monotonicNs / 1_000_000_000, Nanoseconds = monotonicNs % 1_000_000_000 };
        while (ClockNanosleep(ClockMonotonic, TimerAbstime, &until, null) == (int)Errno.EINTR)
        {
        }
    }
}

/// <summary>time.h <c>struct timespec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpec
{
    private const long NsPerSecond = 1_000_000_000;
    public long Seconds;
    public long Nanoseconds;

    public readonly long Ns => (Seconds * NsPerSecond) + Nanoseconds;

    public static TimeSpec Of(long ns) => new() { Seconds = ns / NsPerSecond, Nanoseconds = ns % NsPerSecond };
}
