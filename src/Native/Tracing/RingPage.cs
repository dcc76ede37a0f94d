using System.Buffers.Binary;

namespace LowLatency.Native.Tracing;

/// <summary>One page of a <c>trace_pipe_raw</c>: the records of one CPU in order. Layout: events/header_page
/// and events/header_event, include/linux/ring_buffer.h. Pure; the page is the kernel's, and yet every length
/// is checked.</summary>
public ref struct RingPage
{
    private const int HeaderBytes = 16;          // u64 time stamp, then the word of flags and length
    private const uint LengthMask = 0xFFFFF;     // RB_MISSED_FLAGS are above it
    private const uint MissedFlag = 1U << 31;    // RB_MISSED_EVENTS
    private const uint MissedStoredFlag = 1U << 30; // RB_MISSED_STORED: the count follows the data
    private const uint TypeDataMax = 28;         // RINGBUF_TYPE_DATA_TYPE_LEN_MAX: length in words
    private const uint TypePadding = 29;
    private const uint TypeTimeExtend = 30;
    private const uint TypeTimeStamp = 31;
    private const int DeltaShift = 27;           // bits of a record's own time
    private const ulong StampMask = (1UL << 59) - 1; // an absolute stamp has 59 bits; the rest is the page's

    private readonly ReadOnlySpan<byte> _page;
    private readonly int _end;
    private ulong _timeNs;
    private int _at;

    /// <param name="page">As read.</param>
    public RingPage(ReadOnlySpan<byte> page)
    {
        _page = page;
        _at = HeaderBytes;
        if (page.Length < HeaderBytes)
        {
            _end = 0;
            return;
        }

        _timeNs = BinaryPrimitives.ReadUInt64LittleEndian(page);
        uint word = BinaryPrimitives.ReadUInt32LittleEndian(page[8..]);
        _end = (int)Math.Min(HeaderBytes + (word & LengthMask), (uint)page.Length);
        if ((word & MissedFlag) != 0)
        {
            bool isCounted = (word & MissedStoredFlag) != 0 && _end + sizeof(long) <= page.Length;
            Missed = isCounted ? BinaryPrimitives.ReadInt64LittleEndian(page[_end..]) : 1;
        }
    }

    /// <summary>Records that were lost before this page; 1 where the kernel does not say how many.</summary>
    public long Missed { get; }

    /// <summary>The next record.</summary>
    /// <param name="timeNs">In the trace clock.</param>
    /// <param name="record">Begins with common_type.</param>
    /// <returns>False: no more.</returns>
    public bool TryNext(out ulong timeNs, out ReadOnlySpan<byte> record)
    {
        record = default;
        timeNs = 0;
        while (_at + sizeof(uint) <= _end)
        {
            uint word = BinaryPrimitives.ReadUInt32LittleEndian(_page[_at..]);
            uint type = word & 31;
            ulong delta = word >> 5;
            _at += sizeof(uint);
            uint next = _at + sizeof(uint) <= _end ? BinaryPrimitives.ReadUInt32LittleEndian(_page[_at..])
                : 0;
            switch (type)
            {
                case TypeTimeExtend:
                    _timeNs += ((ulong)next << DeltaShift) + delta;
                    _at += sizeof(uint);
                    break;
                case TypeTimeStamp:
                    _timeNs = (_timeNs & ~StampMask) | ((((ulong)next << DeltaShift) + delta) & StampMask);
                    _at += sizeof(uint);
                    break;
                case TypePadding when delta == 0:
                    _at = _end; // the rest of the page is empty
                    break;
                case TypePadding:
                    _timeNs += delta;
                    _at += (int)Math.Min(next, int.MaxValue / 2);
                    break;
                default:
                    return Data(type, delta, next, out timeNs, out record);
            }
        }

        return false;
    }

    private bool Data(uint type, ulong delta, uint next, out ulong timeNs, out ReadOnlySpan<byte> record)
    {
        // Length zero: it is in the next word, which it counts.
        long bytes = type == 0 ? next - (long)sizeof(uint) : type * sizeof(uint);
        _at += type == 0 ? sizeof(uint) : 0;
        _timeNs += delta;
        timeNs = _timeNs;
        record = default;
        if (type > TypeDataMax || bytes < 0 || _at + bytes > _end)
        {
            _at = _end; // no page of the kernel's
            return false;
        }

        record = _page.Slice(_at, (int)bytes);
        _at += (int)((bytes + 3) & ~3);
        return true;
    }
}
