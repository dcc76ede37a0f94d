using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>liburing (liburing.h of 2.3): set-up and probing. Declarations only.</summary>
internal static unsafe partial class LibUring
{
    private const string Name = "liburing";

    /// <summary>Room for <c>struct io_uring</c>: 216 bytes in liburing 2.3, spare for newer ones.</summary>
    internal const int RingBytes = 512;

    [LibraryImport(Name, EntryPoint = "io_uring_queue_init")]
    internal static partial int QueueInit(uint entries, void* ring, uint flags);

    [LibraryImport(Name, EntryPoint = "io_uring_queue_exit")]
    internal static partial void QueueExit(void* ring);

    [LibraryImport(Name, EntryPoint = "io_uring_get_probe_ring")]
    internal static partial UringProbeHeader* GetProbe(void* ring);

    [LibraryImport(Name, EntryPoint = "io_uring_free_probe")]
    internal static partial void FreeProbe(UringProbeHeader* probe);
}

/// <summary>linux/io_uring.h <c>struct io_uring_probe</c>; <c>ops_len</c> entries of 8 bytes
/// follow.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct UringProbeHeader
{
    public byte LastOp;
    public byte OpsLength;
}
