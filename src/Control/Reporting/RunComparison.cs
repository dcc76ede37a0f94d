using System.Globalization;
using System.Text;
using HdrHistogram;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>Whether a number of run B differs from that of run A.</summary>
internal enum Finding
{
    /// <summary>Too few samples in one of them.</summary>
    Refused,

    /// <summary>The intervals overlap, or the difference is within what two equal runs differ by.</summary>
    NoneShown,

    /// <summary>B is lower.</summary>
    Faster,

    /// <summary>B is higher.</summary>
    Slower,
}

/// <summary>One number in both runs.</summary>
internal sealed record ComparisonRow(
    string Measure, string Name, PercentileInterval? A, PercentileInterval? B, RatioInterval? Ratio,
    Finding Finding);

/// <summary>Two runs, or two series of them, side by side, from their histograms. From three runs a side on
/// it
/// says "faster" or "slower" where the 99 % interval of the ratio over runs does not hold 1. With fewer only
/// where the 99 % intervals do not meet, the ratio's interval by batch means does not hold 1, and the
/// difference is larger than <see cref="RunToRunShare"/>; immutable.</summary>
internal sealed class RunComparison
{
    /// <summary>Two runs of the same thing differ by up to this much on a machine that is not tuned
    /// (measured: see DECISIONS.md); order statistics do not know of it, since a run's samples are not
    /// independent.</summary>
    public const double RunToRunShare = 0.15;

    private static readonly (string Tag, string Name)[] Measures =
    [
        (HistogramSet.EndToEnd, "end-to-end"), (HistogramSet.ServiceTime, "service"),
        (HistogramSet.Direct, "direct"),
        (HistogramSet.Residence, "residence"), (HistogramSet.RxWait, "rx wait"), (HistogramSet.Gap, "gap"),
    ];

    private readonly ComparedRuns _sideA, _sideB;
    private readonly RunDocument _a, _b;
    private readonly string _nameA, _nameB;
    private readonly bool _arePaired;

    /// <summary>Compares.</summary>
    /// <param name="a">The first run.</param>
    /// <param name="nameA">Its folder's name.</param>
    /// <param name="b">The second run.</param>
    /// <param name="nameB">Its folder's name.</param>
    public RunComparison(RunDocument a, string nameA, RunDocument b, string nameB)
        : this([(a, nameA)], [(b, nameB)])
    {
    }

    /// <summary>Compares series of runs.</summary>
    /// <param name="a">Runs of the first side and the names of their folders, in order of time.</param>
    /// <param name="b">Of the second side.</param>
    public RunComparison(
        IReadOnlyList<(RunDocument Run, string Name)> a, IReadOnlyList<(RunDocument Run, string Name)> b)
    {
        (_sideA, _sideB) = (new ComparedRuns(a), new ComparedRuns(b));
        (_a, _b, _nameA, _nameB) = (_sideA.First, _sideB.First, _sideA.Name, _sideB.Name);
        _arePaired = ComparedRuns.AreInterleaved(_sideA, _sideB);
        List<ComparisonRow> rows = [];
        foreach ((string tag, string name) in Measures)
        {
            if (_sideA.Whole(tag) is not null && _sideB.Whole(tag) is not null)
            {
                rows.AddRange(Percentile.All.Select(p => Compare(tag, name, p)));
            }
        }

        Rows = rows;
    }

    /// <summary>Every percentile of every measure that both runs have.</summary>
    public IReadOnlyList<ComparisonRow> Rows { get; }

    private IEnumerable<ComparisonRow> Shown => Rows.Where(r => r.A is not null || r.B is not null);

    /// <summary>Judges one pair.</summary>
    /// <param name="measure">For the row.</param>
    /// <param name="name">Of the percentile.</param>
    /// <param name="a">All of A.</param>
    /// <param name="b">All of B.</param>
    /// <param name="ratio">B / A; null: neither runs nor intervals enough.</param>
    public static ComparisonRow Compare(string measure, string name, PercentileInterval? a,
        PercentileInterval? b, RatioInterval? ratio = null)
    {
        bool isShown = ratio is { IsAcrossRuns: true };
        bool isAbove = ratio is null || ratio.Low > 1, isBelow = ratio is null || ratio.High < 1;
        Finding finding = a is null || b is null ? Finding.Refused
            : isAbove && (isShown || IsClearlyLess(a, b)) ? Finding.Slower
            : isBelow && (isShown || IsClearlyLess(b, a)) ? Finding.Faster
            : Finding.NoneShown;
        return new ComparisonRow(measure, name, a, b, ratio, finding);
    }

    // What one run a side can show: more than equal runs differ by.
    private static bool IsClearlyLess(PercentileInterval a, PercentileInterval b) =>
        a.HighNs < b.LowNs && b.ValueNs > a.ValueNs * (1 + RunToRunShare);

    private ComparisonRow Compare(string tag, string measure, Percentile percentile)
    {
        BlockSeries seriesA = _sideA.Series(tag), seriesB = _sideB.Series(tag);
        PercentileInterval? a = PercentileInterval.Of(_sideA.Whole(tag), percentile, seriesA);
        PercentileInterval? b = PercentileInterval.Of(_sideB.Whole(tag), percentile, seriesB);
        if (a is null || b is null)
        {
            return Compare(measure, percentile.Name, a, b);
        }

        double[]? valuesA = _sideA.Values(tag, percentile), valuesB = _sideB.Values(tag, percentile);
        RatioInterval? ratio = valuesA is null || valuesB is null ? null
            : RatioInterval.AcrossRuns(valuesA, valuesB, _arePaired);
        ratio ??= RatioInterval.WithinRuns(a.ValueNs, b.ValueNs, seriesA, seriesB, percentile);
        return Compare(measure, percentile.Name, a, b, ratio);
    }

    /// <summary>For eyes, at most 100 columns.</summary>
    public string ToText()
    {
        StringBuilder text = new();
        text.Append($"A  {TextTable.Clip(_nameA, 96)}\nB  {TextTable.Clip(_nameB, 96)}\n");
        foreach (string difference in Setting())
        {
            text.Append("  ").Append(TextTable.Clip(difference, 98)).Append('\n');
        }

        text.Append("\nLatency, us; in brackets the 99 % interval of each percentile\n");
        TextTable table = new("measure", "<", "A us", "<[99 %]", "B us", "<[99 %]", "<B / A [99 %]",
            "<B: difference");
        foreach (ComparisonRow row in Shown)
        {
            table.Add(row.Measure, row.Name, Value(row.A), Range(row.A), Value(row.B), Range(row.B),
                Ratio(row), Word(row.Finding));
        }

        table.WriteTo(text);
        text.Append("\nFrames\n");
        TextTable counts = new("", "A", "B");
        foreach (string[] row in Counts())
        {
            counts.Add(row);
        }

        counts.WriteTo(text);
        return text.Append('\n').Append(TextRule()).ToString();
    }

    /// <summary>One self-contained page.</summary>
    public string ToHtml()
    {
        StringBuilder body = new("<h1>Two runs compared</h1>\n");
        body.Append($"<p class=\"soft\">A: {HtmlText.Escape(_nameA)}<br />B: "
            + $"{HtmlText.Escape(_nameB)}</p>\n");
        foreach (string difference in Setting())
        {
            body.Append($"<p class=\"warn\">{HtmlText.Escape(difference)}</p>\n");
        }

        body.Append("<h2>Curves</h2>\n").Append(RunCharts.Percentiles(
        [
            ("A end-to-end", _sideA.Whole(HistogramSet.EndToEnd), 0),
            ("B end-to-end", _sideB.Whole(HistogramSet.EndToEnd), 1),
            ("A residence", _sideA.Whole(HistogramSet.Residence), 2),
            ("B residence", _sideB.Whole(HistogramSet.Residence), 5),
            ("A gap", _sideA.Whole(HistogramSet.Gap), 4), ("B gap", _sideB.Whole(HistogramSet.Gap), 3),
        ]));
        string[] heads = ["measure", "<percentile", "A µs", "<99 %", "B µs", "<99 %", "B − A µs",
            "<B / A [99 %]", "<B: difference"];
        body.Append("<h2>Percentiles</h2>\n").Append(HtmlText.Table(heads, Shown.Select(r => new[]
        {
            r.Measure, r.Name, Value(r.A), Range(r.A), Value(r.B), Range(r.B), Difference(r), Ratio(r),
            Word(r.Finding),
        })));
        body.Append("<h2>Frames</h2>\n").Append(HtmlText.Table(["", "A", "B"], Counts()));
        body.Append($"<p class=\"soft small\">{HtmlText.Escape(TextRule().ReplaceLineEndings(" "))}</p>\n");
        return HtmlText.Page("lowlat: two runs compared", body.ToString());
    }

    private string TextRule() => (Math.Min(_sideA.Runs.Length, _sideB.Runs.Length) >= RatioInterval.RunsMin
        ? $"""
        {_sideA.Runs.Length} runs of A, {_sideB.Runs.Length} of B. B is called faster or slower where the 99 % interval
        of B / A over runs does not hold 1 ({(_arePaired ? "paired t of log ratios: the runs took turns"
            : "Welch's t of logs")}).
        Each row stands alone: of a hundred rows of equal runs one is called so.

        """
        : $"""
        B is called faster or slower where the two 99 % intervals (the wider of order statistics and batch
        means of intervals) do not meet, that of B / A does not hold 1, and the values differ by
        more than {RunToRunShare * 100:0} %: two runs of the same thing may differ by that much. Fewer than
        {RatioInterval.RunsMin} runs a side cannot show less: interleave them and name all, report A1,A2,A3
        B1,B2,B3.

        """).ReplaceLineEndings("\n");

    // What else differs between the runs: a reader must see it before any percentile.
    private IEnumerable<string> Setting()
    {
        RunManifest a = _a.Manifest, b = _b.Manifest;
        (string Name, string? A, string? B)[] facts =
        [
            ("verb", a.Verb, b.Verb), ("config sha256", a.ConfigSha256, b.ConfigSha256),
            ("command line", string.Join(' ', a.CommandLine), string.Join(' ', b.CommandLine)),
            ("lowlat", a.Version, b.Version), ("commit", a.Commit, b.Commit), ("kernel", a.Kernel, b.Kernel),
            ("preemption", a.Preemption, b.Preemption), ("cpu", a.CpuModel, b.CpuModel),
            ("isolated", a.IsolatedCpus, b.IsolatedCpus),
            ("modes", Modes(_a.Result), Modes(_b.Result)),
            ("verdict", _a.Result.Verdict.Ok ? "ok" : "not ok", _b.Result.Verdict.Ok ? "ok" : "not ok"),
        ];
        return facts.Where(f => f.A != f.B)
            .Select(f => $"differs: {f.Name}: {Short(f.A)} -> {Short(f.B)}");
    }

    private IEnumerable<string[]> Counts()
    {
        Loss? a = _a.Result.Loss, b = _b.Result.Loss;
        yield return ["intended pps", Rate(_a.Result.Generator?.IntendedRate),
            Rate(_b.Result.Generator?.IntendedRate)];
        yield return ["achieved pps", Rate(_a.Result.Generator?.AchievedRate),
            Rate(_b.Result.Generator?.AchievedRate)];
        yield return ["sent", Count(a?.Sent), Count(b?.Sent)];
        yield return ["received", Count(a?.Received), Count(b?.Received)];
        yield return ["lost", Count(a?.Lost), Count(b?.Lost)];
        yield return ["residual", Count(a?.Residual), Count(b?.Residual)];
        yield return ["samples", Count(_a.Result.EndToEnd?.Count), Count(_b.Result.EndToEnd?.Count)];
    }

    private static string Modes(RunResult run) =>
        string.Join(' ', run.Ports.Select(p => $"{p.Name}:{p.EffectiveMode}"));

    private static string Short(string? text) => text is null ? "none" : TextTable.Clip(text, 34);

    private static string Value(PercentileInterval? interval) => interval is null ? "-"
        : Units.Us(interval.ValueNs);

    private static string Range(PercentileInterval? interval) =>
        interval is null ? "" : $"[{Edge(interval.LowNs)}, {Edge(interval.HighNs)}]";

    // An edge of an interval needs no more digits than three or four.
    private static string Edge(long ns) => (ns / 1000.0).ToString(
        ns < 100_000 ? "0.00" : ns < 1_000_000 ? "0.0" : "0", CultureInfo.InvariantCulture);

    private static string Difference(ComparisonRow row) =>
        row.A is null || row.B is null ? "-" : Units.SignedUs(row.B.ValueNs - row.A.ValueNs);

    private static string Ratio(ComparisonRow row) => row.A is null || row.B is null || row.A.ValueNs == 0
        ? "-"
        : row.Ratio is RatioInterval r
        ? string.Create(CultureInfo.InvariantCulture, $"{r.Value:0.00} [{r.Low:0.00}, {r.High:0.00}]")
        : ((double)row.B.ValueNs / row.A.ValueNs).ToString("0.00", CultureInfo.InvariantCulture);

    private static string Word(Finding finding) => finding switch
    {
        Finding.Faster => "faster",
        Finding.Slower => "slower",
        Finding.NoneShown => "none shown",
        _ => "",
    };

    private static string Count(long? count) => count is long value ? Units.Count(value) : "-";

    private static string Rate(double? rate) => rate is double value ? Units.Rate(value) : "-";
}
