using System.Globalization;

namespace LowLatency.Control.Recording;

/// <summary>What is in one capture file.</summary>
/// <param name="Path">The file.</param>
/// <param name="Packets">Whole packets.</param>
/// <param name="Bytes">Bytes of it that are whole.</param>
/// <param name="FirstNs">Earliest time of a packet, since 1970; 0 without packets.</param>
/// <param name="LastNs">Latest time of a packet, since 1970.</param>
/// <param name="Dropped">Frames that the file says were lost while it was made.</param>
/// <param name="IsHidden">A crash left it, or it is being written.</param>
/// <param name="Torn">Why it ends before its last byte; null: it does not.</param>
internal sealed record CaptureSummary(
    string Path, long Packets, long Bytes, ulong FirstNs, ulong LastNs, ulong Dropped, bool IsHidden,
    string? Torn)
{
    /// <summary>Reads a whole file.</summary>
    public static CaptureSummary Of(string path)
    {
        using CaptureReader reader = CaptureReader.Open(path);
        long packets = 0;
        ulong first = ulong.MaxValue;
        ulong last = 0;
        while (reader.TryRead(out CapturePacket packet))
        {
            packets++;
            first = Math.Min(first, packet.TimeNs);
            last = Math.Max(last, packet.TimeNs);
        }

        ulong dropped = 0;
        foreach (CaptureInterface port in reader.Interfaces)
        {
            dropped += port.Dropped;
        }

        return new CaptureSummary(path, packets, reader.WholeBytes, packets == 0 ? 0 : first, last, dropped,
            path.EndsWith(CaptureOutput.HiddenEnd, StringComparison.Ordinal), reader.Torn);
    }
}

/// <summary>Times of captures as text: UTC, to the ns.</summary>
internal static class CaptureTime
{
    private const ulong NsPerSecond = 1_000_000_000;
    private const string Form = "yyyy-MM-dd'T'HH:mm:ss";

    /// <summary>As <c>2026-01-31T10:00:00.000000001Z</c>.</summary>
    public static string Text(ulong ns)
    {
        DateTime seconds = DateTime.UnixEpoch.AddSeconds(ns / NsPerSecond);
        return seconds.ToString(Form, CultureInfo.InvariantCulture)
            + "." + (ns % NsPerSecond).ToString("D9", CultureInfo.InvariantCulture) + "Z";
    }

    /// <summary>Reads <c>2026-01-31T10:00:00Z</c>, with up to nine decimals; null for anything else, and
    /// before 1970.</summary>
    public static ulong? Parse(string text)
    {
        string[] parts = text.EndsWith('Z') ? text[..^1].Split('.') : [];
        string fraction = parts.Length == 2 ? parts[1] : "0";
        bool isGood = parts.Length is 1 or 2 && fraction.Length is > 0 and <= 9
            && fraction.All(char.IsAsciiDigit);
        if (!isGood || !DateTime.TryParseExact(parts[0], Form, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTime time)
            || time < DateTime.UnixEpoch)
        {
            return null;
        }

        ulong seconds = (ulong)(time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond;
        return (seconds * NsPerSecond)
            + ulong.Parse(fraction.PadRight(9, '0'), CultureInfo.InvariantCulture);
    }
}
