using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Xdp;

/// <summary>The frames of one lane, shared by all its sockets. Made at boot, used by the lane, freed after
/// it.</summary>
public sealed unsafe class Umem : IDisposable
{
    private XskRing* _rings;
    private void* _handle;

    private Umem(MappedMemory memory, uint frames, uint chunkBytes)
    {
        Frames = frames;
        ChunkBytes = chunkBytes;
        View = new UmemView(memory.Start, (ulong)frames * chunkBytes, chunkBytes);
    }

    /// <summary>Count of frames.</summary>
    public uint Frames { get; }

    /// <summary>Bytes of a chunk.</summary>
    public uint ChunkBytes { get; }

    /// <summary>The frames as a lane sees them.</summary>
    public UmemView View { get; }

    internal void* Handle => _handle;

    /// <summary>Fill and completion ring of the first socket. libxdp keeps these pointers as long as the
    /// UMEM lives.
    /// </summary>
    internal XskRing* FirstFill => _rings;

    internal XskRing* FirstCompletion => _rings + 1;

    internal bool FirstSocketIsMade { get; set; }

    /// <summary>Frames without a kernel behind them, for lanes under test and benches.</summary>
    public static Umem OfMemory(MappedMemory memory, uint frames, uint chunkBytes)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Invariant.Require((long)frames * chunkBytes <= memory.LengthBytes);
        return new Umem(memory, frames, chunkBytes);
    }

    /// <summary>Registers memory with the kernel. The calling thread must be in the first port's
    /// namespace.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static Umem Register(
        MappedMemory memory, uint frames, uint chunkBytes, uint headroomBytes, uint fillSlots, uint completionSlots)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Invariant.Require((long)frames * chunkBytes <= memory.LengthBytes);
        Umem umem = new(memory, frames, chunkBytes);
        XskUmemConfig config = new()
        {
            FillSize = fillSlots,
            CompletionSize = completionSlots,
            FrameSize = chunkBytes,
            FrameHeadroom = headroomBytes,
        };
        umem._rings = (XskRing*)NativeMemory.AllocZeroed(2, (nuint)sizeof(XskRing));
        void* handle = null;
        ulong size = (ulong)frames * chunkBytes;
        int rc = LibXdp.UmemCreate(&handle, memory.Start, size, umem._rings, umem._rings + 1, &config);
        if (rc != 0)
        {
            umem.Dispose();
            throw new NativeException($"xsk_umem__create({size} bytes)", (Errno)(-rc), (Errno)(-rc) switch
            {
                Errno.EPERM => "AF_XDP needs CAP_NET_RAW, and CAP_NET_ADMIN and CAP_BPF for its program: run as root.",
                Errno.ENOBUFS or Errno.ENOMEM => "The UMEM cannot be pinned: raise `ulimit -l` or use fewer frames.",
                _ => "Chunks are 2048 or 4096 bytes; ring sizes are powers of two.",
            });
        }

        umem._handle = handle;
        return umem;
    }

    /// <summary>Deregisters; every socket over it must be gone.</summary>
    public void Dispose()
    {
        if (_handle != null)
        {
            Invariant.Require(LibXdp.UmemDelete(_handle) == 0);
            _handle = null;
        }

        NativeMemory.Free(_rings);
        _rings = null;
    }
}

/// <summary>The frames of a UMEM on the hot path: an address becomes a span after one bounds check.</summary>
public readonly unsafe struct UmemView
{
    private readonly byte* _start;
    private readonly ulong _bytes;
    private readonly ulong _chunkMask;

    internal UmemView(byte* start, ulong bytes, uint chunkBytes)
    {
        _start = start;
        _bytes = bytes;
        _chunkMask = ~((ulong)chunkBytes - 1);
    }

    /// <summary>True when the whole descriptor lies inside; the kernel's word is checked at the
    /// ring.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(ulong address, uint length) => address < _bytes && length <= _bytes - address;

    /// <summary>The address of the chunk that a frame lies in: what goes back to the pool.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ChunkOf(ulong address) => address & _chunkMask;

    /// <summary>A frame's bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<byte> Frame(ulong address, uint length)
    {
        Invariant.Require(Contains(address, length));
        return new Span<byte>(_start + address, (int)length); // in bounds: just checked
    }

    /// <summary>The metadata slot before a frame; false when the XDP program did not write one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadMeta(ulong address, out FrameMeta meta)
    {
        if (address < FrameMeta.SizeBytes || address >= _bytes)
        {
            meta = default;
            return false;
        }

        meta = *(FrameMeta*)(_start + address - FrameMeta.SizeBytes); // in bounds: address >= slot size
        return meta.Magic == FrameMeta.MagicValue;
    }
}
