using System.Diagnostics;
using LowLatency.Native.Layout;

namespace LowLatency.Bench.Forward;

/// <summary>Frames a second that a forwarder gets through while more arrive than it can take. Flood on CPU
/// 0, forwarder on CPU 1; counted where they come out, by the kernel, over wall time in the middle of the
/// flood.</summary>
internal static class Throughput
{
    private const int SettleMs = 500; // the flood runs, caches and rings are as full as they get

    /// <summary>All contestants in turn, round by round, until enough rounds were true overload; Mpps by
    /// name, in order of the rounds that count.</summary>
    /// <exception cref="BenchException">The host was too busy.</exception>
    public static ThroughputResult Measure(
        Setting setting, IReadOnlyList<string> contestants, int repeats, double seconds, Health health)
    {
        List<Dictionary<string, Sample>> rounds = [];
        List<Dictionary<string, Sample>> counted = [];
        while (counted.Count < repeats && rounds.Count < 2 * repeats)
        {
            // Odd rounds run backwards: whoever comes first gains nothing by it.
            Dictionary<string, Sample> round = [];
            foreach (string name in rounds.Count % 2 == 0 ? contestants : contestants.Reverse())
            {
                round[name] = MeasureOne(setting, name, seconds, health);
            }

            rounds.Add(round);
            counted = Overloaded(rounds);
            string samples = string.Join("  ", contestants.Select(
                name => $"{name} {round[name].Forwarded:F3} of {round[name].Arrived:F3}"));
            bool counts = counted.Contains(round);
            Console.WriteLine($"{counted.Count}/{repeats}  Mpps {samples}"
                + (counts ? "" : "  (not counted: something else had a CPU)"));
        }

        return counted.Count >= Math.Min(repeats, 3)
            ? new ThroughputResult(
                contestants.ToDictionary(name => name, name =>
                    counted.ConvertAll(round => round[name].Forwarded)),
                rounds.Count - counted.Count)
            : throw new BenchException($"the host is too busy: only {counted.Count} of {rounds.Count} "
                + $"rounds were overload");
    }

    // A round counts when at every contestant arrived at least half of the most that ever arrived there.
    // Less means that the flood did not get CPU 0, and such a round says nothing of a forwarder. In the
    // kernel's redirect the forwarder
    // itself runs on CPU 0, so what arrives is compared by contestant. The check looks at what went in,
    // never at what came out.
    private static List<Dictionary<string, Sample>> Overloaded(List<Dictionary<string, Sample>> rounds) =>
        rounds.FindAll(round => round.All(
            one => one.Value.Arrived >= rounds.Max(other => other[one.Key].Arrived) / 2));

    private static Sample MeasureOne(
        Setting setting, string name, double seconds, Health health)
    {
        Rack rack = setting.Rack;
        using IForwarder forwarder = Contestants.Start(name, setting);
        using Tool flood = Tool.Start("0", rack.Name("gen"), setting.Parts.Path("flood"),
            setting.Parts.Path("flood.bpf.o"), "genA",
            Rack.TextOf(rack.MacBitsOf("dut", "dutA")), $"{Math.Ceiling(seconds) + 10}");
        Interrupt.Wait(SettleMs);
        long start = Stopwatch.GetTimestamp();
        ulong before = rack.FramesAtSink();
        ulong arrivedBefore = rack.FramesAtForwarder();
        Interrupt.Wait((int)(seconds * 1000));
        ulong frames = rack.FramesAtSink() - before;
        ulong arrived = rack.FramesAtForwarder() - arrivedBefore;
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

        return new Sample(arrived / elapsed / 1e6, frames / elapsed / 1e6);
    }
}

/// <summary>What the rounds said.</summary>
/// <param name="Mpps">By contestant, in order of the rounds that count.</param>
/// <param name="Discarded">Rounds that do not.</param>
internal sealed record ThroughputResult(Dictionary<string, List<double>> Mpps, int Discarded);

/// <summary>One run, Mpps.</summary>
/// <param name="Arrived">At dutA.</param>
/// <param name="Forwarded">At sinkB.</param>
internal sealed record Sample(double Arrived, double Forwarded);

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
