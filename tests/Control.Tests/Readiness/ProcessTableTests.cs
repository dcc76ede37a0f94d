using LowLatency.Control.Readiness;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

/// <summary>The table of processes, as a check of its own asks for it.</summary>
public sealed class ProcessTableTests
{
    private const string Whole = "-- /proc/1/comm --\nsystemd\n-- /proc/2/comm --\nkthreadd\n";

    [Theory]
    [InlineData("stalld", "stalld", "stalld (pid 78)")]
    [InlineData("kipmi0", "kipmi*", "kipmi0 (pid 78)")]
    [InlineData("prometheus-node", "prometheus-node", "prometheus-node (pid 78)")]
    public void A_process_is_found_by_its_whole_name_or_its_beginning(string name, string asked, string found)
    {
        CheckResult result = Ask(Whole + $"-- /proc/78/comm --\n{name}\n", asked);
        Assert.Equal((CheckState.Warn, found), (result.State, result.Findings[0].Observed));
    }

    [Theory]
    [InlineData("stalld2")]
    [InlineData("stall")]
    [InlineData("xstalld")]
    [InlineData("Stalld")]
    public void A_name_that_is_only_like_it_is_not_it(string name) =>
        Assert.Equal(CheckState.Pass, Ask(Whole + $"-- /proc/78/comm --\n{name}\n", "stalld").State);

    [Fact]
    public void A_process_that_ended_while_it_was_read_is_left_out() =>
        Assert.Equal(CheckState.Pass, Ask(Whole + "-- /proc/78/comm ? --\n", "stalld").State);

    [Theory]
    [InlineData("-- /proc/1/comm --\nsystemd\n")]
    [InlineData("-- /proc/1/comm --\nsystemd\n-- /proc/2/comm --\nbash\n")]
    public void What_a_table_of_some_processes_does_not_show_is_unknown(string table) =>
        Assert.Equal(CheckState.Unknown, Ask(table, "stalld").State);

    [Fact]
    public void What_a_table_of_some_processes_does_show_runs() => Assert.Equal(CheckState.Warn,
        Ask("-- /proc/1/comm --\nsystemd\n-- /proc/78/comm --\nstalld\n", "stalld").State);

    [Theory]
    [InlineData("-- /proc/cpuinfo --\nx\n")]
    [InlineData(Whole + "-- /proc/78/comm ! EACCES --\n")]
    [InlineData(Whole + "-- /proc/78/comm --\ntwo\nlines\n")]
    [InlineData(Whole + "-- /proc/78/comm --\n0123456789012345678901234567890123456789"
        + "012345678901234567890123456789\n")]
    [InlineData("-- /proc ! EACCES --\n")]
    public void What_is_no_table_of_processes_is_unknown(string table) =>
        Assert.Equal(CheckState.Unknown, Ask(table, "stalld").State);

    private static CheckResult Ask(string table, string name)
    {
        Check check = new()
        {
            Id = "x.processes",
            Kind = CheckKind.Static,
            Severities = "M/M/M",
            Reads = [ProcessTable.Names],
            Expects = "x",
            Why = "x",
            Source = "x",
            Remedy = new Remedy(RollbackClass.Observe, "x"),
            Judge = facts => ProcessTable.Running(facts, [name]) is [string one, ..] ? [Finding.Warn(one)]
                : [Finding.Pass("none")],
        };
        RecordedHost empty = RecordedHost.Load("container").With("-- config --\n"
            + "-- /proc/1/comm ? --\n" + table);
        return empty.Judge([check], windowSeconds: 0).Results[0];
    }
}
