using System.Globalization;
using System.Text;

namespace LowLatency.Control.Readiness;

/// <summary>One row of /proc/interrupts.</summary>
/// <param name="Name">Number of the interrupt, or its short name such as LOC.</param>
/// <param name="Counts">Count of each CPU column.</param>
/// <param name="Action">Chip, type and devices, as printed after the counts.</param>
internal sealed record InterruptRow(string Name, IReadOnlyDictionary<int, long> Counts, string Action)
{
    /// <summary>The device that uses it, as its driver named it: the last word; empty when nobody does, and
    /// chip and type, such as "16-fasteoi", end the row.</summary>
    public string Device => Action.Split(' ')[^1] is var word && IsType(word) ? "" : word;

    /// <summary>It belongs to a device.</summary>
    public bool IsDevice => Name.All(char.IsAsciiDigit);

    // "%lu-%s": number at its chip, and how the line is handled (kernel/irq/proc.c, show_interrupts).
    private static bool IsType(string word) => word.Split('-') is [{ Length: > 0 } number, var handled]
        && number.All(char.IsAsciiDigit) && handled is "edge" or "level" or "fasteoi";
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

    /// <summary>What each row moved on a CPU over the window. A row that was not there at the start began at
    /// 0; a count that fell went past 32 bits, which is all that the kernel keeps.</summary>
    /// <exception cref="NotReadException">A reading is no table, or has no column of the CPU: it is
    /// offline.</exception>
    public static IReadOnlyList<(InterruptRow Row, long Count)> Moved(Facts facts, string source, int cpu)
    {
        IReadOnlyList<InterruptRow> before = Of(facts, source, cpu, Moment.Start);
        Dictionary<string, long> counts = [];
        foreach (InterruptRow row in before)
        {
            counts[row.Name] = row.Counts.GetValueOrDefault(cpu);
        }

        return
        [
            .. Of(facts, source, cpu, Moment.End).Select(row =>
            {
                long moved = row.Counts.GetValueOrDefault(cpu) - counts.GetValueOrDefault(row.Name);
                return (row, moved < 0 ? moved + uint.MaxValue + 1 : moved);
            }),
        ];
    }

    private static IReadOnlyList<InterruptRow> Of(Facts facts, string source, int cpu, Moment moment)
    {
        IReadOnlyList<InterruptRow> rows = Parse(source, facts.Text(source, moment));
        return rows.Any(row => row.Counts.ContainsKey(cpu)) ? rows
            : throw new NotReadException(string.Create(CultureInfo.InvariantCulture,
                $"{source}: it has no column of CPU {cpu}"));
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

    /// <summary>What one row counted on a CPU between two readings.</summary>
    /// <param name="source">For the message.</param>
    /// <param name="before">The first reading.</param>
    /// <param name="after">The second.</param>
    /// <param name="name">Name of the row.</param>
    /// <param name="cpu">The CPU.</param>
    /// <exception cref="NotReadException">There is no such row, it has no column of the CPU, or it went
    /// back.</exception>
    public static long Moved(string source, IReadOnlyList<InterruptRow> before,
        IReadOnlyList<InterruptRow> after, string name, int cpu)
    {
        long Count(IReadOnlyList<InterruptRow> rows) => rows.FirstOrDefault(row => row.Name == name)
            is InterruptRow row && row.Counts.TryGetValue(cpu, out long count) ? count
            : throw new NotReadException(string.Create(CultureInfo.InvariantCulture,
                $"{source}: it has no count of {name} on CPU {cpu}"));
        return Count(after) - Count(before) is >= 0 and long moved ? moved
            : throw new NotReadException($"{source}: the count of {name} went back");
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
