using System.Text;
using LowLatency.Control.Configuring;
using LowLatency.Control.Readiness;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

/// <summary>Every check against its recorded cases, and against damaged copies of the evidence it passes
/// on.</summary>
public sealed class CheckCaseTests
{
    /// <summary>All cases: the check's id and the number of the case.</summary>
    public static TheoryData<string, int> Cases { get; } =
        [.. CaseFile.All.SelectMany(file => file.Cases).Select(row => new TheoryDataRow<string,
            int>(row.CheckId, row.Number))];

    /// <summary>The checks of the catalogue.</summary>
    public static TheoryData<string> Ids { get; } = [.. Catalogue.All.Select(check =>
        new TheoryDataRow<string>(check.Id))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_check_says_what_its_recorded_case_expects(string id, int number)
    {
        RecordedCase wanted = CaseFile.All.Single(file => file.CheckId == id).Cases[number - 1];
        CheckResult result = Judge(wanted, RecordedHost.Load(wanted.Host).With(wanted.Overlay));
        string said = string.Join("\n", result.Findings.Select(finding =>
            $"{Words.Of(finding.State)} {finding.Subject} {finding.Observed}"));
        Assert.True(Words.Of(result.State) == wanted.State, $"wanted {wanted.State}, but:\n{said}");
        Assert.Contains(result.Decisive, finding =>
            $"{finding.Subject} {finding.Observed}".Contains(wanted.Says, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Every_check_has_cases_for_all_it_can_say(string id)
    {
        CaseFile? file = CaseFile.All.FirstOrDefault(file => file.CheckId == id);
        Assert.True(file is not null, $"there is no Cases/{id}.txt");
        HashSet<string> states = [.. file.Cases.Select(row => row.State)];
        Assert.True(Catalogue.Find(id)!.IsMeasuredGate || states.Contains("pass"), "no case passes");
        Assert.True(file.NeverFails || states.Overlaps(["fail", "warn"]), "no case fails or warns");
        Assert.True(file.CannotBeUnreadable || states.Contains("unknown"), "no case is unreadable");
        Assert.True(file.AppliesEverywhere || states.Overlaps(["not-applicable", "unsupported"]),
            "no case shows where it does not apply");
    }

    [Fact]
    public void There_are_no_cases_of_checks_that_are_not_there() =>
        Assert.Empty(CaseFile.All.Select(file => file.CheckId)
            .Except(Catalogue.All.Select(check => check.Id)));

    // Truncated, empty, binary, and a megabyte of it: whatever arrives instead of the evidence, no check
    // passes on it.
    [Theory]
    [MemberData(nameof(Ids))]
    public void No_check_passes_on_damaged_evidence(string id)
    {
        foreach (RecordedCase row in CaseFile.All.First(file => file.CheckId == id)
            .Cases.Where(row => row.State == "pass"))
        {
            RecordedHost host = RecordedHost.Load(row.Host).With(row.Overlay);
            foreach (Fact fact in Judge(row, host).Evidence.Where(IsFile).DistinctBy(fact => fact.Source))
            {
                foreach ((string damage, byte[] bytes) in Damages(fact.Bytes))
                {
                    ReadTraits traits = TraitsOf(id, host, row, fact.Source);
                    if ((damage == "empty" && traits.HasFlag(ReadTraits.MayBeEmpty))
                        || traits.HasFlag(ReadTraits.Raw))
                    {
                        continue;
                    }

                    CheckResult result = Judge(row, host.With(fact.Source, bytes)
                        .With(fact.Source + SourceText.End, bytes));
                    Assert.True(result.State is not (CheckState.Pass or CheckState.Error),
                        $"case {row.Number}: {Words.Of(result.State)} although {fact.Source} is {damage}: "
                        + result.Findings[0].Observed);
                }
            }
        }
    }

    private static bool IsFile(Fact fact) => fact.State == FactState.Read && fact.Moment == Moment.Start;

    private static IEnumerable<(string Damage, byte[] Bytes)> Damages(byte[] good)
    {
        yield return ("empty", []);
        byte[] cut = [.. good.AsSpan().TrimEnd((byte)'\n')];
        yield return ("cut short", cut.Length < good.Length && cut.Length > 0 ? cut : good.Length > 1
            ? good[..^1] : [0xFF]);
        yield return ("binary", [0, 0xFF, 0xFE, 1, 2, 3, 0x80, (byte)'\n']);
        yield return ("a megabyte long",
            Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("zq ", 350_000)) + "\n"));
    }

    private static ReadTraits TraitsOf(string id, RecordedHost host, RecordedCase row, string source)
    {
        Check check = Catalogue.Find(id)!;
        Topology topology = Run(row, host).Topology;
        return check.Reads.First(read => Expansion.Of(read.Pattern, topology)
            .Any(pattern => Read.Matches(pattern, source))).Traits;
    }

    private static CheckResult Judge(RecordedCase row, RecordedHost host) => Run(row, host).Results[0];

    private static ReadinessReport Run(RecordedCase row, RecordedHost host) =>
        (row.Configured ? host : host.With("-- config --\n")).Judge(
        [Catalogue.Find(row.CheckId)!], row.Window ? 10 : 0, HostProfiles.Find(row.Profile), row.Maintenance);
}
