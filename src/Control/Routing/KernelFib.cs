using LowLatency.Native.Netlink;
using LowLatency.Native.Tables;

namespace LowLatency.Control.Routing;

/// <summary>An interface as routes see it.</summary>
/// <param name="Number">Number in the plan; -1: no port of the data plane.</param>
/// <param name="Mac">Own MAC.</param>
/// <param name="MtuBytes">MTU.</param>
internal readonly record struct FibInterface(int Number, ulong Mac, uint MtuBytes);

/// <summary>What the kernel's routes and neighbours come to: the best route of each prefix, a route of its
/// own
/// for each neighbour of a connected network, next hops with their MACs. Writes what changes, and only that.
/// One thread; nothing here asks the kernel.</summary>
internal sealed class KernelFib
{
    private readonly Dictionary<IpPrefix, List<KernelRoute>> _routes = [];
    private readonly Dictionary<(int Index, IpPrefix Address), KernelNeighbour> _neighbours = [];
    private readonly SortedSet<(byte Family, UInt128 Bits, int Index)> _neighbourOrder = [];
    private Dictionary<int, FibInterface> _interfaces = [];
    private readonly HashSet<IpPrefix> _waiting = []; // no room when they came: tried again
    private readonly FibTables _tables;

    /// <summary>A mirror into tables that nobody else writes.</summary>
    /// <param name="make">Makes them; they ask back how a next hop stands.</param>
    public KernelFib(Func<Func<HopKey, NextHop>, FibTables> make) => _tables = make(Describe);

    /// <summary>The tables.</summary>
    public FibTables Tables => _tables;

    /// <summary>Prefixes that found no room.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>Takes the whole state: what is not in it any more is gone.</summary>
    public void Replace(
        IEnumerable<KernelRoute> routes, IEnumerable<KernelNeighbour> neighbours,
        Dictionary<int, FibInterface> interfaces)
    {
        HashSet<IpPrefix> touched = [.. _routes.Keys];
        _routes.Clear();
        foreach (KernelRoute route in routes)
        {
            Add(route, appends: true);
            touched.Add(route.Prefix);
        }

        touched.UnionWith(_neighbours.Keys.Select(key => key.Address));
        _neighbours.Clear();
        _neighbourOrder.Clear();
        foreach (KernelNeighbour neighbour in neighbours)
        {
            Put(neighbour);
            touched.Add(neighbour.Address);
        }

        _interfaces = interfaces;
        foreach (IpPrefix prefix in touched)
        {
            Evaluate(prefix);
        }

        _tables.Refresh(_ => true);
    }

    /// <summary>Applies a change.</summary>
    /// <returns>False: it cannot be understood alone, the whole state must be read anew.</returns>
    public bool Apply(in RouteEvent change)
    {
        switch (change.Kind)
        {
            case RouteEventKind.RouteAdded:
                return Apply(change.Route!, isRemoval: false, change.Replaces, change.Appends);
            case RouteEventKind.RouteRemoved:
                return Apply(change.Route!, isRemoval: true, false, false);
            case RouteEventKind.Neighbour:
                Put(change.Neighbour!);
                OnNeighbour(change.Neighbour!);
                return true;
            case RouteEventKind.NeighbourRemoved:
                KernelNeighbour gone = change.Neighbour!;
                _neighbours.Remove((gone.InterfaceIndex, gone.Address));
                _neighbourOrder.Remove((gone.Address.Family, gone.Address.Bits, gone.InterfaceIndex));
                OnNeighbour(gone);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Tries again what found no room.</summary>
    public void Retry()
    {
        foreach (IpPrefix prefix in _waiting.ToArray())
        {
            Evaluate(prefix);
        }
    }

    /// <summary>Neighbours that routes lead to and that the kernel should find out (gateways) or confirm
    /// (all):
    /// it sees none of our traffic to them.</summary>
    public IEnumerable<(int InterfaceIndex, IpPrefix Address)> Unconfirmed()
    {
        foreach (HopKey hop in _tables.HopsInUse)
        {
            bool isPort = _interfaces.TryGetValue(hop.InterfaceIndex, out FibInterface link)
                && link.Number >= 0;
            if (hop.Kind == NextHopKind.Neighbour && hop.Address is { } address && isPort)
            {
                bool isUsable = _neighbours.TryGetValue(
                    (hop.InterfaceIndex, address), out KernelNeighbour? neighbour) && neighbour.IsUsable;
                if (isUsable ? (neighbour!.State & KernelNeighbour.Stale) != 0 : hop.IsGateway)
                {
                    yield return (hop.InterfaceIndex, address);
                }
            }
        }
    }

    private bool Apply(KernelRoute route, bool isRemoval, bool replaces, bool appends)
    {
        // IPv6 tells of a part of a multipath route as if it were a route, and of the whole at other times.
        bool isPart = route.Prefix.Family == 6 && _routes.TryGetValue(route.Prefix,
            out List<KernelRoute>? known)
            && (route.Hops.Count > 1 || known.Exists(other => other.IsSamePlace(route)
                && (other.Hops.Count > 1 || !isRemoval)));
        if (isPart)
        {
            return false;
        }

        if (isRemoval)
        {
            Remove(route);
        }
        else
        {
            if (replaces && _routes.TryGetValue(route.Prefix, out List<KernelRoute>? others))
            {
                int at = others.FindIndex(route.IsSamePlace);
                if (at >= 0)
                {
                    others.RemoveAt(at);
                }
            }

            Add(route, appends);
        }

        Evaluate(route.Prefix);
        foreach (IpPrefix neighbour in NeighboursIn(route.Prefix))
        {
            Evaluate(neighbour);
        }

        return true;
    }

    // By table (local before main before default), then metric, then as they came.
    private void Add(KernelRoute route, bool appends)
    {
        if (!_routes.TryGetValue(route.Prefix, out List<KernelRoute>? list))
        {
            list = _routes[route.Prefix] = [];
        }

        if (list.Exists(route.IsSame))
        {
            return; // told twice: by the state and by a change
        }

        int at = list.FindIndex(other => appends ? Rank(other) > Rank(route) : Rank(other) >= Rank(route));
        list.Insert(at < 0 ? list.Count : at, route);
    }

    private static ulong Rank(KernelRoute route) => ((ulong)(255 - route.Table) << 32) | route.Priority;

    private void Remove(KernelRoute route)
    {
        if (_routes.TryGetValue(route.Prefix, out List<KernelRoute>? list))
        {
            int at = list.FindIndex(route.IsSame);
            at = at >= 0 ? at : list.FindIndex(route.IsSamePlace);
            if (at >= 0)
            {
                list.RemoveAt(at);
            }

            if (list.Count == 0)
            {
                _routes.Remove(route.Prefix);
            }
        }
    }

    private void Put(KernelNeighbour neighbour)
    {
        _neighbours[(neighbour.InterfaceIndex, neighbour.Address)] = neighbour;
        _neighbourOrder.Add((neighbour.Address.Family, neighbour.Address.Bits, neighbour.InterfaceIndex));
    }

    private void OnNeighbour(KernelNeighbour neighbour)
    {
        _tables.Refresh(key => key.InterfaceIndex == neighbour.InterfaceIndex
            && key.Address == neighbour.Address);
        Evaluate(neighbour.Address);
    }

    private IpPrefix[] NeighboursIn(IpPrefix prefix)
    {
        UInt128 last = prefix.Bits | (prefix.Length == 128 ? 0 : UInt128.MaxValue >> prefix.Length);
        return _neighbourOrder
            .GetViewBetween((prefix.Family, prefix.Bits, int.MinValue), (prefix.Family, last, int.MaxValue))
            .Select(found => new IpPrefix(found.Family, found.Bits, prefix.Width)).Distinct().ToArray();
    }

    // The route of a prefix; for an address that no route names: that of its neighbour, where the network it
    // lies in is connected.
    private void Evaluate(IpPrefix prefix)
    {
        (HopKey[] Hops, int[] Weights)? target = null;
        if (BestOf(prefix) is { } route)
        {
            target = TargetOf(route, prefix);
        }
        else if (prefix.Length == prefix.Width && HostRoute(prefix) is { } hop)
        {
            target = ([hop], [1]);
        }

        bool isDone = target is { } found ? _tables.Set(prefix, found.Hops, found.Weights)
            : _tables.Remove(prefix);
        if (isDone)
        {
            _waiting.Remove(prefix);
        }
        else
        {
            _waiting.Add(prefix);
        }
    }

    private KernelRoute? BestOf(IpPrefix prefix) =>
        _routes.TryGetValue(prefix, out List<KernelRoute>? list)
            ? list.Find(route => route.Type != RouteType.Throw && route.Type != RouteType.Multicast
                && route.Tos == 0 && (route.Hops.Count == 0 || route.Hops.Any(hop => !hop.IsDead)))
            : null;

    private HopKey? HostRoute(IpPrefix address)
    {
        for (int length = address.Width - 1; length >= 0; length--)
        {
            if (BestOf(address.Around(length)) is { } route)
            {
                RouteHop? hop = route.Type == RouteType.Unicast && route.Hops.Count == 1 ? route.Hops[0]
                    : null;
                bool isConnected = hop is { Gateway: null, IsEncapsulated: false };
                return isConnected && _neighbours.ContainsKey((hop!.InterfaceIndex, address))
                    ? new HopKey(NextHopKind.Neighbour, hop.InterfaceIndex, address, route.MtuBytes) : null;
            }
        }

        return null;
    }

    private static (HopKey[] Hops, int[] Weights) TargetOf(KernelRoute route, IpPrefix prefix)
    {
        NextHopKind kind = route.Type switch
        {
            RouteType.Unicast => NextHopKind.Neighbour,
            RouteType.Blackhole => NextHopKind.Blackhole,
            RouteType.Unreachable or RouteType.Prohibit => NextHopKind.Unreachable,
            _ => NextHopKind.Local,
        };
        if (kind != NextHopKind.Neighbour)
        {
            return ([new HopKey(kind)], [1]);
        }

        List<HopKey> hops = [];
        List<int> weights = [];
        foreach (RouteHop hop in route.Hops.Where(hop => !hop.IsDead))
        {
            // Without a gateway the destination itself is the neighbour: known only where the prefix is one
            // address.
            IpPrefix? address = hop.Gateway ?? (prefix.Length == prefix.Width ? prefix : null);
            hops.Add(hop.IsEncapsulated ? new HopKey(NextHopKind.OtherInterface)
                : new HopKey(kind, hop.InterfaceIndex, address, route.MtuBytes, hop.Gateway is not null));
            weights.Add(hop.Weight);
        }

        return ([.. hops], [.. weights]);
    }

    private NextHop Describe(HopKey key)
    {
        if (key.Kind != NextHopKind.Neighbour)
        {
            return NextHop.Make(key.Kind);
        }

        if (!_interfaces.TryGetValue(key.InterfaceIndex, out FibInterface link) || link.Number < 0)
        {
            return NextHop.Make(NextHopKind.OtherInterface);
        }

        uint mtu = key.MtuBytes > 0 ? Math.Min(key.MtuBytes, link.MtuBytes) : link.MtuBytes;
        bool isKnown = key.Address is { } address
            && _neighbours.TryGetValue((key.InterfaceIndex, address), out KernelNeighbour? neighbour)
            && neighbour.IsUsable;
        ulong mac = isKnown ? _neighbours[(key.InterfaceIndex, key.Address!.Value)].Mac : 0;
        return NextHop.Make(isKnown ? NextHopKind.Forward : NextHopKind.Neighbour, (uint)link.Number, mac,
            link.Mac, mtu);
    }
}
