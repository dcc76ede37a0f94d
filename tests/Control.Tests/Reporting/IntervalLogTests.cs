using HdrHistogram;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Reporting;

/// <summary>A long run is kept interval by interval, whole lines at any moment.</summary>
public sealed class IntervalLogTests : IDisposable
{
    private static readonly DateTime Start = new(2026, 3, 4, 5, 6, 7, DateTimeKind.Utc);
    private readonly string _folder = Directory.CreateTempSubdirectory("intervals").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Samples_are_summed_up_to_intervals_and_the_rest_is_one_too()
    {
        using IntervalLog log = new(_folder, 3, Start);
        for (int second = 1; second <= 7; second++)
        {
            Add(log, second, isWarmup: false, latencyNs: 1_000 * second, count: 100);
        }

        log.Close();
        Assert.Equal([3, 6, 7], log.Rows.Select(row => row.AtSeconds));
        Assert.Equal([300, 300, 100], log.Rows.Select(row => row.Sent));
        Assert.Equal([100, 100, 100], log.Rows.Select(row => row.SentPerSecond));
        Assert.Equal([3_001, 6_003, 7_003], log.Rows.Select(row => row.MaxNs), new Near());
        HistogramBase[] read = Read(IntervalLog.Name);
        Assert.Equal([300, 300, 100], read.Select(h => h.TotalCount));
        Assert.Equal([0, 3_000, 6_000], read.Select(h => h.StartTimeStamp - Start.ToUnix()));
        Assert.Equal([3_000, 6_000, 7_000], read.Select(h => h.EndTimeStamp - Start.ToUnix()));
    }

    [Fact]
    public void Warm_up_is_an_interval_of_its_own_without_a_histogram()
    {
        using IntervalLog log = new(_folder, 10, Start);
        Add(log, 1, isWarmup: true, 1_000, 100);
        Add(log, 2, isWarmup: true, 1_000, 100);
        Add(log, 3, isWarmup: false, 2_000, 100);
        log.Close();
        Assert.Equal([(true, 2), (false, 1)], log.Rows.Select(row => (row.IsWarmup, row.LengthSeconds)));
        Assert.Equal(100, Assert.Single(Read(IntervalLog.Name)).TotalCount);
    }

    [Fact]
    public void What_was_written_can_be_read_while_the_run_lasts()
    {
        using IntervalLog log = new(_folder, 1, Start);
        Add(log, 1, isWarmup: false, 1_000, 100);
        Add(log, 2, isWarmup: false, 1_000, 100);
        Assert.Equal(2, Read(IntervalLog.Name + ".unfinished").Length);
        Assert.False(File.Exists(Path.Combine(_folder, IntervalLog.Name)));
        log.Close();
        Assert.Equal([IntervalLog.Name], Directory.GetFiles(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void The_sum_of_the_intervals_is_the_run()
    {
        using IntervalLog log = new(_folder, 2, Start);
        LongHistogram whole = Histograms.New();
        for (int second = 1; second <= 5; second++)
        {
            whole.RecordValueWithCount(777 * second, 50);
            Add(log, second, isWarmup: false, 777 * second, 50);
        }

        log.Close();
        LongHistogram sum = Histograms.New();
        foreach (HistogramBase interval in Read(IntervalLog.Name))
        {
            sum.Add(interval);
        }

        Assert.Equal(whole.RecordedValues().Select(v => (v.ValueIteratedTo, v.CountAtValueIteratedTo)),
            sum.RecordedValues().Select(v => (v.ValueIteratedTo, v.CountAtValueIteratedTo)));
    }

    [Fact]
    public void A_disk_that_is_full_ends_the_log_and_not_the_run()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "there is no /dev/full");
        File.CreateSymbolicLink(Path.Combine(_folder, IntervalLog.Name + ".unfinished"), "/dev/full");
        using IntervalLog log = new(_folder, 1, Start);
        Add(log, 1, isWarmup: false, 1_000, 100);
        log.Close();
        Assert.Contains("ended early", log.Fault, StringComparison.Ordinal);
        Assert.Single(log.Rows);
    }

    private static void Add(IntervalLog log, double at, bool isWarmup, long latencyNs, int count)
    {
        LongHistogram histogram = Histograms.New();
        histogram.RecordValueWithCount(latencyNs, count);
        log.Add(new Interval(at, 1, isWarmup, count, count, count, count, count, null, null, null, null, null,
            null), [(HistogramSet.EndToEnd, histogram), (HistogramSet.Direct, null)]);
    }

    private HistogramBase[] Read(string name)
    {
        using MemoryStream stream = new(File.ReadAllBytes(Path.Combine(_folder, name)));
        using HistogramLogReader reader = new(stream);
        return [.. reader.ReadHistograms()];
    }

    // A bucket of three digits holds values up to a thousandth apart.
    private sealed class Near : IEqualityComparer<long?>
    {
        public bool Equals(long? x, long? y) => x is long a && y is long b && Math.Abs(a - b) <= a / 500;

        public int GetHashCode(long? value) => 0;
    }
}

/// <summary>Time as logs write it.</summary>
file static class Times
{
    public static long ToUnix(this DateTime time) => new DateTimeOffset(time).ToUnixTimeMilliseconds();
}
