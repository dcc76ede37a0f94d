using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>What the XDP program writes right before a frame (xdp/lowlat.h <c>struct ll_meta</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FrameMeta
{
    /// <summary>Size of the slot, bytes; a multiple of 4 as bpf_xdp_adjust_meta(2) demands.</summary>
    public const int SizeBytes = 16;

    /// <summary>"LLMT": tells a stamped frame from an older one in the same chunk.</summary>
    public const uint MagicValue = 0x544D_4C4C;

    /// <summary>CLOCK_MONOTONIC when the program ran, ns.</summary>
    public ulong ReceivedNs;
    /// <summary><see cref="MagicValue"/>.</summary>
    public uint Magic;
    /// <summary>Queue the frame came in by.</summary>
    public uint Queue;
}

/// <summary>The generator's mark in a frame: the first 18 bytes of UDP payload, so that it fits the smallest
/// IPv4 frame (60 = 14 + 20 + 8 + 18). Little-endian, our own layout.</summary>
public readonly record struct FrameStamp
{
    /// <summary>Bytes of the mark.</summary>
    public const int SizeBytes = 18;

    private const byte Mark = (byte)'L';

    /// <summary>When the schedule wanted it sent, CLOCK_MONOTONIC ns.</summary>
    public long IntendedNs { get; init; }

    /// <summary>How much later it was handed to the kernel, ns, saturated at 2^32-1.</summary>
    public uint SentLateNs { get; init; }

    /// <summary>Number within its path; runs on mod 2^32. The flow is sequence mod flows.</summary>
    public uint Sequence { get; init; }

    /// <summary>Path it was sent on.</summary>
    public byte Path { get; init; }

    /// <summary>Writes the mark at the start of <paramref name="payload"/> (at least
    /// <see cref="SizeBytes"/>).</summary>
    public void Write(Span<byte> payload)
    {
        BinaryPrimitives.WriteInt64LittleEndian(payload, IntendedNs);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[8..], Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[12..], SentLateNs);
        payload[16] = Mark;
        payload[17] = Path;
    }

    /// <summary>Reads a mark; false when these bytes are not one.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out FrameStamp stamp)
    {
        if (payload.Length < SizeBytes || payload[16] != Mark || payload[17] >= Limits.PathsMax)
        {
            stamp = default;
            return false;
        }

        stamp = new FrameStamp
        {
            IntendedNs = BinaryPrimitives.ReadInt64LittleEndian(payload),
            Sequence = BinaryPrimitives.ReadUInt32LittleEndian(payload[8..]),
            SentLateNs = BinaryPrimitives.ReadUInt32LittleEndian(payload[12..]),
            Path = payload[17],
        };
        return true;
    }
}
