using System.Buffers.Binary;
using LowLatency.Native;
using LowLatency.Native.Capture;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Uring;

namespace LowLatency.Dataplane.Storage;

/// <summary>Reads a capture ahead, through io_uring, and gives its packets one after the other, in place. Parts of
/// the file lie in a ring of slots behind each other; what straddles the ring's end is moved before its start. The
/// replay lane only; allocates nothing.</summary>
internal sealed class ReplayReader
{
    /// <summary>Parts that are read ahead.</summary>
    public const int Slots = 16;

    /// <summary>Bytes of a part.</summary>
    public const int SlotBytes = 1 << 20;

    /// <summary>Room before the first slot: what a packet may have at most.</summary>
    public const int LeadBytes = 1 << 18;

    private const int PcapHeadBytes = 24;    // of the file
    private const int PcapPacketBytes = 16;  // before each packet
    private const long NsPerSecond = 1_000_000_000;
    private readonly ReplaySettings _settings;
    private readonly NativeSpan<byte> _memory;
    private readonly int[] _lengths = new int[Slots]; // of a part that was read; -1: under way, or free
    private readonly IoCompletion[] _done = new IoCompletion[Slots];
    private long _asked;                     // parts that were asked for
    private long _joined;                    // parts that are parsed, or are to be
    private long _freed;                     // parts that may be read over
    private int _parse;                      // next byte to parse
    private int _end;                        // end of what can be parsed without a gap
    private bool _hasHead;

    /// <summary>Prepares; <paramref name="memory"/> is the lead and the slots behind it.</summary>
    public ReplayReader(in ReplaySettings settings, NativeSpan<byte> memory)
    {
        Invariant.Require(memory.Length >= LeadBytes + (Slots * SlotBytes));
        _settings = settings;
        _memory = memory;
        _parse = _end = LeadBytes;
        Array.Fill(_lengths, -1);
    }

    /// <summary>Why there are no more packets.</summary>
    public ReplayEnd End { get; private set; }

    /// <summary>errno of a drive that failed.</summary>
    public Errno Errno { get; private set; }

    /// <summary>Bytes that were read.</summary>
    public long ReadBytes { get; private set; }

    /// <summary>Parts that are read and not parsed.</summary>
    public int Ahead
    {
        get
        {
            int count = 0;
            while (_joined + count < _asked && _lengths[(_joined + count) % Slots] >= 0)
            {
                count++;
            }

            return count;
        }
    }

    /// <summary>Asks for parts and takes what has come.</summary>
    public void Poll(IIoRing ring)
    {
        long parts = (_settings.FileBytes + SlotBytes - 1) / SlotBytes;
        while (_asked < parts && _asked - _freed < Slots && End == ReplayEnd.None)
        {
            int slot = (int)(_asked % Slots);
            _lengths[slot] = -1;
            if (!ring.TryAdd(new IoRequest
            {
                Operation = IoOperation.Read,
                File = 0,
                Slot = slot,
                Bytes = SlotBytes,
                Offset = _asked * SlotBytes,
                Token = (ulong)_asked,
            }))
            {
                break;
            }

            _asked++;
        }

        _ = ring.Submit(awaited: 0, timeoutNs: 0);
        int count = ring.Reap(_done);
        for (int i = 0; i < count; i++)
        {
            Take(_done[i]);
        }
    }

    /// <summary>The next packet, in place, until <see cref="Next"/>.</summary>
    /// <param name="frame">What was kept of it.</param>
    /// <param name="timeNs">Its time.</param>
    /// <param name="bytes">What <see cref="Next"/> steps over.</param>
    /// <returns>False: there is none now, or (<see cref="End"/>) none any more.</returns>
    public bool TryPeek(out ReadOnlySpan<byte> frame, out long timeNs, out int bytes)
    {
        frame = default;
        timeNs = 0;
        while (End == ReplayEnd.None)
        {
            if (!_hasHead && _settings.Form == CaptureForm.Pcap)
            {
                if (!TryHave(PcapHeadBytes))
                {
                    break;
                }

                _parse += PcapHeadBytes;
                _hasHead = true;
            }

            bool isPacket = _settings.Form == CaptureForm.Pcap
                ? TryPcap(out frame, out timeNs, out bytes) : TryBlock(out frame, out timeNs, out bytes);
            if (isPacket)
            {
                return true;
            }

            if (bytes == 0)
            {
                break;
            }

            Next(bytes); // a block of another kind
        }

        bytes = 0;
        return false;
    }

    /// <summary>Steps over a packet.</summary>
    public void Next(int bytes)
    {
        _parse += bytes;
        Free();
    }

    private void Take(in IoCompletion done)
    {
        long part = (long)done.Token;
        long wanted = Math.Min(SlotBytes, _settings.FileBytes - (part * SlotBytes));
        if (done.Result < wanted)
        {
            Errno = done.Result < 0 ? done.Errno : Errno.EIO; // shorter than when it was planned
            End = ReplayEnd.Failed;
            return;
        }

        ReadBytes += wanted;
        _lengths[part % Slots] = (int)wanted;
    }

    private bool TryPcap(out ReadOnlySpan<byte> frame, out long timeNs, out int bytes)
    {
        frame = default;
        timeNs = 0;
        bytes = 0;
        if (!TryHave(PcapPacketBytes))
        {
            return false;
        }

        ReadOnlySpan<byte> head = _memory.Span.Slice(_parse, PcapPacketBytes);
        uint kept = BinaryPrimitives.ReadUInt32LittleEndian(head[8..]);
        if (kept > LeadBytes - PcapPacketBytes)
        {
            End = ReplayEnd.Torn;
            return false;
        }

        int all = PcapPacketBytes + (int)kept;
        if (!TryHave(all))
        {
            return false;
        }

        head = _memory.Span.Slice(_parse, PcapPacketBytes); // it may have moved
        timeNs = (BinaryPrimitives.ReadUInt32LittleEndian(head) * NsPerSecond)
            + (BinaryPrimitives.ReadUInt32LittleEndian(head[4..]) * NsPerSecond / _settings.UnitsPerSecond);
        frame = _memory.Span.Slice(_parse + PcapPacketBytes, (int)kept);
        bytes = all;
        return true;
    }

    private bool TryBlock(out ReadOnlySpan<byte> frame, out long timeNs, out int bytes)
    {
        frame = default;
        timeNs = 0;
        bytes = 0;
        if (!TryHave(Pcapng.BlockBytesMin))
        {
            return false;
        }

        ReadOnlySpan<byte> block = _memory.Span.Slice(_parse, Pcapng.BlockBytesMin);
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(block);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        if (length < Pcapng.BlockBytesMin || length > LeadBytes || length % Pcapng.Alignment != 0)
        {
            // A filler of ours may be longer than any packet: nothing of it is looked at.
            End = ReplayEnd.Torn;
            return false;
        }

        if (!TryHave((int)length))
        {
            return false;
        }

        block = _memory.Span.Slice(_parse, (int)length);
        if (BinaryPrimitives.ReadUInt32LittleEndian(block[^4..]) != length)
        {
            End = ReplayEnd.Torn;
            return false;
        }

        bytes = (int)length;
        if (type != Pcapng.EnhancedPacket || length < Pcapng.PacketHeadBytes + 4)
        {
            return false;
        }

        ulong units = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(block[12..]) << 32)
            | BinaryPrimitives.ReadUInt32LittleEndian(block[16..]);
        uint kept = BinaryPrimitives.ReadUInt32LittleEndian(block[20..]);
        if (kept > length - Pcapng.PacketHeadBytes - 4)
        {
            End = ReplayEnd.Torn;
            return false;
        }

        timeNs = _settings.UnitsPerSecond == NsPerSecond ? (long)units
            : (long)((UInt128)units * NsPerSecond / (ulong)_settings.UnitsPerSecond);
        frame = block.Slice(Pcapng.PacketHeadBytes, (int)kept);
        return true;
    }

    // Joins parts that have come until so many bytes follow each other.
    private bool TryHave(int bytes)
    {
        while (_end - _parse < bytes)
        {
            if (_joined * SlotBytes >= _settings.FileBytes)
            {
                End = _end == _parse ? ReplayEnd.Whole : ReplayEnd.Torn;
                return false;
            }

            int slot = (int)(_joined % Slots);
            if (_joined >= _asked || _lengths[slot] < 0)
            {
                return false;
            }

            if (slot == 0)
            {
                // Moved before the first slot: at most a packet, the lead holds it.
                int left = _end - _parse;
                _memory.Span.Slice(_parse, left).CopyTo(_memory.Span[(LeadBytes - left)..]);
                _parse = LeadBytes - left;
                _end = LeadBytes;
            }

            _end += _lengths[slot];
            _joined++;
            Free();
        }

        return true;
    }

    // A part is free when parsing is past it: it is in the slot of the parsing place, or behind.
    private void Free()
    {
        long at = _parse < LeadBytes ? 0 : (_parse - LeadBytes) / SlotBytes;
        long newest = _joined - 1;                              // the part that ends at _end
        long behind = newest < 0 ? 0 : (newest % Slots) - at;   // parts from the parsed one to it
        long parsed = newest - Math.Max(0, behind);
        _freed = Math.Max(_freed, _parse >= _end ? _joined : parsed);
    }
}
