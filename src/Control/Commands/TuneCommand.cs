using System.CommandLine;
using System.Globalization;
using System.Text;
using LowLatency.Control.Explaining;
using LowLatency.Control.Reporting;
using LowLatency.Control.Running;
using LowLatency.Control.Tuning;

namespace LowLatency.Control.Commands;

/// <summary>What <c>lowlat tune history --json</c> says: schema <c>lowlat.history/1</c>.</summary>
internal sealed record HistoryDocument(string Schema, IReadOnlyList<JournalEntry> Changes)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.history/1";
}

/// <summary><c>lowlat tune</c>: what runs changed of the host, and the way back.</summary>
internal static class TuneCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<bool> json = Options.Json();
        Command history = new("history", "List every change since boot, oldest first") { json };
        history.SetAction(parsed => History(io, parsed.GetValue(json)));
        Option<bool> all = new("--all") { Description = "Also what a running lowlat or lowlatd needs" };
        Command rollback = new("rollback", "Undo what dead runs left changed, newest first") { all };
        rollback.SetAction(parsed => Rollback(io, parsed.GetValue(all)));
        return new Command("tune", "Changes of this host: the journal and the way back")
        {
            history, rollback,
        };
    }

    private static int History(CommandIo io, bool isJson)
    {
        CommandLine.RequireRoot("tune history");
        Journal journal = Instance.Journal();
        IReadOnlyList<JournalEntry> entries = journal.Entries();
        if (isJson)
        {
            io.Out.Write(CommandJson.Write(new HistoryDocument(HistoryDocument.SchemaName, entries)));
            return ExitCode.Ok;
        }

        if (entries.Count == 0)
        {
            io.Out.WriteLine("nothing was changed since boot");
            return ExitCode.Ok;
        }

        TextTable table = new("UTC", "<state", "<setting", "before", "after", "<owner");
        foreach (JournalEntry entry in entries)
        {
            string time = entry.TimeUtc.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
            string owner = !entry.IsOpen ? ""
                : journal.OwnerOf(entry) ?? "dead: 'lowlat tune rollback' undoes it";
            table.Add(time, entry.State, entry.What, entry.Before, entry.After, owner);
        }

        StringBuilder text = new();
        table.WriteTo(text);
        io.Out.Write(text);
        return ExitCode.Ok;
    }

    private static int Rollback(CommandIo io, bool isAll)
    {
        CommandLine.RequireRoot("tune rollback");
        IReadOnlyList<JournalOutcome> outcomes = Instance.Journal().Rollback(isAll);
        foreach (JournalOutcome outcome in outcomes)
        {
            io.Out.WriteLine(outcome.Line);
        }

        int traces = KernelTrace.RemoveLeftovers();
        if (traces > 0)
        {
            io.Out.WriteLine($"{traces} trace instances of killed runs removed");
        }

        if (outcomes.Count + traces == 0)
        {
            io.Out.WriteLine("nothing to undo");
        }

        return ExitCode.Ok;
    }
}
