using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Lanes;

/// <summary>Frames on their way from one lane to the kernel's stack: copies, since the lane's own frames are
/// for the rings. The lane writes, the punt thread reads; a full queue loses the new frame, counted, never
/// the
/// lane's time. Nobody is woken: the reader looks every millisecond.</summary>
internal sealed class PuntQueue
{
    private readonly byte[] _bytes;
    private readonly Slot[] _slots = new Slot[Limits.PuntSlots];
    private readonly int _slotBytes;
    private ulong _written;
    private ulong _read;
    private long _refused;

    /// <summary>A queue for frames of at most <paramref name="frameBytesMax"/>.</summary>
    public PuntQueue(int frameBytesMax)
    {
        _slotBytes = frameBytesMax;
        _bytes = GC.AllocateArray<byte>(Limits.PuntSlots * frameBytesMax, pinned: true);
    }

    /// <summary>Frames that the kernel refused. Punt thread writes.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Lane: adds a copy of a frame that came in by a port of the plan; false when it is
    /// full.</summary>
    public bool TryWrite(ReadOnlySpan<byte> frame, int port)
    {
        ulong written = _written;
        if (frame.Length > _slotBytes
            || written - Volatile.Read(ref _read) >= Limits.PuntSlots) // acquire: the slot was read
        {
            return false;
        }

        int slot = (int)(written & (Limits.PuntSlots - 1));
        frame.CopyTo(_bytes.AsSpan(slot * _slotBytes));
        _slots[slot] = new Slot(frame.Length, port);
        Volatile.Write(ref _written, written + 1); // release: the slot is whole before it is counted
        return true;
    }

    /// <summary>Punt thread: the oldest frame, in place, until <see cref="Take"/>.</summary>
    public bool TryPeek(out ReadOnlySpan<byte> frame, out int port)
    {
        ulong read = _read;
        if (read == Volatile.Read(ref _written)) // acquire: pairs with the release in TryWrite
        {
            frame = default;
            port = 0;
            return false;
        }

        int index = (int)(read & (Limits.PuntSlots - 1));
        frame = _bytes.AsSpan(index * _slotBytes, _slots[index].Length);
        port = _slots[index].Port;
        return true;
    }

    /// <summary>Punt thread: done with the frame that <see cref="TryPeek"/> gave.</summary>
    public void Take(bool isRefused)
    {
        if (isRefused)
        {
            Volatile.Write(ref _refused, _refused + 1);
        }

        Volatile.Write(ref _read, _read + 1); // release: the frame is read before its slot is free
    }

    private readonly record struct Slot(int Length, int Port);
}
