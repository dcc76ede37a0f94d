using LowLatency.Control.Planning;
using LowLatency.Control.Running;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

/// <summary>Which lanes may be decided in the kernel, and what is said of those that may not.</summary>
public sealed class OffloadTests
{
    private const string Reflect = "kind = \"reflect\"";
    private const string Connect = "kind = \"cross-connect\"\nports = [\"a\", \"b\"]";

    [Fact]
    public void A_cross_connect_goes_into_the_kernel_and_the_plan_says_where_to()
    {
        PlanResult result = Plan(Text("kernel", Connect), Sample.Lab);
        Sample.Expect(result.Errors);
        Assert.Equal(Offload.Kernel, result.Plan!.Lane(0).Offload);
        string text = PlanText.Write(result.Plan);
        Assert.Contains("  offload a -> dutB in the kernel\n  offload b -> dutA in the kernel\n", text,
            StringComparison.Ordinal);
        Assert.Contains("\"offload\": \"kernel\"", PlanJson.Write(result.Plan), StringComparison.Ordinal);
    }

    [Fact]
    public void A_route_stage_goes_into_the_kernel_and_every_port_is_a_way_out()
    {
        PlanResult result = Plan(Text("kernel", "kind = \"route\"\ntable = \"kernel\""), Sample.Lab);
        Sample.Expect(result.Errors);
        string text = PlanText.Write(result.Plan!);
        Assert.Contains("  offload a -> by its routes in the kernel\n  offload b -> by its routes in the "
            + "kernel\n", text, StringComparison.Ordinal);
        PlanResult veth = Plan(Text("auto", "kind = \"route\"\ntable = \"kernel\""),
            Sample.Change(Sample.Lab, "dutA", link => link with { Xdp = XdpFeatures.Basic }));
        Assert.Contains(veth.Notes, note => note.ToString().Contains(
            "dutA takes no redirected frames now", StringComparison.Ordinal));
    }

    [Fact]
    public void What_the_kernel_cannot_do_is_an_error_when_it_must_and_a_note_when_it_may()
    {
        PlanResult must = Plan(Text("kernel", Reflect), Sample.Lab);
        Sample.Expect(must.Errors,
            "t.toml:24:11: offload = \"kernel\": the kernel cannot do what this lane does: stage 0 is of a "
                + "kind that only a lane runs. Write offload = \"auto\" to leave it to the lane, or change "
                + "what stands in the way.");
        Assert.Null(must.Plan);
        PlanResult may = Plan(Text("auto", Reflect), Sample.Lab);
        Assert.NotNull(may.Plan);
        Assert.Contains(may.Notes, note => note.ToString().StartsWith(
            "t.toml:24:11: offload = \"auto\": the lane forwards, not the kernel: stage 0",
            StringComparison.Ordinal));
        Assert.Contains("  offload none: stage 0 is of a kind that only a lane runs\n",
            PlanText.Write(may.Plan), StringComparison.Ordinal);
        PlanResult no = Plan(Text("none", Reflect), Sample.Lab);
        Assert.DoesNotContain("offload", PlanText.Write(no.Plan!), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, false)] // an old kernel does not say
    [InlineData(XdpFeatures.Basic | XdpFeatures.Redirect, true)]
    [InlineData(XdpFeatures.Basic | XdpFeatures.Redirect | XdpFeatures.NdoXmit, false)]
    public void An_interface_that_takes_no_redirected_frames_is_named(XdpFeatures? offered, bool isNamed)
    {
        PlanResult result = Plan(Text("auto", Connect),
            Sample.Change(Sample.Lab, "dutB", link => link with { Xdp = offered }));
        Assert.Equal(isNamed, result.Notes.Any(note => note.ToString().Contains(
            "dutB takes no redirected frames now, so the lane forwards to it until it does: a veth does when "
                + "its peer has XDP or GRO on", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_share_is_that_of_frames_that_ended_in_the_program()
    {
        OutcomeCounters outcomes = default;
        outcomes[(int)XdpOutcome.PassedNotOurs] = 1000;
        Assert.Null(OffloadShare.Of(outcomes));
        outcomes[(int)XdpOutcome.Offloaded] = 6;
        outcomes[(int)XdpOutcome.DroppedRule] = 2;
        outcomes[(int)XdpOutcome.DroppedDefault] = 1;
        Assert.Equal(1, OffloadShare.Of(outcomes));
        outcomes[(int)XdpOutcome.Redirected] = 3;
        Assert.Equal(0.75, OffloadShare.Of(outcomes));
    }

    private static PlanResult Plan(string text, HostFacts facts) =>
        Planner.PlanForward(Sample.Read(text), facts);

    private static string Text(string offload, string stage) =>
        Sample.With(
            "ports = [\"a\", \"b\"]\n[[lane.stage]]",
            $"ports = [\"a\", \"b\"]\noffload = \"{offload}\"\n[[lane.stage]]")
            .Replace(Connect, stage, StringComparison.Ordinal);
}
