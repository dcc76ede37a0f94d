using System.Globalization;
using LowLatency.Native;

namespace LowLatency.Control.Configuring;

/// <summary>A list of CPUs as boot arguments, sysfs and people write it. Pure; takes no more memory than
/// <see cref="Limits.CpusMax"/> CPUs and the text need.</summary>
/// <remarks>The kernel's own grammar (bitmap_parselist, lib/bitmap-str.c; "CPU lists" in
/// Documentation/admin-guide/kernel-parameters.rst). Parts stand between commas or white space, and there
/// may be more of those than needed. A part is a number, a range, <c>all</c> in any case, or one of the
/// latter two with <c>:used/group</c>, which keeps the first <c>used</c> of every <c>group</c>: 0-8:2/4 is
/// 0,1,4,5,8. <c>N</c> in place of any number is that of the last CPU. One thing differs: no part at all is
/// the empty set to the kernel, and no list here.</remarks>
internal static class CpuListGrammar
{
    private static readonly char[] Separators = [',', ' ', '\t', '\n', '\v', '\f', '\r'];

    /// <summary>The CPUs of a text, ascending; null where the kernel would refuse the whole list, as it does
    /// when one number is past the last CPU. May be empty: 0-3:0/2 keeps none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="lastCpu">What N stands for, from 0: the last CPU that the kernel has room for
    /// (/sys/devices/system/cpu/possible). Null comes back where that is <see cref="Limits.CpusMax"/> or
    /// more.</param>
    public static IReadOnlyList<int>? Parse(string text, int lastCpu) => Parse(text, lastCpu, lastCpu);

    /// <summary>As above, with CPUs past the last one: for lists whose reader wants to name those.</summary>
    /// <param name="text">The text.</param>
    /// <param name="lastCpu">What N stands for.</param>
    /// <param name="highest">The highest CPU that the list may have.</param>
    public static IReadOnlyList<int>? Parse(string text, int lastCpu, int highest)
    {
        string[] parts = text.Split(Separators, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || lastCpu < 0 || lastCpu > highest || highest >= Limits.CpusMax)
        {
            return null;
        }

        SortedSet<int> cpus = [];
        return Array.TrueForAll(parts, part => Add(part, lastCpu, highest, cpus)) ? [.. cpus] : null;
    }

    /// <summary>What a text stands for depends on the host: it says <c>N</c> or <c>all</c>.</summary>
    public static bool IsSymbolic(string text) => text.Split([.. Separators, '-', ':', '/']).Any(
        word => word == "N" || word.Equals("all", StringComparison.OrdinalIgnoreCase));

    private static bool Add(string part, int lastCpu, int highest, SortedSet<int> cpus)
    {
        string[] halves = part.Split(':');
        bool isAll = halves[0].Equals("all", StringComparison.OrdinalIgnoreCase);
        string[] ends = isAll ? ["0", "N"] : halves[0].Split('-');
        string[] step = halves.Length == 2 ? halves[1].Split('/') : ["1", "1"];
        bool isOne = ends.Length == 1;
        if (halves.Length > 2 || ends.Length > 2 || step.Length != 2 || (halves.Length == 2 && isOne))
        {
            return false;
        }

        long? low = Number(ends[0], lastCpu);
        long? high = Number(ends[^1], lastCpu);
        long? used = Number(step[0], lastCpu);
        long? group = Number(step[1], lastCpu);
        if (!(low <= high) || !(high <= highest) || group is null or 0 || !(used <= group))
        {
            return false;
        }

        for (long cpu = low.Value; cpu <= high; cpu++)
        {
            if ((cpu - low.Value) % group.Value < used)
            {
                cpus.Add((int)cpu);
            }
        }

        return true;
    }

    // 32 bits without a sign, as the kernel's: more digits than fit make it refuse the list.
    private static long? Number(string text, int lastCpu) => text == "N" ? lastCpu
        : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint value) ? value : null;
}
