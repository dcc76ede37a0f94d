using System.Net;
using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Planning.Stages;

/// <summary>fanout: one frame in, one to each member out.</summary>
internal sealed class FanoutDesign : StageDesign
{
    private static readonly OptionType Members = OptionType.Names(1, Native.Limits.PortsPerLaneMax, "[\"b\", \"c\"]");

    private static readonly TableRow Group = new("lane.stage.group", true,
    [
        new("address", OptionType.Parsed("an IPv4 or IPv6 address", "233.252.0.1",
            Quantities.Address, IPAddress.Parse("0.0.0.0")), null, "destination address of its frames", true),
        new("members", Members, null, "ports that they go to", true),
    ]);

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Fanout;

    /// <inheritdoc/>
    public override string Word => "fanout";

    /// <inheritdoc/>
    public override bool Replicates => true;

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("members", Members, null, "fanout: ports that frames of no group go to; default: they end"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<TableRow> Tables => [Group];

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        if (!section.Has("members") && section.Tables("group").Count == 0)
        {
            findings.Error(section.At("kind"), "a fanout stage must say where frames go",
                "Add members = [\"b\", \"c\"], or a [[lane.stage.group]].");
        }

        HashSet<IPAddress> known = [];
        foreach (Section group in section.Tables("group").Append(section))
        {
            foreach (string port in group.GetOr("members", Array.Empty<string>()))
            {
                StageRules.CheckPort(lane, port, group.At("members"), findings);
            }

            if (group != section && group.IsGood("address") && !known.Add(group.Get<IPAddress>("address")))
            {
                findings.Error(group.At("address"), "another group of this stage has this address", "Join them.");
            }
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        new FanoutSettings(MaskOf(build, build.Section)).Write(ref plan);
        IReadOnlyList<Section> groups = build.Section.Tables("group");
        int places = groups.Count == 0 ? 0
            : (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)groups.Count * 2); // half of them stay empty
        FanoutGroup[] table = new FanoutGroup[places];
        foreach (Section group in groups)
        {
            Put(table, group.Get<IPAddress>("address").GetAddressBytes(), MaskOf(build, group));
        }

        plan.FirstTable = (uint)build.Tables.Count;
        plan.TableCount = 1;
        build.Tables.Add(build.Name, TableKind.Entries, (uint)groups.Count, places * (long)FanoutGroup.SizeBytes,
            TextHash.Of64(PlanImage.BytesOf<FanoutGroup>(table)),
            (memory, number) => table.CopyTo(memory.Slice<FanoutGroup>(number).Span));
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        long members = FanoutSettings.Read(stage).Members;
        string names = string.Join(", ", ports.Where((_, i) => (members >> i & 1) != 0));
        return $"{plan.Table((int)stage.FirstTable).Capacity} groups, else {(names.Length > 0 ? names : "none")}";
    }

    private static long MaskOf(StageBuild build, Section section) =>
        section.GetOr("members", Array.Empty<string>()).Aggregate(0L, (mask, port) => mask | (1L << build.NumberOf(port)));

    private static void Put(FanoutGroup[] table, byte[] address, long members)
    {
        int place = FanoutGroup.PlaceOf(address, table.Length);
        while (table[place].Family != 0)
        {
            place = (place + 1) & (table.Length - 1);
        }

        table[place].Family = address.Length == 4 ? 4u : 6u;
        table[place].Members = (uint)members;
        address.CopyTo(table[place].Address);
    }
}

/// <summary>mirror: copies of chosen frames to a port.</summary>
internal sealed class MirrorDesign : StageDesign
{
    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Mirror;

    /// <inheritdoc/>
    public override string Word => "mirror";

    /// <inheritdoc/>
    public override bool TakesRules => true;

    /// <inheritdoc/>
    public override bool Replicates => true;

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("to", OptionType.Name(15), null, "mirror: port that copies leave by"),
        new("from", OptionType.Names(1, Native.Limits.PortsPerLaneMax, "[\"a\"]"), null,
            "mirror: ingress ports; default: all but to"),
        new("sample", OptionType.Integer(1, 1_000_000_000, 1), null,
            "mirror: one frame in so many, default: 1; stamp: one burst in so many, default: 64"),
        new("snap", OptionType.Integer(0, 4096, 128), 0L, "mirror: bytes that a copy has at most; 0: whole"),
    ];

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        if (!section.Has("to"))
        {
            findings.Error(section.At("kind"), "a mirror stage must say where copies go", "Add to = \"m\", for example.");
        }

        StageRules.CheckPort(lane, section.GetOr("to", ""), section.At("to"), findings);
        foreach (string port in section.GetOr("from", Array.Empty<string>()))
        {
            StageRules.CheckPort(lane, port, section.At("from"), findings);
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        int to = build.NumberOf(build.Section.Get<string>("to"));
        string[] from = build.Section.GetOr("from", Array.Empty<string>());
        long mask = from.Length == 0 ? ~(1L << to) & 0xFFFF
            : from.Aggregate(0L, (bits, port) => bits | (1L << build.NumberOf(port)));
        new MirrorSettings(to, mask, build.Section.GetOr("sample", 1L), build.Section.Get<long>("snap")).Write(ref plan);
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        MirrorSettings settings = MirrorSettings.Read(stage);
        string from = string.Join(", ", ports.Where((_, i) => (settings.From >> i & 1) != 0));
        string rules = stage.RuleCount > 0 ? $", what {stage.RuleCount} rules let pass" : "";
        return $"{from} -> {ports[(int)settings.Port]}{rules}"
            + (settings.Sample > 1 ? $", one in {settings.Sample}" : "")
            + (settings.SnapBytes > 0 ? $", {settings.SnapBytes} bytes of each" : "");
    }
}

/// <summary>stamp: time since the frames were dequeued, measured within the pipeline.</summary>
internal sealed class StampDesign : StageDesign
{
    private const long SampleDefault = 64; // a clock read is some 20 ns: a third of a nanosecond a burst

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Stamp;

    /// <inheritdoc/>
    public override string Word => "stamp";

    /// <inheritdoc/>
    public override IReadOnlyList<string> SharedKeys => ["sample"];

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        new StampSettings(build.Section.GetOr("sample", SampleDefault)).Write(ref plan);
        plan.FirstTable = (uint)build.Tables.Count;
        plan.TableCount = 1;
        build.Tables.Add(build.Name, TableKind.Histogram, 1, RegionLayout.HistogramBytes);
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports) =>
        $"one burst in {StampSettings.Read(stage).Sample}";
}
