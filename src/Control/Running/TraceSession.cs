using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>What <c>lowlat trace --json</c> says: schema <c>lowlat.trace/1</c>. A contract: fields are added,
/// never renamed.</summary>
internal sealed record TraceDocument(string Schema, string DataPlane, IReadOnlyList<TracedFrame> Frames)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.trace/1";
}

/// <summary>One frame and what it met.</summary>
/// <param name="Lane">Name of its lane.</param>
/// <param name="Number">Its number within lane and trace.</param>
/// <param name="Ingress">Port that it came in by.</param>
/// <param name="DequeuedNs">CLOCK_MONOTONIC when its burst was taken from the rx ring, ns.</param>
/// <param name="BurstFrames">Frames of that burst: stages run over all of them.</param>
/// <param name="Bytes">Length, bytes.</param>
/// <param name="Start">Its first bytes as it came, hexadecimal.</param>
/// <param name="Steps">Stages in order; empty when only its end was asked for.</param>
/// <param name="Outcome">What became of it: a port, or a reason.</param>
/// <param name="EndNs">ns after it was dequeued.</param>
internal sealed record TracedFrame(string Lane, long Number, string Ingress, long DequeuedNs, int BurstFrames,
    long Bytes, string Start, IReadOnlyList<TracedStep> Steps, string Outcome, long EndNs);

/// <summary>What one stage did with it.</summary>
/// <param name="Stage">Its number.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Verdict">What it decided: goes on, a port, or a reason.</param>
/// <param name="AtNs">When it was done with the burst, ns after the frame was dequeued.</param>
/// <param name="Changes">Bytes that it changed: "offset: old > new", hexadecimal.</param>
internal sealed record TracedStep(int Stage, string Kind, string Verdict, long AtNs,
    IReadOnlyList<string> Changes);

/// <summary>Follows frames of a running data plane. One thread; one session a data plane at a time.</summary>
internal sealed class TraceSession : IDisposable
{
    private readonly SharedRegion _region;
    private readonly LivePlan _live;
    private readonly Dictionary<(int Lane, ulong Frame), List<TraceEvent>> _open = [];
    private readonly uint _epoch = (uint)Random.Shared.Next(1, int.MaxValue);
    private readonly int[] _lanes;

    /// <summary>Asks the forward lanes.</summary>
    /// <param name="region">Of the data plane.</param>
    /// <param name="request">What; its port counts for lanes that have it.</param>
    /// <param name="port">Name of the ingress port; empty: any.</param>
    public TraceSession(SharedRegion region, TraceRequest request, string port)
    {
        _region = region;
        _live = LivePlan.Read(region);
        _lanes = [.. Enumerable.Range(0, region.Plan.LaneCount)
            .Where(lane => region.Plan.Lane(lane).Kind == LaneKind.Forward)];
        foreach (int lane in _lanes)
        {
            while (region.Trace(lane).TryRead(out _))
            {
                // what an earlier session left
            }

            request.Port = port.Length == 0 ? -1 : Array.IndexOf(PortsOf(lane), port);
            bool isOthers = port.Length > 0 && request.Port < 0;
            ref TraceRequest target = ref region.Trace(lane).Request.Value;
            Volatile.Write(ref target.Epoch, 0);
            request.Epoch = 0;
            target = request;
            Volatile.Write(ref target.Epoch, isOthers ? 0 : _epoch); // release: the rest is there before it
        }
    }

    /// <summary>Frames whose story is whole since the last call.</summary>
    public List<TracedFrame> Take()
    {
        List<TracedFrame> frames = [];
        foreach (int lane in _lanes)
        {
            while (_region.Trace(lane).TryRead(out TraceEvent told))
            {
                if (told.Epoch != _epoch)
                {
                    continue;
                }

                if (!_open.TryGetValue((lane, told.Frame), out List<TraceEvent>? events))
                {
                    events = _open[(lane, told.Frame)] = [];
                }

                events.Add(told);
                if (told.Point == TracePoint.Out)
                {
                    _open.Remove((lane, told.Frame));
                    frames.Add(Story(lane, events));
                }
            }
        }

        return frames;
    }

    /// <summary>Lanes follow nothing from now on.</summary>
    public void Dispose()
    {
        foreach (int lane in _lanes)
        {
            Volatile.Write(ref _region.Trace(lane).Request.Value.Epoch, 0);
        }

        _live.Dispose();
    }

    private string[] PortsOf(int lane)
    {
        PlanLane plan = _region.Plan.Lane(lane);
        return [.. Enumerable.Range(0, (int)plan.PortCount).Select(i =>
            _region.Plan.Port(plan.Ports[i]).Name.ToString())];
    }

    private TracedFrame Story(int lane, List<TraceEvent> events)
    {
        string[] ports = PortsOf(lane);
        TraceEvent first = events[0];
        TraceEvent last = events[^1];
        List<TracedStep> steps = [];
        for (int i = 1; i < events.Count - 1; i++)
        {
            TraceEvent told = events[i];
            PlanLane plan = _live.Plan.Lane(lane);
            string kind = told.Stage < plan.StageCount
                ? PlanWords.Of(_live.Plan.Stage((int)plan.FirstStage + told.Stage).Kind) : "gone";
            steps.Add(new TracedStep(told.Stage, kind, VerdictOf(told, ports, "goes on"),
                told.Ns - told.DequeuedNs,
                Changes(events[i - 1], told)));
        }

        return new TracedFrame(_region.Plan.Lane(lane).Name.ToString(), (long)first.Frame,
            NameOf(ports, first.Ingress),
            first.DequeuedNs, first.BurstFrames, first.Length, Convert.ToHexStringLower(BytesOf(first)),
                steps,
            VerdictOf(last, ports, "no verdict"), last.Ns - last.DequeuedNs);
    }

    private static string VerdictOf(in TraceEvent told, string[] ports, string otherwise) =>
        told.Drop >= 0 ? "drop " + (told.Drop < CounterNames.Drops.Length ? CounterNames.Drops[told.Drop]
            : $"{told.Drop}")
        : told.Punt >= 0 ? "to the stack: "
            + (told.Punt < CounterNames.Punts.Length ? CounterNames.Punts[told.Punt] : $"{told.Punt}")
        : told.Port >= 0 ? "out by " + NameOf(ports, told.Port)
        : otherwise;

    private static string NameOf(string[] ports, int port) => port >= 0 && port < ports.Length ? ports[port]
        : $"{port}";

    // A tag that came or went moves everything: then the lengths say so, and the headers are shown whole.
    private static List<string> Changes(in TraceEvent before, in TraceEvent after)
    {
        byte[] old = BytesOf(before);
        byte[] young = BytesOf(after);
        if (before.Length != after.Length)
        {
            const int Shown = 22; // addresses, two tags, type
            return [$"{before.Length} > {after.Length} bytes: "
                + $"{Convert.ToHexStringLower(young[..Math.Min(Shown, young.Length)])}..."];
        }

        List<string> changes = [];
        for (int i = 0; i < old.Length; i++)
        {
            int start = i;
            while (i < old.Length && old[i] != young[i])
            {
                i++;
            }

            if (i > start)
            {
                changes.Add($"{start}: {Convert.ToHexStringLower(old[start..i])} > "
                    + $"{Convert.ToHexStringLower(young[start..i])}");
            }
        }

        return changes;
    }

    private static byte[] BytesOf(in TraceEvent told) =>
        ((ReadOnlySpan<byte>)told.Bytes)[..told.Captured].ToArray();
}
