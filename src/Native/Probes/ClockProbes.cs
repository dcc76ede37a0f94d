using System.Diagnostics;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Probes;

/// <summary>What reading the time costs on this thread's CPU, ns a call: the least of a few runs, so that a
/// preemption is not taken for a slow clock.</summary>
/// <param name="VdsoNs">clock_gettime(CLOCK_MONOTONIC) through libc: near the next one when the clock source
/// has no vDSO, as <c>hpet</c> and <c>acpi_pm</c>.</param>
/// <param name="SystemCallNs">The same by a system call.</param>
/// <param name="StopwatchNs">Stopwatch.GetTimestamp: what lanes call.</param>
public sealed record ClockCost(double VdsoNs, double SystemCallNs, double StopwatchNs)
{
    private const int Runs = 5;

    /// <summary>Measures.</summary>
    /// <param name="iterations">Calls of each kind in each run; some ten thousand take a few ms.</param>
    public static ClockCost Run(int iterations)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(iterations);
        double vdso = double.MaxValue;
        double systemCall = double.MaxValue;
        double stopwatch = double.MaxValue;
        for (int run = 0; run < Runs; run++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < iterations; i++)
            {
                Libc.ReadClock();
            }

            vdso = Math.Min(vdso, NsEach(start, iterations));
            start = Stopwatch.GetTimestamp();
            for (int i = 0; i < iterations; i++)
            {
                Libc.ReadClockBySystemCall();
            }

            systemCall = Math.Min(systemCall, NsEach(start, iterations));
            start = Stopwatch.GetTimestamp();
            for (int i = 0; i < iterations; i++)
            {
                _ = Stopwatch.GetTimestamp();
            }

            stopwatch = Math.Min(stopwatch, NsEach(start, iterations));
        }

        return new ClockCost(vdso, systemCall, stopwatch);
    }

    private static double NsEach(long start, int iterations) =>
        Stopwatch.GetElapsedTime(start).TotalNanoseconds / iterations;
}

/// <summary>How the kernel's clock is disciplined: adjtimex(2), read only, no privileges.</summary>
/// <param name="Errno">Ok, or why it cannot be read (a sandbox); then the rest is 0.</param>
/// <param name="State">TIME_OK 0, leap second states 1 to 4, TIME_ERROR 5: not synchronised.</param>
/// <param name="Status">linux/timex.h STA_* bits.</param>
/// <param name="OffsetNs">What is still to be slewed, ns.</param>
/// <param name="MaxErrorUs">Upper bound of the error, us; grows by itself until a daemon lowers it.</param>
/// <param name="EstimatedErrorUs">Estimate of the error, us.</param>
/// <param name="FrequencyPpm">Correction of the rate, parts per million.</param>
/// <param name="TaiOffsetSeconds">TAI - UTC, s; 0: nobody has told the kernel.</param>
public sealed record ClockSync(Errno Errno, int State, int Status, long OffsetNs, long MaxErrorUs,
    long EstimatedErrorUs, double FrequencyPpm, int TaiOffsetSeconds)
{
    private const int StatusUnsynchronised = 0x40; // STA_UNSYNC
    private const int StatusNano = 0x2000;         // STA_NANO: offset is in ns, not us
    private const double FrequencyScale = 65536.0; // ppm with 16 bits of fraction

    /// <summary>STA_UNSYNC: no daemon keeps the clock.</summary>
    public bool IsUnsynchronised => (Status & StatusUnsynchronised) != 0;

    /// <summary>Reads it.</summary>
    public static ClockSync Run()
    {
        Errno errno = Libc.ReadTimex(out Libc.Timex timex, out int state);
        return errno != Errno.Ok
            ? new ClockSync(errno, 0, 0, 0, 0, 0, 0, 0)
            : new ClockSync(Errno.Ok, state, timex.Status,
                (timex.Status & StatusNano) != 0 ? timex.Offset : timex.Offset * 1000, timex.MaxError,
                timex.EstimatedError, timex.Frequency / FrequencyScale, timex.Tai);
    }
}
