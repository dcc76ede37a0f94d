using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>io_uring(7) by its system calls, for trials that liburing has no words for.</summary>
internal static unsafe partial class Libc
{
    // asm/unistd_64.h, linux/io_uring.h.
    private const int SysUringSetup = 425;
    private const int SysUringEnter = 426;
    private const int UringGetEvents = 1;             // IORING_ENTER_GETEVENTS
    internal const long UringOffsetRings = 0;         // IORING_OFF_SQ_RING; both rings with FEAT_SINGLE_MMAP
    internal const long UringOffsetEntries = 0x1000_0000; // IORING_OFF_SQES
    internal const uint UringSingleMmap = 1;          // IORING_FEAT_SINGLE_MMAP, since 5.4
    internal const byte UringRead = 22;               // IORING_OP_READ
    internal const byte UringCommand = 46;            // IORING_OP_URING_CMD, since 5.19
    internal const int UringCommandAt = 48;           // struct io_uring_sqe, cmd: to the end of a wide entry

    /// <summary>linux/io_uring.h <c>struct io_uring_params</c> with its two structs of offsets.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 120)]
    internal struct UringParams
    {
        [FieldOffset(0)] public uint SubmissionSlots;
        [FieldOffset(4)] public uint CompletionSlots;
        [FieldOffset(8)] public uint Flags;
        [FieldOffset(16)] public uint ThreadIdleMs;
        [FieldOffset(20)] public uint Features;
        [FieldOffset(44)] public uint SubmissionTail;
        [FieldOffset(64)] public uint SubmissionArray;
        [FieldOffset(80)] public uint CompletionHead;
        [FieldOffset(84)] public uint CompletionTail;
        [FieldOffset(100)] public uint Completions;
    }

    /// <summary>linux/io_uring.h <c>struct io_uring_sqe</c>, as far as a read needs it.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    internal struct UringEntry
    {
        [FieldOffset(0)] public byte Operation;
        [FieldOffset(4)] public int Fd;
        [FieldOffset(8)] public ulong Offset;
        [FieldOffset(16)] public ulong Address;
        [FieldOffset(24)] public uint Length;
    }

    /// <summary>linux/io_uring.h <c>struct io_uring_cqe</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct UringCompletion
    {
        public ulong UserData;
        public int Result;
        public uint Flags;
    }

    internal static int UringSetup(uint slots, ref UringParams parameters, out Errno errno)
    {
        fixed (UringParams* start = &parameters) // in bounds: the kernel fills this very struct
        {
            return Descriptor(Syscall6(SysUringSetup, (nint)slots, (nint)start, 0, 0, 0, 0), out errno);
        }
    }

    internal static Errno UringSubmitAndWait(int fd, int count) =>
        Syscall6(SysUringEnter, fd, count, count, UringGetEvents, 0, 0) >= 0 ? Errno.Ok : LastErrno;

    internal static byte* MapShared(long bytes, int fd, long offset, out Errno errno)
    {
        void* at = Mmap(null, (nuint)bytes, ProtReadWrite, MapSharedPopulate, fd, (nint)offset);
        bool isMapped = at != (void*)-1;
        errno = isMapped ? Errno.Ok : LastErrno;
        return isMapped ? (byte*)at : null;
    }
}
