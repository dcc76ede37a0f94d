using LowLatency.Control.Running;
using LowLatency.Control.Tests.Measuring;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Running;

/// <summary>What 'lowlat run' says of links.</summary>
public sealed class LinkWatchTests
{
    [Fact]
    public void Each_change_is_told_once_with_the_name_of_the_port()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        Set(plane, LinkState.Up, 0);
        LinkWatch watch = new(plane.Reader);
        Assert.Empty(watch.Find());
        Set(plane, LinkState.Down, 1);
        Assert.Equal(["port in (vf0): link down"], watch.Find());
        Assert.Empty(watch.Find());
        Set(plane, LinkState.Up, 1);
        Assert.Equal(["port in (vf0): link up"], watch.Find());
        Set(plane, LinkState.Gone, 2);
        Assert.Equal(["port in (vf0): link gone"], watch.Find());
    }

    [Fact]
    public void A_link_that_came_back_between_two_looks_is_told_of_too()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        Set(plane, LinkState.Up, 0);
        LinkWatch watch = new(plane.Reader);
        Set(plane, LinkState.Up, 1);
        Assert.Equal(["port in (vf0): link went down, is up again"], watch.Find());
        Set(plane, LinkState.Up, 4);
        Assert.Equal(["port in (vf0): link went down, is up again (3 times)"], watch.Find());
    }

    private static void Set(FakeDataPlane plane, LinkState state, ulong downs)
    {
        ref PortPage page = ref plane.Owner.PortPage(0).Value;
        page.Name.Set("in");
        page.Interface.Set("vf0");
        page.Link = state;
        page.LinkDowns = downs;
    }
}
