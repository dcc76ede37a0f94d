using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Boot;

/// <summary>An interface that a path may lead to.</summary>
/// <param name="Number">Its number in the plan.</param>
/// <param name="Hook">The interface.</param>
internal readonly record struct PathEgress(uint Number, InterfaceHook Hook);

/// <summary>The path of one interface. Main thread.</summary>
/// <param name="region">Where its page is.</param>
/// <param name="port">The one port of the interface, number in the plan.</param>
/// <param name="program">The interface's program.</param>
/// <param name="family">Tells what the other interface can take.</param>
internal sealed class PathHook(SharedRegion region, int port, XdpProgram program, NetdevFamily family)
{
    private readonly RuleCounter[] _before = new RuleCounter[XdpRules.Max]; // of earlier paths with these rules
    private XdpPath _path;
    private VlanMap _vlans;
    private PathEgress[] _egresses = [];
    private TableMemory? _tables;
    private int _firstTable;
    private ulong _ways;    // a bit for each of the interfaces that takes frames now
    private ulong _refused; // and for each that is up, and takes none
    private bool _isOn;
    private bool _isTold;

    /// <summary>Number of the port in the plan.</summary>
    public int Port => port;

    /// <summary>It reads route tables.</summary>
    public bool Routes => _path.HasRoute != 0;

    /// <summary>A new generation's path; the one before is not in use.</summary>
    /// <param name="path">The path.</param>
    /// <param name="vlans">Of a path that changes tags: how.</param>
    /// <param name="egresses">Where it may lead.</param>
    /// <param name="tables">Of its generation; what is read later stays mapped until the next one.</param>
    /// <param name="firstTable">First of its route stage; -1: it has none.</param>
    public void Take(
        in XdpPath path, in VlanMap vlans, PathEgress[] egresses, TableMemory tables, int firstTable)
    {
        bool isSame = _egresses.Length > 0 && PlanImage.AreSame(path, _path)
            && PlanImage.AreSame(vlans, _vlans);
        _tables = tables;
        _firstTable = firstTable;
        if (isSame)
        {
            return;
        }

        KeepCounters(path);
        foreach (PathEgress before in _egresses)
        {
            program.ClearEgress(before.Number);
        }

        _path = path;
        _vlans = vlans;
        _egresses = egresses;
        _ways = _refused = 0;
        _isTold = false;
        program.WritePath(path, vlans, tables, firstTable);
    }

    /// <summary>Waits until no program reads what was taken out of route tables before.</summary>
    public void WaitForReaders() => program.WaitForReaders(_tables!, _firstTable);

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
        ulong ways = 0;
        ulong refused = 0;
        for (int i = 0; i < _egresses.Length; i++)
        {
            InterfaceHook egress = _egresses[i].Hook;
            // Generic mode sends by the qdisc-less xmit of any driver; kernels before 6.3 do not say.
            bool isTaken = program.Mode == XdpAttachMode.Generic
                || !family.TryReadXdp(egress.Index, out XdpFeatures xdp) || xdp.HasFlag(XdpFeatures.NdoXmit);
            bool isWay = egress.IsUp && isTaken && (((_ways >> i) & 1) != 0 || TryOpen(_egresses[i]));
            ways |= isWay ? 1UL << i : 0;
            refused |= egress.IsUp && !isTaken ? 1UL << i : 0;
            if (!isWay && ((_ways >> i) & 1) != 0)
            {
                program.ClearEgress(_egresses[i].Number);
            }
        }

        if (ways != 0 != _isOn)
        {
            program.UsePath(ways != 0);
            _isOn = ways != 0;
        }

        if (ways != _ways || refused != _refused || !_isTold)
        {
            (_ways, _refused, _isTold) = (ways, refused, true);
            ref PortPage page = ref region.PortPage(port).Value;
            Seqlock.Begin(ref page.Epoch);
            page.Offload.Set(Describe());
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
        if (_egresses.Length > 0 && isSame)
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

    // It may be gone since it was last heard of.
    private bool TryOpen(PathEgress egress)
    {
        try
        {
            program.SetEgress(egress.Number, egress.Hook.Index);
            return true;
        }
        catch (NativeException)
        {
            return false;
        }
    }

    private string Describe()
    {
        if (_ways == 0)
        {
            string name = _egresses[0].Hook.Name;
            return (_refused & 1) == 0 ? $"lane: {name} is down"
                : $"lane: {name} cannot take redirected frames; a veth can when its peer has XDP or GRO on";
        }

        List<string> kernels = [];
        List<string> lanes = [];
        for (int i = 0; i < _egresses.Length; i++)
        {
            (((_ways >> i) & 1) != 0 ? kernels : lanes).Add(_egresses[i].Hook.Name);
        }

        return "kernel: to " + string.Join(", ", kernels)
            + (lanes.Count > 0 ? "; lane: to " + string.Join(", ", lanes) : "");
    }
}
