using System.Text;
using System.Text.Json;
using LowLatency.Control.Readiness;
using LowLatency.Control.Readiness.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

/// <summary>The engine, with checks made for it.</summary>
public sealed class JudgeTests
{
    private const string Somewhere = "/sys/somewhere";

    [Theory]
    [InlineData("B/B/B", "Fail", false)]
    [InlineData("B/B/B", "Unknown", false)]
    [InlineData("B/B/B", "Error", false)]
    [InlineData("B/B/B", "Warn", true)]
    [InlineData("B/B/B", "Unsupported", true)]
    [InlineData("H/H/H", "Fail", true)]
    public void Only_a_blocker_that_fails_or_cannot_be_read_refuses(string severities, string state,
        bool isReady) =>
        Assert.Equal(isReady, Report(Says(Enum.Parse<CheckState>(state), severities)).IsReady);

    [Fact]
    public void Strict_refuses_high_severities_too()
    {
        ReadinessReport report = Report(Says(CheckState.Unknown, "H/H/H"));
        Assert.True(report.IsReady);
        Assert.False((report with { IsStrict = true }).IsReady);
    }

    [Fact]
    public void A_gate_that_nothing_has_measured_does_not_refuse() =>
        Assert.True(Report(Says(CheckState.Unknown, "B/B/B") with { IsMeasuredGate = true }).IsReady);

    [Fact]
    public void A_severity_of_none_is_not_applicable_and_reads_nothing()
    {
        CheckResult result = Report(Rule("B/B/-", _ => throw new InvalidOperationException("it was asked")))
            .Results[0];
        Assert.Equal((CheckState.NotApplicable, 0), (result.State, result.Evidence.Count));
    }

    [Fact]
    public void A_rule_that_breaks_is_an_error_and_no_crash()
    {
        CheckResult result = Report(Rule("B/B/B", _ => throw new InvalidOperationException("boom")))
            .Results[0];
        Assert.Equal(CheckState.Error, result.State);
        Assert.Contains("boom", result.Findings[0].Observed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Fail", "Unknown")]
    [InlineData("Pass", "Pass")]
    [InlineData("Unknown", "Pass")]
    public void A_check_whose_evidence_another_refutes_is_unknown(string other, string state)
    {
        Check resting = Says(CheckState.Pass, "B/B/B") with { RestsOn = "x.base" };
        Check basis = Says(Enum.Parse<CheckState>(other), "B/B/B") with { Id = "x.base" };
        Assert.Equal(state, Report(resting, basis).Results[0].State.ToString());
    }

    [Fact]
    public void A_rule_that_says_nothing_is_an_error() =>
        Assert.Equal(CheckState.Error, Report(Rule("B/B/B", _ => [])).Results[0].State);

    [Fact]
    public void A_rule_that_looks_where_it_did_not_say_is_an_error()
    {
        CheckResult result = Report(Rule("B/B/B", facts => [Finding.Pass(facts.Text("/proc/cpuinfo"))]))
            .Results[0];
        Assert.Equal(CheckState.Error, result.State);
        Assert.Contains("does not declare", result.Findings[0].Observed, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_found_before_evidence_ran_out_still_counts()
    {
        static IEnumerable<Finding> Judge(Facts facts)
        {
            yield return Finding.Fail("first");
            yield return Finding.Pass(facts.Text(Somewhere));
        }

        CheckResult result = Report(Rule("B/B/B", Judge)).Results[0];
        Assert.Equal(CheckState.Fail, result.State);
        Assert.Equal([CheckState.Fail, CheckState.Unknown], result.Findings.Select(finding => finding.State));
    }

    [Fact]
    public void Reads_that_disturb_are_withheld_without_maintenance()
    {
        Check check = Rule("B/B/B", facts => [Finding.Pass(facts.Text(Somewhere))]) with
        {
            Reads = [new Read(Somewhere, Intrusion.I2)],
        };
        RecordedHost host = RecordedHost.Load("lab").With($"-- {Somewhere} --\nyes\n");
        CheckResult withheld = host.Judge([check], isMaintenance: false).Results[0];
        Assert.Equal(CheckState.Unknown, withheld.State);
        Assert.Contains("--maintenance", withheld.Findings[0].Observed, StringComparison.Ordinal);
        Assert.Equal(CheckState.Pass, host.Judge([check], isMaintenance: true).Results[0].State);
    }

    [Fact]
    public void A_source_is_read_once_however_many_checks_want_it()
    {
        CountingHost host = new(RecordedHost.Load("lab").With($"-- {Somewhere} --\nyes\n"));
        Check check = Rule("B/B/B", facts => [Finding.Pass(facts.Text(Somewhere))]);
        new Collector(host, [check, check, check], new CollectOptions(0, false, null))
            .Collect(null, "test", 0, _ => { });
        Assert.Equal(1, host.Reads[Somewhere]);
    }

    [Fact]
    public void Counters_without_a_window_are_unknown_and_with_one_are_differences()
    {
        Check check = Rule("B/B/B", facts => [Finding.Pass($"moved {facts.Delta(Somewhere)}")]) with
        {
            Reads = [new Read(Somewhere, Intrusion.I0, ReadTraits.Window)],
        };
        RecordedHost host = RecordedHost.Load("lab")
            .With($"-- {Somewhere} --\n5\n-- {Somewhere} @end --\n12\n");
        CheckResult without = host.Judge([check], windowSeconds: 0).Results[0];
        Assert.Equal(CheckState.Unknown, without.State);
        Assert.Contains("--window", without.Findings[0].Observed, StringComparison.Ordinal);
        Assert.Equal("moved 7", host.Judge([check]).Results[0].Findings[0].Observed);
    }

    [Theory]
    [MemberData(nameof(Hosts))]
    public void Evidence_judged_from_a_file_gives_the_same_document(string name)
    {
        ReadinessReport now = RecordedHost.Load(name).Judge(Catalogue.All);
        string file = EvidenceJson.Write(now.Evidence);
        Evidence back = EvidenceJson.Read(file);
        ReadinessReport later = Judge.Run(
            back, now.Topology.Configuration, null, Catalogue.All, isStrict: false);
        Assert.Equal(ReadinessJson.Write(now, "test"), ReadinessJson.Write(later, "test"));
        Assert.Equal(file, EvidenceJson.Write(back));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"schema\":\"lowlat.evidence/2\"}")]
    public void What_is_no_capture_is_refused(string text) =>
        Assert.ThrowsAny<JsonException>(() => EvidenceJson.Read(text));

    [Fact]
    public void A_capture_cut_anywhere_is_refused_and_never_crashes()
    {
        string file = EvidenceJson.Write(RecordedHost.Load("lab").Judge([Says(CheckState.Pass, "B/B/B")])
            .Evidence);
        for (int length = 0; length < file.TrimEnd().Length; length += 7)
        {
            Assert.ThrowsAny<JsonException>(() => EvidenceJson.Read(file[..length]));
        }
    }

    /// <summary>Names of the recorded hosts.</summary>
    public static TheoryData<string> Hosts { get; } = [.. RecordedHost.Names.Select(name =>
        new TheoryDataRow<string>(name))];

    private static ReadinessReport Report(params Check[] checks) => RecordedHost.Load("lab").Judge(checks);

    private static Check Says(CheckState state, string severities) =>
        Rule(severities, _ => [new Finding(Subject.Host, state, "as told")]);

    private static Check Rule(string severities, Rule rule) => new()
    {
        Id = "test.rule.one",
        Kind = CheckKind.Static,
        Severities = severities,
        Reads = [Somewhere],
        Expects = "what the test wants",
        Why = "the test",
        Source = "the test",
        Remedy = new Remedy(RollbackClass.Observe, "nothing"),
        Judge = rule,
    };

    private sealed class CountingHost(RecordedHost host) : IHost
    {
        public Dictionary<string, int> Reads { get; } = [];

        public Fact Read(string source, Intrusion intrusion)
        {
            Reads[source] = Reads.GetValueOrDefault(source) + 1;
            return host.Read(source, intrusion);
        }

        public IReadOnlyList<string>? List(string directory, out string problem) =>
            host.List(directory, out problem);
    }
}
