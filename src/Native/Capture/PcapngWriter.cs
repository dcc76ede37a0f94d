using System.Buffers.Binary;

namespace LowLatency.Native.Capture;

/// <summary>Writes pcapng blocks, little-endian and with times in ns, one after the other into memory of the
/// caller. One thread; allocates nothing. A block that does not fit is not begun.</summary>
public ref struct PcapngWriter
{
    private const int OptionHeadBytes = 4;
    private const int TextBytesMax = ushort.MaxValue; // the length of an option has 16 bits
    private const byte Nanoseconds = 9;               // 10^-9 s
    private readonly Span<byte> _target;

    /// <summary>Writes from the start of <paramref name="target"/> on.</summary>
    public PcapngWriter(Span<byte> target) => _target = target;

    /// <summary>Bytes written so far, whole blocks.</summary>
    public int UsedBytes { get; private set; }

    /// <summary>Bytes that are left.</summary>
    public readonly int FreeBytes => _target.Length - UsedBytes;

    /// <summary>Bytes of a packet's block.</summary>
    /// <param name="capturedBytes">Bytes of the frame that are kept.</param>
    /// <param name="commentBytes">Bytes of the comment; 0: none.</param>
    /// <param name="flags">As <see cref="TryPacket"/> has them.</param>
    public static int PacketBytes(int capturedBytes, int commentBytes, uint flags)
    {
        int options = OptionBytes(commentBytes) + (flags == 0 ? 0 : OptionHeadBytes + sizeof(uint));
        return Pcapng.PacketHeadBytes + Pcapng.Aligned(capturedBytes)
            + (options == 0 ? 0 : options + OptionHeadBytes) + sizeof(uint);
    }

    /// <summary>Starts a section; every file starts with one.</summary>
    /// <param name="application">The program that writes, UTF-8; empty: not said.</param>
    /// <returns>False when it does not fit.</returns>
    public bool TrySection(scoped ReadOnlySpan<byte> application)
    {
        Invariant.Require(application.Length <= TextBytesMax);
        int options = OptionBytes(application.Length);
        int bytes = 24 + (options == 0 ? 0 : options + OptionHeadBytes) + 4;
        if (!TryBegin(Pcapng.SectionHeader, bytes, out Span<byte> block))
        {
            return false;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], Pcapng.ByteOrderMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], 1); // version 1.0
        BinaryPrimitives.WriteInt64LittleEndian(block[16..], -1); // its length: not known yet
        int at = WriteText(block, 24, Pcapng.ApplicationOption, application);
        EndOptions(block, 24, at);
        return true;
    }

    /// <summary>Describes the section's next interface; they are numbered from 0. libpcap, and tcpdump with
    /// it, refuses a file whose interfaces differ in link type or snap length.</summary>
    /// <param name="linkType">LINKTYPE_ value.</param>
    /// <param name="snapBytes">Bytes of a frame that are kept at most; 0: all.</param>
    /// <param name="name">Its name, UTF-8; empty: none.</param>
    /// <returns>False when it does not fit.</returns>
    public bool TryInterface(ushort linkType, uint snapBytes, scoped ReadOnlySpan<byte> name)
    {
        Invariant.Require(name.Length <= TextBytesMax);
        int bytes = 16 + OptionBytes(name.Length) + 8 + OptionHeadBytes + 4;
        if (!TryBegin(Pcapng.InterfaceDescription, bytes, out Span<byte> block))
        {
            return false;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], linkType);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], snapBytes);
        int at = WriteText(block, 16, Pcapng.NameOption, name);
        WriteHead(block, at, Pcapng.ResolutionOption, 1);
        BinaryPrimitives.WriteUInt32LittleEndian(block[(at + OptionHeadBytes)..], Nanoseconds);
        EndOptions(block, 16, at + 8);
        return true;
    }

    /// <summary>Writes a packet.</summary>
    /// <param name="port">Number of the interface in the section.</param>
    /// <param name="timeNs">Since 1970, UTC.</param>
    /// <param name="captured">What is kept of the frame.</param>
    /// <param name="frameBytes">Bytes the frame had.</param>
    /// <param name="flags">Such as <see cref="Pcapng.Inbound"/>; 0: not said.</param>
    /// <param name="comment">UTF-8; empty: none.</param>
    /// <returns>False when it does not fit.</returns>
    public bool TryPacket(uint port, ulong timeNs, scoped ReadOnlySpan<byte> captured, uint frameBytes,
        uint flags, scoped ReadOnlySpan<byte> comment)
    {
        Invariant.Require(comment.Length <= TextBytesMax && captured.Length <= frameBytes);
        int bytes = PacketBytes(captured.Length, comment.Length, flags);
        if (!TryBegin(Pcapng.EnhancedPacket, bytes, out Span<byte> block))
        {
            return false;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], port);
        WriteTime(block[12..], timeNs);
        BinaryPrimitives.WriteUInt32LittleEndian(block[20..], (uint)captured.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(block[24..], frameBytes);
        int options = WritePadded(block, Pcapng.PacketHeadBytes, captured);
        int at = WriteText(block, options, Pcapng.CommentOption, comment);
        if (flags != 0)
        {
            WriteHead(block, at, Pcapng.FlagsOption, sizeof(uint));
            BinaryPrimitives.WriteUInt32LittleEndian(block[(at + OptionHeadBytes)..], flags);
            at += OptionHeadBytes + sizeof(uint);
        }

        EndOptions(block, options, at);
        return true;
    }

    /// <summary>Writes what an interface has seen so far: frames that came, and those of them that are not in
    /// the file for want of room. Between packets it marks a gap.</summary>
    /// <param name="port">Number of the interface in the section.</param>
    /// <param name="startNs">When capture began, since 1970.</param>
    /// <param name="nowNs">When the counts were taken, since 1970.</param>
    /// <param name="received">Frames.</param>
    /// <param name="dropped">Frames.</param>
    /// <returns>False when it does not fit.</returns>
    public bool TryStatistics(uint port, ulong startNs, ulong nowNs, ulong received, ulong dropped)
    {
        const int valueBytes = OptionHeadBytes + sizeof(ulong);
        const int bytes = 20 + (4 * valueBytes) + OptionHeadBytes + 4;
        if (!TryBegin(Pcapng.InterfaceStatistics, bytes, out Span<byte> block))
        {
            return false;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], port);
        WriteTime(block[12..], nowNs);
        WriteHead(block, 20, Pcapng.StartOption, sizeof(ulong));
        WriteTime(block[24..], startNs);
        WriteHead(block, 20 + valueBytes, Pcapng.EndOption, sizeof(ulong));
        WriteTime(block[(24 + valueBytes)..], nowNs);
        WriteHead(block, 20 + (2 * valueBytes), Pcapng.ReceivedOption, sizeof(ulong));
        BinaryPrimitives.WriteUInt64LittleEndian(block[(24 + (2 * valueBytes))..], received);
        WriteHead(block, 20 + (3 * valueBytes), Pcapng.DroppedOption, sizeof(ulong));
        BinaryPrimitives.WriteUInt64LittleEndian(block[(24 + (3 * valueBytes))..], dropped);
        EndOptions(block, 20, 20 + (4 * valueBytes));
        return true;
    }

    /// <summary>Fills with nothing, so that the next block starts on a border of the caller's.</summary>
    /// <param name="bytes">A multiple of 4, at least <see cref="Pcapng.BlockBytesMin"/>.</param>
    /// <returns>False when it does not fit.</returns>
    public bool TryFill(int bytes)
    {
        Invariant.Require(bytes >= Pcapng.BlockBytesMin && bytes % Pcapng.Alignment == 0);
        if (!TryBegin(Pcapng.Filler, bytes, out Span<byte> block))
        {
            return false;
        }

        block[8..^4].Clear();
        return true;
    }

    private static int OptionBytes(int valueBytes) =>
        valueBytes == 0 ? 0 : OptionHeadBytes + Pcapng.Aligned(valueBytes);

    private bool TryBegin(uint type, int bytes, out Span<byte> block)
    {
        block = default;
        if (bytes > FreeBytes)
        {
            return false;
        }

        block = _target.Slice(UsedBytes, bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(block, type);
        BinaryPrimitives.WriteUInt32LittleEndian(block[4..], (uint)bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(block[^4..], (uint)bytes);
        UsedBytes += bytes;
        return true;
    }

    // The upper half comes first, in whatever byte order.
    private static void WriteTime(Span<byte> target, ulong ns)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)(ns >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], (uint)ns);
    }

    private static void WriteHead(Span<byte> block, int at, ushort option, int valueBytes) =>
        BinaryPrimitives.WriteUInt32LittleEndian(block[at..], option | ((uint)valueBytes << 16));

    private static int WriteText(Span<byte> block, int at, ushort option, scoped ReadOnlySpan<byte> text)
    {
        if (text.Length == 0)
        {
            return at;
        }

        WriteHead(block, at, option, text.Length);
        return WritePadded(block, at + OptionHeadBytes, text);
    }

    private static int WritePadded(Span<byte> block, int at, scoped ReadOnlySpan<byte> bytes)
    {
        int end = at + Pcapng.Aligned(bytes.Length);
        bytes.CopyTo(block[at..]);
        block[(at + bytes.Length)..end].Clear();
        return end;
    }

    // A list of options ends in an empty one; no list needs no end.
    private static void EndOptions(Span<byte> block, int start, int at)
    {
        if (at > start)
        {
            WriteHead(block, at, 0, 0);
        }
    }
}
