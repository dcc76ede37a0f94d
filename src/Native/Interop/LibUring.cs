using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>liburing (liburing.h of 2.3): set-up, registration, probing and entering. Declarations only; the
/// mapped rings are worked on by <see cref="Uring.Ring"/>. Functions answer a count, or minus an
/// errno.</summary>
internal static unsafe partial class LibUring
{
    private const string Name = "liburing";

    [LibraryImport(Name, EntryPoint = "io_uring_queue_init")]
    internal static partial int QueueInit(uint entries, UringRing* ring, uint flags);

    [LibraryImport(Name, EntryPoint = "io_uring_queue_init_params")]
    internal static partial int QueueInitParams(uint entries, UringRing* ring, UringParams* parameters);

    [LibraryImport(Name, EntryPoint = "io_uring_queue_exit")]
    internal static partial void QueueExit(UringRing* ring);

    [LibraryImport(Name, EntryPoint = "io_uring_get_probe_ring")]
    internal static partial UringProbeHeader* GetProbe(UringRing* ring);

    [LibraryImport(Name, EntryPoint = "io_uring_free_probe")]
    internal static partial void FreeProbe(UringProbeHeader* probe);

    [LibraryImport(Name, EntryPoint = "io_uring_register_buffers")]
    internal static partial int RegisterBuffers(UringRing* ring, IoVector* vectors, uint count);

    [LibraryImport(Name, EntryPoint = "io_uring_register_files")]
    internal static partial int RegisterFiles(UringRing* ring, int* files, uint count);

    [LibraryImport(Name, EntryPoint = "io_uring_register_files_update")]
    internal static partial int UpdateFiles(UringRing* ring, uint offset, int* files, uint count);

    [LibraryImport(Name, EntryPoint = "io_uring_unregister_files")]
    internal static partial int UnregisterFiles(UringRing* ring);

    [LibraryImport(Name, EntryPoint = "io_uring_register_ring_fd")]
    internal static partial int RegisterRing(UringRing* ring);

    [LibraryImport(Name, EntryPoint = "io_uring_register_iowq_aff")]
    internal static partial int RegisterWorkers(UringRing* ring, nuint bytes, void* mask);

    [LibraryImport(Name, EntryPoint = "io_uring_enter2")]
    internal static partial int Enter(uint fd, uint submitted, uint awaited, uint flags, void* argument,
        nuint argumentBytes);
}

/// <summary>liburing.h <c>struct io_uring</c> of 2.3, 216 bytes, as far as we look into it; spare for newer
/// ones, which have grown at the end only.</summary>
[StructLayout(LayoutKind.Explicit, Size = 512)]
internal unsafe struct UringRing
{
    // struct io_uring_sq at 0
    [FieldOffset(0)] public uint* SubmissionHead;
    [FieldOffset(8)] public uint* SubmissionTail;
    [FieldOffset(32)] public uint* SubmissionFlags;
    [FieldOffset(48)] public uint* SubmissionArray;
    [FieldOffset(56)] public byte* Entries;
    [FieldOffset(92)] public uint SubmissionSlots;

    // struct io_uring_cq at 104
    [FieldOffset(104)] public uint* CompletionHead;
    [FieldOffset(112)] public uint* CompletionTail;
    [FieldOffset(152)] public byte* Completions;
    [FieldOffset(180)] public uint CompletionSlots;

    [FieldOffset(196)] public int Fd;
    [FieldOffset(204)] public uint EnterFd;
    [FieldOffset(208)] public byte InternalFlags; // 1: EnterFd is a registered one
}

/// <summary>linux/io_uring.h <c>struct io_uring_params</c>, as far as it is filled in.</summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
internal struct UringParams
{
    [FieldOffset(0)] public uint SubmissionSlots;
    [FieldOffset(4)] public uint CompletionSlots;
    [FieldOffset(8)] public uint Flags;
    [FieldOffset(12)] public uint ThreadCpu;
    [FieldOffset(16)] public uint ThreadIdleMs;
    [FieldOffset(20)] public uint Features;
}

/// <summary>linux/io_uring.h <c>struct io_uring_sqe</c>. Wide ones have as many bytes again behind
/// it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct UringEntry
{
    [FieldOffset(0)] public byte Operation;
    [FieldOffset(1)] public byte Flags;
    [FieldOffset(4)] public int Fd;
    [FieldOffset(8)] public ulong Offset;         // or cmd_op
    [FieldOffset(16)] public ulong Address;
    [FieldOffset(24)] public uint Length;
    [FieldOffset(28)] public uint OperationFlags; // rw_flags, fsync_flags, uring_cmd_flags
    [FieldOffset(32)] public ulong UserData;
    [FieldOffset(40)] public ushort BufferIndex;
    [FieldOffset(48)] public byte Command;        // cmd: to the end of a wide entry
}

/// <summary>linux/io_uring.h <c>struct io_uring_cqe</c>. Wide ones have as many bytes again behind
/// it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct UringCompletion
{
    public ulong UserData;
    public int Result;
    public uint Flags;
}

/// <summary>linux/io_uring.h <c>struct io_uring_getevents_arg</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct UringWait
{
    public ulong SignalMask;
    public uint SignalMaskBytes;
    public uint Pad;
    public TimeSpec* Timeout;
}

/// <summary>linux/uio.h <c>struct iovec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public byte* Start;
    public nuint Bytes;
}

/// <summary>linux/io_uring.h <c>struct io_uring_probe</c>; <c>ops_len</c> entries of 8 bytes
/// follow.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct UringProbeHeader
{
    public byte LastOp;
    public byte OpsLength;
}
