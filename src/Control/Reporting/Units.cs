using System.Globalization;

namespace LowLatency.Control.Reporting;

/// <summary>Numbers for eyes. Times are microseconds everywhere, so that columns compare.</summary>
internal static class Units
{
    /// <summary>ns as microseconds: two decimals, from 100 s on none.</summary>
    public static string Us(double ns) =>
        (ns / 1000).ToString(Math.Abs(ns) < 1e11 ? "0.00" : "0", CultureInfo.InvariantCulture);

    /// <summary>As <see cref="Us"/>, with its sign; zero has none.</summary>
    public static string SignedUs(double ns) => Math.Abs(ns) < 5 ? "0.00" : ns > 0 ? "+" + Us(ns) : Us(ns);

    /// <summary>A count in at most five characters: 999, 12.3k, 4.56M.</summary>
    public static string Short(long count)
    {
        double value = Math.Abs((double)count);
        (double unit, string suffix) = value switch
        {
            < 1000 => (1, ""),
            < 999_950 => (1e3, "k"),
            < 999_950_000 => (1e6, "M"),
            < 999_950_000_000 => (1e9, "G"),
            _ => (1e12, "T"),
        };
        string digits = unit == 1 ? "0" : value / unit >= 99.95 ? "0" : value / unit >= 9.995 ? "0.0"
            : "0.00";
        return (count / unit).ToString(digits, CultureInfo.InvariantCulture) + suffix;
    }

    /// <summary>Frames a second: 10 000, 1 250 000.</summary>
    public static string Rate(double perSecond) => Count((long)Math.Round(perSecond));

    /// <summary>A whole count with thin groups: 1 234 567.</summary>
    public static string Count(long count) =>
        count.ToString("#,0", CultureInfo.InvariantCulture).Replace(',', ' ');

    /// <summary>Bytes: 512, 12.3 KiB, 4.5 MiB.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        < 1024 => bytes.ToString(CultureInfo.InvariantCulture),
        < 1 << 20 => (bytes / 1024.0).ToString("0.0", CultureInfo.InvariantCulture) + " KiB",
        _ => (bytes / 1048576.0).ToString("0.0", CultureInfo.InvariantCulture) + " MiB",
    };

    /// <summary>A part of a whole, in percent.</summary>
    public static string Share(double part, double whole) =>
        whole <= 0 ? "-" : (100 * part / whole).ToString("0.0", CultureInfo.InvariantCulture);
}
