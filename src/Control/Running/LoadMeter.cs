using LowLatency.Control.Commands;
using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>Lets an armed load send, watches it, and reads its counters only after all has arrived. One
/// thread.</summary>
/// <param name="host">With an armed load plane.</param>
/// <param name="io">Progress.</param>
internal sealed class LoadMeter(RunHost host, CommandIo io)
{
    private const long LeadNs = 100_000_000; // from "go" to the first frame: every lane has seen it by then
    private const long DrainLimitNs = 2_000_000_000;
    private const long StopLimitNs = 2_000_000_000;
    private const int PollMs = 50;
    private const int DrainPollMs = 30;
    private const int StillPollsMin = 4;

    /// <summary>What died in the last measuring; null: nothing.</summary>
    public string? Death { get; private set; }

    /// <summary>Prepared: gaps are explained; null: they are not.</summary>
    public TraceArming? Arming { get; init; }

    /// <summary>Why the interval log ended early; null: it did not.</summary>
    public string? LogFault { get; private set; }

    /// <summary>Length of the intervals that a long run keeps; null: it keeps seconds.</summary>
    public double? IntervalSeconds { get; init; }

    /// <summary>No other load follows: the data planes are stopped as soon as all has arrived. Lanes that spin
    /// would hold the CPUs that judging and explaining need, and counters that nobody moves any more agree with
    /// each other.</summary>
    public bool IsLast { get; init; }

    /// <summary>Words before each progress line.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Measures one load from its first frame to its last.</summary>
    /// <param name="verb">load.</param>
    /// <param name="promise">What is judged.</param>
    public RunMeasurement Measure(string verb, Promise promise)
    {
        SharedRegion load = host.Fleet.Load!.Region!;
        using IntervalLog? log = IntervalSeconds is double seconds
            ? new IntervalLog(host.Folder, seconds, DateTime.UtcNow) : null;
        MeasurementSession session = new(load, host.Fleet.Forward?.Region) { Log = log };
        using Explainer? explainer = Explainers.Start(host, Arming, session);
        session.Baseline();
        Volatile.Write(ref load.Header.StartAtNs, ThreadControl.NowNs + LeadNs);
        Death = Watch(session, explainer);
        if (Death is null)
        {
            Drain(load, session);
        }

        if (IsLast)
        {
            host.Fleet.Stop();
        }

        RunMeasurement measured = session.Finish(verb, promise.Percentiles);
        LogFault = log?.Fault;
        return Explainers.Finish(explainer, session, measured);
    }

    /// <summary>Until the schedule has ended, was ended, or something died.</summary>
    /// <returns>What died; null: nothing.</returns>
    private string? Watch(MeasurementSession session, Explainer? explainer)
    {
        ProgressLine progress = new(io);
        StallWatch stall = new(host.Fleet);
        string? death = null;
        while (death is null && !session.IsLoadDone && !host.Interrupt.IsAsked)
        {
            long now = ThreadControl.NowNs;
            if (now >= session.NextSampleNs)
            {
                progress.Show(Prefix + TextReport.Progress(session.Sample()));
                death = stall.Find();
            }

            long untilSampleMs = (session.NextSampleNs - ThreadControl.NowNs + 999_999) / 1_000_000;
            host.Interrupt.Wait((int)Math.Clamp(untilSampleMs, 1, PollMs));
            Explainers.Turn(explainer, session);
            death ??= host.Fleet.FindDead()?.DescribeEnd();
        }

        progress.Close();
        return death;
    }

    // Frames on their way arrive; then the last counters of kernel and lanes are on their pages.
    private void Drain(SharedRegion load, MeasurementSession session)
    {
        Volatile.Write(ref load.Header.StopLoad, 1); // ended already, unless a signal came
        Await(StopLimitNs, () => session.IsLoadDone);
        session.EndLoad();
        ulong last = ulong.MaxValue;
        int still = 0;
        Await(DrainLimitNs, () =>
        {
            ulong moved = Moved(host.Fleet);
            still = moved == last ? still + 1 : 0;
            last = moved;
            return still >= StillPollsMin;
        });
        long stillNs = ThreadControl.NowNs;
        Await(DrainLimitNs, () =>
            host.Fleet.All.All(plane => plane.Region!.Header.HeartbeatNs > stillNs));
    }

    private void Await(long limitNs, Func<bool> isDone)
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
