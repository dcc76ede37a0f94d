using System.Globalization;
using LowLatency.Control.Measuring;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>Reads what data planes say of themselves, twice, so that there are rates. Writes nothing: a run
/// that measures is not disturbed. One thread.</summary>
internal sealed class StatusReader : IDisposable
{
    private const double FrozenSeconds = 2; // lowlatd's main thread goes round ten times a second

    private readonly List<(string Name, SharedRegion? Region, string? Damage)> _planes = [];
    private readonly Dictionary<SharedRegion, LaneCounters[]> _before = [];

    /// <summary>Opens the regions and takes the first reading.</summary>
    /// <param name="name">One of them; null: all.</param>
    public StatusReader(string? name)
    {
        foreach (string found in Instance.Names().Where(found => name is null || found == name))
        {
            Open(found);
        }
    }

    /// <summary>True when there is none.</summary>
    public bool IsEmpty => _planes.Count == 0;

    /// <summary>True when some live: then rates need a second reading, some time later.</summary>
    public bool HasLive => _planes.Exists(plane => plane.Region is { IsOwnerAlive: true });

    /// <summary>The second reading, and all there is to say.</summary>
    public StatusDocument Read() => new(StatusDocument.SchemaName, [.. _planes.Select(Read)]);

    /// <summary>Unmaps.</summary>
    public void Dispose() => _planes.ForEach(plane => plane.Region?.Dispose());

    private void Open(string name)
    {
        try
        {
            SharedRegion? region = Instance.Open(name);
            _planes.Add((name, region, region is null ? "its region is not ready" : null));
            if (region is not null)
            {
                _before[region] = Counters(region);
            }
        }
        catch (PlanFormatException e)
        {
            _planes.Add((name, null, e.Message));
        }
    }

    private PlaneStatus Read((string Name, SharedRegion? Region, string? Damage) plane)
    {
        if (plane.Region is not SharedRegion region)
        {
            return new PlaneStatus(plane.Name, false, 0, "unknown", "", plane.Damage, 0, 0, 0, 0, 0, 0, [],
                [],
                $"if no lowlatd runs under it: rm {Instance.RegionPath(plane.Name)}");
        }

        ref RegionHeader header = ref region.Header;
        long now = ThreadControl.NowNs;
        bool isAlive = region.IsOwnerAlive;
        double age = Math.Max(0, now - Math.Max(header.HeartbeatNs, header.BootNs)) / 1e9;
        string failure = header.Failure.ToString();
        return new PlaneStatus(
            plane.Name, isAlive, header.Pid, isAlive ? StatusText.Of(header.State) : "dead",
            header.Step.ToString(), failure.Length > 0 ? failure : null,
            Math.Round((now - header.BootNs) / 1e9, 1), Math.Round(age, 1), header.ResidentBytes,
                header.UmemBytes, header.RtRuntimeUs, header.Generation,
            ReadLanes(region), ReadPorts(region), Hint(plane.Name, ref header, isAlive, age))
        {
            Recordings = ReadRecordings(region),
        };
    }

    private static IReadOnlyList<RecordStatus> ReadRecordings(SharedRegion region)
    {
        using LivePlan live = LivePlan.Read(region);
        return live.Tables is null ? [] : RecordingReader.Read(live.Plan, live.Tables);
    }

    private static string? Hint(string name, ref RegionHeader header, bool isAlive, double age)
    {
        if (!isAlive)
        {
            return $"its process (pid {header.Pid}) is gone, it was {StatusText.Of(header.State)} at step "
                + $"'{header.Step}'; 'lowlat stop --name {name}' cleans up, and so does its next start";
        }

        return age > FrozenSeconds && header.State == RegionState.Armed
            ? string.Create(CultureInfo.InvariantCulture,
                $"its main thread has not run for {age:0.0} s: "
                + $"are its housekeeping CPUs taken by something of higher priority?")
            : null;
    }

    private List<LaneStatus> ReadLanes(SharedRegion region)
    {
        LaneCounters[] before = _before[region];
        LaneCounters[] after = Counters(region);
        List<LaneStatus> lanes = [];
        using LivePlan live = LivePlan.Read(region);
        for (int lane = 0; lane < after.Length; lane++)
        {
            LanePage page = region.LanePage(lane).Value;
            LaneCounters a = before[lane];
            LaneCounters b = after[lane];
            double seconds = (b.PublishedNs - a.PublishedNs) / 1e9;
            double Rate(ulong first, ulong last) => seconds > 0 ? Math.Round((last - first) / seconds, 1) : 0;
            Dictionary<string, long> drops = [];
            ForwardLedger.AddDrops(drops, b.Drops);
            Dictionary<string, long> punts = [];
            ForwardLedger.AddPunts(punts, b.Punts);
            Dictionary<string, long> held = [];
            ForwardLedger.AddHeld(held, b, ForwardLedger.TxInvalid(region, lane));
            lanes.Add(new LaneStatus(
                region.Plan.Lane(lane).Name.ToString(), RunNames.Of(region.Plan.Lane(lane).Kind),
                StatusText.Of(page.State), page.Cpu, RunNames.Of(page.Policy), page.Priority,
                Rate(a.RxFrames, b.RxFrames), Rate(a.TxFrames, b.TxFrames), (long)b.RxFrames,
                (long)b.TxFrames, BusyShare(a, b), held, drops, (long)b.PoolEmpty, b.GapMaxNs,
                b.AllocatedBytes, b.Collections, b.MinorFaults + b.MajorFaults, (long)b.ConservationBreaks,
                (long)b.Replicas, (long)b.ReplicasMissed, punts,
                StageReader.Read(live, region, lane, b))
            {
                Times = region.Plan.Lane(lane).Kind == LaneKind.Forward
                    ? StageTimeReader.Read(region, live.Plan, lane, since: null) : [],
            });
        }

        return lanes;
    }

    private static double BusyShare(in LaneCounters a, in LaneCounters b)
    {
        long all = 0;
        for (int regime = 0; regime < RegimeCounters.Count; regime++)
        {
            all += b.RegimeNs[regime] - a.RegimeNs[regime];
        }

        long busy = b.RegimeNs[(int)Regime.Busy] - a.RegimeNs[(int)Regime.Busy];
        return all > 0 ? Math.Round((double)busy / all, 4) : 0;
    }

    private static List<PortStatus> ReadPorts(SharedRegion region)
    {
        List<PortStatus> ports = [];
        for (int port = 0; port < region.Plan.PortCount; port++)
        {
            PlanPort plan = region.Plan.Port(port);
            PortPage page = region.ReadPort(port);
            XdpStatistics xdp = page.Xdp;
            ulong[] drops =
            [
                xdp.RxDropped, xdp.RxInvalidDescs, xdp.TxInvalidDescs, xdp.RxRingFull, xdp.RxFillRingEmpty,
                xdp.TxRingEmpty,
            ];
            ports.Add(new PortStatus(
                plan.Name.ToString(), plan.Interface.ToString(),
                Path.GetFileName(plan.NetworkNamespace.ToString()), plan.Queue, page.Driver.ToString(),
                    RunNames.Of(plan.Mode), RunNames.Of(page.EffectiveMode),
                page.Why.ToString(), RunNames.Of(page.Link), (long)page.LinkDowns,
                (long)page.LinkUps,
                Named(CounterNames.XdpStatistics, drops), Named(CounterNames.Outcomes, page.Outcomes),
                Named(CounterNames.Outcomes, page.OutcomeBytes), page.Offload.ToString(),
                OffloadShare.Of(page.Outcomes)));
        }

        return ports;
    }

    private static Dictionary<string, long> Named(string[] names, ReadOnlySpan<ulong> values)
    {
        Dictionary<string, long> map = [];
        for (int i = 0; i < names.Length; i++)
        {
            if (values[i] > 0)
            {
                map[names[i]] = (long)values[i];
            }
        }

        return map;
    }

    private static LaneCounters[] Counters(SharedRegion region) =>
        [.. Enumerable.Range(0, region.Plan.LaneCount).Select(region.ReadCounters)];
}
