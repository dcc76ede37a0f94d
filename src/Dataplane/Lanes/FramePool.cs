using System.Numerics;
using System.Runtime.CompilerServices;
using LowLatency.Native;

namespace LowLatency.Dataplane.Lanes;

/// <summary>The free frames of one lane: a stack of chunk addresses, so that the frame used last, still in
/// cache, goes out first. A frame that several tx rings share comes back as often, and is free the last time.
/// Lane only.</summary>
internal sealed class FramePool
{
    private readonly ulong[] _addresses;
    private readonly byte[] _shares; // by chunk: times it has still to come back before it is free
    private readonly int _chunkShift;
    private long _shared;
    private int _count;

    /// <summary>A pool that owns every chunk of a UMEM.</summary>
    public FramePool(uint frames, uint chunkBytes)
    {
        _addresses = new ulong[frames];
        _shares = new byte[frames];
        _chunkShift = BitOperations.Log2(chunkBytes);
        for (uint i = 0; i < frames; i++)
        {
            _addresses[i] = (ulong)(frames - 1 - i) * chunkBytes; // the lowest address on top
        }

        _count = (int)frames;
    }

    /// <summary>Free frames.</summary>
    public int Count => _count;

    /// <summary>Times that shared frames have still to come back before they are free.</summary>
    public long Shared => _shared;

    /// <summary>Takes the frame on top; false when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake(out ulong address)
    {
        if (_count == 0)
        {
            address = 0;
            return false;
        }

        address = _addresses[--_count];
        return true;
    }

    /// <summary>From now on this chunk comes back once more before it is free; false when it is shared 255
    /// times.</summary>
    public bool TryShare(ulong address)
    {
        ref byte shares = ref _shares[(int)(address >> _chunkShift)];
        if (shares == byte.MaxValue)
        {
            return false;
        }

        shares++;
        _shared++;
        return true;
    }

    /// <summary>Gives one frame back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Give(ulong address)
    {
        if (_shared != 0 && IsStillShared(address))
        {
            return;
        }

        Invariant.Require((uint)_count < (
            uint)_addresses.Length); // a frame that comes back twice ends the process
        _addresses[_count++] = address;
    }

    /// <summary>Gives frames back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Give(ReadOnlySpan<ulong> addresses)
    {
        if (_shared != 0)
        {
            GiveEach(addresses);
            return;
        }

        Invariant.Require(_count + addresses.Length <= _addresses.Length);
        addresses.CopyTo(_addresses.AsSpan(_count));
        _count += addresses.Length;
    }

    /// <summary>The topmost frames, at most <paramref name="max"/>; <see cref="Drop"/> removes those handed
    /// on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReadOnlySpan<ulong> Top(int max)
    {
        int count = Math.Min(max, _count);
        return _addresses.AsSpan(_count - count, count);
    }

    /// <summary>Removes the first <paramref name="count"/> of a <see cref="Top"/> of
    /// <paramref name="shown"/> frames.
    /// </summary>
    public void Drop(int count, int shown)
    {
        Invariant.Require(count <= shown && shown <= _count);
        Span<ulong> top = _addresses.AsSpan(_count - shown, shown);
        top[count..].CopyTo(top);
        _count -= count;
    }

    private void GiveEach(ReadOnlySpan<ulong> addresses)
    {
        foreach (ulong address in addresses)
        {
            Give(address);
        }
    }

    private bool IsStillShared(ulong address)
    {
        ref byte shares = ref _shares[(int)(address >> _chunkShift)];
        if (shares == 0)
        {
            return false;
        }

        shares--;
        _shared--;
        return true;
    }
}
