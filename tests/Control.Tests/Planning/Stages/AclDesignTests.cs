using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using Xunit;

namespace LowLatency.Control.Tests.Planning.Stages;

/// <summary>Acl stages of a file: what the compiled list answers is what the rules say.</summary>
public sealed class AclDesignTests
{
    private const string Stage = "kind = \"cross-connect\"\nports = [\"a\", \"b\"]";

    private const string Rules = """
        kind = "acl"
        default = "drop"
        [[lane.stage.rule]]
        name = "opens"
        protocol = "tcp"
        tcp_flags = "syn,!ack"
        port = "b"
        action = "drop"
        [[lane.stage.rule]]
        name = "pieces"
        family = 4
        fragment = "later"
        action = "drop"
        [[lane.stage.rule]]
        name = "lab"
        vlan = "10-19"
        source = "192.0.2.0/24"
        destination_ports = "4000-4999"
        action = "pass"
        [[lane.stage.rule]]
        name = "six"
        source = "2001:db8::/32"
        vlan = "untagged"
        action = "pass"
        """;

    [Fact]
    public void The_compiled_list_answers_as_the_rules_say()
    {
        PlanResult plan = Planner.PlanForward(Sample.Read(Sample.With(Stage, Rules)), Sample.Lab);
        Sample.Expect(plan.Errors);
        using TableMemory memory = TableMemory.CreatePrivate(plan.Plan!);
        plan.Tables!.Fill(memory);
        PlanStage stage = plan.Plan!.Stage(0);
        Assert.Equal((4u, RuleAction.Drop, 2u), (stage.RuleCount, stage.DefaultAction, stage.TableCount));
        AclTable table = new(memory.Slice<byte>((int)stage.FirstTable + 1));
        Assert.Equal(0, table.Match(AclKey.OfIpv4(1, 2, new(6, 0, true, true, 0x02, 0, 1))));
        Assert.Equal(-1, table.Match(AclKey.OfIpv4(1, 2, new(6, 0, true, true, 0x12, 0, 1))));
        Assert.Equal(-1, table.Match(AclKey.OfIpv4(1, 2, new(6, 0, true, true, 0x02, 0, 0))));
        Assert.Equal(1, table.Match(AclKey.OfIpv4(1, 2, new(6, 0, false, false, -1, 0, 0))));
        AclKey.Parts lab = new(17, 4999, true, true, -1, 19, 0);
        Assert.Equal(2, table.Match(AclKey.OfIpv4(0xC00002FF, 2, lab)));
        Assert.Equal(-1, table.Match(AclKey.OfIpv4(0xC00003FF, 2, lab)));
        Assert.Equal(-1, table.Match(AclKey.OfIpv4(0xC00002FF, 2, lab with { Ports = 5000 })));
        Assert.Equal(-1, table.Match(AclKey.OfIpv4(0xC00002FF, 2, lab with { Vlan = 20 })));
        Assert.Equal(3, table.Match(AclKey.OfIpv6(0x20010DB8_FFFFFFFF, 1, 2, 3, lab with { Vlan = 0 })));
        Assert.Equal(-1, table.Match(AclKey.OfIpv6(0x20010DB8_FFFFFFFF, 1, 2, 3, lab with { Vlan = 1 })));
    }

    [Fact]
    public void The_plan_says_what_each_rule_asks()
    {
        PlanImage plan = Planner.PlanForward(Sample.Read(Sample.With(Stage, Rules)), Sample.Lab).Plan!;
        Assert.Equal("port=b protocol=tcp tcp_flags=syn,!ack", Words(plan, 0));
        Assert.Equal("family=4 fragment=later", Words(plan, 1));
        Assert.Contains("vlan=10-19", Words(plan, 2), StringComparison.Ordinal);
        Assert.Contains("vlan=untagged", Words(plan, 3), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tcp_flags = \"syn,!ack\"", "tcp_flags = \"syn,synack\"", "must be TCP flags")]
    [InlineData("tcp_flags = \"syn,!ack\"", "tcp_flags = \"syn,!syn\"", "must be TCP flags")]
    [InlineData("vlan = \"10-19\"", "vlan = \"10-4095\"", "must be \"untagged\", a VLAN id")]
    [InlineData("vlan = \"10-19\"", "vlan = \"0-19\"", "must be \"untagged\", a VLAN id")]
    [InlineData("kind = \"acl\"", "kind = \"filter\"", "not a key of a filter stage's rule")]
    public void A_wrong_rule_is_told_by_its_line(string good, string bad, string told)
    {
        string text = Sample.With(Stage, Rules.Replace(good, bad, StringComparison.Ordinal));
        string said = string.Join('\n', Errors(text));
        Assert.Contains("t.toml:", said, StringComparison.Ordinal);
        Assert.Contains(told, said, StringComparison.Ordinal);
    }

    [Fact]
    public void An_acl_stage_needs_rules() => Assert.Contains(
        Errors(Sample.With(Stage, "kind = \"acl\"")),
        error => error.Contains("decides nothing", StringComparison.Ordinal));

    private static IEnumerable<string> Errors(string text) =>
        ConfigurationReader.ReadText(text, "t.toml").Errors.Select(error => error.ToString());

    private static string Words(PlanImage plan, int rule) =>
        string.Join(' ', PlanWords.Matches(plan.Rule(rule), ["a", "b"]));
}
