using LowLatency.Control.Configuration;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>Plans one stage: port names become the lane's own port numbers.</summary>
internal static class StagePlanner
{
    /// <summary>Plans a stage and adds its rules to the plan's.</summary>
    public static PlanStage Plan(
        PlanContext context, LaneConfiguration lane, StageConfiguration stage, List<PlanRule> rules)
    {
        PlanStage plan = new()
        {
            Kind = stage.Kind,
            PortA = -1,
            PortB = -1,
            FirstRule = (uint)rules.Count,
            RuleCount = (uint)stage.Rules.Length,
            DefaultAction = stage.Default,
            SourceMac = stage.SourceMac,
            DestinationMac = stage.DestinationMac,
        };
        if (stage.Ports.Length > 0)
        {
            string key = stage.Kind == StageKind.CrossConnect ? "ports" : "port";
            plan.PortA = Number(context, lane, stage.Source, key, stage.Ports[0]);
            plan.PortB = stage.Ports.Length > 1 ? Number(context, lane, stage.Source, key, stage.Ports[1]) : -1;
        }

        if (stage.SourceIsOwn)
        {
            plan.SourceMac = OwnMac(context, stage);
        }

        for (int i = 0; i < stage.Rules.Length; i++)
        {
            PlanRule rule = stage.Rules[i];
            rule.Port = stage.RulePorts[i].Length == 0 ? -1
                : Number(context, lane, stage.RuleSources[i], "port", stage.RulePorts[i]);
            rules.Add(rule);
        }

        return plan;
    }

    private static ulong OwnMac(PlanContext context, StageConfiguration stage)
    {
        if (stage.Ports.Length == 0)
        {
            context.Fail(stage.Source, "source", "\"own\" needs to know whose", "Add port = \"name\".");
            return 0;
        }

        PortConfiguration? port = context.Configuration.Ports.FirstOrDefault(one => one.Name == stage.Ports[0]);
        return port == null ? 0 : context.FindInterface(port)?.Mac ?? 0;
    }

    private static int Number(PlanContext context, LaneConfiguration lane, Section source, string key, string name)
    {
        int number = Array.IndexOf(lane.Ports, name);
        if (number < 0)
        {
            context.Fail(source, key, $"port {name} is not of lane {lane.Name}",
                $"Its ports are {string.Join(", ", lane.Ports)}; frames never cross lanes.");
        }

        return Math.Max(number, 0);
    }
}
