using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Uring;

/// <summary>Memory that a ring reads into and writes from: slots, aligned as O_DIRECT needs it. Made and freed
/// by one thread; whose a slot is at a time is its users' agreement.</summary>
public sealed class IoBuffers : IDisposable
{
    /// <summary>Alignment of every slot, bytes: a page, which every block device's is a part of.</summary>
    public const int Alignment = 4096;

    private readonly MappedMemory? _memory;
    private readonly NativeSpan<byte>[] _slots;

    /// <summary>Maps slots of one size, zeroed and populated, on 2 MiB pages where the host has them
    /// free.</summary>
    /// <param name="slots">Count.</param>
    /// <param name="slotBytes">Size of each.</param>
    /// <exception cref="NativeException">No memory.</exception>
    public IoBuffers(int slots, int slotBytes)
    {
        Invariant.Require(slots > 0 && slotBytes > 0);
        long stride = (slotBytes + (long)Alignment - 1) / Alignment * Alignment;
        _memory = MappedMemory.Anonymous(slots * stride, HugePages.Auto);
        _slots = new NativeSpan<byte>[slots];
        for (int i = 0; i < slots; i++)
        {
            _slots[i] = _memory.Slice<byte>(i * stride, slotBytes);
        }
    }

    /// <summary>Slots in memory of others, which must outlive them.</summary>
    /// <param name="slots">Each aligned.</param>
    public unsafe IoBuffers(IReadOnlyList<NativeSpan<byte>> slots)
    {
        ArgumentNullException.ThrowIfNull(slots);
        _slots = [.. slots];
        foreach (NativeSpan<byte> slot in _slots)
        {
            Invariant.Require((nuint)slot.Pointer % Alignment == 0 && slot.Length > 0);
        }
    }

    /// <summary>Count of slots.</summary>
    public int Slots => _slots.Length;

    /// <summary>A slot's bytes.</summary>
    public NativeSpan<byte> this[int slot]
    {
        get
        {
            Invariant.Require((uint)slot < (uint)_slots.Length);
            return _slots[slot];
        }
    }

    /// <summary>Unmaps what it has mapped; the ring that had it is closed by then.</summary>
    public void Dispose() => _memory?.Dispose();
}
