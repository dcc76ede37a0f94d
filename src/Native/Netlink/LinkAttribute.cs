namespace LowLatency.Native.Netlink;

/// <summary>Attribute numbers of links, qdiscs and filters in rtnetlink: linux/if_link.h, linux/rtnetlink.h.
/// A number is one of its own level; offsets are of structs that an attribute holds.</summary>
public static class LinkAttribute
{
    /// <summary>IFLA_ADDRESS (bytes): the MAC.</summary>
    public const int Address = 1;
    /// <summary>IFLA_IFNAME (text).</summary>
    public const int Name = 3;
    /// <summary>IFLA_MTU (u32), bytes.</summary>
    public const int Mtu = 4;
    /// <summary>IFLA_LINK (u32): ifindex under it, or of a veth's peer.</summary>
    public const int Parent = 5;
    /// <summary>IFLA_QDISC (text): the root queueing discipline.</summary>
    public const int Qdisc = 6;
    /// <summary>IFLA_MASTER (u32): ifindex of the bridge or bond it belongs to.</summary>
    public const int Master = 10;
    /// <summary>IFLA_TXQLEN (u32), packets.</summary>
    public const int TxQueueLength = 13;
    /// <summary>IFLA_OPERSTATE (u8): <see cref="OperState"/>.</summary>
    public const int OperState = 16;
    /// <summary>IFLA_LINKINFO (nest).</summary>
    public const int Info = 18;
    /// <summary>IFLA_NUM_VF (u32): VFs that there are; absent: no SR-IOV.</summary>
    public const int VfCount = 21;
    /// <summary>IFLA_VFINFO_LIST (nest of <see cref="Vf"/>).</summary>
    public const int VfList = 22;
    /// <summary>IFLA_STATS64 (struct rtnl_link_stats64): <c>Stats*</c> are offsets in it.</summary>
    public const int Stats64 = 23;
    /// <summary>IFLA_EXT_MASK (u32, RTEXT_FILTER_*), of requests.</summary>
    public const int ExtensionMask = 29;
    /// <summary>IFLA_PROMISCUITY (u32): how many want all frames; 0 none.</summary>
    public const int Promiscuity = 30;
    /// <summary>IFLA_NUM_TX_QUEUES (u32), allocated.</summary>
    public const int TxQueues = 31;
    /// <summary>IFLA_NUM_RX_QUEUES (u32), allocated.</summary>
    public const int RxQueues = 32;
    /// <summary>IFLA_CARRIER (u8): 1 the medium is there.</summary>
    public const int Carrier = 33;
    /// <summary>IFLA_CARRIER_CHANGES (u32): times it came or went.</summary>
    public const int CarrierChanges = 35;
    /// <summary>IFLA_LINK_NETNSID (s32): namespace of <see cref="Parent"/>.</summary>
    public const int NamespaceId = 37;
    /// <summary>IFLA_XDP (nest).</summary>
    public const int Xdp = 43;
    /// <summary>IFLA_CARRIER_UP_COUNT (u32).</summary>
    public const int CarrierUps = 47;
    /// <summary>IFLA_CARRIER_DOWN_COUNT (u32).</summary>
    public const int CarrierDowns = 48;
    /// <summary>IFLA_MIN_MTU (u32), bytes.</summary>
    public const int MtuMin = 50;
    /// <summary>IFLA_MAX_MTU (u32), bytes; 0: no limit.</summary>
    public const int MtuMax = 51;
    /// <summary>IFLA_ALT_IFNAME (text), repeated inside IFLA_PROP_LIST.</summary>
    public const int AlternativeName = 53;
    /// <summary>IFLA_PERM_ADDRESS (bytes): the device's own MAC.</summary>
    public const int PermanentAddress = 54;
    /// <summary>IFLA_PARENT_DEV_NAME (text): name in sysfs, such as a PCI address.</summary>
    public const int ParentDevice = 56;
    /// <summary>IFLA_PARENT_DEV_BUS_NAME (text), such as <c>pci</c>.</summary>
    public const int ParentBus = 57;

    /// <summary>IFLA_INFO_KIND (text) in <see cref="Info"/>, such as <c>veth</c>.</summary>
    public const int InfoKind = 1;

    /// <summary>IFLA_XDP_ATTACHED (u8, XDP_ATTACHED_*): 0 none, 1 native, 2 generic, 3 in the device, 4
    /// several.</summary>
    public const int XdpAttached = 2;
    /// <summary>IFLA_XDP_PROG_ID (u32): of the only program.</summary>
    public const int XdpProgramId = 4;
    /// <summary>IFLA_XDP_DRV_PROG_ID (u32).</summary>
    public const int XdpNativeProgramId = 5;
    /// <summary>IFLA_XDP_SKB_PROG_ID (u32).</summary>
    public const int XdpGenericProgramId = 6;
    /// <summary>IFLA_XDP_HW_PROG_ID (u32).</summary>
    public const int XdpDeviceProgramId = 7;

    /// <summary>IFLA_VF_INFO (nest), repeated inside <see cref="VfList"/>. Its structs begin with the VF
    /// (u32).</summary>
    public const int Vf = 1;
    /// <summary>IFLA_VF_MAC (struct: vf, MAC at 4).</summary>
    public const int VfMac = 1;
    /// <summary>IFLA_VF_VLAN (struct: vf, vlan at 4, 0 none; priority at 8).</summary>
    public const int VfVlan = 2;
    /// <summary>IFLA_VF_TX_RATE (struct: vf, rate at 4), Mbit/s; 0 no limit.</summary>
    public const int VfTxRate = 3;
    /// <summary>IFLA_VF_SPOOFCHK (struct: vf, setting at 4: 1 on, 0xFFFFFFFF unknown).</summary>
    public const int VfSpoofCheck = 4;
    /// <summary>IFLA_VF_LINK_STATE (struct: vf, state at 4: 0 as the port, 1 always up, 2 always
    /// down).</summary>
    public const int VfLinkState = 5;
    /// <summary>IFLA_VF_RATE (struct: vf, least at 4, most at 8), Mbit/s; 0 no limit.</summary>
    public const int VfRate = 6;
    /// <summary>IFLA_VF_RSS_QUERY_EN (struct: vf, setting at 4).</summary>
    public const int VfRssQuery = 7;
    /// <summary>IFLA_VF_STATS (nest).</summary>
    public const int VfStats = 8;
    /// <summary>IFLA_VF_TRUST (struct: vf, setting at 4: 1 trusted, 0xFFFFFFFF unknown).</summary>
    public const int VfTrust = 9;
    /// <summary>IFLA_VF_STATS_RX_DROPPED (u64), in <see cref="VfStats"/>.</summary>
    public const int VfStatsRxDropped = 7;
    /// <summary>IFLA_VF_STATS_TX_DROPPED (u64).</summary>
    public const int VfStatsTxDropped = 8;

    /// <summary>Offset of <c>rx_packets</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsRxPackets = 0;
    /// <summary>Offset of <c>tx_packets</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsTxPackets = 8;
    /// <summary>Offset of <c>rx_errors</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsRxErrors = 32;
    /// <summary>Offset of <c>tx_errors</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsTxErrors = 40;
    /// <summary>Offset of <c>rx_dropped</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsRxDropped = 48;
    /// <summary>Offset of <c>tx_dropped</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsTxDropped = 56;
    /// <summary>Offset of <c>rx_crc_errors</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsRxCrcErrors = 96;
    /// <summary>Offset of <c>rx_fifo_errors</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsRxFifoErrors = 112;
    /// <summary>Offset of <c>rx_missed_errors</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsRxMissedErrors = 120;
    /// <summary>Offset of <c>tx_carrier_errors</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsTxCarrierErrors = 136;
    /// <summary>Offset of <c>rx_nohandler</c> (u64) in <see cref="Stats64"/>.</summary>
    public const int StatsRxNohandler = 184;

    /// <summary>TCA_KIND (text) of qdiscs and filters, such as <c>mq</c>, <c>clsact</c>,
    /// <c>bpf</c>.</summary>
    public const int QdiscKind = 1;
    /// <summary>Offset of tcm_handle (u32) in a qdisc's header, struct tcmsg; tcm_ifindex is at 4.</summary>
    public const int QdiscHandle = 8;
    /// <summary>Offset of tcm_parent (u32) in struct tcmsg: 0xFFFFFFFF root, 0xFFFFFFF1 ingress or
    /// clsact.</summary>
    public const int QdiscParent = 12;
    /// <summary>TCA_HW_OFFLOAD (u8): 1 the device does it.</summary>
    public const int QdiscDeviceDone = 12;
}
