using System.Globalization;
using System.Text;
using System.Text.Json;
using LowLatency.Control.Commands;

namespace LowLatency.Control.Tuning;

/// <summary>What became of an undo.</summary>
/// <param name="Entry">The change, as it stands now.</param>
/// <param name="Line">What was done, for eyes.</param>
internal sealed record JournalOutcome(JournalEntry Entry, string Line);

/// <summary>Changes of the host, one at a time: written to disk before they are made, read back after, undone
/// in reverse. Any number of processes share the file; appends are held apart by a lock. One
/// thread.</summary>
/// <param name="path">The journal, JSON lines.</param>
/// <param name="isDataPlaneAlive">Says whether a data plane of this name runs.</param>
internal sealed class Journal(string path, Func<string, bool> isDataPlaneAlive)
{
    private const int LockTriesMax = 200;

    /// <summary>Every change, oldest first, as its last line says. A line cut short by a crash is not
    /// there.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public IReadOnlyList<JournalEntry> Entries()
    {
        Dictionary<string, JournalEntry> last = [];
        List<string> order = [];
        foreach (string line in File.Exists(path) ? File.ReadAllLines(path) : [])
        {
            if (Parse(line) is not JournalEntry entry)
            {
                continue;
            }

            if (!last.ContainsKey(entry.Id))
            {
                order.Add(entry.Id);
            }

            last[entry.Id] = entry;
        }

        return [.. order.Select(id => last[id])];
    }

    /// <summary>Changes a setting, unless it is as wanted already.</summary>
    /// <param name="what">Path of the file that holds it.</param>
    /// <param name="wanted">Its content.</param>
    /// <param name="dataPlanes">Names of those it is done for.</param>
    /// <returns>The change; null: there was nothing to do, so there is nothing to undo.</returns>
    /// <exception cref="CommandFailure">The host refused, or did not keep the value: exit code 2.</exception>
    public JournalEntry? Apply(string what, string wanted, IReadOnlyList<string> dataPlanes)
    {
        string before = ReadSetting(what);
        if (before == wanted)
        {
            return null;
        }

        int pid = Environment.ProcessId;
        JournalEntry entry = new(
            $"{pid}-{DateTime.UtcNow.Ticks.ToString("x", CultureInfo.InvariantCulture)}",
            JournalState.Intended, what, before, wanted, pid, StartOf(pid) ?? 0, dataPlanes, DateTime.UtcNow);
        Append(entry);
        WriteSetting(what, wanted);
        string found = ReadSetting(what);
        if (found != wanted)
        {
            Undo(entry);
            throw CommandFailure.Host($"{what}: wrote {wanted}, the kernel keeps {found}");
        }

        return Append(entry with { State = JournalState.Applied, TimeUtc = DateTime.UtcNow });
    }

    /// <summary>Undoes one change, unless someone else has changed the setting since.</summary>
    /// <exception cref="CommandFailure">The host refused: exit code 2; the change stays in the
    /// journal.</exception>
    public JournalOutcome Undo(JournalEntry entry)
    {
        string found = ReadSetting(entry.What);
        if (found == entry.Before)
        {
            return Close(entry, JournalState.Undone, $"{entry.What} is {found} again");
        }

        if (found != entry.After)
        {
            return Close(entry, JournalState.Left,
                $"{entry.What} is {found}, neither {entry.After} as set nor {entry.Before} as before: left");
        }

        WriteSetting(entry.What, entry.Before);
        string restored = ReadSetting(entry.What);
        return restored == entry.Before
            ? Close(entry, JournalState.Undone, $"{entry.What}: {entry.After} -> {entry.Before}")
            : throw CommandFailure.Host($"{entry.What}: wrote {entry.Before}, the kernel keeps {restored}");
    }

    /// <summary>Undoes, newest first, what is applied and no longer owned: its process is dead and so are the
    /// data planes it was done for.</summary>
    /// <param name="isAll">True: what is owned too.</param>
    /// <returns>One outcome for each open change, those that stay too.</returns>
    /// <exception cref="CommandFailure">The host refused: exit code 2.</exception>
    public IReadOnlyList<JournalOutcome> Rollback(bool isAll)
    {
        List<JournalOutcome> outcomes = [];
        foreach (JournalEntry entry in Entries().Where(entry => entry.IsOpen).Reverse())
        {
            string? owner = isAll ? null : OwnerOf(entry);
            outcomes.Add(owner is null
                ? Undo(entry)
                : new JournalOutcome(entry, $"{entry.What} stays {entry.After}: {owner}"));
        }

        return outcomes;
    }

    /// <summary>Who still needs a change; null: no one.</summary>
    public string? OwnerOf(JournalEntry entry) =>
        StartOf(entry.Pid) == entry.PidStart ? $"lowlat (pid {entry.Pid}) runs"
        : entry.DataPlanes.FirstOrDefault(isDataPlaneAlive) is string name ? $"data plane '{name}' runs"
        : null;

    private JournalOutcome Close(JournalEntry entry, string state, string line) =>
        new(Append(entry with { State = state, TimeUtc = DateTime.UtcNow }), line);

    // On disk before the caller goes on: a change that the journal does not know of can never be undone.
    private JournalEntry Append(JournalEntry entry)
    {
        using FileStream file = Open();
        string line = JsonSerializer.Serialize(entry, JournalJson.Default.JournalEntry) + "\n";
        if (file.Length > 0)
        {
            file.Seek(-1, SeekOrigin.End);
            line = file.ReadByte() == '\n' ? line : "\n" + line; // an earlier line was cut short: end it
        }

        file.Seek(0, SeekOrigin.End);
        file.Write(Encoding.UTF8.GetBytes(line));
        file.Flush(flushToDisk: true);
        return entry;
    }

    private FileStream Open()
    {
        using ManualResetEventSlim never = new(false);
        for (int tries = 1; ; tries++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            }
            catch (IOException) when (tries < LockTriesMax && Directory.Exists(Path.GetDirectoryName(path)))
            {
                never.Wait(5); // another lowlat appends a line
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CommandFailure.Host($"cannot write the journal {path}: {e.Message}");
            }
        }
    }

    private static JournalEntry? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, JournalJson.Default.JournalEntry);
        }
        catch (JsonException)
        {
            return null; // cut short by a crash; the change it would tell of was not made yet
        }
    }

    private static string ReadSetting(string what)
    {
        try
        {
            return File.ReadAllText(what).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Host($"cannot read {what}: {e.Message}");
        }
    }

    private static void WriteSetting(string what, string value)
    {
        try
        {
            File.WriteAllText(what, value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Host($"cannot write {value} to {what}: {e.Message}");
        }
    }

    /// <summary>When a process started, clock ticks since boot (proc(5), field 22); null: there is
    /// none.</summary>
    internal static long? StartOf(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            int nameEnd = stat.LastIndexOf(')'); // the name itself may hold anything
            string[] fields = stat[(nameEnd + 2)..].Split(' ');
            return fields[0] == "Z" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
