using System.Diagnostics;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Routing;

/// <summary>Keeps the tables of a route stage as the kernel's: reads routes and neighbours of a namespace,
/// then follows each change, on a thread of its own. The data plane goes on with what the tables say when
/// this ends.</summary>
internal sealed class FibSync : IDisposable
{
    private const int WaitMs = 20;           // also how often lanes are asked whether they have passed on
    private const long SettleMs = 50;        // links change in bursts, and routes a moment later
    private const long RestFactor = 4;       // between readings of the state, against what one took: a fifth
    private const long ConfirmEveryMs = 1000;
    private const int ConfirmMax = 64;       // neighbours a round: a probe each, no storm
    private const long ConfirmAgainMs = 10_000;
    private readonly RouteMonitor _monitor;
    private readonly KernelFib _fib;
    private readonly Dictionary<int, int> _numbers;
    private readonly Waiter _waiter = new();
    private readonly Thread _thread;
    private readonly Dictionary<(int, IpPrefix), long> _confirmed = [];
    private SharedRegion? _region;
    private volatile bool _stops;
    private long _resyncAtMs = long.MaxValue;
    private long _hintAtMs;
    private long _restMs = SettleMs;
    private long _confirmAtMs;

    private FibSync(RouteMonitor monitor, KernelFib fib, Dictionary<int, int> numbers)
    {
        _monitor = monitor;
        _fib = fib;
        _numbers = numbers;
        _thread = new Thread(Run) { IsBackground = true, Name = "fib-sync" };
    }

    /// <summary>Routes that stand in the tables.</summary>
    public uint Routes => _fib.Tables.Routes;

    /// <summary>Prefixes that found no room in the tables, as of now.</summary>
    public int Waiting => _fib.Waiting;

    /// <summary>Why it ended by itself; null while it works.</summary>
    public string? Failure { get; private set; }

    /// <summary>What stood before the kernel's tables when they were last read.</summary>
    public RoutePolicy Policy { get; private set; } = RoutePolicy.Standard;

    /// <summary>Fills the tables of a data plane that does not run yet.</summary>
    /// <param name="tables">Its tables.</param>
    /// <param name="table">Which stage's, and of which namespace.</param>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static FibSync Fill(TableMemory tables, KernelTable table) =>
        Fill(tables, table, RouteMonitor.QueueBytes);

    /// <summary>The same with a queue of changes of another size.</summary>
    internal static FibSync Fill(TableMemory tables, KernelTable table, int queueBytes)
    {
        Dictionary<int, int> numbers = [];
        for (int port = 0; port < tables.Plan.PortCount; port++)
        {
            PlanPort plan = tables.Plan.Port(port);
            if (plan.NetworkNamespace.ToString() == table.Netns)
            {
                numbers[plan.InterfaceIndex] = (int)plan.InterfaceNumber;
            }
        }

        RouteMonitor monitor = RouteMonitor.Open(table.Netns, queueBytes);
        try
        {
            KernelFib fib = new(describe => new FibTables(tables, table.FirstTable) { Describe = describe });
            FibSync sync = new(monitor, fib, numbers);
            sync.Reread();
            fib.Tables.Collect();
            return sync;
        }
        catch
        {
            monitor.Dispose();
            throw;
        }
    }

    /// <summary>Follows changes from now on; the data plane runs. Nothing when it does so
    /// already.</summary>
    public void Start(SharedRegion region)
    {
        if (_region is not null)
        {
            return;
        }

        _region = region;
        _waiter.Watch([_monitor.Fd]);
        _thread.Start();
    }

    /// <summary>Ends it; the tables stay as they are.</summary>
    public void Dispose()
    {
        _stops = true;
        _waiter.Wake();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _waiter.Dispose();
        _monitor.Dispose();
    }

    private void Run()
    {
        try
        {
            while (!_stops)
            {
                _waiter.Wait(WaitMs);
                Turn(Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000), _region);
            }
        }
        catch (NativeException e)
        {
            Failure = e.Message; // the namespace is gone, most likely: its ports are, too
        }
    }

    /// <summary>One round: changes, the whole state where it is due, what waited for lanes, neighbours to be
    /// confirmed.</summary>
    /// <param name="nowMs">Any monotonic clock.</param>
    /// <param name="region">Lanes that read the tables; null: none do.</param>
    /// <exception cref="NativeException">The kernel refused.</exception>
    internal void Turn(long nowMs, SharedRegion? region)
    {
        ReadChanges(nowMs);
        if (nowMs >= _resyncAtMs)
        {
            Reread();
            // What came just now may have consequences that were not there yet.
            _resyncAtMs = nowMs < _hintAtMs + SettleMs ? nowMs + _restMs : long.MaxValue;
        }

        if (Collect(region) && _fib.Waiting > 0)
        {
            _fib.Retry();
        }

        if (nowMs >= _confirmAtMs)
        {
            _confirmAtMs = nowMs + ConfirmEveryMs;
            Confirm(nowMs);
        }
    }

    private bool Collect(SharedRegion? region)
    {
        if (region is not null)
        {
            return _fib.Tables.Collect(region);
        }

        _fib.Tables.Collect();
        return true;
    }

    private void ReadChanges(long nowMs)
    {
        while (!_stops && _monitor.TryRead(out RouteEvent change))
        {
            if (!Apply(change))
            {
                _hintAtMs = nowMs;
                _resyncAtMs = Math.Min(_resyncAtMs, nowMs + _restMs);
            }
        }
    }

    private bool Apply(in RouteEvent change)
    {
        if (change.Link is not { } link)
        {
            return _fib.Apply(change);
        }

        int number = _numbers.GetValueOrDefault(link.Index, -1);
        return _fib.Apply(link.Index,
            change.Kind == RouteEventKind.Link ? FibInterface.From(link, number) : null);
    }

    private void Reread()
    {
        long start = Stopwatch.GetTimestamp();
        Dictionary<int, FibInterface> interfaces = [];
        foreach (LinkInfo link in _monitor.Links())
        {
            interfaces[link.Index] = FibInterface.From(link, _numbers.GetValueOrDefault(link.Index, -1));
        }

        List<KernelNextHop> nextHops = _monitor.NextHops();
        Policy = _monitor.Policy();
        _fib.Replace(
            _monitor.Routes(), _monitor.Neighbours(), interfaces, nextHops, Policy.HasOtherRules);
        long tookMs = (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        _restMs = Math.Max(SettleMs, RestFactor * tookMs);
    }

    private void Confirm(long nowMs)
    {
        int asked = 0;
        foreach ((int index, IpPrefix address) in _fib.Unconfirmed())
        {
            if (asked == ConfirmMax)
            {
                break;
            }

            if (nowMs - _confirmed.GetValueOrDefault((index, address), -ConfirmAgainMs) >= ConfirmAgainMs)
            {
                _confirmed[(index, address)] = nowMs;
                _ = _monitor.Resolve(index, address); // refused: the interface is down, its routes will go
                asked++;
            }
        }

        if (_confirmed.Count > 16 * ConfirmMax)
        {
            _confirmed.Clear(); // forgotten: asked once more
        }
    }
}

/// <summary>Tables of a plan that mirror the kernel's.</summary>
/// <param name="Netns">Path of the namespace; empty: the present one.</param>
/// <param name="FirstTable">First of the three tables.</param>
internal sealed record KernelTable(string Netns, int FirstTable)
{
    /// <summary>Those of a plan.</summary>
    public static IReadOnlyList<KernelTable> Of(PlanImage plan)
    {
        List<KernelTable> tables = [];
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            PlanLane entry = plan.Lane(lane);
            for (int i = 0; i < entry.StageCount; i++)
            {
                PlanStage stage = plan.Stage((int)entry.FirstStage + i);
                if (stage.Kind == StageKind.Route && RouteSettings.Read(stage).IsKernels)
                {
                    string netns = plan.Port(entry.Ports[0]).NetworkNamespace.ToString();
                    tables.Add(new KernelTable(netns, (int)stage.FirstTable));
                }
            }
        }

        return [.. tables.Distinct()];
    }
}
