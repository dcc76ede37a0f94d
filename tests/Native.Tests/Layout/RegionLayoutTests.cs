using System.Runtime.CompilerServices;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Native.Tests.Layout;

public sealed class RegionLayoutTests
{
    private static IEnumerable<LaneKind[]> Combinations()
    {
        for (int lanes = 1; lanes <= 3; lanes++)
        {
            for (int code = 0; code < Math.Pow(3, lanes); code++)
            {
                LaneKind[] kinds = new LaneKind[lanes];
                for (int i = 0, rest = code; i < lanes; i++, rest /= 3)
                {
                    kinds[i] = (LaneKind)(rest % 3);
                }

                yield return kinds;
            }
        }
    }

    [Fact]
    public void NoTwoSectionsOverlapAndAllLieInsideForEveryMixOfLanes()
    {
        foreach (LaneKind[] kinds in Combinations())
        {
            foreach (int rules in (int[])[0, 1, 300, 4096])
            {
                PlanImage plan = TestPlan.Make(kinds, rules);
                RegionLayout layout = new(plan);
                long end = 0;
                foreach ((string name, long at, long bytes) in Sections(plan, layout).OrderBy(s => s.At))
                {
                    Assert.True(at >= end, $"{name} at {at} overlaps what ends at {end}");
                    Assert.Equal(0, at % 8);
                    end = at + bytes;
                }

                Assert.True(end <= layout.TotalBytes);
                Assert.Equal(0, layout.TotalBytes % 4096);
            }
        }
    }

    private static IEnumerable<(string Name, long At, long Bytes)> Sections(PlanImage plan,
        RegionLayout layout)
    {
        yield return ("header", 0, Unsafe.SizeOf<RegionHeader>());
        yield return ("plan", RegionLayout.PlanOffset, plan.Bytes.Length);
        for (int port = 0; port < plan.PortCount; port++)
        {
            yield return ("port", layout.PortsOffset + (port * RegionLayout.PortStride),
                Unsafe.SizeOf<PortPage>());
        }

        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            yield return ("lane", layout.LanesOffset + (lane * LanePage.SizeBytes), LanePage.SizeBytes);
            yield return ("events", layout.EventRing(lane),
                Unsafe.SizeOf<EventRingHeader>() + (Limits.EventRingSlots * Unsafe.SizeOf<GapEvent>()));
            yield return ("stages", layout.StageCounters(lane),
                Limits.StagesPerLaneMax * Unsafe.SizeOf<StageCounter>());
            yield return ("trace", layout.Trace(lane), RegionLayout.TraceBytes);
            yield return ("stage times", layout.StageTimes(lane), StageTimes.Bytes);
            foreach (HistogramKind kind in Enum.GetValues<HistogramKind>())
            {
                bool has = RegionLayout.Kinds(plan.Lane(lane).Kind).Contains(kind);
                for (int bank = 0; bank < 2; bank++)
                {
                    long at = layout.Histogram(lane, kind, bank);
                    Assert.Equal(has, at >= 0);
                    if (has)
                    {
                        yield return ($"{kind} {bank}", at, HdrGeometry.Length * sizeof(ulong));
                    }
                }
            }
        }
    }
}
