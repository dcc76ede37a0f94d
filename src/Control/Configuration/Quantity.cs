using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuration;

/// <summary>Values with a unit or a grammar, as users write them. Pure; false where the text is not one.</summary>
internal static class Quantity
{
    private static readonly (string Suffix, double Ns)[] TimeUnits =
        [("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("m", 60e9), ("h", 3600e9)];

    /// <summary>"50us", "1.5s", "2min" → ns.</summary>
    public static bool TryDuration(string text, out long ns)
    {
        ns = 0;
        foreach ((string suffix, double unitNs) in TimeUnits)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal)
                && double.TryParse(text[..^suffix.Length], NumberStyles.AllowDecimalPoint,
                    CultureInfo.InvariantCulture, out double number)
                && number * unitNs < 1e18)
            {
                ns = (long)Math.Round(number * unitNs);
                return true;
            }
        }

        return false;
    }

    /// <summary>"100k", "1.2M", "250" → a second.</summary>
    public static bool TryRate(string text, out double rate)
    {
        double factor = text switch
        {
            [.., 'k' or 'K'] => 1e3,
            [.., 'M'] => 1e6,
            _ => 1,
        };
        ReadOnlySpan<char> digits = factor > 1 ? text.AsSpan(0, text.Length - 1) : text;
        bool isNumber = double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out rate);
        rate *= factor;
        return isNumber && double.IsFinite(rate);
    }

    /// <summary>The kernel's cpulist grammar (lib/bitmap.c): <c>0,2-3</c>, <c>0-8:2/4</c>, <c>all</c>.</summary>
    public static bool TryCpuList(string text, int cpuLast, out CpuSet cpus)
    {
        cpus = default;
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!TryAddRange(part == "all" ? $"0-{cpuLast}" : part, ref cpus))
            {
                return false;
            }
        }

        return text.Length > 0;
    }

    /// <summary>"4000" or "4000-4999".</summary>
    public static bool TryPorts(string text, out ushort low, out ushort high)
    {
        string[] ends = text.Split('-', 2, StringSplitOptions.TrimEntries);
        high = 0;
        bool isRange = TryPort(ends[0], out low) && TryPort(ends[^1], out high);
        return isRange && low <= high;
    }

    /// <summary>"02:00:00:00:00:01" → first byte lowest.</summary>
    public static bool TryMac(string text, out ulong mac)
    {
        mac = 0;
        string[] parts = text.Split(':');
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts.Length != 6 || parts[i].Length != 2
                || !byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                return false;
            }

            mac |= (ulong)b << (8 * i);
        }

        return true;
    }

    /// <summary>A MAC as text.</summary>
    public static string MacText(ulong mac) =>
        string.Join(':', Enumerable.Range(0, 6).Select(i => ((mac >> (8 * i)) & 0xFF).ToString("x2")));

    /// <summary>"10.0.0.0/8", "2001:db8::1" → address, bits, family.</summary>
    public static bool TryPrefix(string text, out Address16 address, out uint bits, out uint family)
    {
        address = default;
        bits = 0;
        family = 0;
        string[] parts = text.Split('/', 2);
        if (!IPAddress.TryParse(parts[0], out IPAddress? parsed) || parts[0].Contains('%'))
        {
            return false;
        }

        bool isV4 = parsed.AddressFamily == AddressFamily.InterNetwork;
        if (isV4 && parts[0].Count(c => c == '.') != 3)
        {
            return false; // "10" and "10.1" are addresses to inet_aton only
        }

        family = isV4 ? 4u : 6u;
        bits = isV4 ? 32u : 128u;
        if (parts.Length == 2
            && (!uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint length)
                || length > bits || (bits = length) > 128))
        {
            return false;
        }

        parsed.GetAddressBytes().CopyTo((Span<byte>)address);
        return true;
    }

    /// <summary>"60:7,594:4,1514:1" → sizes and weights.</summary>
    public static bool TryImix(string text, out PlanSizes sizes)
    {
        sizes = default;
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        for (int i = 0; i < parts.Length; i++)
        {
            string[] pair = parts[i].Split(':');
            if (i >= 8 || pair.Length != 2
                || !uint.TryParse(pair[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint bytes)
                || !uint.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint weight)
                || weight is 0 or > 1_000_000)
            {
                return false;
            }

            sizes[i] = new PlanSize { FrameBytes = bytes, Weight = weight };
        }

        return true;
    }

    private static bool TryPort(string text, out ushort port) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port);

    private static bool TryAddRange(string part, ref CpuSet cpus)
    {
        string[] stride = part.Split(':', 2);
        string[] ends = stride[0].Split('-', 2);
        if (!TryCpu(ends[0], out int first) || !TryCpu(ends[^1], out int last) || first > last)
        {
            return false;
        }

        int used = 1;
        int group = 1;
        if (stride.Length == 2)
        {
            string[] of = stride[1].Split('/', 2);
            if (of.Length != 2 || !TryCpu(of[0], out used) || !TryCpu(of[1], out group) || used < 1 || used > group)
            {
                return false;
            }
        }

        for (int cpu = first; cpu <= last; cpu++)
        {
            if ((cpu - first) % group < used)
            {
                cpus.Add(cpu);
            }
        }

        return true;
    }

    private static bool TryCpu(string text, out int cpu) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out cpu) && cpu < Limits.CpusMax;
}
