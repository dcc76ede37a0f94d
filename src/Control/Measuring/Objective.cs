using System.Globalization;
using HdrHistogram;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Measuring;

/// <summary>A promise about end-to-end latency: this percentile, at most this.</summary>
/// <param name="Percent">Greater than 0, less than 100.</param>
/// <param name="LimitNs">Limit, ns.</param>
internal sealed record Objective(decimal Percent, long LimitNs)
{
    /// <summary>Reads <c>p99.99=50us</c> (units ns, us, ms, s).</summary>
    public static bool TryParse(string text, out Objective? objective)
    {
        objective = null;
        int at = text.IndexOf('=', StringComparison.Ordinal);
        if (at < 2 || text[0] != 'p'
            || !decimal.TryParse(text[1..at], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
                out decimal p)
            || p <= 0 || p >= 100)
        {
            return false;
        }

        string limit = text[(at + 1)..];
        foreach ((string unit, decimal ns) in new[] { ("ns", 1m), ("us", 1e3m), ("ms", 1e6m), ("s", 1e9m) })
        {
            if (limit.EndsWith(unit, StringComparison.Ordinal) && decimal.TryParse(limit[..^unit.Length],
                NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
            {
                bool fits = value > 0 && value * ns <= HdrGeometry.HighestValue;
                objective = fits ? new Objective(p, (long)(value * ns)) : null;
                return fits;
            }
        }

        return false;
    }

    /// <summary>Judges a measurement. Not met when the samples do not carry the percentile.</summary>
    public SloResult Judge(HistogramBase? endToEnd)
    {
        long count = endToEnd?.TotalCount ?? 0;
        bool isRefused = count * (100m - Percent) / 100m < Measuring.Percentile.SamplesAboveMin;
        long? actual = isRefused || endToEnd is null ? null : endToEnd.GetValueAtPercentile((double)Percent);
        string name = "p" + Percent.ToString(CultureInfo.InvariantCulture);
        return new SloResult(name, LimitNs, actual, actual <= LimitNs);
    }
}

/// <summary>An objective and what was measured.</summary>
/// <param name="Percentile">p99.99.</param>
/// <param name="LimitNs">Limit, ns.</param>
/// <param name="ActualNs">Measured; null: refused, too few samples.</param>
/// <param name="Met">Whether it holds.</param>
internal sealed record SloResult(string Percentile, long LimitNs, long? ActualNs, bool Met);
