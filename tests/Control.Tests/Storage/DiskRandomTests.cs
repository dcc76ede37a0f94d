using LowLatency.Control.Storage;
using Xunit;

namespace LowLatency.Control.Tests.Storage;

public sealed class DiskRandomTests
{
    [Fact]
    public void Numbers_are_those_of_the_published_algorithm()
    {
        // The first of seed 1234567, as the reference implementation (Vigna, splitmix64.c) gives them.
        ulong state = 1234567;
        ulong[] first = [.. Enumerable.Range(0, 3).Select(_ => DiskRandom.Next(ref state))];
        Assert.Equal([6457827717110365317UL, 3203168211198807973UL, 9817491932198370423UL], first);
    }

    [Fact]
    public void Places_are_below_their_bound_and_all_of_them_come()
    {
        ulong state = 1;
        long[] places = [.. Enumerable.Range(0, 2000).Select(_ => DiskRandom.Below(ref state, 7))];
        Assert.Equal([0L, 1L, 2L, 3L, 4L, 5L, 6L], places.Distinct().Order());
    }

    [Fact]
    public void A_seed_repeats_its_bytes_and_another_has_others()
    {
        byte[] one = Filled(1);
        Assert.Equal(one, Filled(1));
        Assert.NotEqual(one, Filled(2));
        Assert.All(one.Chunk(64), chunk => Assert.Contains(chunk, b => b != 0));
    }

    private static byte[] Filled(ulong seed)
    {
        byte[] bytes = new byte[4096];
        DiskRandom.Fill(bytes, ref seed);
        return bytes;
    }
}
