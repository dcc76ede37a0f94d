using System.Buffers.Binary;

namespace LowLatency.Control.Captures;

/// <summary>Reads where the frames of a pcap file (micro- or nanoseconds, either byte order) or of a pcapng
/// file
/// stand. Strict: what it does not understand, or what is not whole, is an error with the number of the
/// frame.
/// Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.</summary>
internal static class CaptureReader
{
    /// <summary>Largest file, bytes: what a table of the data plane holds.</summary>
    public const long FileBytesMax = Native.Limits.TableBytesMax;

    private const uint Micro = 0xA1B2_C3D4;
    private const uint Nano = 0xA1B2_3C4D;
    private const int HeaderBytes = 24;
    private const int RecordBytes = 16;

    /// <summary>Reads the index of a file.</summary>
    /// <exception cref="CaptureException">It cannot be used; says why.</exception>
    public static Capture Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > FileBytesMax)
            {
                throw new CaptureException(
                    $"must have at most {FileBytesMax >> 30} GiB, it has {file.Length} bytes",
                    "Cut it, with editcap -c for example.");
            }

            CaptureStream stream = new(file);
            uint magic = file.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(stream.Take(4, "its "
                + "first bytes"))
                : 0;
            List<CapturedFrame> frames = magic switch
            {
                Micro or Nano => ReadPcap(stream, isBig: false, magic == Nano),
                PcapngReader.SectionHeader => new PcapngReader(stream).Read(),
                _ when BinaryPrimitives.ReverseEndianness(magic) is Micro or Nano =>
                    ReadPcap(stream, isBig: true, BinaryPrimitives.ReverseEndianness(magic) == Nano),
                _ => throw new CaptureException(
                    file.Length == 0 ? "must be a capture, it is empty" : "must be a pcap or a pcapng file",
                    "Capture one with tcpdump -w FILE."),
            };
            return frames.Count > 0 ? new Capture(path, frames)
                : throw new CaptureException("must hold a frame, it has none", "Capture longer.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CaptureException("must be a file that can be read", e.Message);
        }
    }

    private static List<CapturedFrame> ReadPcap(CaptureStream stream, bool isBig, bool isNano)
    {
        stream.IsBig = isBig;
        ReadOnlySpan<byte> header = stream.Take(HeaderBytes - 4, "its header");
        uint major = stream.U16(header);
        if (major != 2)
        {
            throw new CaptureException($"must be pcap of version 2, it is of {major}", "Convert it with "
                + "editcap.");
        }

        uint link = stream.U32(header[16..]);
        CaptureStream.RequireEthernet(link & 0xFFFF);
        List<CapturedFrame> frames = [];
        while (!stream.IsAtEnd)
        {
            int number = frames.Count + 1;
            ReadOnlySpan<byte> record = stream.Take(RecordBytes, $"frame {number}");
            long seconds = stream.U32(record);
            long fraction = stream.U32(record[4..]);
            long timeNs = (seconds * 1_000_000_000) + (isNano ? fraction : fraction * 1000);
            frames.Add(stream.TakeFrame(number, timeNs, stream.U32(record[8..]), stream.U32(record[12..])));
        }

        return frames;
    }
}

/// <summary>A capture file read from front to back.</summary>
internal sealed class CaptureStream(FileStream file)
{
    private const uint Ethernet = 1; // LINKTYPE_ETHERNET
    private readonly byte[] _buffer = new byte[256];
    private long _at;

    /// <summary>Byte order of what is read next.</summary>
    public bool IsBig { get; set; }

    /// <summary>Nothing follows.</summary>
    public bool IsAtEnd => _at == file.Length;

    /// <summary>Offset of what is read next.</summary>
    public long Position => _at;

    /// <summary>Throws unless frames are Ethernet.</summary>
    /// <exception cref="CaptureException">They are not.</exception>
    public static void RequireEthernet(uint link)
    {
        if (link != Ethernet)
        {
            throw new CaptureException(
                $"must hold Ethernet frames (link type {Ethernet}), it has link type {link}",
                "Capture on an Ethernet interface, not on \"any\" or a tunnel.");
        }
    }

    /// <summary>The next bytes, valid until the next call; at most 256.</summary>
    /// <param name="count">How many.</param>
    /// <param name="what">What they are, for the error.</param>
    /// <exception cref="CaptureException">The file ends before.</exception>
    public ReadOnlySpan<byte> Take(int count, string what)
    {
        Span<byte> bytes = _buffer.AsSpan(0, count);
        Require(count, what);
        file.ReadExactly(bytes);
        _at += count;
        return bytes;
    }

    /// <summary>Passes over bytes.</summary>
    /// <param name="count">How many.</param>
    /// <param name="what">What they are, for the error.</param>
    /// <exception cref="CaptureException">The file ends before.</exception>
    public void Skip(long count, string what)
    {
        Require(count, what);
        _at += count;
        file.Position = _at;
    }

    /// <summary>A frame whose header was read, and passes over it.</summary>
    /// <exception cref="CaptureException">It is not whole.</exception>
    public CapturedFrame TakeFrame(int number, long? timeNs, uint captured, uint original)
    {
        if (captured != original)
        {
            throw new CaptureException(
                $"must hold whole frames, frame {number} has {captured} of its {original} bytes",
                "Capture with a snap length of 0: tcpdump -s 0.");
        }

        if (captured is < 14 or > 65535)
        {
            throw new CaptureException(
                $"must hold Ethernet frames, frame {number} has {captured} bytes", "Leave it out.");
        }

        long offset = _at;
        Skip(captured, $"frame {number}");
        return new CapturedFrame(timeNs, offset, (int)captured);
    }

    /// <summary>Two bytes as a number.</summary>
    public uint U16(ReadOnlySpan<byte> bytes) => IsBig
        ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    /// <summary>Four bytes as a number.</summary>
    public uint U32(ReadOnlySpan<byte> bytes) => IsBig
        ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private void Require(long count, string what)
    {
        if (file.Length - _at < count)
        {
            throw new CaptureException($"must be whole, it ends within {what}",
                "It was cut, or its capture runs on: end that first.");
        }
    }
}
