using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Boot;

/// <summary>What the XDP programs decide in the lanes' place: a path for each interface whose lane wants it.
/// A path is in use while an interface that it leads to is up and takes redirected frames; otherwise, and
/// while lanes change, the lanes forward. Main thread.</summary>
internal sealed class PathHooks(SharedRegion region, List<InterfaceHook> hooks) : IDisposable
{
    private readonly List<PathHook> _paths = [];
    private readonly List<NetdevFamily> _families = [];

    /// <summary>Writes the paths of a plan and puts them in use: at boot, and when all lanes run
    /// it.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public void Take(PlanImage plan, TableMemory tables)
    {
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            if (plan.Lane(lane).Offload != Offload.None)
            {
                TakeLane(plan, lane, tables);
            }
        }

        region.Header.PathsRoute = _paths.Exists(path => path.Routes) ? 1u : 0u;

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

    /// <summary>Looks whether each path can be used, and tells who changes tables what no program reads any
    /// more. Allocates only when something has changed.</summary>
    public void Update()
    {
        PathHook? router = null;
        foreach (PathHook path in _paths)
        {
            path.Update();
            router = path.Routes ? path : router;
        }

        ref RegionHeader header = ref region.Header;
        ulong epoch = Volatile.Read(ref header.TableEpoch); // acquire: the tables were changed before it
        if (router != null && epoch != header.PathEpochSeen)
        {
            router.WaitForReaders();
            Volatile.Write(ref header.PathEpochSeen, epoch); // release: all programs have ended before
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

    private void TakeLane(PlanImage plan, int lane, TableMemory tables)
    {
        string whyNot = PathCompiler.WhyNot(plan, lane);
        int route = PathCompiler.RouteOf(plan, lane);
        int firstTable = route < 0 ? -1 : (int)plan.Stage((int)plan.Lane(lane).FirstStage + route).FirstTable;
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

            VlanMap vlans = default;
            if (path.HasVlan != 0)
            {
                PathCompiler.AddVlans(plan, lane, own, tables, ref path, ref vlans);
            }

            known.Take(path, vlans, EgressesOf(plan, lane, path), tables, firstTable);
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

    private PathEgress[] EgressesOf(PlanImage plan, int lane, in XdpPath path)
    {
        List<PathEgress> egresses = [];
        for (int own = 0; own < plan.Lane(lane).PortCount; own++)
        {
            PlanPort port = plan.Port(plan.Lane(lane).Ports[own]);
            if (path.HasRoute != 0 || port.InterfaceNumber == path.Egress)
            {
                egresses.Add(new PathEgress(port.InterfaceNumber, HookOf(port)));
            }
        }

        return [.. egresses];
    }

    private InterfaceHook HookOf(PlanPort port) => hooks.Find(hook => hook.Serves(port))!;
}
