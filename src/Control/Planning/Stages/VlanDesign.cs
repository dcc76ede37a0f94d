using System.Globalization;
using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Planning.Stages;

/// <summary>vlan: tags by port, on the way in and on the way out.</summary>
internal sealed class VlanDesign : StageDesign
{
    private const int IdMax = 4094; // 0 and 4095 are reserved (IEEE 802.1Q table 9-2)
    private static readonly string[] TrunkKeys = ["native", "map"];
    private static readonly string[] Modes = ["access", "trunk", "tunnel"];
    private static readonly OptionType Id = OptionType.Integer(1, IdMax, 10);

    private static readonly OptionType Ids = OptionType.Parsed(
        "VLAN ids from 1 to 4094 such as \"10,20-29\"", "10,20-29", text =>
            ReadIds(text), Array.Empty<int>());

    private static readonly TableRow Port = new("lane.stage.vlan", true,
    [
        new("port", OptionType.Name(15), null, "port of the lane; those not named pass frames as they are",
            true),
        new("access", Id, null, "one VLAN, without tags on the wire"),
        new("trunk", Ids, null, "VLANs told apart by tags"),
        new("native", Id, null, "trunk: VLAN of frames without a tag; default: they are not allowed"),
        new("tunnel", Id, null, "one VLAN around whatever comes, tagged or not"),
        new("map", OptionType.Names(1, 4094, "[\"100:200\"]"), null,
            "trunk: ids on the wire that stand for other VLANs, wire:inside"),
        new("tag", OptionType.Word("802.1q", "802.1ad"), "802.1q", "kind of tag on the wire"),
        new("priority", OptionType.Integer(0, 7, 0), 0L, "of tags that are added"),
    ]);

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Vlan;

    /// <inheritdoc/>
    public override string Word => "vlan";

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("direction", OptionType.Word("in", "out"), "in",
            "vlan: in: by the port that a frame came in by; out: by the one that it leaves by"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<TableRow> Tables => [Port];

    /// <summary>Name of a lane's table of ports.</summary>
    public static string TableOf(string lane) => lane + ".vlans";

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        IReadOnlyList<Section> ports = section.Tables("vlan");
        if (section.GetOr("direction", "in") == "out")
        {
            CheckOut(lane, stage, ports, findings);
            return;
        }

        if (ports.Count == 0 && section.IsGood("vlan"))
        {
            findings.Error(section.At("kind"), "a vlan stage must say what its ports carry",
                "Add a [[lane.stage.vlan]] with port = \"a\" and access = 10, for example.");
        }

        if (lane.Stages.Count(other => other.Kind == StageKind.Vlan
            && other.Section.GetOr("direction", "in") == "in") > 1)
        {
            findings.Error(section.At("kind"), "this lane has another vlan stage of direction \"in\"",
                "One says what all ports carry; those of direction \"out\" use it, too.");
        }

        HashSet<string> named = [];
        foreach (Section port in ports)
        {
            CheckPort(lane, port, named, findings);
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        bool isOut = build.Section.Get<string>("direction") == "out";
        new VlanSettings(isOut).Write(ref plan);
        string name = TableOf(build.Lane.Name);
        plan.TableCount = 1;
        if (isOut)
        {
            plan.FirstTable = (uint)build.Tables.Find(name)!.Value;
            return;
        }

        plan.FirstTable = (uint)build.Tables.Count;
        VlanPort[] ports = new VlanPort[Limits.PortsPerLaneMax];
        foreach (Section port in build.Section.Tables("vlan"))
        {
            ports[build.NumberOf(port.Get<string>("port"))] = PortOf(port);
        }

        build.Tables.Add(name, TableKind.Vlans, (uint)ports.Length, (long)ports.Length * VlanPort.SizeBytes,
            TextHash.Of64(PlanImage.BytesOf<VlanPort>(ports)),
            (memory, table) => ports.CopyTo(memory.Slice<VlanPort>(table).Span));
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports) =>
        VlanSettings.Read(stage).IsOut ? "out: tags as the egress port wants them"
            : "in: tags by ingress port";

    private static void CheckOut(
        LaneConfiguration lane, StageConfiguration stage, IReadOnlyList<Section> ports, Findings findings)
    {
        bool hasIn = lane.Stages.TakeWhile(other => other != stage).Any(other => other.Kind == StageKind.Vlan
            && other.Section.GetOr("direction", "in") == "in");
        if (!hasIn)
        {
            findings.Error(stage.Section.At("direction"), "there is no vlan stage of direction \"in\" "
                + "before it",
                "Add one with the [[lane.stage.vlan]] of all ports.");
        }

        if (ports.Count > 0)
        {
            findings.Error(ports[0].Head, "a vlan stage of direction \"out\" takes no ports",
                "It uses those of the stage of direction \"in\".");
        }
    }

    private static void CheckPort(
        LaneConfiguration lane, Section port, HashSet<string> named, Findings findings)
    {
        string name = port.Get<string>("port");
        StageRules.CheckPort(lane, name, port.At("port"), findings);
        if (name.Length > 0 && !named.Add(name))
        {
            findings.Error(port.At("port"), "another [[lane.stage.vlan]] names this port already",
                "Join them.");
        }

        string[] modes = [.. Modes.Where(port.Has)];
        if (modes.Length != 1)
        {
            findings.Error(modes.Length > 1 ? port.At(modes[1]) : port.At("port"),
                "a port is access, trunk or tunnel: one of them", "Add access = 10, for example.");
        }

        foreach (string key in TrunkKeys)
        {
            if (port.Has(key) && !port.Has("trunk"))
            {
                findings.Error(port.At(key), "is for trunks", "Remove it, or add trunk = \"10,20-29\".");
            }
        }

        int[] ids = port.GetOr("trunk", Array.Empty<int>());
        if (port.Has("native") && port.Has("trunk") && port.IsGood("trunk")
            && !ids.Contains(port.Int("native")))
        {
            findings.Error(port.At("native"), "is not among the VLANs of the trunk", "Add it to trunk.");
        }

        CheckMap(port, ids, findings);
    }

    private static void CheckMap(Section port, int[] ids, Findings findings)
    {
        HashSet<int> mapped = [];
        HashSet<int> insides = [];
        foreach (string pair in port.GetOr("map", Array.Empty<string>()))
        {
            if (ReadPair(pair) is not (int wire, int inside) || !ids.Contains(wire) || wire == inside)
            {
                findings.Error(port.At("map"),
                    $"\"{pair}\" must be two ids with a colon, the first among those of the trunk",
                    "Write map = [\"100:200\"], for example.");
            }
            else if (!mapped.Add(wire) || !insides.Add(inside))
            {
                findings.Error(port.At("map"), $"\"{pair}\" repeats an id of another pair",
                    "Map each id once.");
            }
        }

        if (insides.FirstOrDefault(inside => ids.Contains(inside) && !mapped.Contains(inside))
            is int both and > 0)
        {
            findings.Error(port.At("map"), $"VLAN {both} is on the trunk under two ids",
                "Map the other one, too.");
        }
    }

    private static VlanPort PortOf(Section port)
    {
        VlanPort plan = new()
        {
            Mode = port.Has("access") ? VlanMode.Access : port.Has("tunnel") ? VlanMode.Tunnel
                : VlanMode.Trunk,
            Untagged = (ushort)port.GetOr("access", port.GetOr("tunnel",
                port.GetOr("native", (long)VlanMap.None))),
            TagType = port.Get<string>("tag") == "802.1ad" ? (ushort)0x88A8 : (ushort)0x8100,
            Priority = (ushort)port.Int("priority"),
        };
        ((Span<ushort>)plan.In).Fill(VlanMap.None);
        ((Span<ushort>)plan.Out).Fill(VlanMap.None);
        Dictionary<int, int> map = port.GetOr("map", Array.Empty<string>())
            .Select(pair => ReadPair(pair)!.Value)
            .ToDictionary(pair => pair.Wire, pair => pair.Inside);
        int[] wires = port.GetOr("trunk", Array.Empty<int>());
        foreach (int wire in plan.Mode == VlanMode.Trunk ? wires : [plan.Untagged])
        {
            int inside = map.GetValueOrDefault(wire, wire);
            plan.In[wire] = (ushort)inside;
            plan.Out[inside] = (ushort)wire;
        }

        if (plan.Mode == VlanMode.Trunk && plan.Untagged < VlanMap.Count)
        {
            plan.Untagged = plan.In[plan.Untagged];
        }

        return plan;
    }

    private static (int Wire, int Inside)? ReadPair(string text)
    {
        string[] parts = text.Split(':');
        return parts.Length == 2 && ReadId(parts[0]) is int wire && ReadId(parts[1]) is int inside
            ? (wire, inside) : null;
    }

    private static int? ReadId(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id
            is >= 1 and <= IdMax
            ? id : null;

    private static int[]? ReadIds(string text)
    {
        SortedSet<int> ids = [];
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Trim().Split('-');
            if (ends.Length > 2 || ReadId(ends[0]) is not int first || ReadId(ends[^1]) is not int last
                || last < first)
            {
                return null;
            }

            ids.UnionWith(Enumerable.Range(first, last - first + 1));
        }

        return [.. ids];
    }
}
