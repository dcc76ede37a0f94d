namespace LowLatency.Native.Netlink;

/// <summary>Attribute numbers of AF_XDP sockets in sock_diag, and offsets in their structs:
/// linux/xdp_diag.h.</summary>
public static class XdpDiagAttribute
{
    /// <summary>Offset of xdiag_ino (u32) in the header, struct xdp_diag_msg: the socket's inode, as in
    /// /proc/PID/fd.</summary>
    public const int HeaderInode = 4;
    /// <summary>XDP_DIAG_INFO (struct xdp_diag_info).</summary>
    public const int Info = 1;
    /// <summary>XDP_DIAG_UID (u32).</summary>
    public const int UserId = 2;
    /// <summary>XDP_DIAG_RX_RING (struct of one u32), slots.</summary>
    public const int RxRing = 3;
    /// <summary>XDP_DIAG_TX_RING (struct of one u32), slots.</summary>
    public const int TxRing = 4;
    /// <summary>XDP_DIAG_UMEM (struct xdp_diag_umem).</summary>
    public const int Umem = 5;
    /// <summary>XDP_DIAG_UMEM_FILL_RING (struct of one u32), slots.</summary>
    public const int FillRing = 6;
    /// <summary>XDP_DIAG_UMEM_COMPLETION_RING (struct of one u32), slots.</summary>
    public const int CompletionRing = 7;
    /// <summary>XDP_DIAG_STATS (struct xdp_diag_stats, u64 each).</summary>
    public const int Stats = 9;

    /// <summary>Offset of ifindex (u32) in <see cref="Info"/>; 0: not bound.</summary>
    public const int InfoInterface = 0;
    /// <summary>Offset of queue_id (u32) in <see cref="Info"/>.</summary>
    public const int InfoQueue = 4;
    /// <summary>Offset of size (u64), bytes, in <see cref="Umem"/>.</summary>
    public const int UmemBytes = 0;
    /// <summary>Offset of id (u32).</summary>
    public const int UmemId = 8;
    /// <summary>Offset of num_pages (u32).</summary>
    public const int UmemPages = 12;
    /// <summary>Offset of chunk_size (u32), bytes.</summary>
    public const int UmemChunkBytes = 16;
    /// <summary>Offset of headroom (u32), bytes.</summary>
    public const int UmemHeadroomBytes = 20;
    /// <summary>Offset of ifindex (u32).</summary>
    public const int UmemInterface = 24;
    /// <summary>Offset of queue_id (u32).</summary>
    public const int UmemQueue = 28;
    /// <summary>Offset of flags (u32).</summary>
    public const int UmemFlags = 32;
    /// <summary>XDP_DU_F_ZEROCOPY, a bit of flags: the kernel bound it zero-copy.</summary>
    public const int UmemZeroCopy = 1;
    /// <summary>Offset of refs (u32): sockets that share it.</summary>
    public const int UmemUsers = 36;
    /// <summary>Offset of n_rx_dropped (u64) in <see cref="Stats"/>.</summary>
    public const int StatsRxDropped = 0;
    /// <summary>Offset of n_rx_invalid.</summary>
    public const int StatsRxInvalid = 8;
    /// <summary>Offset of n_rx_full.</summary>
    public const int StatsRxFull = 16;
    /// <summary>Offset of n_fill_ring_empty.</summary>
    public const int StatsFillEmpty = 24;
    /// <summary>Offset of n_tx_invalid.</summary>
    public const int StatsTxInvalid = 32;
    /// <summary>Offset of n_tx_ring_empty.</summary>
    public const int StatsTxEmpty = 40;
}
