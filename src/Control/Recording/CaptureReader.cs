using LowLatency.Control.Commands;
using LowLatency.Native.Capture;

namespace LowLatency.Control.Recording;

/// <summary>Reads a pcapng or pcap file from its start, block by block. Strict: what is not whole or not as
/// the format wants it ends the reading, and <see cref="WholeBytes"/> is where to cut.</summary>
internal sealed partial class CaptureReader : IDisposable
{
    // What other readers take at most, too: a larger one is a damaged length.
    private const int BlockBytesMax = 16 << 20;
    private const int BufferBytes = 1 << 20;
    private readonly List<CaptureInterface> _interfaces = [];
    private readonly Stream _file;
    private readonly string _path;
    private byte[] _block = new byte[1 << 16];

    /// <summary>Reads a stream as far as it tells what it is: <see cref="IsCapture"/>.</summary>
    /// <param name="file">At its start; closed with the reader.</param>
    /// <param name="path">What errors call it.</param>
    public CaptureReader(Stream file, string path)
    {
        _file = file;
        _path = path;
        int read = _file.ReadAtLeast(_block.AsSpan(0, 4), 4, throwOnEndOfStream: false);
        IsPcapng = read == 4 && Little(0) == Pcapng.SectionHeader;
        IsCapture = IsPcapng || (read == 4 && TryReadFileHeader());
    }

    /// <summary>It begins as a capture does; without, nothing is read.</summary>
    public bool IsCapture { get; }

    /// <summary>pcapng; else pcap.</summary>
    public bool IsPcapng { get; }

    /// <summary>Its numbers are big-endian.</summary>
    public bool IsBigEndian => _isBig;

    /// <summary>Units of its times a second, of all interfaces so far; null: they differ, or seconds are to be
    /// added.</summary>
    public long? UnitsPerSecond => !IsPcapng ? (long)(1_000_000_000 / _fractionNs)
        : _clocks.Count > 0 && _clocks.TrueForAll(clock => clock == _clocks[0]) && _clocks[0].OffsetSeconds == 0
            && _clocks[0].UnitsPerSecond <= long.MaxValue ? (long)_clocks[0].UnitsPerSecond : null;

    /// <summary>The file ends inside of something: <see cref="Torn"/> says in what.</summary>
    public bool IsCut { get; private set; }

    /// <summary>The interfaces that were met so far; those of later sections follow.</summary>
    public IReadOnlyList<CaptureInterface> Interfaces => _interfaces;

    /// <summary>End of the last whole block, bytes from the file's start.</summary>
    public long WholeBytes { get; private set; }

    /// <summary>Why reading ended before the file did; null: it did not.</summary>
    public string? Torn { get; private set; }

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="CommandFailure">Not there, or no capture: exit code 1.</exception>
    public static CaptureReader Open(string path)
    {
        if (!File.Exists(path))
        {
            throw CommandFailure.Input($"{path}: no such file");
        }

        FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, BufferBytes,
            FileOptions.SequentialScan);
        return Read(file, path);
    }

    /// <summary>Reads a stream, which is closed with the reader, also where this fails.</summary>
    /// <param name="file">At its start.</param>
    /// <param name="path">What errors call it.</param>
    /// <exception cref="CommandFailure">No capture: exit code 1.</exception>
    public static CaptureReader Read(Stream file, string path)
    {
        CaptureReader reader = new(file, path);
        if (!reader.IsCapture)
        {
            reader.Dispose();
            throw CommandFailure.Input($"{path}: not a capture: {reader.Torn
                ?? "it must begin as pcapng or pcap"}");
        }

        return reader;
    }

    /// <summary>Reads on to the next packet.</summary>
    /// <returns>False at the file's end, or where it is torn.</returns>
    /// <exception cref="CommandFailure">Whole, but of a kind that is not read: exit code 1.</exception>
    public bool TryRead(out CapturePacket packet) =>
        IsPcapng ? TryReadPcapng(out packet) : TryReadPcap(out packet);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    // Reads up to `bytes` of the block; false at the end of the file, where `what` is torn unless nothing of
    // the block was read.
    private bool TryFill(int from, int bytes, string what)
    {
        if (_block.Length < bytes)
        {
            Array.Resize(ref _block, Math.Max(bytes, Math.Min(2 * _block.Length, BlockBytesMax)));
        }

        int read = _file.ReadAtLeast(
            _block.AsSpan(from, bytes - from), bytes - from, throwOnEndOfStream: false);
        if (read == bytes - from)
        {
            return true;
        }

        if (from + read > 0)
        {
            IsCut = true;
            Torn = $"the file ends inside {what}";
        }

        return false;
    }

    private bool Tear(string why)
    {
        Torn = why;
        return false;
    }
}
