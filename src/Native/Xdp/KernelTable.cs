using System.Numerics;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Xdp;

/// <summary>Table memory that XDP programs read, too: an array map of blocks (xdp/route.bpf.h <c>struct
/// ll_table</c>) whose memory processes map. It lives as long as a descriptor, a mapping or a program names
/// it.</summary>
internal static unsafe class KernelTable
{
    /// <summary>Bytes of a block, the value of the map.</summary>
    public const int BlockBytes = 32;

    private const uint Crc32C = 0x82F6_3B78; // Castagnoli's polynomial, reversed (RFC 3720, appendix B.4)

    /// <summary>Makes a zeroed one.</summary>
    /// <returns>Its descriptor, the caller's.</returns>
    /// <exception cref="NativeException">No memory, or no right to.</exception>
    public static int Make(long bytes)
    {
        Invariant.Require(bytes is > 0 and <= (long)uint.MaxValue * BlockBytes);
        LibBpf.MapCreateOptions options = new()
        {
            Size = (nuint)sizeof(LibBpf.MapCreateOptions),
            Flags = LibBpf.MapMmapable | LibBpf.MapInner,
        };
        uint blocks = (uint)((bytes + BlockBytes - 1) / BlockBytes);
        int fd = LibBpf.MapCreate(
            LibBpf.MapTypeArray, "lowlat_table", sizeof(uint), BlockBytes, blocks, &options);
        return fd >= 0 ? fd : throw new NativeException($"bpf(BPF_MAP_CREATE, {bytes} bytes)", (Errno)(-fd),
            "Tables of an offloaded route stage need CAP_BPF and their memory at once: run as root, ask for "
            + "fewer routes, or set offload = \"none\".");
    }

    /// <summary>Opens one that another process made.</summary>
    /// <returns>Its descriptor, the caller's.</returns>
    /// <exception cref="NativeException">It is gone, or no right to.</exception>
    public static int Open(uint id)
    {
        int fd = LibBpf.MapFdById(id);
        return fd >= 0 ? fd : throw new NativeException($"bpf(BPF_MAP_GET_FD_BY_ID, {id})", (Errno)(-fd),
            "The process that made this table has ended, or this one does not run as root.");
    }

    /// <summary>The kernel's number of one: what <see cref="Open"/> takes.</summary>
    public static uint IdOf(int fd)
    {
        LibBpf.MapInfo info = default;
        uint bytes = (uint)sizeof(LibBpf.MapInfo);
        int rc = LibBpf.InfoByFd(fd, &info, &bytes);
        Invariant.Require(rc == 0 && info.ValueBytes == BlockBytes);
        return info.Id;
    }

    /// <summary>What <c>ll_crc</c> of xdp/route.bpf.h holds: CRC-32C of each byte, seen from each of eight
    /// places (slicing by eight: Kounavis, Berry 2005).</summary>
    public static uint[] CrcTables()
    {
        uint[] tables = new uint[8 * 256];
        for (uint value = 0; value < 256; value++)
        {
            uint crc = value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * Crc32C);
            }

            Invariant.Require(crc == BitOperations.Crc32C(0, (byte)value));
            tables[value] = crc;
        }

        for (int at = 256; at < tables.Length; at++)
        {
            uint before = tables[at - 256];
            tables[at] = (before >> 8) ^ tables[before & 0xFF];
        }

        return tables;
    }
}
