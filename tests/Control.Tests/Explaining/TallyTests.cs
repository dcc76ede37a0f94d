using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;
using Xunit;

namespace LowLatency.Control.Tests.Explaining;

/// <summary>Sums over gaps.</summary>
public sealed class TallyTests
{
    private static readonly ExplainedLane Lane = new("m1", 1, 100, IsMeter: true);
    private readonly Tally _tally = new();

    [Fact]
    public void RegularCausesHaveAPeriodAndIrregularOnesNone()
    {
        Random random = new(3);
        long at = 0;
        for (int i = 0; i < 100; i++)
        {
            Add(i * 4_000_000L, (Bucket.Irq, "local timer", 3000));
            at += random.Next(1_000_000, 20_000_000);
            Add(at, (Bucket.Thread, "bash/5", 3000));
        }

        Explanation made = Make();
        Assert.Equal(4_000_000, made.Culprits.Single(row => row.Bucket == "irq").PeriodNs);
        Assert.Null(made.Culprits.Single(row => row.Bucket == "thread").PeriodNs);
    }

    [Fact]
    public void SharesAreOfTimeAndOfGaps()
    {
        Add(0, (Bucket.Thread, "a/1", 9000), (Bucket.Unattributed, "", 1000));
        Add(1, (Bucket.Unattributed, "", 800), (Bucket.Irq, "x", 200));
        Explanation made = Make();
        Assert.Equal((2, 11_000L), (made.Gaps, made.LostNs));
        Assert.Equal((0.8364, 0.5), (made.NamedTimeShare, made.NamedCountShare));
        Assert.Equal(["thread", "unattributed", "irq"], made.Buckets.Select(bucket => bucket.Bucket));
        Assert.Equal(made.LostNs, made.Buckets.Sum(bucket => bucket.LostNs));
        Assert.Equal(made.LostNs, made.Culprits.Sum(row => row.LostNs));
    }

    [Fact]
    public void ThreadsOfOneNameAreOneRowAndTheWorstGapsKeepTheirNumbers()
    {
        Add(0, (Bucket.Thread, "kworker/1:2/103 (vmstat_update)", 2000));
        Add(1, (Bucket.Thread, "kworker/1:2/104 (vmstat_update)", 3000));
        Explanation made = Make();
        Assert.Equal("kworker/1:2 (vmstat_update)", Assert.Single(made.Culprits).Name);
        Assert.Equal("kworker/1:2/104 (vmstat_update)", made.Worst[0].Parts[0].Name);
    }

    [Fact]
    public void AHostThatStartsThreadsWithoutEndDoesNotFillOurMemory()
    {
        for (int i = 0; i < 10_000; i++)
        {
            Add(i, (Bucket.Thread, $"t{i}/{i}", 1000));
        }

        Explanation made = Make();
        Assert.InRange(made.Culprits.Count, 2, 4097);
        Assert.Equal(10_000_000, made.Culprits.Sum(row => row.LostNs));
        Assert.Equal(200, made.Worst.Count);
    }

    [Theory]
    [InlineData("thread", "kworker/1:2 (vmstat_update)", "cpu.workqueue.unbound-off")]
    [InlineData("thread", "irq/24-eth0", "irq.affinity.effective-off")]
    [InlineData("thread", "bash", "cpu.threads.no-foreign-user")]
    [InlineData("thread", "idle: the scheduler held the lane back", "cpu.sched.dl-server")]
    [InlineData("thread", "idle: the lane slept", "")]
    [InlineData("irq", "local timer (tick_nohz_handler)", "cpu.tick.silent")]
    [InlineData("irq", "eth0 (irq 24)", "irq.affinity.effective-off")]
    [InlineData("softirq", "RCU", "cpu.rcu.offloaded")]
    [InlineData("ipi", "reschedule", "irq.ipi.sources-known")]
    [InlineData("unattributed", "", "")]
    public void EachCauseLeadsToACheckThatThereIs(string bucket, string name, string check)
    {
        Bucket found = Enum.GetValues<Bucket>().Single(value => value.Name() == bucket);
        Assert.Equal(check, Buckets.CheckOf(found, name));
        string list = File.ReadAllText(Path.Combine(GoldenFile.Root,
            "tests/Control.Tests/Golden/readiness-checks.txt"));
        Assert.Contains(check, list, StringComparison.Ordinal);
    }

    private void Add(long startNs, params (Bucket Bucket, string Name, long Ns)[] parts) => _tally.Add(
        Lane, new GapRecord("test", "m1", startNs, parts.Sum(part => part.Ns), 1, "idle", 0), parts);

    private Explanation Make() => _tally.Make("T3", "", 0, new ObserverCost(0, 0, 0, 0), []);
}
