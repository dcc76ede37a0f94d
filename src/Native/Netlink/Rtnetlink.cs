using System.Runtime.InteropServices;

namespace LowLatency.Native.Netlink;

/// <summary>linux/rtnetlink.h, if_link.h, if_addr.h, if.h: numbers and structs, compared with the headers by
/// a test.</summary>
internal static class Rt
{
    public const ushort NewLink = 16;
    public const ushort DelLink = 17;
    public const ushort GetLink = 18;
    public const ushort NewAddr = 20;
    public const ushort DelAddr = 21;
    public const ushort GetAddr = 22;
    public const ushort GetQdisc = 38;
    public const ushort GetFilter = 46;
    public const ushort GetStats = 94;

    public const uint GroupLink = 1;        // RTNLGRP_LINK
    public const uint GroupIpv4Address = 5; // RTNLGRP_IPV4_IFADDR
    public const uint GroupIpv6Address = 9; // RTNLGRP_IPV6_IFADDR

    public const int StatsLink64 = 1;       // IFLA_STATS_LINK_64, of RTM_GETSTATS
    public const uint StatsLink64Filter = 1;

    public const int AddrAddress = 1;       // IFA_ADDRESS: the peer's on point-to-point links
    public const int AddrLocal = 2;         // IFA_LOCAL

    public const uint ExtensionVf = 1;      // RTEXT_FILTER_VF
    public const uint ParentIngress = 0xFFFF_FFF2; // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
    public const uint ParentEgress = 0xFFFF_FFF3;

    public const uint FlagUp = 0x1;         // IFF_UP
    public const uint FlagLowerUp = 0x10000; // IFF_LOWER_UP: carrier

    public const byte FamilyUnspecified = 0;
    public const byte FamilyIpv4 = 2;
    public const byte FamilyIpv6 = 10;

    /// <summary><c>struct ifinfomsg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct InterfaceMessage
    {
        public byte Family;
        public byte Padding;
        public ushort Type;
        public int Index;
        public uint Flags;
        public uint Change;
    }

    /// <summary><c>struct ifaddrmsg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct AddressMessage
    {
        public byte Family;
        public byte PrefixLength;
        public byte Flags;
        public byte Scope;
        public int Index;
    }

    /// <summary><c>struct tcmsg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TrafficMessage
    {
        public byte Family;
        public byte Padding1;
        public ushort Padding2;
        public int Index;
        public uint Handle;
        public uint Parent;
        public uint Info;
    }

    /// <summary><c>struct if_stats_msg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct StatsMessage
    {
        public byte Family;
        public byte Padding1;
        public ushort Padding2;
        public int Index;
        public uint FilterMask;
    }

    /// <summary><c>struct rtnl_link_stats64</c>, up to what every kernel since 4.6 has.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Stats64
    {
        public ulong RxPackets;
        public ulong TxPackets;
        public ulong RxBytes;
        public ulong TxBytes;
        public ulong RxErrors;
        public ulong TxErrors;
        public ulong RxDropped;
        public ulong TxDropped;
        public ulong Multicast;
        public ulong Collisions;
        public ulong RxLengthErrors;
        public ulong RxOverErrors;
        public ulong RxCrcErrors;
        public ulong RxFrameErrors;
        public ulong RxFifoErrors;
        public ulong RxMissedErrors;
        public ulong TxAbortedErrors;
        public ulong TxCarrierErrors;
        public ulong TxFifoErrors;
        public ulong TxHeartbeatErrors;
        public ulong TxWindowErrors;
        public ulong RxCompressed;
        public ulong TxCompressed;
        public ulong RxNoHandler;
    }
}
