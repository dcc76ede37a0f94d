using LowLatency.Native;
using LowLatency.Native.Probes;
using LowLatency.Native.Uring;

namespace LowLatency.Control.Storage;

/// <summary>The mode that a target really has, found by trying it.</summary>
/// <param name="Effective">interrupt, iopoll, sqpoll, sqpoll+iopoll or passthrough, passthrough+iopoll.</param>
/// <param name="Why">How that came about; what was asked for and could not be had.</param>
/// <param name="Setup">Flags of the ring.</param>
/// <param name="Passes">True: by NVMe commands.</param>
internal sealed record DiskModes(string Effective, string Why, UringSetup Setup, bool Passes)
{
    /// <summary>Tries what is asked for. What cannot be had gives way to interrupts, and is told.</summary>
    public static DiskModes Find(TransferMode asked, DiskTarget target, int blockBytes) => asked switch
    {
        TransferMode.Interrupt => new("interrupt", "asked for", UringSetup.None, false),
        TransferMode.SqPoll => OfThread(target, blockBytes),
        TransferMode.Passthrough => OfCommands(target, blockBytes),
        _ => Polled(target, blockBytes),
    };

    private static DiskModes Polled(DiskTarget target, int blockBytes)
    {
        string? refusal = WhyNotPolled(target, blockBytes);
        return refusal is null
            ? new("iopoll", "a polled read worked", UringSetup.IoPoll, false)
            : new("interrupt", refusal,
                UringSetup.None, false);
    }

    private static DiskModes OfThread(DiskTarget target, int blockBytes)
    {
        UringTrial trial = UringTrial.Run(UringSetup.SqPoll);
        if (trial.Errno != Errno.Ok)
        {
            return new("interrupt", $"sqpoll was asked for: io_uring_setup(SQPOLL): {trial.Errno.Name()}. "
                + UringRefusal.Hint(trial.Errno), UringSetup.None, false);
        }

        string? refusal = WhyNotPolled(target, blockBytes);
        return refusal is null
            ? new("sqpoll+iopoll", "a polled read worked", UringSetup.SqPoll | UringSetup.IoPoll, false)
            : new("sqpoll", "completed by interrupt: " + refusal, UringSetup.SqPoll, false);
    }

    private static DiskModes OfCommands(DiskTarget target, int blockBytes)
    {
        const UringSetup wide = UringSetup.WideEntries | UringSetup.WideCompletions;
        string refusal = "it is no NVMe namespace";
        if (target.File.Kind == DirectKind.Block && target.Device.StartsWith("nvme", StringComparison.Ordinal)
            && Path.GetFileName(target.File.Path) == target.Device)
        {
            PolledRead trial = PolledRead.RunPassthrough(target.File.Path, blockBytes);
            if (trial.IsPolled && target.HasPollingQueues)
            {
                return new("passthrough+iopoll", "a polled command worked", wide | UringSetup.IoPoll, true);
            }

            if (trial.IsPolled || trial.Errno == Errno.EOPNOTSUPP)
            {
                return new("passthrough", "completed by interrupt: the drive has no polling queues "
                    + "(nvme.poll_queues=N)", wide, true);
            }

            refusal = $"{trial.Step}: {trial.Errno.Name()}";
        }

        DiskModes other = Polled(target, blockBytes);
        return other with { Why = $"passthrough was asked for: {refusal}; {other.Why}" };
    }

    // Before Linux 6.12 the kernel takes a polled read and completes it by interrupt: the queue tells.
    private static string? WhyNotPolled(DiskTarget target, int blockBytes)
    {
        PolledRead trial = PolledRead.On(target.File, IoOperation.Read, blockBytes);
        return !trial.IsPolled
            ? $"a polled read was refused ({trial.Step}: {trial.Errno.Name()}): "
                + (target.HasPollingQueues ? UringRefusal.Hint(trial.Errno)
                    : Queueless(target.Device))
            : target.Device.Length == 0 || target.HasPollingQueues ? null
            : Queueless(target.Device);
    }

    private static string Queueless(string device) => device.Length == 0 ? "no block device is known under it"
        : $"{device} has no polling queues (queue/io_poll is 0"
            + (device.StartsWith("nvme", StringComparison.Ordinal) ? "; boot with nvme.poll_queues=N)" : ")");
}
