using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Boot;

/// <summary>One interface of the plan with all its ports: XDP program, link and address watch, kernel
/// counters. Main thread.</summary>
internal sealed class InterfaceHook : IDisposable
{
    private readonly SharedRegion _region;
    private readonly PlanPort _plan;
    private readonly List<HookPort> _ports = [];
    private readonly LinkMonitor _monitor;
    private readonly RouteNetlink _route;
    private readonly LinkInfo _link;
    private XdpProgram? _program;
    private PromiscuousHold? _promiscuous;
    private string _attachRefusal = "";
    private bool _isGone;
    private bool _isUp;

    private InterfaceHook(SharedRegion region, in PlanPort plan, LinkMonitor monitor, RouteNetlink route, LinkInfo link)
    {
        _region = region;
        _plan = plan;
        _monitor = monitor;
        _route = route;
        _link = link;
    }

    /// <summary>Driver, as ethtool says.</summary>
    public required string Driver { get; init; }

    /// <summary>Rx queues that the driver runs.</summary>
    public required int RxQueues { get; init; }

    /// <summary>Tx queues that the driver runs.</summary>
    public required int TxQueues { get; init; }

    /// <summary>The program, once it is attached; null: the ports only send.</summary>
    public XdpProgram? Program => _program;

    /// <summary>It was deleted, or another one has its name.</summary>
    public bool IsGone => _isGone;

    /// <summary>The link is up and has a carrier.</summary>
    public bool IsUp => _isUp;

    /// <summary>The interface's name.</summary>
    public string Name => _link.Name;

    /// <summary>ifindex.</summary>
    public int Index => _link.Index;

    /// <summary>Frames may be handed to the stack as received here: a program in generic mode would see them a
    /// second time, and give them back.</summary>
    public bool TakesPunts => _program?.Mode != XdpAttachMode.Generic;

    /// <summary>The netlink socket that tells of changes.</summary>
    public int WatchFd => _monitor.Fd;

    /// <summary>Opens the watch and checks that the interface is still the one that was planned
    /// for.</summary>
    /// <exception cref="NativeException">It is not there, or another one has its name, or it is too
    /// small.</exception>
    public static InterfaceHook Open(SharedRegion region, in PlanPort plan)
    {
        string name = plan.Interface.ToString();
        string space = plan.NetworkNamespace.ToString();
        RouteNetlink route = RouteNetlink.Open(space);
        LinkMonitor? monitor = null;
        try
        {
            LinkInfo link = route.FindLink(name)
                ?? throw new NativeException($"find interface {name}", Errno.ENODEV, "It is gone since it was planned.");
            if (link.Index != plan.InterfaceIndex)
            {
                throw new NativeException($"find interface {name}", Errno.ENODEV,
                    $"It has index {link.Index} now, the plan was made for {plan.InterfaceIndex}: plan again.");
            }

            monitor = LinkMonitor.Open(space);
            using Ethtool ethtool = Ethtool.Open(space);
            EthtoolChannels? channels = ethtool.Channels(name);
            return new InterfaceHook(region, plan, monitor, route, link)
            {
                Driver = ethtool.Driver(name)?.Name ?? link.Kind,
                RxQueues = channels?.RxQueues ?? link.RxQueues,
                TxQueues = channels?.TxQueues ?? link.TxQueues,
            };
        }
        catch
        {
            monitor?.Dispose();
            route.Dispose();
            throw;
        }
    }

    /// <summary>True for a port of this interface.</summary>
    public bool Serves(in PlanPort port) => port.InterfaceIndex == _plan.InterfaceIndex
        && port.NetworkNamespace.ToString() == _plan.NetworkNamespace.ToString();

    /// <summary>Adds a port (a queue) of this interface; the kernel has oopsed on queues it does not have,
    /// so the queue is checked here.</summary>
    public void AddPort(int port)
    {
        ref readonly PlanPort plan = ref _region.Plan.Port(port);
        int queues = Math.Min(RxQueues, TxQueues);
        if (plan.Queue >= queues)
        {
            throw new NativeException($"use {plan.Interface} queue {plan.Queue}", Errno.EINVAL,
                $"It runs {queues} queues now: ethtool -L {plan.Interface} sets how many.");
        }

        _ports.Add(new HookPort(port));
    }

    /// <summary>A port's socket is there.</summary>
    public void SetSocket(int port, int lane, LaneSockets sockets, int index)
    {
        HookPort entry = Find(port);
        entry.Socket = sockets.Sockets[index];
        entry.Lane = (uint)lane;
        entry.IsZeroCopy = entry.Socket.ReadIsZeroCopy();
        entry.BindRefusal = sockets.Why;
    }

    /// <summary>A port's lane side is there: it learns of link changes.</summary>
    public void SetLanePort(int port, LanePort lanePort) => Find(port).LanePort = lanePort;

    /// <summary>Loads and attaches the program: native, or generic where the plan allows it. A port that
    /// only sends needs none.</summary>
    public void Attach()
    {
        if (_plan.Claim == Claim.None)
        {
            FillPages();
            return;
        }

        bool mayFallBack = _plan.Mode == BindMode.Auto;
        XdpAttachMode mode = _plan.Mode == BindMode.Generic ? XdpAttachMode.Generic : XdpAttachMode.Native;
        try
        {
            _program = XdpProgram.Attach(Request(mode));
        }
        catch (NativeException e) when (mayFallBack && e.Errno is Errno.EOPNOTSUPP or Errno.EINVAL or Errno.ERANGE)
        {
            _attachRefusal = $"native program refused: {e.Call}: {e.Errno.Name()}; ";
            _program = XdpProgram.Attach(Request(XdpAttachMode.Generic));
        }

        if (_plan.Claim == Claim.All)
        {
            // A wire carries what is addressed to others: a card's own filter must not drop it.
            _promiscuous = PromiscuousHold.Take(_plan.NetworkNamespace.ToString(), _link.Index);
        }

        _ = _program.ReplaceLocalAddresses(_route.Addresses(_link.Index));
        FillPages();
    }

    /// <summary>From here on the program redirects to the sockets.</summary>
    public void OpenGate()
    {
        RereadLink(); // attaching may have taken the link down and up again
        foreach (HookPort port in _ports)
        {
            _program?.SetSocket(_region.Plan.Port(port.Port).Queue, port.Socket!.Fd);
        }
    }

    /// <summary>From here on frames go to the kernel's stack again.</summary>
    public void Close()
    {
        foreach (HookPort port in _ports)
        {
            if (!_isGone)
            {
                _program?.ClearSocket(_region.Plan.Port(port.Port).Queue);
            }
        }
    }

    /// <summary>Applies what the kernel told since the last call.</summary>
    public void HandleEvents()
    {
        while (_monitor.TryRead(out LinkChange change))
        {
            if (change.Kind == LinkChangeKind.Overrun)
            {
                OnOverrun();
            }
            else if (change.InterfaceIndex == _link.Index)
            {
                Apply(change);
            }
        }
    }

    /// <summary>Copies counters of sockets, program and interface to the ports' pages.</summary>
    public void Refresh()
    {
        LinkStatistics device = default;
        OutcomeCounters outcomes = default;
        OutcomeCounters bytes = default;
        bool hasDevice = !_isGone && _route.ReadStatistics(_link.Index, ref device) == Errno.Ok;
        _program?.ReadOutcomes(ref outcomes, ref bytes);
        foreach (HookPort port in _ports)
        {
            if (port.Socket == null)
            {
                continue;
            }

            Errno errno = port.Socket.ReadStatistics(out XdpStatistics statistics);
            ref PortPage page = ref _region.PortPage(port.Port).Value;
            Seqlock.Begin(ref page.Epoch);
            page.Xdp = errno == Errno.Ok ? statistics : page.Xdp;
            page.Outcomes = outcomes;
            page.OutcomeBytes = bytes;
            page.Device = hasDevice ? device : page.Device;
            Seqlock.End(ref page.Epoch);
        }
    }

    /// <summary>Detaches and closes.</summary>
    public void Dispose()
    {
        _promiscuous?.Dispose();
        _program?.Dispose();
        _monitor.Dispose();
        _route.Dispose();
    }

    private void Apply(in LinkChange change)
    {
        switch (change.Kind)
        {
            case LinkChangeKind.AddressAdded:
                _program?.AddLocalAddress(change.AddressBytes);
                break;
            case LinkChangeKind.AddressRemoved:
                _program?.RemoveLocalAddress(change.AddressBytes);
                break;
            case LinkChangeKind.LinkGone:
                _isGone = true;
                SetLink(LinkState.Gone);
                break;
            default:
                SetLink(change.IsUp && change.HasCarrier ? LinkState.Up : LinkState.Down);
                break;
        }
    }

    // Events were lost: what is there now is the truth. Rare enough to allocate.
    private void OnOverrun()
    {
        RereadLink();
        if (!_isGone)
        {
            _ = _program?.ReplaceLocalAddresses(_route.Addresses(_link.Index));
        }
    }

    private void RereadLink()
    {
        LinkInfo? link = _route.FindLink(_plan.Interface.ToString());
        bool isSame = link != null && link.Index == _link.Index;
        _isGone = !isSame;
        SetLink(!isSame ? LinkState.Gone : link!.IsUp && link.HasCarrier ? LinkState.Up : LinkState.Down);
    }

    private void SetLink(LinkState state)
    {
        _isUp = state == LinkState.Up;
        foreach (HookPort port in _ports)
        {
            ref PortPage page = ref _region.PortPage(port.Port).Value;
            if (page.Link != state)
            {
                Seqlock.Begin(ref page.Epoch);
                page.LinkUps += state == LinkState.Up ? 1u : 0u;
                page.LinkDowns += page.Link == LinkState.Up ? 1u : 0u;
                page.Link = state;
                Seqlock.End(ref page.Epoch);
            }

            if (port.LanePort != null)
            {
                port.LanePort.IsLinkUp = state == LinkState.Up;
            }
        }
    }

    private XdpAttachRequest Request(XdpAttachMode mode) => new()
    {
        Interface = _plan.Interface.ToString(),
        InterfaceIndex = _plan.InterfaceIndex,
        NetworkNamespace = _plan.NetworkNamespace.ToString(),
        QueueCount = Math.Max(RxQueues, _link.RxQueues),
        Mode = mode,
        Claim = _plan.Claim,
        ClaimPortLow = _plan.ClaimPortLow,
        ClaimPortHigh = _plan.ClaimPortHigh,
        OwnMac = _plan.Mac,
        Stamps = _plan.Stamps == StampSource.Software,
        TakesPaths = Offloads(_region.Plan),
    };

    private static bool Offloads(PlanImage plan)
    {
        bool isWanted = false;
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            isWanted |= plan.Lane(lane).Offload != Offload.None;
        }

        return isWanted;
    }

    private void FillPages()
    {
        bool isUp = _link.IsUp && _link.HasCarrier;
        foreach (HookPort port in _ports)
        {
            ref readonly PlanPort plan = ref _region.Plan.Port(port.Port);
            ref PortPage page = ref _region.PortPage(port.Port).Value;
            Seqlock.Begin(ref page.Epoch);
            page.Name = plan.Name;
            page.Interface = plan.Interface;
            page.Driver.Set(Driver);
            page.InterfaceIndex = plan.InterfaceIndex;
            page.Queue = plan.Queue;
            page.RequestedMode = plan.Mode;
            page.EffectiveMode = EffectiveMode(port);
            page.ProgramId = _program?.ProgramId ?? 0;
            page.Link = isUp ? LinkState.Up : LinkState.Down;
            page.Lane = port.Lane;
            page.Why.Set(port.BindRefusal + _attachRefusal + Granted(port));
            Seqlock.End(ref page.Epoch);
        }
    }

    private BindMode EffectiveMode(HookPort port)
    {
        if (port.IsZeroCopy)
        {
            return BindMode.ZeroCopy;
        }

        return _program?.Mode == XdpAttachMode.Generic ? BindMode.Generic : BindMode.Copy;
    }

    private string Granted(HookPort port)
    {
        string program = _program == null ? "no program: the port only sends"
            : _program.Mode == XdpAttachMode.Native ? "native program" : "generic program";
        return (port.IsZeroCopy ? "zero-copy" : "copy") + " granted (XDP_OPTIONS), " + program;
    }

    private HookPort Find(int port) => _ports.Find(entry => entry.Port == port)!;

    /// <summary>One port of the interface, as far as boot has come.</summary>
    private sealed class HookPort(int port)
    {
        public int Port { get; } = port;
        public uint Lane { get; set; }
        public XskSocket? Socket { get; set; }
        public LanePort? LanePort { get; set; }
        public bool IsZeroCopy { get; set; }
        public string BindRefusal { get; set; } = "";
    }
}
