using System.Diagnostics;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Dataplane.Tests.Boot;

public sealed class WarmUpTests
{
    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    public void WarmingUpLeavesNoTraceInTheRealRegionNorInTheRealLane(bool isLoad, int lane)
    {
        PlanParts parts = isLoad ? PlanParts.Load() : PlanParts.Forward();
        parts.Header.RegionPath.Set($"/dev/shm/lowlat-unit-warm-{Environment.ProcessId}-{isLoad}-{lane}.region");
        PlanImage plan = parts.Build();
        SharedRegion region = SharedRegion.Create(plan);
        try
        {
            using LaneBench real = new(plan, lane, region);
            byte[] before = ReadPast(region.Path);
            LaneCounters counters = real.Counters;
            WarmUp.Run(plan, lane);
            Assert.Equal(before, ReadPast(region.Path));
            Assert.Equal((counters.Turns, counters.RxFrames, counters.TxFrames),
                (real.Counters.Turns, real.Counters.RxFrames, real.Counters.TxFrames));
            Assert.Equal((int)plan.Lane(lane).Frames - 128, real.Lane.Core.Pool.Count);
        }
        finally
        {
            region.Remove();
        }
    }

    // .NET takes a file's lock to read it, and the region's owner has it: cp does not ask.
    private static byte[] ReadPast(string path)
    {
        using (Process copy = Process.Start("cp", [path, path + ".copy"]))
        {
            copy.WaitForExit();
        }

        byte[] bytes = File.ReadAllBytes(path + ".copy");
        File.Delete(path + ".copy");
        return bytes;
    }

    [Fact]
    public void TheMemoryOfTheTwinIsGivenBack()
    {
        PlanImage plan = PlanParts.Load().Build();
        WarmUp.Run(plan, 0);
        int before = File.ReadLines("/proc/self/maps").Count();
        for (int i = 0; i < 20; i++)
        {
            WarmUp.Run(plan, i % 2);
        }

        Assert.InRange(File.ReadLines("/proc/self/maps").Count(), 0, before + 40); // 20 twins would be 80 mappings; the runtime makes some of its own
    }
}
