namespace LowLatency.Control.Readiness;

/// <summary>The processes of a host by the name of their first thread (proc_pid_comm(5)). Pure.</summary>
internal static class ProcessTable
{
    /// <summary>The read that rules which ask for processes declare.</summary>
    public const string Names = "/proc/*/comm";

    private const int NameCharsMax = 64; // TASK_COMM_LEN is 16; a kworker's adds its queue (fs/proc/array.c)

    /// <summary>Pid and name of each process; one that ended while it was read is left out.</summary>
    /// <exception cref="NotReadException">The processes cannot be listed, or one cannot be read.</exception>
    public static IReadOnlyList<(string Pid, string Name)> Of(Facts facts)
    {
        List<(string, string)> processes = [];
        foreach (Match match in facts.Match(Names))
        {
            if (match.Parts[0].All(char.IsAsciiDigit) && facts.LineOrMissing(match.Source) is string name)
            {
                processes.Add((match.Parts[0], name.Length <= NameCharsMax ? name
                    : throw new NotReadException($"{match.Source}: '{Facts.Short(name)}' is too long for a "
                        + $"name")));
            }
        }

        return processes.Count > 0 ? processes
            : throw new NotReadException("/proc: it shows no process, not even ours");
    }

    /// <summary>Those of some names, each as "name (pid 12)", for a message.</summary>
    public static IReadOnlyList<string> Running(Facts facts, IReadOnlyCollection<string> names) =>
    [
        .. Of(facts).Where(process => names.Any(name => process.Name == name
                || (name.EndsWith('*') && process.Name.StartsWith(name[..^1], StringComparison.Ordinal))))
            .Select(process => $"{process.Name} (pid {process.Pid})"),
    ];
}
