using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

public sealed class TrafficTests
{
    private const string Rate = "rate = \"100k\"";

    private static PlanImage Plan(string keys, LoadOverrides? options = null)
    {
        Configuring.Configuration read = Sample.Read(Sample.With(Rate, $"{Rate}\n{keys}"));
        PlanResult result = Planner.PlanLoad(read, Sample.Lab, options ?? LoadOverrides.None);
        Sample.Expect(result.Errors);
        return result.Plan!;
    }

    private static void ExpectFile(string keys, params string[] lines) =>
        Sample.Expect(
            ConfigurationReader.ReadText(Sample.With(Rate, $"{Rate}\n{keys}"), "t.toml").Errors, lines);

    private static void ExpectOptions(LoadOverrides options, params string[] lines) =>
        Sample.Expect(Planner.PlanLoad(Sample.Read(Sample.Text), Sample.Lab, options).Errors, lines);

    [Fact]
    public void Every_kind_of_traffic_stands_in_the_plan_its_text_and_its_JSON()
    {
        PlanImage plan = Plan("""
            family = 6
            source = "2001:2::fffe-2001:2::1:1"
            destination = "2001:2:0:1::1"
            source_port = "2000-2999"
            destination_port = "4000-4003"
            flows = 16000
            vlan = "200.100"
            imix = "88:7,100-1514:1"
            """);
        PlanLoad load = plan.Header.Load;
        Assert.Equal((6u, 16_000u, 4u, 1u, (ushort)2000, 1000u, (ushort)4000, 4u),
            (load.Family, load.Flows, load.SourceCount, load.DestinationCount, load.SourcePort,
                load.SourcePortCount, load.DestinationPort, load.DestinationPortCount));
        Assert.Equal((2u, (ushort)200, (ushort)100), (load.VlanCount, load.OuterVlan, load.InnerVlan));
        Assert.Equal((88u, 88u, 7u),
            (load.Sizes[0].FrameBytes, load.Sizes[0].FrameBytesMax, load.Sizes[0].Weight));
        Assert.Equal((100u, 1514u), (load.Sizes[1].FrameBytes, load.Sizes[1].FrameBytesMax));
        PlanPort sink = plan.Port(1); // what receives claims all that is sent
        Assert.Equal((Claim.Udp, (ushort)4000, (ushort)4003),
            (sink.Claim, sink.ClaimPortLow, sink.ClaimPortHigh));
        string text = PlanText.Write(plan);
        Assert.Contains("vlan    200 around 100\n", text, StringComparison.Ordinal);
        Assert.Contains("16000: UDP 2001:2::fffe-2001:2::1:1 port "
            + "2000-2999\n", text, StringComparison.Ordinal);
        Assert.Contains("88 bytes (weight 7), 100-1514 bytes (weight 1)\n", text, StringComparison.Ordinal);
        Assert.Contains("\"source\": "
            + "\"2001:2::fffe-2001:2::1:1\"", PlanJson.Write(plan), StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_line_stands_over_the_file()
    {
        PlanLoad load = Plan("vlan = 7", new LoadOverrides
        {
            Family = 6,
            Vlan = "8",
            Source = "2001:db8::1-2001:db8::400",
            SourcePort = "5000-5999",
            Flows = 1_000_000,
            Size = "84-100",
        }).Header.Load;
        Assert.Equal((6u, 1u, (ushort)8, 1024u, 1000u, 1_000_000u, 84u, 100u),
            (load.Family, load.VlanCount, load.OuterVlan, load.SourceCount, load.SourcePortCount, load.Flows,
                load.Sizes[0].FrameBytes, load.Sizes[0].FrameBytesMax));
    }

    [Fact]
    public void One_source_port_stands_for_as_many_as_the_flows_need_beside_the_addresses()
    {
        Assert.Equal(64u, Plan("").Header.Load.SourcePortCount);
        Assert.Equal(7u, Plan("flows = 64\nsource = \"10.0.0.1-10.0.0.10\"").Header.Load.SourcePortCount);
        Assert.Equal(1u, Plan("flows = 2\nsource = \"10.0.0.1-10.0.0.10\"").Header.Load.SourcePortCount);
    }

    [Fact]
    public void The_least_size_grows_with_each_tag_and_is_the_default()
    {
        Assert.Equal(68u, Plan("vlan = \"2.3\"").Header.Load.Sizes[0].FrameBytes);
        Assert.Equal(84u, Plan("vlan = 2\nfamily = 6").Header.Load.Sizes[0].FrameBytes);
        ExpectFile("vlan = 2\nsize = \"60-100\"",
            "t.toml:31:8: size = \"60-100\": frames of 60 bytes: an IPv4 frame with the generator's mark "
                + "and a tag "
                + "has at least 64. Write 64.");
        Assert.Equal(1518u, Plan("vlan = 2\nsize = 1518").Header.Load.Sizes[0].FrameBytes);
        ExpectOptions(new LoadOverrides { Vlan = "2", Size = "64-1519" },
            "--size 64-1519: frames of 1519 bytes do not pass genA: MTU 1500 and the Ethernet header, with "
                + "tags, "
                + "make 1518. Lower the size, or raise the MTU.");
    }

    [Fact]
    public void Ranges_that_do_not_hold_the_flows_are_refused()
    {
        ExpectFile("flows = 100\nsource_port = \"1-9\"\nsource = \"10.0.0.1-10.0.0.10\"",
            "t.toml:30:9: flows = 100: the ranges of addresses and ports make 90 flows. Widen a range, or "
                + "ask for "
                + "fewer flows.");
        ExpectFile("flows = 100\nsource_port = 65500",
            "t.toml:30:9: flows = 100: 100 flows need 100 source ports from 65500 on, 65535 is the last. "
                + "Lower "
                + "source_port, or give source or destination as a range of addresses.");
        ExpectOptions(new LoadOverrides { Flows = 1_000_000 },
            "--flows 1000000: 1000000 flows need 1000000 source ports from 10000 on, 65535 is the last. "
                + "Lower "
                + "source_port, or give source or destination as a range of addresses.");
    }

    [Theory]
    [InlineData("10.0.0.2-10.0.0.1")]
    [InlineData("10.0.0.1-2001:db8::1")]
    [InlineData("2001:db8::1-2001:db9::1")]
    [InlineData("10.0.0.0-10.16.0.0")] // 1048577
    [InlineData("10.0.0.1-")]
    public void Addresses_that_are_no_range_are_refused(string text) =>
        ExpectFile($"source = \"{text}\"", $"t.toml:30:10: source = \"{text}\": must be an address, or a "
            + $"range of "
            + "at most 1048576 such as \"198.18.0.1-198.18.0.254\". Write source = "
            + "\"198.18.0.1-198.18.0.254\", for "
            + "example.");

    [Theory]
    [InlineData("0")]
    [InlineData("4095")]
    [InlineData("1.2.3")]
    [InlineData("100,200")]
    public void Tags_that_are_none_are_refused(string text) =>
        ExpectFile($"vlan = \"{text}\"", $"t.toml:30:8: vlan = \"{text}\": must be a VLAN from 1 to 4094, "
            + $"or two, "
            + "outer first, such as \"200.100\". Write vlan = \"200.100\", for example.");

    [Fact]
    public void An_address_of_the_other_family_is_refused_by_what_said_it()
    {
        ExpectFile("family = 6\nsource = \"10.0.0.1\"",
            "t.toml:31:10: source = \"10.0.0.1\": must be an IPv6 address, family is 6. Write family = 4, or "
                + "another address.");
        ExpectOptions(new LoadOverrides { Family = 6, Destination = "10.0.0.1" },
            "--destination 10.0.0.1: must be an IPv6 address, family is 6. Give --family 4, or another "
                + "--destination.");
        ExpectOptions(new LoadOverrides { Family = 5 },
            "--family 5: must be 4 or 6. Write --family 4, for example.");
    }
}
