using System.Runtime.CompilerServices;
using LowLatency.Native;
using LowLatency.Native.Capture;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Storage;

/// <summary>A packet lane's side of a record queue: writes frames as pcapng into blocks of its own memory,
/// and never waits. The lane only; its other side is <see cref="RecordStream"/>.</summary>
internal sealed class RecordWriter
{
    private const int Block = RecordQueueHeader.BlockBytes;

    // Bytes of a frame's copy are the lane's time: larger frames are rare where it matters.
    private readonly NativeSpan<byte> _blocks;
    private readonly NativeRef<RecordQueueHeader> _header;
    private readonly ulong _capacity;
    private ulong _position;     // end of what is written, all of it whole blocks of pcapng
    private bool _isOpen;        // the block at the position has room
    private ulong _lostTold;     // of the header's Lost, what the file says already

    /// <summary>Takes over where the lane left off: a reload makes a new stage over the same
    /// queue.</summary>
    public RecordWriter(NativeSpan<byte> table)
    {
        _header = table.First<RecordQueueHeader>();
        _blocks = table.Slice(RecordQueueHeader.SizeBytes, table.Length - RecordQueueHeader.SizeBytes);
        _capacity = (ulong)(_blocks.Length / Block * (long)Block);
        _position = _header.Value.Position;
        _isOpen = _position % Block != 0;
        _lostTold = _header.Value.Lost;
    }

    /// <summary>True when less than half of the blocks are free.</summary>
    public bool IsPressed => _position - Volatile.Read(ref _header.Value.Released) > _capacity / 2;

    /// <summary>Writes a frame; false, and counted as lost, when no block is free.</summary>
    /// <param name="frame">What is kept of it.</param>
    /// <param name="frameBytes">What it had.</param>
    /// <param name="port">The lane's own number of the port it came in by.</param>
    /// <param name="monotonicNs">When it came, CLOCK_MONOTONIC.</param>
    /// <param name="isCut">It is shorter than it should be, for want of room.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAdd(ReadOnlySpan<byte> frame, uint frameBytes, int port, long monotonicNs, bool isCut)
    {
        ref RecordQueueHeader header = ref _header.Value;
        header.Received[port]++;
        int bytes = PcapngWriter.PacketBytes(frame.Length, 0, 0);
        if (!HasRoom(bytes) && !TryTurn())
        {
            header.Lost++;
            header.Missed[port]++;
            return false;
        }

        PcapngWriter writer = new(Rest());
        writer.TryPacket((uint)port, (ulong)(monotonicNs + header.ClockOffsetNs), frame, frameBytes, 0, default);
        _position += (uint)writer.UsedBytes;
        _isOpen = _position % Block != 0;
        header.Frames++;
        header.Bytes += (uint)frame.Length;
        header.Cut += isCut ? 1u : 0u;
        return true;
    }

    /// <summary>Makes what was written readable: once a burst.</summary>
    public void Publish() =>
        Volatile.Write(ref _header.Value.Position, _position); // release: blocks are whole before they count

    // What is left behind a packet is nothing, or enough for a filler.
    private bool HasRoom(int bytes)
    {
        int left = (int)(Block - (_position % Block));
        return _isOpen && (left == bytes || left >= bytes + Pcapng.BlockBytesMin);
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // once in thousands of frames
    private bool TryTurn()
    {
        if (_isOpen)
        {
            PcapngWriter filler = new(Rest());
            filler.TryFill(filler.FreeBytes);
            _position += (uint)filler.UsedBytes;
            _isOpen = false;
            Publish();
        }

        ref RecordQueueHeader header = ref _header.Value;
        // acquire: the recorder is done with the block before it is written over
        if (_position - Volatile.Read(ref header.Released) > _capacity - Block)
        {
            return false;
        }

        _isOpen = true;
        if (header.Lost != _lostTold)
        {
            TellLost(ref header);
        }

        return true;
    }

    // Between the packets before and after: a gap, and how many are missing.
    private void TellLost(ref RecordQueueHeader header)
    {
        PcapngWriter writer = new(Rest());
        ulong nowNs = (ulong)(Native.Threads.ThreadControl.NowNs + header.ClockOffsetNs);
        for (int port = 0; port < Limits.PortsPerLaneMax; port++)
        {
            if (header.Missed[port] > 0)
            {
                writer.TryStatistics((uint)port, nowNs, nowNs, header.Received[port], header.Missed[port]);
            }
        }

        _position += (uint)writer.UsedBytes;
        _lostTold = header.Lost;
    }

    private Span<byte> Rest()
    {
        int at = (int)(_position % _capacity);
        return _blocks.Span.Slice(at, Block - (at % Block));
    }
}
