using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Bench.Forward;

/// <summary>Middle and ends of a few values.</summary>
/// <param name="Min">Least.</param>
/// <param name="Median">Middle.</param>
/// <param name="Max">Most.</param>
/// <param name="Count">How many.</param>
internal sealed record Spread(double Min, double Median, double Max, int Count)
{
    /// <summary>Of some values, at least one.</summary>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int half = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
        return new Spread(sorted[0], median, sorted[^1], sorted.Length);
    }

    /// <summary>Of a/b, run by run: neighbours in time share the host's mood.</summary>
    public static Spread OfRatios(IEnumerable<double> a, IEnumerable<double> b) => Of(a.Zip(b, (x, y) => x / y));

    /// <inheritdoc/>
    public override string ToString() => $"{Min:F3} / {Median:F3} / {Max:F3} (n={Count})";
}

/// <summary>Percentiles of a lane's histogram, µs.</summary>
/// <param name="Count">Samples.</param>
/// <param name="P50">Median.</param>
/// <param name="P99">99 %.</param>
/// <param name="P999">99.9 %.</param>
internal sealed record Percentiles(ulong Count, double P50, double P99, double P999)
{
    /// <summary>Of both banks of a histogram.</summary>
    public static Percentiles Read(SharedRegion region, int lane, HistogramKind kind)
    {
        ulong[] counts = new ulong[HdrGeometry.Length];
        ulong total = 0;
        for (int bank = 0; bank < 2; bank++)
        {
            NativeSpan<ulong> slots = region.Histogram(lane, kind, bank);
            for (int i = 0; i < counts.Length; i++)
            {
                counts[i] += slots[i];
                total += slots[i];
            }
        }

        return new Percentiles(total, At(counts, total, 0.5), At(counts, total, 0.99), At(counts, total, 0.999));
    }

    private static double At(ulong[] counts, ulong total, double share)
    {
        ulong wanted = Math.Max(1, (ulong)Math.Ceiling(total * share));
        ulong seen = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            seen += counts[i];
            if (seen >= wanted)
            {
                return HdrGeometry.ValueAt(i) / 1000.0;
            }
        }

        throw new BenchException("a histogram is empty: no frame arrived");
    }
}
