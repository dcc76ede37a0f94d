using System.Globalization;

namespace LowLatency.Control.Readiness;

/// <summary>Times of CPUs from /proc/stat (proc_stat(5)). Pure.</summary>
internal static class CpuTime
{
    private const int Idle = 3, Wait = 4, Steal = 7;

    /// <summary>Share of the window in which a CPU was not idle.</summary>
    /// <exception cref="NotReadException">The file has no such CPU, is not this file, or its times stand
    /// still: those of a tickless CPU that is busy may.</exception>
    public static double BusyShare(Facts facts, string source, int cpu)
    {
        long[] before = Of(facts, source, cpu, Moment.Start);
        long[] after = Of(facts, source, cpu, Moment.End);
        double all = after.Sum() - before.Sum();
        double idle = after[Idle] + after[Wait] - before[Idle] - before[Wait];
        return all > 0 ? Math.Clamp((all - idle) / all, 0, 1) : throw Still(source, cpu);
    }

    /// <summary>Share of the window that a hypervisor took from a CPU.</summary>
    /// <exception cref="NotReadException">The file has no such CPU, is not this file, or its times stand
    /// still.</exception>
    public static double StealShare(Facts facts, string source, int cpu)
    {
        long[] before = Of(facts, source, cpu, Moment.Start);
        long[] after = Of(facts, source, cpu, Moment.End);
        double all = after.Sum() - before.Sum();
        long taken = after[Steal] - before[Steal];
        return all > 0 ? Math.Clamp(taken / all, 0, 1) : throw Still(source, cpu);
    }

    private static NotReadException Still(string source, int cpu) => new(string.Create(
        CultureInfo.InvariantCulture, $"{source}: the times of cpu{cpu} did not move in the window"));

    // user nice system idle iowait irq softirq steal; guest and guest_nice are in user and nice already.
    private static long[] Of(Facts facts, string source, int cpu, Moment moment)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"cpu{cpu}");
        string[] words = facts.Value(source, name, moment).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.Length < 8 ? throw new NotReadException($"{source}: {name} has {words.Length} times, "
            + $"not 8")
            : [.. words.Take(8).Select(word => Facts.AsNumber(source, word))];
    }
}
