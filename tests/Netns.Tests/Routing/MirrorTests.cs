using LowLatency.Netns.Tests.Differential;
using Xunit;

namespace LowLatency.Netns.Tests.Routing;

/// <summary>Tables that follow the kernel, against the kernel's own answers.</summary>
public sealed class MirrorTests
{
    private const int Rounds = 60;
    private const int LinesMax = 6;
    private const int ShrinkTries = 120;
    private const int ShrinkSettleMs = 1500; // linkwatch tells of a carrier within a second

    /// <summary>Seeds of a run; LOWLAT_SEED adds one.</summary>
    public static TheoryData<int> Seeds
    {
        get
        {
            TheoryData<int> seeds = [1, 2, 3, 4, 5, 6];
            if (int.TryParse(Environment.GetEnvironmentVariable(Comparison.SeedVariable), out int seed))
            {
                seeds.Add(seed);
            }

            return seeds;
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Whatever_is_changed_the_tables_come_to_what_the_kernel_decides(int seed)
    {
        Random random = new(seed);
        RouteOperations operations = new(random);
        IReadOnlyList<string> addresses = RouteOperations.Borders();
        bool ignores = seed % 2 == 0;
        using RouteNet net = new();
        net.IgnoreRoutesWithLinkDown(ignores);
        Assert.Empty(net.Settle(addresses));
        List<string> done = [];
        for (int round = 0; round < Rounds; round++)
        {
            string[] lines = [.. Enumerable.Range(0, random.Next(1, LinesMax + 1)).Select(_ =>
                operations.Next())];
            net.Batch(lines);
            done.AddRange(lines);
            IReadOnlyList<string> differences = net.Settle(addresses);
            if (differences.Count > 0)
            {
                List<string> all = done;
                done = Shrink(done, lines => Differences(lines, addresses, ignores).Count > 0);
                Assert.Fail($"seed {seed}, round {round}:\n{string.Join('\n', differences)}\nas after\n"
                    + $"{string.Join('\n', done)}\nwhich gives\n"
                    + $"{string.Join('\n', Differences(done, addresses, ignores))}\nall\n"
                    + string.Join('\n', all));
            }
        }
    }

    private static IReadOnlyList<string> Differences(
        IReadOnlyList<string> lines, IReadOnlyList<string> addresses, bool ignores)
    {
        using RouteNet net = new();
        net.IgnoreRoutesWithLinkDown(ignores);
        _ = net.Settle(addresses);
        foreach (string line in lines)
        {
            net.Batch(line);
            net.Turn();
        }

        return net.Settle(addresses, ShrinkSettleMs);
    }

    // Halves, then quarters, and so on are left out, as long as the rest fails; an end that fails by chance
    // leaves the list longer than need be.
    private static List<string> Shrink(List<string> failing, Func<IReadOnlyList<string>, bool> fails)
    {
        int budget = fails(failing) ? ShrinkTries : 0; // by chance, or by the time it takes
        for (int size = (failing.Count + 1) / 2; size >= 1; size /= 2)
        {
            for (int from = 0; from < failing.Count && budget > 0;)
            {
                int count = Math.Min(size, failing.Count - from);
                List<string> fewer = [.. failing[..from], .. failing[(from + count)..]];
                budget--;
                if (fails(fewer))
                {
                    failing = fewer;
                }
                else
                {
                    from += count;
                }
            }
        }

        return failing;
    }
}
