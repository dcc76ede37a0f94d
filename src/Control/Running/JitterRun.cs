using System.Globalization;
using LowLatency.Control.Commands;
using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>Meters on the lanes' CPUs for some time, and what the kernel tells of the time they lost. One
/// thread, on the housekeeping CPUs.</summary>
/// <param name="request">Its forward plan is one of meters.</param>
/// <param name="io">Report and progress.</param>
internal sealed class JitterRun(RunRequest request, CommandIo io)
{
    private const int PollMs = 20;
    private const long SampleEveryNs = 1_000_000_000;

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandFailure">Refused before anything ran.</exception>
    public int Execute()
    {
        using RunHost host = new(request, io);
        using TraceArming? arming = Explainers.Prepare(request);
        if (!host.Arm())
        {
            io.Say("interrupted before the meters were armed");
            return ExitCode.Interrupted;
        }

        MeasurementSession session = new(load: null, host.Fleet.Forward!.Region!, role: "meter");
        using Explainer? explainer = Explainers.Start(host, arming, session);
        session.Baseline();

        string? death = Watch(host, session, explainer);
        host.Fleet.Stop();
        RunMeasurement measured = session.Finish(request.Verb, request.Promise.Percentiles);
        RunResult result = measured.Result with
        {
            Noise = [.. session.Lanes.Select(lane => NoiseSpectrum.Of(
                lane.Name, lane.Plan.Cpu, lane.Whole(HistogramKind.Gap)!, lane.Plan.GapThresholdNs))],
        };
        measured = Explainers.Finish(explainer, session, measured with { Result = result });
        return host.Finish(measured, death is null ? [] : [death]);
    }

    /// <returns>What died; null: nothing.</returns>
    private string? Watch(RunHost host, MeasurementSession session, Explainer? explainer)
    {
        ProgressLine progress = new(io);
        StallWatch stall = new(host.Fleet);
        long startNs = ThreadControl.NowNs;
        long sampleNs = startNs;
        string? death = null;
        while (death is null && !host.Interrupt.IsAsked && ThreadControl.NowNs - startNs < request.DurationNs)
        {
            host.Interrupt.Wait(PollMs);
            Explainers.Turn(explainer, session);
            death = host.Fleet.FindDead()?.DescribeEnd();
            if (ThreadControl.NowNs - sampleNs >= SampleEveryNs)
            {
                sampleNs = ThreadControl.NowNs;
                progress.Show(Line(session.Sample(), session));
                death ??= stall.Find();
            }
        }

        progress.Close();
        return death;
    }

    private static string Line(Interval interval, MeasurementSession session)
    {
        string at = interval.AtSeconds.ToString("0.0", CultureInfo.InvariantCulture).PadLeft(6);
        long gaps = session.Lanes.Sum(lane => lane.Gaps.Count);
        return $"{at} s  gaps {Units.Count(gaps)}  longest of this second "
            + $"{Units.Us(interval.GapMaxNs ?? 0)} us";
    }
}
