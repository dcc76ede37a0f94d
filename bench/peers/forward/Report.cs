using System.Text.Json.Nodes;

namespace LowLatency.Bench.Forward;

/// <summary>Results for eyes and for the gates: one JSON object of named values, spreads beside
/// them.</summary>
internal static class Report
{
    /// <summary>Medians, spreads and ratios against lowlatd.</summary>
    public static JsonObject OfThroughput(Dictionary<string, List<double>> mpps)
    {
        JsonObject values = [];
        Console.WriteLine("\nMpps (min / median / max)");
        foreach ((string name, List<double> runs) in mpps)
        {
            Spread spread = Spread.Of(runs);
            Console.WriteLine($"  {name,-8} {spread}");
            values[$"forward.mpps.{name}"] = Round(spread.Median);
            values[$"forward.mpps.{name}.runs"] = new JsonArray([.. runs.Select(run =>
                JsonValue.Create(Round(run)))]);
        }

        foreach (string peer in mpps.Keys.Where(name => name != "lowlatd" && mpps.ContainsKey("lowlatd")))
        {
            Spread ratio = Spread.OfRatios(mpps["lowlatd"], mpps[peer]);
            double medians = Spread.Of(mpps["lowlatd"]).Median / Spread.Of(mpps[peer]).Median;
            Console.WriteLine($"  lowlatd / {peer}: medians {medians:F3}, pairs {ratio}");
            values[$"forward.mpps.vs.{peer}"] = Round(medians);
            AddSpread(values, $"forward.mpps.vs.{peer}.pairs", ratio);
        }

        foreach (string ours in (string[])["offload", "routed"])
        {
            if (mpps.TryGetValue(ours, out List<double>? kernels)
                && mpps.TryGetValue("linux", out List<double>? linux))
            {
                double medians = Spread.Of(kernels).Median / Spread.Of(linux).Median;
                Console.WriteLine($"  {ours} / linux: medians {medians:F3}, pairs "
                    + $"{Spread.OfRatios(kernels, linux)}");
                values[$"forward.mpps.{ours}.vs.linux"] = Round(medians);
            }
        }

        return values;
    }

    /// <summary>Percentiles through, direct and the forwarder's own share, medians over the runs.</summary>
    public static void AddLatency(JsonObject values, double rate, Dictionary<string, List<LatencyRun>> runs)
    {
        string label = rate % 1000 == 0 ? $"{rate / 1000:F0}k" : $"{rate:F0}";
        Console.WriteLine($"\none-way µs at {rate:F0} pps, medians of {runs.Values.First().Count} runs"
            + $"\n  {"",-8} {"p50",18} {"p99",18} {"p99.9",18}   (through, direct, own cost)");
        foreach ((string name, List<LatencyRun> list) in runs)
        {
            string line = $"  {name,-8}";
            foreach ((string percentile, Func<Percentiles, double> pick) in Picks)
            {
                double through = Spread.Of(list.Select(run => pick(run.Through))).Median;
                double direct = Spread.Of(list.Select(run => pick(run.Direct))).Median;
                double own = Spread.Of(list.Select(run => pick(run.Through) - pick(run.Direct))).Median;
                line += $"   {through,6:F1} {direct,6:F1} {own,5:F1}";
                values[$"latency.{percentile}.{name}.{label}.us"] = Round(through);
                values[$"latency.{percentile}.direct.{name}.{label}.us"] = Round(direct);
                values[$"latency.{percentile}.own.{name}.{label}.us"] = Round(own);
            }

            Console.WriteLine(line);
        }

        if (runs.TryGetValue("lowlatd", out List<LatencyRun>? ours)
            && runs.TryGetValue("testpmd", out List<LatencyRun>? theirs))
        {
            AddRatios(values, label, ours, theirs);
        }
    }

    /// <summary>What must be zero or small.</summary>
    public static void AddHealth(JsonObject values, Health health, string lowlatd)
    {
        values["lane.allocated.bytes"] = health.AllocatedBytes;
        values["lane.collections"] = health.Collections;
        values["lane.faults"] = health.Faults;
        values["lane.conservation.breaks"] = health.ConservationBreaks;
        if (health.Residual is { } residual) // only where a generator counts what it sends
        {
            values["ledger.residual"] = residual;
        }

        values["lowlatd.bytes"] = new FileInfo(lowlatd).Length;
        values["rss.without.umem.bytes"] = health.ResidentBytes;
        Console.WriteLine($"\nlanes: {health.AllocatedBytes} bytes allocated, {health.Collections} "
            + $"collections, "
            + $"{health.Faults} faults, {health.ConservationBreaks} conservation breaks, ledger residual "
            + $"{health.Residual?.ToString() ?? "not measured"}; lowlatd {new FileInfo(lowlatd).Length} "
                + $"bytes, resident {health.ResidentBytes}");
    }

    /// <summary>The file.</summary>
    public static JsonObject Wrap(string bench, JsonObject values) => new()
    {
        ["schema"] = "lowlat.bench/1",
        ["bench"] = bench,
        ["utc"] = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ"),
        ["kernel"] = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
        ["values"] = values,
    };

    private static readonly (string Name, Func<Percentiles, double> Pick)[] Picks =
        [("p50", p => p.P50), ("p99", p => p.P99), ("p999", p => p.P999)];

    private static void AddRatios(JsonObject values, string label, List<LatencyRun> ours,
        List<LatencyRun> theirs)
    {
        foreach ((string percentile, Func<Percentiles, double> pick) in Picks)
        {
            double[] a = [.. ours.Select(run => pick(run.Through))];
            double[] b = [.. theirs.Select(run => pick(run.Through))];
            Spread pairs = Spread.OfRatios(a, b);
            double medians = Spread.Of(a).Median / Spread.Of(b).Median;
            values[$"latency.{percentile}.vs.testpmd.{label}"] = Round(medians);
            AddSpread(values, $"latency.{percentile}.vs.testpmd.{label}.pairs", pairs);
            Console.WriteLine($"  lowlatd / testpmd {percentile}: medians {medians:F3}, pairs {pairs}");
        }
    }

    private static void AddSpread(JsonObject values, string name, Spread spread) => values[name] =
        new JsonArray(Round(spread.Min), Round(spread.Median), Round(spread.Max));

    private static double Round(double value) => Math.Round(value, 4);
}
