using LowLatency.Native.Layout;

namespace LowLatency.Native.Xdp;

/// <summary>Where in the kernel an XDP program runs.</summary>
public enum XdpAttachMode
{
    /// <summary>In the driver, before an skb exists (XDP_FLAGS_DRV_MODE).</summary>
    Native,
    /// <summary>On the skb, every interface (XDP_FLAGS_SKB_MODE).</summary>
    Generic,
}

/// <summary>What <see cref="XdpProgram.Attach"/> needs to know of an interface.</summary>
public sealed record XdpAttachRequest
{
    /// <summary>The kernel's name, for messages.</summary>
    public required string Interface { get; init; }

    /// <summary>ifindex, in <see cref="NetworkNamespace"/>.</summary>
    public required int InterfaceIndex { get; init; }

    /// <summary>Path of the network namespace the interface is in; empty: the calling thread's own.</summary>
    public string NetworkNamespace { get; init; } = "";

    /// <summary>Rx queues of the interface: what the socket map must hold.</summary>
    public required int QueueCount { get; init; }

    /// <summary>Where to run; there is no silent second choice, the caller decides what to try
    /// next.</summary>
    public required XdpAttachMode Mode { get; init; }

    /// <summary>Which frames are ours.</summary>
    public required Claim Claim { get; init; }

    /// <summary>First UDP destination port of <see cref="Claim.Udp"/>, host order.</summary>
    public ushort ClaimPortLow { get; init; }

    /// <summary>Last UDP destination port of <see cref="Claim.Udp"/>, host order.</summary>
    public ushort ClaimPortHigh { get; init; }

    /// <summary>The interface's MAC, first byte lowest (<see cref="Claim.Route"/>).</summary>
    public ulong OwnMac { get; init; }

    /// <summary>True: <see cref="FrameMeta"/> is written before each redirected frame.</summary>
    public bool Stamps { get; init; }

    /// <summary>Some lane offloads: the program contains paths. Verifiers of older kernels (seen with 6.12) refuse
    /// them.</summary>
    public bool TakesPaths { get; init; } = true;
}
