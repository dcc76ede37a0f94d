namespace LowLatency.Control.Readiness;

/// <summary>The processes of a host by the name of their first thread (proc_pid_comm(5)). Pure.</summary>
internal static class ProcessTable
{
    /// <summary>The read that rules which ask for processes declare.</summary>
    public const string Names = "/proc/*/comm";

    private const int NameCharsMax = 64; // TASK_COMM_LEN is 16; a kworker's adds its queue (fs/proc/array.c)

    /// <summary>The first of the kernel's threads: whoever sees it sees all (kernel/kthread.c,
    /// fs/proc/base.c, has_pid_permissions).</summary>
    public static readonly (string Pid, string Name) Kernel = ("2", "kthreadd");

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
    /// <exception cref="NotReadException">None is among them, and /proc shows only some processes: that of a
    /// namespace of processes, or one mounted with hidepid=.</exception>
    public static IReadOnlyList<string> Running(Facts facts, IReadOnlyCollection<string> names)
    {
        IReadOnlyList<string> found = Named(facts, names);
        if (found.Count == 0)
        {
            RequireWhole(facts);
        }

        return found;
    }

    /// <summary>What is not in the table does not run.</summary>
    /// <exception cref="NotReadException">/proc shows only some processes.</exception>
    public static void RequireWhole(Facts facts)
    {
        if (!Of(facts).Contains(Kernel))
        {
            throw new NotReadException("/proc shows only some processes: a namespace of processes, or "
                + "hidepid=, hides the others");
        }
    }

    /// <summary>As <see cref="Running"/>, of those that show: none found says nothing.</summary>
    public static IReadOnlyList<string> Named(Facts facts, IReadOnlyCollection<string> names) =>
    [
        .. Of(facts).Where(process => names.Any(name => process.Name == name
                || (name.EndsWith('*') && process.Name.StartsWith(name[..^1], StringComparison.Ordinal))))
            .Select(process => $"{process.Name} (pid {process.Pid})"),
    ];
}
