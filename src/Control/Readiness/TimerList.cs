using System.Globalization;

namespace LowLatency.Control.Readiness;

/// <summary>Armed high-resolution timers of each CPU, from /proc/timer_list (kernel/time/timer_list.c).
/// Pure.</summary>
internal static class TimerList
{
    /// <summary>The file.</summary>
    public const string Source = "/proc/timer_list";

    /// <summary>Functions of the timers armed on each CPU.</summary>
    /// <exception cref="NotReadException">It is not this file.</exception>
    public static IReadOnlyDictionary<int, IReadOnlyList<string>> Parse(string text)
    {
        string[] lines = text.Split('\n');
        if (!lines[0].StartsWith("Timer List Version:", StringComparison.Ordinal))
        {
            throw new NotReadException($"{Source}: '{Facts.Short(lines[0])}' is not how it begins");
        }

        Dictionary<int, IReadOnlyList<string>> cpus = [];
        List<string>? timers = null;
        foreach (string line in lines)
        {
            if (line.StartsWith("cpu: ", StringComparison.Ordinal)
                && int.TryParse(line[5..], NumberStyles.None, CultureInfo.InvariantCulture, out int cpu))
            {
                timers = [];
                cpus[cpu] = timers;
            }
            else if (line.StartsWith(" #", StringComparison.Ordinal) && line.Split(", ")
                is [_, var function, ..])
            {
                timers?.Add(function);
            }
        }

        return cpus.Count > 0 ? cpus : throw new NotReadException($"{Source}: it names no CPU");
    }

    /// <summary>Functions of the timers armed on a CPU.</summary>
    /// <exception cref="NotReadException">The list leaves the CPU out: it is offline.</exception>
    public static IReadOnlyList<string> On(IReadOnlyDictionary<int, IReadOnlyList<string>> cpus, int cpu) =>
        cpus.TryGetValue(cpu, out IReadOnlyList<string>? timers) ? timers
            : throw new NotReadException(string.Create(CultureInfo.InvariantCulture,
                $"{Source}: it leaves out CPU {cpu}"));
}
