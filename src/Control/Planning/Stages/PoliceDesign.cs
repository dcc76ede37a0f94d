using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning.Stages;

/// <summary>police: token buckets by port, rule or flow.</summary>
internal sealed class PoliceDesign : StageDesign
{
    private const long BitsPerByte = 8;
    private const long FlowsDefault = 4096;

    private static readonly OptionType Rate = OptionType.Loose(
        "bits or frames a second, such as \"10M\" or \"2.5G\"", "10M",
        text => ReadRate(text) is > 0 and <= PoliceSettings.RateMax ? (long)ReadRate(text)! : null, 1L);

    private static readonly OptionType Tokens = OptionType.Integer(1, PoliceSettings.BurstMax, 65_536);

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Police;

    /// <inheritdoc/>
    public override string Word => "police";

    /// <inheritdoc/>
    public override bool TakesRules => true;

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("scope", OptionType.Word("port", "rule", "flow"), "port", "police: what shares a pair of buckets"),
        new("unit", OptionType.Word("bytes", "frames"), "bytes",
            "police: bytes: rates in bits a second, bursts in bytes; frames: both in frames"),
        new("rate", Rate, null, "police: committed rate"),
        new("burst", Tokens, null, "police: committed burst"),
        new("excess_burst", Tokens, null, "police: what may be used beyond it, once saved up (RFC 2697); default: 0"),
        new("peak_rate", Rate, null, "police: second rate (RFC 2698)"),
        new("peak_burst", Tokens, null, "police: its burst"),
        new("yellow", OptionType.Word("pass", "drop"), "pass",
            "police: frames over the committed rate, within excess or peak"),
        new("yellow_dscp", OptionType.Integer(0, 63, 8), null, "police: DSCP that they get"),
        new("flows", OptionType.PowerOfTwo(64, 1 << 20, FlowsDefault), FlowsDefault,
            "police: pairs of buckets of scope \"flow\": flows that fall together share one"),
    ];

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        foreach (string key in Needed(section).Where(key => !section.Has(key)))
        {
            findings.Error(section.At("kind"), $"a police stage with these keys needs {key}",
                $"Add {key} = {(key.Contains("rate") ? "\"10M\"" : "65536")}, for example.");
        }

        if (section.Has("peak_rate") && section.Has("excess_burst"))
        {
            findings.Error(section.At("excess_burst"), "is of the one-rate policer (RFC 2697), peak_rate of the other",
                "Remove one of them.");
        }

        if (section.Has("peak_rate") && section.Has("rate") && section.IsGood("peak_rate") && section.IsGood("rate")
            && section.Get<long>("peak_rate") < section.Get<long>("rate"))
        {
            findings.Error(section.At("peak_rate"), "is below rate", "A peak is at least the committed rate.");
        }

        bool isByRule = section.Get<string>("scope") == "rule";
        if (isByRule != stage.Rules.Count > 0)
        {
            findings.Error(isByRule ? section.At("scope") : stage.Rules[0].Section.Head,
                isByRule ? "there is no rule" : "rules are for scope = \"rule\"",
                isByRule ? "Add a [[lane.stage.rule]]." : "Write scope = \"rule\".");
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        Section section = build.Section;
        bool isFrames = section.Get<string>("unit") == "frames";
        long perToken = isFrames ? 1 : BitsPerByte;
        PoliceScope scope = section.Get<string>("scope") switch
        {
            "rule" => PoliceScope.Rule,
            "flow" => PoliceScope.Flow,
            _ => PoliceScope.Port,
        };
        long peak = section.GetOr("peak_rate", 0L);
        PoliceSettings settings = new(scope, isFrames, Math.Max(1, section.Get<long>("rate") / perToken),
            section.Get<long>("burst"), peak / perToken,
            peak > 0 ? section.Get<long>("peak_burst") : section.GetOr("excess_burst", 0L),
            section.Get<string>("yellow") == "drop", section.GetOr("yellow_dscp", -1L));
        settings.Write(ref plan);
        uint buckets = scope == PoliceScope.Port ? Native.Limits.PortsPerLaneMax
            : scope == PoliceScope.Rule ? plan.RuleCount : (uint)section.Get<long>("flows");
        build.Tables.Add(build.Name, TableKind.Buckets, buckets, buckets * (long)TokenBuckets.SizeBytes,
            TextHash.Of64(System.Text.Encoding.UTF8.GetBytes(settings.ToString())));
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        PoliceSettings settings = PoliceSettings.Read(stage);
        string unit = settings.CountsFrames ? "frames" : "bytes";
        string second = settings.PeakRate > 0 ? $", peak {settings.PeakRate}/s and {settings.ExcessBurst}"
            : settings.ExcessBurst > 0 ? $", excess {settings.ExcessBurst}" : "";
        return $"by {PlanWords.Of(settings.Scope)}: {settings.Rate} {unit}/s, burst {settings.Burst}{second}";
    }

    private static IEnumerable<string> Needed(Section section) =>
        section.Has("peak_rate") ? ["rate", "burst", "peak_burst"] : ["rate", "burst"];

    private static double? ReadRate(string text) => Quantities.Rate(text) ?? (Quantities.Speed(text) * 1e6);
}
