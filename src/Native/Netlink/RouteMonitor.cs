using LowLatency.Native.Interop;

namespace LowLatency.Native.Netlink;

/// <summary>Routes, neighbours and what they depend on, in one network namespace: as they are now, and each
/// change from when it is opened. Open it, then read the state, then the changes: what happens in between is
/// told twice, which is harmless. One thread.</summary>
public sealed class RouteMonitor : IDisposable
{
    /// <summary>Bytes of changes that may wait: some ten thousand routes, one fast reload of a routing
    /// daemon.</summary>
    public const int QueueBytes = 8 << 20;

    private const ushort FlagReplace = 0x100; // NLM_F_REPLACE, NLM_F_APPEND of linux/netlink.h
    private const ushort FlagAppend = 0x800;
    private readonly NetlinkSocket _events;
    private readonly NetlinkSocket _questions;
    private readonly Queue<RouteEvent> _read = new();

    private RouteMonitor(NetlinkSocket events, NetlinkSocket questions)
    {
        _events = events;
        _questions = questions;
    }

    /// <summary>Readable (poll(2)) when there may be a change.</summary>
    public int Fd => _events.Fd;

    /// <summary>Opens one in a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public static RouteMonitor Open(string networkNamespace, int queueBytes = QueueBytes)
    {
        NetlinkSocket events = NetlinkSocket.Open(networkNamespace, Nl.ProtocolRoute);
        NetlinkSocket? questions = null;
        try
        {
            Libc.NetGrowReceiveBuffer(events.Fd, queueBytes);
            ReadOnlySpan<uint> groups =
            [
                Rt.GroupLink, Rt.GroupIpv4Address, Rt.GroupIpv6Address,
                RtRoute.GroupNeighbour, RtRoute.GroupRoute4, RtRoute.GroupRoute6, RtRoute.GroupRule4,
                RtRoute.GroupRule6, RtRoute.GroupConfiguration4, RtRoute.GroupConfiguration6,
                RtRoute.GroupNextHop,
            ];
            foreach (uint group in groups)
            {
                Errno errno = Libc.NetJoinGroup(events.Fd, group);
                if (errno != Errno.Ok)
                {
                    throw new NativeException($"setsockopt(NETLINK_ADD_MEMBERSHIP, {group})", errno,
                        "The kernel does not tell this process of route changes: run as root.");
                }
            }

            questions = NetlinkSocket.Open(networkNamespace, Nl.ProtocolRoute);
            return new RouteMonitor(events, questions);
        }
        catch
        {
            questions?.Dispose();
            events.Dispose();
            throw;
        }
    }

    /// <summary>The next change; false when there is none now. Never waits.</summary>
    public bool TryRead(out RouteEvent change)
    {
        while (!_read.TryDequeue(out change))
        {
            ReadOnlySpan<byte> datagram = _events.TryReceive(out Errno errno);
            if (errno == Errno.ENOBUFS)
            {
                change = new RouteEvent(RouteEventKind.Resync, null, null, false, false);
                return true;
            }

            if (errno != Errno.Ok)
            {
                Invariant.Require(errno == Errno.EAGAIN); // our own open socket: nothing else can be
                return false;
            }

            NetlinkMessages messages = new(datagram);
            while (messages.TryNext(out NetlinkMessage message))
            {
                if (EventOf(message) is { } told)
                {
                    _read.Enqueue(told);
                }
            }
        }

        return true;
    }

    /// <summary>All routes of the main, default and local tables.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public List<KernelRoute> Routes()
    {
        return [.. RoutesOf(Rt.FamilyIpv4), .. RoutesOf(Rt.FamilyIpv6)];
    }

    /// <summary>All neighbours of both families.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public List<KernelNeighbour> Neighbours()
    {
        List<KernelNeighbour> neighbours = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.GetNeighbour, Nl.FlagDump);
        request.Append(default(RtRoute.NeighbourMessage));
        Check("RTM_GETNEIGH",
            _questions.Dump(request.Bytes, RouteDecoder.Neighbour, neighbours));
        return neighbours;
    }

    /// <summary>All links.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public List<LinkInfo> Links()
    {
        List<LinkInfo> links = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, Rt.GetLink, Nl.FlagDump);
        request.Append(default(Rt.InterfaceMessage));
        Check("RTM_GETLINK", _questions.Dump(request.Bytes, RouteNetlink.ParseLink, links));
        return links;
    }

    /// <summary>All next hop objects.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public List<KernelNextHop> NextHops()
    {
        List<KernelNextHop> nextHops = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.GetNextHop, Nl.FlagDump);
        request.Append(default(RtRoute.NextHopMessage));
        Errno errno = _questions.Dump(request.Bytes, NextHopDecoder.NextHop, nextHops);
        if (errno != Errno.EOPNOTSUPP) // a kernel before 5.3 has none
        {
            Check("RTM_GETNEXTHOP", errno);
        }

        return nextHops;
    }

    /// <summary>What stands before the tables: rules that choose among them, and whether the kernel
    /// forwards at all.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public RoutePolicy Policy() => new(
        HasOtherRules(Rt.FamilyIpv4) || HasOtherRules(Rt.FamilyIpv6),
        IsForwarding(Rt.FamilyIpv4), IsForwarding(Rt.FamilyIpv6));

    private bool HasOtherRules(byte family)
    {
        List<RouteRule> rules = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.GetRule, Nl.FlagDump);
        request.Append(new RtRoute.RuleMessage { Family = family });
        Errno errno = _questions.Dump(request.Bytes, RuleDecoder.Rule, rules);
        if (errno == Errno.EOPNOTSUPP) // a kernel without CONFIG_IP_MULTIPLE_TABLES, or without IPv6
        {
            return false;
        }

        Check("RTM_GETRULE", errno);
        return !RouteRule.AreStandard(rules);
    }

    private bool IsForwarding(byte family)
    {
        List<string> answers = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.GetConfiguration, Nl.FlagDump);
        request.Append(new RtRoute.ConfigurationMessage { Family = family });
        Errno errno = _questions.Dump(request.Bytes, RuleDecoder.ForwardingOfAll, answers);
        if (errno != Errno.EOPNOTSUPP)
        {
            Check("RTM_GETNETCONF", errno);
        }

        return answers.Contains("1");
    }

    /// <summary>Has the kernel find out or confirm a neighbour's MAC (NTF_USE); the answer comes as a
    /// change.</summary>
    public Errno Resolve(int interfaceIndex, IpPrefix address)
    {
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.NewNeighbour, RtRoute.FlagCreate | RtRoute.FlagAck);
        request.Append(new RtRoute.NeighbourMessage
        {
            Family = address.Family == 4 ? Rt.FamilyIpv4 : Rt.FamilyIpv6,
            InterfaceIndex = interfaceIndex,
            Flags = RtRoute.NeighbourUse,
        });
        request.Attribute(RtRoute.NeighbourAddress, address.ToBytes());
        return _questions.Get(request.Bytes, out _);
    }

    /// <summary>Closes the sockets.</summary>
    public void Dispose()
    {
        _events.Dispose();
        _questions.Dispose();
    }

    private List<KernelRoute> RoutesOf(byte family)
    {
        List<KernelRoute> routes = [];
        Span<byte> buffer = stackalloc byte[64];
        NetlinkRequest request = new(buffer, RtRoute.GetRoute, Nl.FlagDump);
        request.Append(new RtRoute.RouteMessage { Family = family });
        Check("RTM_GETROUTE", _questions.Dump(request.Bytes, RouteDecoder.Route, routes));
        return routes;
    }

    private static RouteEvent? EventOf(NetlinkMessage message)
    {
        switch (message.Type)
        {
            case RtRoute.NewRoute or RtRoute.DelRoute when RouteDecoder.Route(message) is { } route:
                return new RouteEvent(
                    message.Type == RtRoute.NewRoute ? RouteEventKind.RouteAdded
                        : RouteEventKind.RouteRemoved,
                    route, null, (message.Flags & FlagReplace) != 0, (message.Flags & FlagAppend) != 0);
            case RtRoute.NewNeighbour or RtRoute.DelNeighbour when RouteDecoder.Neighbour(message)
                is { } neighbour:
                return new RouteEvent(
                    message.Type == RtRoute.NewNeighbour ? RouteEventKind.Neighbour
                        : RouteEventKind.NeighbourRemoved,
                    null, neighbour, false, false);
            case Rt.NewLink or Rt.DelLink when RouteNetlink.ParseLink(message, message.Type) is { } link:
                return new RouteEvent(
                    message.Type == Rt.NewLink ? RouteEventKind.Link : RouteEventKind.LinkRemoved,
                    null, null, false, false, link);
            case RtRoute.NewNextHop or RtRoute.DelNextHop when NextHopDecoder.NextHop(message)
                is { } nextHop:
                return new RouteEvent(
                    message.Type == RtRoute.NewNextHop ? RouteEventKind.NextHop
                        : RouteEventKind.NextHopRemoved,
                    null, null, false, false, NextHop: nextHop);
            case Rt.NewAddr or Rt.DelAddr or RtRoute.NewRule or RtRoute.DelRule or RtRoute.NewConfiguration:
                return new RouteEvent(RouteEventKind.Resync, null, null, false, false);
            default:
                return null;
        }
    }

    private static void Check(string what, Errno errno)
    {
        if (errno != Errno.Ok)
        {
            throw new NativeException($"netlink({what})", errno,
                "Is the network namespace still there, and netlink allowed?");
        }
    }
}
