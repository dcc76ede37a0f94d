using System.Globalization;

namespace LowLatency.Control.Readiness;

/// <summary>A thread of the host.</summary>
/// <param name="Pid">Process.</param>
/// <param name="Tid">Thread.</param>
/// <param name="Name">Its name.</param>
/// <param name="State">R running or runnable, S sleeping, D waiting, ... (proc_pid_stat(5)).</param>
/// <param name="Flags">Kernel flags of the task.</param>
/// <param name="Ticks">User and system time, clock ticks.</param>
/// <param name="LastCpu">CPU it ran on last.</param>
/// <param name="Allowed">CPUs it may run on.</param>
internal sealed record ThreadRow(string Pid, string Tid, string Name, char State, long Flags, long Ticks,
    int LastCpu,
    CpuMask Allowed)
{
    private const long KernelThread = 0x0020_0000;   // PF_KTHREAD (linux/sched.h)
    private const long NoSetAffinity = 0x0400_0000;  // PF_NO_SETAFFINITY

    /// <summary>It is one of the kernel's.</summary>
    public bool IsKernel => (Flags & KernelThread) != 0;

    /// <summary>The kernel keeps it where it is.</summary>
    public bool IsBound => (Flags & NoSetAffinity) != 0;

    /// <summary>It has ended, and nobody has asked for its result yet: it runs no more.</summary>
    public bool IsEnded => State is 'Z' or 'X';

    /// <summary>As a subject.</summary>
    public Subject Subject => new(SubjectKind.Thread, $"{Name} ({Tid})", LastCpu);
}

/// <summary>All threads of the host, from /proc/PID/task/TID/stat and status. Pure.</summary>
internal static class ThreadTable
{
    /// <summary>Reads that rules which ask for threads declare; over a window the first of them
    /// moves.</summary>
    public static IReadOnlyList<Read> Reads { get; } =
        [new Read(Stats, Traits: ReadTraits.Window), Statuses];

    private const string Stats = "/proc/*/task/*/stat";
    private const string Statuses = "/proc/*/task/*/status";

    /// <summary>All of them; one that ended while it was read is left out.</summary>
    /// <exception cref="NotReadException">They cannot be listed, one cannot be read, or not all
    /// show.</exception>
    public static IReadOnlyList<ThreadRow> Of(Facts facts, Moment moment = Moment.Start)
    {
        List<ThreadRow> threads = [];
        foreach (Match match in facts.Match(Stats))
        {
            string status = match.Source[..^"stat".Length] + "status";
            if (match.Parts[0].All(char.IsAsciiDigit) && facts.TextOrMissing(match.Source, moment)
                is string stat
                && facts.TextOrMissing(status) is not null)
            {
                threads.Add(Row(match, stat, facts.AllowedCpus(status)));
            }
        }

        // The kernel's own are on every host: where none shows, a namespace or hidepid hides others too.
        return threads.Exists(thread => thread.IsKernel) ? threads
            : throw new NotReadException(threads.Count == 0 ? "/proc: it shows no thread, not even ours"
                : "/proc: it shows no thread of the kernel: a container, or hidepid, hides what else runs");
    }

    // "12 (name) S ppid pgrp session tty tpgid flags ... utime(14) stime(15) ... processor(39)": the name may
    // hold anything, so fields count from the last parenthesis (proc_pid_stat(5)).
    private static ThreadRow Row(Match match, string text, CpuMask allowed)
    {
        int open = text.IndexOf('(', StringComparison.Ordinal);
        int close = text.LastIndexOf(')');
        string[] rest = close > open && open > 0
            ? text[(close + 1)..].Split(' ',
                StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : [];
        if (rest.Length < 37 || rest[0].Length != 1 || close - open > 65)
        {
            throw new NotReadException($"{match.Source}: '{Facts.Short(text)}' is no line of a thread");
        }

        return new ThreadRow(match.Parts[0], match.Parts[1], text[(open + 1)..close], rest[0][0],
            Facts.AsNumber(match.Source, rest[6]),
            Facts.AsNumber(match.Source, rest[11]) + Facts.AsNumber(match.Source, rest[12]),
            (int)Facts.AsNumber(match.Source, rest[36]), allowed);
    }

    /// <summary>Findings about some threads, at most eight of them by name.</summary>
    public static IEnumerable<Finding> Told(IReadOnlyList<ThreadRow> threads, CheckState state,
        Func<ThreadRow, string> tell, Func<ThreadRow, string[]> fix)
    {
        foreach (ThreadRow thread in threads.Take(8))
        {
            yield return new Finding(thread.Subject, state, tell(thread)) { Fix = fix(thread) };
        }

        if (threads.Count > 8)
        {
            yield return new Finding(Subject.Host, state,
                string.Create(CultureInfo.InvariantCulture, $"and {threads.Count - 8} more threads"))
            {
                Fix = [.. threads.Skip(8).SelectMany(fix)],
            };
        }
    }
}
