using System.Globalization;
using System.Text;

namespace LowLatency.Control.Readiness;

/// <summary>One row of /proc/interrupts.</summary>
/// <param name="Name">Number of the interrupt, or its short name such as LOC.</param>
/// <param name="Counts">Count of each CPU column.</param>
/// <param name="Action">Chip, type and devices, as printed after the counts.</param>
internal sealed record InterruptRow(string Name, IReadOnlyDictionary<int, long> Counts, string Action)
{
    /// <summary>The device that uses it, as its driver named it: the last word; empty when nobody
    /// does.</summary>
    public string Device => Action.Split(' ')[^1];

    /// <summary>It belongs to a device.</summary>
    public bool IsDevice => Name.All(char.IsAsciiDigit);
}

/// <summary>/proc/interrupts, or /proc/softirqs, which has the same shape (fs/proc/interrupts.c,
/// kernel/irq/proc.c). Pure.</summary>
internal static class InterruptTable
{
    private static readonly string[] CrossCalls = ["RES", "CAL", "TLB"];

    /// <summary>Reads a table.</summary>
    /// <param name="source">For the message.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="NotReadException">It has not this shape.</exception>
    public static IReadOnlyList<InterruptRow> Parse(string source, string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        int[] cpus = lines.Length == 0 ? [] :
        [
            .. lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word =>
                word.StartsWith("CPU", StringComparison.Ordinal)
                && int.TryParse(word[3..], NumberStyles.None, CultureInfo.InvariantCulture, out int cpu) ? cpu
                    : throw new NotReadException($"{source}: its first line names no CPUs")),
        ];
        if (lines.Length < 2 || cpus.Length == 0)
        {
            throw new NotReadException($"{source}: it holds no table");
        }

        return [.. lines.Skip(1).Select(line => Row(source, line, cpus))];
    }

    /// <summary>What cross-CPU calls moved on some CPUs between two readings of /proc/interrupts; null when
    /// either cannot be read.</summary>
    public static long? Between(Fact before, Fact after, CpuMask cpus)
    {
        try
        {
            return before.State != FactState.Read || after.State != FactState.Read ? null
                : Sum(after, cpus) - Sum(before, cpus);
        }
        catch (NotReadException)
        {
            return null;
        }
    }

    private static long Sum(Fact fact, CpuMask cpus) =>
        Parse(fact.Source, Encoding.UTF8.GetString(fact.Bytes)).Where(row => CrossCalls.Contains(row.Name))
            .Sum(row => cpus.Cpus.Sum(cpu => row.Counts.GetValueOrDefault(cpu)));

    // ERR and MIS have one count for the machine; it is no CPU's.
    private static InterruptRow Row(string source, string line, int[] cpus)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 2 || !words[0].EndsWith(':'))
        {
            throw new NotReadException($"{source}: '{Facts.Short(line)}' is no row of counts");
        }

        string name = words[0][..^1];
        Dictionary<int, long> counts = [];
        int columns = name is "ERR" or "MIS" ? 0 : cpus.Length;
        for (int i = 0; i < columns; i++)
        {
            counts[cpus[i]] = i + 1 < words.Length
                && long.TryParse(words[i + 1], NumberStyles.None, CultureInfo.InvariantCulture,
                    out long count) ? count
                : throw new NotReadException($"{source}: row {Facts.Short(name)} has fewer counts than "
                    + $"there are CPUs");
        }

        return new InterruptRow(name, counts, string.Join(' ', words.Skip(1 + Math.Max(columns, 1))));
    }
}
