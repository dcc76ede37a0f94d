using System.Buffers.Binary;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Netlink;

/// <summary>Who drives an interface (ETHTOOL_GDRVINFO).</summary>
/// <param name="Name">Driver, such as <c>ice</c> or <c>veth</c>.</param>
/// <param name="Version">Driver's or kernel's version.</param>
/// <param name="Firmware">Firmware version; empty or <c>N/A</c> where there is none.</param>
/// <param name="BusInfo">PCI address; empty for virtual interfaces.</param>
public sealed record EthtoolDriver(string Name, string Version, string Firmware, string BusInfo);

/// <summary>Queues of an interface (ETHTOOL_GCHANNELS): now and at most.</summary>
/// <param name="Rx">Rx-only channels.</param>
/// <param name="Tx">Tx-only channels.</param>
/// <param name="Combined">Channels with both.</param>
/// <param name="RxMax">Most rx-only channels.</param>
/// <param name="TxMax">Most tx-only channels.</param>
/// <param name="CombinedMax">Most channels with both.</param>
public sealed record EthtoolChannels(int Rx, int Tx, int Combined, int RxMax, int TxMax, int CombinedMax)
{
    /// <summary>Rx queues in use: an AF_XDP socket must bind below this.</summary>
    public int RxQueues => Rx + Combined;

    /// <summary>Tx queues in use.</summary>
    public int TxQueues => Tx + Combined;
}

/// <summary>Descriptor rings of a device (ETHTOOL_GRINGPARAM), slots.</summary>
/// <param name="Rx">Rx ring.</param>
/// <param name="Tx">Tx ring.</param>
/// <param name="RxMax">Largest rx ring.</param>
/// <param name="TxMax">Largest tx ring.</param>
public sealed record EthtoolRings(int Rx, int Tx, int RxMax, int TxMax);

/// <summary>What an interface can timestamp (ETHTOOL_GET_TS_INFO).</summary>
/// <param name="Capabilities">linux/net_tstamp.h SOF_TIMESTAMPING_* bits.</param>
/// <param name="ClockIndex">N of /dev/ptpN; -1: no hardware clock.</param>
/// <param name="TxTypes">Bits of hwtstamp_tx_types.</param>
/// <param name="RxFilters">Bits of hwtstamp_rx_filters.</param>
public sealed record EthtoolTimestamping(uint Capabilities, int ClockIndex, uint TxTypes, uint RxFilters)
{
    private const uint TxHardware = 1 << 0;
    private const uint RxHardware = 1 << 2;
    private const uint RawHardware = 1 << 6;

    /// <summary>The device stamps what it receives and shows the raw time.</summary>
    public bool HasHardwareRx => (Capabilities & (RxHardware | RawHardware)) == (RxHardware | RawHardware);

    /// <summary>The device stamps what it sends and shows the raw time.</summary>
    public bool HasHardwareTx => (Capabilities & (TxHardware | RawHardware)) == (TxHardware | RawHardware);
}

/// <summary>Offloads that change what a program or a forwarder sees; null where the driver does not
/// say.</summary>
/// <param name="Gro">Generic receive offload.</param>
/// <param name="Lro">Large receive offload: merges frames before XDP, never forward with it.</param>
/// <param name="RxVlan">The device takes VLAN tags off: neither XDP nor AF_XDP sees them in the
/// frame.</param>
/// <param name="TxVlan">The device puts VLAN tags on.</param>
/// <param name="Ntuple">Flow steering rules.</param>
/// <param name="RxHash">Receive hashing.</param>
public sealed record EthtoolFeatures(bool? Gro, bool? Lro, bool? RxVlan, bool? TxVlan, bool? Ntuple,
    bool? RxHash);

/// <summary>Asks drivers by ioctl(SIOCETHTOOL), in one network namespace. One thread.</summary>
public sealed class Ethtool : IDisposable
{
    // linux/ethtool.h; the structs are read by offset, compared with the header by a test.
    internal const uint GetDriver = 0x03;
    internal const uint GetRings = 0x10;
    internal const uint GetFlags = 0x25;
    internal const uint GetGro = 0x2B;
    internal const uint GetRules = 0x2E;        // ETHTOOL_GRXCLSRLCNT
    internal const uint GetChannels = 0x3C;
    internal const uint GetTimestamping = 0x41;
    internal const int DriverBytes = 196;       // struct ethtool_drvinfo
    internal const int RingsBytes = 36;         // struct ethtool_ringparam
    internal const int ChannelsBytes = 36;      // struct ethtool_channels
    internal const int TimestampingBytes = 44;  // struct ethtool_ts_info
    internal const int ValueBytes = 8;          // struct ethtool_value
    internal const int RulesBytes = 192;        // struct ethtool_rxnfc
    internal const int RulesCount = 184;        // its rule_cnt
    internal const uint FlagTxVlan = 1u << 7;   // ETH_FLAG_*
    internal const uint FlagRxVlan = 1u << 8;
    internal const uint FlagLro = 1u << 15;
    internal const uint FlagNtuple = 1u << 27;
    internal const uint FlagRxHash = 1u << 28;

    private readonly int _fd;

    private Ethtool(int fd) => _fd = fd;

    /// <summary>Opens a socket in a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public static Ethtool Open(string networkNamespace)
    {
        using NetworkNamespace scope = NetworkNamespace.Enter(networkNamespace);
        int fd = Libc.NetOpen(Libc.NetFamilyNetlink, Libc.NetRaw, Nl.ProtocolGeneric, out Errno errno);
        return fd >= 0 ? new Ethtool(fd) : throw new NativeException("socket(AF_NETLINK)", errno,
            "A sandbox must allow netlink sockets.");
    }

    /// <summary>The driver; null when it does not say.</summary>
    /// <exception cref="NativeException">No such interface, or the kernel refused.</exception>
    public EthtoolDriver? Driver(string interfaceName)
    {
        Span<byte> info = stackalloc byte[DriverBytes];
        return Ask(interfaceName, GetDriver, "GDRVINFO", info)
            ? new EthtoolDriver(FixedText.Read(info[4..36]), FixedText.Read(info[36..68]),
                FixedText.Read(info[68..100]), FixedText.Read(info[100..132]))
            : null;
    }

    /// <summary>The channels; null when the driver has no such notion.</summary>
    /// <exception cref="NativeException">No such interface, or the kernel refused.</exception>
    public EthtoolChannels? Channels(string interfaceName)
    {
        Span<byte> info = stackalloc byte[ChannelsBytes];
        return Ask(interfaceName, GetChannels, "GCHANNELS", info)
            ? new EthtoolChannels(Int(info, 5), Int(info, 6), Int(info, 8), Int(info, 1), Int(info, 2),
                Int(info, 4))
            : null;
    }

    /// <summary>The descriptor rings; null when the driver has none to show.</summary>
    /// <exception cref="NativeException">No such interface, or the kernel refused.</exception>
    public EthtoolRings? Rings(string interfaceName)
    {
        Span<byte> info = stackalloc byte[RingsBytes];
        return Ask(interfaceName, GetRings, "GRINGPARAM", info)
            ? new EthtoolRings(Int(info, 5), Int(info, 8), Int(info, 1), Int(info, 4))
            : null;
    }

    /// <summary>Timestamping; null when the driver does not say.</summary>
    /// <exception cref="NativeException">No such interface, or the kernel refused.</exception>
    public EthtoolTimestamping? Timestamping(string interfaceName)
    {
        Span<byte> info = stackalloc byte[TimestampingBytes];
        return Ask(interfaceName, GetTimestamping, "GET_TS_INFO", info)
            ? new EthtoolTimestamping((uint)Int(info, 1), Int(info, 2), (uint)Int(info, 3),
                (uint)Int(info, 7))
            : null;
    }

    /// <summary>Rules that steer received frames to queues (ETHTOOL_GRXCLSRLCNT, as
    /// <c>ethtool -n</c> counts them); null when the driver has no such rules.</summary>
    /// <exception cref="NativeException">No such interface, or the kernel refused.</exception>
    public int? ClassificationRules(string interfaceName)
    {
        Span<byte> info = stackalloc byte[RulesBytes];
        return Ask(interfaceName, GetRules, "GRXCLSRLCNT", info) ? Int(info, RulesCount / sizeof(int)) : null;
    }

    /// <summary>Offloads.</summary>
    /// <exception cref="NativeException">No such interface, or the kernel refused.</exception>
    public EthtoolFeatures Features(string interfaceName)
    {
        Span<byte> gro = stackalloc byte[ValueBytes];
        Span<byte> flags = stackalloc byte[ValueBytes];
        bool? hasGro = Ask(interfaceName, GetGro, "GGRO", gro) ? Int(gro, 1) != 0 : null;
        uint? bits = Ask(interfaceName, GetFlags, "GFLAGS", flags) ? (uint)Int(flags, 1) : null;
        return new EthtoolFeatures(hasGro, Has(bits, FlagLro), Has(bits, FlagRxVlan), Has(bits, FlagTxVlan),
            Has(bits, FlagNtuple), Has(bits, FlagRxHash));
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => Libc.CloseFile(_fd);

    private static bool? Has(uint? bits, uint flag) => bits == null ? null : (bits & flag) != 0;

    // Every struct read here is a row of 32-bit words after its command.
    private static int Int(ReadOnlySpan<byte> info, int word) =>
        BinaryPrimitives.ReadInt32LittleEndian(info[(4 * word)..]);

    private bool Ask(string interfaceName, uint command, string name, Span<byte> info)
    {
        info.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(info, command);
        Errno errno = Libc.NetEthtool(_fd, interfaceName, info);
        return errno switch
        {
            Errno.Ok => true,
            Errno.EOPNOTSUPP => false,
            Errno.ENODEV => throw new NativeException($"ioctl(SIOCETHTOOL, {name}, {interfaceName})", errno,
                "There is no such interface: 'ip link' shows those there are."),
            _ => throw new NativeException($"ioctl(SIOCETHTOOL, {name}, {interfaceName})", errno,
                "The driver refused; is the interface busy or being reset?"),
        };
    }
}
