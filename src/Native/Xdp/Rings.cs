using System.Runtime.CompilerServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Xdp;

// The four rings of an AF_XDP socket and the only barriers of the data plane. Index words are shared with
// the kernel (net/xdp/xsk_queue.h): the producer stores its index with release after the slots, the consumer
// loads it with acquire before them, and the same for the consumer's index in the other direction. Indices
// run free, mod 2^32, and are masked at the access. Rings are mutable structs: hold one in exactly one
// non-readonly field.

/// <summary>The rx ring: the kernel produces, one lane consumes.</summary>
public unsafe struct RxRing
{
    private readonly uint* _producer;
    private readonly uint* _consumer;
    private readonly XdpDesc* _slots;
    private readonly uint _mask;
    private uint _seen; // our copy of the kernel's index
    private uint _next; // ours

    internal RxRing(in XskRing ring)
    {
        _producer = ring.Producer;
        _consumer = ring.Consumer;
        _slots = (XdpDesc*)ring.Slots;
        _mask = ring.Size - 1;
        _seen = _next = *ring.Consumer;
        Invariant.Require(ring.Size > 0 && (ring.Size & _mask) == 0);
    }

    /// <summary>Frames taken so far, mod 2^32.</summary>
    public readonly uint Taken => _next;

    /// <summary>Takes up to <c>target.Length</c> descriptors and gives their slots back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Receive(Span<XdpDesc> target)
    {
        if (_seen == _next)
        {
            _seen = Volatile.Read(ref *_producer); // acquire: descriptors are visible once the index is
            if (_seen == _next)
            {
                return 0;
            }
        }

        int count = (int)Math.Min(_seen - _next, (uint)target.Length);
        for (int i = 0; i < count; i++)
        {
            target[i] = _slots[(_next + (uint)i) & _mask]; // in bounds: masked
        }

        _next += (uint)count;
        Volatile.Write(ref *_consumer, _next); // release: our reads are done before the slots are given back
        return count;
    }
}

/// <summary>The tx ring: one lane produces, the kernel consumes.</summary>
public unsafe struct TxRing
{
    private readonly uint* _producer;
    private readonly uint* _consumer;
    private readonly uint* _flags;
    private readonly XdpDesc* _slots;
    private readonly uint _mask;
    private readonly uint _size;
    private uint _next;      // ours, written slots
    private uint _published; // ours, as the kernel knows it
    private uint _done;      // our copy of the kernel's index

    internal TxRing(in XskRing ring)
    {
        _producer = ring.Producer;
        _consumer = ring.Consumer;
        _flags = ring.Flags;
        _slots = (XdpDesc*)ring.Slots;
        _size = ring.Size;
        _mask = ring.Size - 1;
        _next = _published = *ring.Producer;
        _done = *ring.Consumer;
        Invariant.Require(ring.Size > 0 && (ring.Size & _mask) == 0);
    }

    /// <summary>Frames published so far, mod 2^32.</summary>
    public readonly uint Published => _published;

    /// <summary>True when slots were written since the last <see cref="Publish"/>.</summary>
    public readonly bool HasUnpublished => _next != _published;

    /// <summary>True when the kernel asks for a wake-up (XDP_RING_NEED_WAKEUP).</summary>
    public readonly bool NeedsWakeup => (Volatile.Read(ref *_flags) & 1) != 0;

    /// <summary>Frames that the kernel has not taken yet.</summary>
    public readonly uint Outstanding => _published - Volatile.Read(ref *_consumer);

    /// <summary>Writes one descriptor; false when the ring is full. <see cref="Publish"/> shows it to the
    /// kernel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite(ulong address, uint length)
    {
        if (_next - _done == _size)
        {
            _done = Volatile.Read(ref *_consumer); // acquire: the kernel has read the slots it gives back
            if (_next - _done == _size)
            {
                return false;
            }
        }

        ref XdpDesc slot = ref _slots[_next & _mask]; // in bounds: masked
        slot.Address = address;
        slot.Length = length;
        slot.Options = 0;
        _next++;
        return true;
    }

    /// <summary>Shows the written slots to the kernel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Publish()
    {
        _published = _next;
        Volatile.Write(ref *_producer, _next); // release: the slots are whole before they are counted
    }
}

/// <summary>The fill ring: one lane gives frames to receive into, the kernel takes them.</summary>
public unsafe struct FillRing
{
    private readonly uint* _producer;
    private readonly uint* _consumer;
    private readonly uint* _flags;
    private readonly ulong* _slots;
    private readonly uint _mask;
    private readonly uint _size;
    private uint _next;
    private uint _done;

    internal FillRing(in XskRing ring)
    {
        _producer = ring.Producer;
        _consumer = ring.Consumer;
        _flags = ring.Flags;
        _slots = (ulong*)ring.Slots;
        _size = ring.Size;
        _mask = ring.Size - 1;
        _next = *ring.Producer;
        _done = *ring.Consumer;
        Invariant.Require(ring.Size > 0 && (ring.Size & _mask) == 0);
    }

    /// <summary>Frames given so far, mod 2^32.</summary>
    public readonly uint Given => _next;

    /// <summary>True when the kernel asks for a wake-up.</summary>
    public readonly bool NeedsWakeup => (Volatile.Read(ref *_flags) & 1) != 0;

    /// <summary>Gives as many of the addresses as fit; returns how many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Give(ReadOnlySpan<ulong> addresses)
    {
        uint free = _size - (_next - _done);
        if (free < (uint)addresses.Length)
        {
            _done = Volatile.Read(ref *_consumer); // acquire: the kernel has read the slots it gives back
            free = _size - (_next - _done);
        }

        int count = (int)Math.Min(free, (uint)addresses.Length);
        for (int i = 0; i < count; i++)
        {
            _slots[(_next + (uint)i) & _mask] = addresses[i]; // in bounds: masked
        }

        _next += (uint)count;
        Volatile.Write(ref *_producer, _next); // release: the addresses are there before they are counted
        return count;
    }
}

/// <summary>The completion ring: the kernel returns frames it has sent, one lane takes them.</summary>
public unsafe struct CompletionRing
{
    private readonly uint* _producer;
    private readonly uint* _consumer;
    private readonly ulong* _slots;
    private readonly uint _mask;
    private uint _seen;
    private uint _next;

    internal CompletionRing(in XskRing ring)
    {
        _producer = ring.Producer;
        _consumer = ring.Consumer;
        _slots = (ulong*)ring.Slots;
        _mask = ring.Size - 1;
        _seen = _next = *ring.Consumer;
        Invariant.Require(ring.Size > 0 && (ring.Size & _mask) == 0);
    }

    /// <summary>Frames taken so far, mod 2^32.</summary>
    public readonly uint Taken => _next;

    /// <summary>Takes up to <c>target.Length</c> addresses.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Reap(Span<ulong> target)
    {
        if (_seen == _next)
        {
            _seen = Volatile.Read(ref *_producer); // acquire: addresses are visible once the index is
            if (_seen == _next)
            {
                return 0;
            }
        }

        int count = (int)Math.Min(_seen - _next, (uint)target.Length);
        for (int i = 0; i < count; i++)
        {
            target[i] = _slots[(_next + (uint)i) & _mask]; // in bounds: masked
        }

        _next += (uint)count;
        Volatile.Write(ref *_consumer, _next); // release: our reads are done before the slots are given back
        return count;
    }
}
