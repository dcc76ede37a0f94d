using LowLatency.Native.Netlink;

namespace LowLatency.Control.Routing;

/// <summary>The kernel's routes by prefix, in the order in which it looks at them: by table (local before
/// main before default), then metric, then as they came. One thread.</summary>
internal sealed class KernelRoutes
{
    /// <summary>RT_TABLE_DEFAULT: asked only where the others have nothing.</summary>
    public const uint TableDefault = 253;

    /// <summary>RT_TABLE_LOCAL: asked first.</summary>
    public const uint TableLocal = 255;

    private readonly Dictionary<IpPrefix, List<KernelRoute>> _routes = [];
    private readonly HashSet<IpPrefix> _wideLocals = [];
    private readonly Dictionary<uint, int> _nextHopUsers = [];

    /// <summary>Prefixes that have routes.</summary>
    public IReadOnlyCollection<IpPrefix> Prefixes => _routes.Keys;

    /// <summary>IPv6 prefixes of more than one address in the local table: it is asked first, so that they
    /// hide what is more specific in the main table. (IPv4 looks at both as if they were one.)</summary>
    public IReadOnlyCollection<IpPrefix> WideLocals => _wideLocals;

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        _routes.Clear();
        _wideLocals.Clear();
        _nextHopUsers.Clear();
    }

    /// <summary>True when routes name a next hop object.</summary>
    public bool IsUsed(uint nextHopId) => _nextHopUsers.ContainsKey(nextHopId);

    /// <summary>Takes a route of a list that the kernel gave in its own order.</summary>
    public void Load(KernelRoute route)
    {
        List<KernelRoute> list = ListOf(route.Prefix);
        Insert(list, route, isLast: true);
    }

    /// <summary>Applies a route that came.</summary>
    /// <returns>False: what it means depends on what is not known here.</returns>
    public bool Add(KernelRoute route, bool replaces, bool appends)
    {
        List<KernelRoute> list = ListOf(route.Prefix);
        if (list.Exists(route.IsSame))
        {
            // Told twice, by the state and by a change; or its ways have died or come alive.
            int at = list.FindIndex(route.IsSame);
            list[at] = route;
            return true;
        }

        if (route.Prefix.Family == 6)
        {
            return Add6(list, route, replaces);
        }

        if (replaces && list.FindIndex(route.IsSamePlace) is >= 0 and int old)
        {
            RemoveAt(list, old);
        }

        Insert(ListOf(route.Prefix), route, isLast: appends);
        return true;
    }

    /// <summary>Applies a route that went.</summary>
    /// <returns>False: what it means depends on what is not known here.</returns>
    public bool Remove(KernelRoute route)
    {
        if (!_routes.TryGetValue(route.Prefix, out List<KernelRoute>? list))
        {
            return true;
        }

        int at = list.FindIndex(route.IsSame);
        if (at < 0 && route.Prefix.Family == 6)
        {
            return RemoveWays(list, route);
        }

        if (at < 0)
        {
            return !list.Exists(route.IsSamePlace);
        }

        RemoveAt(list, at);
        return true;
    }

    /// <summary>The route that decides; null: none.</summary>
    public KernelRoute? BestOf(IpPrefix prefix) =>
        _routes.TryGetValue(prefix, out List<KernelRoute>? list) ? list.Find(IsAlive) : null;

    /// <summary>True when a prefix alone does not decide: routes for some packets only, or of the default
    /// table, which is asked where the other tables have nothing that is shorter either.</summary>
    public bool IsConditional(IpPrefix prefix) =>
        _routes.TryGetValue(prefix, out List<KernelRoute>? list)
        && (list.Exists(route => route.IsConditional) || list.Find(IsAlive)?.Table == TableDefault);

    // A route that names a next hop object only has no ways here: it is told when it goes.
    private static bool IsAlive(KernelRoute route)
    {
        bool isAlive = route.Hops.Count == 0;
        for (int i = 0; !isAlive && i < route.Hops.Count; i++)
        {
            isAlive = !route.Hops[i].IsDead;
        }

        return isAlive && (route.Type != RouteType.Multicast || route.Prefix.Family == 4);
    }

    // IPv6 joins routes of one place that have gateways into one of several ways, and tells of the whole.
    private bool Add6(List<KernelRoute> list, KernelRoute route, bool replaces)
    {
        int at = list.FindIndex(route.IsSamePlace);
        if (at >= 0 && list.FindLastIndex(route.IsSamePlace) != at)
        {
            return false;
        }

        if (at >= 0)
        {
            bool isGrown = route.Hops.Count > list[at].Hops.Count && list[at].NextHopId == 0
                && route.NextHopId == 0 && list[at].Hops.All(hop => route.Hops.Any(hop.IsSameWay));
            bool isSwap = replaces && route.Hops.Count <= 1 && list[at].Hops.Count <= 1;
            if (!isGrown && !isSwap)
            {
                return false;
            }

            RemoveAt(list, at);
        }

        Insert(ListOf(route.Prefix), route, isLast: true);
        return true;
    }

    private bool RemoveWays(List<KernelRoute> list, KernelRoute route)
    {
        int at = list.FindIndex(route.IsSamePlace);
        if (at < 0)
        {
            return true;
        }

        KernelRoute known = list[at];
        RouteHop[] left = [.. known.Hops.Where(hop => !route.Hops.Any(hop.IsSameWay))];
        if (list.FindLastIndex(route.IsSamePlace) != at || known.NextHopId != 0 || route.Hops.Count == 0
            || left.Length != known.Hops.Count - route.Hops.Count)
        {
            return false;
        }

        RemoveAt(list, at);
        if (left.Length > 0)
        {
            Insert(ListOf(route.Prefix), known with { Hops = left }, isLast: true);
        }

        return true;
    }

    private List<KernelRoute> ListOf(IpPrefix prefix)
    {
        if (!_routes.TryGetValue(prefix, out List<KernelRoute>? list))
        {
            list = _routes[prefix] = new List<KernelRoute>(1);
        }

        return list;
    }

    private void Insert(List<KernelRoute> list, KernelRoute route, bool isLast)
    {
        int at = list.FindIndex(other => isLast ? Rank(other) > Rank(route) : Rank(other) >= Rank(route));
        list.Insert(at < 0 ? list.Count : at, route);
        if (IsWideLocal(route))
        {
            _wideLocals.Add(route.Prefix);
        }

        if (route.NextHopId != 0)
        {
            _nextHopUsers[route.NextHopId] = _nextHopUsers.GetValueOrDefault(route.NextHopId) + 1;
        }
    }

    private void RemoveAt(List<KernelRoute> list, int at)
    {
        KernelRoute route = list[at];
        list.RemoveAt(at);
        if (IsWideLocal(route) && !list.Exists(IsWideLocal))
        {
            _wideLocals.Remove(route.Prefix);
        }

        if (route.NextHopId != 0 && --_nextHopUsers[route.NextHopId] == 0)
        {
            _nextHopUsers.Remove(route.NextHopId);
        }

        if (list.Count == 0)
        {
            _routes.Remove(route.Prefix);
        }
    }

    /// <summary>True for one of <see cref="WideLocals"/>.</summary>
    public static bool IsWideLocal(KernelRoute route) => route.Table == TableLocal && route.Prefix.Family == 6
        && route.Prefix.Length < 128 && route.Type != RouteType.Multicast;

    private static ulong Rank(KernelRoute route) =>
        ((ulong)(TableLocal - route.Table) << 32) | route.Priority;
}
