using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning.Stages;

/// <summary>All that Control knows of one kind of stage: its keys, what must hold of them, and how it stands
/// in a plan. A new kind is a class here and a row in <see cref="StageDesigns"/>.</summary>
internal abstract class StageDesign
{
    /// <summary>The kind.</summary>
    public abstract StageKind Kind { get; }

    /// <summary>Its word in a configuration.</summary>
    public abstract string Word { get; }

    /// <summary>Keys that it brings along. Two designs that bring the same key mean the same.</summary>
    public virtual IReadOnlyList<OptionRow> Options => [];

    /// <summary>Keys that it shares with kinds of the schema itself: ports, port, default.</summary>
    public virtual IReadOnlyList<string> SharedKeys => [];

    /// <summary>Tables below it, such as lane.stage.entry.</summary>
    public virtual IReadOnlyList<TableRow> Tables => [];

    /// <summary>It has [[lane.stage.rule]].</summary>
    public virtual bool TakesRules => false;

    /// <summary>It makes frames: the lane needs frames for that.</summary>
    public virtual bool Replicates => false;

    /// <summary>Adds what is wrong, whatever the host. Keys of other kinds are refused before.</summary>
    public virtual void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
    }

    /// <summary>Fills the stage of a plan and adds its tables, of a configuration without errors.</summary>
    public abstract void Build(StageBuild build, ref PlanStage plan);

    /// <summary>One line of what it does in a plan, for eyes; nothing needs to be said twice.</summary>
    public virtual string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports) => "";
}

/// <summary>What a stage is built from.</summary>
internal sealed class StageBuild
{
    /// <summary>The configuration.</summary>
    public required Configuration Configuration { get; init; }

    /// <summary>The host.</summary>
    public required HostFacts Facts { get; init; }

    /// <summary>The lane.</summary>
    public required LaneShape Lane { get; init; }

    /// <summary>The stage.</summary>
    public required StageConfiguration Stage { get; init; }

    /// <summary>Its number within the lane.</summary>
    public required int Number { get; init; }

    /// <summary>Takes its tables.</summary>
    public required TableBuilder Tables { get; init; }

    /// <summary>Its keys.</summary>
    public Section Section => Stage.Section;

    /// <summary>How its tables' names begin: what is the same in two generations keeps its memory.</summary>
    public string Name => $"{Lane.Name}.{Number}.{Section.Get<string>("kind")}";

    /// <summary>The lane's own number of a port; -1: none of the lane's.</summary>
    public int NumberOf(string port) => PlanBuilder.NumberOf(Lane, port);
}

/// <summary>The kinds there are besides the simple ones that <see cref="PlanBuilder"/> knows
/// itself.</summary>
internal static class StageDesigns
{
    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<StageDesign> All =
    [
        new VlanDesign(), new SwitchDesign(), new RouteDesign(), new PoliceDesign(), new MirrorDesign(),
        new FanoutDesign(), new StampDesign(), new AclDesign(), new ArbitrateDesign(),
        new NatDesign(), new RecordDesign(),
    ];

    /// <summary>The design of a kind; null: a simple one.</summary>
    public static StageDesign? Find(StageKind kind) => All.FirstOrDefault(design => design.Kind == kind);

    /// <summary>The design of a word; null: a simple one, or none.</summary>
    public static StageDesign? Find(string word) => All.FirstOrDefault(design => design.Word == word);
}
