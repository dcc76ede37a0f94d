using System.Text.RegularExpressions;
using System.Xml;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Reporting;

public sealed class ReportTests
{
    private static readonly RunDocument Run = SampleRun.Make();

    [Fact]
    public void Result_json_is_as_reviewed() => GoldenFile.Check("run.json", RunJson.Write(Run.Result));

    [Fact]
    public void Manifest_json_is_as_reviewed() =>
        GoldenFile.Check("manifest.json", RunJson.Write(Run.Manifest));

    [Fact]
    public void The_text_report_is_as_reviewed() => GoldenFile.Check("report.txt", TextReport.Render(Run));

    [Fact]
    public void Result_json_reads_back_to_the_same_text()
    {
        string text = RunJson.Write(Run.Result);
        Assert.Equal(text, RunJson.Write(RunJson.ReadResult(text)));
    }

    [Fact]
    public void Result_json_of_another_schema_is_refused()
    {
        string text = RunJson.Write(Run.Result)
            .Replace("lowlat.run/1", "lowlat.run/9", StringComparison.Ordinal);
        var e = Assert.Throws<System.Text.Json.JsonException>(() => RunJson.ReadResult(text));
        Assert.Contains("lowlat.run/9", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_late_generator_is_marked_with_its_reasons_in_text_page_and_verdict()
    {
        GeneratorResult late = Run.Result.Generator! with { IsLate = true, WhyLate = ["it <slept>"] };
        RunResult result = Run.Result with { Generator = late };
        RunDocument run = Run with { Result = result with { Verdict = Judgement.Of(result, []) } };
        string text = TextReport.Render(run);
        Assert.Contains("<- generator was late\n  it <slept>\n", text, StringComparison.Ordinal);
        Assert.Contains("generator was late: it <slept>; end-to-end includes "
            + "it", text, StringComparison.Ordinal);
        Assert.Contains("generator was late: it "
            + "&lt;slept&gt;.", HtmlReport.Render(run), StringComparison.Ordinal);
    }

    [Fact]
    public void No_line_of_the_text_report_is_wider_than_100_columns_or_has_colour_unasked()
    {
        LaneResult lane = Run.Result.Lanes[0] with
        {
            Name = "fifteen-letters", Process = "forward", Host = "shared", Turns = 123_456_789_012,
            RxFrames = 98_765_432_100,
            TxFrames = 98_765_432_100, AllocatedBytes = 123_456, MinorFaults = 12_345, MajorFaults = 678,
            VoluntarySwitches = 123_456,
            InvoluntarySwitches = 98_765, Priority = -20,
            Gap = Run.Result.Gap! with { MaxNs = 68_719_476_735 },
        };
        RunDocument wide = Run with
        {
            Result = Run.Result with
            {
                Lanes = [lane],
                EndToEnd = Run.Result.EndToEnd! with { MaxNs = 68_719_476_735, MeanNs = 12_345_678_901 },
                Verdict = new Verdict(false,
                    [new string('x', 250), string.Join(' ', Enumerable.Repeat("word", 90))], []),
            },
        };
        string text = TextReport.Render(wide);
        Assert.All(text.Split('\n'), l => Assert.True(l.Length <= 100, $"{l.Length}: {l}"));
        Assert.DoesNotContain('\u001b', text);
        Assert.Contains("\u001b[1;31mNOT OK", TextReport.Render(wide, hasColour: true),
            StringComparison.Ordinal);
        Assert.StartsWith("NOT OK", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_late_generator_is_marked()
    {
        RunDocument late = Run with
        {
            Result = Run.Result with { Generator = Run.Result.Generator! with { IsLate = true } },
        };
        Assert.Contains("<- generator was late", TextReport.Render(late), StringComparison.Ordinal);
        Assert.DoesNotContain("generator was late", TextReport.Render(Run), StringComparison.Ordinal);
        Assert.Contains(Judgement.Of(late.Result, []).Notes, n =>
            n.StartsWith("generator was late", StringComparison.Ordinal));
    }

    [Fact]
    public void The_page_is_well_formed_and_refers_to_nothing_outside_itself()
    {
        string page = HtmlReport.Render(Run);
        XmlReaderSettings settings = new() { DtdProcessing = DtdProcessing.Ignore };
        using XmlReader reader = XmlReader.Create(new StringReader(page), settings);
        int svgs = 0;
        while (reader.Read())
        {
            svgs += reader.NodeType == XmlNodeType.Element && reader.Name == "svg" ? 1 : 0;
            Assert.False(reader.NodeType == XmlNodeType.Element
                && reader.Name is "script" or "link" or "img" or "iframe");
        }

        Assert.Equal(4, svgs);
        Assert.DoesNotMatch(new Regex(
            """(src|href|url)\s*[=(]|https?:|@import""", RegexOptions.IgnoreCase), page);
        Assert.Contains("Example CPU &lt;8 &amp; more&gt;", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_without_load_or_samples_still_makes_both_reports()
    {
        RunDocument bare = new(Run.Result with
        {
            Verb = "run", EndToEnd = null, ServiceTime = null, Direct = null, ForwarderCost = null,
            Loss = null, Generator = null,
            Residence = LatencySummary.Empty, Gap = LatencySummary.Empty, Slo = [],
            Lanes = [Run.Result.Lanes[2] with { Gap = null }],
        }, Run.Manifest, Run.Timeline! with { Intervals = [], Gaps = [] }, new HistogramSet());
        Assert.Contains("residence", TextReport.Render(bare), StringComparison.Ordinal);
        Assert.Contains("No samples.", HtmlReport.Render(bare), StringComparison.Ordinal);
        XmlReaderSettings settings = new() { DtdProcessing = DtdProcessing.Ignore };
        using XmlReader reader = XmlReader.Create(new StringReader(HtmlReport.Render(bare)), settings);
        while (reader.Read())
        {
        }
    }
}
