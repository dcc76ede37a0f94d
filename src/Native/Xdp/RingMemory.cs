using System.Runtime.CompilerServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Xdp;

/// <summary>The four rings of a socket in ordinary memory, with the kernel's side in the caller's hands.
/// Boot warms lanes up on it; tests and benches run the real lane over it, with no root and no
/// network.</summary>
public sealed unsafe class RingMemory : IDisposable
{
    private const int IndexStride = 128; // index words apart, as the kernel keeps them on cache lines of their own
    private readonly MappedMemory _memory;
    private readonly uint _slots;
    private readonly uint _mask;

    /// <summary>Makes four empty rings of <paramref name="slots"/> each; all indices start at
    /// <paramref name="start"/>.</summary>
    public RingMemory(uint slots, uint start = 0)
    {
        Invariant.Require(slots > 0 && (slots & (slots - 1)) == 0);
        _slots = slots;
        _mask = slots - 1;
        _memory = MappedMemory.Anonymous(SlotsAt(4), HugePages.Never);
        for (int ring = 0; ring < 4; ring++)
        {
            Producer(ring) = start;
            Consumer(ring) = start;
            Flags(ring) = 1; // XDP_RING_NEED_WAKEUP, as copy mode has it
        }
    }

    /// <summary>The lane's rx ring.</summary>
    public RxRing Rx => new(Ring(0));

    /// <summary>The lane's tx ring.</summary>
    public TxRing Tx => new(Ring(1));

    /// <summary>The lane's fill ring.</summary>
    public FillRing Fill => new(Ring(2));

    /// <summary>The lane's completion ring.</summary>
    public CompletionRing Completion => new(Ring(3));

    /// <summary>Kernel: takes a frame from the fill ring; false when it is empty.</summary>
    public bool TryTakeFill(out ulong address)
    {
        bool isEmpty = Consumer(2) == Volatile.Read(ref Producer(2));
        address = isEmpty ? 0 : Addresses(2)[(int)(Consumer(2) & _mask)];
        if (!isEmpty)
        {
            Volatile.Write(ref Consumer(2), Consumer(2) + 1);
        }

        return !isEmpty;
    }

    /// <summary>Kernel: puts a received frame into the rx ring; false when it is full.</summary>
    public bool TryReceive(ulong address, uint length)
    {
        if (Producer(0) - Volatile.Read(ref Consumer(0)) == _slots)
        {
            return false;
        }

        Descriptors(0)[(int)(Producer(0) & _mask)] = new XdpDesc { Address = address, Length = length };
        Volatile.Write(ref Producer(0), Producer(0) + 1);
        return true;
    }

    /// <summary>Kernel: takes a frame to send; false when there is none.</summary>
    public bool TryTakeTx(out XdpDesc descriptor)
    {
        bool isEmpty = Consumer(1) == Volatile.Read(ref Producer(1));
        descriptor = isEmpty ? default : Descriptors(1)[(int)(Consumer(1) & _mask)];
        if (!isEmpty)
        {
            Volatile.Write(ref Consumer(1), Consumer(1) + 1);
        }

        return !isEmpty;
    }

    /// <summary>Kernel: returns a sent frame; false when the completion ring is full.</summary>
    public bool TryComplete(ulong address)
    {
        if (Producer(3) - Volatile.Read(ref Consumer(3)) == _slots)
        {
            return false;
        }

        Addresses(3)[(int)(Producer(3) & _mask)] = address;
        Volatile.Write(ref Producer(3), Producer(3) + 1);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private ref uint Producer(int ring) => ref _memory.At<uint>(((3L * ring) + 0) * IndexStride).Value;

    private ref uint Consumer(int ring) => ref _memory.At<uint>(((3L * ring) + 1) * IndexStride).Value;

    private ref uint Flags(int ring) => ref _memory.At<uint>(((3L * ring) + 2) * IndexStride).Value;

    private NativeSpan<XdpDesc> Descriptors(int ring) => _memory.Slice<XdpDesc>(SlotsAt(ring), (int)_slots);

    private NativeSpan<ulong> Addresses(int ring) => _memory.Slice<ulong>(SlotsAt(ring), (int)_slots);

    private long SlotsAt(int ring) => 4096 + (ring * (long)_slots * sizeof(XdpDesc));

    private XskRing Ring(int ring) => new()
    {
        Mask = _mask,
        Size = _slots,
        Producer = (uint*)Unsafe.AsPointer(ref Producer(ring)), // mapped memory does not move
        Consumer = (uint*)Unsafe.AsPointer(ref Consumer(ring)),
        Flags = (uint*)Unsafe.AsPointer(ref Flags(ring)),
        Slots = _memory.Start + SlotsAt(ring),
    };
}
