using System.Diagnostics;
using System.Globalization;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Threads;

/// <summary>Where and how a thread runs. Every verb acts on the calling thread unless it says
/// otherwise.</summary>
public static class ThreadControl
{
    /// <summary>SIGTERM.</summary>
    public const int SignalTerminate = 15;

    /// <summary>CLOCK_MONOTONIC now, ns: the clock of every stamp in this product (Stopwatch is that clock
    /// on Linux).
    /// </summary>
    public static long NowNs => Stopwatch.GetTimestamp();

    /// <summary>CLOCK_REALTIME, ns since 1970.</summary>
    public static long RealtimeNs => Libc.RealtimeNs();

    /// <summary>A time since 1970 as names of files have it: 20260304T050607.089Z.</summary>
    public static string NameOf(long realtimeNs) => DateTime.UnixEpoch.AddTicks(realtimeNs / 100)
        .ToString("yyyyMMdd'T'HHmmss'.'fff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Kernel thread id.</summary>
    public static int ThreadId => Libc.ThreadId;

    /// <summary>CPU it runs on now.</summary>
    public static int CurrentCpu => Libc.CurrentCpu;

    /// <summary>True for effective user 0.</summary>
    public static bool IsRoot => Libc.IsRoot;

    /// <summary>Pins every thread of the process, those of the runtime too; new threads inherit it.</summary>
    /// <exception cref="NativeException">No CPU of the set is online or allowed.</exception>
    public static void PinProcess(in CpuSet cpus)
    {
        foreach (string task in Directory.EnumerateDirectories("/proc/self/task"))
        {
            int tid = int.Parse(Path.GetFileName(task), CultureInfo.InvariantCulture);
            Errno errno = Libc.SetAffinity(tid, cpus);
            if (errno is not (Errno.Ok or Errno.ESRCH)) // ESRCH: the thread ended meanwhile
            {
                throw new NativeException($"sched_setaffinity({tid}, {cpus})", errno,
                    "Are these CPUs online, and inside this process's cpuset?");
            }
        }
    }

    /// <summary>Pins the thread to one CPU.</summary>
    /// <exception cref="NativeException">The CPU is offline or not allowed.</exception>
    public static void Pin(int cpu)
    {
        CpuSet cpus = default;
        cpus.Add(cpu);
        Errno errno = Libc.SetAffinity(0, cpus);
        if (errno != Errno.Ok)
        {
            throw new NativeException($"sched_setaffinity(cpu {cpu})", errno,
                "Is this CPU online, and inside this process's cpuset?");
        }
    }

    /// <summary>SCHED_FIFO | SCHED_RESET_ON_FORK with a priority 1..99, or SCHED_OTHER with a nice
    /// value.</summary>
    /// <exception cref="NativeException">The kernel refused (no CAP_SYS_NICE, or no RT budget in the
    /// cgroup).</exception>
    public static void SetPolicy(LanePolicy policy, int priority)
    {
        Errno errno = policy == LanePolicy.Fifo ? Libc.SetFifo(priority) : Libc.SetOther(priority);
        if (errno != Errno.Ok)
        {
            string call = policy == LanePolicy.Fifo ? $"sched_setscheduler(SCHED_FIFO, {priority})"
                : $"setpriority(nice {priority})";
            throw new NativeException(call, errno, "Needs CAP_SYS_NICE and, with cgroup v1, cpu.rt_runtime_us > 0.");
        }
    }

    /// <summary>What the kernel says of the thread's policy and priority (nice for OTHER).</summary>
    public static (LanePolicy Policy, int Priority) ReadPolicy()
    {
        Libc.ReadPolicy(out int policy, out int priority);
        return (policy == Libc.SchedFifo ? LanePolicy.Fifo : LanePolicy.Other, priority);
    }

    /// <summary>Locks all present and future pages of the process.</summary>
    /// <exception cref="NativeException">Over RLIMIT_MEMLOCK without CAP_IPC_LOCK, or no memory.</exception>
    public static void LockMemory()
    {
        Errno errno = Libc.LockAll();
        if (errno != Errno.Ok)
        {
            throw new NativeException("mlockall(MCL_CURRENT | MCL_FUTURE)", errno,
                "Needs CAP_IPC_LOCK or a larger `ulimit -l`; lock_memory = false runs unlocked, with page faults.");
        }
    }

    /// <summary>Undoes <see cref="LockMemory"/>.</summary>
    public static void UnlockMemory() => Libc.UnlockAll();

    /// <summary>Faults and switches of the thread since it began.</summary>
    public static ThreadUsage Usage()
    {
        Libc.Usage usage = Libc.ThreadUsage();
        return new ThreadUsage(
            usage.MinorFaults, usage.MajorFaults, usage.VoluntarySwitches, usage.InvoluntarySwitches);
    }

    /// <summary>Sleeps until a time on CLOCK_MONOTONIC: a planned pause of a lane, or a boot's
    /// wait.</summary>
    public static void PauseUntil(long monotonicNs) => Libc.SleepUntil(monotonicNs);

    /// <summary>Sends a signal.</summary>
    public static Errno Signal(int pid, int signal) => Libc.SendSignal(pid, signal);
}

/// <summary>Faults and context switches of a thread.</summary>
/// <param name="MinorFaults">Page faults served from memory.</param>
/// <param name="MajorFaults">Page faults that waited for a disk.</param>
/// <param name="VoluntarySwitches">It waited.</param>
/// <param name="InvoluntarySwitches">It was preempted.</param>
public readonly record struct ThreadUsage(
    long MinorFaults, long MajorFaults, long VoluntarySwitches, long InvoluntarySwitches);
