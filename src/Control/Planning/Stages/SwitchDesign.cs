using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Planning.Stages;

/// <summary>switch: a learning bridge over the lane's ports.</summary>
internal sealed class SwitchDesign : StageDesign
{
    private const long NsPerSecond = 1_000_000_000;

    private static readonly TableRow Station = new("lane.stage.station", true,
    [
        new("mac", OptionType.Parsed("a MAC address such as 02:00:00:00:00:01", "02:00:00:00:00:01",
            text => Quantities.Mac(text), 0UL), null, "its MAC", true),
        new("port", OptionType.Name(15), null, "the only port that it is behind", true),
        new("vlan", OptionType.Integer(0, 4094, 10), 0L, "its VLAN; 0: frames without one"),
    ]);

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Switch;

    /// <inheritdoc/>
    public override string Word => "switch";

    /// <inheritdoc/>
    public override bool Replicates => true;

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("addresses", OptionType.PowerOfTwo(64, 1 << 20, 16_384), 16_384L,
            "switch: addresses that its table holds"),
        new("age", OptionType.Duration("300s", NsPerSecond), 300 * NsPerSecond,
            "switch: an address that was not seen for so long is forgotten"),
        new("flood_limit", OptionType.Integer(0, 100_000_000, 10_000), 0L,
            "switch: frames a second that may be flooded of one ingress port; 0: no limit"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<TableRow> Tables => [Station];

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        HashSet<(ulong, int)> known = [];
        int[] fill = new int[stage.Section.Int("addresses") / MacEntry.BucketEntries];
        foreach (Section station in stage.Section.Tables("station"))
        {
            ulong mac = station.Get<ulong>("mac");
            StageRules.CheckPort(lane, station.Get<string>("port"), station.At("port"), findings);
            if (station.IsGood("mac") && (mac == 0 || (mac & 1) != 0))
            {
                findings.Error(station.At("mac"), "is no MAC that one station can have",
                    "The first byte of a station's MAC is even.");
            }

            if (!known.Add((mac, station.Int("vlan"))))
            {
                findings.Error(station.At("mac"), "another station has this MAC and VLAN already",
                    "Remove one.");
            }

            if (++fill[MacEntry.BucketOf(MacEntry.KeyOf(mac, station.Int("vlan")), fill.Length)]
                == MacEntry.BucketEntries + 1)
            {
                findings.Error(station.At("mac"), "too many stations fall into one place of the table",
                    $"Write addresses = {2 * stage.Section.Int("addresses")}.");
            }
        }

        if (lane.Ports.Count < 2 && lane.Section.IsGood("ports"))
        {
            findings.Error(stage.Section.At("kind"), "a switch needs two ports or more",
                "Give the lane more ports.");
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        Section section = build.Section;
        uint addresses = (uint)section.Get<long>("addresses");
        int? vlans = build.Tables.Find(VlanDesign.TableOf(build.Lane.Name));
        new SwitchSettings(section.Get<long>("age") / NsPerSecond, section.Get<long>("flood_limit"),
            vlans ?? -1)
            .Write(ref plan);
        (ulong Key, int Port)[] stations = [.. section.Tables("station").Select(station =>
            (MacEntry.KeyOf(station.Get<ulong>("mac"), station.Int("vlan")),
                build.NumberOf(station.Get<string>("port"))))];
        string text = string.Join('\n', stations.Select(station => $"{station.Key} {station.Port}"));
        plan.FirstTable = (uint)build.Tables.Count;
        plan.TableCount = 1;
        build.Tables.Add(build.Name, TableKind.Macs, addresses,
            SwitchCounters.SizeBytes + ((long)addresses * MacEntry.SizeBytes),
            TextHash.Of64(System.Text.Encoding.UTF8.GetBytes(text)),
            (memory, table) => Fill(memory, table, stations));
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        SwitchSettings settings = SwitchSettings.Read(stage);
        string limit = settings.FloodsPerSecond == 0 ? ""
            : $", floods at most {settings.FloodsPerSecond}/s a port";
        return $"{plan.Table((int)stage.FirstTable).Capacity} addresses, forgotten after "
            + $"{settings.AgeSeconds} s{limit}";
    }

    private static void Fill(TableMemory memory, int table, (ulong Key, int Port)[] stations)
    {
        NativeSpan<byte> bytes = memory.Slice<byte>(table);
        NativeSpan<MacEntry> entries = bytes
            .Slice(SwitchCounters.SizeBytes, bytes.Length - SwitchCounters.SizeBytes).Cast<MacEntry>();
        foreach ((ulong key, int port) in stations)
        {
            int at = MacEntry.BucketOf(key, entries.Length / MacEntry.BucketEntries) * MacEntry.BucketEntries;
            while (entries[at].IsUsed)
            {
                at++;
            }

            entries[at] = new MacEntry { Key = key, Value = (uint)port | MacEntry.StaticBit };
        }
    }
}
