using System.Globalization;
using LowLatency.Control.Commands;
using LowLatency.Control.Tuning;
using Xunit;

namespace LowLatency.Control.Tests.Tuning;

public sealed class JournalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-journal-").FullName;
    private readonly HashSet<string> _alive = [];
    private readonly Journal _journal;

    public JournalTests()
    {
        _journal = new Journal(JournalPath, _alive.Contains);
        File.WriteAllText(Setting, "950000\n");
    }

    private string JournalPath => Path.Combine(_folder, "journal.jsonl");

    private string Setting => Path.Combine(_folder, "sched_rt_runtime_us");

    [Fact]
    public void A_change_is_made_and_undone_and_both_are_written_down()
    {
        JournalEntry entry = _journal.Apply(Setting, "-1", ["lab"])!;
        Assert.Equal("-1", File.ReadAllText(Setting));
        Assert.Equal(("950000", "-1", JournalState.Applied), (entry.Before, entry.After, entry.State));
        Assert.Equal(JournalState.Undone, _journal.Undo(entry).Entry.State);
        Assert.Equal("950000", File.ReadAllText(Setting));
        Assert.Equal(3, File.ReadAllLines(JournalPath).Length);
        Assert.Equal(JournalState.Undone, Assert.Single(_journal.Entries()).State);
    }

    [Fact]
    public void What_is_as_wanted_already_is_no_change_and_nothing_to_undo()
    {
        Assert.Null(_journal.Apply(Setting, "950000", []));
        Assert.Empty(_journal.Entries());
        Assert.False(File.Exists(JournalPath));
    }

    [Fact]
    public void The_intent_is_on_disk_before_a_change_that_the_host_refuses()
    {
        const string fixedValue = "/proc/sys/kernel/ostype"; // read-only to everyone, root too
        string before = File.ReadAllText(fixedValue).Trim();
        Assert.Throws<CommandFailure>(() => _journal.Apply(fixedValue, "other", []));
        JournalEntry entry = Assert.Single(_journal.Entries());
        Assert.Equal((JournalState.Intended, before, "other"), (entry.State, entry.Before, entry.After));
        Assert.Equal(JournalState.Undone, Assert.Single(_journal.Rollback(isAll: true)).Entry.State);
    }

    [Fact]
    public void Rollback_undoes_what_a_dead_owner_left_newest_first()
    {
        string other = Path.Combine(_folder, "other");
        File.WriteAllText(other, "1");
        Orphan(_journal.Apply(Setting, "500000", [])!);
        Orphan(_journal.Apply(Setting, "-1", [])!);
        Orphan(_journal.Apply(other, "0", [])!);
        IReadOnlyList<JournalOutcome> outcomes = _journal.Rollback(isAll: false);
        Assert.Equal(["1", "500000", "950000"], outcomes.Select(outcome => outcome.Entry.Before));
        Assert.All(outcomes, outcome => Assert.Equal(JournalState.Undone, outcome.Entry.State));
        Assert.Equal(("950000", "1"), (File.ReadAllText(Setting), File.ReadAllText(other)));
        Assert.Empty(_journal.Rollback(isAll: false));
    }

    [Fact]
    public void Rollback_leaves_what_a_live_owner_needs_unless_told_otherwise()
    {
        _journal.Apply(Setting, "-1", []);
        JournalOutcome kept = Assert.Single(_journal.Rollback(isAll: false));
        Assert.Contains($"lowlat (pid {Environment.ProcessId}) runs", kept.Line, StringComparison.Ordinal);
        Assert.Equal("-1", File.ReadAllText(Setting));
        Assert.Equal(JournalState.Undone, Assert.Single(_journal.Rollback(isAll: true)).Entry.State);
        Assert.Equal("950000", File.ReadAllText(Setting));
    }

    [Fact]
    public void A_change_stays_while_a_data_plane_it_was_made_for_lives()
    {
        Orphan(_journal.Apply(Setting, "-1", ["lab"])!);
        _alive.Add("lab");
        Assert.Contains("data plane 'lab' runs", Assert.Single(_journal.Rollback(false)).Line,
            StringComparison.Ordinal);
        Assert.Equal("-1", File.ReadAllText(Setting));
        _alive.Clear();
        _journal.Rollback(false);
        Assert.Equal("950000", File.ReadAllText(Setting));
    }

    [Fact]
    public void A_setting_that_someone_else_has_changed_since_is_left_alone()
    {
        JournalEntry entry = _journal.Apply(Setting, "-1", [])!;
        File.WriteAllText(Setting, "800000");
        Assert.Equal(JournalState.Left, _journal.Undo(entry).Entry.State);
        Assert.Equal("800000", File.ReadAllText(Setting));
        Assert.Empty(_journal.Rollback(isAll: true));
    }

    [Fact]
    public void A_line_cut_short_by_a_crash_hides_no_other()
    {
        Orphan(_journal.Apply(Setting, "-1", [])!);
        File.AppendAllText(JournalPath, "{\"id\":\"77-1\",\"state\":\"inte");
        Assert.Equal(JournalState.Undone, Assert.Single(_journal.Rollback(isAll: false)).Entry.State);
        Assert.Equal("950000", File.ReadAllText(Setting));
        Assert.Equal(JournalState.Undone, Assert.Single(_journal.Entries()).State);
    }

    [Fact]
    public void A_process_is_told_from_a_later_one_of_its_number()
    {
        JournalEntry entry = _journal.Apply(Setting, "-1", [])!;
        Assert.NotNull(_journal.OwnerOf(entry));
        Assert.Null(_journal.OwnerOf(entry with { PidStart = entry.PidStart - 1 }));
        Assert.Null(_journal.OwnerOf(entry with { Pid = int.MaxValue }));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // As if the process that made the change had died: rewrites the last line with the number of none.
    private void Orphan(JournalEntry entry)
    {
        string pid = $"\"pid\":{entry.Pid.ToString(CultureInfo.InvariantCulture)}";
        File.WriteAllText(JournalPath, File.ReadAllText(JournalPath)
            .Replace(pid, $"\"pid\":{int.MaxValue}", StringComparison.Ordinal));
    }
}
