using LowLatency.Control.Reporting;

namespace LowLatency.Control.Measuring;

/// <summary>When a generator counts as late: then the load was not quite the one asked for, and part of the
/// end-to-end latency is its own. Pure.</summary>
internal static class GeneratorLateness
{
    /// <summary>Lateness at p99.9 that a generator with a CPU to itself stays under, ns.</summary>
    public const long P999LimitNs = 5_000;

    /// <summary>Lateness at p99.9 may be this part of the end-to-end latency at p99.9.</summary>
    public const int TailShare = 10;

    /// <summary>What is against it, a sentence each; empty: on time. A percentile that the samples do not
    /// carry is held against no one.</summary>
    /// <param name="lateness">Of the measured frames.</param>
    /// <param name="endToEnd">Through the device; null: not measured.</param>
    /// <param name="intendedPps">Rate asked for.</param>
    /// <param name="achievedPps">Rate sent.</param>
    /// <param name="isShort">The difference is more than chance.</param>
    /// <param name="unsent">Frames given up.</param>
    public static IReadOnlyList<string> Of(LatencySummary? lateness, LatencySummary? endToEnd,
        double intendedPps, double achievedPps, bool isShort, long unsent)
    {
        List<string> why = [];
        if (isShort)
        {
            why.Add($"it sent {Units.Rate(achievedPps)} of {Units.Rate(intendedPps)} pps: "
                + "the rate is above what this generator, or its port, can send");
        }

        if (unsent > 0)
        {
            why.Add($"{Units.Count(unsent)} frames were given up, too late to send");
        }

        if (lateness?.P999Ns is long p999 && p999 > P999LimitNs)
        {
            why.Add($"its lateness at p99.9 is {Units.Us(p999)} us, limit {Units.Us(P999LimitNs)} us");
        }

        if (lateness?.P999Ns > endToEnd?.P999Ns / TailShare)
        {
            why.Add("its lateness at p99.9 is over a tenth of the end-to-end "
                + $"{Units.Us(endToEnd!.P999Ns!.Value)} us");
        }

        return why;
    }
}
