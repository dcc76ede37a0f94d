using System.CommandLine;
using System.Globalization;
using System.Text;
using LowLatency.Control.Reporting;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat status</c>.</summary>
internal static class StatusCommand
{
    private const int WindowMs = 1000;

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string?> name = Options.Name("Only this one");
        Option<bool> json = Options.Json();
        Command command = new("status", "Show the data planes of this host, dead ones too") { name, json };
        command.SetAction(parsed => Show(io, parsed.GetValue(name), parsed.GetValue(json)));
        return command;
    }

    private static int Show(CommandIo io, string? name, bool isJson)
    {
        CommandLine.RequireRoot("status");
        using StatusReader reader = new(name);
        if (name is not null && reader.IsEmpty)
        {
            throw CommandFailure.Input($"there is no data plane named '{name}'");
        }

        if (reader.HasLive)
        {
            using Interrupt interrupt = new();
            interrupt.Wait(WindowMs);
        }

        StatusDocument status = reader.Read();
        io.Out.Write(isJson ? CommandJson.Write(status) : Render(status));
        return ExitCode.Ok;
    }

    private static string Render(StatusDocument status)
    {
        if (status.DataPlanes.Count == 0)
        {
            return "no data plane runs on this host: 'lowlat run -c FILE' starts one\n";
        }

        StringBuilder text = new();
        foreach (PlaneStatus plane in status.DataPlanes)
        {
            text.Append(text.Length == 0 ? "" : "\n");
            RenderHead(text, plane);
            RenderLanes(text, plane);
            foreach (RecordStatus recording in plane.Recordings)
            {
                text.Append($"  {recording.Line}\n");
            }

            RenderPorts(text, plane);
        }

        return text.ToString();
    }

    private static void RenderHead(StringBuilder text, PlaneStatus plane)
    {
        text.Append(CultureInfo.InvariantCulture, $"{plane.Name}: {plane.State}, pid {plane.Pid}, boot step "
            + $"'{plane.BootStep}', up {plane.UptimeSeconds:0.0} s, "
            + $"generation {plane.Generation}, heartbeat {plane.HeartbeatAgeSeconds:0.0} s ago, "
            + $"resident {Units.Bytes(plane.ResidentBytes)} + UMEM {Units.Bytes(plane.UmemBytes)}\n");
        if (plane.Failure is not null)
        {
            text.Append("  failure: ").Append(plane.Failure).Append('\n');
        }

        if (plane.Hint is not null)
        {
            text.Append("  ").Append(plane.Hint).Append('\n');
        }
    }

    private static void RenderLanes(StringBuilder text, PlaneStatus plane)
    {
        TextTable lanes = new("lane", "<kind", "<state", "CPU", "<policy", "rx/s", "tx/s", "rx", "tx",
            "busy %", "gap max us", "<drops");
        foreach (LaneStatus lane in plane.Lanes)
        {
            lanes.Add(lane.Name, lane.Kind, lane.State, lane.Cpu.ToString(CultureInfo.InvariantCulture),
                $"{lane.Policy} {lane.Priority}", Units.Rate(lane.RxPerSecond), Units.Rate(lane.TxPerSecond),
                Units.Short(lane.RxFrames), Units.Short(lane.TxFrames), Units.Share(lane.BusyShare, 1),
                Units.Us(lane.GapMaxNs), Names(lane.Drops));
        }

        if (plane.Lanes.Count > 0)
        {
            lanes.WriteTo(text);
        }

        foreach (LaneStatus lane in plane.Lanes.Where(lane => lane.Held.Count > 0))
        {
            text.Append($"  {lane.Name}: on the tx side {Names(lane.Held)}\n");
        }

        RenderStages(text, plane);
        StageTable.Write(text, [.. plane.Lanes.SelectMany(lane => lane.Times)], "  ");
    }

    private static void RenderStages(StringBuilder text, PlaneStatus plane)
    {
        TextTable stages = new("lane", "stage", "<kind", "frames", "replicas", "<to the stack", "<drops");
        foreach (LaneStatus lane in plane.Lanes)
        {
            foreach (StageStatus stage in lane.Stages)
            {
                stages.Add(lane.Name, $"{stage.Number}", stage.Kind, Units.Short(stage.Frames),
                    Units.Short(stage.Replicas), Names(stage.Punts), Names(stage.Drops));
            }
        }

        if (plane.Lanes.Any(lane => lane.Stages.Count > 0))
        {
            stages.WriteTo(text);
        }

        foreach (LaneStatus lane in plane.Lanes)
        {
            foreach (StageStatus stage in lane.Stages.Where(stage => stage.Stamp is not null))
            {
                text.Append($"  {lane.Name} stage {stage.Number}: us since dequeue p50 "
                    + $"{Units.Us(stage.Stamp!.P50Ns)}, p99 {Units.Us(stage.Stamp.P99Ns)}, p99.9 "
                    + $"{Units.Us(stage.Stamp.P999Ns)}, max {Units.Us(stage.Stamp.MaxNs)} of "
                    + $"{Units.Short(stage.Stamp.Count)} frames\n");
            }
        }
    }

    private static void RenderPorts(StringBuilder text, PlaneStatus plane)
    {
        TextTable ports = new("port", "<interface", "<netns", "queue", "<mode", "<link", "downs", "<drops");
        foreach (PortStatus port in plane.Ports)
        {
            ports.Add(port.Name, port.Interface, port.Netns,
                port.Queue.ToString(CultureInfo.InvariantCulture),
                    $"{port.RequestedMode} -> {port.EffectiveMode}", port.Link, Units.Short(port.LinkDowns),
                Names(port.Xdp.Where(pair => !pair.Key.EndsWith("-empty", StringComparison.Ordinal))));
        }

        if (plane.Ports.Count > 0)
        {
            ports.WriteTo(text);
        }

        foreach (PortStatus port in plane.Ports.Where(port => port.Offload.Length > 0))
        {
            string share = port.OffloadShare is { } part
                ? $", {Units.Share(part, 1)} % of frames in the kernel" : "";
            text.Append($"  {port.Name}: {port.Offload}{share}\n");
        }

        foreach (IGrouping<string, PortStatus> group in plane.Ports.Where(port => port.Why.Length > 0)
            .GroupBy(port => port.Why))
        {
            text.Append($"  {string.Join(", ", group.Select(port => port.Name))}: {group.Key}\n");
        }
    }

    private static string Names(IEnumerable<KeyValuePair<string, long>> counts)
    {
        string names = string.Join(", ", counts.Select(pair => $"{pair.Key} {Units.Short(pair.Value)}"));
        return names.Length > 0 ? names : "none";
    }
}
