using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning.Stages;

/// <summary>arbitrate: two lines carry one stream; the first copy of each message wins.</summary>
internal sealed class ArbitrateDesign : StageDesign
{
    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Arbitrate;

    /// <inheritdoc/>
    public override string Word => "arbitrate";

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("lines", OptionType.Names(2, 2, "[\"a\", \"b\"]"), null, "arbitrate: ports that the two lines come in by"),
        new("out", OptionType.Name(15), null, "arbitrate: port that first copies leave by; default: later stages decide"),
        new("format", OptionType.Word("moldudp64", "rtp", "custom"), "moldudp64", "arbitrate: how messages are numbered"),
        new("sequence_at", OptionType.Integer(0, 1400, 4), null,
            "arbitrate: custom: offset of the number in the UDP payload, bytes"),
        new("sequence_bytes", OptionType.PowerOfTwo(1, 8, 4), null, "arbitrate: custom: its size"),
        new("byte_order", OptionType.Word("big", "little"), "big", "arbitrate: custom: little for SBE"),
        new("window", OptionType.PowerOfTwo(64, ArbitrateSettings.WindowMax, 1024), 1024L,
            "arbitrate: messages behind the newest that may still come"),
        new("streams", OptionType.PowerOfTwo(1, 4096, 64), 64L,
            "arbitrate: streams (address, port, RTP source) that are kept; of others both copies pass"),
    ];

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        string[] lines = section.GetOr("lines", Array.Empty<string>());
        if (!section.Has("lines"))
        {
            findings.Error(section.At("kind"), "an arbitrate stage must name its two lines",
                "Add lines = [\"a\", \"b\"], for example.");
        }
        else if (lines.Length == 2 && lines[0] == lines[1])
        {
            findings.Error(section.At("lines"), "both lines come in by one port", "Name two ports.");
        }

        Array.ForEach(lines, port => StageRules.CheckPort(lane, port, section.At("lines"), findings));
        StageRules.CheckPort(lane, section.GetOr("out", ""), section.At("out"), findings);
        bool isCustom = section.Get<string>("format") == "custom";
        foreach (string key in (string[])["sequence_at", "sequence_bytes"])
        {
            if (isCustom != section.Has(key))
            {
                findings.Error(isCustom ? section.At("format") : section.At(key),
                    isCustom ? $"needs {key}" : "is for format = \"custom\"",
                    isCustom ? $"Add {key} = 4, for example." : "Remove it.");
            }
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        Section section = build.Section;
        string[] lines = section.Get<string[]>("lines");
        SequenceFormat format = section.Get<string>("format") switch
        {
            "rtp" => SequenceFormat.Rtp,
            "custom" => SequenceFormat.Custom,
            _ => SequenceFormat.MoldUdp64,
        };
        ArbitrateSettings settings = new(build.NumberOf(lines[0]), build.NumberOf(lines[1]),
            section.Has("out") ? build.NumberOf(section.Get<string>("out")) : -1, format,
            section.GetOr("sequence_at", 0L), section.GetOr("sequence_bytes", 8L),
            section.Get<string>("byte_order") == "little", section.Get<long>("window"));
        settings.Write(ref plan);
        uint streams = (uint)section.Get<long>("streams");
        ulong hash = TextHash.Of64(System.Text.Encoding.UTF8.GetBytes(settings.ToString()));
        plan.FirstTable = (uint)build.Tables.Count;
        plan.TableCount = 3;
        build.Tables.Add(build.Name, TableKind.Windows, streams, streams * (long)StreamWindow.SizeBytes, hash);
        build.Tables.Add(build.Name + ".b", TableKind.Histogram, 1, RegionLayout.HistogramBytes, hash);
        build.Tables.Add(build.Name + ".a", TableKind.Histogram, 1, RegionLayout.HistogramBytes, hash);
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        ArbitrateSettings settings = ArbitrateSettings.Read(stage);
        return $"{ports[(int)settings.LineA]} and {ports[(int)settings.LineB]}"
            + (settings.Out >= 0 ? $" -> {ports[(int)settings.Out]}" : "")
            + $", {PlanWords.Of(settings.Format)}, window {settings.Window}, "
            + $"{plan.Table((int)stage.FirstTable).Capacity} streams";
    }
}
