using HdrHistogram;
using LowLatency.Control.Reporting;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Measuring;

/// <summary>Turns what the samplers hold at the end into a result. Pure: reads nothing anew but page
/// constants.</summary>
internal sealed class RunBuilder
{
    private readonly List<RegionSampler> _samplers;
    private readonly Dictionary<LaneTrack, RateTrack> _rates;
    private readonly List<Interval> _intervals;
    private readonly HistogramSet _blocks;
    private readonly long _startNs;
    private readonly long _measureFromNs;
    private readonly List<LaneTrack> _lanes;

    /// <summary>Takes what was sampled.</summary>
    public RunBuilder(
        List<RegionSampler> samplers,
        Dictionary<LaneTrack, RateTrack> rates,
        List<Interval> intervals,
        HistogramSet blocks,
        long startNs,
        long measureFromNs)
    {
        _samplers = samplers;
        _rates = rates;
        _intervals = intervals;
        _blocks = blocks;
        _startNs = startNs;
        _measureFromNs = measureFromNs;
        _lanes = [.. samplers.SelectMany(s => s.Lanes)];
    }

    /// <summary>The lanes that "gap" is about: those of the forwarder, or all when there is none.</summary>
    public static IEnumerable<LaneTrack> GapLanes(IEnumerable<LaneTrack> lanes)
    {
        List<LaneTrack> all = [.. lanes];
        List<LaneTrack> forward = all.FindAll(l => l.Plan.Kind == LaneKind.Forward);
        return forward.Count > 0 ? forward : all;
    }

    /// <summary>The sum of histograms; null when there is none.</summary>
    public static HistogramBase? Merge(IEnumerable<LongHistogram?> parts)
    {
        LongHistogram? sum = null;
        foreach (LongHistogram part in parts.OfType<LongHistogram>())
        {
            sum ??= Histograms.New();
            sum.Add(part);
        }

        return sum;
    }

    /// <summary>Makes the result.</summary>
    public RunMeasurement Make(string verb, RunWindow window, IReadOnlyList<Objective> objectives)
    {
        HistogramSet set = MakeHistograms();
        LatencySummary? through = LatencySummary.Of(set[HistogramSet.EndToEnd]);
        LatencySummary? direct = LatencySummary.Of(set[HistogramSet.Direct]);
        GeneratorResult? generator = MakeGenerator(set);
        List<SloResult> slo = [.. objectives.Select(o => o.Judge(set[HistogramSet.EndToEnd]))];
        RunResult result = new(
            RunResult.SchemaName, verb, window.MeasuredSeconds, through,
            LatencySummary.Of(set[HistogramSet.ServiceTime]),
            direct is null ? null
                : new DirectResult(direct, LatencySummary.Of(set[HistogramSet.DirectServiceTime])),
            ForwarderCost.Of(through, direct),
            LatencySummary.Of(set[HistogramSet.Residence]),
            LatencySummary.Of(set[HistogramSet.RxWait]),
            LatencySummary.Of(set[HistogramSet.Gap]),
            MakeLoss(),
            [.. _samplers.SelectMany(s => s.LastPorts.Select((page, i) => RunRows.Port(s, i)))],
            [.. _samplers.SelectMany(s => s.Lanes.Select(lane => RunRows.Lane(s, lane)))],
            generator,
            [.. _samplers.Select(RunRows.Process)],
            slo,
            new Verdict(true, [], []))
        {
            Window = window,
            Confidence = RunStatistics.Confidence(set, _blocks),
            Exceedance = RunStatistics.Exceedance(set, window.MeasuredSeconds),
            Stages = [.. _samplers.SelectMany(s => s.Lanes.SelectMany(lane => lane.ReadStageTimes()))],
        };
        result = result with { Verdict = Judgement.Of(result, Judgement.FaultsOf(_samplers)) };
        return new RunMeasurement(result, MakeTimeline(), set, _blocks);
    }

    private HistogramSet MakeHistograms()
    {
        HistogramSet set = new();
        bool hasDirect = Paths().Count > 1;
        set.Add(HistogramSet.EndToEnd, Sum(HistogramKind.EndToEnd));
        set.Add(HistogramSet.ServiceTime, Sum(HistogramKind.Service));
        set.Add(HistogramSet.Direct, hasDirect ? Sum(HistogramKind.EndToEndDirect) : null);
        set.Add(HistogramSet.DirectServiceTime, hasDirect ? Sum(HistogramKind.ServiceDirect) : null);
        set.Add(HistogramSet.Residence, Sum(HistogramKind.Residence));
        HistogramBase? rxWait = Sum(HistogramKind.RxWait); // empty unless a port has software stamps
        set.Add(HistogramSet.RxWait, rxWait?.TotalCount > 0 ? rxWait : null);
        set.Add(HistogramSet.Gap, Merge(GapLanes(_lanes).Select(l => l.Whole(HistogramKind.Gap))));
        set.Add(HistogramSet.Lateness, Sum(HistogramKind.Lateness));
        foreach (RegionSampler sampler in _samplers)
        {
            foreach (LaneTrack lane in sampler.Lanes)
            {
                bool isUnique = _lanes.Count(l => l.Name == lane.Name) == 1;
                set.Add(isUnique ? $"gap.{lane.Name}" : $"gap.{sampler.Process}.{lane.Name}",
                    lane.Whole(HistogramKind.Gap));
            }
        }

        return set;
    }

    private HistogramBase? Sum(HistogramKind kind) => Merge(_lanes.Select(l => l.Whole(kind)));

    private List<string> Paths()
    {
        foreach (RegionSampler sampler in _samplers)
        {
            PlanLoad load = sampler.Region.Plan.Header.Load;
            if (load.PathCount > 0)
            {
                List<string> names = [];
                for (int i = 0; i < load.PathCount && i < Native.Limits.PathsMax; i++)
                {
                    names.Add(load.Paths[i].Name.ToString());
                }

                return names;
            }
        }

        return [];
    }

    private Loss? MakeLoss()
    {
        List<string> paths = Paths();
        return paths.Count == 0 || _rates.Count == 0 ? null : Ledger.Make(
            paths,
            [.. _lanes.Select(l => new LaneDelta(l.Plan.Kind, l.First, l.Last))],
            [.. _samplers.SelectMany(s => s.LastPorts.Select((page, i) => MakePortDelta(s, i)))]);
    }

    private PortDelta MakePortDelta(RegionSampler sampler, int index)
    {
        PlanPort port = sampler.Region.Plan.Port(index);
        PlanLoad load = _samplers[0].Region.Plan.Header.Load;
        bool isInRange = load.DestinationPort >= port.ClaimPortLow
            && load.DestinationPort + load.DestinationPortCount - 1 <= port.ClaimPortHigh;
        // A port that claims nothing only sends: what reaches it is the kernel's, not the load.
        bool claimsLoad = port.Claim != Claim.Udp || isInRange;
        return new PortDelta($"{port.NetworkNamespace}/{port.InterfaceIndex}/{port.Interface}",
            sampler.FirstPorts[index], sampler.LastPorts[index], claimsLoad);
    }

    private GeneratorResult? MakeGenerator(HistogramSet set)
    {
        if (_rates.Count == 0)
        {
            return null;
        }

        PlanLoad load = _samplers[0].Region.Plan.Header.Load;
        long sent = 0, unsent = 0;
        foreach (LaneTrack lane in _rates.Keys)
        {
            for (int path = 0; path < Native.Limits.PathsMax; path++)
            {
                sent += (long)(lane.Last.Sent[path] - lane.First.Sent[path]);
                unsent += (long)(lane.Last.Unsent[path] - lane.First.Unsent[path]);
            }
        }

        double wanted = Math.Max(1, sent + unsent);
        // Between two readings only these have their mean rate; the others are judged by what went unsent.
        bool isTimed = load.Schedule is Schedule.Constant or Schedule.Poisson
            && _rates.Values.All(r => r.PerSecond is not null);
        double achieved = isTimed ? _rates.Values.Sum(r => r.PerSecond!.Value) : load.RatePps * sent / wanted;
        // 1 % short, and more than three standard deviations of what a Poisson count of this size varies by.
        long frames = Math.Max(1, isTimed ? _rates.Values.Sum(r => r.Frames) : sent);
        bool isShort = achieved < load.RatePps * 0.99 * (1 - (3 / Math.Sqrt(frames)));
        LatencySummary late = LatencySummary.Of(set[HistogramSet.Lateness]) ?? LatencySummary.Empty;
        LatencySummary? endToEnd = LatencySummary.Of(set[HistogramSet.EndToEnd]);
        IReadOnlyList<string> why =
            GeneratorLateness.Of(late, endToEnd, load.RatePps, achieved, isShort, unsent);
        return new GeneratorResult(
            load.RatePps, Math.Round(achieved, 1), late.P50Ns, late.P999Ns, late.MaxNs, unsent, why.Count > 0,
            RunNames.Of(load.Schedule),
            load.QuietEveryNs == 0 ? null
                : new QuietResult(load.QuietEveryNs, load.QuietForNs, load.QuietGuardNs),
            late, why);
    }

    private RunTimeline MakeTimeline()
    {
        List<GapRecord> gaps = [.. _lanes.SelectMany(l => l.Gaps.InOrder(_measureFromNs))
            .OrderBy(g => g.StartNs)];
        return new RunTimeline(RunTimeline.SchemaName, _startNs, _intervals, _lanes.Sum(l => l.Gaps.Count),
            gaps);
    }
}
