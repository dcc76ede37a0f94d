using System.Buffers.Binary;
using System.Runtime.InteropServices;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Xdp;

/// <summary>What the XDP program of a port goes by (xdp/lowlat.h <c>struct ll_config</c>): the one entry of
/// its map <c>ll_config</c>. The booting thread writes it, the program reads it for each frame.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct XdpConfig
{
    /// <summary>xdp/lowlat.h LL_FLAG_STAMP.</summary>
    public const uint FlagStamp = 1;

    /// <summary>xdp/lowlat.h LL_FLAG_PATH.</summary>
    public const uint FlagPath = 2;

    /// <summary>xdp/lowlat.h LL_FLAG_PATH_1.</summary>
    public const uint FlagPath1 = 4;

    /// <summary>xdp/lowlat.h LL_LOCALS_MAX: addresses of one interface, per family.</summary>
    public const int LocalsMax = 1024;

    /// <summary>Which frames are ours.</summary>
    public Claim Claim;
    /// <summary>First UDP destination port, host order.</summary>
    public ushort ClaimPortLow;
    /// <summary>Last UDP destination port, host order.</summary>
    public ushort ClaimPortHigh;
    /// <summary><see cref="FlagStamp"/>, <see cref="FlagPath"/> and <see cref="FlagPath1"/>.</summary>
    public uint Flags;
    /// <summary>Zero.</summary>
    public uint Reserved;
    /// <summary><see cref="FilterSlot"/> bits of the addresses in map ll_local4: a bit that is not set saves
    /// the program a look-up.</summary>
    public ulong Local4Filter;
    /// <summary>The same of map ll_local6.</summary>
    public ulong Local6Filter;
    /// <summary>The interface's MAC, first byte lowest: what <see cref="Claim.Route"/> takes.</summary>
    public ulong OwnMac;

    /// <summary>Number of an address's bit: xdp/lowlat.h <c>ll_filter_bit</c>, of an IPv6 address's words
    /// xor-ed.</summary>
    public static int FilterSlot(ReadOnlySpan<byte> address)
    {
        uint folded = 0;
        for (int i = 0; i < address.Length; i += sizeof(uint))
        {
            folded ^= BinaryPrimitives.ReadUInt32LittleEndian(address[i..]);
        }

        return (int)(unchecked(folded * 0x9E3779B1u) >> 26);
    }
}
