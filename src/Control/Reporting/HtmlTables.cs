using System.Globalization;
using System.Text;

namespace LowLatency.Control.Reporting;

/// <summary>The tables of a page about lanes, ports and the host.</summary>
internal static class HtmlTables
{
    /// <summary>Lanes, and where their time went.</summary>
    public static void WriteLanes(StringBuilder body, RunResult run)
    {
        body.Append("<h2>Lanes</h2>\n<p class=\"soft small\">Bytes, collections, faults and switches since "
            + "arming.</p>\n");
        string[] heads =
        [
            "lane", "<of", "cpu", "<policy", "turns", "rx", "tx", "bytes", "collections", "faults min + maj",
            "switches own + forced", "<memory",
        ];
        body.Append(HtmlText.Table(heads, run.Lanes.Select(l => new[]
        {
            l.Name, $"{l.Process}, {l.Kind}", Number(l.Cpu), $"{l.Policy} {l.Priority}, {l.Host}",
            Units.Short(l.Turns),
            Units.Short(l.RxFrames), Units.Short(l.TxFrames), Units.Count(l.AllocatedBytes),
            Units.Count(l.Collections),
            $"{Units.Short(l.MinorFaults)} + {Units.Short(l.MajorFaults)}",
            $"{Units.Short(l.VoluntarySwitches)} + {Units.Short(l.InvoluntarySwitches)}",
            (l.HugePages ? "2 MiB" : "4 KiB") + (l.Fused ? ", fused" : ""),
        })));
        string[] regimes = [.. run.Lanes.SelectMany(l => l.RegimesNs.Keys).Distinct()];
        string[] timeHeads =
        [
            "lane", .. regimes.Select(r => r + " %"), "pauses", "paused ms", "gap p50 µs", "gap p99.9 µs",
            "gap max µs",
            "gaps",
        ];
        body.Append("<div style=\"height:12px\"></div>\n")
            .Append(HtmlText.Table(timeHeads, run.Lanes.Select(l => new[]
        {
            l.Name,
        }.Concat(regimes.Select(r => Units.Share(l.RegimesNs.GetValueOrDefault(r), l.RegimesNs.Values.Sum())))
            .Concat(
            [
                Units.Count(l.Yields), (l.YieldNs / 1e6).ToString("0.0", CultureInfo.InvariantCulture),
                Us(l.Gap?.P50Ns),
                Us(l.Gap?.P999Ns), Us(l.Gap?.MaxNs), Units.Count(l.GapsOverThreshold),
            ]).ToArray())));
    }

    /// <summary>Ports with their effective mode and why, and what their programs did.</summary>
    public static void WritePorts(StringBuilder body, RunResult run)
    {
        body.Append("<h2>Ports</h2>\n");
        body.Append(HtmlText.Table(
            ["port", "<process", "<interface", "<netns", "queue", "<driver", "<asked", "<effective", "=why",
                "<link", "downs"],
            run.Ports.Select(p => new[]
            {
                p.Name, p.Process, p.Interface, p.Netns, Units.Count(p.Queue), p.Driver, p.RequestedMode,
                p.EffectiveMode,
                p.Why, p.Link, Units.Count(p.LinkDowns),
            })));
        string[] counters = [.. run.Ports.SelectMany(p => p.XdpStatistics.Keys.Concat(p.XdpOutcomes.Keys))
            .Distinct()
            .Where(name => run.Ports.Any(p => Counter(p, name) != 0))];
        if (counters.Length > 0)
        {
            body.Append("<div style=\"height:12px\"></div>\n").Append(HtmlText.Table(["port", .. counters],
                run.Ports.Select(p =>
                    (string[])[p.Name, .. counters.Select(c => Units.Count(Counter(p, c)))])));
        }
    }

    /// <summary>The host, the build and the processes.</summary>
    public static void WriteManifest(StringBuilder body, RunDocument run)
    {
        RunManifest m = run.Manifest;
        body.Append("<h2>Run again</h2>\n<dl>\n");
        Item(body, "command", string.Join(' ', m.CommandLine));
        Item(body, "config", m.Config is null ? "none" : $"{m.Config}, sha256 {m.ConfigSha256}");
        Item(body, "lowlat", m.Version + (m.Commit is null ? "" : $", commit {m.Commit}"));
        Item(body, "libraries", string.Join(", ", m.Libraries.Select(l => $"{l.Key} {l.Value}")));
        Item(body, "kernel", $"{m.Kernel}, {m.Preemption}");
        Item(body, "system", m.Distribution);
        Item(body, "cpu", $"{m.CpuModel}, {m.Cpus} CPUs, isolated {m.IsolatedCpus}, nohz_full "
            + $"{m.NohzFullCpus}, "
            + $"clock {m.Clocksource}");
        Item(body, "ran", $"{Time(m.StartUtc)} to {Time(m.EndUtc)} UTC");
        foreach (ProcessResult process in run.Result.Process)
        {
            string armed = process.PlanToArmedNs is long ns
                ? (ns / 1e6).ToString("0.0", CultureInfo.InvariantCulture) + " ms" : "never";
            Item(body, $"lowlatd {process.Name}",
                $"plan to armed {armed}, resident {Units.Bytes(process.ResidentBytes)} + "
                + $"UMEM {Units.Bytes(process.UmemBytes)}, {process.Collections} collections, real-time "
                    + "throttling "
                + (process.RtRuntimeUs < 0 ? "off" : $"on ({process.RtRuntimeUs} µs)"));
        }

        body.Append("</dl>\n");
    }

    private static void Item(StringBuilder body, string name, string value)
    {
        if (value.Length > 0)
        {
            body.Append($"<dt>{HtmlText.Escape(name)}</dt><dd>{HtmlText.Escape(value)}</dd>\n");
        }
    }

    private static long Counter(PortResult port, string name) =>
        port.XdpStatistics.TryGetValue(name, out long value) ? value
            : port.XdpOutcomes.GetValueOrDefault(name);

    private static string Us(long? ns) => ns is long value ? Units.Us(value) : "–";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Time(DateTime time) =>
        time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
}
