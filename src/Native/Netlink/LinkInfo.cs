using System.Net;
using LowLatency.Native.Xdp;

namespace LowLatency.Native.Netlink;

/// <summary>RFC 2863 operational state (linux/if.h IF_OPER_*).</summary>
public enum OperState
{
    /// <summary>The driver does not say.</summary>
    Unknown = 0,
    /// <summary>A component is missing.</summary>
    NotPresent = 1,
    /// <summary>Down.</summary>
    Down = 2,
    /// <summary>An interface below is down.</summary>
    LowerLayerDown = 3,
    /// <summary>In a test mode.</summary>
    Testing = 4,
    /// <summary>Waits for an event, such as 802.1X.</summary>
    Dormant = 5,
    /// <summary>Up.</summary>
    Up = 6,
}

/// <summary>One network interface, as rtnetlink describes it: a snapshot.</summary>
public sealed record LinkInfo
{
    /// <summary>ifindex.</summary>
    public required int Index { get; init; }

    /// <summary>The kernel's name.</summary>
    public required string Name { get; init; }

    /// <summary>Kind of a virtual interface, such as <c>veth</c>; empty for hardware.</summary>
    public required string Kind { get; init; }

    /// <summary>MTU, bytes.</summary>
    public required uint MtuBytes { get; init; }

    /// <summary>MAC, first byte of the address in the lowest byte; 0 when it is not 6 bytes long.</summary>
    public required ulong Mac { get; init; }

    /// <summary>linux/if.h IFF_*.</summary>
    public required uint Flags { get; init; }

    /// <summary>linux/if_arp.h ARPHRD_*: 1 is Ethernet.</summary>
    public required ushort HardwareType { get; init; }

    /// <summary>Operational state.</summary>
    public required OperState OperState { get; init; }

    /// <summary>The medium is there.</summary>
    public required bool HasCarrier { get; init; }

    /// <summary>Tx queues allocated: the most that <c>ethtool -L</c> can give a virtual interface.</summary>
    public required int TxQueues { get; init; }

    /// <summary>Rx queues allocated.</summary>
    public required int RxQueues { get; init; }

    /// <summary>ifindex of the bridge or bond it belongs to; 0: none.</summary>
    public required int MasterIndex { get; init; }

    /// <summary>ifindex of the interface under it, or of a veth's peer; 0: none.</summary>
    public required int ParentIndex { get; init; }

    /// <summary>Id of the namespace that <see cref="ParentIndex"/> is in; -1: this one.</summary>
    public required int ParentNamespaceId { get; init; }

    /// <summary>Name of the device under it in sysfs, such as a PCI address; empty: none.</summary>
    public required string ParentDevice { get; init; }

    /// <summary>Id of the XDP program on it; 0: none.</summary>
    public required uint XdpProgramId { get; init; }

    /// <summary>Where that program runs; null: there is none, or it runs in the device.</summary>
    public required XdpAttachMode? XdpMode { get; init; }

    /// <summary>Set up by its owner (IFF_UP).</summary>
    public bool IsUp => (Flags & Rt.FlagUp) != 0;

    /// <summary>The MAC as text, lower case, with colons.</summary>
    public string MacText =>
        string.Join(':', BitConverter.GetBytes(Mac).Take(6).Select(b => b.ToString("x2")));
}

/// <summary>One address of an interface.</summary>
/// <param name="InterfaceIndex">ifindex.</param>
/// <param name="Address">The interface's own address, IPv4 or IPv6.</param>
/// <param name="PrefixLength">Bits of its network.</param>
public sealed record LinkAddress(int InterfaceIndex, IPAddress Address, int PrefixLength);
