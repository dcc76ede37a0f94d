using System.Runtime.CompilerServices;

namespace LowLatency.Native.Netlink;

/// <summary>What a driver says of XDP (linux/netdev.h): hints for reports; only a bind proves
/// zero-copy.</summary>
[Flags]
public enum XdpFeatures : ulong
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>Native programs: PASS, DROP, TX, ABORTED.</summary>
    Basic = 1,
    /// <summary>XDP_REDIRECT from it.</summary>
    Redirect = 2,
    /// <summary>XDP_REDIRECT to it.</summary>
    NdoXmit = 4,
    /// <summary>AF_XDP zero-copy.</summary>
    XskZeroCopy = 8,
    /// <summary>Programs in the device.</summary>
    HwOffload = 16,
    /// <summary>Multi-buffer receive.</summary>
    RxScatterGather = 32,
    /// <summary>Multi-buffer redirect to it.</summary>
    NdoXmitScatterGather = 64,
}

/// <summary>RX metadata kfuncs of a driver (linux/netdev.h).</summary>
[Flags]
public enum XdpRxMetadata : ulong
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>bpf_xdp_metadata_rx_timestamp.</summary>
    Timestamp = 1,
    /// <summary>bpf_xdp_metadata_rx_hash.</summary>
    Hash = 2,
    /// <summary>bpf_xdp_metadata_rx_vlan_tag.</summary>
    VlanTag = 4,
}

/// <summary>AF_XDP TX metadata of a driver (linux/netdev.h).</summary>
[Flags]
public enum XskFeatures : ulong
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>Hardware time of sending.</summary>
    TxTimestamp = 1,
    /// <summary>Layer 4 checksum offload.</summary>
    TxChecksum = 2,
    /// <summary>Launch time, FIFO.</summary>
    TxLaunchTimeFifo = 4,
}

/// <summary>A device as the netdev family shows it; null where the kernel is too old to say.</summary>
/// <param name="Xdp">XDP features.</param>
/// <param name="ZeroCopySegmentsMax">Most fragments of a zero-copy frame.</param>
/// <param name="RxMetadata">RX metadata, since 6.3.</param>
/// <param name="Xsk">TX metadata, since 6.8.</param>
public sealed record NetdevFeatures(
    XdpFeatures Xdp, uint? ZeroCopySegmentsMax, XdpRxMetadata? RxMetadata, XskFeatures? Xsk);

/// <summary>The generic netlink family "netdev" (since Linux 6.3) of one network namespace. One
/// thread.</summary>
public sealed class NetdevFamily : IDisposable
{
    private readonly NetlinkSocket _socket;
    private readonly byte[] _request = new byte[64];
    private readonly ushort _family; // 0: this kernel has none

    private NetdevFamily(NetlinkSocket socket)
    {
        _socket = socket;
        _family = GenericNetlink.Find(socket, NetdevAttribute.FamilyName);
    }

    /// <summary>True when this kernel has the family.</summary>
    public bool IsPresent => _family != 0;

    /// <summary>Opens a socket in a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public static NetdevFamily Open(string networkNamespace) =>
        new(NetlinkSocket.Open(networkNamespace, Nl.ProtocolGeneric));

    /// <summary>The features of an interface; null when the kernel is too old to say or the interface is
    /// gone.</summary>
    public NetdevFeatures? Query(int interfaceIndex)
    {
        Invariant.Require(interfaceIndex > 0);
        if (!IsPresent)
        {
            return null;
        }

        NetlinkRequest request = new(_request, _family, 0);
        request.Append(new GenericNetlink.Header { Command = NetdevAttribute.CommandDevice, Version = 1 });
        request.Attribute(NetdevAttribute.DeviceIndex, (uint)interfaceIndex);
        if (_socket.Get(request.Bytes, out NetlinkMessage answer) != Errno.Ok)
        {
            return null;
        }

        NetdevFeatures features = new(XdpFeatures.None, null, null, null);
        NetlinkAttributes attributes = answer.AttributesAfter(Unsafe.SizeOf<GenericNetlink.Header>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            ulong number = NetlinkAttributes.Number(value);
            features = type switch
            {
                NetdevAttribute.DeviceXdpFeatures => features with { Xdp = (XdpFeatures)number },
                NetdevAttribute.DeviceZeroCopySegments =>
                    features with { ZeroCopySegmentsMax = (uint)number },
                NetdevAttribute.DeviceRxMetadata => features with { RxMetadata = (XdpRxMetadata)number },
                NetdevAttribute.DeviceXskFeatures => features with { Xsk = (XskFeatures)number },
                _ => features,
            };
        }

        return features;
    }

    /// <summary>What an interface's driver offers of XDP at this moment: that of veth changes with what its
    /// peer does. Allocates nothing: for polling.</summary>
    /// <returns>False when the kernel is too old to say or the interface is gone.</returns>
    public bool TryReadXdp(int interfaceIndex, out XdpFeatures xdp)
    {
        xdp = XdpFeatures.None;
        if (!IsPresent)
        {
            return false;
        }

        NetlinkRequest request = new(_request, _family, 0);
        request.Append(new GenericNetlink.Header { Command = NetdevAttribute.CommandDevice, Version = 1 });
        request.Attribute(NetdevAttribute.DeviceIndex, (uint)interfaceIndex);
        if (_socket.Get(request.Bytes, out NetlinkMessage answer) != Errno.Ok)
        {
            return false;
        }

        NetlinkAttributes attributes = answer.AttributesAfter(Unsafe.SizeOf<GenericNetlink.Header>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            if (type == NetdevAttribute.DeviceXdpFeatures)
            {
                xdp = (XdpFeatures)NetlinkAttributes.Number(value);
                return true;
            }
        }

        return false;
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => _socket.Dispose();
}
