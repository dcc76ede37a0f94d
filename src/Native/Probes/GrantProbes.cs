using System.Numerics;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Native.Probes;

/// <summary>Whether this process gets huge pages: maps them, has one faulted in, gives all back.</summary>
/// <param name="Errno">Ok; ENOMEM: the pool has too few free; EINVAL: no pool of that size; EFAULT: promised
/// but not given (a cgroup's hugetlb limit, or none on the allowed nodes).</param>
/// <param name="IsReserved">The mapping was made; what failed is the page itself.</param>
public sealed record HugePageTrial(Errno Errno, bool IsReserved)
{
    /// <summary>Tries.</summary>
    /// <param name="pageBytes">Size of a page, such as 2 MiB or 1 GiB: a power of two.</param>
    /// <param name="bytes">How much; rounded up to whole pages.</param>
    public static unsafe HugePageTrial Run(long pageBytes, long bytes)
    {
        if (pageBytes <= 0 || bytes <= 0 || !BitOperations.IsPow2(pageBytes)
            || bytes > long.MaxValue - pageBytes)
        {
            return new HugePageTrial(Errno.EINVAL, IsReserved: false);
        }

        long rounded = (bytes + pageBytes - 1) / pageBytes * pageBytes;
        byte* start = Libc.MapHuge(rounded, BitOperations.Log2((ulong)pageBytes), out Errno errno);
        if (start == null)
        {
            return new HugePageTrial(errno, IsReserved: false);
        }

        errno = Libc.Populate(start, pageBytes); // in bounds: at least one page was mapped
        Libc.Unmap(start, rounded);
        return new HugePageTrial(errno, IsReserved: true);
    }
}

/// <summary>Whether this process may lock memory: maps it, locks it, gives it back.</summary>
/// <param name="Errno">Ok; ENOMEM: over RLIMIT_MEMLOCK, or no memory; EPERM: the limit is 0.</param>
public sealed record LockTrial(Errno Errno)
{
    /// <summary>Tries. The memory is really taken for that moment.</summary>
    /// <param name="bytes">How much; not beyond what the product will lock.</param>
    public static LockTrial Run(long bytes)
    {
        if (bytes <= 0)
        {
            return new LockTrial(Errno.EINVAL);
        }

        try
        {
            using MappedMemory memory = MappedMemory.Anonymous(bytes, HugePages.Never);
            return new LockTrial(memory.Lock());
        }
        catch (NativeException refused)
        {
            return new LockTrial(refused.Errno);
        }
    }
}

/// <summary>Whether this process may run a thread under SCHED_FIFO: on a thread of its own, which ends at
/// once.</summary>
/// <param name="Errno">Ok; EPERM: no CAP_SYS_NICE and RLIMIT_RTPRIO too low, or no real-time budget in the
/// cgroup; EINVAL: no such priority.</param>
/// <param name="Priority">What the kernel then said the thread has; 0: not real-time.</param>
public sealed record RealTimeTrial(Errno Errno, int Priority)
{
    /// <summary>Tries.</summary>
    /// <param name="priority">1 to 99.</param>
    public static RealTimeTrial Run(int priority)
    {
        RealTimeTrial outcome = new(Errno.EAGAIN, 0);
        Thread thread = new(() =>
        {
            Errno errno = Libc.SetFifo(priority);
            (LanePolicy policy, int seen) = ThreadControl.ReadPolicy();
            outcome = new RealTimeTrial(errno, policy == LanePolicy.Fifo ? seen : 0);
            if (errno == Errno.Ok)
            {
                _ = Libc.SetOther(0); // the runtime's own last steps need no priority
            }
        });
        thread.Start();
        thread.Join();
        return outcome;
    }
}
