using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libxdp: UMEM and socket set-up (xdp/xsk.h of libxdp 1.3). Ring operations are inlines of that
/// header, so they are written in C# over the same memory (<c>Xdp/Rings.cs</c>).</summary>
internal static unsafe partial class LibXdp
{
    private const string Name = "libxdp";

    internal const uint InhibitProgramLoad = 1; // XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD
    internal const ushort BindCopy = 1 << 1;    // linux/if_xdp.h
    internal const ushort BindZeroCopy = 1 << 2;
    internal const ushort BindNeedWakeup = 1 << 3;

    [LibraryImport(Name, EntryPoint = "xsk_umem__create")]
    internal static partial int UmemCreate(
        void** umem, void* area, ulong size, XskRing* fill, XskRing* completion, XskUmemConfig* config);

    [LibraryImport(Name, EntryPoint = "xsk_umem__delete")]
    internal static partial int UmemDelete(void* umem);

    [LibraryImport(Name, EntryPoint = "xsk_socket__create_shared")]
    internal static partial int SocketCreateShared(
        void** socket, byte* interfaceName, uint queue, void* umem, XskRing* rx, XskRing* tx, XskRing* fill,
        XskRing* completion, XskSocketConfig* config);

    [LibraryImport(Name, EntryPoint = "xsk_socket__delete")]
    internal static partial void SocketDelete(void* socket);

    [LibraryImport(Name, EntryPoint = "xsk_socket__fd")]
    internal static partial int SocketFd(void* socket);
}

/// <summary>xdp/xsk.h <c>struct xsk_ring_prod</c> and <c>xsk_ring_cons</c> (same layout).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct XskRing
{
    public uint CachedProducer;
    public uint CachedConsumer;
    public uint Mask;
    public uint Size;
    public uint* Producer;
    public uint* Consumer;
    public void* Slots;
    public uint* Flags;
}

/// <summary>xdp/xsk.h <c>struct xsk_umem_config</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct XskUmemConfig
{
    public uint FillSize;
    public uint CompletionSize;
    public uint FrameSize;
    public uint FrameHeadroom;
    public uint Flags;
}

/// <summary>xdp/xsk.h <c>struct xsk_socket_config</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct XskSocketConfig
{
    public uint RxSize;
    public uint TxSize;
    public uint LibxdpFlags;
    public uint XdpFlags;
    public ushort BindFlags;
}
