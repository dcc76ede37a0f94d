using System.Runtime.InteropServices;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Netlink;

/// <summary>What the kernel answered.</summary>
/// <param name="Errno">Ok, or why it refused. ENODEV: no such interface. EOPNOTSUPP: the driver has no such
/// notion. ENOENT, EINVAL, EPROTONOSUPPORT: this kernel has no such family or question.</param>
/// <param name="Messages">The answer's messages, one behind the other, the end of a list or a refusal
/// included: <see cref="NetlinkRecord.Parse"/> reads them. Sequence and port numbers are zero, so that the
/// same facts are the same bytes; each message of a list has NLM_F_MULTI. Empty when the question was not
/// sent.</param>
/// <param name="Refusal">The kernel's own words for a refusal; empty when it gave none.</param>
public sealed record NetlinkAnswer(Errno Errno, byte[] Messages, string Refusal);

/// <summary>Asks the kernel of one network namespace what <see cref="NetlinkRequests"/> lists, and keeps the
/// raw answers. It only reads; most questions take the RTNL lock. Asking <c>xdp.diag</c> or <c>nft.hooks</c>
/// makes the kernel load the module that answers, where it is one. One thread at a time.</summary>
public sealed class NetlinkQuery : IDisposable
{
    private const int ReceiveBytes = 256 * 1024; // one link with all its VFs, of some 300 bytes each
    private const int RequestBytes = 128;        // header, the largest struct, one name, a number
    private const uint FlagStats = 1 << 2;       // linux/ethtool_netlink.h ETHTOOL_FLAG_STATS
    private const int HeaderName = EthtoolAttribute.HeaderName;
    private const uint ScopeQueue = 1;           // linux/netdev.h NETDEV_QSTATS_SCOPE_QUEUE
    private const byte NetfilterNetdev = 5;      // linux/netfilter.h NFPROTO_NETDEV
    // linux/xdp_diag.h XDP_SHOW_INFO | XDP_SHOW_RING_CFG | XDP_SHOW_UMEM | XDP_SHOW_STATS.
    private const uint ShowAll = 1 | 2 | 4 | 16;

    private readonly string _networkNamespace;
    private readonly byte[] _request = new byte[RequestBytes];
    private readonly Dictionary<int, NetlinkSocket> _sockets = [];
    private readonly Dictionary<string, ushort> _families = [];

    private NetlinkQuery(string networkNamespace) => _networkNamespace = networkNamespace;

    /// <summary>Opens sockets in a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public static NetlinkQuery Open(string networkNamespace)
    {
        NetlinkQuery query = new(networkNamespace);
        try
        {
            _ = query.Socket(Nl.ProtocolRoute);
            _ = query.Socket(Nl.ProtocolGeneric);
            return query;
        }
        catch
        {
            query.Dispose();
            throw;
        }
    }

    /// <summary>Asks one question about one interface.</summary>
    /// <param name="request">A name of <see cref="NetlinkRequests"/>.</param>
    /// <param name="interfaceName">The kernel's name; <c>xdp.diag</c> is about the whole namespace and does
    /// not look at it.</param>
    /// <exception cref="ArgumentException">There is no such question.</exception>
    public NetlinkAnswer Ask(string request, string interfaceName)
    {
        NetlinkRequestKind kind = NetlinkRequests.Find(request)
            ?? throw new ArgumentException($"no netlink question is named {request}", nameof(request));
        ArgumentNullException.ThrowIfNull(interfaceName);
        if (kind.Family != NetlinkFamily.SockDiag
            && System.Text.Encoding.UTF8.GetByteCount(interfaceName) is 0 or > 15)
        {
            return Unsent(Errno.ENODEV); // IFNAMSIZ: no such interface can be
        }

        return kind.Family switch
        {
            NetlinkFamily.Ethtool => Ethtool(kind, interfaceName),
            NetlinkFamily.Netdev => Netdev(kind, interfaceName),
            NetlinkFamily.Route when kind.Command == Rt.GetLink => Link(interfaceName),
            NetlinkFamily.Route => Traffic(kind, interfaceName),
            NetlinkFamily.SockDiag => XdpSockets(),
            _ => Hooks(interfaceName),
        };
    }

    /// <summary>Closes the sockets.</summary>
    public void Dispose()
    {
        foreach (NetlinkSocket socket in _sockets.Values)
        {
            socket.Dispose();
        }

        _sockets.Clear();
    }

    private NetlinkAnswer Ethtool(NetlinkRequestKind kind, string interfaceName)
    {
        // Counters come only when asked for; a kernel that knows none for a question refuses the flag.
        NetlinkAnswer answer = EthtoolOnce(kind, interfaceName,
            kind.Name is "ethtool.pause" or "ethtool.fec" or "ethtool.linkstate" ? FlagStats : 0);
        return answer.Errno is Errno.EINVAL or Errno.EOPNOTSUPP
            ? EthtoolOnce(kind, interfaceName, 0)
            : answer;
    }

    private NetlinkAnswer EthtoolOnce(NetlinkRequestKind kind, string interfaceName, uint flags)
    {
        if (Family(EthtoolAttribute.FamilyName) is not (> 0 and ushort family))
        {
            return Unsent(Errno.ENOENT);
        }

        NetlinkRequest request = new(_request, family, 0);
        request.Append(new GenericNetlink.Header { Command = (byte)kind.Command, Version = 1 });
        int header = request.BeginNest(EthtoolAttribute.Header);
        request.Attribute(HeaderName, interfaceName);
        if (flags != 0)
        {
            request.Attribute(EthtoolAttribute.HeaderFlags, flags); // no compact bitsets: names are evidence
        }

        request.EndNest(header);
        return Collect(Nl.ProtocolGeneric, request.Bytes);
    }

    private NetlinkAnswer Netdev(NetlinkRequestKind kind, string interfaceName)
    {
        if (Family(NetdevAttribute.FamilyName) is not (> 0 and ushort family))
        {
            return Unsent(Errno.ENOENT);
        }

        Errno errno = FindIndex(interfaceName, out int index);
        if (errno != Errno.Ok)
        {
            return Unsent(errno);
        }

        bool isList = kind.Command != NetdevAttribute.CommandDevice;
        NetlinkRequest request = new(_request, family, isList ? Nl.FlagDump : (ushort)0);
        request.Append(new GenericNetlink.Header { Command = (byte)kind.Command, Version = 1 });
        request.Attribute(kind.Command switch
        {
            NetdevAttribute.CommandQueue => NetdevAttribute.QueueIndex,
            NetdevAttribute.CommandNapi => NetdevAttribute.NapiIndex,
            NetdevAttribute.CommandQueueStats => NetdevAttribute.StatsIndex,
            _ => NetdevAttribute.DeviceIndex,
        }, (uint)index);
        if (kind.Command == NetdevAttribute.CommandQueueStats)
        {
            request.Attribute(NetdevAttribute.StatsScope, ScopeQueue);
        }

        return Collect(Nl.ProtocolGeneric, request.Bytes);
    }

    private NetlinkAnswer Link(string interfaceName)
    {
        NetlinkRequest request = new(_request, Rt.GetLink, 0);
        request.Append(default(Rt.InterfaceMessage));
        request.Attribute(LinkAttribute.Name, interfaceName);
        request.Attribute(LinkAttribute.ExtensionMask, Rt.ExtensionVf);
        return Collect(Nl.ProtocolRoute, request.Bytes);
    }

    private NetlinkAnswer Traffic(NetlinkRequestKind kind, string interfaceName)
    {
        Errno errno = FindIndex(interfaceName, out int index);
        if (errno != Errno.Ok)
        {
            return Unsent(errno);
        }

        NetlinkAnswer qdiscs = TrafficOnce(Rt.GetQdisc, index, parent: 0);
        if (qdiscs.Errno != Errno.Ok || kind.Command == Rt.GetQdisc)
        {
            return qdiscs;
        }

        NetlinkAnswer ingress = TrafficOnce(Rt.GetFilter, index, Rt.ParentIngress);
        // The plain ingress qdisc has one list, and would show it as egress again.
        bool hasEgress = NetlinkRecord.Parse(qdiscs.Messages, kind.HeaderBytes)
            .Any(record => record.Attributes.Text(LinkAttribute.QdiscKind) == "clsact");
        return ingress.Errno == Errno.Ok && hasEgress
            ? Join(ingress, TrafficOnce(Rt.GetFilter, index, Rt.ParentEgress))
            : ingress;
    }

    private NetlinkAnswer TrafficOnce(ushort type, int index, uint parent)
    {
        NetlinkRequest request = new(_request, type, Nl.FlagDump);
        request.Append(new Rt.TrafficMessage { Index = index, Parent = parent });
        NetlinkAnswer all = Collect(Nl.ProtocolRoute, request.Bytes);
        // A list of qdiscs is one of every interface's.
        return all with { Messages = Keep(all.Messages, message => message.Type is Nl.TypeDone or Nl.TypeError
            || (MemoryMarshal.TryRead(message.Payload, out Rt.TrafficMessage header)
                && header.Index == index)) };
    }

    private NetlinkAnswer XdpSockets()
    {
        NetlinkRequest request = new(_request, NetlinkRequests.SockDiagByFamily, Nl.FlagDump);
        request.Append(new XdpDiagRequest { Family = Libc.NetFamilyXdp, Show = ShowAll });
        return Collect(Nl.ProtocolSockDiag, request.Bytes);
    }

    private NetlinkAnswer Hooks(string interfaceName)
    {
        NetlinkAnswer ingress = HooksOnce(interfaceName, 0); // NF_NETDEV_INGRESS
        return ingress.Errno == Errno.Ok ? Join(ingress, HooksOnce(interfaceName, 1)) : ingress;
    }

    private NetlinkAnswer HooksOnce(string interfaceName, byte hook)
    {
        NetlinkRequest request = new(_request, NetlinkRequests.NetfilterHookGet, Nl.FlagDump);
        // struct nfgenmsg has the family first.
        request.Append(new GenericNetlink.Header { Command = NetfilterNetdev });
        request.Attribute(NetfilterHookAttribute.Device, interfaceName);
        request.Attribute(NetfilterHookAttribute.HookNumber, [0, 0, 0, hook]); // network order
        return Collect(Nl.ProtocolNetfilter, request.Bytes);
    }

    // The second of two lists decides how the whole ends; EOPNOTSUPP: a kernel without the second.
    private static NetlinkAnswer Join(NetlinkAnswer first, NetlinkAnswer second) =>
        second.Errno switch
        {
            Errno.Ok => new NetlinkAnswer(Errno.Ok,
                [.. Keep(first.Messages, message => message.Type != Nl.TypeDone), .. second.Messages], ""),
            Errno.EOPNOTSUPP => first,
            _ => second,
        };

    private delegate bool Wanted(NetlinkMessage message);

    private static byte[] Keep(byte[] messages, Wanted isWanted)
    {
        List<byte> kept = [];
        NetlinkMessages walk = new(messages);
        while (walk.TryNext(out NetlinkMessage message))
        {
            if (isWanted(message))
            {
                NetlinkSocket.Record(message, isList: true, kept);
            }
        }

        return [.. kept];
    }

    private NetlinkAnswer Collect(int protocol, Span<byte> request)
    {
        List<byte> messages = [];
        NetlinkSocket socket;
        try
        {
            socket = Socket(protocol);
        }
        catch (NativeException refused)
        {
            return Unsent(refused.Errno);
        }

        Errno errno = socket.Collect(request, messages);
        byte[] bytes = [.. messages];
        return new NetlinkAnswer(errno, bytes, errno == Errno.Ok || bytes.Length == 0 ? ""
            : NetlinkRecord.Parse(bytes, 0)[^1].Refusal);
    }

    private Errno FindIndex(string interfaceName, out int index)
    {
        NetlinkRequest request = new(_request, Rt.GetLink, 0);
        request.Append(default(Rt.InterfaceMessage));
        request.Attribute(LinkAttribute.Name, interfaceName);
        Errno errno = Socket(Nl.ProtocolRoute).Get(request.Bytes, out NetlinkMessage answer);
        bool isLink = MemoryMarshal.TryRead(answer.Payload, out Rt.InterfaceMessage header);
        index = header.Index;
        return errno != Errno.Ok || isLink ? errno : Errno.EINVAL;
    }

    private ushort Family(string name)
    {
        if (!_families.TryGetValue(name, out ushort family))
        {
            family = GenericNetlink.Find(Socket(Nl.ProtocolGeneric), name);
            _families.Add(name, family);
        }

        return family;
    }

    private NetlinkSocket Socket(int protocol)
    {
        if (!_sockets.TryGetValue(protocol, out NetlinkSocket? socket))
        {
            socket = NetlinkSocket.Open(_networkNamespace, protocol, ReceiveBytes);
            Libc.NetAskStrictDumps(socket.Fd);
            Libc.NetAskReasons(socket.Fd);
            _sockets.Add(protocol, socket);
        }

        return socket;
    }

    private static NetlinkAnswer Unsent(Errno errno) => new(errno, [], "");

    /// <summary>linux/xdp_diag.h <c>struct xdp_diag_req</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct XdpDiagRequest
    {
        public byte Family;
        public byte Protocol;
        public ushort Padding;
        public uint Inode;
        public uint Show;
        public uint CookieLow;
        public uint CookieHigh;
    }
}
