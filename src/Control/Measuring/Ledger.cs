using LowLatency.Native.Layout;

namespace LowLatency.Control.Measuring;

/// <summary>One path's frames.</summary>
/// <param name="Name">"through" or "direct".</param>
/// <param name="Sent">Handed to the kernel by the generator.</param>
/// <param name="Received">Distinct frames at the receiver.</param>
/// <param name="Lost">Sent less received.</param>
internal sealed record PathLoss(string Name, long Sent, long Received, long Lost);

/// <summary>Where every frame went: sent = received + drops by name + in flight + residual, and residual must
/// be 0.</summary>
/// <param name="Sent">Handed to the kernel by the generator, all paths.</param>
/// <param name="Received">Distinct frames at the receiver.</param>
/// <param name="Lost">Sent less received less in flight.</param>
/// <param name="Reordered">Came after a later one of their flow; part of received.</param>
/// <param name="Duplicated">Seen before; not part of received.</param>
/// <param name="Foreign">Frames at the receiver that carry nothing of ours; no part of the addition.</param>
/// <param name="Drops">Count by reason; <c>reason(port)</c> where a port did it. In the order of a frame's
/// way.</param>
/// <param name="InFlight">Still between the rings at the end; 0 after a drain.</param>
/// <param name="Residual">What no name explains.</param>
/// <param name="Paths">By path.</param>
internal sealed record Loss(
    long Sent,
    long Received,
    long Lost,
    long Reordered,
    long Duplicated,
    long Foreign,
    IReadOnlyDictionary<string, long> Drops,
    long InFlight,
    long Residual,
    IReadOnlyList<PathLoss> Paths);

/// <summary>One lane's two readings, as the ledger needs them.</summary>
internal readonly record struct LaneDelta(LaneKind Kind, LaneCounters First, LaneCounters Last);

/// <summary>One port's two readings.</summary>
/// <param name="Interface">Key of the interface: the same for two queues of one interface.</param>
/// <param name="First">At the baseline.</param>
/// <param name="Last">At the end.</param>
/// <param name="ClaimsLoad">False: the load lies outside what this port's XDP program claims.</param>
internal readonly record struct PortDelta(string Interface, PortPage First, PortPage Last, bool ClaimsLoad);

/// <summary>Builds the ledger from counters alone.</summary>
/// <remarks>What counts, and why nothing counts twice:
/// <list type="bullet">
/// <item>Lanes: every reason of forward and receiver lanes but <see cref="DropReason.Received"/> and
/// <see cref="DropReason.Foreign"/>, which are ends. A generator's own drops were never sent.</item>
/// <item>Sockets: <c>rx_ring_full</c> and <c>rx_dropped</c> (called <c>fill-ring-empty</c> when the kernel
/// found the fill ring empty that often: the same frames, their cause), invalid tx descriptors.</item>
/// <item>XDP programs: frames passed to the kernel although they were claimed (no socket on their queue) or
/// because they were for an address of the port; frames outside the claim only where the claim leaves the
/// load out. Control, discovery and malformed frames are the kernel's chatter: the generator sends
/// none. What a rule dropped in the program is named; what it sent out of another interface is nobody's
/// loss yet.</item>
/// <item>Devices: tx_dropped (on veth: the peer's ring was full), tx_errors, rx_missed, rx_errors, and
/// rx_dropped less what is counted already: veth and virtio_net count a refused redirect (the socket's two
/// counters) in rx_dropped too, and a passed frame may be dropped once more by the stack.</item>
/// <item>In flight: frames on the tx sides. A frame whose completion was not reaped yet may have arrived, so
/// at most as many as are missing.</item>
/// </list></remarks>
internal static class Ledger
{
    // Drivers whose rtnl rx_dropped holds the frames that a native program's redirect refused:
    // veth_xdp_rcv_one (drivers/net/veth.c) and virtnet_receive's err_xdp (drivers/net/virtio_net.c). Generic
    // mode counts none.
    private static readonly string[] CountRefusedRedirects = ["veth", "virtio_net"];

    /// <summary>Makes the ledger.</summary>
    public static Loss Make(
        IReadOnlyList<string> paths, IReadOnlyList<LaneDelta> lanes, IReadOnlyList<PortDelta> ports)
    {
        Dictionary<string, long> drops = [];
        AddPorts(drops, ports);
        AddLanes(drops, lanes);
        List<PathLoss> byPath = [];
        long corrupt = 0;
        for (int path = 0; path < paths.Count; path++)
        {
            long sent = Sum(lanes, LaneKind.Generator, c => c.Sent[path]);
            long received = Sum(lanes, LaneKind.Receiver, c => c.Received[path]);
            corrupt += Sum(lanes, LaneKind.Receiver, c => c.Corrupt[path]);
            byPath.Add(new PathLoss(paths[path], sent, received, sent - received));
        }

        Add(drops, "corrupt", corrupt);
        long allSent = byPath.Sum(p => p.Sent);
        long allReceived = byPath.Sum(p => p.Received);
        long missing = allSent - allReceived - drops.Values.Sum();
        long inFlight = Math.Clamp(missing, 0, TxSide(lanes, ports));
        return new Loss(allSent, allReceived, allSent - allReceived - inFlight,
            SumPaths(lanes, paths.Count, (c, p) => c.Reordered[p]),
            SumPaths(lanes, paths.Count, (c, p) => c.Duplicated[p]),
            Sum(lanes, LaneKind.Receiver, c => c.Drops[(int)DropReason.Foreign]),
            drops, inFlight, missing - inFlight, byPath);
    }

    private static void AddLanes(Dictionary<string, long> drops, IReadOnlyList<LaneDelta> lanes)
    {
        for (int reason = 0; reason < DropCounters.Count; reason++)
        {
            if (reason is (int)DropReason.Received or (int)DropReason.Foreign)
            {
                continue;
            }

            string name = reason < CounterNames.Drops.Length ? CounterNames.Drops[reason]
                : $"reason-{reason}";
            Add(drops, name, Sum(lanes, LaneKind.Forward, c => c.Drops[reason])
                + Sum(lanes, LaneKind.Receiver, c => c.Drops[reason]));
        }
    }

    private static void AddPorts(Dictionary<string, long> drops, IReadOnlyList<PortDelta> ports)
    {
        foreach (PortDelta port in ports)
        {
            string name = port.Last.Name.ToString();
            XdpStatistics a = port.First.Xdp;
            XdpStatistics b = port.Last.Xdp;
            long dropped = Delta(a.RxDropped, b.RxDropped);
            bool isFillEmpty = Delta(a.RxFillRingEmpty, b.RxFillRingEmpty) >= dropped;
            Add(drops, $"{(isFillEmpty ? "fill-ring-empty" : "rx-dropped")}({name})", dropped);
            Add(drops, $"rx-ring-full({name})", Delta(a.RxRingFull, b.RxRingFull));
            Add(drops, $"tx-invalid-descs({name})", Delta(a.TxInvalidDescs, b.TxInvalidDescs));
        }

        // Device counters and program outcomes are the interface's: once per interface, however many queues.
        foreach (IGrouping<string, PortDelta> group in ports.GroupBy(p => p.Interface))
        {
            AddInterface(drops, [.. group]);
        }
    }

    private static void AddInterface(Dictionary<string, long> drops, PortDelta[] queues)
    {
        PortPage a = queues[0].First;
        PortPage b = queues[0].Last;
        string name = b.Name.ToString();
        long passed = 0;
        for (int i = (int)XdpOutcome.PassedNotOurs; i <= (int)XdpOutcome.PassedTtl; i++)
        {
            passed += Delta(a.Outcomes[i], b.Outcomes[i]);
        }

        AddOutcome(drops, name, XdpOutcome.PassedNoSocket, a, b);
        AddOutcome(drops, name, XdpOutcome.PassedLocal, a, b);
        AddOutcome(drops, name, XdpOutcome.PassedMulticast, a, b);
        AddOutcome(drops, name, XdpOutcome.PassedTtl, a, b);
        AddOutcome(drops, name, XdpOutcome.DroppedRule, a, b);
        AddOutcome(drops, name, XdpOutcome.DroppedDefault, a, b);
        if (!queues[0].ClaimsLoad)
        {
            AddOutcome(drops, name, XdpOutcome.PassedNotOurs, a, b);
        }

        bool isNative = b.EffectiveMode is BindMode.Copy or BindMode.ZeroCopy;
        long refused = isNative && CountRefusedRedirects.Contains(b.Driver.ToString())
            ? queues.Sum(q => Delta(q.First.Xdp.RxDropped, q.Last.Xdp.RxDropped)
                + Delta(q.First.Xdp.RxRingFull, q.Last.Xdp.RxRingFull))
            : 0;
        long rxDropped = Delta(a.Device.RxDropped, b.Device.RxDropped) - refused - passed;
        Add(drops, $"device-rx-dropped({name})", Math.Max(0, rxDropped));
        Add(drops, $"device-rx-missed({name})", Delta(a.Device.RxMissed, b.Device.RxMissed));
        Add(drops, $"device-rx-errors({name})", Delta(a.Device.RxErrors, b.Device.RxErrors));
        Add(drops, $"device-tx-dropped({name})", Delta(a.Device.TxDropped, b.Device.TxDropped));
        Add(drops, $"device-tx-errors({name})", Delta(a.Device.TxErrors, b.Device.TxErrors));
    }

    private static void AddOutcome(
        Dictionary<string, long> drops, string port, XdpOutcome outcome, in PortPage a, in PortPage b) =>
        Add(drops, $"{CounterNames.Outcomes[(int)outcome]}({port})",
            Delta(a.Outcomes[(int)outcome], b.Outcomes[(int)outcome]));

    // An invalid descriptor leaves the tx ring without a completion: its frame stays on the tx side, and has
    // a name.
    private static long TxSide(IReadOnlyList<LaneDelta> lanes, IReadOnlyList<PortDelta> ports) => Math.Max(0,
        lanes.Where(l => l.Kind != LaneKind.Receiver).Sum(l => l.Last.FramesTxSide)
        - ports.Sum(p => Delta(p.First.Xdp.TxInvalidDescs, p.Last.Xdp.TxInvalidDescs)));

    private static long Sum(IReadOnlyList<LaneDelta> lanes, LaneKind kind, Func<LaneCounters,
        ulong> counter) =>
        lanes.Where(l => l.Kind == kind).Sum(l => Delta(counter(l.First), counter(l.Last)));

    private static long SumPaths(
        IReadOnlyList<LaneDelta> lanes, int paths, Func<LaneCounters, int, ulong> counter) =>
        Enumerable.Range(0, paths).Sum(path => Sum(lanes, LaneKind.Receiver, c => counter(c, path)));

    // A counter that went down was read over a replaced interface: what it has now is all we know of.
    private static long Delta(ulong first, ulong last) => (long)(last >= first ? last - first : last);

    private static void Add(Dictionary<string, long> drops, string name, long count)
    {
        if (count != 0)
        {
            drops[name] = drops.GetValueOrDefault(name) + count;
        }
    }
}
