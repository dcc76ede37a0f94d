using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Lanes;

public sealed class FrameAddressTests
{
    [Fact]
    public void AFrameThatWasSentComesBackToThePoolAsItsChunkHoweverOftenItGoesRound()
    {
        using LaneBench bench = new(TestPlans.Forward([TestPlans.Connect]));
        for (int round = 0; round < 2_000; round++)
        {
            while (bench.Receive(0, TestPlans.Udp()))
            {
            }

            bench.Turn();
            Assert.Equal(0UL, bench.Counters.Drops[(int)DropReason.BadDescriptor]);
        }

        bench.Turn();
        while (bench.Lane.Core.Pool.TryTake(out ulong address))
        {
            Assert.Equal(0UL, address % 2048);
        }
    }
}
