using LowLatency.Control.Reporting;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Measuring;

/// <summary>Says whether a run may be believed and its objectives hold.</summary>
internal static class Judgement
{
    /// <summary>Judges a result.</summary>
    /// <param name="run">Everything but its verdict counts.</param>
    /// <param name="faults">What <see cref="FaultsOf"/> found, or any other reason against the run.</param>
    public static Verdict Of(RunResult run, IEnumerable<string> faults)
    {
        List<string> reasons = [.. faults];
        List<string> notes = [];
        JudgeLoss(run.Loss, reasons, notes);
        foreach (LaneResult lane in run.Lanes)
        {
            JudgeLane(lane, reasons, notes);
        }

        foreach (SloResult slo in run.Slo.Where(s => !s.Met))
        {
            reasons.Add(slo.ActualNs is long actual
                ? $"objective missed: {slo.Percentile} is {Units.Us(actual)} us, limit "
                    + $"{Units.Us(slo.LimitNs)} us"
                : $"objective not shown: too few samples for {slo.Percentile} (10 must lie above it)");
        }

        NoteGenerator(run.Generator, notes);
        NotePorts(run, notes);
        return new Verdict(reasons.Count == 0, reasons, notes);
    }

    /// <summary>What went wrong with the processes: failed, died, did not answer.</summary>
    public static List<string> FaultsOf(IReadOnlyList<RegionSampler> samplers)
    {
        List<string> reasons = [];
        foreach (RegionSampler sampler in samplers)
        {
            JudgeProcess(sampler, reasons);
        }

        return reasons;
    }

    private static void JudgeProcess(RegionSampler sampler, List<string> reasons)
    {
        ref RegionHeader header = ref sampler.Region.Header;
        if (header.State == RegionState.Failed)
        {
            reasons.Add($"lowlatd '{sampler.Process}' failed: {header.Failure}");
        }
        else if (header.State != RegionState.Stopped && !sampler.Region.IsOwnerAlive)
        {
            reasons.Add($"lowlatd '{sampler.Process}' (pid {header.Pid}) died during the run");
        }

        if (sampler.Silent.Count > 0)
        {
            reasons.Add($"lane {string.Join(", ", sampler.Silent)} of '{sampler.Process}' did not answer at "
                + "the end: "
                + "its last interval may be incomplete");
        }
    }

    private static void JudgeLoss(Loss? loss, List<string> reasons, List<string> notes)
    {
        if (loss is null)
        {
            return;
        }

        if (loss.Residual > 0)
        {
            reasons.Add($"ledger does not balance: {loss.Residual} frames vanished without a name");
        }
        else if (loss.Residual < 0)
        {
            reasons.Add($"ledger does not balance: {-loss.Residual} more drops named than frames missing "
                + "(other traffic on the ports?)");
        }

        if (loss.Sent == 0)
        {
            reasons.Add("the generator sent nothing");
        }

        foreach (PathLoss path in loss.Paths.Where(path => path is { Sent: > 0, Received: 0 }))
        {
            reasons.Add($"no frame of path {path.Name} was received");
        }

        if (loss.Drops.GetValueOrDefault("corrupt") is long corrupt and > 0)
        {
            reasons.Add($"{corrupt} frames arrived altered");
        }

        Note(notes, loss.Lost, $"{loss.Lost} of {loss.Sent} frames lost: the ledger names where");
        Note(notes, loss.Duplicated, $"{loss.Duplicated} frames arrived more than once");
        Note(notes, loss.Reordered, $"{loss.Reordered} frames arrived after a later one");
        Note(notes, loss.Foreign, $"{loss.Foreign} frames at the receiver were not the generator's");
    }

    private static void JudgeLane(LaneResult lane, List<string> reasons, List<string> notes)
    {
        string who = $"lane {lane.Name} ({lane.Process})";
        Note(reasons, lane.ConservationBreaks, $"{who}: frame count was off {lane.ConservationBreaks} times");
        Note(reasons, lane.AllocatedBytes, $"{who}: allocated {lane.AllocatedBytes} bytes after arming");
        Note(reasons, lane.Collections, $"{who}: {lane.Collections} collections after arming");
        Note(reasons, lane.MinorFaults + lane.MajorFaults,
            $"{who}: {lane.MinorFaults} minor and {lane.MajorFaults} major page faults after arming");
        Note(notes, lane.EventsLost, $"{who}: {lane.EventsLost} gap events found their ring full");
    }

    private static void NoteGenerator(GeneratorResult? generator, List<string> notes)
    {
        if (generator is not { IsLate: true })
        {
            return;
        }

        string why = string.Join("; ", generator.WhyLate ?? []);
        notes.Add($"generator was late: {why}; end-to-end includes it, service time does not");
    }

    private static void NotePorts(RunResult run, List<string> notes)
    {
        foreach (PortResult port in run.Ports)
        {
            Note(notes, port.LinkDowns, $"port {port.Name}: link went down {port.LinkDowns} times");
        }

        bool hasFifo = run.Lanes.Any(l => l.Policy == "fifo");
        long throttle = run.Process.Select(p => p.RtRuntimeUs).DefaultIfEmpty(-1).Max();
        if (hasFifo && throttle >= 0)
        {
            notes.Add($"real-time throttling is on (sched_rt_runtime_us {throttle}): a FIFO lane may lose up "
                + "to "
                + $"{Math.Max(0, 1_000_000 - throttle) / 1000} ms each second");
        }
    }

    private static void Note(List<string> list, long count, string text)
    {
        if (count != 0)
        {
            list.Add(text);
        }
    }
}
