using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Control.Tests.Planning.Stages;

/// <summary>Nat stages of a file.</summary>
public sealed class NatDesignTests
{
    private const string Connect = "kind = \"cross-connect\"\nports = [\"a\", \"b\"]";
    private const string Nat = "kind = \"nat\"\ninside = [\"a\"]\noutside = [\"b\"]\n";
    private const string Shared = Nat + "outside_addresses = [\"198.51.100.1\", \"198.51.100.2\"]\n";
    private const string Static = "[[lane.stage.static]]\ninside = \"10.0.0.0/24\"\noutside = "
        + "\"192.0.2.0/24\"\n";

    private const string Forward = "[[lane.stage.forward]]\nprotocol = \"udp\"\noutside = \"198.51.100.1\"\n"
        + "port = 53\nto = \"10.0.1.5\"\n";

    [Fact]
    public void A_plan_has_what_the_file_says()
    {
        PlanResult result = Planner.PlanForward(
            Sample.Read(Sample.With(Connect, Shared + "port_range = \"2000-2999\"\nflows_max = 128\n" + Static
                + Forward)), Sample.Lab);
        Sample.Expect(result.Errors);
        PlanImage plan = result.Plan!;
        Assert.Equal(new NatSettings(1, 2, 2000, 2999, 300_000_000_000, 7_440_000_000_000, 240_000_000_000,
            60_000_000_000), NatSettings.Read(plan.Stage(0)));
        Assert.Contains("  stage   nat a behind b: 4 entries, ports 2000-2999, 128 flows\n",
            PlanText.Write(plan),
            StringComparison.Ordinal);
        using TableMemory memory = TableMemory.CreatePrivate(plan);
        result.Tables!.Fill(memory);
        Assert.Equal(
            [
                new NatEntry { Kind = NatEntryKind.Source, Outside = 0xC6336401 },
                new NatEntry { Kind = NatEntryKind.Source, Outside = 0xC6336402 },
                new NatEntry
                {
                    Kind = NatEntryKind.Static, Inside = 0x0A000000, Outside = 0xC0000200, Bits = 24,
                },
                new NatEntry
                {
                    Kind = NatEntryKind.Forward, Protocol = 17, Outside = 0xC6336401, OutsidePort = 53,
                    Inside = 0x0A000105, InsidePort = 53,
                },
            ],
            memory.Slice<NatEntry>(1).Span.ToArray());
        NatHeader header = memory.Slice<NatHeader>(0)[0];
        Assert.NotEqual((0UL, 0UL), (header.Seed0, header.Seed1));
        Assert.Equal(128, NatHeader.FlowsOf(plan.Table(0).Bytes));
    }

    [Theory]
    [InlineData("kind = \"nat\"\ninside = [\"a\"]\noutside_addresses = [\"198.51.100.1\"]",
        "t.toml:25:8: kind = \"nat\": a nat stage must name its outside ports. Add outside = "
            + "[\"outside\"], for "
            + "example.")]
    [InlineData(Nat, "t.toml:25:8: kind = \"nat\": a nat stage must say what it translates to. Add "
        + "outside_addresses = [\"198.51.100.1\"], for example.")]
    [InlineData("kind = \"nat\"\ninside = [\"a\"]\noutside = [\"a\"]\n" + Static,
        "t.toml:27:11: outside = [\"a\"]: port \"a\" is an inside port, too. Name it once.")]
    [InlineData(Nat + Static + Static,
        "t.toml:32:10: inside = \"10.0.0.0/24\": overlaps that of another [[lane.stage.static]]. An "
            + "address has "
            + "one translation.\n"
            + "t.toml:33:11: outside = \"192.0.2.0/24\": overlaps that of another [[lane.stage.static]]. An "
            + "address has one translation.")]
    [InlineData(Nat + "[[lane.stage.static]]\ninside = \"10.0.0.0/24\"\noutside = \"192.0.2.0/25\"",
        "t.toml:30:11: outside = \"192.0.2.0/25\": is not as long as the one inside. Write a prefix of /24.")]
    [InlineData(Shared + Forward + Forward,
        "t.toml:37:8: port = 53: another [[lane.stage.forward]] has this port already. A port leads to one "
            + "place.")]
    [InlineData(Nat + "outside_addresses = [\"192.0.2.9\"]\n" + Static,
        "t.toml:28:21: outside_addresses = [\"192.0.2.9\"]: names an address that a [[lane.stage.static]] "
            + "has. An "
            + "address is shared, or stands for one inside address.")]
    [InlineData(Shared + "[[lane.stage]]\n" + Shared + "port_range = \"1-1024\"",
        "t.toml:34:14: port_range = \"1-1024\": another nat stage gives out some of these ports of the same "
            + "address. Give each a port_range of its own, or other outside_addresses.")]
    public void A_stage_that_is_wrong_is_told(string stage, string lines) => Sample.Expect(
        ConfigurationReader.ReadText(Sample.With(Connect, stage), "t.toml").Errors, lines.Split('\n'));
}
