using LowLatency.Control.Readiness;
using LowLatency.Control.Tests.Measuring;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

public sealed class RegionTextTests
{
    private const string Good = "lane in0 cpu 2 tid 42 publishedNs 9 allocatedBytes 1 collections 3 "
        + "minorFaults 4 majorFaults 5";

    [Fact]
    public void A_lane_reads_as_it_was_written() => Assert.Equal(
        [new RegionLane("in0", 2, 42, 9, 1, 3, 4, 5)],
        RegionText.Lanes("region:x", ["state armed", Good, "port in queue 0 requested auto effective copy"]));

    [Theory]
    [InlineData("state armed")]
    [InlineData("lane")]
    [InlineData("lane ")]
    [InlineData("lane in0")]
    [InlineData("lane in0 cpu 2 tid 42")]
    [InlineData("lane in0 cpu 2 tid 42 publishedNs 9 allocatedBytes 1 collect"
        + "ions 3 minorFaults 4 majorFaults")]
    [InlineData("lane in0 cpu 4294967298 tid 42 publishedNs 9 allocatedBytes "
        + "1 collections 3 minorFaults 4 majorFaults 5")]
    [InlineData("lane in0 cpu 2 tid 4294967338 publishedNs 9 allocatedBytes 1"
        + " collections 3 minorFaults 4 majorFaults 5")]
    [InlineData("lane in0 cpu -2 tid 42 publishedNs 9 allocatedBytes 1 collec"
        + "tions 3 minorFaults 4 majorFaults 5")]
    [InlineData("lane in0 cpu 2 tid x publishedNs 9 allocatedBytes 1 collecti"
        + "ons 3 minorFaults 4 majorFaults 5")]
    public void What_is_no_lane_is_not_read(string line) =>
        Assert.Throws<NotReadException>(() => RegionText.Lanes("region:x", [line]));

    [Fact]
    public void Two_lanes_of_one_name_are_not_read() =>
        Assert.Throws<NotReadException>(() => RegionText.Lanes("region:x", [Good, Good]));

    [Fact]
    public void What_a_region_publishes_reads_back()
    {
        using FakeDataPlane plane = new(LaneKind.Receiver);
        IReadOnlyList<RegionLane> lanes = RegionText.Lanes("region:x", Text(plane.Owner).Split('\n'));
        Assert.Equal(plane.Plan.LaneCount, lanes.Count);
        Assert.Equal(plane.Plan.Lane(0).Name.ToString(), lanes[0].Name);
    }

    [Fact]
    public void A_live_region_is_read_and_none_at_all_is_missing()
    {
        using FakeDataPlane plane = new(LaneKind.Receiver);
        Assert.Equal(FactState.Read, Read(plane.Owner.Path).State);
        Assert.Equal(FactState.Missing, Read(plane.Owner.Path + ".not-there").State);
    }

    [Fact]
    public void A_region_that_cannot_be_opened_or_is_of_another_release_is_not_missing()
    {
        using FakeDataPlane plane = new(LaneKind.Receiver);
        Assert.Equal(FactState.Refused, Read(plane.Owner.Path + "/below-a-file").State);
        plane.Owner.Header.Version++;
        Assert.Equal(FactState.Refused, Read(plane.Owner.Path).State);
    }

    private static string Text(SharedRegion region) => RegionText.Write(region);

    private static Fact Read(string path) => LiveHost.ReadRegion(new Fact
    {
        Source = "region:x",
        State = FactState.Missing,
        TimeNs = 0,
        Intrusion = Intrusion.I0,
    }, path, RegionText.Write);
}
