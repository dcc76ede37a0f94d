using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;

namespace LowLatency.Native.Netlink;

/// <summary>Asks rtnetlink of one network namespace: interfaces, addresses, statistics. One thread at a time;
/// stays in its namespace whichever the calling thread is in.</summary>
public sealed class RouteNetlink : IDisposable
{
    private const int RequestBytes = 64; // header, the largest struct, one name
    private const byte AttachedDrv = 1;  // linux/if_link.h XDP_ATTACHED_*
    private const byte AttachedSkb = 2;

    private readonly NetlinkSocket _socket;
    private readonly byte[] _request = new byte[RequestBytes];

    private RouteNetlink(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens a socket in a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public static RouteNetlink Open(string networkNamespace)
    {
        NetlinkSocket socket = NetlinkSocket.Open(networkNamespace, Nl.ProtocolRoute);
        Libc.NetAskStrictDumps(socket.Fd);
        return new RouteNetlink(socket);
    }

    /// <summary>Every interface, in the kernel's order.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public IReadOnlyList<LinkInfo> Links()
    {
        NetlinkRequest request = new(_request, Rt.GetLink, Nl.FlagDump);
        request.Append(default(Rt.InterfaceMessage));
        List<LinkInfo> links = [];
        Errno errno = _socket.Dump(request.Bytes, ParseLink, links);
        return errno == Errno.Ok ? links : throw Refused("RTM_GETLINK", errno);
    }

    /// <summary>The interface of this name; null when there is none.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public LinkInfo? FindLink(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (System.Text.Encoding.UTF8.GetByteCount(name) > 15)
        {
            return null; // IFNAMSIZ: none can be
        }

        NetlinkRequest request = new(_request, Rt.GetLink, 0);
        request.Append(default(Rt.InterfaceMessage));
        request.Attribute(LinkAttribute.Name, name);
        return One(request.Bytes);
    }

    /// <summary>The interface of this ifindex; null when there is none.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public LinkInfo? FindLink(int interfaceIndex)
    {
        Invariant.Require(interfaceIndex > 0);
        NetlinkRequest request = new(_request, Rt.GetLink, 0);
        request.Append(new Rt.InterfaceMessage { Index = interfaceIndex });
        return One(request.Bytes);
    }

    /// <summary>The addresses of an interface, IPv4 and IPv6; empty when it is gone.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public IReadOnlyList<LinkAddress> Addresses(int interfaceIndex)
    {
        Invariant.Require(interfaceIndex > 0);
        List<LinkAddress> addresses = [];
        foreach (byte family in (ReadOnlySpan<byte>)[Rt.FamilyIpv4, Rt.FamilyIpv6])
        {
            NetlinkRequest request = new(_request, Rt.GetAddr, Nl.FlagDump);
            request.Append(new Rt.AddressMessage { Family = family, Index = interfaceIndex });
            List<LinkAddress> found = [];
            Errno errno = _socket.Dump(request.Bytes, ParseAddress, found);
            if (errno is not (Errno.Ok or Errno.ENODEV or Errno.EOPNOTSUPP)) // a kernel without IPv6 has none
            {
                throw Refused("RTM_GETADDR", errno);
            }

            // A kernel that knows no filter answers with every interface's.
            addresses.AddRange(found.Where(address => address.InterfaceIndex == interfaceIndex));
        }

        return addresses;
    }

    /// <summary>Reads an interface's counters. Allocates nothing: for polling.</summary>
    /// <returns>Ok; ENODEV when the interface is gone. Counters are then as they were.</returns>
    public Errno ReadStatistics(int interfaceIndex, ref LinkStatistics statistics)
    {
        NetlinkRequest request = new(_request, Rt.GetStats, 0);
        request.Append(new Rt.StatsMessage { Index = interfaceIndex, FilterMask = Rt.StatsLink64Filter });
        Errno errno = _socket.Get(request.Bytes, out NetlinkMessage answer);
        if (errno != Errno.Ok)
        {
            return errno;
        }

        NetlinkAttributes attributes = answer.AttributesAfter(Unsafe.SizeOf<Rt.StatsMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            if (type == Rt.StatsLink64 && MemoryMarshal.TryRead(value, out Rt.Stats64 stats))
            {
                statistics = new LinkStatistics
                {
                    RxPackets = stats.RxPackets,
                    TxPackets = stats.TxPackets,
                    RxErrors = stats.RxErrors,
                    TxErrors = stats.TxErrors,
                    RxDropped = stats.RxDropped,
                    TxDropped = stats.TxDropped,
                    RxMissed = stats.RxMissedErrors,
                    RxNoHandler = stats.RxNoHandler,
                };
                return Errno.Ok;
            }
        }

        return Errno.ENOENT;
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => _socket.Dispose();

    /// <summary>Reads an address message: its own address, or the peer's where it has only that.</summary>
    internal static bool TryReadAddress(
        NetlinkMessage message, out Rt.AddressMessage header, out ReadOnlySpan<byte> address)
    {
        address = default;
        if (!MemoryMarshal.TryRead(message.Payload, out header)
            || header.Family is not (Rt.FamilyIpv4 or Rt.FamilyIpv6))
        {
            return false;
        }

        bool hasLocal = false;
        NetlinkAttributes attributes = message.AttributesAfter(Unsafe.SizeOf<Rt.AddressMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            if (type == Rt.AddrLocal || (type == Rt.AddrAddress && !hasLocal))
            {
                hasLocal |= type == Rt.AddrLocal;
                address = value;
            }
        }

        return address.Length == (header.Family == Rt.FamilyIpv4 ? 4 : 16);
    }

    /// <summary>Reads a link message; null when it is none.</summary>
    internal static LinkInfo? ParseLink(NetlinkMessage message) => ParseLink(message, Rt.NewLink);

    /// <summary>Reads a link message of a type; null when it is none.</summary>
    internal static LinkInfo? ParseLink(NetlinkMessage message, ushort messageType)
    {
        if (message.Type != messageType
            || !MemoryMarshal.TryRead(message.Payload, out Rt.InterfaceMessage header)
            || header.Family != Rt.FamilyUnspecified)
        {
            return null;
        }

        LinkInfo link = new()
        {
            Index = header.Index,
            Flags = header.Flags,
            HardwareType = header.Type,
            Name = "",
            Kind = "",
            MtuBytes = 0,
            Mac = 0,
            OperState = OperState.Unknown,
            HasCarrier = (header.Flags & Rt.FlagLowerUp) != 0,
            TxQueues = 0,
            RxQueues = 0,
            MasterIndex = 0,
            ParentIndex = 0,
            ParentNamespaceId = -1,
            ParentDevice = "",
            XdpProgramId = 0,
            XdpMode = null,
        };
        NetlinkAttributes attributes = message.AttributesAfter(Unsafe.SizeOf<Rt.InterfaceMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            link = With(link, type, value);
        }

        return link;
    }

    private static LinkAddress? ParseAddress(NetlinkMessage message) =>
        message.Type == Rt.NewAddr
        && TryReadAddress(message, out Rt.AddressMessage header, out ReadOnlySpan<byte> address)
            ? new LinkAddress(header.Index, new IPAddress(address), header.PrefixLength)
            : null;

    private static LinkInfo With(LinkInfo link, int type, ReadOnlySpan<byte> value)
    {
        ulong number = NetlinkAttributes.Number(value);
        return type switch
        {
            LinkAttribute.Name => link with { Name = NetlinkAttributes.Text(value) },
            LinkAttribute.Mtu => link with { MtuBytes = (uint)number },
            LinkAttribute.Address => link with { Mac = Mac(value) },
            LinkAttribute.Parent => link with { ParentIndex = (int)number },
            LinkAttribute.Master => link with { MasterIndex = (int)number },
            LinkAttribute.OperState => link with { OperState = (OperState)number },
            LinkAttribute.TxQueues => link with { TxQueues = (int)number },
            LinkAttribute.RxQueues => link with { RxQueues = (int)number },
            LinkAttribute.Carrier => link with { HasCarrier = number != 0 && link.IsUp },
            LinkAttribute.NamespaceId => link with { ParentNamespaceId = (int)number },
            LinkAttribute.ParentDevice => link with { ParentDevice = NetlinkAttributes.Text(value) },
            LinkAttribute.Info => link with { Kind = Kind(value) },
            LinkAttribute.Xdp => WithXdp(link, value),
            _ => link,
        };
    }

    private static ulong Mac(ReadOnlySpan<byte> value)
    {
        ulong mac = 0;
        for (int i = 0; i < 6 && value.Length == 6; i++)
        {
            mac |= (ulong)value[i] << (8 * i);
        }

        return mac;
    }

    private static string Kind(ReadOnlySpan<byte> nested)
    {
        NetlinkAttributes attributes = new(nested);
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            if (type == LinkAttribute.InfoKind)
            {
                return NetlinkAttributes.Text(value);
            }
        }

        return "";
    }

    private static LinkInfo WithXdp(LinkInfo link, ReadOnlySpan<byte> nested)
    {
        ulong attached = 0;
        uint programId = 0;
        NetlinkAttributes attributes = new(nested);
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            if (type == LinkAttribute.XdpAttached)
            {
                attached = NetlinkAttributes.Number(value);
            }
            else if (type == LinkAttribute.XdpProgramId
                || (type is LinkAttribute.XdpNativeProgramId or LinkAttribute.XdpGenericProgramId
                    && programId == 0))
            {
                // Several at once have no plain id: take the first.
                programId = (uint)NetlinkAttributes.Number(value);
            }
        }

        return link with
        {
            XdpProgramId = programId,
            XdpMode = attached switch
            {
                AttachedDrv => XdpAttachMode.Native,
                AttachedSkb => XdpAttachMode.Generic,
                _ => null,
            },
        };
    }

    private static NativeException Refused(string what, Errno errno) =>
        new($"netlink({what})", errno, "Is the network namespace still there, and netlink allowed?");

    private LinkInfo? One(Span<byte> request)
    {
        Errno errno = _socket.Get(request, out NetlinkMessage answer);
        return errno switch
        {
            Errno.Ok => ParseLink(answer),
            Errno.ENODEV => null,
            _ => throw Refused("RTM_GETLINK", errno),
        };
    }
}
