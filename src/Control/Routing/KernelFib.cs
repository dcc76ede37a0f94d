using LowLatency.Native.Netlink;
using LowLatency.Native.Tables;

namespace LowLatency.Control.Routing;

/// <summary>An interface as routes see it.</summary>
/// <param name="Number">Number in the plan; -1: no port of the data plane.</param>
/// <param name="Mac">Own MAC.</param>
/// <param name="MtuBytes">MTU.</param>
/// <param name="Flags">Those of IFF_* (linux/if.h) that routes depend on.</param>
internal readonly record struct FibInterface(int Number, ulong Mac, uint MtuBytes, uint Flags = 0)
{
    // IFF_UP, IFF_RUNNING, IFF_LOWER_UP: net/ipv4/fib_frontend.c fib_netdev_event.
    private const uint FlagUp = 0x1;
    private const uint FlagsOfRoutes = FlagUp | 0x40 | 0x1_0000;

    /// <summary>Set up by its owner.</summary>
    public bool IsUp => (Flags & FlagUp) != 0;

    /// <summary>From what the kernel says.</summary>
    public static FibInterface From(LinkInfo link, int number) =>
        new(number, link.Mac, link.MtuBytes, link.Flags & FlagsOfRoutes);
}

/// <summary>What the kernel's routes and neighbours come to: the best route of each prefix, a route of its
/// own for each neighbour of a connected network, next hops with their MACs. Writes what changes, and only
/// that. What it cannot decide as the kernel does is left to the kernel. One thread; nothing here asks the
/// kernel.</summary>
internal sealed class KernelFib
{
    private const int RetryMax = 4096; // prefixes a round
    private readonly KernelRoutes _routes = new();
    private readonly Dictionary<uint, KernelNextHop> _nextHops = [];
    private readonly Dictionary<(int Index, IpPrefix Address), KernelNeighbour> _neighbours = [];
    private readonly SortedSet<(byte Family, UInt128 Bits, int Index)> _neighbourOrder = [];
    private Dictionary<int, FibInterface> _interfaces = [];
    private readonly HashSet<IpPrefix> _waiting = []; // no room when they came: tried again
    private readonly Queue<IpPrefix> _retries = new();
    private readonly FibTables _tables;
    private bool _leavesAll;
    private long _triedAt = -1;

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
        Dictionary<int, FibInterface> interfaces, IEnumerable<KernelNextHop>? nextHops = null,
        bool hasOtherRules = false)
    {
        HashSet<IpPrefix> touched = [.. _routes.Prefixes, new IpPrefix(4, 0, 0), new IpPrefix(6, 0, 0)];
        _leavesAll = hasOtherRules;
        _routes.Clear();
        foreach (KernelRoute route in routes)
        {
            _routes.Load(route);
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

        _nextHops.Clear();
        foreach (KernelNextHop nextHop in nextHops ?? [])
        {
            _nextHops[nextHop.Id] = nextHop;
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
                bool isAdded = _routes.Add(change.Route!, change.Replaces, change.Appends);
                OnRoute(change.Route!);
                return isAdded;
            case RouteEventKind.RouteRemoved:
                bool isRemoved = _routes.Remove(change.Route!);
                OnRoute(change.Route!);
                return isRemoved;
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
            case RouteEventKind.NextHop:
                _nextHops[change.NextHop!.Id] = change.NextHop;
                return !IsUsed(change.NextHop.Id);
            case RouteEventKind.NextHopRemoved:
                _nextHops.Remove(change.NextHop!.Id);
                return !IsUsed(change.NextHop.Id);
            default:
                return false;
        }
    }

    /// <summary>Applies a change of an interface; null: it is gone.</summary>
    /// <returns>False: routes depend on it, the whole state must be read anew.</returns>
    public bool Apply(int interfaceIndex, FibInterface? link)
    {
        bool isKnown = _interfaces.TryGetValue(interfaceIndex, out FibInterface known);
        if (link is not { } found)
        {
            _interfaces.Remove(interfaceIndex);
            _tables.Refresh(key => key.InterfaceIndex == interfaceIndex);
            return !(isKnown && known.IsUp);
        }

        if (isKnown && known == found)
        {
            // A carrier is in the link's flags at once, in the routes only when linkwatch comes to it: the
            // kernel tells of the link then, as it was known.
            return !found.IsUp;
        }

        _interfaces[interfaceIndex] = found;
        _tables.Refresh(key => key.InterfaceIndex == interfaceIndex);
        return isKnown ? known.Flags == found.Flags && known.MtuBytes == found.MtuBytes : !found.IsUp;
    }

    /// <summary>Tries again what found no room, some of it at a time; nothing when no room has come since
    /// all were tried.</summary>
    public void Retry()
    {
        if (_retries.Count == 0 && _triedAt != _tables.Freed)
        {
            _triedAt = _tables.Freed;
            foreach (IpPrefix prefix in _waiting)
            {
                _retries.Enqueue(prefix);
            }
        }

        for (int i = 0; i < RetryMax && _retries.TryDequeue(out IpPrefix prefix); i++)
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

    private void OnRoute(KernelRoute route)
    {
        Evaluate(route.Prefix);
        foreach (IpPrefix neighbour in NeighboursIn(route.Prefix))
        {
            Evaluate(neighbour);
        }

        if (KernelRoutes.IsWideLocal(route))
        {
            foreach (IpPrefix prefix in _routes.Prefixes.Where(route.Prefix.Holds).ToArray())
            {
                Evaluate(prefix);
            }
        }
    }

    private bool IsUsed(uint nextHopId) => _routes.IsUsed(nextHopId) || _nextHops.Values.Any(group =>
        group.Members.Any(member => member.Id == nextHopId) && _routes.IsUsed(group.Id));

    private void Put(KernelNeighbour neighbour)
    {
        _neighbours[(neighbour.InterfaceIndex, neighbour.Address)] = neighbour;
        _neighbourOrder.Add((neighbour.Address.Family, neighbour.Address.Bits, neighbour.InterfaceIndex));
    }

    private void OnNeighbour(KernelNeighbour neighbour)
    {
        _tables.Refresh(neighbour.InterfaceIndex, neighbour.Address);
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
        if (_leavesAll)
        {
            target = prefix.Length == 0 ? ([new HopKey(NextHopKind.OtherInterface)], [1]) : null;
        }
        else if (_routes.IsConditional(prefix))
        {
            target = ([new HopKey(NextHopKind.OtherInterface)], [1]);
        }
        else if (_routes.BestOf(prefix) is { } route)
        {
            target = TargetOf(HiderOf(prefix, route) ?? route, prefix);
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

    private KernelRoute? HiderOf(IpPrefix prefix, KernelRoute route)
    {
        if (_routes.WideLocals.Count == 0 || route.Table == KernelRoutes.TableLocal)
        {
            return null;
        }

        IpPrefix wide = _routes.WideLocals.Where(local => local.Length < prefix.Length && local.Holds(prefix))
            .OrderByDescending(local => local.Length).FirstOrDefault();
        return wide == default ? null : _routes.BestOf(wide);
    }

    private HopKey? HostRoute(IpPrefix address)
    {
        for (int length = address.Width - 1; length >= 0; length--)
        {
            IpPrefix prefix = address.Around(length);
            if (_routes.IsConditional(prefix))
            {
                return null;
            }

            if (_routes.BestOf(prefix) is { } route)
            {
                List<RouteHop> hops = HiderOf(prefix, route) is null ? AliveOf(route) : [];
                RouteHop? hop = route.Type == RouteType.Unicast && hops.Count == 1 ? hops[0] : null;
                bool isConnected = hop is { Gateway: null, IsEncapsulated: false };
                return isConnected && _neighbours.ContainsKey((hop!.InterfaceIndex, address))
                    ? new HopKey(NextHopKind.Neighbour, hop.InterfaceIndex, address, route.MtuBytes) : null;
            }
        }

        return null;
    }

    private (HopKey[] Hops, int[] Weights) TargetOf(KernelRoute route, IpPrefix prefix)
    {
        NextHopKind kind = route.Type switch
        {
            RouteType.Unicast => NextHopKind.Neighbour,
            RouteType.Blackhole => NextHopKind.Blackhole,
            RouteType.Unreachable or RouteType.Prohibit => NextHopKind.Unreachable,
            RouteType.Throw => NextHopKind.None, // the next table decides, and there is none
            _ => NextHopKind.Local,
        };
        if (kind != NextHopKind.Neighbour)
        {
            return ([new HopKey(kind)], [1]);
        }

        List<HopKey> hops = [];
        List<int> weights = [];
        foreach (RouteHop hop in AliveOf(route))
        {
            // Without a gateway the destination itself is the neighbour: known only where the prefix is one
            // address.
            IpPrefix? address = hop.Gateway ?? (prefix.Length == prefix.Width ? prefix : null);
            hops.Add(hop.IsEncapsulated ? new HopKey(NextHopKind.OtherInterface)
                : new HopKey(kind, hop.InterfaceIndex, address, route.MtuBytes, hop.Gateway is not null));
            weights.Add(hop.Weight);
        }

        return hops.Count > 0 ? ([.. hops], [.. weights])
            : ([new HopKey(NextHopKind.OtherInterface)], [1]); // of a next hop object that is not known (yet)
    }

    private List<RouteHop> AliveOf(KernelRoute route)
    {
        List<RouteHop> hops = [];
        if (route.Hops.Count > 0 || !_nextHops.TryGetValue(route.NextHopId, out KernelNextHop? named))
        {
            hops.AddRange(route.Hops.Where(hop => !hop.IsDead));
        }
        else if (named.Way is { } way)
        {
            hops.Add(way);
        }
        else
        {
            foreach ((uint id, int weight) in named.Members)
            {
                if (_nextHops.TryGetValue(id, out KernelNextHop? member)
                    && member.Way is { IsDead: false } to)
                {
                    hops.Add(to with { Weight = weight });
                }
            }
        }

        return hops;
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
