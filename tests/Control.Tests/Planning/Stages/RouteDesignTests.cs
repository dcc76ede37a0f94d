using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using Xunit;

namespace LowLatency.Control.Tests.Planning.Stages;

/// <summary>Route stages and tables of a file.</summary>
public sealed class RouteDesignTests
{
    private const string Stage = "kind = \"cross-connect\"\nports = [\"a\", \"b\"]";

    private const string Table = """

        [[table]]
        name = "edge"
        [[table.neighbour]]
        address = "192.0.2.1"
        port = "b"
        mac = "02:00:00:00:00:99"
        [[table.route]]
        prefix = "198.51.100.0/24"
        via = ["192.0.2.1"]
        [[table.route]]
        prefix = "203.0.113.0/24"
        action = "blackhole"
        """;

    [Fact]
    public void A_table_of_the_file_is_in_the_tables_of_the_plan()
    {
        PlanResult plan = Planner.PlanForward(
            Sample.Read(Sample.With(Stage, "kind = \"route\"\ntable = \"edge\"") + Table), Sample.Lab);
        Sample.Expect(plan.Errors);
        using TableMemory memory = TableMemory.CreatePrivate(plan.Plan!);
        plan.Tables!.Fill(memory);
        uint value = new Lpm4(memory.Slice<byte>(0)).Lookup(0xC6336407);
        NextHops hops = new(memory.Slice<byte>(2), plan.Plan!.Table(2).Capacity);
        NextHop hop = hops.Find(value, 0);
        Assert.Equal(NextHopKind.Forward, NextHop.KindOf(hop.Destination));
        Assert.Equal(plan.Plan.Port(1).InterfaceNumber, NextHop.InterfaceOf(hop.Source));
        Assert.Equal(0x9900_0000_0002u, hop.Destination & 0xFFFF_FFFF_FFFF);
        Assert.Equal(plan.Plan.Port(1).Mac, hop.Source & 0xFFFF_FFFF_FFFF);
        Assert.Equal(NextHopKind.Blackhole, NextHop.KindOf(
            hops.Find(new Lpm4(memory.Slice<byte>(0)).Lookup(0xCB007107), 0).Destination));
        Assert.Equal(0u, new Lpm4(memory.Slice<byte>(0)).Lookup(0x08080808));
    }

    [Fact]
    public void Stages_with_one_table_share_its_memory()
    {
        string text = Sample.With(Stage, "kind = \"route\"\ntable = \"edge\"\n[[lane.stage]]\nkind = "
            + "\"route\"\n"
            + "table = \"edge\"") + Table;
        PlanImage plan = Planner.PlanForward(Sample.Read(text), Sample.Lab).Plan!;
        Assert.Equal((3, 0u, 0u), (plan.TableCount, plan.Stage(0).FirstTable, plan.Stage(1).FirstTable));
    }

    [Fact]
    public void The_plan_says_whose_routes_they_are()
    {
        PlanImage plan = Planner.PlanForward(
            Sample.Read(Sample.With(Stage, "kind = \"route\"\ntable = \"kernel\"\nroutes_max = 1000")),
                Sample.Lab).Plan!;
        Assert.Contains("  stage   route the kernel's routes: 1000 IPv4, 16384 IPv6\n", PlanText.Write(plan),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kind = \"route\"", "",
        "t.toml:25:8: kind = \"route\": a route stage must name its table. Add table = \"kernel\", or the "
            + "name of a [[table]].")]
    [InlineData("kind = \"route\"\ntable = \"edgy\"", Table,
        "t.toml:26:9: table = \"edgy\": there is no [[table]] of the name \"edgy\". Use \"kernel\", or add "
            + "one.")]
    [InlineData("kind = \"route\"\ntable = \"kernel\"\nports = [\"a\", \"b\"]", "",
        "t.toml:27:9: ports = [\"a\", \"b\"]: not a key of a route stage. It takes table, routes_max, "
            + "routes6_max, next_hops_max.")]
    public void A_stage_that_is_wrong_is_told(string stage, string rest, string line) =>
        Sample.Expect(ConfigurationReader.ReadText(Sample.With(Stage, stage) + rest, "t.toml").Errors, line);

    [Theory]
    [InlineData("via = [\"192.0.2.1\"]", "via = [\"192.0.2.2\"]",
        ": 192.0.2.2 is no neighbour of this table.")]
    [InlineData("via = [\"192.0.2.1\"]", "", ": a route goes one way: via, or port, or an action that "
        + "drops.")]
    [InlineData("via = [\"192.0.2.1\"]", "via = [\"192.0.2.1\"]\nweights = [1, 2]",
        ": 2 weights for 1 ways.")]
    [InlineData("via = [\"192.0.2.1\"]", "via = [\"192.0.2.x\"]",
        ": must be an array of 1 to 64 IPv4 or IPv6 addresses.")]
    [InlineData("mac = \"02:00:00:00:00:99\"", "mac = \"01:00:00:00:00:99\"",
        ": is no MAC that one station can have.")]
    [InlineData("port = \"b\"\nmac", "port = \"z\"\nmac", ": there is no port \"z\".")]
    [InlineData("prefix = \"203.0.113.0/24\"", "prefix = \"198.51.100.0/24\"",
        ": another route of this table has this prefix.")]
    [InlineData("name = \"edge\"", "name = \"kernel\"", ": is the kernel's own table.")]
    public void A_table_that_is_wrong_is_told(string old, string now, string rule)
    {
        Assert.Contains(old, Table, StringComparison.Ordinal);
        ConfigurationResult result = ConfigurationReader.ReadText(
            Sample.Text + Table.Replace(old, now, StringComparison.Ordinal), "t.toml");
        Assert.Contains(rule, Assert.Single(result.Errors).ToString(), StringComparison.Ordinal);
    }
}
