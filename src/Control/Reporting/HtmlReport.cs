using System.Globalization;
using System.Text;
using LowLatency.Control.Measuring;
using LowLatency.Control.Storage;

namespace LowLatency.Control.Reporting;

/// <summary>A run as one self-contained page.</summary>
internal static class HtmlReport
{
    /// <summary>Renders.</summary>
    public static string Render(RunDocument run)
    {
        StringBuilder body = new();
        WriteHead(body, run);
        WriteCards(body, run.Result);
        DiskText.WriteHtml(body, run.Result.Disk);
        PromiseText.WriteHtml(body, run.Result.Promise);
        WriteLatency(body, run);
        TextStatistics.WriteHtml(body, run.Result);
        if (run.Timeline is RunTimeline timeline)
        {
            body.Append("<h2>Second by second</h2>\n").Append(RunCharts.Timeline(timeline));
            body.Append("<h2>Gaps</h2>\n<p class=\"soft small\">Times in which a lane did not turn for "
                + "longer than its ")
                .Append($"threshold: {Units.Count(timeline.GapsSeen)} in all, the longest "
                    + $"{timeline.Gaps.Count} shown.</p>\n")
                .Append(RunCharts.Gaps(timeline));
        }

        LostTimeHtml.Write(body, run.Result);
        WriteLoss(body, run.Result.Loss);
        WriteGenerator(body, run.Result.Generator);
        if (run.Result.Lanes.Count > 0) // a drive is measured without
        {
            HtmlTables.WriteLanes(body, run.Result);
            StageTable.WriteHtml(body, run.Result.Stages);
            if (run.Result.Recordings is { Count: > 0 } recordings)
            {
                body.Append("<h2>Recorded</h2>\n<ul class=\"plain\">\n")
                    .AppendJoin("", recordings.Select(r => $"<li>{HtmlText.Escape(r.Line)}</li>\n"))
                    .Append("</ul>\n");
            }

            HtmlTables.WritePorts(body, run.Result);
        }

        HtmlTables.WriteManifest(body, run);
        return HtmlText.Page($"lowlat {run.Result.Verb} {Time(run.Manifest.StartUtc)}", body.ToString());
    }

    private static void WriteHead(StringBuilder body, RunDocument run)
    {
        RunResult result = run.Result;
        string kind = result.Verdict.Ok ? "good" : "bad";
        string seconds = result.DurationSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        body.Append($"<p><span class=\"verdict {kind}\">{(result.Verdict.Ok ? "OK" : "NOT OK")}"
            + $"{(result.IsPartial ? ", PARTIAL" : "")}</span></p>\n")
            .Append($"<h1>lowlat {HtmlText.Escape(result.Verb)}: {HtmlText.Escape(Headline(result))}</h1>\n")
            .Append($"<p class=\"soft\">{seconds} s measured, started {Time(run.Manifest.StartUtc)} "
                + "UTC</p>\n");
        if (result.Verdict.Reasons.Count + result.Verdict.Notes.Count + result.Slo.Count == 0)
        {
            return;
        }

        body.Append("<ul class=\"plain\">\n");
        foreach (string reason in result.Verdict.Reasons)
        {
            body.Append($"<li class=\"bad\">{HtmlText.Escape(reason)}</li>\n");
        }

        foreach (SloResult slo in result.Slo)
        {
            string actual = slo.ActualNs is long ns ? $"{Units.Us(ns)} µs" : "refused, too few samples";
            body.Append($"<li class=\"{(slo.Met ? "good" : "bad")}\">objective "
                + $"{HtmlText.Escape(slo.Percentile)} ≤ ")
                .Append($"{Units.Us(slo.LimitNs)} µs: {actual}, {(slo.Met ? "met" : "not met")}</li>\n");
        }

        foreach (string note in result.Verdict.Notes)
        {
            body.Append($"<li class=\"warn\">{HtmlText.Escape(note)}</li>\n");
        }

        body.Append("</ul>\n");
    }

    private static string Headline(RunResult run)
    {
        LatencySummary? shown = run.EndToEnd ?? run.Residence ?? run.Gap;
        if (shown is null || shown.Count == 0)
        {
            return "no samples";
        }

        for (int i = Percentile.All.Length - 1; i >= 0; i--)
        {
            if (Percentile.All[i].OneIn <= 10_000 && shown.At(i) is long ns)
            {
                string what = run.Disk is not null ? "transfer" : run.EndToEnd is not null ? "end-to-end" : run.Residence is not null
                    ? "residence" : "gap";
                return $"{Percentile.All[i].Name} {what} {Units.Us(ns)} µs";
            }
        }

        return "too few samples for a percentile";
    }

    private static void WriteCards(StringBuilder body, RunResult run)
    {
        List<(string Value, string Name)> cards = [];
        LatencySummary? main = run.EndToEnd ?? run.Residence;
        string what = run.EndToEnd is not null ? "end-to-end" : "residence";
        if (run.Disk is DiskResult disk)
        {
            what = "transfer";
            cards.Add((Units.Rate(disk.Iops), "transfers a second"));
        }

        AddCard(cards, main?.P50Ns, $"p50 {what}");
        AddCard(cards, main?.P99Ns, $"p99 {what}");
        AddCard(cards, main?.P9999Ns, $"p99.99 {what}");
        if (run.ForwarderCost?.P50Ns is long cost)
        {
            cards.Add(($"{Units.SignedUs(cost)} µs", "forwarder's own p50"));
        }

        AddCard(cards, run.Gap?.MaxNs, "longest gap");
        if (run.Loss is Loss loss)
        {
            cards.Add((Units.Count(loss.Lost),
                $"lost of {Units.Count(loss.Sent)} frames, {Units.Count(loss.Residual)} unexplained"));
        }

        body.Append("<div class=\"cards\">\n");
        foreach ((string value, string name) in cards)
        {
            body.Append($"<div class=\"card\"><b>{HtmlText.Escape(value)}</b>")
                .Append($"<span>{HtmlText.Escape(name)}</span></div>\n");
        }

        body.Append("</div>\n");
    }

    private static void AddCard(List<(string, string)> cards, long? ns, string name)
    {
        if (ns is long value)
        {
            cards.Add(($"{Units.Us(value)} µs", name));
        }
    }

    private static void WriteLatency(StringBuilder body, RunDocument run)
    {
        body.Append("<h2>Latency</h2>\n");
        if (run.Histograms is HistogramSet set)
        {
            body.Append(RunCharts.Percentiles(
            [
                ("end-to-end", set[HistogramSet.EndToEnd], 0),
                ("service time", set[HistogramSet.ServiceTime], 1),
                ("direct", set[HistogramSet.Direct], 2), ("residence", set[HistogramSet.Residence], 3),
                ("rx wait", set[HistogramSet.RxWait], 5), ("gap", set[HistogramSet.Gap], 4),
            ]));
        }

        RunResult result = run.Result;
        (string Head, LatencySummary? Summary)[] shown =
        [
            .. new (string Head, LatencySummary? Summary)[]
            {
                ("end-to-end", result.EndToEnd), ("service", result.ServiceTime),
                ("direct", result.Direct?.EndToEnd),
                ("residence", result.Residence), ("rx wait", result.RxWait), ("gap", result.Gap),
            }.Where(s => s.Summary is not null),
        ];
        ForwarderCost? cost = result.ForwarderCost;
        string[] heads = ["µs", .. shown.Select(s => s.Head), .. cost is null ? Array.Empty<string>()
            : ["forwarder’s own"]];
        List<string[]> rows =
        [
            Row("samples", s => Units.Count(s.Count) + "|", ""),
            Row("min", s => Us(s.MinNs) + "|", Signed(cost?.MinNs)),
            Row("mean", s => Us(s.MeanNs) + "|", Signed(cost?.MeanNs)),
        ];
        for (int i = 0; i < Percentile.All.Length; i++)
        {
            Percentile p = Percentile.All[i];
            int index = i;
            rows.Add(Row(p.Name, s => s.At(index) is long ns
                ? $"{Units.Us(ns)}|{Units.Short(p.SamplesAbove(s.Count))}" : "–|", Signed(cost?.At(i))));
        }

        rows.Add(Row("max", s => Us(s.MaxNs) + "|", Signed(cost?.MaxNs)));
        body.Append("<div style=\"height:12px\"></div>\n").Append(HtmlText.Table(heads, rows));
        string kind = result.Disk is null ? "One way" : "Until completion";
        body.Append($"<p class=\"soft small\">{kind}. Beside each percentile: how many samples lie above it; "
            + "– is refused, ")
            .Append("fewer than ten. End-to-end counts from the intended send time, service time from the "
                + "hand-over to ")
            .Append("the kernel. Forwarder’s own: through less direct, same run. Gap: between two turns of a "
                + "lane.</p>\n");

        string[] Row(string name, Func<LatencySummary, string> cell, string difference) =>
            [name, .. shown.Select(s => cell(s.Summary!)), .. cost is null ? Array.Empty<string>()
                : [difference]];
    }

    private static void WriteLoss(StringBuilder body, Loss? loss)
    {
        if (loss is null)
        {
            return;
        }

        body.Append("<h2>Ledger</h2>\n<p class=\"soft small\">Every frame the generator handed to the kernel "
            + "ends in one of ")
            .Append("these lines; the residual must be 0.</p>\n");
        List<string[]> rows =
        [
            ["sent by the generator", Units.Count(loss.Sent)],
            ["− received, distinct", Units.Count(loss.Received)],
            .. loss.Drops.Select(d => new[] { $"− {d.Key}", Units.Count(d.Value) }),
            ["− in flight at the end", Units.Count(loss.InFlight)],
            ["= residual", Units.Count(loss.Residual)],
        ];
        body.Append(HtmlText.Table(["all paths", "frames"], rows, isLastSum: true));
        string paths = string.Join("; ",
            loss.Paths.Select(p => $"{p.Name}: sent {Units.Count(p.Sent)}, received "
            + $"{Units.Count(p.Received)}, lost {Units.Count(p.Lost)}"));
        body.Append($"<p class=\"soft small\">{HtmlText.Escape(paths)}. Reordered "
            + $"{Units.Count(loss.Reordered)}, ")
            .Append($"duplicated {Units.Count(loss.Duplicated)}, not ours "
                + $"{Units.Count(loss.Foreign)}.</p>\n");
    }

    private static void WriteGenerator(StringBuilder body, GeneratorResult? generator)
    {
        if (generator is null)
        {
            return;
        }

        string why = HtmlText.Escape(string.Join("; ", generator.WhyLate ?? []));
        string mark = generator.IsLate ? $"<p class=\"warn\">The generator was late: {why}.</p>\n" : "";
        string[] heads = ["schedule", "intended pps", "achieved pps", "%", "unsent", "late p50 µs",
            "late p99.9 µs", "late max µs"];
        string[] row =
        [
            generator.Schedule, Units.Rate(generator.IntendedRate), Units.Rate(generator.AchievedRate),
            Units.Share(generator.AchievedRate, generator.IntendedRate), Units.Count(generator.Unsent),
            Us(generator.LateP50Ns), Us(generator.LateP999Ns), Us(generator.LateMaxNs),
        ];
        body.Append("<h2>Generator</h2>\n").Append(mark).Append(HtmlText.Table(heads, [row]));
        if (generator.Quiet is QuietResult quiet)
        {
            body.Append($"<p class=\"soft small\">Quiet for {Units.Us(quiet.ForNs)} µs every "
                + $"{Units.Us(quiet.EveryNs)} µs, ")
                .Append($"and {Units.Us(quiet.GuardNs)} µs before it: nothing is intended then.</p>\n");
        }
    }

    private static string Us(double? ns) => ns is double value ? Units.Us(value) : "–";

    private static string Signed(double? ns) => ns is double value ? Units.SignedUs(value) : "–";

    private static string Time(DateTime time) =>
        time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
}
