using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libc: clocks and trials of what a host grants. Declarations and the thinnest verbs; meaning lives
/// in <c>Probes/</c>.</summary>
internal static unsafe partial class Libc
{
    // asm/unistd_64.h, asm-generic/mman-common.h, mman.h, asm-generic/fcntl.h (x86-64), linux/ptp_clock.h.
    private const int ClockRealtime = 0;
    private const int SysClockGettime = 228;
    private const int MapHugeTlb = 0x40000 | 0x20 | 0x02;     // HUGETLB | ANONYMOUS | PRIVATE
    private const int MapHugeShift = 26;                      // MAP_HUGE_SHIFT
    private const int AdvisePopulateWrite = 23;               // MADV_POPULATE_WRITE, since 5.14
    internal const nuint PtpSysOffsetExtended = 0xC4C0_3D09;  // PTP_SYS_OFFSET_EXTENDED

    // Leaf calls: a vDSO read of some ten ns, or a system call of some hundred that never blocks.
    [LibraryImport(Name, EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    private static partial int ClockGettime(int clock, TimeSpec* now);

    [LibraryImport(Name, EntryPoint = "syscall")]
    [SuppressGCTransition]
    private static partial nint SyscallLeaf(nint number, nint a, nint b);

    [LibraryImport(Name, EntryPoint = "adjtimex", SetLastError = true)]
    private static partial int Adjtimex(Timex* timex);

    /// <summary>linux/timex.h <c>struct timex</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 208)]
    internal struct Timex
    {
        [FieldOffset(0)] public uint Modes;
        [FieldOffset(8)] public long Offset;
        [FieldOffset(16)] public long Frequency;
        [FieldOffset(24)] public long MaxError;
        [FieldOffset(32)] public long EstimatedError;
        [FieldOffset(40)] public int Status;
        [FieldOffset(160)] public int Tai;
    }

    /// <summary>linux/ptp_clock.h <c>struct ptp_clock_time</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PtpTime
    {
        public long Seconds;
        public uint Nanoseconds;
        public uint Reserved;

        public readonly long Ns => unchecked((Seconds * 1_000_000_000) + Nanoseconds);
    }

    internal static void ReadClock()
    {
        TimeSpec now;
        _ = ClockGettime(ClockMonotonic, &now);
    }

    internal static long RealtimeNs()
    {
        TimeSpec now;
        _ = ClockGettime(ClockRealtime, &now);
        return now.Ns;
    }

    internal static void ReadClockBySystemCall()
    {
        TimeSpec now;
        _ = SyscallLeaf(SysClockGettime, ClockMonotonic, (nint)(&now));
    }

    /// <summary>Reads the clock's state: <c>modes</c> 0 changes nothing. The state is
    /// <c>TIME_OK</c> and its kin.</summary>
    internal static Errno ReadTimex(out Timex timex, out int state)
    {
        Timex value = default;
        state = Adjtimex(&value);
        timex = value;
        return state >= 0 ? Errno.Ok : LastErrno;
    }

    /// <summary>Fills a <c>struct ptp_sys_offset_extended</c>.</summary>
    internal static Errno PtpOffsets(int fd, Span<byte> offsets)
    {
        fixed (byte* start = offsets) // in bounds: callers size it as the struct, which the number states
        {
            return NetIoctl(fd, PtpSysOffsetExtended, start) == 0 ? Errno.Ok : LastErrno;
        }
    }

    /// <summary>Maps pages of a size of the host's pool; reserved, not yet there.</summary>
    internal static byte* MapHuge(long bytes, int pageShift, out Errno errno) =>
        Map(bytes, ProtReadWrite, MapHugeTlb | (pageShift << MapHugeShift), -1, out errno);

    /// <summary>Has the kernel fault pages in for writing: an error where a touch would be a
    /// SIGBUS.</summary>
    internal static Errno Populate(byte* start, long bytes) => Advise(start, bytes, AdvisePopulateWrite);
}
