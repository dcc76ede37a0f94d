using System.Text;
using HdrHistogram;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Reporting;

public sealed class HlogTests
{
    private static readonly DateTime Start = new(2026, 3, 4, 5, 6, 7, 250, DateTimeKind.Utc);

    [Fact]
    public void The_librarys_own_reader_reads_back_every_bucket_and_tag()
    {
        HistogramSet set = Sample();
        byte[] log = Hlog.Write(set, Start, Start.AddSeconds(10));

        using HistogramLogReader reader = new(new MemoryStream(log));
        HistogramBase[] read = [.. reader.ReadHistograms()];

        Assert.Equal(["endToEnd", "gap.lane_0"], read.Select(h => h.Tag));
        foreach (HistogramBase histogram in read)
        {
            HistogramBase source = set[histogram.Tag]!;
            Assert.Equal(source.TotalCount, histogram.TotalCount);
            Assert.Equal(
                source.RecordedValues().Select(v => (v.ValueIteratedTo, v.CountAtValueIteratedTo)),
                histogram.RecordedValues().Select(v => (v.ValueIteratedTo, v.CountAtValueIteratedTo)));
        }
    }

    [Fact]
    public void The_log_is_plain_ascii_of_format_1_3_with_its_start_and_length()
    {
        byte[] log = Hlog.Write(Sample(), Start, Start.AddSeconds(10));

        Assert.All(log, b => Assert.True(b is (byte)'\n' or (>= 0x20 and < 0x7F)));
        string[] lines = Encoding.ASCII.GetString(log).Split('\n');
        Assert.Equal("#[Histogram log format version 1.3]", lines[0]);
        Assert.Contains(lines, l => l.StartsWith("#[StartTime: 1772600767.250", StringComparison.Ordinal));
        string line = Assert.Single(lines, l => l.StartsWith("Tag=endToEnd,", StringComparison.Ordinal));
        string[] fields = line.Split(',');
        Assert.Equal(5, fields.Length);
        Assert.Equal(("1772600767.250", "10.000"), (fields[1], fields[2]));
        // the V2 compressed cookie in Base64
        Assert.StartsWith("HISTFAAA", fields[4], StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_log_is_one_kind_of_error()
    {
        byte[] log = Hlog.Write(Sample(), Start, Start.AddSeconds(10));
        byte[] damaged = [.. log.AsSpan(0, log.Length - 40), (byte)'\n'];

        Assert.Equal(2, Hlog.Read(log).All.Count);
        Assert.Throws<FormatException>(() => Hlog.Read(damaged));
    }

    private static HistogramSet Sample()
    {
        LongHistogram endToEnd = Histograms.New();
        LongHistogram gap = Histograms.New();
        Random random = new(7);
        for (int i = 0; i < 20_000; i++)
        {
            endToEnd.RecordValue(random.NextInt64(0, 5_000_000));
            gap.RecordValue(random.NextInt64(0, 300));
        }

        HistogramSet set = new();
        set.Add("endToEnd", endToEnd);
        set.Add("residence", Histograms.New());
        set.Add("gap.lane 0", gap);
        return set;
    }
}
