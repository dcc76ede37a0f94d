using System.Buffers.Binary;
using System.Security.Cryptography;
using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Planning.Stages;

/// <summary>nat: IPv4 addresses and ports between inside and outside ports.</summary>
internal sealed class NatDesign : StageDesign
{
    private const long NsPerSecond = 1_000_000_000;
    private const long FlowsDefault = 65_536;
    private const int EntriesMax = 1024;
    private static readonly string[] Sides = ["inside", "outside"];
    private static readonly OptionType Ports = OptionType.Names(1, Limits.PortsPerLaneMax, "[\"a\"]");
    private static readonly OptionType Port = OptionType.Integer(1, ushort.MaxValue, 443);

    private static readonly OptionType Address = OptionType.Parsed("an IPv4 address", "198.51.100.1",
        text => ReadAddress(text), 0u);

    private static readonly OptionType Prefix = OptionType.Parsed(
        "an IPv4 prefix such as \"10.0.0.0/24\" with no bit set behind it", "10.0.0.0/24",
        text => Quantities.AddressPrefix(text) is { Family: 4 } prefix ? prefix : null,
        new Prefix(System.Net.IPAddress.Any, 32));

    private static readonly TableRow Static = new("lane.stage.static", true,
    [
        new("inside", Prefix, null, "address or prefix inside", true),
        new("outside", Prefix, null, "what it is outside, address by address; of the same length", true),
    ]);

    private static readonly TableRow Forward = new("lane.stage.forward", true,
    [
        new("protocol", OptionType.Word("tcp", "udp"), null, "its protocol", true),
        new("outside", Address, null, "address outside", true),
        new("port", Port, null, "port of it", true),
        new("to", Address, null, "address inside that it leads to", true),
        new("to_port", Port, null, "port of that; default: the same"),
    ]);

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Nat;

    /// <inheritdoc/>
    public override string Word => "nat";

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("inside", Ports, null, "nat: ports of the lane whose hosts are translated"),
        new("outside", Ports, null, "nat: ports of the lane towards those who see translated addresses only"),
        new("outside_addresses", OptionType.List<uint>("an array of 1 to 256 IPv4 addresses",
            "[\"198.51.100.1\"]", 256, value => value.Data is string text ? ReadAddress(text) : null), null,
            "nat: addresses that inside hosts share; default: only static ones and forwards are translated"),
        new("port_range", OptionType.Loose("ports from 1 to 65535 such as \"1024-65535\"", "1024-65535",
            text => Quantities.Ports(text) is { Low: > 0 } range ? range : null, DefaultRange), null,
            "nat: their ports, and ids of ICMP echoes, that this stage gives out; default: 1024-65535"),
        new("flows_max", OptionType.PowerOfTwo(64, 1 << 22, FlowsDefault), FlowsDefault,
            "nat: flows that its table holds"),
        new("udp_timeout", OptionType.Duration("300s", NsPerSecond), 300 * NsPerSecond,
            "nat: a UDP flow is forgotten after so long without a frame (RFC 4787, REQ-5)"),
        new("tcp_timeout", OptionType.Duration("7440s", NsPerSecond), 7440 * NsPerSecond,
            "nat: so is an open TCP connection (RFC 5382, REQ-5)"),
        new("tcp_transitory_timeout", OptionType.Duration("240s", NsPerSecond), 240 * NsPerSecond,
            "nat: so is one that is being opened or closed"),
        new("icmp_timeout", OptionType.Duration("60s", NsPerSecond), 60 * NsPerSecond,
            "nat: so are echoes (RFC 5508, 3.2)"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<TableRow> Tables => [Static, Forward];

    private static PortRange DefaultRange => new(1024, ushort.MaxValue);

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        CheckSides(lane, section, findings);
        uint[] addresses = section.GetOr("outside_addresses", Array.Empty<uint>());
        IReadOnlyList<Section> statics = section.Tables("static");
        IReadOnlyList<Section> forwards = section.Tables("forward");
        findings.AtMost(addresses.Length + statics.Count + forwards.Count, EntriesMax, section.At("kind"),
            "addresses and entries of a nat stage");
        if (!section.Has("outside_addresses") && statics.Count + forwards.Count == 0
            && section.IsGood("static") && section.IsGood("forward"))
        {
            findings.Error(section.At("kind"), "a nat stage must say what it translates to",
                "Add outside_addresses = [\"198.51.100.1\"], for example.");
        }

        if (addresses.Distinct().Count() < addresses.Length)
        {
            findings.Error(section.At("outside_addresses"), "names an address twice", "Remove one.");
        }

        foreach (string side in Sides)
        {
            CheckPrefixes(statics, side, findings);
        }

        if (addresses.Any(address => IsStatic(statics, address)))
        {
            findings.Error(section.At("outside_addresses"),
                "names an address that a [[lane.stage.static]] has",
                "An address is shared, or stands for one inside address.");
        }

        CheckForwards(statics, forwards, findings);
        CheckOthers(configuration, stage, addresses, findings);
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        Section section = build.Section;
        PortRange range = section.GetOr("port_range", DefaultRange);
        new NatSettings(Mask(build, "inside"), Mask(build, "outside"), range.Low, range.High,
            section.Get<long>("udp_timeout"), section.Get<long>("tcp_timeout"),
            section.Get<long>("tcp_transitory_timeout"), section.Get<long>("icmp_timeout")).Write(ref plan);
        plan.FirstTable = (uint)build.Tables.Count;
        plan.TableCount = 2;
        uint flows = (uint)section.Get<long>("flows_max");
        build.Tables.Add(build.Name, TableKind.Flows, flows, NatHeader.BytesFor(flows), 0, WriteSeed);
        NatEntry[] entries = EntriesOf(section);
        build.Tables.Add(build.Name + ".to", TableKind.Entries, (uint)entries.Length,
            entries.Length * (long)NatEntry.SizeBytes, TextHash.Of64(PlanImage.BytesOf<NatEntry>(entries)),
            (memory, table) => entries.CopyTo(memory.Slice<NatEntry>(table).Span));
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        NatSettings settings = NatSettings.Read(stage);
        uint flows = plan.Table((int)stage.FirstTable + NatSettings.Flows).Capacity;
        uint entries = plan.Table((int)stage.FirstTable + NatSettings.Entries).Capacity;
        return $"{Names(settings.Inside, ports)} behind {Names(settings.Outside, ports)}: {entries} "
            + $"{(entries == 1 ? "entry" : "entries")}, ports {settings.PortLow}-{settings.PortHigh}, "
            + $"{flows} flows";
    }

    private static string Names(long mask, IReadOnlyList<string> ports) =>
        string.Join("+", ports.Where((_, number) => ((mask >> number) & 1) != 0));

    private static uint? ReadAddress(string text) =>
        Quantities.AddressPrefix(text) is { Family: 4, Bits: 32 } prefix ? First(prefix) : null;

    private static uint First(Prefix prefix) =>
        BinaryPrimitives.ReadUInt32BigEndian(prefix.Address.GetAddressBytes());

    private static uint Last(Prefix prefix) =>
        First(prefix) | (prefix.Bits == 0 ? uint.MaxValue : (uint)((1UL << (32 - prefix.Bits)) - 1));

    private static long Mask(StageBuild build, string side) =>
        build.Section.Get<string[]>(side).Aggregate(0L, (mask, port) => mask | (1L << build.NumberOf(port)));

    private static bool IsStatic(IReadOnlyList<Section> statics, uint address) => statics.Any(section =>
        section.IsGood("outside") && First(section.Get<Prefix>("outside")) <= address
            && address <= Last(section.Get<Prefix>("outside")));

    private static NatEntry[] EntriesOf(Section section) =>
    [
        .. section.GetOr("outside_addresses", Array.Empty<uint>())
            .Select(address => new NatEntry { Kind = NatEntryKind.Source, Outside = address }),
        .. section.Tables("static").Select(pair => new NatEntry
        {
            Kind = NatEntryKind.Static,
            Inside = First(pair.Get<Prefix>("inside")),
            Outside = First(pair.Get<Prefix>("outside")),
            Bits = (byte)pair.Get<Prefix>("inside").Bits,
        }),
        .. section.Tables("forward").Select(forward => new NatEntry
        {
            Kind = NatEntryKind.Forward,
            Protocol = (byte)(forward.Get<string>("protocol") == "tcp" ? 6 : 17),
            Outside = forward.Get<uint>("outside"),
            OutsidePort = (ushort)forward.Get<long>("port"),
            Inside = forward.Get<uint>("to"),
            InsidePort = (ushort)forward.GetOr("to_port", forward.Get<long>("port")),
        }),
    ];

    // So that nobody who does not know them can send flows that fall into one bucket.
    private static void WriteSeed(TableMemory memory, int table)
    {
        ref NatHeader header = ref memory.Slice<NatHeader>(table)[0];
        Span<byte> seeds = stackalloc byte[2 * sizeof(ulong)];
        RandomNumberGenerator.Fill(seeds);
        header.Seed0 = BinaryPrimitives.ReadUInt64LittleEndian(seeds);
        header.Seed1 = BinaryPrimitives.ReadUInt64LittleEndian(seeds[sizeof(ulong)..]);
    }

    private static void CheckSides(LaneConfiguration lane, Section section, Findings findings)
    {
        foreach (string side in Sides)
        {
            if (!section.Has(side))
            {
                findings.Error(section.At("kind"), $"a nat stage must name its {side} ports",
                    $"Add {side} = [\"{side}\"], for example.");
            }

            Array.ForEach(section.GetOr(side, Array.Empty<string>()),
                port => StageRules.CheckPort(lane, port, section.At(side), findings));
        }

        if (section.GetOr("inside", Array.Empty<string>())
            .Intersect(section.GetOr("outside", Array.Empty<string>())).FirstOrDefault() is { } both)
        {
            findings.Error(section.At("outside"), $"port \"{both}\" is an inside port, too", "Name it once.");
        }
    }

    private static void CheckPrefixes(IReadOnlyList<Section> statics, string side, Findings findings)
    {
        List<Prefix> known = [];
        foreach (Section pair in statics.Where(pair => pair.IsGood("inside") && pair.IsGood("outside")))
        {
            Prefix prefix = pair.Get<Prefix>(side);
            if (side == "outside" && prefix.Bits != pair.Get<Prefix>("inside").Bits)
            {
                findings.Error(pair.At(side), "is not as long as the one inside",
                    $"Write a prefix of /{pair.Get<Prefix>("inside").Bits}.");
            }

            if (known.Any(other => First(other) <= Last(prefix) && First(prefix) <= Last(other)))
            {
                findings.Error(pair.At(side), "overlaps that of another [[lane.stage.static]]",
                    "An address has one translation.");
            }

            known.Add(prefix);
        }
    }

    private static void CheckForwards(
        IReadOnlyList<Section> statics, IReadOnlyList<Section> forwards, Findings findings)
    {
        HashSet<(string, uint, long)> known = [];
        foreach (Section forward in forwards.Where(forward =>
            forward.IsGood("protocol") && forward.IsGood("outside") && forward.IsGood("port")))
        {
            uint outside = forward.Get<uint>("outside");
            if (!known.Add((forward.Get<string>("protocol"), outside, forward.Get<long>("port"))))
            {
                findings.Error(forward.At("port"), "another [[lane.stage.forward]] has this port already",
                    "A port leads to one place.");
            }

            if (IsStatic(statics, outside))
            {
                findings.Error(forward.At("outside"), "is an address that a [[lane.stage.static]] has",
                    "All its ports lead inside already.");
            }
        }
    }

    // An answer must come to the lane that knows the flow, and no pair may stand for two.
    private static void CheckOthers(
        Configuration configuration, StageConfiguration stage, uint[] addresses, Findings findings)
    {
        PortRange range = stage.Section.GetOr("port_range", DefaultRange);
        IEnumerable<StageConfiguration> before = configuration.Lanes.SelectMany(lane => lane.Stages)
            .TakeWhile(other => other != stage).Where(other => other.Kind == StageKind.Nat);
        foreach (Section other in before.Select(other => other.Section))
        {
            PortRange taken = other.GetOr("port_range", DefaultRange);
            if (other.GetOr("outside_addresses", Array.Empty<uint>()).Intersect(addresses).Any()
                && taken.Low <= range.High && range.Low <= taken.High)
            {
                findings.Error(stage.Section.At("port_range"),
                    "another nat stage gives out some of these ports of "
                    + "the same address", "Give each a port_range of its own, or other outside_addresses.");
                return;
            }
        }
    }
}
