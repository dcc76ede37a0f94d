using System.Diagnostics;
using LowLatency.Native.Layout;

namespace LowLatency.Bench.Forward;

/// <summary>Frames a second that a forwarder gets through while more arrive than it can take. Flood on CPU 0, forwarder on
/// CPU 1; counted where they come out, by the kernel, over wall time in the middle of the flood.</summary>
internal static class Throughput
{
    private const int SettleMs = 500; // the flood runs, caches and rings are as full as they get

    /// <summary>All contestants in turn, again and again; Mpps by name, in order of the repeats.</summary>
    public static Dictionary<string, List<double>> Measure(
        Setting setting, IReadOnlyList<string> contestants, int repeats, double seconds, Health health)
    {
        Dictionary<string, List<double>> mpps = contestants.ToDictionary(name => name, _ => new List<double>());
        for (int repeat = 0; repeat < repeats; repeat++)
        {
            // Odd rounds run backwards: whoever comes first gains nothing by it.
            foreach (string name in repeat % 2 == 0 ? contestants : contestants.Reverse())
            {
                mpps[name].Add(MeasureOne(setting, name, seconds, health));
            }

            Console.WriteLine($"{repeat + 1}/{repeats}  "
                + string.Join("  ", contestants.Select(name => $"{name} {mpps[name][^1]:F3} Mpps")));
        }

        return mpps;
    }

    private static double MeasureOne(Setting setting, string name, double seconds, Health health)
    {
        Rack rack = setting.Rack;
        using IForwarder forwarder = Contestants.Start(name, setting);
        using Tool flood = Tool.Start("0", rack.Name("gen"), setting.Parts.Path("flood"),
            setting.Parts.Path("flood.bpf.o"), "genA", rack.MacOf("dut", "dutA"), $"{Math.Ceiling(seconds) + 10}");
        Interrupt.Wait(SettleMs);
        long start = Stopwatch.GetTimestamp();
        ulong before = rack.FramesAtSink();
        Interrupt.Wait((int)(seconds * 1000));
        ulong frames = rack.FramesAtSink() - before;
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (!flood.IsRunning)
        {
            throw new BenchException($"the flood ended by itself: {flood.LastLines}");
        }

        if (frames == 0)
        {
            throw new BenchException($"{name} forwarded nothing");
        }

        flood.Terminate();
        flood.WaitForExit(5000);
        if (forwarder.Ours is { } daemon)
        {
            health.See(daemon.Counters(0), daemon.Region.Header);
        }

        return frames / elapsed / 1e6;
    }
}

/// <summary>What must be zero or small in every lowlatd of a bench: the worst seen.</summary>
internal sealed class Health
{
    /// <summary>Bytes allocated on a lane since arming.</summary>
    public long AllocatedBytes { get; private set; }
    /// <summary>Collections since arming.</summary>
    public long Collections { get; private set; }
    /// <summary>Page faults of a lane since arming.</summary>
    public long Faults { get; private set; }
    /// <summary>Rounds in which a lane's frames did not add up.</summary>
    public ulong ConservationBreaks { get; private set; }
    /// <summary>Frames that no counter explains; null: not counted.</summary>
    public long? Residual { get; private set; }
    /// <summary>Resident bytes without UMEM.</summary>
    public long ResidentBytes { get; private set; }

    /// <summary>Takes a ledger into account.</summary>
    public void See(Ledger ledger) => Residual = Math.Max(Residual ?? 0, Math.Abs(ledger.Residual()));

    /// <summary>Takes a lane into account.</summary>
    public void See(in LaneCounters lane, in RegionHeader header)
    {
        AllocatedBytes = Math.Max(AllocatedBytes, lane.AllocatedBytes);
        Collections = Math.Max(Collections, lane.Collections);
        Faults = Math.Max(Faults, lane.MinorFaults + lane.MajorFaults);
        ConservationBreaks = Math.Max(ConservationBreaks, lane.ConservationBreaks);
        ResidentBytes = Math.Max(ResidentBytes, header.ResidentBytes);
    }
}
