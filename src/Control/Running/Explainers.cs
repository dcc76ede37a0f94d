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

    /// <summary>Begins over all lanes of a run, which are armed; null: not asked for.</summary>
    public static Explainer? Start(RunHost host, TraceArming? arming)
    {
        if (arming is null)
        {
            return null;
        }

        ExplainedLane[] lanes = [.. host.Fleet.All.SelectMany(plane => LanesOf(plane.Region!))];
        int[] ours = [Environment.ProcessId, .. host.Fleet.All.Select(plane =>
            (int)plane.Region!.Header.Pid)];
        Explainer explainer = Explainer.Start([.. lanes.DistinctBy(lane => lane.Name)], ours,
            arming, tracesNetwork: !host.Fleet.All.Any(plane => HasCopies(plane.Region!)));
        host.Interrupt.Wait(SettleMs);
        return explainer;
    }

    /// <summary>From now on, gaps of the session are told to it.</summary>
    public static void Listen(Explainer? explainer, MeasurementSession session)
    {
        foreach (LaneTrack lane in session.Lanes)
        {
            lane.GapSeen = explainer is null ? null : explainer.Add;
        }
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

    private static IEnumerable<ExplainedLane> LanesOf(SharedRegion region)
    {
        for (int lane = 0; lane < region.Plan.LaneCount; lane++)
        {
            LaneKind kind = region.Plan.Lane(lane).Kind;
            LanePage page = region.LanePage(lane).Value;
            yield return new ExplainedLane(region.Plan.Lane(lane).Name.ToString(), page.Cpu, page.ThreadId,
                kind is LaneKind.Meter or LaneKind.ShapedMeter);
        }
    }
}
