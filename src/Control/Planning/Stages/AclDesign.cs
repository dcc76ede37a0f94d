using System.Globalization;
using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;

namespace LowLatency.Control.Planning.Stages;

/// <summary>acl: an ordered list of rules, compiled into a table that is searched in about the same time
/// whatever their number.</summary>
internal sealed class AclDesign : StageDesign
{
    private const int VlanMax = 4094; // IEEE 802.1Q table 9-2
    private static readonly string[] s_flags = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

    /// <summary>Keys of a rule that only this kind has.</summary>
    public static readonly IReadOnlyList<OptionRow> RuleOptions =
    [
        new("vlan", OptionType.Loose(
            "\"untagged\", a VLAN id from 1 to 4094 or a range such as \"10-19\"", "10-19",
            text => Vlans(text), new PortRange(1, 1)), null, "acl: outer VLAN tag; default: any, or none"),
        new("tcp_flags", OptionType.Parsed(
            "TCP flags such as \"syn,!ack\": fin, syn, rst, psh, ack, urg, ece, cwr", "syn,!ack",
            text => Flags(text), new TcpFlags(0, 0)), null,
            "acl: flags that are set, and with ! that are not"),
        new("fragment", OptionType.Word("first", "later"), null,
            "acl: first: whole packets and first fragments; default: any"),
    ];

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Acl;

    /// <inheritdoc/>
    public override string Word => "acl";

    /// <inheritdoc/>
    public override IReadOnlyList<string> SharedKeys => ["default"];

    /// <inheritdoc/>
    public override bool TakesRules => true;

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        if (stage.Rules.Count == 0)
        {
            if (stage.Section.IsGood("rule"))
            {
                findings.Error(stage.Section.At("kind"), "an acl stage without rules decides nothing",
                    "Add a [[lane.stage.rule]], or remove the stage.");
            }

            return;
        }

        if (stage.Rules.Count <= Limits.RulesMax
            && !AclBuilder.TryBuild(RulesOf(stage, lane.Ports), out _, out string? problem))
        {
            findings.Error(stage.Section.At("kind"), problem!, "Or make two stages of them.");
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        string[] ports = [.. build.Lane.Ports.Select(port => port.Name)];
        bool isBuilt = AclBuilder.TryBuild(RulesOf(build.Stage, ports), out byte[]? table, out _);
        Invariant.Require(isBuilt); // Check has done so, too
        build.Tables.Add(build.Name, TableKind.Acl, (uint)build.Stage.Rules.Count, table!.Length,
            TextHash.Of64(table), (memory, number) => table.CopyTo(memory.Slice<byte>(number).Span));
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        long bytes = plan.Table((int)stage.FirstTable + 1).Bytes;
        return string.Create(CultureInfo.InvariantCulture,
            $"{stage.RuleCount} rules in {(bytes + 1023) / 1024} KiB, else "
            + $"{PlanWords.Of(stage.DefaultAction)}");
    }

    /// <summary>Sets what only this kind's rules have.</summary>
    public static void SetRule(RuleConfiguration rule, ref PlanRule plan)
    {
        (plan.VlanLow, plan.VlanHigh) = rule.Section.GetOr("vlan", new PortRange(0, 4095));
        TcpFlags flags = rule.Section.GetOr("tcp_flags", new TcpFlags(0, 0));
        (plan.TcpFlags, plan.TcpFlagsMask) = (flags.Set, flags.Mask);
        plan.Fragment = FragmentOf(rule);
    }

    /// <summary>What a rule's flags are called.</summary>
    public static string FlagsText(byte set, byte mask) => string.Join(',', s_flags
        .Select((name, bit) => (name, bit)).Where(flag => ((mask >> flag.bit) & 1) != 0)
        .Select(flag => ((set >> flag.bit) & 1) != 0 ? flag.name : "!" + flag.name));

    private static AclRule[] RulesOf(StageConfiguration stage, IReadOnlyList<string> ports) =>
        [.. stage.Rules.Select(rule => RuleOf(rule, ports))];

    private static AclRule RuleOf(RuleConfiguration rule, IReadOnlyList<string> ports)
    {
        Section section = rule.Section;
        PortRange any = new(0, ushort.MaxValue);
        PortRange sources = section.GetOr("source_ports", any);
        PortRange destinations = section.GetOr("destination_ports", any);
        PortRange vlans = section.GetOr("vlan", new PortRange(0, 4095));
        TcpFlags flags = section.GetOr("tcp_flags", new TcpFlags(0, 0));
        int port = ports.ToList().IndexOf(section.GetOr("port", ""));
        return new AclRule
        {
            Family = rule.Family,
            Source = Address(rule.Source),
            SourceBits = rule.Source?.Bits ?? 0,
            Destination = Address(rule.Destination),
            DestinationBits = rule.Destination?.Bits ?? 0,
            Protocol = (uint)section.GetOr("protocol", (int)AclRule.AnyProtocol),
            SourcePorts = (sources.Low, sources.High),
            DestinationPorts = (destinations.Low, destinations.High),
            Vlans = (vlans.Low, vlans.High),
            TcpFlags = flags.Set,
            TcpFlagsMask = flags.Mask,
            Ingress = port < 0 ? uint.MaxValue : 1u << port,
            Fragment = FragmentOf(rule),
        };
    }

    private static FragmentMatch FragmentOf(RuleConfiguration rule) =>
        rule.Section.GetOr("fragment", "") switch
        {
            "first" => FragmentMatch.First,
            "later" => FragmentMatch.Later,
            _ => FragmentMatch.Any,
        };

    private static UInt128 Address(Prefix? prefix)
    {
        UInt128 value = 0;
        foreach (byte part in prefix?.Address.GetAddressBytes() ?? [])
        {
            value = (value << 8) | part;
        }

        return value;
    }

    private static PortRange? Vlans(string text) => text == "untagged" ? new PortRange(0, 0)
        : Quantities.Ports(text) is { Low: > 0, High: <= VlanMax } range ? range : null;

    private static TcpFlags? Flags(string text)
    {
        int set = 0;
        int mask = 0;
        foreach (string word in text.Split(','))
        {
            int bit = Array.IndexOf(s_flags, word.TrimStart('!'));
            if (bit < 0 || word.Length - word.TrimStart('!').Length > 1 || ((mask >> bit) & 1) != 0)
            {
                return null;
            }

            mask |= 1 << bit;
            set |= word[0] == '!' ? 0 : 1 << bit;
        }

        return new TcpFlags((byte)set, (byte)mask);
    }

    /// <summary>TCP flags that must be set, of those that count.</summary>
    private readonly record struct TcpFlags(byte Set, byte Mask);
}
