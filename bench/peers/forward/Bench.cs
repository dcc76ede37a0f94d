using System.Text.Json.Nodes;
using LowLatency.Native.Threads;

namespace LowLatency.Bench.Forward;

/// <summary>Sets the lab up, measures, prints, and takes everything down again.</summary>
internal static class Bench
{
    private const int HugePagesWanted = 300; // testpmd's 32768 mbufs and three UMEMs

    /// <summary>What the options ask for, as the JSON that the gates read.</summary>
    public static JsonObject Run(Options options)
    {
        if (!ThreadControl.IsRoot)
        {
            throw new BenchException("namespaces, huge pages and AF_XDP need root");
        }

        string root = FindRoot();
        string lowlatd = options.Lowlatd ?? Path.Combine(root, "out", "lowlatd");
        if (!File.Exists(lowlatd))
        {
            throw new BenchException($"{lowlatd} is missing: scripts/build makes it");
        }

        using CParts parts = CParts.Build(Path.Combine(root, "bench", "peers", "forward"));
        using HugePagePool huge = HugePagePool.Take(parts.Path("huge"), HugePagesWanted);
        using Rack rack = Rack.Create();
        Setting setting = new(rack, parts, huge, lowlatd, options.Tuning);
        Health health = new();
        JsonObject values = options.IsLatency ? RunLatency(options, setting, health)
            : RunThroughput(options, setting, health);
        Report.AddHealth(values, health, lowlatd);
        return Report.Wrap(options.IsLatency ? "latency" : "forward", values);
    }

    private static JsonObject RunThroughput(Options options, Setting setting, Health health)
    {
        IReadOnlyList<string> names = options.Contestants ?? Contestants.Names;
        ThroughputResult result = Throughput.Measure(setting, names, options.Repeats, options.Seconds, health);
        JsonObject values = Report.OfThroughput(result.Mpps);
        values["forward.rounds.discarded"] = result.Discarded;
        return values;
    }

    private static JsonObject RunLatency(Options options, Setting setting, Health health)
    {
        JsonObject values = [];
        foreach (double rate in options.Rates)
        {
            Dictionary<string, List<LatencyRun>> runs = Latency.Measure(
                setting, options.Contestants ?? ["lowlatd", "testpmd"], rate, options.Repeats, options.Seconds, health);
            Report.AddLatency(values, rate, runs);
        }

        return values;
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder != null && !File.Exists(Path.Combine(folder, "LowLatency.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new BenchException("run it from a clone: LowLatency.sln was not found above it");
    }
}
