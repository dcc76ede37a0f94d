using System.Xml.Linq;
using LowLatency.Control.Configuring;
using LowLatency.Control.Readiness;
using LowLatency.Control.Readiness.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

/// <summary>Whole hosts, and every format of what is said of them.</summary>
public sealed class RecordedHostTests
{
    [Fact]
    public void There_are_120_checks() => Assert.Equal(120, Catalogue.All.Count);

    [Theory]
    [InlineData("bare-metal", true, "bare-metal")]
    [InlineData("sriov-guest", true, "sriov")]
    [InlineData("stock-server", false, "bare-metal")]
    [InlineData("container", false, "bare-metal")]
    [InlineData("lab", true, "lab")]
    public void A_tuned_host_is_ready_and_an_untouched_one_is_not(string name, bool isReady, string profile)
    {
        ReadinessReport report = RecordedHost.Load(name).Judge(Catalogue.All,
            profile: HostProfiles.Find(profile));
        string refusals = string.Join("\n", report.Results.Where(result => result.IsRefusal(isStrict: false))
            .Select(result => $"{result.Check.Id}: {result.Decisive.First().Observed}"));
        Assert.True(report.IsReady == isReady, $"refused by:\n{refusals}");
        Assert.Equal(0, report.Count(CheckState.Error));
    }

    [Fact]
    public void A_tuned_host_fails_only_where_its_card_is_on_the_other_node()
    {
        ReadinessReport report = RecordedHost.Load("bare-metal").Judge(Catalogue.All);
        Assert.Equal(["topo.numa.nic-local"],
            report.Results.Where(result => result.State == CheckState.Fail)
                .Select(result => result.Check.Id));
    }

    [Fact]
    public void An_untouched_server_is_told_much()
    {
        ReadinessReport report = RecordedHost.Load("stock-server").Judge(Catalogue.All);
        string[] failing = [.. report.Results.Where(result => result.State == CheckState.Fail)
            .Select(result => result.Check.Id)];
        Assert.Superset(
            new HashSet<string>(["cpu.isolated.covers-dataplane", "irq.affinity.effective-off",
                "irq.irqbalance.banned", "nic.offload.xdp-safe"]),
            failing.ToHashSet());
        Assert.Equal("blocker", ReadinessJson.Document(report, "test").ToDo[0].Severity);
    }

    [Fact]
    public void A_container_passes_little_and_is_told_what_could_not_be_read()
    {
        ReadinessReport report = RecordedHost.Load("container").Judge(Catalogue.All);
        Assert.True(report.Count(CheckState.Unknown) > 15, $"{report.Count(CheckState.Unknown)} unknown");
        Assert.All(report.Results.Where(result => result.State == CheckState.Unknown
            && !result.Check.IsMeasuredGate),
            result => Assert.True(result.Decisive.First().Observed.Length > 5));
    }

    [Fact]
    public void A_waiver_takes_a_failure_out_and_an_expired_one_does_not()
    {
        const string waiver = """

            [[host.waiver]]
            check = "cpu.isolated.covers-dataplane"
            owner = "me"
            reason = "until the reboot"
            expires = "DAY"

            """;
        RecordedHost host = RecordedHost.Load("stock-server");
        ReadinessReport Judged(string day) => host.With("-- config --\n" + host.Configuration
            + waiver.Replace("DAY", day, StringComparison.Ordinal))
                .Judge([Catalogue.Find("cpu.isolated.covers-dataplane")!]);
        ReadinessReport good = Judged("2026-11-23");
        Assert.Equal((CheckState.Waived, true), (good.Results[0].State, good.IsReady));
        ReadinessReport late = Judged("2026-11-22");
        Assert.Equal((CheckState.Fail, false), (late.Results[0].State, late.IsReady));
        Assert.Contains("expired on 2026-11-22: not honoured", Assert.Single(late.Notes),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_waiver_of_what_cannot_be_read_changes_nothing()
    {
        RecordedHost host = RecordedHost.Load("stock-server");
        ReadinessReport report = host.With("-- /sys/devices/system/cpu/isolated ! EACCES --\n-- config --\n"
            + host.Configuration + """

            [[host.waiver]]
            check = "cpu.isolated.covers-dataplane"
            owner = "me"
            reason = "r"
            expires = "2027-01-01"
            """).Judge([Catalogue.Find("cpu.isolated.covers-dataplane")!]);
        Assert.Equal((CheckState.Unknown, false), (report.Results[0].State, report.IsReady));
        Assert.Contains("is not needed", Assert.Single(report.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Hosts))]
    public void Declaring_what_is_not_there_is_told_and_breaks_no_rule(string name)
    {
        ReadinessReport report = RecordedHost.Load(name).With("""
            -- config --
            name = "odd"
            [host]
            housekeeping = "0,98"
            [[port]]
            name = "p"
            interface = "nope0"
            [[port]]
            name = "q"
            netns = "nowhere"
            interface = "eth9"
            [[disk]]
            name = "d"
            path = "/dev/nvme9n9"
            [[lane]]
            name = "l"
            cpu = 99
            ports = ["p", "q"]
            [[lane.stage]]
            kind = "cross-connect"
            ports = ["p", "q"]
            """).Judge(Catalogue.All);
        Assert.Empty(report.Results.Where(result => result.State == CheckState.Error)
            .Select(result => $"{result.Check.Id}: {result.Decisive.First().Observed}"));
        Assert.False(report.IsReady);
        CheckResult[] told = [.. report.Results.Where(result => result.State == CheckState.Fail)];
        Assert.Contains(told, result => result.Check.Id == "topo.cpus.declared-online"
            && result.Decisive.Any(finding => finding.Subject.Cpu == 99));
        Assert.Contains(told, result => result.Check.Id == "nic.link.as-declared"
            && result.Decisive.Count() == 2);
    }

    [Fact]
    public void The_canonical_document_is_as_reviewed()
    {
        Check[] some = [.. new[] { "cpu.isolated.covers-dataplane", "irq.affinity.effective-off",
            "noise.gap.max", "mem.thp.not-always" }
            .Select(id => Catalogue.Find(id)!)];
        GoldenFile.Check("readiness.json", ReadinessJson.Write(RecordedHost.Load("stock-server").Judge(some),
            "test"));
    }

    [Fact]
    public void The_text_is_as_reviewed()
    {
        ReadinessDocument document = ReadinessJson.Document(RecordedHost.Load("stock-server")
            .Judge(Catalogue.All), "test");
        GoldenFile.Check("readiness.txt", new ReadinessText(document, 150, isColoured: false)
            .Render(isAll: false));
        GoldenFile.Check("readiness-fix.txt", FixPlan.Render(document));
        GoldenFile.Check("readiness-explain.txt", ExplainText.Render(
            document.Checks.First(check => check.Id == "irq.affinity.effective-off")));
    }

    [Fact]
    public void The_list_of_checks_is_as_reviewed() => GoldenFile.Check("readiness-checks.txt", string.Concat(
        Catalogue.All.Select(check => $"{check.Id} v{check.Version} {Words.Of(check.Kind)} "
            + $"{Words.Of(check.Intrusion)} "
            + $"{check.Severities} {Words.Of(check.Remedy.Class)}\n")));

    [Theory]
    [MemberData(nameof(Hosts))]
    public void Every_format_renders_every_host_and_parses_back(string name)
    {
        ReadinessReport report = RecordedHost.Load(name).Judge(Catalogue.All);
        ReadinessDocument document = ReadinessJson.Document(report, "test");
        XDocument junit = XDocument.Parse(ReadinessJunit.Render(document));
        Assert.Equal(120, junit.Descendants("testcase").Count());
        Assert.Equal(document.Counts.Fail + document.Checks.Count(check => check.State == "unknown"
            && check.Refuses),
            junit.Descendants("failure").Count());
        XDocument html = XDocument.Parse(ReadinessHtml.Render(report, document)
            .Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        Assert.Equal(120, html.Descendants("details").Count());
        Assert.Empty(html.Descendants("script"));
        string metrics = ReadinessMetrics.Render(document);
        Assert.EndsWith("# EOF\n", metrics, StringComparison.Ordinal);
        Assert.Equal(120 * 8, metrics.Split('\n').Count(line =>
            line.StartsWith("lowlat_check_state{", StringComparison.Ordinal)));
        Assert.Equal(120, metrics.Split('\n').Count(line =>
            line.StartsWith("lowlat_check_state{", StringComparison.Ordinal)
            && line.EndsWith(" 1", StringComparison.Ordinal)));
        Assert.DoesNotContain('\u001b', new ReadinessText(document, 100, isColoured: false)
            .Render(isAll: true));
    }

    /// <summary>Names of the recorded hosts.</summary>
    public static TheoryData<string> Hosts { get; } = [.. RecordedHost.Names.Select(name =>
        new TheoryDataRow<string>(name))];
}
