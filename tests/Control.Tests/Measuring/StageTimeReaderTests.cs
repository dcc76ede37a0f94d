using LowLatency.Control.Measuring;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

public sealed class StageTimeReaderTests
{
    [Fact]
    public void Rows_hold_what_was_counted_since_the_copy_and_parts_without_a_sample_are_left_out()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        Count(plane, PipelinePart.Admit, 40, 500);
        ulong[] before = StageTimeReader.Copy(plane.Reader, 0);
        Count(plane, PipelinePart.Admit, 80, 990);
        Count(plane, PipelinePart.Admit, 4_000, 10);
        Count(plane, PipelinePart.Publish, 900, 19);

        List<StageTimeResult> rows = StageTimeReader.Read(plane.Reader, plane.Plan, 0, before);
        Assert.Equal(["admit", "publish"], rows.Select(r => r.Kind));
        Assert.Equal((1_000L, 83L, 83L, 4_095L),
            (rows[0].Samples, rows[0].P50Ns, rows[0].P99Ns, rows[0].MaxNs));
        Assert.Equal((19L, null), (rows[1].Samples, rows[1].P50Ns));
        Assert.Equal(1_500, StageTimeReader.Read(plane.Reader, plane.Plan, 0, null)[0].Samples);
    }

    [Fact]
    public void Counts_that_a_reload_cleared_are_taken_as_they_are()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        Count(plane, PipelinePart.Admit, 40, 500);
        ulong[] before = StageTimeReader.Copy(plane.Reader, 0);
        plane.Owner.StageTimesOf(0).Span.Clear();
        Count(plane, PipelinePart.Admit, 40, 30);
        Assert.Equal(30, StageTimeReader.Read(plane.Reader, plane.Plan, 0, before)[0].Samples);
    }

    private static void Count(FakeDataPlane plane, PipelinePart part, long ns, ulong times)
    {
        foreach (bool isPerFrame in (bool[])[false, true])
        {
            plane.Owner.StageTimesOf(0)[StageTimes.At(part, isPerFrame) + StageTimes.IndexOf(ns)] += times;
        }
    }
}
