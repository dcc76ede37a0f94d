using System.Buffers.Binary;

namespace LowLatency.Native.Capture;

/// <summary>Walks pcapng blocks that <see cref="PcapngWriter"/> wrote. Allocates nothing.</summary>
public ref struct CaptureScan
{
    private ReadOnlySpan<byte> _rest;

    /// <summary>Starts at a block's border.</summary>
    public CaptureScan(ReadOnlySpan<byte> blocks) => _rest = blocks;

    /// <summary>Steps over to the next packet.</summary>
    /// <param name="timeNs">Its time, since 1970.</param>
    /// <param name="frame">What was kept of it.</param>
    /// <returns>False: there is none, or what follows is no block.</returns>
    public bool TryNext(out ulong timeNs, out ReadOnlySpan<byte> frame)
    {
        while (_rest.Length >= Pcapng.BlockBytesMin)
        {
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(_rest);
            uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(_rest[4..]);
            if (bytes < Pcapng.BlockBytesMin || bytes > _rest.Length || bytes % Pcapng.Alignment != 0
                || BinaryPrimitives.ReadUInt32LittleEndian(_rest[((int)bytes - 4)..]) != bytes)
            {
                break;
            }

            ReadOnlySpan<byte> block = _rest[..(int)bytes];
            _rest = _rest[(int)bytes..];
            if (type == Pcapng.EnhancedPacket && bytes > Pcapng.PacketHeadBytes)
            {
                timeNs = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(block[12..]) << 32)
                    | BinaryPrimitives.ReadUInt32LittleEndian(block[16..]);
                int kept = (int)BinaryPrimitives.ReadUInt32LittleEndian(block[20..]);
                if (kept >= 0 && kept <= block.Length - Pcapng.PacketHeadBytes)
                {
                    frame = block.Slice(Pcapng.PacketHeadBytes, kept);
                    return true;
                }
            }
        }

        timeNs = 0;
        frame = default;
        return false;
    }
}
