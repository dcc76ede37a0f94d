using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Bench.Forward;

/// <summary>One run of the load: one way through the forwarder and the same way without it.</summary>
/// <param name="Through">From the intended send time, through the forwarder.</param>
/// <param name="Direct">The same without it, in the same run.</param>
internal sealed record LatencyRun(Percentiles Through, Percentiles Direct);

/// <summary>One-way latency at a rate that every contestant can take. The same load process for all:
/// generator and receiver in turn on CPU 0, the forwarder on CPU 1.</summary>
internal static class Latency
{
    private const long StartInNs = 100_000_000;

    /// <summary>All contestants in turn, again and again.</summary>
    public static Dictionary<string, List<LatencyRun>> Measure(
        Setting setting, IReadOnlyList<string> contestants, double ratePps, int repeats, double seconds, Health health)
    {
        Dictionary<string, List<LatencyRun>> runs = contestants.ToDictionary(name => name, _ => new List<LatencyRun>());
        for (int repeat = 0; repeat < repeats; repeat++)
        {
            foreach (string name in repeat % 2 == 0 ? contestants : contestants.Reverse())
            {
                runs[name].Add(MeasureOne(setting, name, ratePps, seconds, health));
            }

            Console.WriteLine($"{ratePps:F0} pps {repeat + 1}/{repeats}  " + string.Join("  ", contestants.Select(
                name => $"{name} p50 {runs[name][^1].Through.P50:F2} p99 {runs[name][^1].Through.P99:F2} µs")));
        }

        return runs;
    }

    private static LatencyRun MeasureOne(
        Setting setting, string name, double ratePps, double seconds, Health health)
    {
        using IForwarder forwarder = Contestants.Start(name, setting);
        using Daemon load = Daemon.Start(setting.Lowlatd, setting.Parts, Plans.Load(setting.Rack, ratePps, seconds));
        Ledger? ledger = forwarder.Ours == null ? null : Ledger.Begin(forwarder.Ours, load);
        SharedRegion region = load.Region;
        region.Header.StartAtNs = ThreadControl.NowNs + StartInNs;
        Interrupt.WaitUntil(
            () => region.LanePage(0).Value.State == LaneState.Done,
            (int)((seconds * 1500) + 10_000), "the generator is not done");
        Interrupt.Wait(300); // what is under way arrives, and lowlatd reads the kernel's counters once more
        health.See(load.Counters(0), region.Header);
        health.See(load.Counters(1), region.Header);
        if (ledger != null)
        {
            health.See(forwarder.Ours!.Counters(0), forwarder.Ours.Region.Header);
            health.See(ledger);
        }

        return new LatencyRun(
            Percentiles.Read(region, 1, HistogramKind.EndToEnd),
            Percentiles.Read(region, 1, HistogramKind.EndToEndDirect));
    }
}

/// <summary>Frames of both paths: sent = received + every named drop; what is left is unexplained.</summary>
internal sealed class Ledger
{
    private readonly Daemon _forwarder;
    private readonly Daemon _load;
    private readonly long _dropsBefore;

    private Ledger(Daemon forwarder, Daemon load)
    {
        _forwarder = forwarder;
        _load = load;
        _dropsBefore = Drops();
    }

    /// <summary>Opens the books before the load starts.</summary>
    public static Ledger Begin(Daemon forwarder, Daemon load) => new(forwarder, load);

    /// <summary>Closes them.</summary>
    public long Residual()
    {
        LaneCounters generator = _load.Counters(0);
        LaneCounters receiver = _load.Counters(1);
        long sent = 0;
        long received = 0;
        for (int path = 0; path < 2; path++)
        {
            sent += (long)generator.Sent[path];
            received += (long)(receiver.Received[path] + receiver.Duplicated[path]);
        }

        return sent - received - (Drops() - _dropsBefore);
    }

    private long Drops()
    {
        ulong drops = 0;
        foreach (ulong reason in _forwarder.Counters(0).Drops)
        {
            drops += reason;
        }

        foreach ((Daemon daemon, int port) in (ReadOnlySpan<(Daemon, int)>)
            [(_forwarder, 0), (_forwarder, 1), (_load, 0), (_load, 1), (_load, 2), (_load, 3)])
        {
            PortPage page = daemon.Region.ReadPort(port);
            drops += page.Xdp.RxDropped + page.Xdp.RxRingFull + page.Xdp.TxInvalidDescs + page.Device.TxDropped;
        }

        return (long)drops;
    }
}
