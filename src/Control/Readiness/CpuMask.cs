using System.Globalization;
using System.Text;

namespace LowLatency.Control.Readiness;

/// <summary>A set of CPUs as the kernel prints it, as a list ("0-3,8") or as a mask ("f,00000001").
/// Immutable, ascending; prints as a list.</summary>
internal sealed class CpuMask : IEquatable<CpuMask>
{
    private const int Most = 8192; // NR_CPUS_RANGE_END of the largest x86 build (arch/x86/Kconfig)

    private readonly int[] _cpus;

    /// <summary>Of CPU numbers in any order.</summary>
    public CpuMask(IEnumerable<int> cpus) => _cpus = [.. cpus.Distinct().Order()];

    /// <summary>No CPU.</summary>
    public static CpuMask Empty { get; } = new([]);

    /// <summary>The CPUs, ascending.</summary>
    public IReadOnlyList<int> Cpus => _cpus;

    /// <summary>How many.</summary>
    public int Count => _cpus.Length;

    /// <summary>There is none.</summary>
    public bool IsEmpty => _cpus.Length == 0;

    /// <summary>Reads a list as the kernel prints it (bitmap_print_to_pagebuf, lib/bitmap.c): numbers and
    /// ranges; empty text and "(null)" are no CPU. Null: it is not one.</summary>
    public static CpuMask? ParseList(string text)
    {
        text = text.Trim();
        if (text.Length == 0 || text == "(null)")
        {
            return Empty;
        }

        List<int> cpus = [];
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !TryCpu(ends[0], out int first) || !TryCpu(ends[^1], out int last)
                || last < first)
            {
                return null;
            }

            cpus.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return new CpuMask(cpus);
    }

    /// <summary>Reads a mask of hexadecimal digits, 32 bits to a group, the highest first. Null: it is not
    /// one.</summary>
    public static CpuMask? ParseHex(string text)
    {
        string[] groups = text.Trim().Split(',');
        List<int> cpus = [];
        for (int i = 0; i < groups.Length; i++)
        {
            if (groups.Length > Most / 32 || groups[i].Length is 0 or > 8
                || !uint.TryParse(groups[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                    out uint word))
            {
                return null;
            }

            int lowest = 32 * (groups.Length - 1 - i);
            cpus.AddRange(Enumerable.Range(0, 32).Where(bit => (word >> bit & 1) != 0)
                .Select(bit => lowest + bit));
        }

        return new CpuMask(cpus);
    }

    /// <summary>It is in the set.</summary>
    public bool Contains(int cpu) => Array.BinarySearch(_cpus, cpu) >= 0;

    /// <summary>What is in both.</summary>
    public CpuMask And(CpuMask other) => new(_cpus.Where(other.Contains));

    /// <summary>What is in either.</summary>
    public CpuMask Or(CpuMask other) => new(_cpus.Concat(other._cpus));

    /// <summary>What is in this and not in the other.</summary>
    public CpuMask Without(CpuMask other) => new(_cpus.Where(cpu => !other.Contains(cpu)));

    /// <summary>All of it is in the other.</summary>
    public bool IsWithin(CpuMask other) => Array.TrueForAll(_cpus, other.Contains);

    /// <summary>As the kernel takes it in a file of masks: "f" or "1,00000003".</summary>
    public string ToHex()
    {
        int groups = IsEmpty ? 1 : (_cpus[^1] / 32) + 1;
        uint[] words = new uint[groups];
        foreach (int cpu in _cpus)
        {
            words[cpu / 32] |= 1u << (cpu % 32);
        }

        return words[^1].ToString("x", CultureInfo.InvariantCulture) + string.Concat(words.Reverse().Skip(1)
            .Select(word => "," + word.ToString("x8", CultureInfo.InvariantCulture)));
    }

    /// <summary>The kernel's short form; "none" when empty.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        for (int i = 0; i < _cpus.Length; i++)
        {
            int first = _cpus[i];
            while (i + 1 < _cpus.Length && _cpus[i + 1] == _cpus[i] + 1)
            {
                i++;
            }

            text.Append(text.Length > 0 ? "," : "").Append(CultureInfo.InvariantCulture, $"{first}")
                .Append(_cpus[i] == first ? "" : string.Create(CultureInfo.InvariantCulture, $"-{_cpus[i]}"));
        }

        return IsEmpty ? "none" : text.ToString();
    }

    /// <inheritdoc/>
    public bool Equals(CpuMask? other) => other is not null && _cpus.AsSpan().SequenceEqual(other._cpus);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CpuMask);

    /// <inheritdoc/>
    public override int GetHashCode() => _cpus.Aggregate(17, HashCode.Combine);

    private static bool TryCpu(string text, out int cpu) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out cpu) && cpu < Most;
}
