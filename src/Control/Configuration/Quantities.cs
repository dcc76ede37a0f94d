using System.Buffers.Binary;
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
internal readonly record struct PortRange(ushort Low, ushort High)
{
    /// <summary>How many ports that are.</summary>
    public int Count => High - Low + 1;

    /// <summary>As the file writes it.</summary>
    public override string ToString() => Low == High ? $"{Low}" : $"{Low}-{High}";
}

/// <summary>One frame size of a load, or a range of sizes, and its weight.</summary>
internal readonly record struct SizeShare(int FrameBytes, int FrameBytesMax, int Weight);

/// <summary>An address and those that follow it.</summary>
internal sealed record AddressRange(IPAddress First, uint Count)
{
    /// <summary>4 or 6.</summary>
    public int Family => First.AddressFamily == AddressFamily.InterNetwork ? 4 : 6;
}

/// <summary>Frames of a burst and the time from its last to the first of the next, ns.</summary>
internal sealed record BurstShape(int Frames, long GapNs);

/// <summary>A rate, frames a second, and how long it holds, ns.</summary>
internal readonly record struct RateStep(double RatePps, long ForNs);

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

    /// <summary>A <see cref="Rate"/> that a load can have.</summary>
    public static double? LoadRate(string text) => Rate(text) is > 0 and <= 50e6 and double rate ? rate
        : null;

    /// <summary>"32:250us": two frames at least, and a gap that is one.</summary>
    public static BurstShape? Burst(string text)
    {
        int colon = text.IndexOf(':');
        int? frames = colon < 0 ? null : Whole(text[..colon], Native.Limits.BurstFramesMax);
        return frames > 1 && Duration(text[(colon + 1)..]) is > 0 and <= 86_400_000_000_000 and long gap
            ? new BurstShape(frames.Value, gap) : null;
    }

    /// <summary>"100k:5s,200k:5s": rates that a load can have, each for a millisecond at least.</summary>
    public static IReadOnlyList<RateStep>? Steps(string text)
    {
        List<RateStep> steps = [];
        foreach (string part in text.Split(','))
        {
            int colon = part.IndexOf(':');
            if (colon < 0 || steps.Count == Native.Limits.RatesMax || LoadRate(part[..colon])
                is not double rate
                || Duration(part[(colon + 1)..])
                    is not (>= 1_000_000 and <= 86_400_000_000_000 and long time))
            {
                return null;
            }

            steps.Add(new RateStep(rate, time));
        }

        return steps;
    }

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

    /// <summary>"rate" is 0, "original" 1, "scaled:2.5" 2.5.</summary>
    public static double? Speedup(string text) => text switch
    {
        "rate" => 0,
        "original" => 1,
        ['s', 'c', 'a', 'l', 'e', 'd', ':', .. string number] =>
            Plain(number) is >= 0.001 and <= 1000 and double speed ? speed : null,
        _ => null,
    };

    /// <summary>As <see cref="Ports"/>, without port 0.</summary>
    public static PortRange? LoadPorts(string text) => Ports(text) is { Low: > 0 } range ? range : null;

    /// <summary>"198.18.0.1" or "198.18.0.1-198.18.3.255": addresses that differ in their last 32 bits, as
    /// many as a load can have flows.</summary>
    public static AddressRange? Addresses(string text)
    {
        int dash = text.IndexOf('-');
        IPAddress? first = Address(dash < 0 ? text : text[..dash]);
        IPAddress? last = dash < 0 ? first : Address(text[(dash + 1)..]);
        if (first == null || last == null || first.AddressFamily != last.AddressFamily)
        {
            return null;
        }

        byte[] low = first.GetAddressBytes();
        byte[] high = last.GetAddressBytes();
        long count = (long)BinaryPrimitives.ReadUInt32BigEndian(high.AsSpan(high.Length - 4))
            - BinaryPrimitives.ReadUInt32BigEndian(low.AsSpan(low.Length - 4)) + 1;
        return low.AsSpan(..^4).SequenceEqual(high.AsSpan(..^4)) && count is > 0 and <= Native.Limits.FlowsMax
            ? new AddressRange(first, (uint)count) : null;
    }

    /// <summary>"60" or "60-1514": one size, or each of a range as likely.</summary>
    public static SizeShare? Size(string text, int weight = 1)
    {
        int dash = text.IndexOf('-');
        int? low = Whole(dash < 0 ? text : text[..dash], ushort.MaxValue);
        int? high = dash < 0 ? low : Whole(text[(dash + 1)..], ushort.MaxValue);
        return low > 0 && low <= high ? new SizeShare(low.Value, high!.Value, weight) : null;
    }

    /// <summary>"60:7,594-1514:4": up to eight sizes, or ranges of them, with weights.</summary>
    public static IReadOnlyList<SizeShare>? Imix(string text)
    {
        List<SizeShare> sizes = [];
        foreach (string part in text.Split(','))
        {
            int colon = part.IndexOf(':');
            int? weight = colon < 0 ? 1 : Whole(part[(colon + 1)..], 1_000_000);
            if (weight is null or 0 || sizes.Count == 8
                || Size(colon < 0 ? part : part[..colon], weight.Value) is not { } size)
            {
                return null;
            }

            sizes.Add(size);
        }

        return sizes;
    }

    /// <summary>"100", or "200.100": one VLAN, or two, outer first.</summary>
    public static int[]? Vlans(string text)
    {
        int?[] vlans = [.. text.Split('.').Select(part => Whole(part, 4094))];
        return vlans.Length <= Native.Limits.LoadTagsMax && vlans.All(vlan => vlan > 0)
            ? [.. vlans.Select(vlan => vlan!.Value)] : null;
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
