using LowLatency.Native.Memory;

namespace LowLatency.Native.Layout;

/// <summary>The histograms of a lane; which ones it has follows from its kind.</summary>
public enum HistogramKind
{
    /// <summary>Time between two turn starts; every lane.</summary>
    Gap,
    /// <summary>Rx-ring dequeue to tx-ring publish; forward lanes.</summary>
    Residence,
    /// <summary>XDP program to rx-ring dequeue, ports with software stamps; forward lanes.</summary>
    RxWait,
    /// <summary>Intended to handed over; generator lanes.</summary>
    Lateness,
    /// <summary>Intended to received, first path; receiver lanes.</summary>
    EndToEnd,
    /// <summary>Intended to received, second path (direct); receiver lanes.</summary>
    EndToEndDirect,
    /// <summary>Handed over to received, first path; receiver lanes.</summary>
    Service,
    /// <summary>Handed over to received, second path (direct); receiver lanes.</summary>
    ServiceDirect,
}

/// <summary>Where everything of a shared region lies: a pure function of the plan, so both sides agree
/// without telling each other. Header · plan · lane pages · port pages · per lane: event ring, stage
/// counters, trace, stage times, histograms.</summary>
public sealed class RegionLayout
{
    private const int HeaderBytes = 4096;
    private const int PageBytes = 4096;
    private static readonly HistogramKind[] ForwardKinds =
        [HistogramKind.Gap, HistogramKind.Residence, HistogramKind.RxWait];
    private static readonly HistogramKind[] MeterKinds = [HistogramKind.Gap];
    private static readonly HistogramKind[] GeneratorKinds = [HistogramKind.Gap, HistogramKind.Lateness];
    private static readonly HistogramKind[] ReceiverKinds =
    [
        HistogramKind.Gap, HistogramKind.EndToEnd, HistogramKind.EndToEndDirect, HistogramKind.Service,
        HistogramKind.ServiceDirect,
    ];

    private readonly long[] _laneAreas;
    private readonly LaneKind[] _kinds;

    /// <summary>Offset of the plan's copy.</summary>
    public static long PlanOffset => HeaderBytes;

    /// <summary>Offset of the first lane page.</summary>
    public long LanesOffset { get; }

    /// <summary>Offset of the first port page.</summary>
    public long PortsOffset { get; }

    /// <summary>Size of the region, bytes.</summary>
    public long TotalBytes { get; }

    /// <summary>Lays a region out for a plan.</summary>
    public RegionLayout(PlanImage plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        LanesOffset = RoundUp(HeaderBytes + plan.Bytes.Length, PageBytes);
        PortsOffset = LanesOffset + (plan.LaneCount * (long)LanePage.SizeBytes);
        long next = RoundUp(PortsOffset + (plan.PortCount * (long)PortStride), PageBytes);
        _laneAreas = new long[plan.LaneCount];
        _kinds = new LaneKind[plan.LaneCount];
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            _laneAreas[lane] = next;
            _kinds[lane] = plan.Lane(lane).Kind;
            next += RoundUp(HistogramsAt + (2L * Kinds(_kinds[lane]).Length * HistogramBytes), PageBytes);
        }

        TotalBytes = next;
    }

    /// <summary>Bytes of one histogram bank.</summary>
    public static long HistogramBytes => HdrGeometry.Length * sizeof(ulong);

    /// <summary>Bytes from one port page to the next.</summary>
    public static int PortStride => 3072;

    /// <summary>The histograms that a lane of this kind has.</summary>
    public static ReadOnlySpan<HistogramKind> Kinds(LaneKind kind) => kind switch
    {
        LaneKind.Generator or LaneKind.Replay => GeneratorKinds,
        LaneKind.Receiver => ReceiverKinds,
        LaneKind.Meter or LaneKind.ShapedMeter or LaneKind.Storage => MeterKinds,
        _ => ForwardKinds,
    };

    /// <summary>Offset of a lane's event ring header; the entries follow it.</summary>
    public long EventRing(int lane) => _laneAreas[lane];

    /// <summary>Offset of a lane's <see cref="Limits.StagesPerLaneMax"/> stage counters.</summary>
    public long StageCounters(int lane) => _laneAreas[lane] + EventBytes;

    /// <summary>Offset of one bank of one histogram; -1 when the lane has none of this kind.</summary>
    public long Histogram(int lane, HistogramKind kind, int bank)
    {
        Invariant.Require(bank is 0 or 1);
        int slot = Kinds(_kinds[lane]).IndexOf(kind);
        return slot < 0 ? -1 : _laneAreas[lane] + HistogramsAt + (((2L * slot) + bank) * HistogramBytes);
    }

    private static unsafe long EventBytes =>
        sizeof(EventRingHeader) + (Limits.EventRingSlots * (long)sizeof(GapEvent));

    /// <summary>Offset of a lane's <see cref="TraceRequest"/>; its ring is <see cref="TraceRingOffset"/>
    /// behind it.</summary>
    public long Trace(int lane) => _laneAreas[lane] + TraceAt;

    /// <summary>Bytes from a trace request to the ring of its events.</summary>
    public const int TraceRingOffset = 512;

    /// <summary>Bytes of a lane's trace.</summary>
    public static unsafe long TraceBytes =>
        TraceRingOffset + sizeof(EventRingHeader) + (TraceArea.Slots * (long)sizeof(TraceEvent));

    private static unsafe long TraceAt =>
        RoundUp(EventBytes + (Limits.StagesPerLaneMax * (long)sizeof(StageCounter)), PageBytes);

    /// <summary>Offset of a lane's <see cref="StageTimes"/>.</summary>
    public long StageTimes(int lane) => _laneAreas[lane] + StageTimesAt;

    private static long StageTimesAt => RoundUp(TraceAt + TraceBytes, PageBytes);

    private static long HistogramsAt => RoundUp(StageTimesAt + Layout.StageTimes.Bytes, PageBytes);

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;
}
