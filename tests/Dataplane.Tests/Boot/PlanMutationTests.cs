using CsCheck;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Dataplane.Tests.Boot;

/// <summary>A valid plan with a few bytes changed and its checksum made to fit: refused in one line, or good
/// enough for a lane to run. A broken invariant would end this process, so passing means that none
/// broke.</summary>
public sealed class PlanMutationTests
{
    private const long UmemBytesMax = 16 << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AMutatedPlanIsRefusedOrRuns(bool isLoad)
    {
        PlanImage plan = (isLoad ? PlanParts.Load() : PlanParts.Forward()).Build();
        int accepted = 0;
        int refused = 0;
        int ran = 0;
        Gen.UInt.Sample(
            seed =>
            {
                byte[] bytes = Mutate(plan, new Random((int)seed));
                PlanImage mutated;
                try
                {
                    mutated = PlanImage.Parse(bytes);
                    PlanRecheck.Check(mutated);
                }
                catch (PlanFormatException refusal)
                {
                    Assert.DoesNotContain('\n', refusal.Message);
                    Interlocked.Increment(ref refused);
                    return;
                }

                if (Interlocked.Increment(ref accepted) % 8 == 0) // a lane costs milliseconds, a check microseconds
                {
                    ran += Run(mutated);
                }
            },
            iter: 4_000,
            threads: 1);
        Assert.True(accepted > 300 && refused > 300 && ran > 30, $"{accepted} accepted, {refused} refused, {ran} ran");
    }

    private static byte[] Mutate(PlanImage plan, Random random)
    {
        byte[] bytes = plan.Bytes.ToArray();
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int at = random.Next(24, bytes.Length);
            bytes[at] = random.Next(3) switch
            {
                0 => (byte)random.Next(256),
                1 => (byte)(bytes[at] ^ (1 << random.Next(8))),
                _ => (byte)(random.Next(2) == 0 ? 0xFF : 0x7F),
            };
        }

        PlanParts.FixChecksum(bytes);
        return bytes;
    }

    private static int Run(PlanImage plan)
    {
        int ran = 0;
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            PlanLane entry = plan.Lane(lane);
            if ((long)entry.Frames * entry.ChunkBytes > UmemBytesMax)
            {
                continue; // the size is the test's limit, not the product's
            }

            using LaneBench bench = new(plan, lane);
            bench.Region.Header.StartAtNs = ThreadControl.NowNs - 1_000_000;
            for (int turn = 0; turn < 50; turn++)
            {
                for (int port = 0; port < entry.PortCount; port++)
                {
                    bench.Receive(port, TestPlans.Udp((ushort)turn));
                }

                bench.Turn();
            }

            WarmUp.Run(plan, lane);
            ran++;
        }

        return ran;
    }
}
