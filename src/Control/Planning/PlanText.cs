using System.Globalization;
using System.Text;
using LowLatency.Control.Configuration;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>A plan as text for eyes: what lowlatd will do, resolved.</summary>
internal static class PlanText
{
    /// <summary>The whole plan, at most 100 columns.</summary>
    public static string Write(PlanImage plan)
    {
        StringBuilder text = new();
        ref readonly PlanHeader header = ref plan.Header;
        text.Append(CultureInfo.InvariantCulture,
            $"plan {header.Name}  checksum {header.Checksum:x8}  configuration {header.ConfigHash.ToString()[..12]}\n");
        text.Append(CultureInfo.InvariantCulture, $"  housekeeping on CPU {header.HousekeepingCpus}, memory ")
            .Append(header.LockMemory != 0 ? "locked" : "not locked").Append('\n');
        for (int i = 0; i < plan.LaneCount; i++)
        {
            Lane(text, plan, plan.Lane(i));
        }

        if (header.Load.PathCount > 0)
        {
            Load(text, header.Load);
        }

        return text.ToString();
    }

    /// <summary>A duration with the unit that reads best.</summary>
    public static string Duration(long ns) => ns switch
    {
        0 => "0s",
        _ when ns % 1_000_000_000 == 0 => $"{ns / 1_000_000_000}s",
        _ when ns % 1_000_000 == 0 => $"{ns / 1_000_000}ms",
        _ when ns % 1_000 == 0 => $"{ns / 1_000}us",
        _ => $"{ns}ns",
    };

    /// <summary>"fifo 10" or "other nice -20".</summary>
    public static string Policy(in PlanLane lane) =>
        lane.Policy == LanePolicy.Fifo ? $"fifo {lane.Priority}" : $"other nice {lane.Priority}";

    private static void Lane(StringBuilder text, PlanImage plan, PlanLane lane)
    {
        string host = lane.Host == LaneHost.Pinned ? "pinned" : $"shared thread {lane.Thread}";
        string pause = lane.YieldEveryNs == 0 ? "never pauses"
            : $"pauses {Duration(lane.YieldForNs)} every {Duration(lane.YieldEveryNs)}";
        long mib = ((long)lane.Frames * lane.ChunkBytes) >> 20;
        text.Append(CultureInfo.InvariantCulture,
            $"lane {lane.Name}  {lane.Kind.ToString().ToLowerInvariant()}  CPU {lane.Cpu}  {host}  {Policy(lane)}  {pause}\n");
        text.Append(CultureInfo.InvariantCulture,
            $"  umem {lane.Frames} x {lane.ChunkBytes} = {mib} MiB, huge pages {Names.Huges[(int)lane.HugePages]}, ");
        text.Append(CultureInfo.InvariantCulture,
            $"burst {lane.Burst}, gap event above {Duration(lane.GapThresholdNs)}\n");
        for (int i = 0; i < lane.PortCount; i++)
        {
            Port(text, i, plan.Port(lane.Ports[i]));
        }

        for (uint i = 0; i < lane.StageCount; i++)
        {
            Stage(text, plan, lane, plan.Stage((int)(lane.FirstStage + i)));
        }
    }

    private static void Port(StringBuilder text, int number, in PlanPort port)
    {
        string space = port.NetworkNamespace.ToString();
        string claim = Names.Claims[(int)port.Claim]
            + (port.Claim == Claim.Udp ? $" {port.ClaimPortLow}-{port.ClaimPortHigh}" : "");
        text.Append(CultureInfo.InvariantCulture, $"  port {number} {port.Name}: {port.Interface}")
            .Append(space.Length == 0 ? "" : $" in {space}")
            .Append(CultureInfo.InvariantCulture, $" queue {port.Queue}, mtu {port.MtuBytes}, ")
            .Append(CultureInfo.InvariantCulture, $"mac {Quantity.MacText(port.Mac)}\n");
        text.Append(CultureInfo.InvariantCulture, $"    mode {Names.Modes[(int)port.Mode]}, claim {claim}, ")
            .Append(CultureInfo.InvariantCulture, $"wake-up {Names.Wakes[(int)port.Wake]}, ")
            .Append(CultureInfo.InvariantCulture, $"rings rx {port.RxSlots} tx {port.TxSlots} fill {port.FillSlots} ")
            .Append(CultureInfo.InvariantCulture, $"completion {port.CompletionSlots}, posted {port.FillLevel}\n");
    }

    private static void Stage(StringBuilder text, PlanImage plan, PlanLane lane, in PlanStage stage)
    {
        string Name(int port) => port < 0 ? "any" : plan.Port(lane.Ports[port]).Name.ToString();
        text.Append("  stage ").Append(Names.Stages[(int)stage.Kind]);
        switch (stage.Kind)
        {
            case StageKind.CrossConnect:
                text.Append(CultureInfo.InvariantCulture, $" {Name(stage.PortA)} <-> {Name(stage.PortB)}");
                break;
            case StageKind.MacRewrite:
                string source = stage.SourceMac == 0 ? "kept" : Quantity.MacText(stage.SourceMac);
                string target = stage.DestinationMac == 0 ? "kept" : Quantity.MacText(stage.DestinationMac);
                text.Append(CultureInfo.InvariantCulture, $" leaving {Name(stage.PortA)}: source {source}, destination {target}");
                break;
            case StageKind.Filter:
                text.Append(CultureInfo.InvariantCulture, $" {stage.RuleCount} rules, the rest: {Names.Actions[(int)stage.DefaultAction]}");
                for (uint i = 0; i < stage.RuleCount; i++)
                {
                    ref readonly PlanRule rule = ref plan.Rule((int)(stage.FirstRule + i));
                    text.Append(CultureInfo.InvariantCulture, $"\n    {Names.Actions[(int)rule.Action]} {rule.Name}");
                }

                break;
        }

        text.Append('\n');
    }

    private static void Load(StringBuilder text, in PlanLoad load)
    {
        text.Append(CultureInfo.InvariantCulture, $"load {load.RatePps:0.###} frames/s {Names.Schedules[(int)load.Schedule]}, ")
            .Append(CultureInfo.InvariantCulture, $"IPv{load.Family}, {load.Flows} flows, sizes ");
        string comma = "";
        foreach (PlanSize size in (ReadOnlySpan<PlanSize>)load.Sizes)
        {
            if (size.Weight > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"{comma}{size.FrameBytes}:{size.Weight}");
                comma = ",";
            }
        }

        text.Append(CultureInfo.InvariantCulture, $", {Duration(load.DurationNs)} after {Duration(load.WarmupNs)} of warm-up\n");
        if (load.QuietEveryNs > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"  quiet {Duration(load.QuietForNs)} of every {Duration(load.QuietEveryNs)}, ")
                .Append(CultureInfo.InvariantCulture, $"and {Duration(load.QuietGuardNs)} before\n");
        }

        for (int i = 0; i < load.PathCount; i++)
        {
            PlanPath path = load.Paths[i];
            text.Append(CultureInfo.InvariantCulture, $"  path {path.Name}: {Duration(path.SliceNs)} of each round, ")
                .Append(CultureInfo.InvariantCulture, $"{Quantity.MacText(path.SourceMac)} -> {Quantity.MacText(path.DestinationMac)}\n");
        }
    }
}
