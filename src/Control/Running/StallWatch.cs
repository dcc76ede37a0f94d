using System.Globalization;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>Finds a lane whose process lives but that does not turn: it publishes its counters every
/// millisecond, also while it has nothing to do.</summary>
/// <param name="fleet">Armed.</param>
internal sealed class StallWatch(Fleet fleet)
{
    private const double StallSeconds = 5;

    /// <summary>One line about the first such lane; null: all turn.</summary>
    public string? Find()
    {
        foreach (DataPlane plane in fleet.All)
        {
            SharedRegion region = plane.Region!;
            for (int lane = 0; lane < region.Plan.LaneCount; lane++)
            {
                LaneState state = region.LanePage(lane).Value.State;
                double age = (ThreadControl.NowNs - region.ReadCounters(lane).PublishedNs) / 1e9;
                if (state == LaneState.Armed && age > StallSeconds)
                {
                    return string.Create(CultureInfo.InvariantCulture,
                        $"lane '{region.Plan.Lane(lane).Name}' of '{plane.Name}' has not turned for "
                        + $"{age:0.0} s: does something of higher "
                        + $"priority hold CPU {region.Plan.Lane(lane).Cpu}?");
                }
            }
        }

        return null;
    }
}
