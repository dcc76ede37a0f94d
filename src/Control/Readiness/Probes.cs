using System.Globalization;
using System.Text;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Probes;
using LowLatency.Native.Uring;

namespace LowLatency.Control.Readiness;

/// <summary>Active probes: each tries a thing, undoes it, and says what came of it as lines of "key value".
/// What the host refuses is an answer, not a failure of the probe.</summary>
internal static class Probes
{
    private const int ClockReads = 100_000; // about 2 ms where the vDSO reads the clock
    private const int BlockBytes = 4096;

    /// <summary>Runs one.</summary>
    /// <param name="fact">To be filled in.</param>
    /// <param name="request">Name and arguments.</param>
    public static Fact Run(Fact fact, string request) => (Answer(request) ?? StorageProbes.Answer(request))
        is string lines
        ? LiveHost.With(fact, Encoding.UTF8.GetBytes(lines))
        : fact with { Problem = $"there is no probe '{request.Split(' ')[0]}'" };

    private static string? Answer(string request) => request.Split(' ') switch
    {
        ["clock-cost"] => ClockCostOf(),
        ["clock-sync"] => ClockSyncOf(),
        ["hugepage", var bytes] => Result(HugePageTrial.Run(Number(bytes), Number(bytes)).Errno),
        ["realtime", var priority] => Result(RealTimeTrial.Run((int)Number(priority)).Errno),
        ["uring", var mode] => Uring(mode),
        ["polled-read", var path] => Polled(PolledRead.Run(path, BlockBytes)),
        ["bpf"] => Bpf(BpfTrial.Run()),
        ["xsk", var bytes] => Socket(XskTrial.Run(Number(bytes), Limits.ChunkBytesMin, HugePages.Auto)),
        ["bind", var target, var queue, var mode] => Bind(target, (uint)Number(queue), mode == "zero-copy"),
        _ => null,
    };

    private static string ClockCostOf()
    {
        ClockCost cost = ClockCost.Run(ClockReads);
        return string.Create(CultureInfo.InvariantCulture,
            $"vdsoNs {cost.VdsoNs:0.0}\nsyscallNs {cost.SystemCallNs:0.0}\nstopwatchNs "
                + $"{cost.StopwatchNs:0.0}\n");
    }

    private static string ClockSyncOf()
    {
        ClockSync sync = ClockSync.Run();
        return sync.Errno != Errno.Ok ? Result(sync.Errno) : string.Create(CultureInfo.InvariantCulture,
            $"offsetNs {sync.OffsetNs}\nmaxErrorUs {sync.MaxErrorUs}\nstatus {sync.Status}\nunsynchronised ")
            + (sync.IsUnsynchronised ? "true\n" : "false\n");
    }

    private static string Uring(string mode)
    {
        UringTrial trial = UringTrial.Run(mode switch
        {
            "iopoll" => UringSetup.IoPoll,
            "sqpoll" => UringSetup.SqPoll,
            _ => UringSetup.None,
        });
        int operations = trial.Errno == Errno.Ok ? Native.Uring.UringProbe.Run().Operations : 0;
        return Result(trial.Errno) + string.Create(CultureInfo.InvariantCulture, $"ops {operations}\n");
    }

    private static string Polled(PolledRead read) => Result(read.Errno)
        + $"polled {(read.IsPolled ? "true" : "false")}\nstep {read.Step}\n";

    private static string Bpf(BpfTrial trial) => Result(trial.Errno)
        + $"jited {(trial.IsJited ? "true" : "false")}\nverifier {OneLine(trial.Reason)}\n";

    private static string Socket(XskTrial trial) => Result(trial.Errno)
        + (trial.Errno == Errno.Ok ? "" : $"call {OneLine(trial.Call)}\nreason {OneLine(trial.Reason)}\n");

    // A thread of its own: entering the namespace changes the one that does it.
    private static string Bind(string target, uint queue, bool isZeroCopy)
    {
        string space = target.StartsWith('[') ? target[1..target.IndexOf(']', StringComparison.Ordinal)] : "";
        string link = target[(target.IndexOf(']', StringComparison.Ordinal) + 1)..];
        string netns = space.Length == 0 || space.StartsWith('/') ? space : "/run/netns/" + space;
        BindTrial? trial = null;
        Thread thread = new(() => trial = BindTrial.Run(netns, link, queue,
            isZeroCopy)) { IsBackground = true };
        thread.Start();
        thread.Join();
        return Result(trial!.Errno) + $"zeroCopy {(trial.IsZeroCopy ? "true" : "false")}\nreason "
            + $"{OneLine(trial.Reason)}\n";
    }

    private static string Result(Errno errno) => $"result {(errno == Errno.Ok ? "ok" : errno.Name())}\n";

    private static string OneLine(string text) => text.Length == 0 ? "-"
        : text.ReplaceLineEndings(" ").Trim();

    private static long Number(string text) => long.Parse(text, NumberStyles.None,
        CultureInfo.InvariantCulture);
}
