using System.Net;
using System.Text;
using LowLatency.Control.Planning.Stages;
using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>A plan as text for eyes: aligned, at most 100 columns. Pure.</summary>
internal static class PlanText
{
    /// <summary>Writes a plan.</summary>
    public static string Write(PlanImage plan)
    {
        StringBuilder text = new();
        ref readonly PlanHeader header = ref plan.Header;
        string hash = header.ConfigHash.ToString()[..12];
        text.Append($"plan {header.Name}  ({plan.Bytes.Length} bytes, configuration {hash})\n");
        text.Append($"  region        {header.RegionPath}\n");
        text.Append($"  housekeeping  CPU {header.HousekeepingCpus}\n");
        text.Append($"  memory        {(header.LockMemory != 0 ? "locked" : "not locked")}\n");
        WritePorts(text, plan);
        for (int i = 0; i < plan.LaneCount; i++)
        {
            WriteLane(text, plan, i);
        }

        if (header.Load.PathCount > 0)
        {
            WriteLoad(text, plan);
        }

        return text.ToString();
    }

    private static void WritePorts(StringBuilder text, PlanImage plan)
    {
        List<string[]> where = [["port", "interface", "index", "queue", "namespace", "mac", "mtu", "node"]];
        List<string[]> how = [["port", "mode", "claim", "wake-up", "stamps", "rx/tx/fill/compl", "posted"]];
        for (int i = 0; i < plan.PortCount; i++)
        {
            PlanPort port = plan.Port(i);
            where.Add([$"{port.Name}", $"{port.Interface}", $"{port.InterfaceIndex}", $"{port.Queue}",
                ShortPath(port.NetworkNamespace.ToString()), PlanWords.Mac(port.Mac), $"{port.MtuBytes}",
                port.NumaNode < 0 ? "-" : $"{port.NumaNode}"]);
            how.Add([$"{port.Name}", PlanWords.Of(port.Mode), ClaimText(port), WakeText(port),
                PlanWords.Of(port.Stamps),
                $"{port.RxSlots}/{port.TxSlots}/{port.FillSlots}/{port.CompletionSlots}",
                $"{port.FillLevel}"]);
        }

        text.Append('\n');
        WriteTable(text, where);
        text.Append('\n');
        WriteTable(text, how);
    }

    private static void WriteLane(StringBuilder text, PlanImage plan, int number)
    {
        PlanLane lane = plan.Lane(number);
        long mib = ((long)lane.Frames * lane.ChunkBytes) >> 20;
        string headroom = lane.HeadroomBytes == 0 ? "" : $", headroom {lane.HeadroomBytes}";
        string node = lane.NumaNode < 0 ? "" : $", node {lane.NumaNode}";
        string pauses = lane.YieldEveryNs == 0 ? "never" : $"{OptionType.DurationText(lane.YieldForNs)} each "
            + OptionType.DurationText(lane.YieldEveryNs);
        string thread = lane.Host == LaneHost.Shared ? $"shared thread {lane.Thread}" : "its own thread";
        text.Append($"\nlane {lane.Name}  ({PlanWords.Of(lane.Kind)})\n");
        text.Append($"  thread  CPU {lane.Cpu}, {PlanWords.Of(lane.Policy)} {lane.Priority}, {thread}\n");
        text.Append(
            $"  pauses  {pauses}; gaps over {OptionType.DurationText(lane.GapThresholdNs)} are events\n");
        text.Append($"  umem    {lane.Frames} x {lane.ChunkBytes} = {mib} MiB, huge pages "
            + $"{PlanWords.Of(lane.HugePages)}{headroom}{node}; burst {lane.Burst}\n");
        List<string> names = [];
        for (int i = 0; i < lane.PortCount; i++)
        {
            names.Add(plan.Port(lane.Ports[i]).Name.ToString());
        }

        WriteWrapped(text, "  ports   ", names);
        if (lane.Offload != Offload.None)
        {
            foreach (string line in OffloadChecks.Describe(plan, number, names))
            {
                text.Append($"  offload {line}\n");
            }
        }

        for (uint i = 0; i < lane.StageCount; i++)
        {
            WriteStage(text, plan, names, plan.Stage((int)(lane.FirstStage + i)));
        }
    }

    /// <summary>The stages of all lanes with their rules, a line each, as <see cref="Write"/> shows
    /// them.</summary>
    public static string[] Stages(PlanImage plan)
    {
        StringBuilder text = new();
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            PlanLane entry = plan.Lane(lane);
            List<string> ports = [.. Enumerable.Range(0, (int)entry.PortCount)
                .Select(i => plan.Port(entry.Ports[i]).Name.ToString())];
            text.Append($"lane {entry.Name}\n");
            for (uint i = 0; i < entry.StageCount; i++)
            {
                WriteStage(text, plan, ports, plan.Stage((int)(entry.FirstStage + i)));
            }
        }

        return text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static void WriteStage(StringBuilder text, PlanImage plan, List<string> ports, in PlanStage stage)
    {
        string what = stage.Kind switch
        {
            StageKind.CrossConnect => $"{ports[stage.PortA]} <-> {ports[stage.PortB]}",
            StageKind.Filter => $"{stage.RuleCount} rules, else {PlanWords.Of(stage.DefaultAction)}",
            StageKind.MacRewrite => (stage.PortA < 0 ? "every port:" : $"out of {ports[stage.PortA]}:")
                + (stage.SourceMac == 0 ? "" : $" source {PlanWords.Mac(stage.SourceMac)}")
                + (stage.DestinationMac == 0 ? "" : $" destination {PlanWords.Mac(stage.DestinationMac)}"),
            StageKind.Recorder => RecorderPlan.Describe(stage),
            _ => StageDesigns.Find(stage.Kind)?.Describe(plan, stage, ports) ?? "",
        };
        text.Append($"  stage   {PlanWords.Of(stage.Kind)} {what}".TrimEnd()).Append('\n');
        for (uint i = 0; i < stage.RuleCount; i++)
        {
            PlanRule rule = plan.Rule((int)(stage.FirstRule + i));
            text.Append($"    {PlanWords.Of(rule.Action),-4}  {rule.Name}\n");
            WriteWrapped(text, "          ", PlanWords.Matches(rule, ports));
        }
    }

    private static void WriteLoad(StringBuilder text, PlanImage plan)
    {
        PlanLoad load = plan.Header.Load;
        text.Append($"\nload\n  rate    {load.RatePps:0.###} frames/s, {PlanWords.Of(load.Schedule)}, "
            + $"seed {load.Seed}\n");
        if (load.Schedule >= Schedule.Burst)
        {
            text.Append($"  shape   {ShapeText(load)}\n");
        }

        text.Append($"  time    {OptionType.DurationText(load.DurationNs)} after "
            + $"{OptionType.DurationText(load.WarmupNs)} of warm-up\n");
        text.Append($"  quiet   {QuietText(load)}\n");
        if (load.ReplayCount > 0)
        {
            text.Append($"  frames  {load.ReplayCount} of a capture, in turn\n");
        }
        else
        {
            WriteTraffic(text, load);
        }

        for (int i = 0; i < load.PathCount; i++)
        {
            PlanPath path = load.Paths[i];
            string tx = plan.Port(plan.Lane(0).Ports[(int)path.TxPort]).Name.ToString();
            string rx = plan.Port(plan.Lane(1).Ports[(int)path.RxPort]).Name.ToString();
            string slice = OptionType.DurationText(path.SliceNs);
            text.Append($"  path    {path.Name}: {tx} -> {rx}, {slice} of each cycle\n");
            text.Append(
                $"          {PlanWords.Mac(path.SourceMac)} -> {PlanWords.Mac(path.DestinationMac)}\n");
        }
    }

    private static void WriteTraffic(StringBuilder text, PlanLoad load)
    {
        text.Append($"  frames  {string.Join(", ", PlanWords.Sizes(load).Select(SizeText))}\n");
        if (load.VlanCount > 0)
        {
            text.Append($"  vlan    {string.Join(" around ", PlanWords.Vlans(load))}\n");
        }

        string source = PlanWords.Addresses(load.Source, load.SourceCount, load.Family);
        string destination = PlanWords.Addresses(load.Destination, load.DestinationCount, load.Family);
        text.Append($"  flows   {load.Flows}: UDP {source} port "
            + $"{PortsText(load.SourcePort, load.SourcePortCount)}\n");
        text.Append($"          to {destination} port "
            + $"{PortsText(load.DestinationPort, load.DestinationPortCount)}\n");
    }

    private static string ShapeText(PlanLoad load) => load.Schedule switch
    {
        Schedule.Burst =>
            $"bursts of {load.BurstFrames} frames, {OptionType.DurationText(load.BurstGapNs)} between",
        Schedule.Replay => $"as captured, a round in {OptionType.DurationText(load.ReplayRoundNs)}",
        Schedule.Ramp => $"from {load.Rates[0].FromPps:0.###} to {load.Rates[0].ToPps:0.###} frames/s",
        _ => string.Join(", ", PlanWords.Rates(load).Select(rate =>
            $"{rate.FromPps:0.###}/s for {OptionType.DurationText(rate.ForNs)}")),
    };

    private static string PortsText(ushort first, uint count) =>
        count == 1 ? $"{first}" : $"{first}-{first + count - 1}";

    private static string SizeText(PlanSize size) => size.FrameBytes == size.FrameBytesMax
        ? $"{size.FrameBytes} bytes (weight {size.Weight})"
        : $"{size.FrameBytes}-{size.FrameBytesMax} bytes (weight {size.Weight})";

    private static string QuietText(in PlanLoad load) => load.QuietEveryNs == 0 ? "never"
        : $"{OptionType.DurationText(load.QuietForNs)} each {OptionType.DurationText(load.QuietEveryNs)}, "
            + $"guard {OptionType.DurationText(load.QuietGuardNs)}";

    private static string ClaimText(in PlanPort port) => port.Claim != Claim.Udp ? PlanWords.Of(port.Claim)
        : port.ClaimPortLow == port.ClaimPortHigh ? $"udp {port.ClaimPortLow}"
        : $"udp {port.ClaimPortLow}-{port.ClaimPortHigh}";

    private static string WakeText(in PlanPort port) =>
        port.Wake != WakePolicy.BusyPoll ? PlanWords.Of(port.Wake)
        : $"busy-poll {port.BusyPollUs}us/{port.BusyPollBudget}";

    // The name that 'ip netns' has for it; a long path keeps its end.
    private static string ShortPath(string path)
    {
        const int charsMax = 24;
        string name = path.StartsWith("/run/netns/", StringComparison.Ordinal) ? path[11..] : path;
        return name.Length == 0 ? "-" : name.Length <= charsMax ? name : "..." + name[^(charsMax - 3)..];
    }

    private static void WriteTable(StringBuilder text, List<string[]> rows)
    {
        for (int r = 0; r < rows.Count; r++)
        {
            StringBuilder line = new();
            for (int column = 0; column < rows[r].Length; column++)
            {
                int width = rows.Max(row => row[column].Length);
                line.Append(rows[r][column].PadRight(width)).Append("  ");
            }

            text.Append(line.ToString().TrimEnd()).Append('\n');
        }
    }

    private static void WriteWrapped(StringBuilder text, string head, IReadOnlyList<string> words)
    {
        const int columnsMax = 100;
        StringBuilder line = new(head);
        foreach (string word in words)
        {
            if (line.Length + word.Length > columnsMax && line.Length > head.Length)
            {
                text.Append(line.ToString().TrimEnd()).Append('\n');
                line.Clear().Append(' ', head.Length);
            }

            line.Append(word).Append(' ');
        }

        text.Append(line.ToString().TrimEnd()).Append('\n');
    }
}
