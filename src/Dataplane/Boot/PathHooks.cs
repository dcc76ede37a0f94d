using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Boot;

/// <summary>What the XDP programs decide in the lanes' place: a path for each interface whose lane wants it.
/// A path is in use while the interface that it leads to is up and takes redirected frames; otherwise, and
/// while lanes change, the lanes forward. Main thread.</summary>
internal sealed class PathHooks(SharedRegion region, List<InterfaceHook> hooks) : IDisposable
{
    private readonly List<PathHook> _paths = [];
    private readonly List<NetdevFamily> _families = [];

    /// <summary>Writes the paths of a plan and puts them in use: at boot, and when all lanes run
    /// it.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public void Take(PlanImage plan)
    {
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            if (plan.Lane(lane).Offload != Offload.None)
            {
                TakeLane(plan, lane);
            }
        }

        Update();
    }

    /// <summary>Lanes take every frame from now on.</summary>
    public void Suspend()
    {
        foreach (PathHook path in _paths)
        {
            path.Suspend();
        }
    }

    /// <summary>Looks whether each path can be used. Allocates nothing.</summary>
    public void Update()
    {
        foreach (PathHook path in _paths)
        {
            path.Update();
        }
    }

    /// <summary>Copies the rules' counters to the pages. Allocates nothing.</summary>
    public void Refresh()
    {
        foreach (PathHook path in _paths)
        {
            path.Refresh();
        }
    }

    /// <summary>Closes the sockets that were asked.</summary>
    public void Dispose()
    {
        foreach (NetdevFamily family in _families)
        {
            family.Dispose();
        }
    }

    private void TakeLane(PlanImage plan, int lane)
    {
        string whyNot = PathCompiler.WhyNot(plan, lane);
        for (int own = 0; own < plan.Lane(lane).PortCount; own++)
        {
            int port = plan.Lane(lane).Ports[own];
            PathHook? known = _paths.Find(path => path.Port == port);
            XdpProgram? program = HookOf(plan.Port(port)).Program;
            XdpPath path = default;
            string why = whyNot.Length > 0 ? whyNot
                : program == null ? "the port only sends"
                : !PathCompiler.TryCompile(plan, lane, own, out path) ? "no stage sends on what comes in"
                : "";
            if (why.Length > 0)
            {
                _ = known != null && _paths.Remove(known);
                SetText(port, "lane: " + why);
                continue;
            }

            if (known == null)
            {
                known = new PathHook(region, port, program!, OpenFamily(plan.Port(port)));
                _paths.Add(known);
            }

            known.Take(path, HookTo(plan, lane, path.Egress));
        }
    }

    private void SetText(int port, string text)
    {
        ref PortPage page = ref region.PortPage(port).Value;
        Seqlock.Begin(ref page.Epoch);
        page.Offload.Set(text);
        Seqlock.End(ref page.Epoch);
    }

    private NetdevFamily OpenFamily(in PlanPort port)
    {
        NetdevFamily family = NetdevFamily.Open(port.NetworkNamespace.ToString());
        _families.Add(family);
        return family;
    }

    private InterfaceHook HookTo(PlanImage plan, int lane, uint number)
    {
        int own = 0;
        while (plan.Port(plan.Lane(lane).Ports[own]).InterfaceNumber != number)
        {
            own++;
        }

        return HookOf(plan.Port(plan.Lane(lane).Ports[own]));
    }

    private InterfaceHook HookOf(PlanPort port) => hooks.Find(hook => hook.Serves(port))!;
}

/// <summary>The path of one interface. Main thread.</summary>
/// <param name="region">Where its page is.</param>
/// <param name="port">The one port of the interface, number in the plan.</param>
/// <param name="program">The interface's program.</param>
/// <param name="family">Tells what the other interface can take.</param>
internal sealed class PathHook(SharedRegion region, int port, XdpProgram program, NetdevFamily family)
{
    private readonly RuleCounter[] _before = new RuleCounter[XdpRules.Max]; // of earlier paths with these rules
    private XdpPath _path;
    private InterfaceHook? _egress;
    private string _textOn = "";
    private string _textDown = "";
    private string _textRefused = "";
    private string _text = "";
    private bool _isOn;

    /// <summary>Number of the port in the plan.</summary>
    public int Port => port;

    /// <summary>A new generation's path; the one before is not in use.</summary>
    public void Take(in XdpPath path, InterfaceHook egress)
    {
        if (_egress != null && PlanImage.AreSame(path, _path))
        {
            return;
        }

        KeepCounters(path);
        _path = path;
        _egress = egress;
        _textOn = $"kernel: to {egress.Name}";
        _textDown = $"lane: {egress.Name} is down";
        _textRefused = $"lane: {egress.Name} cannot take redirected frames; "
            + "a veth can when its peer has XDP or GRO on";
        if (!egress.IsGone)
        {
            program.SetEgress(path.Egress, egress.Index);
        }

        program.WritePath(path);
    }

    /// <summary>The lane takes every frame.</summary>
    public void Suspend()
    {
        if (_isOn)
        {
            program.UsePath(false);
            _isOn = false;
        }
    }

    /// <summary>Puts the path in use, or out of it.</summary>
    public void Update()
    {
        // Generic mode sends by the qdisc-less xmit of any driver; kernels before 6.3 do not say.
        bool isTaken = program.Mode == XdpAttachMode.Generic
            || !family.TryReadXdp(_egress!.Index, out XdpFeatures xdp) || xdp.HasFlag(XdpFeatures.NdoXmit);
        bool isOn = _egress!.IsUp && isTaken;
        string text = isOn ? _textOn : isTaken ? _textDown : _textRefused;
        if (isOn != _isOn)
        {
            program.UsePath(isOn);
            _isOn = isOn;
        }

        if (!ReferenceEquals(text, _text))
        {
            _text = text;
            ref PortPage page = ref region.PortPage(port).Value;
            Seqlock.Begin(ref page.Epoch);
            page.Offload.Set(text);
            Seqlock.End(ref page.Epoch);
        }
    }

    /// <summary>Copies the rules' counters to the page.</summary>
    public void Refresh()
    {
        ref PortPage page = ref region.PortPage(port).Value;
        Seqlock.Begin(ref page.Epoch);
        for (int i = 0; i < _path.RuleCount; i++)
        {
            uint rule = _path.Rules[i].Counter;
            RuleCounter hits = default;
            program.ReadHits(rule, ref hits);
            page.PathRules[(int)rule].Frames = _before[rule].Frames + hits.Frames;
            page.PathRules[(int)rule].Bytes = _before[rule].Bytes + hits.Bytes;
        }

        Seqlock.End(ref page.Epoch);
    }

    // A reload that keeps the rules keeps their counters, as those of the lane's table.
    private void KeepCounters(in XdpPath path)
    {
        ref PortPage page = ref region.PortPage(port).Value;
        bool isSame = path.RuleCount == _path.RuleCount && PlanImage.AreSame(path.Rules, _path.Rules);
        if (_egress != null && isSame)
        {
            Refresh();
        }

        Seqlock.Begin(ref page.Epoch);
        for (int rule = 0; rule < XdpRules.Max; rule++)
        {
            _before[rule] = isSame ? page.PathRules[rule] : default;
            page.PathRules[rule] = _before[rule];
        }

        Seqlock.End(ref page.Epoch);
    }
}
