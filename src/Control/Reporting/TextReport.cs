using System.Globalization;
using System.Text;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>A run as text for eyes: verdict first, at most 100 columns, no line is ever wrapped.</summary>
internal static class TextReport
{
    private const string Bold = "\u001b[1m", Red = "\u001b[1;31m", Green = "\u001b[1;32m",
    Plain = "\u001b[0m";

    /// <summary>Renders.</summary>
    /// <param name="run">The run.</param>
    /// <param name="hasColour">True only when the reader is a terminal.</param>
    public static string Render(RunDocument run, bool hasColour = false)
    {
        StringBuilder text = new();
        RunResult result = run.Result;
        WriteVerdict(text, run, hasColour);
        PromiseText.Write(text, result.Promise);
        DiskText.Write(text, result.Disk);
        WriteLatency(text, result);
        TextStatistics.Write(text, result);
        WriteGenerator(text, result.Generator);
        WriteLoss(text, result.Loss);
        LostTimeText.WriteNoise(text, result.Noise);
        LostTimeText.WriteExplanation(text, result.Explain, result.DurationSeconds);
        if (result.Lanes.Count > 0) // a drive is measured without
        {
            WriteLanes(text, result);
            StageTable.Write(text, result.Stages, "\n");
            WriteRecordings(text, result);
            WritePorts(text, result);
            WriteProcesses(text, result);
        }

        WriteHost(text, run.Manifest);
        return text.ToString();
    }

    /// <summary>One line for a running measurement.</summary>
    public static string Progress(Interval interval)
    {
        string warmup = interval.IsWarmup ? "  warm-up" : "";
        string latency = interval.P50Ns is long p50
            ? $"  p50 {Units.Us(p50)}  p99 {(interval.P99Ns is long p99 ? Units.Us(p99) : "-")}"
                + $"  max {Units.Us(interval.MaxNs ?? 0)} us"
            : "";
        string at = interval.AtSeconds.ToString("0.0", CultureInfo.InvariantCulture).PadLeft(6);
        return TextTable.Clip(interval.Sent + interval.Received > 0
            ? $"{at} s  sent {Units.Rate(interval.SentPerSecond)}/s  received "
                + $"{Units.Rate(interval.ReceivedPerSecond)}/s{latency}{warmup}"
            : $"{at} s  forwarded {Units.Count(interval.Forwarded)}{warmup}", TextTable.WidthMax);
    }

    private static void WriteVerdict(StringBuilder text, RunDocument run, bool hasColour)
    {
        RunResult result = run.Result;
        string word = result.Verdict.Ok ? "OK" : "NOT OK";
        string colour = result.Verdict.Ok ? Green : Red;
        string head = hasColour ? $"{colour}{word}{Plain}" : word;
        string seconds = result.DurationSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        string partial = result.IsPartial ? ", PARTIAL" : "";
        text.Append($"{head}{partial}  lowlat {result.Verb}, {seconds} s measured, started ")
            .Append(run.Manifest.StartUtc.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture))
            .Append(" UTC\n");
        foreach (string reason in result.Verdict.Reasons)
        {
            Lines(text, "  no:   ", reason);
        }

        foreach (string note in result.Verdict.Notes)
        {
            Lines(text, "  note: ", note);
        }

        foreach (SloResult slo in result.Slo)
        {
            string actual = slo.ActualNs is long ns ? $"{Units.Us(ns)} us" : "refused, too few samples";
            Lines(text, "  slo:  ",
                $"{slo.Percentile} <= {Units.Us(slo.LimitNs)} us: {actual}, {(slo.Met ? "met" : "not met")}");
        }

        if (hasColour)
        {
            text.Replace("  no:   ", $"  {Red}no:{Plain}   ").Replace("  note: ", $"  {Bold}note:{Plain} ");
        }
    }

    private static void WriteLatency(StringBuilder text, RunResult run)
    {
        Series[] all =
        [
            new(run.Disk is null ? "end-to-end" : "transfer", run.EndToEnd), new("service", run.ServiceTime),
            new("direct", run.Direct?.EndToEnd),
            new("residence", run.Residence), new("rx wait", run.RxWait), new("gap", run.Gap),
        ];
        // Five fit beside the difference; the wait before the lane is shown where there is no direct path.
        Series[] shown = [.. all.Where(s => s.Summary is not null)
            .Where(s => s.Head != "rx wait" || all.Count(o => o.Summary is not null) <= 5)];
        if (shown.Length == 0)
        {
            return;
        }

        bool hasCost = run.ForwarderCost is not null;
        string kind = run.Disk is null ? "one way" : "until completion";
        text.Append($"\nLatency, us {kind}; beside each: the samples above it; '-': refused, fewer than 10 "
            + "above\n");
        text.Append("        ");
        WriteCells(text, shown, hasCost, s => (s.Head, ""), "fwd's own");
        WriteRow(text, "samples", shown, hasCost, s => (Units.Short(s.Count), ""), null);
        WriteRow(text, "min", shown, hasCost, s => (Us(s.MinNs), ""), run.ForwarderCost?.MinNs);
        WriteRow(text, "mean", shown, hasCost, s => (Us(s.MeanNs), ""), run.ForwarderCost?.MeanNs);
        for (int i = 0; i < Percentile.All.Length; i++)
        {
            int index = i;
            WriteRow(text, Percentile.All[i].Name, shown, hasCost, s => (Us(s.At(index)), s.At(index) is null
                ? "" : Units.Short(Percentile.All[index].SamplesAbove(s.Count))), run.ForwarderCost?.At(i));
        }

        WriteRow(text, "max", shown, hasCost, s => (Us(s.MaxNs), ""), run.ForwarderCost?.MaxNs);
        if (hasCost)
        {
            text.Append("  fwd's own: end-to-end through the forwarder less direct, from the same run\n");
        }
    }

    private static void WriteRow(StringBuilder text, string name, Series[] shown, bool hasCost,
        Func<LatencySummary, (string, string)> cell, double? cost)
    {
        text.Append(name.PadRight(8));
        bool isCount = name == "samples";
        WriteCells(text, shown, hasCost, s => cell(s.Summary!),
            isCount ? "" : cost is double ns ? Units.SignedUs(ns) : "-");
    }

    private static void WriteCells(StringBuilder text, Series[] shown, bool hasCost,
        Func<Series, (string Value, string Above)> cell, string cost)
    {
        StringBuilder line = new();
        foreach (Series series in shown)
        {
            (string value, string above) = cell(series);
            line.Append(value.PadLeft(10)).Append(' ').Append(above.PadLeft(5));
            if (hasCost && series.Head == "direct")
            {
                line.Append(cost.PadLeft(11));
            }
        }

        text.Append(line.ToString().TrimEnd()).Append('\n');
    }

    private static void WriteGenerator(StringBuilder text, GeneratorResult? generator)
    {
        if (generator is null)
        {
            return;
        }

        string share = Units.Share(generator.AchievedRate, generator.IntendedRate);
        string mark = generator.IsLate ? "   <- generator was late" : "";
        text.Append($"\nGenerator: {generator.Schedule}, {Units.Rate(generator.IntendedRate)} pps intended, ")
            .Append($"{Units.Rate(generator.AchievedRate)} achieved ({share} %), {generator.Unsent} unsent\n")
            .Append($"  late by: p50 {Us(generator.LateP50Ns)}, p99.9 {Us(generator.LateP999Ns)}, ")
            .Append($"max {Us(generator.LateMaxNs)} us{mark}\n");
        foreach (string why in generator.WhyLate ?? [])
        {
            Lines(text, "  ", why);
        }

        if (generator.Quiet is QuietResult quiet)
        {
            text.Append($"  quiet: {Units.Us(quiet.ForNs)} us every {Units.Us(quiet.EveryNs)} us for the "
                + "kernel's own ")
                .Append($"threads, and {Units.Us(quiet.GuardNs)} us before it\n");
        }
    }

    private static void WriteLoss(StringBuilder text, Loss? loss)
    {
        if (loss is null)
        {
            return;
        }

        List<(string Sign, string Name, long Count)> rows =
        [
            (" ", "sent by the generator", loss.Sent), ("-", "received, distinct", loss.Received),
            .. loss.Drops.Select(d => ("-", d.Key, d.Value)), ("-", "in flight at the end", loss.InFlight),
            ("=", "residual", loss.Residual),
        ];
        int width = rows.Max(r => r.Name.Length);
        text.Append("\nLedger, frames of all paths\n");
        foreach ((string sign, string name, long count) in rows)
        {
            string end = sign != "=" ? "" : count == 0 ? "   every frame is accounted for"
                : "   <- does not balance";
            text.Append($"  {sign} {name.PadRight(width)} {Units.Count(count),15}{end}\n");
        }

        foreach (PathLoss path in loss.Paths)
        {
            text.Append($"  {path.Name}: sent {Units.Count(path.Sent)}, received "
                + $"{Units.Count(path.Received)}, ")
                .Append($"lost {Units.Count(path.Lost)}\n");
        }

        text.Append($"  reordered {Units.Count(loss.Reordered)}, duplicated {Units.Count(loss.Duplicated)}, ")
            .Append($"not ours {Units.Count(loss.Foreign)}\n");
    }

    private static void WriteLanes(StringBuilder text, RunResult run)
    {
        text.Append("\nLanes\n");
        TextTable work = new("lane", "<of", "<kind", "cpu", "<policy", "turns", "rx", "tx", "busy %",
            "gap max us", "gaps");
        TextTable clean = new("since arming", "bytes", "collections", "faults minor", "major",
            "switches planned",
            "forced", "paused ms", "<memory");
        foreach (LaneResult lane in run.Lanes)
        {
            double all = lane.RegimesNs.Values.Sum();
            work.Add(lane.Name, lane.Process, Kind(lane.Kind),
                lane.Cpu.ToString(CultureInfo.InvariantCulture),
                Policy(lane), Units.Short(lane.Turns), Units.Short(lane.RxFrames), Units.Short(lane.TxFrames),
                Units.Share(lane.RegimesNs.GetValueOrDefault("busy"), all), Us(lane.Gap?.MaxNs),
                Units.Short(lane.GapsOverThreshold));
            clean.Add(lane.Name, Units.Count(lane.AllocatedBytes), Units.Count(lane.Collections),
                Units.Count(lane.MinorFaults), Units.Count(lane.MajorFaults),
                Units.Count(lane.VoluntarySwitches),
                Units.Count(lane.InvoluntarySwitches),
                (lane.YieldNs / 1e6).ToString("0.0", CultureInfo.InvariantCulture), lane.HugePages ? "2 MiB"
                    : "4 KiB");
        }

        work.WriteTo(text);
        clean.WriteTo(text);
    }

    private static void WritePorts(StringBuilder text, RunResult run)
    {
        if (run.Ports.Count == 0)
        {
            return;
        }

        text.Append("\nPorts; mode: asked -> effective\n");
        TextTable table = new("port", "<of", "<interface", "<netns", "queue", "<driver", "<mode", "<link",
            "downs");
        foreach (PortResult port in run.Ports)
        {
            table.Add(port.Name, port.Process, port.Interface, port.Netns, Units.Short(port.Queue),
                port.Driver,
                $"{port.RequestedMode} -> {port.EffectiveMode}", port.Link, Units.Short(port.LinkDowns));
        }

        table.WriteTo(text);
        foreach (IGrouping<string, PortResult> group in run.Ports.Where(p => p.Why.Length > 0)
            .GroupBy(p => p.Why))
        {
            Lines(text, "  why:  ", $"{string.Join(", ", group.Select(p => p.Name))}: {group.Key}");
        }
    }

    private static void WriteRecordings(StringBuilder text, RunResult run)
    {
        if (run.Recordings is { Count: > 0 } recordings)
        {
            text.Append("\nRecorded\n");
            foreach (Running.RecordStatus recording in recordings)
            {
                Lines(text, "  ", recording.Line);
            }
        }
    }

    private static void WriteProcesses(StringBuilder text, RunResult run)
    {
        TextTable table = new("process", "pid", "plan to armed ms", "resident", "UMEM", "collections",
            "<RT throttling");
        foreach (ProcessResult process in run.Process)
        {
            string armed = process.PlanToArmedNs is long ns
                ? (ns / 1e6).ToString("0.0", CultureInfo.InvariantCulture) : "never";
            table.Add(process.Name, process.Pid.ToString(CultureInfo.InvariantCulture), armed,
                Units.Bytes(process.ResidentBytes), Units.Bytes(process.UmemBytes),
                Units.Count(process.Collections),
                process.RtRuntimeUs < 0 ? "off"
                    : $"on, {Units.Count(process.RtRuntimeUs)} us of each second");
        }

        text.Append("\nProcesses; resident without UMEM\n");
        table.WriteTo(text);
    }

    private static void WriteHost(StringBuilder text, RunManifest host)
    {
        text.Append("\nHost\n");
        Lines(text, "  ", $"{host.CpuModel}, {host.Cpus} CPUs, isolated {host.IsolatedCpus}, nohz_full "
            + $"{host.NohzFullCpus}, clock {host.Clocksource}");
        Lines(text, "  ", $"Linux {host.Kernel} ({host.Preemption}), {host.Distribution}");
        string commit = host.Commit is string c ? " " + TextTable.Clip(c, 13) : "";
        Lines(text, "  ", $"lowlat {host.Version}{commit}, config {host.Config ?? "none"}"
            + (host.ConfigSha256 is string hash ? $" (sha256 {TextTable.Clip(hash, 13)})" : ""));
    }

    // Long sentences continue on a line of their own, indented: cut at words, so nothing wraps by itself.
    internal static void Lines(StringBuilder text, string indent, string sentence)
    {
        string lead = indent;
        while (sentence.Length > 0)
        {
            int room = TextTable.WidthMax - indent.Length;
            int cut = sentence.Length <= room ? sentence.Length : sentence.LastIndexOf(' ', room);
            cut = cut <= 0 ? room : cut;
            text.Append(lead).Append(sentence.AsSpan(0, cut)).Append('\n');
            sentence = sentence[cut..].TrimStart();
            lead = new string(' ', indent.Length);
        }
    }

    private static string Us(double? ns) => ns is double value ? Units.Us(value) : "-";

    private static string Kind(string kind) =>
        kind switch { "generator" => "gen", "receiver" => "recv", "meter" => "meter",
            "storage" => "store", "replay" => "replay", _ => "fwd" };

    private static string Policy(LaneResult lane) =>
        $"{lane.Policy} {lane.Priority}{(lane.Host == "shared" ? " shared" : "")}";

    private readonly record struct Series(string Head, LatencySummary? Summary);
}
