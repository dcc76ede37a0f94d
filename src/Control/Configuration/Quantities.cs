using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace LowLatency.Control.Configuring;

/// <summary>An address prefix such as 10.0.0.0/8.</summary>
internal sealed record Prefix(IPAddress Address, int Bits)
{
    /// <summary>4 or 6.</summary>
    public int Family => Address.AddressFamily == AddressFamily.InterNetwork ? 4 : 6;
}

/// <summary>An L4 port range, both ends in it.</summary>
internal readonly record struct PortRange(ushort Low, ushort High);

/// <summary>One frame size of a load and its weight.</summary>
internal readonly record struct SizeShare(int FrameBytes, int Weight);

/// <summary>A list of CPUs as written.</summary>
/// <param name="IsAll">Every CPU there is.</param>
/// <param name="Cpus">The CPUs; empty where what it stands for depends on the host.</param>
internal sealed record CpuList(bool IsAll, IReadOnlyList<int> Cpus)
{
    /// <summary>What was written; empty where nothing of it depends on the host.</summary>
    public string Symbols { get; init; } = "";

    /// <summary>What it stands for depends on the host: it says <c>all</c> or <c>N</c>.</summary>
    public bool IsSymbolic => IsAll || Symbols.Length > 0;

    /// <summary>The CPUs on a host; what is past its last CPU is among them, for the caller to name. Empty
    /// where the list is none on this host, as 4-N with three CPUs.</summary>
    /// <param name="lastCpu">Number of its last CPU.</param>
    public IReadOnlyList<int> Resolve(int lastCpu) => !IsSymbolic ? Cpus
        : CpuListGrammar.Parse(IsAll ? "all" : Symbols, lastCpu, Native.Limits.CpusMax - 1) ?? [];

    /// <summary>The kernel's short form.</summary>
    public override string ToString() => IsAll ? "all" : IsSymbolic ? Symbols : string.Join(',', Cpus);
}

/// <summary>Text to quantities with units. Every function returns null for what it does not understand.
/// Pure.</summary>
internal static class Quantities
{
    private static readonly (string Unit, double Ns)[] TimeUnits =
        [("ns", 1), ("us", 1e3), ("ms", 1e6), ("min", 60e9), ("s", 1e9)];

    private static readonly (string Unit, int Shift)[] ByteUnits =
        [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

    /// <summary>"20us", "1.5ms", "10s" in ns; whole nanoseconds only.</summary>
    public static long? Duration(string text)
    {
        foreach ((string unit, double ns) in TimeUnits)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal))
            {
                double? value = Plain(text[..^unit.Length]) * ns;
                return value is >= 0 and < long.MaxValue / 2 && value == Math.Round(value.Value)
                    ? (long)value.Value : null;
            }
        }

        return null;
    }

    /// <summary>"100k", "1.5M", "2500" a second.</summary>
    public static double? Rate(string text) => text switch
    {
        [.. string number, 'k'] => Plain(number) * 1e3,
        [.. string number, 'M'] => Plain(number) * 1e6,
        _ => Plain(text),
    };

    /// <summary>"02:00:00:00:00:01", first byte lowest.</summary>
    public static ulong? Mac(string text)
    {
        string[] parts = text.Split(':');
        ulong mac = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts.Length != 6 || parts[i].Length != 2
                || !byte.TryParse(
                    parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                return null;
            }

            mac |= (ulong)b << (8 * i);
        }

        return parts.Length == 6 ? mac : null;
    }

    /// <summary>An address in its usual form: four decimal numbers, or IPv6 text.</summary>
    public static IPAddress? Address(string text)
    {
        bool isV4 = !text.Contains(':');
        bool isSane = isV4 ? text.Count(c => c == '.') == 3 : !text.Contains('%') && !text.Contains('[');
        return isSane && IPAddress.TryParse(text, out IPAddress? address) ? address : null;
    }

    /// <summary>"10.0.0.0/8", "2001:db8::/32", or an address alone. Bits outside the prefix must be
    /// zero.</summary>
    public static Prefix? AddressPrefix(string text)
    {
        int slash = text.IndexOf('/');
        IPAddress? address = Address(slash < 0 ? text : text[..slash]);
        if (address == null)
        {
            return null;
        }

        byte[] bytes = address.GetAddressBytes();
        int? bits = slash < 0 ? 8 * bytes.Length : Whole(text[(slash + 1)..], 8 * bytes.Length);
        for (int bit = bits ?? 0; bit < 8 * bytes.Length; bit++)
        {
            if ((bytes[bit / 8] & (0x80 >> (bit % 8))) != 0)
            {
                return null;
            }
        }

        return bits == null ? null : new Prefix(address, bits.Value);
    }

    /// <summary>"4000" or "4000-4999".</summary>
    public static PortRange? Ports(string text)
    {
        int dash = text.IndexOf('-');
        int? low = Whole(dash < 0 ? text : text[..dash], ushort.MaxValue);
        int? high = dash < 0 ? low : Whole(text[(dash + 1)..], ushort.MaxValue);
        return low <= high ? new PortRange((ushort)low.Value, (ushort)high!.Value) : null;
    }

    /// <summary>"60:7,594:4,1514:1": up to eight sizes with weights.</summary>
    public static IReadOnlyList<SizeShare>? Imix(string text)
    {
        List<SizeShare> sizes = [];
        foreach (string part in text.Split(','))
        {
            int colon = part.IndexOf(':');
            int? size = Whole(colon < 0 ? part : part[..colon], 65535);
            int? weight = colon < 0 ? 1 : Whole(part[(colon + 1)..], 1_000_000);
            if (size is null or 0 || weight is null or 0 || sizes.Count == 8)
            {
                return null;
            }

            sizes.Add(new SizeShare(size.Value, weight.Value));
        }

        return sizes;
    }

    /// <summary>A list of CPUs (<see cref="CpuListGrammar"/>) that has one at least, without white space or a
    /// comma too many: those are slips of whoever wrote it.</summary>
    public static CpuList? Cpus(string text)
    {
        if (text.Equals("all", StringComparison.OrdinalIgnoreCase))
        {
            return new CpuList(true, []);
        }

        // Checked with the largest N there can be: what is a list then may still be none on a smaller host.
        bool isTidy = !text.Split(',').Any(part => part.Length == 0) && !text.Any(char.IsWhiteSpace);
        if (!isTidy || CpuListGrammar.Parse(text, Native.Limits.CpusMax - 1) is not { Count: > 0 } cpus)
        {
            return null;
        }

        return CpuListGrammar.IsSymbolic(text) ? new CpuList(false, []) { Symbols = text }
            : new CpuList(false, cpus);
    }

    /// <summary>"10GiB", "512MiB", "64KiB" in bytes; whole numbers up to 1048576 of a unit.</summary>
    public static long? Bytes(string text)
    {
        foreach ((string unit, int shift) in ByteUnits)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal))
            {
                return Whole(text[..^unit.Length], 1 << 20) is int count ? (long)count << shift : null;
            }
        }

        return null;
    }

    /// <summary>"25G", "2.5G", "100M" in Mbit/s; whole Mbit/s up to 10 Tbit/s.</summary>
    public static long? Speed(string text) => text switch
    {
        [.. string number, 'G'] => Plain(number) * 1000 is > 0 and <= 1e7 and double mbit
            && mbit == Math.Round(mbit) ? (long)mbit : null,
        [.. string number, 'M'] => Whole(number, 10_000_000) is > 0 and int mbit ? mbit : null,
        _ => null,
    };

    /// <summary>"2027-01-31".</summary>
    public static DateOnly? Date(string text) => DateOnly.TryParseExact(
        text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date)
            ? date : null;

    /// <summary>A whole number from 0 to <paramref name="most"/>, digits only.</summary>
    public static int? Whole(string text, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value <= most
            ? value : null;

    private static double? Plain(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
        && double.IsFinite(value) ? value : null;
}
