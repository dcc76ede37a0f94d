using LowLatency.Control.Commands;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>One measured load: arm, send, drain, judge. One thread, on the housekeeping CPUs.</summary>
/// <param name="request">With a load plan.</param>
/// <param name="io">Report and progress.</param>
internal sealed class LoadRun(RunRequest request, CommandIo io)
{
    private const long LeadNs = 100_000_000; // from "go" to the first frame: every lane has seen it by then
    private const long DrainLimitNs = 2_000_000_000;
    private const long StopLimitNs = 2_000_000_000;
    private const int PollMs = 50;
    private const int DrainPollMs = 30;
    private const int StillPollsMin = 4;

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandFailure">Refused before anything was measured.</exception>
    public int Execute()
    {
        using RunHost host = new(request, io);
        if (!host.Arm())
        {
            io.Say("interrupted before the load began");
            return ExitCode.Interrupted;
        }

        SharedRegion load = host.Fleet.Load!.Region!;
        MeasurementSession session = new(load, host.Fleet.Forward?.Region);
        session.Baseline();
        Volatile.Write(ref load.Header.StartAtNs, ThreadControl.NowNs + LeadNs);
        string? death = Watch(host, session);
        if (death is null)
        {
            Drain(host, load, session);
        }

        RunMeasurement measured = session.Finish(request.Verb, request.Objectives);
        return host.Finish(measured, death is null ? [] : [death]);
    }

    /// <summary>Until the schedule has ended, was ended, or something died.</summary>
    /// <returns>What died; null: nothing.</returns>
    private string? Watch(RunHost host, MeasurementSession session)
    {
        ProgressLine progress = new(io);
        StallWatch stall = new(host.Fleet);
        string? death = null;
        while (death is null && !session.IsLoadDone && !host.Interrupt.IsAsked)
        {
            long now = ThreadControl.NowNs;
            if (now >= session.NextSampleNs)
            {
                progress.Show(TextReport.Progress(session.Sample()));
                death = stall.Find();
            }

            long untilSampleMs = (session.NextSampleNs - ThreadControl.NowNs + 999_999) / 1_000_000;
            host.Interrupt.Wait((int)Math.Clamp(untilSampleMs, 1, PollMs));
            death ??= host.Fleet.FindDead()?.DescribeEnd();
        }

        progress.Close();
        return death;
    }

    // Frames on their way arrive; then the last counters of kernel and lanes are on their pages.
    private static void Drain(RunHost host, SharedRegion load, MeasurementSession session)
    {
        Volatile.Write(ref load.Header.StopLoad, 1); // ended already, unless a signal came
        Await(host, StopLimitNs, () => session.IsLoadDone);
        ulong last = ulong.MaxValue;
        int still = 0;
        Await(host, DrainLimitNs, () =>
        {
            ulong moved = Moved(host.Fleet);
            still = moved == last ? still + 1 : 0;
            last = moved;
            return still >= StillPollsMin;
        });
        long stillNs = ThreadControl.NowNs;
        Await(host, DrainLimitNs, () =>
            host.Fleet.All.All(plane => plane.Region!.Header.HeartbeatNs > stillNs));
    }

    private static void Await(RunHost host, long limitNs, Func<bool> isDone)
    {
        long deadline = ThreadControl.NowNs + limitNs;
        while (!isDone() && ThreadControl.NowNs < deadline && host.Fleet.FindDead() is null)
        {
            host.Interrupt.WaitAnyway(DrainPollMs);
        }
    }

    // Foreign frames come at any time: only what belongs to the load tells that it has arrived.
    private static ulong Moved(Fleet fleet)
    {
        ulong moved = 0;
        foreach (SharedRegion region in fleet.All.Select(plane => plane.Region!))
        {
            for (int lane = 0; lane < region.Plan.LaneCount; lane++)
            {
                LaneCounters counters = region.ReadCounters(lane);
                for (int path = 0; path < Limits.PathsMax; path++)
                {
                    moved += counters.Received[path] + counters.Duplicated[path];
                }
            }
        }

        return moved;
    }
}
