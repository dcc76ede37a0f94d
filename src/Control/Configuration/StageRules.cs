using LowLatency.Control.Planning.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuring;

/// <summary>What must hold of stages and rules, whatever the host. Pure.</summary>
internal static class StageRules
{
    private static readonly Dictionary<StageKind, string[]> KeysOfKind = new()
    {
        [StageKind.CrossConnect] = ["ports"],
        [StageKind.MacRewrite] = ["port", "source", "destination"],
        [StageKind.MacSwap] = [],
        [StageKind.Filter] = ["default"],
        [StageKind.Reflect] = [],
    };

    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        Place file = PortRules.FileOf(configuration, "stage");
        findings.AtMost(configuration.Lanes.Sum(lane => lane.Stages.Count), Limits.StagesMax, file, "stages");
        findings.AtMost(configuration.Lanes.Sum(lane => lane.Stages.Sum(stage => stage.Rules.Count)),
            Limits.RulesMax, file, "rules");
        foreach (LaneConfiguration lane in configuration.Lanes)
        {
            findings.AtMost(
                lane.Stages.Count, Limits.StagesPerLaneMax, lane.Section.At("name"), "stages of a lane");
            if (lane.Stages.Count == 0 && lane.Section.IsGood("stage"))
            {
                findings.Error(lane.Section.At("name"), "this lane has no stage",
                    "Add a [[lane.stage]] with kind = \"cross-connect\", for example.");
            }

            foreach (StageConfiguration stage in lane.Stages.Where(stage => stage.Section.IsGood("kind")))
            {
                CheckKeys(stage, findings);
                CheckStage(lane, stage, findings);
                StageDesigns.Find(stage.Kind)?.Check(configuration, lane, stage, findings);
                CheckRules(lane, stage, findings);
            }
        }
    }

    private static void CheckKeys(StageConfiguration stage, Findings findings)
    {
        string kind = stage.Section.Get<string>("kind");
        StageDesign? design = StageDesigns.Find(stage.Kind);
        string[] keys = design is null ? KeysOfKind[stage.Kind]
            : [.. design.SharedKeys, .. design.Options.Select(option => option.Key)];
        foreach (string key in stage.Section.GivenKeys.Where(key => key != "kind" && !keys.Contains(key)))
        {
            findings.Error(stage.Section.At(key), $"not a key of a {kind} stage",
                keys.Length == 0 ? "It takes none." : $"It takes {string.Join(", ", keys)}.");
        }

        foreach (TableRow table in StageDesigns.All.SelectMany(other => other.Tables)
            .DistinctBy(row => row.Path))
        {
            bool isOwn = design is not null && design.Tables.Any(own => own.Path == table.Path);
            if (!isOwn && stage.Section.Table(table.Key) is { } section)
            {
                findings.Error(section.Head, $"not a table of a {kind} stage", "Remove it.");
            }
        }

        if (stage.Kind == StageKind.Filter)
        {
            findings.AtMost(stage.Rules.Count, Limits.FilterRulesMax, stage.Section.At("kind"),
                "rules of a filter stage");
        }

        if (stage.Rules.Count > 0 && stage.Kind != StageKind.Filter && design?.TakesRules != true)
        {
            findings.Error(stage.Rules[0].Section.Head, $"a {kind} stage has no rules",
                "Rules are for kind = \"filter\".");
        }
    }

    private static void CheckStage(LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        if (stage.Kind == StageKind.CrossConnect)
        {
            string[] ports = section.GetOr<string[]>("ports", []);
            if (!section.Has("ports"))
            {
                findings.Error(section.At("kind"), "a cross-connect stage must name its two ports",
                    "Add ports = [\"a\", \"b\"], for example.");
            }
            else if (ports.Length == 2 && ports[0] == ports[1])
            {
                findings.Error(
                    section.At("ports"), "a port cannot be connected with itself", "Name two ports.");
            }

            Array.ForEach(ports, port => CheckPort(lane, port, section.At("ports"), findings));
        }
        else if (stage.Kind == StageKind.MacRewrite)
        {
            CheckRewrite(lane, section, findings);
        }
    }

    private static void CheckRewrite(LaneConfiguration lane, Section section, Findings findings)
    {
        if (section.Has("port"))
        {
            CheckPort(lane, section.Get<string>("port"), section.At("port"), findings);
        }
        else if (section.GetOr("source", 0UL) == Schema.OwnMac)
        {
            findings.Error(
                section.At("source"), "needs the port whose MAC it is", "Add port = \"b\", for example.");
        }

        if (!section.Has("source") && !section.Has("destination"))
        {
            findings.Error(section.At("kind"), "a mac-rewrite stage must set a MAC",
                "Add source, destination, or both.");
        }
    }

    private static void CheckRules(LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        HashSet<string> names = [];
        foreach (RuleConfiguration rule in stage.Rules)
        {
            Section section = rule.Section;
            if (rule.Name.Length > 0 && !names.Add(rule.Name))
            {
                findings.Error(section.At("name"), "the name of another rule of this stage already",
                    "Give each rule its own name: its counter has it.");
            }

            if (section.Has("port"))
            {
                CheckPort(lane, section.Get<string>("port"), section.At("port"), findings);
            }

            foreach (OptionRow option in AclDesign.RuleOptions.Where(option => section.Has(option.Key)))
            {
                if (stage.Kind != StageKind.Acl)
                {
                    findings.Error(section.At(option.Key), "not a key of a filter stage's rule",
                        "Use kind = \"acl\", which has it, and is faster with many rules.");
                }
            }

            CheckFamily(rule, "source", rule.Source, findings);
            CheckFamily(rule, "destination", rule.Destination, findings);
        }
    }

    private static void CheckFamily(RuleConfiguration rule, string key, Prefix? prefix, Findings findings)
    {
        if (prefix != null && rule.Section.IsGood(key) && prefix.Family != rule.Family)
        {
            findings.Error(
                rule.Section.At(key), $"an IPv{prefix.Family} prefix in a rule of family {rule.Family}",
                "Use one family in a rule; two families are two rules.");
        }
    }

    /// <summary>A port that a stage names must be its lane's.</summary>
    public static void CheckPort(LaneConfiguration lane, string port, Place place, Findings findings)
    {
        if (port.Length > 0 && lane.Section.IsGood("ports") && !lane.Ports.Contains(port))
        {
            findings.Error(place, $"port \"{port}\" is not of lane \"{lane.Name}\"",
                $"Its ports are {string.Join(", ", lane.Ports)}.");
        }
    }
}
