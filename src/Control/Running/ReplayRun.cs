using HdrHistogram;
using LowLatency.Control.Commands;
using LowLatency.Control.Measuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Reporting;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>A capture sent from its file, and how late each of its packets was. One thread, on the housekeeping
/// CPUs.</summary>
/// <param name="request">Its forward plan is that of the replay.</param>
/// <param name="replay">What is sent.</param>
/// <param name="io">Report and progress.</param>
internal sealed class ReplayRun(RunRequest request, ReplayRequest replay, CommandIo io)
{
    private const int PollMs = 20;
    private const long LeadNs = 100_000_000; // until the first packet: the lane has read ahead by then
    private const long SampleEveryNs = 1_000_000_000;

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandFailure">Refused before anything was sent.</exception>
    public int Execute()
    {
        using RunHost host = new(request, io);
        if (!host.Arm())
        {
            io.Say("interrupted before the replay began");
            return ExitCode.Interrupted;
        }

        DataPlane plane = host.Fleet.Forward!;
        MeasurementSession session = new(load: null, plane.Region!, role: "replay");
        session.Baseline();
        // release: all else of the region was written before
        Volatile.Write(ref plane.Region!.Header.StartAtNs, ThreadControl.NowNs + LeadNs);
        string? death = Watch(host, session);
        bool isInterrupted = host.Interrupt.IsAsked;
        host.Fleet.Stop();
        RunMeasurement measured = session.Finish(request.Verb, request.Promise.Percentiles);
        int code = host.Finish(Judge(measured, session, plane.ReplayState(), isInterrupted),
            death is null ? [] : [death]);
        return code == ExitCode.Ok && isInterrupted ? ExitCode.Interrupted : code;
    }

    private string? Watch(RunHost host, MeasurementSession session)
    {
        ProgressLine progress = new(io);
        long sampleNs = ThreadControl.NowNs;
        string? death = null;
        while (death is null && !host.Interrupt.IsAsked
            && session.Lanes.Any(lane => lane.Page.State < LaneState.Done))
        {
            host.Interrupt.Wait(PollMs);
            death = host.Fleet.FindDead()?.DescribeEnd();
            if (death is null && ThreadControl.NowNs - sampleNs >= SampleEveryNs)
            {
                sampleNs = ThreadControl.NowNs;
                session.Sample();
                LaneCounters counters = session.Lanes.First().Last;
                progress.Show($"sent {Units.Count((long)counters.TxFrames)} frames, "
                    + Units.Bytes((long)counters.TxBytes));
            }
        }

        progress.Close();
        return death;
    }

    private RunMeasurement Judge(RunMeasurement measured, MeasurementSession session, ReplayHeader state,
        bool isInterrupted)
    {
        LaneTrack lane = session.Lanes.First();
        LongHistogram lateness = lane.Whole(HistogramKind.Lateness)!;
        LatencySummary? late = LatencySummary.Of(lateness);
        long sent = (long)lane.Last.TxFrames;
        double seconds = Math.Max(0, state.LastNs - (state.FirstNs == 0 ? state.LastNs : state.FirstNs)) / 1e9;
        double rate = seconds > 0 ? sent / seconds : 0;
        ReplaySettings settings = replay.Settings;
        List<string> reasons = [.. measured.Result.Verdict.Reasons];
        List<string> notes = [.. measured.Result.Verdict.Notes];
        notes.Add($"{Units.Count(sent)} frames of {replay.Path} sent byte for byte, "
            + $"{(settings.RatePps > 0 ? $"{Units.Rate(settings.RatePps)} a second" : Speed(settings.Speed))}, "
            + $"{Units.Bytes((long)state.ReadBytes)} read{(state.IsPolled != 0 ? " by polling" : "")}");
        if (state.Skipped > 0)
        {
            reasons.Add($"{Units.Count((long)state.Skipped)} frames are longer than the port carries, or no "
                + "frames: they were not sent");
        }

        if (state.End is ReplayEnd.Torn or ReplayEnd.Failed)
        {
            reasons.Add(state.End == ReplayEnd.Torn
                ? $"{replay.Path} is torn behind its frame {Units.Count(sent + (long)state.Skipped)}: the rest was "
                    + "not sent; 'lowlat record ls' says where"
                : $"reading {replay.Path} failed: {((Errno)state.Errno).Name()}");
        }

        if (isInterrupted)
        {
            notes.Add("partial: it was interrupted and ended early");
        }

        measured.Histograms.Add(HistogramSet.Lateness, lateness);
        return measured with
        {
            Result = measured.Result with
            {
                DurationSeconds = Math.Round(seconds, 6),
                Generator = new GeneratorResult(settings.RatePps > 0 ? settings.RatePps : rate, Math.Round(rate, 1),
                    late?.P50Ns, late?.P999Ns, late?.MaxNs, 0, IsLate: false, "capture", null, late, []),
                Verdict = new Verdict(reasons.Count == 0, reasons, notes),
                IsPartial = isInterrupted,
            },
        };
    }

    private static string Speed(double speed) => speed == 1 ? "with their own times"
        : FormattableString.Invariant($"{speed:0.###} times as fast as captured");
}
