using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Native.Tests.Layout;

public sealed class StageTimesTests
{
    [Fact]
    public void Buckets_follow_each_other_without_a_hole_and_none_is_wider_than_a_sixteenth()
    {
        long low = 0;
        for (int index = 0; index < StageTimes.Length; index++)
        {
            long high = StageTimes.ValueAt(index);
            Assert.Equal(index, StageTimes.IndexOf(low));
            Assert.Equal(index, StageTimes.IndexOf(high));
            Assert.InRange(high - low, 0, low / 16);
            low = high + 1;
        }

        Assert.Equal(1L << 27, low);
        Assert.Equal(StageTimes.Length - 1, StageTimes.IndexOf(long.MaxValue));
        Assert.Equal(0, StageTimes.IndexOf(-1));
    }

    [Fact]
    public void Every_part_and_stage_has_histograms_of_its_own()
    {
        List<int> starts = [];
        foreach (bool isPerFrame in (bool[])[false, true])
        {
            starts.AddRange(Enum.GetValues<PipelinePart>().Select(p => StageTimes.At(p, isPerFrame)));
            starts.AddRange(Enumerable.Range(0, Limits.StagesPerLaneMax)
                .Select(s => StageTimes.At(s, isPerFrame)));
        }

        Assert.Equal(Enumerable.Range(0, StageTimes.Histograms).Select(i => i * StageTimes.Length),
            starts.Order());
    }
}
