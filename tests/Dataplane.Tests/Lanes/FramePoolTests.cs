using CsCheck;
using LowLatency.Dataplane.Lanes;
using Xunit;

namespace LowLatency.Dataplane.Tests.Lanes;

public sealed class FramePoolTests
{
    [Fact]
    public void ANewPoolOwnsEveryChunkOnceAndGivesTheLowestFirst()
    {
        FramePool pool = new(8, 2048);
        for (ulong i = 0; i < 8; i++)
        {
            Assert.True(pool.TryTake(out ulong address));
            Assert.Equal(i * 2048, address);
        }

        Assert.Equal(0, pool.Count);
        Assert.False(pool.TryTake(out _));
    }

    /// <summary>Top shows frames in the order in which Drop removes them, for every small pool.</summary>
    [Fact]
    public void TopShowsAtMostWhatThereIsAndDropRemovesTheFirstOfThem()
    {
        for (uint frames = 1; frames <= 6; frames++)
        {
            for (int max = 0; max <= 7; max++)
            {
                int shown = Math.Min(max, (int)frames);
                for (int dropped = 0; dropped <= shown; dropped++)
                {
                    FramePool pool = new(frames, 4096);
                    ulong[] top = pool.Top(max).ToArray();
                    Assert.Equal(shown, top.Length);
                    pool.Drop(dropped, shown);
                    Assert.Equal((int)frames - dropped, pool.Count);
                    HashSet<ulong> left = TakeAll(pool);
                    Assert.DoesNotContain(top[..dropped], left.Contains);
                    Assert.All(top[dropped..], address => Assert.Contains(address, left));
                    Assert.Equal((int)frames - dropped, left.Count);
                }
            }
        }
    }

    /// <summary>Any mix of verbs: a frame is in the pool or with the test, never both, never
    /// neither.</summary>
    [Fact]
    public void EveryFrameIsInOnePlaceWhateverIsTakenAndGiven() => Gen.Int[0, 4].Array[0, 200].Sample(
        verbs =>
        {
            const uint Frames = 16;
            FramePool pool = new(Frames, 2048);
            List<ulong> mine = [];
            for (int i = 0; i < verbs.Length; i++)
            {
                switch (verbs[i])
                {
                    case 0 when mine.Count > 0:
                        pool.Give(mine[i % mine.Count]);
                        mine.RemoveAt(i % mine.Count);
                        break;
                    case 1:
                        int half = mine.Count / 2;
                        pool.Give(mine.GetRange(0, half).ToArray());
                        mine.RemoveRange(0, half);
                        break;
                    case 2:
                        ulong[] top = pool.Top(5).ToArray();
                        int count = Math.Min(i % 6, top.Length);
                        pool.Drop(count, top.Length);
                        mine.AddRange(top[..count]);
                        break;
                    default:
                        if (pool.TryTake(out ulong address))
                        {
                            mine.Add(address);
                        }

                        break;
                }

                Assert.Equal((int)Frames, mine.Count + pool.Count);
            }

            HashSet<ulong> all = [.. mine];
            Assert.Equal(mine.Count, all.Count);
            all.UnionWith(TakeAll(pool));
            Assert.Equal((int)Frames, all.Count);
            Assert.All(all, address => Assert.True(address % 2048 == 0 && address < Frames * 2048));
        },
        iter: 5_000);

    private static HashSet<ulong> TakeAll(FramePool pool)
    {
        HashSet<ulong> taken = [];
        while (pool.TryTake(out ulong address))
        {
            Assert.True(taken.Add(address));
        }

        return taken;
    }
}
