using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libc: netlink and ioctl sockets, network namespaces. Declarations and the thinnest verbs; meaning
/// lives in <c>Netlink/</c>.</summary>
internal static unsafe partial class Libc
{
    // linux/socket.h, asm-generic/socket.h, asm-generic/fcntl.h, linux/sched.h, linux/netlink.h (x86-64).
    internal const int NetFamilyUnix = 1;
    internal const int NetFamilyNetlink = 16;
    internal const int NetFamilyPacket = 17;
    internal const int NetFamilyXdp = 44;
    internal const int NetDatagram = 2;
    internal const int NetRaw = 3;
    internal const int NetDontWait = 0x40;
    private const int NetCloseOnExec = 0x80000;
    private const int NetTruncate = 0x20;               // MSG_TRUNC: answer the message's full length
    private const int NetLevelSocket = 1;
    private const int NetReceiveBufferForce = 33;
    private const int NetReceiveBuffer = 8;
    private const int NetLevelNetlink = 270;
    private const int NetlinkAddMembership = 1;
    private const int NetlinkCapAck = 10;               // NETLINK_CAP_ACK: no echo of the refused request
    private const int NetlinkExtendedAck = 11;          // NETLINK_EXT_ACK: reasons in words
    private const int NetlinkStrictCheck = 12;          // NETLINK_GET_STRICT_CHK: a dump keeps to its filter
    private const int NetLevelPacket = 263;             // linux/socket.h SOL_PACKET
    private const int NetPacketAddMembership = 1;       // linux/if_packet.h PACKET_ADD_MEMBERSHIP
    private const ushort NetPacketPromiscuous = 1;      // PACKET_MR_PROMISC
    private const int CloneNewNet = 0x40000000;
    private const nuint SiocEthtool = 0x8946;

    [LibraryImport(Name, EntryPoint = "socket", SetLastError = true)]
    private static partial int NetSocket(int family, int type, int protocol);

    [LibraryImport(Name, EntryPoint = "bind", SetLastError = true)]
    private static partial int NetBind(int fd, void* address, uint length);

    [LibraryImport(Name, EntryPoint = "send", SetLastError = true)]
    private static partial nint NetSend(int fd, void* buffer, nuint length, int flags);

    [LibraryImport(Name, EntryPoint = "recv", SetLastError = true)]
    private static partial nint NetReceive(int fd, void* buffer, nuint length, int flags);

    [LibraryImport(Name, EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int NetSetOption(int fd, int level, int option, void* value, uint length);

    [LibraryImport(Name, EntryPoint = "ioctl", SetLastError = true)]
    private static partial int NetIoctl(int fd, nuint request, void* argument);

    [LibraryImport(Name, EntryPoint = "setns", SetLastError = true)]
    private static partial int NetSetns(int fd, int kind);

    /// <summary>linux/netlink.h <c>struct sockaddr_nl</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct NetlinkAddress
    {
        public ushort Family;
        public ushort Padding;
        public uint PortId;
        public uint Groups;
    }

    /// <summary>linux/if.h <c>struct ifreq</c>, the arm with a data pointer.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct InterfaceRequest
    {
        [FieldOffset(0)] public fixed byte Name[16];
        [FieldOffset(16)] public void* Data;
    }

    /// <summary>linux/if_packet.h <c>struct packet_mreq</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PacketMembership
    {
        public int InterfaceIndex;
        public ushort Type;
        public ushort AddressLength;
        public ulong Address;
    }

    internal static int NetOpen(int family, int type, int protocol, out Errno errno)
    {
        int fd = NetSocket(family, type | NetCloseOnExec, protocol);
        errno = fd >= 0 ? Errno.Ok : LastErrno;
        return fd;
    }

    internal static Errno NetBindNetlink(int fd)
    {
        NetlinkAddress address = new() { Family = NetFamilyNetlink };
        return NetBind(fd, &address, (uint)sizeof(NetlinkAddress)) == 0 ? Errno.Ok : LastErrno;
    }

    internal static Errno NetJoinGroup(int fd, uint group) =>
        NetSetOption(fd, NetLevelNetlink, NetlinkAddMembership, &group, sizeof(uint)) == 0
            ? Errno.Ok
            : LastErrno;

    internal static Errno NetJoinPromiscuous(int fd, int interfaceIndex)
    {
        PacketMembership wish = new() { InterfaceIndex = interfaceIndex, Type = NetPacketPromiscuous };
        return NetSetOption(fd, NetLevelPacket, NetPacketAddMembership, &wish, (uint)sizeof(PacketMembership)) == 0
            ? Errno.Ok
            : LastErrno;
    }

    /// <summary>Refused by kernels before 4.20: then a dump is unfiltered, which callers must stand
    /// anyway.</summary>
    internal static void NetAskStrictDumps(int fd)
    {
        int one = 1;
        _ = NetSetOption(fd, NetLevelNetlink, NetlinkStrictCheck, &one, sizeof(int));
    }

    /// <summary>Refusals come with the kernel's words, where it has any (since 4.12).</summary>
    internal static void NetAskReasons(int fd)
    {
        int one = 1;
        _ = NetSetOption(fd, NetLevelNetlink, NetlinkExtendedAck, &one, sizeof(int));
        _ = NetSetOption(fd, NetLevelNetlink, NetlinkCapAck, &one, sizeof(int));
    }

    /// <summary>Makes room for bursts of events; without CAP_NET_ADMIN up to net.core.rmem_max.</summary>
    internal static void NetGrowReceiveBuffer(int fd, int bytes)
    {
        if (NetSetOption(fd, NetLevelSocket, NetReceiveBufferForce, &bytes, sizeof(int)) != 0)
        {
            _ = NetSetOption(fd, NetLevelSocket, NetReceiveBuffer, &bytes, sizeof(int));
        }
    }

    internal static Errno NetSendAll(int fd, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes) // in bounds: the length is the span's own
        {
            nint sent;
            do
            {
                sent = NetSend(fd, start, (nuint)bytes.Length, 0);
            }
            while (sent < 0 && LastErrno == Errno.EINTR);
            return sent == bytes.Length ? Errno.Ok : sent < 0 ? LastErrno : Errno.ENOBUFS;
        }
    }

    /// <summary>Receives one datagram; its true length, which is beyond the span's when it did not
    /// fit.</summary>
    internal static int NetReceiveOne(int fd, Span<byte> into, int flags, out Errno errno)
    {
        fixed (byte* start = into) // in bounds: the length is the span's own
        {
            nint length;
            do
            {
                length = NetReceive(fd, start, (nuint)into.Length, flags | NetTruncate);
                errno = length >= 0 ? Errno.Ok : LastErrno;
            }
            while (errno == Errno.EINTR);
            return (int)length;
        }
    }

    /// <summary>SIOCETHTOOL: <paramref name="command"/> is a struct of linux/ethtool.h, its command number
    /// first.</summary>
    internal static Errno NetEthtool(int fd, string interfaceName, Span<byte> command)
    {
        InterfaceRequest request = default;
        int length = System.Text.Encoding.UTF8.GetByteCount(interfaceName);
        if (length > 15)
        {
            return Errno.ENODEV; // IFNAMSIZ: no such interface can be
        }

        System.Text.Encoding.UTF8.GetBytes(interfaceName, new Span<byte>(request.Name, 16));
        fixed (byte* data = command) // in bounds: callers size it as the command's struct says
        {
            request.Data = data;
            return NetIoctl(fd, SiocEthtool, &request) == 0 ? Errno.Ok : LastErrno;
        }
    }

    internal static Errno NetEnterNamespace(int fd) => NetSetns(fd, CloneNewNet) == 0 ? Errno.Ok : LastErrno;
}
