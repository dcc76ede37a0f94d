using System.Buffers.Binary;
using LowLatency.Native.Capture;

namespace LowLatency.Control.Recording;

/// <summary>The older format (draft-ietf-opsawg-pcap, sections 4 and 5).</summary>
internal sealed partial class CaptureReader
{
    private const uint MicroMagic = 0xA1B2C3D4;
    private const uint NanoMagic = 0xA1B23C4D;
    private const int FileHeaderBytes = 24;
    private const int RecordHeadBytes = 16;
    private bool _isBig;
    private ulong _fractionNs;

    private bool TryReadFileHeader()
    {
        foreach ((uint magic, ulong ns) in new[] { (MicroMagic, 1000ul), (NanoMagic, 1ul) })
        {
            if (Little(0) != magic && BinaryPrimitives.ReverseEndianness(Little(0)) != magic)
            {
                continue;
            }

            _isBig = Little(0) != magic;
            _fractionNs = ns;
            bool isWhole = TryFill(4, FileHeaderBytes, "its header");
            if (isWhole)
            {
                // The upper half of the link type tells about frame check sequences.
                _interfaces.Add(new CaptureInterface((ushort)Word(20), Word(16), ""));
                WholeBytes = FileHeaderBytes;
            }

            return isWhole;
        }

        return false;
    }

    private bool TryReadPcap(out CapturePacket packet)
    {
        packet = default;
        if (Torn is not null || !TryFill(0, RecordHeadBytes, "a packet's head"))
        {
            return false;
        }

        uint seconds = Word(0);
        uint fraction = Word(4);
        uint captured = Word(8);
        uint frameBytes = Word(12);
        if (captured > BlockBytesMax - RecordHeadBytes || captured > frameBytes
            || fraction * _fractionNs >= 1_000_000_000)
        {
            return Tear($"a packet of {captured} bytes captured from {frameBytes} is none");
        }

        if (!TryFill(RecordHeadBytes, RecordHeadBytes + (int)captured, "a packet"))
        {
            return false;
        }

        ulong timeNs = (seconds * 1_000_000_000ul) + (fraction * _fractionNs);
        packet = new CapturePacket(
            0, timeNs, frameBytes, _block.AsMemory(RecordHeadBytes, (int)captured), 0, default)
        {
            Offset = WholeBytes + RecordHeadBytes,
        };
        WholeBytes += RecordHeadBytes + captured;
        return true;
    }

    private uint Little(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_block.AsSpan(at));

    private uint Word(int at) =>
        _isBig ? BinaryPrimitives.ReadUInt32BigEndian(_block.AsSpan(at)) : Little(at);

    private ushort Half(int at) => _isBig ? BinaryPrimitives.ReadUInt16BigEndian(_block.AsSpan(at))
        : BinaryPrimitives.ReadUInt16LittleEndian(_block.AsSpan(at));

    private ulong Long(int at) => _isBig ? BinaryPrimitives.ReadUInt64BigEndian(_block.AsSpan(at))
        : BinaryPrimitives.ReadUInt64LittleEndian(_block.AsSpan(at));
}
