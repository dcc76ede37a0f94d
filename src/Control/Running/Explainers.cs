using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Running;

/// <summary>The explaining engine in a run: armed before the measured window, told of gaps, asked at the end.
/// Every step does nothing where a run is not to be explained.</summary>
internal static class Explainers
{
    private const int SettleMs = 200; // arming interrupts every CPU: that is not the host's noise

    /// <summary>Before the lanes start; null: not asked for.</summary>
    public static TraceArming? Prepare(RunRequest request) => !request.Explains ? null
        : new TraceArming([.. request.Plans.SelectMany(CpusOf).Distinct()]);

    /// <summary>Begins over all lanes of a session, which are armed: from now on their gaps are told to it.
    /// Null: not asked for.</summary>
    public static Explainer? Start(RunHost host, TraceArming? arming, MeasurementSession session)
    {
        if (arming is null)
        {
            return null;
        }

        LaneTrack[] tracks = [.. session.Lanes];
        ExplainedLane[] lanes = [.. tracks.Select(track => new ExplainedLane(
            tracks.Count(other => other.Name == track.Name) == 1 ? track.Name : $"{track.Process}.{track.Name}",
            track.Page.Cpu, track.Page.ThreadId, track.Plan.Kind is LaneKind.Meter or LaneKind.ShapedMeter))];
        int[] ours = [Environment.ProcessId, .. host.Fleet.All.Select(plane =>
            (int)plane.Region!.Header.Pid)];
        Explainer explainer = Explainer.Start(lanes, ours, arming,
            tracesNetwork: !host.Fleet.All.Any(plane => HasCopies(plane.Region!)));
        foreach ((LaneTrack track, ExplainedLane lane) in tracks.Zip(lanes))
        {
            track.GapSeen = gap => explainer.Add(lane, gap);
        }

        host.Interrupt.Wait(SettleMs);
        return explainer;
    }

    /// <summary>Every few ten milliseconds.</summary>
    public static void Turn(Explainer? explainer, MeasurementSession session)
    {
        if (explainer is not null)
        {
            session.TakeGaps();
            explainer.Turn();
        }
    }

    /// <summary>The measurement, with its explanation.</summary>
    public static RunMeasurement Finish(
        Explainer? explainer, MeasurementSession session, RunMeasurement measured)
    {
        if (explainer is null)
        {
            return measured;
        }

        explainer.AddUnseen(session.Lanes.Sum(lane =>
            (long)lane.Last.EventsLost - (long)lane.First.EventsLost));
        return measured with { Result = measured.Result with { Explain = explainer.Finish() } };
    }

    private static IEnumerable<int> CpusOf(PlanImage plan) =>
        Enumerable.Range(0, plan.LaneCount).Select(lane => plan.Lane(lane).Cpu);

    private static bool HasCopies(SharedRegion region) => Enumerable.Range(0, region.Plan.PortCount)
        .Any(port => region.ReadPort(port).EffectiveMode != BindMode.ZeroCopy);
}
