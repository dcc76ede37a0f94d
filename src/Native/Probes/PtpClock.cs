using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Probes;

/// <summary>A hardware clock beside the system's (PTP_SYS_OFFSET_EXTENDED, linux/ptp_clock.h; reads the
/// device, so it costs a few bus transactions).</summary>
/// <param name="Path">Such as <c>/dev/ptp0</c>.</param>
/// <param name="Errno">Ok, or why not: ENOENT, EACCES, EOPNOTSUPP (the driver cannot), ENOTTY (no PTP
/// clock).</param>
/// <param name="OffsetNs">Its time less CLOCK_REALTIME, ns, of the reading with the least delay. Clocks kept
/// by ptp4l are in TAI: ahead by 37 s since 2017.</param>
/// <param name="DelayNs">How long that reading took, ns: the offset is known to half of it.</param>
public sealed record PtpClock(string Path, Errno Errno, long OffsetNs, long DelayNs)
{
    internal const int SamplesMax = 25;                               // PTP_MAX_SAMPLES
    internal const int OffsetsBytes = 16 + (SamplesMax * 3 * 16);     // struct ptp_sys_offset_extended
    private const uint Samples = 9;                                   // enough that one is undisturbed

    /// <summary>The number N of /dev/ptpN, as <c>ethtool -T</c> shows it; -1: another path.</summary>
    public int Index => Path.StartsWith("/dev/ptp", StringComparison.Ordinal)
        && int.TryParse(
            Path.AsSpan("/dev/ptp".Length), NumberStyles.None, CultureInfo.InvariantCulture, out int n)
            ? n : -1;

    /// <summary>Every clock of the host, by number; none where there is none.</summary>
    public static IReadOnlyList<PtpClock> RunAll()
    {
        try
        {
            return [.. Directory.EnumerateFiles("/dev", "ptp*").Select(Run).Where(clock => clock.Index >= 0)
                .OrderBy(clock => clock.Index)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return []; // no /dev: a sandbox, which has no clocks either
        }
    }

    /// <summary>One clock.</summary>
    public static PtpClock Run(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        int fd = Libc.TryOpenFile(path, Libc.OpenReadOnly, out Errno errno);
        if (fd < 0)
        {
            return new PtpClock(path, errno, 0, 0);
        }

        Span<byte> offsets = stackalloc byte[OffsetsBytes];
        offsets.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(offsets, Samples);
        errno = Libc.PtpOffsets(fd, offsets);
        Libc.CloseFile(fd);
        if (errno != Errno.Ok)
        {
            return new PtpClock(path, errno, 0, 0);
        }

        (long offsetNs, long delayNs) = Best(
            MemoryMarshal.Cast<byte, Libc.PtpTime>(offsets[16..])[..(3 * (int)Samples)]);
        return new PtpClock(path, Errno.Ok, offsetNs, delayNs);
    }

    /// <summary>The reading with the least delay, of triples system, device, system.</summary>
    internal static (long OffsetNs, long DelayNs) Best(ReadOnlySpan<Libc.PtpTime> stamps)
    {
        long offset = 0;
        long least = long.MaxValue;
        for (int i = 0; i + 2 < stamps.Length; i += 3)
        {
            long before = stamps[i].Ns;
            long delay = stamps[i + 2].Ns - before;
            if (delay < least)
            {
                least = delay;
                offset = stamps[i + 1].Ns - before - (delay / 2);
            }
        }

        return (offset, least);
    }
}
