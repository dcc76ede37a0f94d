namespace LowLatency.Native.Uring;

/// <summary>How a ring is set up: linux/io_uring.h IORING_SETUP_*.</summary>
[Flags]
public enum UringSetup : uint
{
    /// <summary>Plain.</summary>
    None = 0,
    /// <summary>Completions are polled for (IOPOLL).</summary>
    IoPoll = 1 << 0,
    /// <summary>A kernel thread looks for submissions (SQPOLL).</summary>
    SqPoll = 1 << 1,
    /// <summary>That thread has a CPU of its own (SQ_AFF).</summary>
    SqAffinity = 1 << 2,
    /// <summary>No interrupt of the task by its completions (COOP_TASKRUN, since 5.19).</summary>
    CoopTaskRun = 1 << 8,
    /// <summary>Submission entries of 128 bytes (SQE128, since 5.19).</summary>
    WideEntries = 1 << 10,
    /// <summary>Completion entries of 32 bytes (CQE32, since 5.19).</summary>
    WideCompletions = 1 << 11,
    /// <summary>One thread submits (SINGLE_ISSUER, since 6.0).</summary>
    SingleIssuer = 1 << 12,
    /// <summary>Completions run when asked for (DEFER_TASKRUN, since 6.1); needs
    /// <see cref="SingleIssuer"/>.</summary>
    DeferTaskRun = 1 << 13,
}

/// <summary>What an io_uring call that was refused means to a user.</summary>
public static class UringRefusal
{
    /// <summary>One sentence: the likely cause and what to do. Kernels answer alike for different causes:
    /// EPERM is a sysctl, ENOSYS a seccomp filter or a kernel without io_uring.</summary>
    public static string Hint(Errno errno) => errno switch
    {
        Errno.EPERM => "io_uring is switched off for this user (sysctl kernel.io_uring_disabled), or a "
            + "seccomp filter forbids it.",
        Errno.ENOSYS => "This kernel has no io_uring, or a container's seccomp filter hides it.",
        Errno.EOPNOTSUPP => "The device or its file system cannot do this; for polling, a drive needs "
            + "polling queues (nvme.poll_queues=N).",
        Errno.EINVAL => "This kernel does not know the mode (6.1 or later does), or the place and length "
            + "are no multiple of the device's blocks.",
        Errno.ENOMEM => "Too little memory may be locked: ulimit -l, or fewer and smaller buffers.",
        Errno.ENOSPC => "The disk is full.",
        Errno.EIO => "The device failed: look into the kernel's log.",
        Errno.EACCES => "Only root may do that to this device.",
        _ => "See io_uring_enter(2).",
    };
}
