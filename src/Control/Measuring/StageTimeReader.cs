using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Measuring;

/// <summary>What the sampled bursts of a lane took in one stage, or in one part around the stages. ns; a
/// percentile is the upper edge of its bucket, a sixteenth wide; null: refused, too few samples.</summary>
/// <param name="Lane">Name of the lane.</param>
/// <param name="Stage">Its number in the lane; null: not a stage.</param>
/// <param name="Kind">As the configuration writes it; fused: the whole pipeline runs as one; else admit,
/// dispatch, publish, completion.</param>
/// <param name="Samples">Bursts measured: one in <see cref="StageTimes.BurstsPerSample"/>.</param>
/// <param name="P50Ns">A burst.</param>
/// <param name="P99Ns">Likewise.</param>
/// <param name="MaxNs">Longest burst measured.</param>
/// <param name="FrameP50Ns">A frame: the burst's time by its frames.</param>
/// <param name="FrameP99Ns">Likewise.</param>
internal sealed record StageTimeResult(
    string Lane,
    int? Stage,
    string Kind,
    long Samples,
    long? P50Ns,
    long? P99Ns,
    long MaxNs,
    long? FrameP50Ns,
    long? FrameP99Ns);

/// <summary>Reads where a lane's bursts spend their time.</summary>
internal static class StageTimeReader
{
    private static readonly (PipelinePart Part, string Name)[] PartsAfter =
    [
        (PipelinePart.Dispatch, "dispatch"), (PipelinePart.Publish, "publish"),
        (PipelinePart.Completion, "completion"),
    ];

    /// <summary>The lane's histograms as they are now.</summary>
    public static ulong[] Copy(SharedRegion region, int lane) => region.StageTimesOf(lane).Span.ToArray();

    /// <summary>What was measured since a copy, in the order that a burst passes; parts without a sample are
    /// left out.</summary>
    /// <param name="region">The data plane.</param>
    /// <param name="plan">The plan that it runs.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="since">An earlier copy; null: since arming, or the last reload.</param>
    public static List<StageTimeResult> Read(SharedRegion region, PlanImage plan, int lane, ulong[]? since)
    {
        ulong[] counts = Subtract(Copy(region, lane), since);
        PlanLane entry = plan.Lane(lane);
        string name = entry.Name.ToString();
        bool isFused = entry.StageCount > 1 && region.LanePage(lane).Value.IsFused != 0;
        List<StageTimeResult> rows = [];
        Add(rows, name, null, "admit", counts, StageTimes.At(PipelinePart.Admit, isPerFrame: false));
        for (int stage = 0; stage < entry.StageCount; stage++)
        {
            string kind = isFused ? "fused" : PlanWords.Of(plan.Stage((int)entry.FirstStage + stage).Kind);
            Add(rows, name, stage, kind, counts, StageTimes.At(stage, isPerFrame: false));
        }

        foreach ((PipelinePart part, string word) in PartsAfter)
        {
            Add(rows, name, null, word, counts, StageTimes.At(part, isPerFrame: false));
        }

        return rows;
    }

    // A reload between the two clears the counts: what is there now is since then.
    private static ulong[] Subtract(ulong[] now, ulong[]? since)
    {
        for (int i = 0; since is not null && i < now.Length; i++)
        {
            now[i] -= now[i] >= since[i] ? since[i] : 0;
        }

        return now;
    }

    private static void Add(
        List<StageTimeResult> rows, string lane, int? stage, string kind, ulong[] counts, int at)
    {
        // A stage's two histograms follow each other: a burst's, a frame's.
        ReadOnlySpan<ulong> burst = counts.AsSpan(at, StageTimes.Length);
        ReadOnlySpan<ulong> frame = counts.AsSpan(at + StageTimes.Length, StageTimes.Length);
        long samples = Count(burst);
        if (samples > 0)
        {
            rows.Add(new StageTimeResult(lane, stage, kind, samples, At(burst, 0), At(burst, 2),
                StageTimes.ValueAt(burst.LastIndexOfAnyExcept(0UL)), At(frame, 0), At(frame, 2)));
        }
    }

    private static long Count(ReadOnlySpan<ulong> counts)
    {
        ulong all = 0;
        foreach (ulong count in counts)
        {
            all += count;
        }

        return (long)all;
    }

    private static long? At(ReadOnlySpan<ulong> counts, int percentile)
    {
        Percentile wanted = Percentile.All[percentile];
        long all = Count(counts);
        if (wanted.IsRefused(all))
        {
            return null;
        }

        long rank = all - wanted.SamplesAbove(all), seen = 0;
        int index = 0;
        while ((seen += (long)counts[index]) < rank)
        {
            index++;
        }

        return StageTimes.ValueAt(index);
    }
}
