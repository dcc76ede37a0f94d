namespace LowLatency.Native.Netlink;

/// <summary>Commands and attribute numbers of the "netdev" generic netlink family: linux/netdev.h, since
/// Linux 6.3. A number is one of its own kind of message; a "uint" has 4 or 8 bytes.</summary>
public static class NetdevAttribute
{
    /// <summary>The family's name (NETDEV_FAMILY_NAME).</summary>
    public const string FamilyName = "netdev";
    /// <summary>NETDEV_CMD_DEV_GET.</summary>
    public const byte CommandDevice = 1;
    /// <summary>NETDEV_CMD_QUEUE_GET; since 6.8.</summary>
    public const byte CommandQueue = 10;
    /// <summary>NETDEV_CMD_NAPI_GET; since 6.8.</summary>
    public const byte CommandNapi = 11;
    /// <summary>NETDEV_CMD_QSTATS_GET; since 6.9.</summary>
    public const byte CommandQueueStats = 12;

    /// <summary>NETDEV_A_DEV_IFINDEX (u32).</summary>
    public const int DeviceIndex = 1;
    /// <summary>NETDEV_A_DEV_XDP_FEATURES (u64): <see cref="XdpFeatures"/>.</summary>
    public const int DeviceXdpFeatures = 3;
    /// <summary>NETDEV_A_DEV_XDP_ZC_MAX_SEGS (u32).</summary>
    public const int DeviceZeroCopySegments = 4;
    /// <summary>NETDEV_A_DEV_XDP_RX_METADATA_FEATURES (u64): <see cref="XdpRxMetadata"/>.</summary>
    public const int DeviceRxMetadata = 5;
    /// <summary>NETDEV_A_DEV_XSK_FEATURES (u64): <see cref="XskFeatures"/>.</summary>
    public const int DeviceXskFeatures = 6;

    /// <summary>NETDEV_A_QUEUE_ID (u32).</summary>
    public const int QueueId = 1;
    /// <summary>NETDEV_A_QUEUE_IFINDEX (u32).</summary>
    public const int QueueIndex = 2;
    /// <summary>NETDEV_A_QUEUE_TYPE (u32): 0 rx, 1 tx.</summary>
    public const int QueueType = 3;
    /// <summary>NETDEV_A_QUEUE_NAPI_ID (u32): its NAPI; absent: none.</summary>
    public const int QueueNapi = 4;
    /// <summary>NETDEV_A_QUEUE_DMABUF (u32): bound to device memory.</summary>
    public const int QueueDmabuf = 5;
    /// <summary>NETDEV_A_QUEUE_IO_URING (nest): an io_uring receives from it.</summary>
    public const int QueueUring = 6;
    /// <summary>NETDEV_A_QUEUE_XSK (nest, empty): an AF_XDP socket holds it; since 6.14.</summary>
    public const int QueueXsk = 7;

    /// <summary>NETDEV_A_NAPI_IFINDEX (u32).</summary>
    public const int NapiIndex = 1;
    /// <summary>NETDEV_A_NAPI_ID (u32).</summary>
    public const int NapiId = 2;
    /// <summary>NETDEV_A_NAPI_IRQ (u32): number in /proc/irq.</summary>
    public const int NapiInterrupt = 3;
    /// <summary>NETDEV_A_NAPI_PID (u32): its kernel thread, when threaded.</summary>
    public const int NapiPid = 4;
    /// <summary>NETDEV_A_NAPI_DEFER_HARD_IRQS (u32): empty polls before interrupts come back; since
    /// 6.13.</summary>
    public const int NapiDeferInterrupts = 5;
    /// <summary>NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT (uint), ns; since 6.13.</summary>
    public const int NapiGroFlushNs = 6;
    /// <summary>NETDEV_A_NAPI_IRQ_SUSPEND_TIMEOUT (uint), ns; since 6.13.</summary>
    public const int NapiSuspendNs = 7;
    /// <summary>NETDEV_A_NAPI_THREADED (u32): 0 softirq, 1 thread, 2 polling thread; since 6.17.</summary>
    public const int NapiThreaded = 8;

    /// <summary>NETDEV_A_QSTATS_IFINDEX (u32).</summary>
    public const int StatsIndex = 1;
    /// <summary>NETDEV_A_QSTATS_QUEUE_TYPE (u32): 0 rx, 1 tx.</summary>
    public const int StatsQueueType = 2;
    /// <summary>NETDEV_A_QSTATS_QUEUE_ID (u32).</summary>
    public const int StatsQueueId = 3;
    /// <summary>NETDEV_A_QSTATS_SCOPE (uint): 1 a message for each queue.</summary>
    public const int StatsScope = 4;
    /// <summary>NETDEV_A_QSTATS_RX_PACKETS (uint).</summary>
    public const int StatsRxPackets = 8;
    /// <summary>NETDEV_A_QSTATS_RX_BYTES (uint).</summary>
    public const int StatsRxBytes = 9;
    /// <summary>NETDEV_A_QSTATS_TX_PACKETS (uint).</summary>
    public const int StatsTxPackets = 10;
    /// <summary>NETDEV_A_QSTATS_TX_BYTES (uint).</summary>
    public const int StatsTxBytes = 11;
    /// <summary>NETDEV_A_QSTATS_RX_ALLOC_FAIL (uint): no memory for a buffer.</summary>
    public const int StatsRxAllocFail = 12;
    /// <summary>NETDEV_A_QSTATS_RX_HW_DROPS (uint): dropped by the device.</summary>
    public const int StatsRxDrops = 13;
    /// <summary>NETDEV_A_QSTATS_RX_HW_DROP_OVERRUNS (uint): dropped as no buffer was there.</summary>
    public const int StatsRxOverruns = 14;
    /// <summary>NETDEV_A_QSTATS_TX_HW_DROPS (uint).</summary>
    public const int StatsTxDrops = 24;
    /// <summary>NETDEV_A_QSTATS_TX_HW_DROP_ERRORS (uint).</summary>
    public const int StatsTxErrors = 25;
    /// <summary>NETDEV_A_QSTATS_TX_STOP (uint): the stack was stopped, its ring full.</summary>
    public const int StatsTxStop = 33;
    /// <summary>NETDEV_A_QSTATS_TX_WAKE (uint).</summary>
    public const int StatsTxWake = 34;
}
