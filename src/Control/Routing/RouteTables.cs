using LowLatency.Control.Running;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Routing;

/// <summary>All tables of a data plane that mirror the kernel's, over its generations: each is filled before
/// it is used where that can be, and followed from then on. One thread.</summary>
internal sealed class RouteTables : IDisposable
{
    private readonly Dictionary<long, FibSync> _byOffset = [];
    private readonly HashSet<string> _told = [];
    private readonly List<LivePlan> _lives = []; // whose mappings are written
    private uint _generation;

    /// <summary>Fills those of a data plane that does not run yet.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static RouteTables Fill(TableMemory memory)
    {
        RouteTables tables = new();
        tables.Add(memory);
        return tables;
    }

    /// <summary>Follows the kernel for the generation that runs; cheap when it is the same as
    /// before.</summary>
    public void Follow(SharedRegion region)
    {
        uint generation = Volatile.Read(ref region.Header.Generation);
        if (generation == _generation || generation == 0)
        {
            return;
        }

        LivePlan live = LivePlan.Read(region);
        bool isUsed = false;
        if (_generation != 0 && live.Tables is { } memory)
        {
            HashSet<long> wanted = [.. KernelTable.Of(memory.Plan).Select(table => OffsetOf(memory, table))];
            foreach (long gone in _byOffset.Keys.Where(offset => !wanted.Contains(offset)).ToArray())
            {
                _byOffset.Remove(gone, out FibSync? sync);
                sync!.Dispose();
            }

            isUsed = Add(memory);
        }

        foreach (FibSync sync in _byOffset.Values)
        {
            sync.Start(region);
        }

        if (isUsed)
        {
            _lives.Add(live);
        }
        else
        {
            live.Dispose();
        }

        _generation = generation;
    }

    /// <summary>What the user should know, once each.</summary>
    public IEnumerable<string> Complaints()
    {
        return _byOffset.Values.SelectMany(Complaints).Where(_told.Add);
    }

    private static IEnumerable<string> Complaints(FibSync sync)
    {
        if (sync.Failure is { } failure)
        {
            yield return $"the kernel's routes are not followed any more: {failure}";
        }
        else if (sync.Waiting > 0)
        {
            yield return "a route table is full: some routes are missing in it, their packets go another way "
                + "or to the kernel; raise routes_max, routes6_max or next_hops_max";
        }

        if (sync.Policy.HasOtherRules)
        {
            yield return "the namespace has routing rules of its own ('ip rule', 'ip -6 rule'): a prefix "
                + "alone "
                + "does not decide, so the kernel forwards all packets; delete the rules, or use static "
                    + "routes";
        }

        if (!sync.Policy.Forwards4 && !sync.Policy.Forwards6)
        {
            yield return "the kernel does not forward here (net.ipv4.ip_forward = 0, "
                + "net.ipv6.conf.all.forwarding = 0): lanes do, but what they hand to it (unresolved "
                + "neighbours, TTL 1, options) ends there; 'sysctl -w net.ipv4.ip_forward=1'";
        }
    }

    /// <summary>Ends following; tables stay as they are.</summary>
    public void Dispose()
    {
        foreach (FibSync sync in _byOffset.Values)
        {
            sync.Dispose();
        }

        _byOffset.Clear();
        _lives.ForEach(live => live.Dispose());
    }

    private bool Add(TableMemory memory)
    {
        bool isAdded = false;
        foreach (KernelTable table in KernelTable.Of(memory.Plan))
        {
            long offset = OffsetOf(memory, table);
            if (!_byOffset.ContainsKey(offset))
            {
                _byOffset[offset] = FibSync.Fill(memory, table);
                isAdded = true;
            }
        }

        return isAdded;
    }

    private static long OffsetOf(TableMemory memory, KernelTable table) =>
        memory.Plan.Table(table.FirstTable).Offset;
}
