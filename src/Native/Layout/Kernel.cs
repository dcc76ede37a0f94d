using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>linux/if_xdp.h <c>struct xdp_desc</c>: one rx or tx descriptor.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct XdpDesc
{
    /// <summary>Byte offset of the frame in the UMEM.</summary>
    public ulong Address;
    /// <summary>Frame length, bytes.</summary>
    public uint Length;
    /// <summary>Options; 0.</summary>
    public uint Options;
}

/// <summary>linux/if_xdp.h <c>struct xdp_statistics</c>: the kernel's six loss counters of a
/// socket.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct XdpStatistics
{
    /// <summary>Frames lost: no frame in the fill ring, or larger than a chunk.</summary>
    public ulong RxDropped;
    /// <summary>Invalid fill descriptors.</summary>
    public ulong RxInvalidDescs;
    /// <summary>Invalid tx descriptors.</summary>
    public ulong TxInvalidDescs;
    /// <summary>Frames lost: the rx ring was full.</summary>
    public ulong RxRingFull;
    /// <summary>Times the fill ring was found empty.</summary>
    public ulong RxFillRingEmpty;
    /// <summary>Times the tx ring was found empty.</summary>
    public ulong TxRingEmpty;
}
