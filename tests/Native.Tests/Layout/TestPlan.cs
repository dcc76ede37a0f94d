using LowLatency.Native.Layout;

namespace LowLatency.Native.Tests.Layout;

/// <summary>Small plans for tests of layouts and regions.</summary>
internal static class TestPlan
{
    public static PlanImage Make(
        ReadOnlySpan<LaneKind> kinds, int rulesPerLane = 0, string name = "unit", string path = "")
    {
        PlanHeader header = default;
        header.Name.Set(name);
        header.RegionPath.Set(path);
        header.HousekeepingCpus.Add(0);
        PlanPort[] ports = new PlanPort[kinds.Length];
        PlanLane[] lanes = new PlanLane[kinds.Length];
        PlanStage[] stages = new PlanStage[kinds.Length];
        for (int i = 0; i < lanes.Length; i++)
        {
            ports[i].Name.Set("p" + i);
            lanes[i] = new PlanLane { Kind = kinds[i], PortCount = 1, FirstStage = (uint)i, StageCount = 1 };
            lanes[i].Ports[0] = i;
            stages[i] = new PlanStage { Kind = StageKind.Filter, RuleCount = (uint)rulesPerLane };
        }

        return PlanImage.Build(header, ports, lanes, stages, new PlanRule[rulesPerLane]);
    }
}
