namespace LowLatency.Control.Captures;

/// <summary>The blocks of a pcapng file. Names, statistics, secrets and comments are passed over.</summary>
internal sealed class PcapngReader(CaptureStream stream)
{
    /// <summary>Type of a section header: reads the same in both byte orders.</summary>
    public const uint SectionHeader = 0x0A0D_0D0A;

    private const uint InterfaceDescription = 1;
    private const uint ObsoletePacket = 2;
    private const uint SimplePacket = 3;
    private const uint EnhancedPacket = 6;
    private const uint ByteOrder = 0x1A2B_3C4D;
    private const uint ByteOrderTurned = 0x4D3C_2B1A;
    private const uint OptionResolution = 9;
    private const uint OptionOffset = 14;
    private const int FrameBlockBytes = 32; // what an enhanced packet block has beside its frame, at least
    private readonly List<(ulong PerSecond, long OffsetSeconds)> _interfaces = [];
    private readonly List<CapturedFrame> _frames = [];

    /// <summary>Reads it all; the type of the first block was read already.</summary>
    /// <exception cref="CaptureException">It is not whole, or not Ethernet.</exception>
    public List<CapturedFrame> Read()
    {
        ReadSection();
        while (!stream.IsAtEnd)
        {
            string what = $"the block behind frame {_frames.Count}";
            uint type = stream.U32(stream.Take(4, what));
            if (type == SectionHeader)
            {
                ReadSection();
                continue;
            }

            uint bytes = stream.U32(stream.Take(4, what));
            long end = stream.Position - 8 + bytes;
            if (bytes < 12 || bytes % 4 != 0)
            {
                throw new CaptureException($"must be a sound pcapng file, {what} says it has {bytes} bytes",
                    "Capture again.");
            }

            ReadBlock(type, end - 4, what);
            Close(end, bytes, what);
        }

        return _frames;
    }

    private void ReadSection()
    {
        const string what = "a section header";
        ReadOnlySpan<byte> head = stream.Take(8, what);
        stream.IsBig = false;
        uint order = stream.U32(head[4..]);
        if (order is not (ByteOrder or ByteOrderTurned))
        {
            throw new CaptureException("must be a sound pcapng file, a section has no byte "
                + "order", "Capture again.");
        }

        stream.IsBig = order == ByteOrderTurned;
        uint bytes = stream.U32(head);
        _interfaces.Clear();
        if (bytes is < 28 or > 1 << 20)
        {
            throw new CaptureException($"must be a sound pcapng file, {what} says it has {bytes} bytes",
                "Capture again.");
        }

        Close(stream.Position - 12 + bytes, bytes, what);
    }

    // The length stands at both ends of a block.
    private void Close(long end, uint bytes, string what)
    {
        long rest = end - 4 - stream.Position;
        if (rest < 0)
        {
            throw new CaptureException($"must be a sound pcapng file, {what} is longer than it says",
                "Capture again.");
        }

        stream.Skip(rest, what);
        if (stream.U32(stream.Take(4, what)) != bytes)
        {
            throw new CaptureException($"must be a sound pcapng file, {what} has two lengths", "Capture "
                + "again.");
        }
    }

    private void ReadBlock(uint type, long end, string what)
    {
        switch (type)
        {
            case InterfaceDescription:
                CaptureStream.RequireEthernet(stream.U16(stream.Take(8, what)));
                ReadOptions(end, what);
                break;
            case EnhancedPacket:
                ReadFrame();
                break;
            case SimplePacket when _interfaces.Count > 0:
                uint original = stream.U32(stream.Take(4, what));
                uint room = (uint)Math.Min(uint.MaxValue, end - stream.Position);
                _frames.Add(stream.TakeFrame(_frames.Count + 1, null, Math.Min(original, room), original));
                break;
            case SimplePacket or ObsoletePacket:
                throw new CaptureException(
                    $"must hold frames of a known interface and form, frame {_frames.Count + 1} does not",
                    "Convert it with editcap -F pcapng.");
            default:
                break; // passed over
        }
    }

    private void ReadOptions(long end, string what)
    {
        (ulong PerSecond, long OffsetSeconds) clock = (1_000_000, 0);
        while (end - stream.Position >= 4)
        {
            ReadOnlySpan<byte> head = stream.Take(4, what);
            uint code = stream.U16(head);
            int bytes = (int)stream.U16(head[2..]);
            long next = stream.Position + ((bytes + 3) / 4 * 4);
            if (code == 0)
            {
                break;
            }

            if (code == OptionResolution && bytes == 1)
            {
                clock.PerSecond = PerSecond(stream.Take(4, what)[0]);
            }
            else if (code == OptionOffset && bytes == 8)
            {
                ReadOnlySpan<byte> value = stream.Take(8, what);
                ulong high = stream.U32(stream.IsBig ? value : value[4..]);
                ulong low = stream.U32(stream.IsBig ? value[4..] : value);
                clock.OffsetSeconds = (long)((high << 32) | low);
            }

            stream.Skip(next - stream.Position, what);
        }

        _interfaces.Add(clock);
    }

    // The highest bit: a power of two, otherwise of ten.
    private static ulong PerSecond(byte resolution)
    {
        int exponent = resolution & 0x7F;
        bool isBinary = resolution >= 0x80;
        if (exponent > (isBinary ? 63 : 19))
        {
            throw new CaptureException($"must have a time resolution that 64 bits hold, it has {resolution}",
                "Convert it with editcap -F nsecpcap.");
        }

        ulong perSecond = 1;
        for (int i = 0; i < exponent; i++)
        {
            perSecond *= isBinary ? 2u : 10u;
        }

        return perSecond;
    }

    private void ReadFrame()
    {
        int number = _frames.Count + 1;
        ReadOnlySpan<byte> head = stream.Take(FrameBlockBytes - 12, $"frame {number}");
        uint of = stream.U32(head);
        if (of >= _interfaces.Count)
        {
            throw new CaptureException(
                $"must name its interfaces, frame {number} is of {of} and {_interfaces.Count} are known",
                "Capture again.");
        }

        ulong ticks = ((ulong)stream.U32(head[4..]) << 32) | stream.U32(head[8..]);
        (ulong perSecond, long offset) = _interfaces[(int)of];
        UInt128 ns = (UInt128)ticks * 1_000_000_000 / perSecond;
        long timeNs = ns > long.MaxValue ? long.MaxValue : (long)ns;
        timeNs += Math.Clamp(offset, -4_000_000_000, 4_000_000_000) * 1_000_000_000;
        _frames.Add(stream.TakeFrame(number, timeNs, stream.U32(head[12..]), stream.U32(head[16..])));
    }
}
