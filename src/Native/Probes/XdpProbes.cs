using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;

namespace LowLatency.Native.Probes;

/// <summary>Whether this kernel takes our XDP program: loads it with maps of its own, attaches it to nothing,
/// closes it.</summary>
/// <param name="Errno">Ok, or what the kernel refused with.</param>
/// <param name="Reason">What to do, or the verifier's last lines; empty when it was taken.</param>
/// <param name="JitedBytes">Machine code it became; 0: the JIT is off and it is interpreted.</param>
public sealed record BpfTrial(Errno Errno, string Reason, int JitedBytes)
{
    /// <summary>True when it runs as machine code.</summary>
    public bool IsJited => JitedBytes > 0;

    /// <summary>Tries.</summary>
    public static BpfTrial Run()
    {
        try
        {
            using XdpObject loaded = XdpObject.Load(default, queueCount: 1, takesPaths: false);
            return new BpfTrial(Errno.Ok, "", loaded.JitedBytes);
        }
        catch (NativeException refused)
        {
            return new BpfTrial(refused.Errno, refused.Hint, 0);
        }
    }
}

/// <summary>Whether the kernel takes a UMEM of the real size: maps it, registers it with an AF_XDP socket,
/// gives it back. The memory is really taken for that moment.</summary>
/// <param name="Errno">Ok; EPERM: no CAP_NET_RAW; EAFNOSUPPORT: no CONFIG_XDP_SOCKETS; ENOBUFS, ENOMEM:
/// RLIMIT_MEMLOCK or no memory.</param>
/// <param name="Call">The call that failed; empty when none did.</param>
/// <param name="Reason">What to do; empty when nothing failed.</param>
public sealed record XskTrial(Errno Errno, string Call, string Reason)
{
    private const uint RingSlots = 64; // no frame ever moves

    /// <summary>Tries.</summary>
    /// <param name="umemBytes">Size of the frames together; whole chunks.</param>
    /// <param name="chunkBytes">Size of one: 2048 or 4096.</param>
    /// <param name="huge">Pages it is to lie in.</param>
    public static XskTrial Run(long umemBytes, uint chunkBytes, HugePages huge)
    {
        if (chunkBytes == 0 || umemBytes < chunkBytes || umemBytes / chunkBytes > uint.MaxValue)
        {
            return new XskTrial(Errno.EINVAL, "mmap", "A UMEM has at least one chunk.");
        }

        try
        {
            using MappedMemory memory = MappedMemory.Anonymous(umemBytes, huge);
            using Umem umem = Umem.Register(
                memory, (uint)(umemBytes / chunkBytes), chunkBytes, 0, RingSlots, RingSlots);
            return new XskTrial(Errno.Ok, "", "");
        }
        catch (NativeException refused)
        {
            return new XskTrial(refused.Errno, refused.Call, refused.Hint);
        }
    }
}

/// <summary>Whether a queue of an interface takes an AF_XDP socket in a mode: binds one without a program,
/// reads XDP_OPTIONS, closes it.</summary>
/// <remarks>No frame goes another way, as no program is attached. But a zero-copy bind makes many drivers
/// stop and start the queue, some take the link down for seconds; and the kernel gives the queue back up to a
/// second later. Not for a port in use.</remarks>
/// <param name="Errno">Ok; EOPNOTSUPP: the driver has no such mode; EBUSY: another socket holds the queue;
/// EINVAL: no such queue; ENODEV: no such interface; ENETDOWN: down, where the
/// driver minds; ENOENT: no such namespace.</param>
/// <param name="IsZeroCopy">XDP_OPTIONS_ZEROCOPY: how the kernel bound it.</param>
/// <param name="Reason">What to do; empty when it was bound.</param>
public sealed record BindTrial(Errno Errno, bool IsZeroCopy, string Reason)
{
    private const uint Frames = 256;
    private const uint ChunkBytes = 4096; // the largest, so that the MTU is not what is tried
    private const uint RingSlots = 64;

    /// <summary>Tries.</summary>
    /// <param name="networkNamespace">Path; empty: the present one.</param>
    /// <param name="interfaceName">The kernel's name.</param>
    /// <param name="queue">Queue number, from 0.</param>
    /// <param name="zeroCopy">True: XDP_ZEROCOPY; false: XDP_COPY.</param>
    public static BindTrial Run(string networkNamespace, string interfaceName, uint queue, bool zeroCopy)
    {
        ArgumentException.ThrowIfNullOrEmpty(interfaceName);
        try
        {
            if (queue >= QueueCount(networkNamespace, interfaceName))
            {
                return new BindTrial(Errno.EINVAL, IsZeroCopy: false, // not even tried: it has oopsed kernels
                    $"{interfaceName} has no queue {queue}: ethtool -l shows how many there are.");
            }

            using NetworkNamespace scope = NetworkNamespace.Enter(networkNamespace);
            using MappedMemory memory = MappedMemory.Anonymous(Frames * ChunkBytes, HugePages.Never);
            using Umem umem = Umem.Register(memory, Frames, ChunkBytes, 0, RingSlots, RingSlots);
            using XskSocket socket = XskSocket.Create(umem, new XskRequest
            {
                Interface = interfaceName,
                Queue = queue,
                RxSlots = RingSlots,
                TxSlots = RingSlots,
                ZeroCopy = zeroCopy,
                BusyRetryNs = 0,
            });
            return new BindTrial(Errno.Ok, socket.ReadIsZeroCopy(), "");
        }
        catch (NativeException refused)
        {
            return new BindTrial(refused.Errno, IsZeroCopy: false, refused.Hint);
        }
    }

    private static long QueueCount(string networkNamespace, string interfaceName)
    {
        using Ethtool ethtool = Ethtool.Open(networkNamespace);
        if (ethtool.Channels(interfaceName) is { } channels)
        {
            return Math.Max(channels.RxQueues, channels.TxQueues);
        }

        using RouteNetlink route = RouteNetlink.Open(networkNamespace);
        return route.FindLink(interfaceName)?.RxQueues ?? 0;
    }
}
