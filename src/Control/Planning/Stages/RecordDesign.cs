using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning.Stages;

/// <summary>record: copies frames for a recorder.</summary>
internal sealed class RecordDesign : StageDesign
{
    private const long ShedBytes = 128; // Ethernet, tags, IPv6, TCP with options: who, and in what order

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Record;

    /// <inheritdoc/>
    public override string Word => "record";

    /// <inheritdoc/>
    public override bool TakesRules => true;

    /// <inheritdoc/>
    public override IReadOnlyList<string> SharedKeys => ["sample", "snap", "default"];

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("recorder", OptionType.Name(15), null, "record: the [[recorder]] that writes"),
        new("then", OptionType.Word("go-on", "end"), "go-on",
            "record: end: the way of every frame ends here, capture only"),
    ];

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        string name = section.GetOr("recorder", "");
        if (!section.Has("recorder"))
        {
            findings.Error(section.At("kind"), "a record stage must say who writes",
                "Add recorder = \"cap\" and a [[recorder]] of that name.");
        }
        else if (section.IsGood("recorder") && configuration.Recorders.All(other =>
            !other.Section.IsGood("name") || other.Name != name))
        {
            findings.Error(section.At("recorder"), $"there is no [[recorder]] '{name}'",
                "Add it, or name one that is there.");
        }

        if (lane.Stages.First(other => other.Kind == StageKind.Record
            && other.Section.GetOr("recorder", "") == name) is var first && !ReferenceEquals(first, stage))
        {
            findings.Error(section.At("recorder"), $"records this lane already (line {first.Section.Head.Line})",
                "A recorder has one record stage a lane.");
        }

        if (lane.Offload == Offload.Kernel)
        {
            findings.Error(section.At("kind"), "frames that the XDP program forwards come to no record stage",
                "Write offload = \"none\" for this lane.");
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        Section section = build.Section;
        string name = section.Get<string>("recorder");
        int index = build.Configuration.Recorders.TakeWhile(recorder => recorder.Name != name).Count();
        RecorderConfiguration recorder = build.Configuration.Recorders[index];
        bool sheds = recorder.Section.Get<string>("on_full") == "shed";
        new RecordSettings(build.Configuration.Lanes.Count + index, section.Get<long>("snap"),
            section.GetOr("sample", 1L), build.Configuration.CapturesOnly || section.Get<string>("then") == "end", sheds ? ShedBytes : 0)
            .Write(ref plan);
        long blocks = Math.Max(recorder.BufferBytes / RecordQueueHeader.BlockBytes, RecordQueueHeader.BlocksMin);
        build.Tables.Add($"{build.Lane.Name}.{name}", TableKind.Records, (uint)blocks,
            RecordQueueHeader.SizeBytes + (blocks * RecordQueueHeader.BlockBytes));
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        RecordSettings settings = RecordSettings.Read(stage);
        return $"-> {plan.Lane((int)settings.Recorder).Name}"
            + (stage.RuleCount > 0 ? $", what {stage.RuleCount} rules let pass" : "")
            + (settings.Sample > 1 ? $", one in {settings.Sample}" : "")
            + (settings.SnapBytes > 0 ? $", {settings.SnapBytes} bytes of each" : "")
            + (settings.CutBytes > 0 ? $", {settings.CutBytes} when the drive is behind" : "")
            + (settings.Ends ? ", and ends there" : "");
    }
}
