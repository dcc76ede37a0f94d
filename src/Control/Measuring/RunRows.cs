using LowLatency.Control.Reporting;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Measuring;

/// <summary>Turns pages into the rows of a result.</summary>
internal static class RunRows
{
    /// <summary>One port's row.</summary>
    public static PortResult Port(RegionSampler sampler, int index)
    {
        PlanPort plan = sampler.Region.Plan.Port(index);
        PortPage a = sampler.FirstPorts[index];
        PortPage b = sampler.LastPorts[index];
        long[] xdp =
        [
            Delta(a.Xdp.RxDropped, b.Xdp.RxDropped), Delta(a.Xdp.RxInvalidDescs, b.Xdp.RxInvalidDescs),
            Delta(a.Xdp.TxInvalidDescs, b.Xdp.TxInvalidDescs), Delta(a.Xdp.RxRingFull, b.Xdp.RxRingFull),
            Delta(a.Xdp.RxFillRingEmpty, b.Xdp.RxFillRingEmpty), Delta(a.Xdp.TxRingEmpty, b.Xdp.TxRingEmpty),
        ];
        long[] outcomes = new long[CounterNames.Outcomes.Length];
        for (int i = 0; i < outcomes.Length; i++)
        {
            outcomes[i] = Delta(a.Outcomes[i], b.Outcomes[i]);
        }

        string netns = Path.GetFileName(plan.NetworkNamespace.ToString());
        return new PortResult(
            plan.Name.ToString(), sampler.Process, plan.Interface.ToString(), netns, plan.Queue,
            RunNames.Of(plan.Mode), RunNames.Of(b.EffectiveMode), b.Why.ToString(), b.Driver.ToString(),
            RunNames.Of(b.Link), Delta(a.LinkDowns, b.LinkDowns), Delta(a.LinkUps, b.LinkUps),
            Named(CounterNames.XdpStatistics, xdp), Named(CounterNames.Outcomes, outcomes));
    }

    /// <summary>One lane's row.</summary>
    public static LaneResult Lane(RegionSampler sampler, LaneTrack lane)
    {
        LanePage page = lane.Page;
        LaneCounters a = lane.First;
        LaneCounters b = lane.Last;
        long[] regimes = new long[CounterNames.Regimes.Length];
        for (int i = 0; i < regimes.Length; i++)
        {
            regimes[i] = b.RegimeNs[i] - a.RegimeNs[i];
        }

        Dictionary<string, long> drops = [];
        for (int i = 0; i < DropCounters.Count; i++)
        {
            if (b.Drops[i] != a.Drops[i])
            {
                string name = i < CounterNames.Drops.Length ? CounterNames.Drops[i] : $"reason-{i}";
                drops[name] = Delta(a.Drops[i], b.Drops[i]);
            }
        }

        return new LaneResult(
            lane.Name, sampler.Process, RunNames.Of(lane.Plan.Kind), RunNames.Of(lane.Plan.Host), page.Cpu,
            RunNames.Of(page.Policy), page.Priority, Delta(a.Turns, b.Turns), Delta(a.RxFrames, b.RxFrames),
            Delta(a.TxFrames, b.TxFrames), b.AllocatedBytes, b.Collections, b.MinorFaults, b.MajorFaults,
            b.VoluntarySwitches, b.InvoluntarySwitches, (long)b.Yields, b.YieldNs, (long)b.ConservationBreaks,
            Named(CounterNames.Regimes, regimes), drops,
            LatencySummary.Of(lane.Whole(HistogramKind.Gap)), Delta(a.Gaps, b.Gaps),
            Delta(a.EventsLost, b.EventsLost), page.UmemIsHuge != 0, page.IsFused != 0);
    }

    /// <summary>One lowlatd's row.</summary>
    public static ProcessResult Process(RegionSampler sampler)
    {
        ref RegionHeader header = ref sampler.Region.Header;
        return new ProcessResult(
            sampler.Process, header.Pid, header.ArmedNs == 0 ? null : header.ArmedNs - header.BootNs,
            header.ResidentBytes, header.UmemBytes, header.Collections, header.RtRuntimeUs);
    }

    private static Dictionary<string, long> Named(string[] names, long[] values)
    {
        Dictionary<string, long> map = [];
        for (int i = 0; i < names.Length; i++)
        {
            map[names[i]] = values[i];
        }

        return map;
    }

    private static long Delta(ulong first, ulong last) => (long)(last >= first ? last - first : last);
}
