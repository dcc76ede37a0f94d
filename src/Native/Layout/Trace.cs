using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Layout;

/// <summary>Which frames of a lane are followed. Control writes it, <see cref="Epoch"/> last; the lane looks
/// once a burst. It ends by itself: after <see cref="Count"/> frames or at
/// <see cref="UntilNs"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TraceRequest
{
    /// <summary>Bytes that a byte filter compares at most.</summary>
    public const int FilterBytesMax = 32;

    /// <summary>0: nothing is followed; else another number than the last time.</summary>
    public uint Epoch;
    /// <summary>Frames to follow.</summary>
    public uint Count;
    /// <summary>CLOCK_MONOTONIC after which nothing is followed, ns.</summary>
    public long UntilNs;
    /// <summary>Non-zero: only frames that a stage ends, and only their end.</summary>
    public uint OnlyDrops;
    /// <summary>Ingress port, the lane's own number; -1: any.</summary>
    public int Port;
    /// <summary>Bytes of the byte filter; 0: none.</summary>
    public uint FilterBytes;
    /// <summary>Where the byte filter begins in the frame.</summary>
    public uint FilterAt;
    /// <summary>Non-zero: <see cref="Rule"/> must match.</summary>
    public uint HasRule;
    /// <summary>Zero.</summary>
    public uint Reserved;
    /// <summary>Bytes that must be there, where the mask is set.</summary>
    public FilterBytes32 Bytes;
    /// <summary>Their mask.</summary>
    public FilterBytes32 Mask;
    /// <summary>5-tuple, as of a filter stage.</summary>
    public PlanRule Rule;
}

/// <summary>Bytes of a filter.</summary>
[InlineArray(TraceRequest.FilterBytesMax)]
public struct FilterBytes32
{
    private byte _first;
}

/// <summary>What a trace event tells of.</summary>
public enum TracePoint : ushort
{
    /// <summary>The frame came in.</summary>
    In = 0,
    /// <summary>A stage has seen it.</summary>
    Stage = 1,
    /// <summary>It left the lane: into a tx ring, to the stack, or it ended.</summary>
    Out = 2,
}

/// <summary>First bytes of a frame.</summary>
[InlineArray(Length)]
public struct TraceBytes
{
    /// <summary>Bytes kept of a frame.</summary>
    public const int Length = 208;

    private byte _first;
}

/// <summary>One thing that a followed frame met.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TraceEvent
{
    /// <summary>Number of the frame within its lane and trace, from 1.</summary>
    public ulong Frame;
    /// <summary>CLOCK_MONOTONIC, ns. Of a stage: when it was done with the burst.</summary>
    public long Ns;
    /// <summary>CLOCK_MONOTONIC when the burst was dequeued, ns.</summary>
    public long DequeuedNs;
    /// <summary>What.</summary>
    public TracePoint Point;
    /// <summary>Number of the stage, of <see cref="TracePoint.Stage"/>.</summary>
    public ushort Stage;
    /// <summary>Port that it leaves by, the lane's own number; -1: none yet, or it ended.</summary>
    public short Port;
    /// <summary>Port that it came in by.</summary>
    public short Ingress;
    /// <summary><see cref="DropReason"/> that ended it; -1: none.</summary>
    public short Drop;
    /// <summary><see cref="PuntReason"/> for which it goes to the stack; -1: none.</summary>
    public short Punt;
    /// <summary>Frames of its burst.</summary>
    public ushort BurstFrames;
    /// <summary>Bytes of <see cref="Bytes"/>.</summary>
    public ushort Captured;
    /// <summary>Length of the frame, bytes.</summary>
    public uint Length;
    /// <summary>Epoch of the request.</summary>
    public uint Epoch;
    /// <summary>Its first bytes.</summary>
    public TraceBytes Bytes;
}

/// <summary>A lane's trace: request and events. The lane writes events, one reader in Control takes
/// them.</summary>
public readonly struct TraceArea
{
    /// <summary>Events that it holds; power of two.</summary>
    public const int Slots = 1024;

    private readonly NativeRef<EventRingHeader> _header;
    private readonly NativeSpan<TraceEvent> _slots;

    internal TraceArea(
        NativeRef<TraceRequest> request, NativeRef<EventRingHeader> header, NativeSpan<TraceEvent> slots)
    {
        Request = request;
        _header = header;
        _slots = slots;
    }

    /// <summary>What is asked for.</summary>
    public NativeRef<TraceRequest> Request { get; }

    /// <summary>Lane: room for an event, to be filled in place before <see cref="Commit"/>; false when the
    /// ring
    /// is full.</summary>
    public bool TryBegin(out NativeRef<TraceEvent> slot)
    {
        ref EventRingHeader header = ref _header.Value;
        slot = default;
        if (header.Written - Volatile.Read(ref header.Read) >= Slots) // acquire: the slot was read
        {
            return false;
        }

        slot = _slots.RefAt((int)(header.Written & (Slots - 1)));
        return true;
    }

    /// <summary>Lane: the event is whole.</summary>
    public void Commit()
    {
        ref EventRingHeader header = ref _header.Value;
        // release: the slot is whole before it is counted
        Volatile.Write(ref header.Written, header.Written + 1);
    }

    /// <summary>Control: takes the oldest event.</summary>
    public bool TryRead(out TraceEvent taken)
    {
        ref EventRingHeader header = ref _header.Value;
        ulong read = header.Read;
        if (read == Volatile.Read(ref header.Written)) // acquire: pairs with the release in Commit
        {
            taken = default;
            return false;
        }

        taken = _slots[(int)(read & (Slots - 1))];
        Volatile.Write(ref header.Read, read + 1); // release: our copy is done before the slot is free
        return true;
    }
}
