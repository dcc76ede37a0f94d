using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Netlink;

/// <summary>What changed.</summary>
public enum LinkChangeKind
{
    /// <summary>An interface appeared, or its state changed.</summary>
    Link,
    /// <summary>An interface is gone from this namespace.</summary>
    LinkGone,
    /// <summary>An interface got an address (or one it has changed).</summary>
    AddressAdded,
    /// <summary>An interface lost an address.</summary>
    AddressRemoved,
    /// <summary>Changes came faster than they were read and some are lost: read the state anew.</summary>
    Overrun,
}

/// <summary>One change, without references: it can be kept and copied freely.</summary>
public struct LinkChange
{
    /// <summary>What changed.</summary>
    public LinkChangeKind Kind;
    /// <summary>ifindex; 0 for <see cref="LinkChangeKind.Overrun"/>.</summary>
    public int InterfaceIndex;
    /// <summary>linux/if.h IFF_* (Link, LinkGone).</summary>
    public uint Flags;
    /// <summary>Bytes of <see cref="Address"/>: 4, 16, or 0 where the change has none.</summary>
    public int AddressLength;
    /// <summary>The address, network order.</summary>
    public Address16 Address;

    /// <summary>Set up by its owner.</summary>
    public readonly bool IsUp => (Flags & Rt.FlagUp) != 0;

    /// <summary>The medium is there.</summary>
    public readonly bool HasCarrier => (Flags & Rt.FlagLowerUp) != 0;

    /// <summary>The address's own bytes: a view into this change.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> AddressBytes => ((ReadOnlySpan<byte>)Address)[..AddressLength];
}

/// <summary>Tells of changes of links and addresses in one network namespace, from when it is opened. One
/// thread polls <see cref="Fd"/> and reads; nothing is allocated after <see cref="Open"/>.</summary>
public sealed class LinkMonitor : IDisposable
{
    // Some thousand changes: a switch that takes all its ports down at once.
    private const int QueueBytes = 1 << 20;
    private readonly NetlinkSocket _socket;
    private int _length; // of the datagram in the socket's buffer
    private int _next;   // its first byte not read yet

    private LinkMonitor(NetlinkSocket socket) => _socket = socket;

    /// <summary>Readable (poll(2)) when there may be a change.</summary>
    public int Fd => _socket.Fd;

    /// <summary>Opens one in a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public static LinkMonitor Open(string networkNamespace)
    {
        NetlinkSocket socket = NetlinkSocket.Open(networkNamespace, Nl.ProtocolRoute);
        Libc.NetGrowReceiveBuffer(socket.Fd, QueueBytes);
        foreach (uint group in (ReadOnlySpan<uint>)[Rt.GroupLink, Rt.GroupIpv4Address, Rt.GroupIpv6Address])
        {
            Errno errno = Libc.NetJoinGroup(socket.Fd, group);
            if (errno != Errno.Ok)
            {
                socket.Dispose();
                throw new NativeException($"setsockopt(NETLINK_ADD_MEMBERSHIP, {group})", errno,
                    "The kernel does not tell this process of link changes: run as root.");
            }
        }

        return new LinkMonitor(socket);
    }

    /// <summary>The next change; false when there is none now. Never waits.</summary>
    public bool TryRead(out LinkChange change)
    {
        while (true)
        {
            NetlinkMessages messages = new(_socket.Buffer[_next.._length]);
            while (messages.TryNext(out NetlinkMessage message))
            {
                _next = _length - messages.Remaining;
                if (TryParse(message, out change))
                {
                    return true;
                }
            }

            _next = 0;
            _length = _socket.TryReceive(out Errno errno).Length;
            if (errno == Errno.ENOBUFS)
            {
                change = new LinkChange { Kind = LinkChangeKind.Overrun };
                return true;
            }

            if (errno != Errno.Ok)
            {
                Invariant.Require(errno == Errno.EAGAIN); // our own open socket: nothing else can be
                change = default;
                return false;
            }
        }
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => _socket.Dispose();

    private static bool TryParse(NetlinkMessage message, out LinkChange change)
    {
        change = default;
        if (message.Type is Rt.NewLink or Rt.DelLink)
        {
            // AF_BRIDGE messages tell of a port that joins or leaves a bridge: the interface itself stays.
            if (!MemoryMarshal.TryRead(message.Payload, out Rt.InterfaceMessage link)
                || link.Family != Rt.FamilyUnspecified)
            {
                return false;
            }

            change.Kind = message.Type == Rt.NewLink ? LinkChangeKind.Link : LinkChangeKind.LinkGone;
            change.InterfaceIndex = link.Index;
            change.Flags = link.Flags;
            return true;
        }

        if (message.Type is not (Rt.NewAddr or Rt.DelAddr)
            || !RouteNetlink.TryReadAddress(message, out Rt.AddressMessage header,
                out ReadOnlySpan<byte> address))
        {
            return false;
        }

        change.Kind = message.Type == Rt.NewAddr
            ? LinkChangeKind.AddressAdded
            : LinkChangeKind.AddressRemoved;
        change.InterfaceIndex = header.Index;
        change.AddressLength = address.Length;
        address.CopyTo(change.Address);
        return true;
    }
}
