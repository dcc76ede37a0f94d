using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;

namespace LowLatency.Control.Planning;

/// <summary>Lanes that want their stages decided in the kernel, against what the XDP program can do. The same
/// question that lowlatd asks at boot, of the same plan. Pure.</summary>
internal static class OffloadChecks
{
    /// <summary>Adds what is wrong, and what is good to know.</summary>
    public static void Check(
        PlanImage plan, IReadOnlyList<LaneShape> lanes, HostFacts facts, Findings findings)
    {
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            Offload wanted = plan.Lane(lane).Offload;
            if (wanted == Offload.None)
            {
                continue;
            }

            string why = PathCompiler.WhyNot(plan, lane);
            Place place = lanes[lane].Section.At("offload");
            if (why.Length == 0)
            {
                NoteEgress(plan, lane, lanes[lane], facts, findings);
            }
            else if (wanted == Offload.Kernel)
            {
                findings.Error(place, $"the kernel cannot do what this lane does: {why}",
                    "Write offload = \"auto\" to leave it to the lane, or change what stands in the way.");
            }
            else
            {
                findings.Note(place, $"the lane forwards, not the kernel: {why}", "");
            }
        }
    }

    /// <summary>Who forwards what comes in by each port of a lane, one line each.</summary>
    public static IEnumerable<string> Describe(PlanImage plan, int lane, IReadOnlyList<string> ports)
    {
        string why = PathCompiler.WhyNot(plan, lane);
        if (why.Length > 0)
        {
            return [$"none: {why}"];
        }

        return Enumerable.Range(0, ports.Count).Select(port =>
            !PathCompiler.TryCompile(plan, lane, port, out XdpPath path)
                ? $"{ports[port]}: no stage sends on what comes in"
            : path.HasRoute != 0 ? $"{ports[port]} -> by its routes in the kernel"
                + (path.HasFilter != 0 ? $", {path.RuleCount} rules" : "")
            : $"{ports[port]} -> {Egress(plan, lane, path.Egress).Interface} in the kernel"
                + (path.HasFilter != 0 ? $", {path.RuleCount} rules" : ""));
    }

    private static PlanPort Egress(PlanImage plan, int lane, uint number)
    {
        PlanLane entry = plan.Lane(lane);
        return Enumerable.Range(0, (int)entry.PortCount).Select(own => plan.Port(entry.Ports[own]))
            .First(port => port.InterfaceNumber == number);
    }

    // What veth says changes with its peer: lowlatd looks again and again, and until then the lane forwards.
    private static void NoteEgress(
        PlanImage plan, int lane, LaneShape shape, HostFacts facts, Findings findings)
    {
        for (int own = 0; own < shape.Ports.Count; own++)
        {
            if (shape.Ports[own].Mode == BindMode.Generic
                || !PathCompiler.TryCompile(plan, lane, own, out XdpPath path))
            {
                continue;
            }

            PlanPort to = path.HasRoute != 0 ? plan.Port(plan.Lane(lane).Ports[own])
                : Egress(plan, lane, path.Egress);
            PortConfiguration egress = shape.Ports.First(port => port.Name == to.Name.ToString());
            if (facts.FindInterface(egress) is { Xdp: XdpFeatures offered } link
                && !offered.HasFlag(XdpFeatures.NdoXmit))
            {
                findings.Note(egress.Section.At("interface"),
                    $"{link.Name} takes no redirected frames now, so the lane forwards to it until it does"
                        + (link.Driver == "veth" ? ": a veth does when its peer has XDP or GRO on" : ""), "");
            }
        }
    }
}
