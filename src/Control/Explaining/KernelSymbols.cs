using System.Globalization;

namespace LowLatency.Control.Explaining;

/// <summary>Names of the kernel's functions by address (/proc/kallsyms). Where the kernel hides addresses
/// (kernel.kptr_restrict, no CAP_SYSLOG), names are addresses. One thread.</summary>
internal sealed class KernelSymbols
{
    private readonly ulong[] _addresses;
    private readonly string[] _names;
    private readonly Dictionary<ulong, string> _known = [];

    private KernelSymbols(ulong[] addresses, string[] names)
    {
        _addresses = addresses;
        _names = names;
    }

    /// <summary>Reads them; none where the host does not tell.</summary>
    public static KernelSymbols Read()
    {
        try
        {
            return Parse(File.ReadLines("/proc/kallsyms"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Parse([]);
        }
    }

    /// <summary>From lines "address type name [module]".</summary>
    public static KernelSymbols Parse(IEnumerable<string> lines)
    {
        List<(ulong Address, string Name)> functions = [];
        foreach (string line in lines)
        {
            string[] words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 3 && words[1] is "t" or "T" or "w" or "W"
                && ulong.TryParse(words[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture,
                    out ulong at)
                && at != 0)
            {
                functions.Add((at, words[2]));
            }
        }

        functions.Sort((one, other) => one.Address.CompareTo(other.Address));
        return new KernelSymbols([.. functions.Select(f => f.Address)], [.. functions.Select(f => f.Name)]);
    }

    /// <summary>The function that an address lies in.</summary>
    public string NameOf(ulong address)
    {
        if (!_known.TryGetValue(address, out string? name))
        {
            int at = Array.BinarySearch(_addresses, address);
            at = at >= 0 ? at : ~at - 1;
            name = at >= 0 ? _names[at] : $"0x{address:x}";
            _known[address] = name;
        }

        return name;
    }
}
