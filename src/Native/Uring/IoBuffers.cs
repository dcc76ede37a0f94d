using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Uring;

/// <summary>Memory that a ring reads into and writes from: slots of one size, aligned as O_DIRECT needs it.
/// Made and freed by one thread; whose a slot is at a time is its users' agreement.</summary>
public sealed class IoBuffers : IDisposable
{
    /// <summary>Alignment of every slot, bytes: a page, which every block device's is a part of.</summary>
    public const int Alignment = 4096;

    private readonly MappedMemory _memory;

    /// <summary>Maps them, zeroed and populated, on 2 MiB pages where the host has them free.</summary>
    /// <param name="slots">Count.</param>
    /// <param name="slotBytes">Size of each; rounded up to <see cref="Alignment"/>.</param>
    /// <exception cref="NativeException">No memory.</exception>
    public IoBuffers(int slots, int slotBytes)
    {
        Invariant.Require(slots > 0 && slotBytes > 0);
        Slots = slots;
        SlotBytes = slotBytes;
        Stride = (slotBytes + (long)Alignment - 1) / Alignment * Alignment;
        _memory = MappedMemory.Anonymous(slots * Stride, HugePages.Auto);
    }

    /// <summary>Count of slots.</summary>
    public int Slots { get; }

    /// <summary>Size of a slot, bytes.</summary>
    public int SlotBytes { get; }

    /// <summary>Bytes from one slot to the next.</summary>
    internal long Stride { get; }

    internal unsafe byte* Start => _memory.Start;

    /// <summary>A slot's bytes.</summary>
    public NativeSpan<byte> this[int slot]
    {
        get
        {
            Invariant.Require((uint)slot < (uint)Slots);
            return _memory.Slice<byte>(slot * Stride, SlotBytes);
        }
    }

    /// <summary>Unmaps; the ring that had them is closed by then.</summary>
    public void Dispose() => _memory.Dispose();
}
