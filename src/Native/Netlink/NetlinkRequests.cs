namespace LowLatency.Native.Netlink;

/// <summary>Which part of the kernel answers.</summary>
public enum NetlinkFamily
{
    /// <summary>Generic netlink family "ethtool" (linux/ethtool_netlink.h).</summary>
    Ethtool,
    /// <summary>Generic netlink family "netdev" (linux/netdev.h, since 6.3).</summary>
    Netdev,
    /// <summary>NETLINK_ROUTE (linux/rtnetlink.h).</summary>
    Route,
    /// <summary>NETLINK_SOCK_DIAG (linux/sock_diag.h).</summary>
    SockDiag,
    /// <summary>NETLINK_NETFILTER (linux/netfilter/nfnetlink.h).</summary>
    Netfilter,
}

/// <summary>A question that <see cref="NetlinkQuery"/> can ask. All of them only read.</summary>
/// <param name="Name">What <see cref="NetlinkQuery.Ask"/> takes, such as <c>ethtool.rings</c>.</param>
/// <param name="Family">Who answers.</param>
/// <param name="Command">Generic families: the command (genlmsghdr.cmd); others: the message type.</param>
/// <param name="HeaderBytes">Size of the header in each message of the answer, for
/// <see cref="NetlinkRecord.Parse"/>.</param>
/// <param name="Meaning">What the answer says, one line.</param>
/// <param name="MayPostFirmwareCommand">Some driver answers by a command to its device's firmware (mlx5,
/// bnxt, i40e, ena): slow, and behind whatever else waits there. The others answer from memory.</param>
public sealed record NetlinkRequestKind(string Name, NetlinkFamily Family, int Command, int HeaderBytes,
    string Meaning, bool MayPostFirmwareCommand);

/// <summary>The questions there are. Numbers: linux/ethtool_netlink.h ETHTOOL_MSG_*_GET, linux/netdev.h
/// NETDEV_CMD_*, linux/rtnetlink.h RTM_*, linux/sock_diag.h, linux/netfilter/nfnetlink_hook.h.</summary>
public static class NetlinkRequests
{
    private const int GenericHeader = 4;   // struct genlmsghdr
    private const int LinkHeader = 16;     // struct ifinfomsg
    private const int TrafficHeader = 20;  // struct tcmsg
    private const int XdpDiagHeader = 16;  // struct xdp_diag_msg
    private const int NetfilterHeader = 4; // struct nfgenmsg

    internal const int SockDiagByFamily = 20;   // SOCK_DIAG_BY_FAMILY
    internal const int NetfilterHookGet = 12 << 8; // NFNL_SUBSYS_HOOK, NFNL_MSG_HOOK_GET

    /// <summary>Every question, by family.</summary>
    public static IReadOnlyList<NetlinkRequestKind> All { get; } =
    [
        Ethtool("ethtool.linkmodes", 4, "speed, duplex, lanes, negotiation, own and peer's modes", true),
        Ethtool("ethtool.linkstate", 6, "link, why it is down, how often it went", true),
        Ethtool("ethtool.fec", 29, "forward error correction: allowed, in use, blocks corrected and lost",
            true),
        Ethtool("ethtool.channels", 17, "queues: now and at most", false),
        Ethtool("ethtool.rings", 15, "descriptors: now and at most, buffer sizes, header split", false),
        Ethtool("ethtool.coalesce", 19, "how long interrupts wait, whether the driver adapts it", false),
        Ethtool("ethtool.features", 11, "offloads by name: wanted, active, fixed", false),
        Ethtool("ethtool.pause", 21, "flow control and its frames", true),
        Ethtool("ethtool.eee", 23, "Energy-Efficient Ethernet", true),
        Ethtool("ethtool.rss", 38, "receive hashing: function, key, queue of each slot", true),
        Ethtool("ethtool.privflags", 13, "the driver's own flags by name", false),
        Netdev("netdev.dev", NetdevAttribute.CommandDevice, "XDP, AF_XDP and metadata features"),
        Netdev("netdev.queues", NetdevAttribute.CommandQueue, "each queue's NAPI and what is bound to it"),
        Netdev("netdev.napis", NetdevAttribute.CommandNapi, "each NAPI's interrupt, thread and deferral"),
        Netdev("netdev.qstats", NetdevAttribute.CommandQueueStats, "each queue's counters"),
        new("route.link", NetlinkFamily.Route, Rt.GetLink, LinkHeader,
            "the interface, its counters, XDP program and VFs", true),
        new("route.qdisc", NetlinkFamily.Route, Rt.GetQdisc, TrafficHeader,
            "its queueing disciplines", false),
        new("route.filter", NetlinkFamily.Route, Rt.GetFilter, TrafficHeader,
            "its filters at ingress and, with clsact, at egress", false),
        new("xdp.diag", NetlinkFamily.SockDiag, SockDiagByFamily, XdpDiagHeader,
            "every AF_XDP socket of the namespace: queue, rings, UMEM, drops", false),
        new("nft.hooks", NetlinkFamily.Netfilter, NetfilterHookGet, NetfilterHeader,
            "its netfilter hooks at ingress and egress", false),
    ];

    /// <summary>The question of this name; null when there is none.</summary>
    public static NetlinkRequestKind? Find(string name) => All.FirstOrDefault(kind => kind.Name == name);

    private static NetlinkRequestKind Ethtool(string name, int command, string meaning, bool mayPost) =>
        new(name, NetlinkFamily.Ethtool, command, GenericHeader, meaning, mayPost);

    private static NetlinkRequestKind Netdev(string name, int command, string meaning) =>
        new(name, NetlinkFamily.Netdev, command, GenericHeader, meaning, MayPostFirmwareCommand: false);
}
