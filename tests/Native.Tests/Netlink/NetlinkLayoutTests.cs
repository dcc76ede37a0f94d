using System.Runtime.CompilerServices;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Native.Tests.Netlink;

/// <summary>Numbers and structs of netlink and ethtool against the kernel's headers.</summary>
public sealed unsafe class NetlinkLayoutTests
{
    [Fact]
    public void Netlink_has_the_kernels_numbers() => HostC.Compare(
        ("sizeof(struct nlmsghdr)", Nl.HeaderBytes),
        ("sizeof(struct nlattr)", Nl.AttributeHeaderBytes),
        ("NLA_TYPE_MASK & 0xFFFF", Nl.AttributeTypeMask),
        ("NETLINK_ROUTE", Nl.ProtocolRoute),
        ("NETLINK_GENERIC", Nl.ProtocolGeneric),
        ("NLMSG_ERROR", Nl.TypeError),
        ("NLMSG_DONE", Nl.TypeDone),
        ("NLM_F_REQUEST", Nl.FlagRequest),
        ("NLM_F_DUMP_INTR", Nl.FlagDumpInterrupted),
        ("NLM_F_DUMP", Nl.FlagDump));

    [Fact]
    public void Rtnetlink_has_the_kernels_numbers() => HostC.Compare(
        ("RTM_NEWLINK", Rt.NewLink), ("RTM_DELLINK", Rt.DelLink), ("RTM_GETLINK", Rt.GetLink),
        ("RTM_NEWADDR", Rt.NewAddr), ("RTM_DELADDR", Rt.DelAddr), ("RTM_GETADDR", Rt.GetAddr),
        ("RTM_GETSTATS", Rt.GetStats),
        ("RTNLGRP_LINK", Rt.GroupLink), ("RTNLGRP_IPV4_IFADDR", Rt.GroupIpv4Address),
        ("RTNLGRP_IPV6_IFADDR", Rt.GroupIpv6Address),
        ("IFLA_STATS_LINK_64", Rt.StatsLink64),
        ("IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)", Rt.StatsLink64Filter),
        ("IFA_ADDRESS", Rt.AddrAddress), ("IFA_LOCAL", Rt.AddrLocal),
        ("IFF_UP", Rt.FlagUp), ("IFF_LOWER_UP", Rt.FlagLowerUp),
        ("AF_UNSPEC", Rt.FamilyUnspecified), ("AF_INET", Rt.FamilyIpv4), ("AF_INET6", Rt.FamilyIpv6),
        ("IF_OPER_DORMANT", (long)OperState.Dormant), ("IF_OPER_UP", (long)OperState.Up));

    [Fact]
    public void Rtnetlink_structs_have_the_kernels_layout()
    {
        Rt.Stats64 stats = default;
        HostC.Compare(
            ("sizeof(struct ifinfomsg)", sizeof(Rt.InterfaceMessage)),
            ("sizeof(struct ifaddrmsg)", sizeof(Rt.AddressMessage)),
            ("sizeof(struct if_stats_msg)", sizeof(Rt.StatsMessage)),
            ("offsetof(struct rtnl_link_stats64, rx_otherhost_dropped)", sizeof(Rt.Stats64)),
            ("offsetof(struct rtnl_link_stats64, tx_errors)", Offset(ref stats, ref stats.TxErrors)),
            ("offsetof(struct rtnl_link_stats64, rx_dropped)", Offset(ref stats, ref stats.RxDropped)),
            ("offsetof(struct rtnl_link_stats64, tx_dropped)", Offset(ref stats, ref stats.TxDropped)),
            ("offsetof(struct rtnl_link_stats64, rx_missed_errors)",
                Offset(ref stats, ref stats.RxMissedErrors)),
            ("offsetof(struct rtnl_link_stats64, rx_nohandler)", Offset(ref stats, ref stats.RxNoHandler)));
    }

    [Fact]
    public void Ethtool_has_the_kernels_numbers() => HostC.Compare(
        ("ETHTOOL_GDRVINFO", Ethtool.GetDriver), ("ETHTOOL_GRINGPARAM", Ethtool.GetRings),
        ("ETHTOOL_GFLAGS", Ethtool.GetFlags), ("ETHTOOL_GGRO", Ethtool.GetGro),
        ("ETHTOOL_GRXCLSRLCNT", Ethtool.GetRules),
        ("sizeof(struct ethtool_rxnfc)", Ethtool.RulesBytes),
        ("offsetof(struct ethtool_rxnfc, rule_cnt)", Ethtool.RulesCount),
        ("ETHTOOL_GCHANNELS", Ethtool.GetChannels), ("ETHTOOL_GET_TS_INFO", Ethtool.GetTimestamping),
        ("sizeof(struct ethtool_drvinfo)", Ethtool.DriverBytes),
        ("sizeof(struct ethtool_ringparam)", Ethtool.RingsBytes),
        ("sizeof(struct ethtool_channels)", Ethtool.ChannelsBytes),
        ("sizeof(struct ethtool_ts_info)", Ethtool.TimestampingBytes),
        ("sizeof(struct ethtool_value)", Ethtool.ValueBytes),
        ("offsetof(struct ethtool_drvinfo, bus_info)", 100),
        ("offsetof(struct ethtool_channels, combined_count)", 4 * 8),
        ("offsetof(struct ethtool_channels, max_combined)", 4 * 4),
        ("offsetof(struct ethtool_ringparam, tx_pending)", 4 * 8),
        ("offsetof(struct ethtool_ringparam, rx_pending)", 4 * 5),
        ("offsetof(struct ethtool_ringparam, tx_max_pending)", 4 * 4),
        ("offsetof(struct ethtool_ts_info, phc_index)", 4 * 2),
        ("offsetof(struct ethtool_ts_info, rx_filters)", 4 * 7),
        ("ETH_FLAG_LRO", Ethtool.FlagLro), ("ETH_FLAG_RXVLAN", Ethtool.FlagRxVlan),
        ("ETH_FLAG_TXVLAN", Ethtool.FlagTxVlan), ("ETH_FLAG_NTUPLE", Ethtool.FlagNtuple),
        ("ETH_FLAG_RXHASH", Ethtool.FlagRxHash));

    private static long Offset<TStruct, TField>(ref TStruct whole, ref TField field) =>
        Unsafe.ByteOffset(ref Unsafe.As<TStruct, byte>(ref whole), ref Unsafe.As<TField, byte>(ref field));
}
