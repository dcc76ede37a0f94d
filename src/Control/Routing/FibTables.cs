using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Tables;

namespace LowLatency.Control.Routing;

/// <summary>Where a route's packets go.</summary>
/// <param name="Kind">What becomes of them.</param>
/// <param name="InterfaceIndex">Egress ifindex, of neighbours.</param>
/// <param name="Address">Neighbour; null: none.</param>
/// <param name="MtuBytes">MTU of the route; 0: the interface's.</param>
/// <param name="IsGateway">A router that routes name; else the destination itself.</param>
internal readonly record struct HopKey(NextHopKind Kind, int InterfaceIndex = 0, IpPrefix? Address = null,
    uint MtuBytes = 0, bool IsGateway = false);

/// <summary>The one writer of a route stage's tables: routes name next hops or groups, next hops are shared
/// and counted. What lanes may still read is used again only after they have passed a turn's border. One
/// thread.</summary>
internal sealed class FibTables
{
    private readonly RangeTrieWriter _routes4;
    private readonly RangeTrieWriter _routes6;
    private readonly NextHops _hops;
    private readonly IdPool _hopIds;
    private readonly IdPool _groupIds;
    private readonly Dictionary<HopKey, Owned> _hopsByKey = [];
    private readonly Dictionary<(int, IpPrefix), List<HopKey>> _keysByNeighbour = [];
    private readonly Dictionary<string, (Owned Group, HopKey[] Members)> _groupsByKey = [];
    private readonly Dictionary<IpPrefix, (HopKey[] Hops, int[] Weights)> _targets = [];
    private (long Tick4, long Tick6, long Hops, long Groups)? _waiting;
    private ulong _waitingFor;
    private long _removals;
    private long _removalsSealed;

    /// <summary>A writer over the zeroed tables of one stage.</summary>
    /// <param name="tables">Of the plan.</param>
    /// <param name="first">The stage's first table.</param>
    public FibTables(TableMemory tables, int first)
    {
        PlanTable hops = tables.Plan.Table(first + RouteSettings.NextHops);
        _routes4 = Lpm4.WriterOf(tables.Slice<byte>(first + RouteSettings.Routes4),
            tables.Plan.Table(first + RouteSettings.Routes4).Capacity);
        _routes6 = Lpm6.WriterOf(tables.Slice<byte>(first + RouteSettings.Routes6),
            tables.Plan.Table(first + RouteSettings.Routes6).Capacity);
        _hops = new NextHops(tables.Slice<byte>(first + RouteSettings.NextHops), hops.Capacity);
        _hopIds = new IdPool(_hops.Count, firstId: 1); // number 0 is none
        _groupIds = new IdPool(_hops.Groups, firstId: 0);
    }

    /// <summary>Says how a next hop stands: MAC, interface, MTU. Asked when one comes into use.</summary>
    public required Func<HopKey, NextHop> Describe { get; init; }

    /// <summary>Routes in the tables.</summary>
    public uint Routes => _routes4.Count + _routes6.Count;

    /// <summary>Routes that found no room.</summary>
    public long Refused { get; private set; }

    /// <summary>How many times room has come back so far.</summary>
    public long Freed { get; private set; }

    /// <summary>Next hops in use.</summary>
    public IReadOnlyCollection<HopKey> HopsInUse => _hopsByKey.Keys;

    /// <summary>Sets where a prefix goes: one next hop, or several with weights.</summary>
    /// <returns>False: no room; the prefix is as it was.</returns>
    public bool Set(IpPrefix prefix, HopKey[] hops, int[] weights)
    {
        if (_targets.TryGetValue(prefix, out (HopKey[] Hops, int[] Weights) before)
            && before.Hops.AsSpan().SequenceEqual(hops) && before.Weights.AsSpan().SequenceEqual(weights))
        {
            return true;
        }

        uint value = hops.Length == 1 ? AcquireHop(hops[0]) : AcquireGroup(hops, weights);
        if (value == 0 || !WriterOf(prefix).Set(prefix.Bits, prefix.Length, value))
        {
            if (value != 0)
            {
                ReleaseTarget(hops, weights);
            }

            Refused++;
            return false;
        }

        if (before.Hops is not null)
        {
            _removals++;
            ReleaseTarget(before.Hops, before.Weights);
        }

        _targets[prefix] = (hops, weights);
        return true;
    }

    /// <summary>Takes a prefix out.</summary>
    /// <returns>False: no room to write the smaller node; the prefix is as it was.</returns>
    public bool Remove(IpPrefix prefix)
    {
        if (!_targets.TryGetValue(prefix, out (HopKey[] Hops, int[] Weights) before))
        {
            return true;
        }

        if (!WriterOf(prefix).Remove(prefix.Bits, prefix.Length))
        {
            Refused++;
            return false;
        }

        _targets.Remove(prefix);
        _removals++;
        ReleaseTarget(before.Hops, before.Weights);
        return true;
    }

    /// <summary>Writes next hops anew whose neighbour or interface has changed.</summary>
    public void Refresh(Predicate<HopKey> concerns)
    {
        foreach ((HopKey key, Owned hop) in _hopsByKey)
        {
            if (concerns(key))
            {
                _hops.Set(hop.Id, Describe(key));
            }
        }
    }

    /// <summary>Writes the next hops of one neighbour anew.</summary>
    public void Refresh(int interfaceIndex, IpPrefix address)
    {
        if (_keysByNeighbour.TryGetValue((interfaceIndex, address), out List<HopKey>? keys))
        {
            foreach (HopKey key in keys)
            {
                _hops.Set(_hopsByKey[key].Id, Describe(key));
            }
        }
    }

    /// <summary>Before any lane reads: what is retired is free at once.</summary>
    public void Collect() => Release(Seal());

    /// <summary>Frees what no lane can be in any more: raises the epoch, and looks back another time. Never
    /// waits.</summary>
    /// <returns>False while lanes have still to pass a turn's border.</returns>
    public bool Collect(SharedRegion region)
    {
        if (_waiting is { } waiting)
        {
            if (region.Header.PathsRoute != 0 && Volatile.Read(ref region.Header.PathEpochSeen) < _waitingFor)
            {
                return false;
            }

            for (int lane = 0; lane < region.Plan.LaneCount; lane++)
            {
                ref LanePage page = ref region.LanePage(lane).Value;
                // A lane that has stopped or not begun reads nothing.
                bool isTurning = page.State is LaneState.Armed or LaneState.Done;
                if (isTurning && Volatile.Read(ref page.TableEpochSeen) < _waitingFor)
                {
                    return false;
                }
            }

            Release(waiting);
            _waiting = null;
            return true;
        }

        _waiting = Seal();
        ref RegionHeader header = ref region.Header;
        _waitingFor = Interlocked.Increment(ref header.TableEpoch); // several writers may share a region
        return false;
    }

    private (long Tick4, long Tick6, long Hops, long Groups) Seal()
    {
        _removalsSealed = _removals;
        return (_routes4.Seal(), _routes6.Seal(), _hopIds.Seal(), _groupIds.Seal());
    }

    private void Release((long Tick4, long Tick6, long Hops, long Groups) tickets)
    {
        _routes4.Release(tickets.Tick4);
        _routes6.Release(tickets.Tick6);
        _hopIds.Release(tickets.Hops);
        _groupIds.Release(tickets.Groups);
        Freed = _removalsSealed;
    }

    private RangeTrieWriter WriterOf(IpPrefix prefix) => prefix.Family == 4 ? _routes4 : _routes6;

    private uint AcquireHop(HopKey key)
    {
        if (!_hopsByKey.TryGetValue(key, out Owned? hop))
        {
            if (!_hopIds.TryTake(out uint id))
            {
                return 0;
            }

            hop = _hopsByKey[key] = new Owned(id);
            if (key.Address is { } address)
            {
                NamesOf(key, address).Add(key);
            }

            _hops.Set(id, Describe(key));
        }

        hop.Users++;
        return hop.Id;
    }

    private void ReleaseHop(HopKey key)
    {
        Owned hop = _hopsByKey[key];
        if (--hop.Users == 0)
        {
            _hopsByKey.Remove(key);
            _hopIds.Retire(hop.Id);
            if (key.Address is { } address)
            {
                List<HopKey> names = NamesOf(key, address);
                names.Remove(key);
                if (names.Count == 0)
                {
                    _keysByNeighbour.Remove((key.InterfaceIndex, address));
                }
            }
        }
    }

    // One neighbour may be several next hops: by MTU, as a gateway and for itself.
    private List<HopKey> NamesOf(HopKey key, IpPrefix address)
    {
        if (!_keysByNeighbour.TryGetValue((key.InterfaceIndex, address), out List<HopKey>? names))
        {
            names = _keysByNeighbour[(key.InterfaceIndex, address)] = new List<HopKey>(1);
        }

        return names;
    }

    private uint AcquireGroup(HopKey[] hops, int[] weights)
    {
        string name = GroupName(hops, weights);
        if (_groupsByKey.TryGetValue(name, out (Owned Group, HopKey[] Members) known))
        {
            known.Group.Users++;
            return known.Group.Id | NextHops.GroupBit;
        }

        uint[] ids = new uint[hops.Length];
        for (int i = 0; i < hops.Length; i++)
        {
            ids[i] = AcquireHop(hops[i]);
            if (ids[i] == 0)
            {
                Array.ForEach(hops[..i], ReleaseHop);
                return 0;
            }
        }

        if (!_groupIds.TryTake(out uint group))
        {
            Array.ForEach(hops, ReleaseHop);
            return 0;
        }

        for (int bucket = 0; bucket < NextHopGroup.Buckets; bucket++)
        {
            _hops.SetBucket(group, bucket, ids[Buckets.Choose(bucket, hops, weights)]);
        }

        _groupsByKey[name] = (new Owned(group) { Users = 1 }, hops);
        return group | NextHops.GroupBit;
    }

    private void ReleaseTarget(HopKey[] hops, int[] weights)
    {
        if (hops.Length == 1)
        {
            ReleaseHop(hops[0]);
            return;
        }

        string name = GroupName(hops, weights);
        (Owned group, HopKey[] members) = _groupsByKey[name];
        if (--group.Users == 0)
        {
            _groupsByKey.Remove(name);
            _groupIds.Retire(group.Id);
            Array.ForEach(members, ReleaseHop);
        }
    }

    private static string GroupName(HopKey[] hops, int[] weights) =>
        string.Join('|', hops.Select((hop, i) => $"{hop} {weights[i]}"));

    /// <summary>A number in use, and by how many.</summary>
    private sealed class Owned(uint id)
    {
        public uint Id { get; } = id;
        public int Users { get; set; }
    }
}

/// <summary>Numbers that are given, and given again once no lane can know them from before.</summary>
internal sealed class IdPool(uint count, uint firstId)
{
    private readonly Stack<uint> _free = new();
    private readonly Queue<(long Ticket, uint Id)> _retired = new();
    private uint _next = firstId;
    private long _ticket;

    /// <summary>Takes one; false: none is free.</summary>
    public bool TryTake(out uint id)
    {
        if (_free.TryPop(out id))
        {
            return true;
        }

        id = _next;
        if (_next >= count)
        {
            return false;
        }

        _next++;
        return true;
    }

    /// <summary>Gives one back that lanes may still know.</summary>
    public void Retire(uint id) => _retired.Enqueue((_ticket, id));

    /// <summary>A ticket for all that was retired so far.</summary>
    public long Seal() => _ticket++;

    /// <summary>No lane knows what was retired up to a ticket.</summary>
    public void Release(long ticket)
    {
        while (_retired.TryPeek(out (long Ticket, uint Id) retired) && retired.Ticket <= ticket)
        {
            _free.Push(_retired.Dequeue().Id);
        }
    }
}

/// <summary>Which member of a group a bucket names: by weighted rendezvous hashing (Thaler, Ravishankar 1998;
/// weights after Schindelhauer, Schomaker 2005), so that a member that comes or goes moves no flow of
/// another.</summary>
internal static class Buckets
{
    /// <summary>The place of the chosen member.</summary>
    public static int Choose(int bucket, ReadOnlySpan<HopKey> hops, ReadOnlySpan<int> weights)
    {
        int best = 0;
        double bestScore = double.NegativeInfinity;
        for (int i = 0; i < hops.Length; i++)
        {
            double share = (Mix(bucket, hops[i]) + 1.0) / (ulong.MaxValue + 1.0);
            double score = -weights[i] / Math.Log(share);
            if (score > bestScore)
            {
                (best, bestScore) = (i, score);
            }
        }

        return best;
    }

    // The finalizer of SplitMix64 (Steele, Lea, Flood 2014) over what tells a next hop from another.
    private static ulong Mix(int bucket, HopKey hop)
    {
        UInt128 address = hop.Address?.Bits ?? 0;
        ulong value = (ulong)bucket * 0x9E37_79B9_7F4A_7C15;
        value = Finish(value ^ (ulong)(address >> 64));
        value = Finish(value ^ (ulong)address);
        return Finish(value ^ (uint)hop.InterfaceIndex);
    }

    private static ulong Finish(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}
