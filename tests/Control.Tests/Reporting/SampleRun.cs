using HdrHistogram;
using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Tests.Reporting;

/// <summary>A made-up run with every field filled: the same numbers each time.</summary>
internal static class SampleRun
{
    public static readonly DateTime Start = new(2026, 3, 4, 5, 6, 7, DateTimeKind.Utc);

    public static RunDocument Make(int seed = 1, double factor = 1)
    {
        HistogramSet set = MakeHistograms(seed, factor);
        LatencySummary? through = LatencySummary.Of(set[HistogramSet.EndToEnd]);
        LatencySummary? direct = LatencySummary.Of(set[HistogramSet.Direct]);
        RunResult result = new(
            RunResult.SchemaName, "load", 10.004, through, LatencySummary.Of(set[HistogramSet.ServiceTime]),
            new DirectResult(direct, LatencySummary.Of(set[HistogramSet.DirectServiceTime])),
            ForwarderCost.Of(through, direct), LatencySummary.Of(set[HistogramSet.Residence]), null,
            LatencySummary.Of(set[HistogramSet.Gap]),
            new Loss(210_000, 209_978, 22, 3, 0, 4, new Dictionary<string, long>
            {
                ["rx-ring-full(dutA)"] = 12, ["device-tx-dropped(genA)"] = 7, ["tx-ring-full"] = 3,
            }, 0, 0, [new("through", 200_000, 199_978, 22), new("direct", 10_000, 10_000, 0)]),
            [Port("genA", "load", 0), Port("dutA", "forward", 12), Port("dutB", "forward", 0)],
            [Lane("gen0", "load", "generator", set), Lane("recv0", "load", "receiver", set),
                Lane("fwd0", "forward", "forward", set)],
            new GeneratorResult(20_000, 19_996.2, 310, 2_480, 41_000, 12, false, "poisson",
                new QuietResult(100_000_000, 3_000_000, 500_000),
                LatencySummary.Of(Tail(new Random(9), 210_000, 310, 0.5, 41_000)), []),
            [new("load", 4711, 121_400_000, 24_300_000, 33_554_432, 0, 950_000),
                new("forward", 4712, 98_700_000, 22_100_000, 16_777_216, 0, 950_000)],
            [new("p99.9", 50_000, through!.P999Ns, through.P999Ns <= 50_000),
                new("p99.999", 900_000, null, false)],
            new Verdict(true, [], []),
            [
                new NoiseSpectrum("cpu2", 2, 10, 81_000, 40_000, [new GapRate(1_000, 12, 1.2, null),
                    new GapRate(50_000, 0, 0, 0.3)], [new PacketWait("p99.999", 3_100)]),
            ],
            new Explanation("T3", "", 12, 1, 81_000, 0.9877, 0.9167,
                [new BucketRow("irq", 11, 80_000, 0.9877, 40_000),
                    new BucketRow("unattributed", 1, 1_000, 0.0123, 1_000)],
                [
                    new CulpritRow("cpu2", "irq", "local timer (tick_nohz_handler)", 11, 80_000, 40_000,
                        4_000_000,
                        "cpu.tick.silent"),
                    new CulpritRow("cpu2", "unattributed", "", 1, 1_000, 1_000, null, ""),
                ],
                [new ExplainedGap("cpu2", 2, 5_000_000, 40_000,
                    [new GapPart("irq", "local timer (tick_nohz_handler)", 40_000)])],
                new ObserverCost(170_000_000, 4_711, 0, 0), ["a note"]))
        {
            Window = new RunWindow(2, 10.004, 0.412),
            Confidence = RunStatistics.Confidence(set, new HistogramSet()),
            Exceedance = RunStatistics.Exceedance(set, 10.004),
            Stages =
            [
                new("fwd0", null, "admit", 3_124, 51, 103, 1_471, 51, 103),
                new("fwd0", 0, "fused", 3_124, 87, 191, 2_047, 63, 127),
                new("fwd0", null, "completion", 940, 21_503, null, 65_535, 20_479, null),
            ],
        };
        result = result with { Verdict = Judgement.Of(result, []) };
        return new RunDocument(result, MakeManifest(), MakeTimeline(), set);
    }

    private static RunManifest MakeManifest() => new(
        RunManifest.SchemaName, "load", Start, Start.AddSeconds(12.5),
        ["lowlat", "load", "-c", "configs/lab.toml", "--rate", "20k"],
        "lab.toml", new string('a', 63) + "7", "0.1.0", "0123456789abcdef0123456789abcdef01234567",
        new Dictionary<string, string> { ["libxdp"] = "1.3.1", ["libbpf"] = "1.1.2", ["liburing"] = "2.3" },
        "6.12.95-rt", "PREEMPT_RT", "Debian GNU/Linux 12 (bookworm)", "Example CPU <8 & more> @ 3.00GHz", 8,
        "2-7", "2-7", "tsc");

    private static PortResult Port(string name, string process, long ringFull) => new(
        name, process, name, process == "load" ? "gen" : "dut", 0, "auto", "copy",
        "veth cannot zero-copy: bind with XDP_ZEROCOPY answered EOPNOTSUPP, copy was granted", "veth", "up",
        0, 0,
        new Dictionary<string, long> { ["rx-dropped"] = 0, ["rx-ring-full"] = ringFull },
        new Dictionary<string, long> { ["redirected"] = 200_000, ["passed-control"] = 4 });

    private static LaneResult Lane(string name, string process, string kind, HistogramSet set) => new(
        name, process, kind, "pinned", name == "fwd0" ? 3 : 2, "fifo", 50, 41_234_567, 199_990, 199_987, 0, 0,
        0, 0, 120, 3, 100,
        300_000_000, 0, new Dictionary<string, long>
        {
            ["busy"] = 2_100_000_000, ["idle"] = 7_500_000_000, ["housekeeping"] = 400_000_000,
            ["tx-blocked"] = 0, ["starved"] = 0,
        }, new Dictionary<string, long> { ["tx-ring-full"] = 3 }, LatencySummary.Of(set[HistogramSet.Gap]),
            17, 0, true, kind == "forward");

    private static RunTimeline MakeTimeline()
    {
        Random random = new(3);
        List<Interval> intervals = [];
        List<GapRecord> gaps = [];
        for (int second = 1; second <= 12; second++)
        {
            bool isWarm = second <= 2;
            intervals.Add(new Interval(second, 1, isWarm, 17_500, 17_498, 17_500, 17_498, 16_600,
                isWarm ? null : 4_100 + random.Next(400), isWarm ? null : 9_000 + random.Next(2_000), isWarm
                    ? null : 60_000 + random.Next(500_000),
                isWarm ? null : 2_900 + random.Next(200), isWarm ? null : 6_000, isWarm ? null : 30_000
                    + random.Next(90_000)));
        }

        for (int i = 0; i < 60; i++)
        {
            gaps.Add(new GapRecord(i % 3 == 0 ? "load" : "forward", i % 3 == 0 ? "gen0" : "fwd0",
                1_000_000_000 + random.NextInt64(2_000_000_000, 12_000_000_000),
                (long)Math.Exp(9.5 + (random.NextDouble() * 4)), (ulong)random.Next(), "idle", 0));
        }

        return new RunTimeline(RunTimeline.SchemaName, 1_000_000_000, intervals, 60,
            [.. gaps.OrderBy(g => g.StartNs)]);
    }

    private static HistogramSet MakeHistograms(int seed, double factor)
    {
        Random random = new(seed);
        HistogramSet set = new();
        set.Add(HistogramSet.EndToEnd, Tail(random, 200_000, 3_900 * factor, 0.25, 300_000));
        set.Add(HistogramSet.ServiceTime, Tail(random, 200_000, 3_600 * factor, 0.22, 200_000));
        set.Add(HistogramSet.Direct, Tail(random, 10_000, 2_700, 0.2, 90_000));
        set.Add(HistogramSet.DirectServiceTime, Tail(random, 10_000, 2_500, 0.2, 80_000));
        set.Add(HistogramSet.Residence, Tail(random, 200_000, 620, 0.3, 60_000));
        set.Add(HistogramSet.Gap, Tail(random, 3_000_000, 95, 0.15, 250_000));
        return set;
    }

    // Log-normal with one sample in a thousand from a slow tail.
    private static LongHistogram Tail(Random random, int count, double medianNs, double sigma, double tailNs)
    {
        LongHistogram histogram = Histograms.New();
        for (int i = 0; i < count; i++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(
                2 * Math.PI * random.NextDouble());
            double value = medianNs * Math.Exp(sigma * normal);
            value += i % 1000 == 999 ? tailNs * random.NextDouble() * random.NextDouble() : 0;
            histogram.RecordValue((long)value);
        }

        return histogram;
    }
}
