using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libc: admin commands to an NVMe controller. Declarations and the thinnest verb; meaning lives in
/// <c>Probes/NvmeDrive</c>.</summary>
internal static unsafe partial class Libc
{
    internal const nuint NvmeAdminCommand = 0xC048_4E41; // NVME_IOCTL_ADMIN_CMD (linux/nvme_ioctl.h)
    private const nuint NvmeNamespaceId = 0x4E40;              // NVME_IOCTL_ID
    internal const uint NvmeUringIo = 0xC048_4E80;             // NVME_URING_CMD_IO
    internal const byte NvmeWrite = 0x01;                      // NVM Command Set Specification, Write, Read
    internal const byte NvmeRead = 0x02;

    /// <summary>linux/nvme_ioctl.h <c>struct nvme_passthru_cmd</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 72)]
    internal struct NvmeCommand
    {
        [FieldOffset(0)] public byte Opcode;
        [FieldOffset(4)] public uint Namespace;
        [FieldOffset(24)] public ulong Address;
        [FieldOffset(36)] public uint DataBytes;
        [FieldOffset(40)] public uint Word10;
        [FieldOffset(44)] public uint Word11;
        [FieldOffset(48)] public uint Word12;
        [FieldOffset(64)] public uint TimeoutMs;
        [FieldOffset(68)] public uint Result;
    }

    /// <summary>Number of the namespace that a device stands for; negative: it is of no namespace.</summary>
    internal static int NvmeNamespaceOf(int fd) => NetIoctl(fd, NvmeNamespaceId, null);

    /// <summary>Sends a command that fills <paramref name="data"/>; the drive's own status is 0 when it
    /// did.</summary>
    internal static Errno NvmeAdmin(int fd, ref NvmeCommand command, Span<byte> data, out int status)
    {
        fixed (byte* start = data) // in bounds: the length that goes along is the span's own
        fixed (NvmeCommand* whole = &command)
        {
            whole->Address = (ulong)start;
            whole->DataBytes = (uint)data.Length;
            status = NetIoctl(fd, NvmeAdminCommand, whole);
            whole->Address = 0;
            return status >= 0 ? Errno.Ok : LastErrno;
        }
    }
}
