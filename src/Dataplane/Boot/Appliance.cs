using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Dataplane.Boot;

/// <summary>A provisioned data plane: made in named steps that unwind in reverse, armed, watched by the main
/// thread, and disarmed. Main thread; the lanes run by themselves in between.</summary>
internal sealed class Appliance : IDisposable
{
    private readonly PlanImage _plan;
    private readonly SharedRegion _region;
    private readonly UndoStack _undo = new();
    private readonly LaneSockets[] _sockets;
    private readonly ILane[] _lanes;
    private readonly List<LaneThread> _threads = [];
    private readonly List<InterfaceHook> _hooks = [];
    private readonly List<PuntThread> _punts = [];
    private readonly TableMemory _tables;
    private readonly Reload _reload;
    private readonly PathHooks _paths;
    private int _collectionsAtArm;

    private Appliance(SharedRegion region, TableMemory tables)
    {
        _region = region;
        _tables = tables;
        _plan = region.Plan;
        _sockets = new LaneSockets[_plan.LaneCount];
        _lanes = new ILane[_plan.LaneCount];
        _paths = _undo.Keep(new PathHooks(region, _hooks));
        _reload = _undo.Keep(new Reload(region, _lanes, tables, _paths));
    }

    /// <summary>Provisions and arms. What a failing step had acquired before is given back, the tables,
    /// too.</summary>
    /// <exception cref="NativeException">The host or the kernel refused.</exception>
    public static Appliance Boot(SharedRegion region, TableMemory tables)
    {
        Appliance appliance = new(region, tables);
        try
        {
            appliance.Step("re-check", appliance.CheckInterfaces);
            appliance.Step("umem and sockets", appliance.OpenSockets);
            appliance.Step("pool", appliance.MakeLanes);
            appliance.Step("xdp", appliance.AttachPrograms);
            appliance.Step("warm-up", appliance.WarmLanes);
            appliance.Step("lock memory", appliance.LockMemory);
            appliance.Step("punt", appliance.StartPunts);
            appliance.Step("pin and arm", appliance.StartLanes);
            appliance.Step("open", appliance.OpenPorts);
            return appliance;
        }
        catch
        {
            appliance.Dispose();
            throw;
        }
    }

    /// <summary>Descriptors of the netlink sockets that tell of link changes.</summary>
    public int[] WatchFds() => [.. _hooks.ConvertAll(hook => hook.WatchFd)];

    /// <summary>Link and address changes: applies what is there. Allocates nothing.</summary>
    public void HandleEvents()
    {
        foreach (InterfaceHook hook in _hooks)
        {
            hook.HandleEvents();
        }

        _paths.Update();
    }

    /// <summary>Copies the kernel's counters of every port to its page. Allocates nothing.</summary>
    public void Refresh()
    {
        foreach (InterfaceHook hook in _hooks)
        {
            hook.Refresh();
        }

        _paths.Update();
        _paths.Refresh();

        _region.Header.HeartbeatNs = ThreadControl.NowNs;
        _region.Header.Collections = GC.CollectionCount(0) - _collectionsAtArm;
    }

    /// <summary>Takes a new generation when Control wants one.</summary>
    public void PollReload() => _reload.Poll();

    /// <summary>Stops cleanly: no new frames, lanes send what they hold, last counters.</summary>
    public void Disarm()
    {
        _region.Header.State = RegionState.Draining;
        _paths.Suspend();
        foreach (InterfaceHook hook in _hooks)
        {
            hook.Close();
        }

        StopLanes();
        StopPunts();
        Refresh();
        _region.Header.State = RegionState.Stopped;
    }

    /// <summary>Gives everything back, last acquired first.</summary>
    public void Dispose()
    {
        StopLanes();
        StopPunts();
        _undo.Dispose();
    }

    private void StopPunts()
    {
        foreach (PuntThread punt in _punts)
        {
            punt.Dispose();
        }

        _punts.Clear();
    }

    // Recorders last: what packet lanes have copied until they stopped is written, too.
    private void StopLanes()
    {
        StopThreads(areStorage: false);
        StopThreads(areStorage: true);
        _threads.Clear();
    }

    private void StopThreads(bool areStorage)
    {
        foreach (LaneThread thread in _threads)
        {
            if (thread.IsStorage == areStorage)
            {
                thread.Stop();
                thread.Dispose();
            }
        }
    }

    private void Step(string name, Action step)
    {
        _region.Header.Step.Set(name);
        step();
    }

    // Ports of one interface share its program: one hook per (namespace, interface).
    private void CheckInterfaces()
    {
        for (int port = 0; port < _plan.PortCount; port++)
        {
            InterfaceHook? hook = _hooks.Find(known => known.Serves(_plan.Port(port)));
            if (hook == null)
            {
                hook = _undo.Keep(InterfaceHook.Open(_region, _plan.Port(port)));
                _hooks.Add(hook);
            }

            hook.AddPort(port);
        }
    }

    private void OpenSockets()
    {
        long umemBytes = 0;
        for (int lane = 0; lane < _sockets.Length; lane++)
        {
            _sockets[lane] = _undo.Keep(LaneSockets.Open(_plan, lane));
            umemBytes += _sockets[lane].MappedBytes;
            for (int i = 0; i < _sockets[lane].Sockets.Length; i++)
            {
                HookOf(_plan.Lane(lane).Ports[i]).SetSocket(_plan.Lane(lane).Ports[i], lane, _sockets[lane],
                    i);
            }
        }

        _region.Header.UmemBytes = umemBytes;
    }

    private void AttachPrograms()
    {
        foreach (InterfaceHook hook in _hooks)
        {
            hook.Attach();
        }
    }

    private void MakeLanes()
    {
        for (int lane = 0; lane < _lanes.Length; lane++)
        {
            PlanLane plan = _plan.Lane(lane);
            LaneSockets sockets = _sockets[lane];
            FramePool pool = new(sockets.Umem.Frames, sockets.Umem.ChunkBytes);
            LanePort[] ports = new LanePort[plan.PortCount];
            for (int i = 0; i < ports.Length; i++)
            {
                LanePortSetup setup = new()
                {
                    Plan = _plan.Port(plan.Ports[i]),
                    Wakeup = new SocketWakeup(sockets.Sockets[i]),
                    IsZeroCopy = sockets.IsZeroCopy,
                };
                ports[i] = new LanePort(setup, sockets.Sockets[i].Rx, sockets.Sockets[i].Tx,
                    sockets.Sockets[i].Fill, sockets.Sockets[i].Completion);
                HookOf(plan.Ports[i]).SetLanePort(plan.Ports[i], ports[i]);
            }

            ref LanePage page = ref _region.LanePage(lane).Value;
            page.Name = plan.Name;
            page.Kind = plan.Kind;
            page.UmemBytes = sockets.MappedBytes;
            page.UmemIsHuge = sockets.IsHuge ? 1u : 0u;
            LaneCore core = new(_region, lane, sockets.Umem.View, pool, ports);
            foreach (LanePort port in ports)
            {
                // Posted before the program is attached: drivers restart their queues then, and one that
                // finds no frame (igb) neither receives nor asks for a wake-up ever after.
                port.Refill(pool);
            }

            _lanes[lane] = LaneFactory.Make(_region, _tables, lane, core);
            if (_lanes[lane] is IDisposable owner)
            {
                _undo.Keep(owner);
            }
        }
    }

    // Every forward lane has its queues: a reload may bring the first stage that punts.
    private void StartPunts()
    {
        for (int lane = 0; lane < _lanes.Length; lane++)
        {
            if (_lanes[lane] is ForwardLane forward)
            {
                AddPunts(forward, lane);
            }
        }

        foreach (PuntThread punt in _punts)
        {
            punt.Start();
        }
    }

    private void AddPunts(ForwardLane lane, int index)
    {
        PlanPort[] ports = new PlanPort[_plan.Lane(index).PortCount];
        Dictionary<string, PuntQueue> queues = [];
        for (int i = 0; i < ports.Length; i++)
        {
            ports[i] = _plan.Port(_plan.Lane(index).Ports[i]);
            string space = ports[i].NetworkNamespace.ToString();
            if (!queues.TryGetValue(space, out PuntQueue? queue))
            {
                queue = queues[space] = new PuntQueue((int)_plan.Lane(index).ChunkBytes);
                PuntThread? punt = _punts.Find(known => known.Serves(space));
                if (punt == null)
                {
                    punt = new PuntThread(space);
                    _punts.Add(punt);
                }

                punt.Add(queue, ports);
            }

            if (HookOf(_plan.Lane(index).Ports[i]).TakesPunts)
            {
                lane.SetPuntQueue(i, queue);
            }
        }

        lane.Core.SetPuntQueues([.. queues.Values]);
    }

    private void WarmLanes()
    {
        for (int lane = 0; lane < _lanes.Length; lane++)
        {
            // What reads and writes files has turns of a drive, not of rings alone.
            if (_plan.Lane(lane).Kind is not (LaneKind.Storage or LaneKind.Replay))
            {
                WarmUp.Run(_plan, lane);
            }
        }
    }

    private void LockMemory()
    {
        if (_plan.Header.LockMemory != 0)
        {
            ThreadControl.LockMemory();
        }
    }

    private void StartLanes()
    {
        for (int first = 0; first < _lanes.Length; first++)
        {
            PlanLane plan = _plan.Lane(first);
            if (plan.Host == LaneHost.Shared && IndexOfThread(plan.Thread) < first)
            {
                continue; // its thread was made for an earlier lane
            }

            List<ILane> lanes = [_lanes[first]];
            for (int lane = first + 1; plan.Host == LaneHost.Shared && lane < _lanes.Length; lane++)
            {
                if (_plan.Lane(lane).Host == LaneHost.Shared && _plan.Lane(lane).Thread == plan.Thread)
                {
                    lanes.Add(_lanes[lane]);
                }
            }

            LaneThread thread = new([.. lanes], plan);
            _threads.Add(thread);
            thread.Start();
        }

        _collectionsAtArm = GC.CollectionCount(0);
    }

    private void OpenPorts()
    {
        foreach (InterfaceHook hook in _hooks)
        {
            hook.OpenGate();
        }

        _paths.Take(_plan, _tables);

        Refresh();
    }

    private int IndexOfThread(uint thread)
    {
        int lane = 0;
        while (_plan.Lane(lane).Host != LaneHost.Shared || _plan.Lane(lane).Thread != thread)
        {
            lane++;
        }

        return lane;
    }

    private InterfaceHook HookOf(int port) => _hooks.Find(hook => hook.Serves(_plan.Port(port)))!;
}
