using System.Globalization;
using System.Text;
using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>What CPUs lose and where it went, on a page: the waterfall of classes, the causes, the longest
/// gaps piece by piece.</summary>
internal static class LostTimeHtml
{
    private const int CulpritsShown = 40;
    private const int WorstShown = 20;

    /// <summary>Writes both parts, those there are.</summary>
    public static void Write(StringBuilder body, RunResult run)
    {
        if (run.Noise is { Count: > 0 } noise)
        {
            WriteNoise(body, noise);
        }

        if (run.Explain is { } explain)
        {
            WriteExplanation(body, explain, Math.Max(run.DurationSeconds, 1e-3));
        }
    }

    private static void WriteNoise(StringBuilder body, IReadOnlyList<NoiseSpectrum> noise)
    {
        body.Append("<h2>What the CPUs lose</h2>\n")
            .Append("<p class=\"soft small\">Gaps a second that are longer than a limit; then what a "
                + "packet that comes "
                + "at any moment waits for its lane. Neither depends on how fast the meter's loop is.</p>\n");
        string[] heads =
        [
            "meter", .. noise[0].Over.Select(rate => $"> {Units.Us(rate.OverNs)} µs"),
            .. noise[0].Wait.Select(wait => $"{wait.Percentile} µs"), "longest µs",
        ];
        body.Append(HtmlText.Table(heads, noise.Select(spectrum => (string[])
        [
            spectrum.Lane, .. spectrum.Over.Select(Rate),
            .. spectrum.Wait.Select(wait => wait.Ns == 0 ? "0" : Units.Us(wait.Ns)),
            spectrum.MaxNs is long max ? Units.Us(max) : "–",
        ])));
    }

    private static void WriteExplanation(StringBuilder body, Explanation explain, double seconds)
    {
        body.Append("<h2>Where lost time went</h2>\n<p class=\"soft small\">")
            .Append(HtmlText.Escape(LostTimeText.Headline(explain))).Append("</p>\n");
        if (explain.Tier == "T0")
        {
            body.Append("<p class=\"warn\">Nothing is named: ").Append(HtmlText.Escape(explain.Why))
                .Append("</p>\n");
        }

        WriteWaterfall(body, explain);
        string[] heads =
            ["lane", "<bucket", "<cause", "gaps", "lost µs/s", "share %", "max µs", "every ms", "<judged by"];
        body.Append(HtmlText.Table(heads, explain.Culprits.Take(CulpritsShown).Select(row => new[]
        {
            row.Lane, row.Bucket, row.Name, Units.Count(row.Gaps), Units.Us(row.LostNs / seconds),
            Units.Share(row.LostNs, explain.LostNs), Units.Us(row.MaxNs),
            row.PeriodNs is long period ? (period / 1e6).ToString("0.##", CultureInfo.InvariantCulture) : "",
            row.Check,
        })));
        body.Append("<h3>The longest gaps</h3>\n");
        body.Append(HtmlText.Table(["lane", "cpu", "µs", "<made of"], explain.Worst.Take(WorstShown)
            .Select(gap =>
            new[]
            {
                gap.Lane, gap.Cpu.ToString(CultureInfo.InvariantCulture), Units.Us(gap.LengthNs),
                string.Join(" + ", gap.Parts.Take(6).Select(part =>
                    $"{Units.Us(part.Ns)} {(part.Name.Length > 0 ? part.Name : part.Bucket)}")),
            })));
        foreach (string note in explain.Notes)
        {
            body.Append("<p class=\"soft small\">").Append(HtmlText.Escape(note)).Append("</p>\n");
        }
    }

    // Each bar begins where the one above it ends: together they are all lost time.
    private static void WriteWaterfall(StringBuilder body, Explanation explain)
    {
        if (explain.LostNs == 0)
        {
            return;
        }

        const double left = 150, right = 120, rowHeight = 22;
        double height = (explain.Buckets.Count * rowHeight) + 8;
        double width = Chart.Width - left - right;
        body.Append(CultureInfo.InvariantCulture,
            $"<figure><svg viewBox=\"0 0 {Chart.Width} {height}\" role=\"img\" aria-label=\"Lost time by "
                + $"class\">\n");
        double before = 0;
        for (int i = 0; i < explain.Buckets.Count; i++)
        {
            BucketRow row = explain.Buckets[i];
            double y = 4 + (i * rowHeight);
            double x = left + (width * before);
            double bar = Math.Max(width * row.Share, 1);
            body.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{left - 8}\" y=\"{y + 15}\" "
                    + $"text-anchor=\"end\">{HtmlText.Escape(row.Bucket)}</text>")
                .Append(CultureInfo.InvariantCulture,
                    $"<rect x=\"{x:0.#}\" y=\"{y + 3}\" width=\"{bar:0.#}\" height=\"16\" "
                        + $"class=\"f{i % 6}\"/>")
                .Append(CultureInfo.InvariantCulture,
                    $"<text x=\"{x + bar + 6:0.#}\" y=\"{y + 15}\">{row.Share * 100:0.0} %, "
                        + $"{Units.Count(row.Gaps)} gaps</text>\n");
            before += row.Share;
        }

        body.Append("</svg></figure>\n");
    }

    private static string Rate(GapRate rate) => rate.UpperPerSecond is double upper
        ? "< " + upper.ToString("0.##", CultureInfo.InvariantCulture)
        : rate.PerSecond.ToString(rate.PerSecond >= 100 ? "0" : "0.##", CultureInfo.InvariantCulture);
}
