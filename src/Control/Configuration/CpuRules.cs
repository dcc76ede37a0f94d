using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuring;

/// <summary>One thread of a plan, and the CPU it wants for itself.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Cpu">CPU.</param>
/// <param name="Place">Where that is said.</param>
internal readonly record struct ThreadSeat(string Name, int Cpu, Place Place)
{
    /// <summary>It is the load's.</summary>
    public bool IsLoad { get; init; }

    /// <summary>It leaves its CPU to no other thread: it runs SCHED_FIFO, and has no quiet windows.</summary>
    public bool IsGreedy { get; init; }
}

/// <summary>No two threads of lanes on one CPU, forward and load together, and none of them that is greedy
/// on a CPU of the other threads. Pure.</summary>
internal static class CpuRules
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        Dictionary<int, ThreadSeat> seats = [];
        foreach (ThreadSeat seat in ForwardSeats(configuration).Concat(LoadSeats(configuration)))
        {
            if (!seats.TryAdd(seat.Cpu, seat))
            {
                ThreadSeat first = seats[seat.Cpu];
                findings.Error(
                    seat.Place, $"CPU {seat.Cpu} is taken by {first.Name} (line {first.Place.Line}): one "
                    + "thread of lanes a CPU",
                    "Choose another CPU, or let lanes share a thread (host = \"shared\").");
            }
        }

        Section host = configuration.Host.Section;
        if (configuration.Host.Housekeeping is { } list && host.IsGood("housekeeping")
            && (list.IsAll || !list.IsSymbolic)) // what N stands for the host knows: see CpuChecks
        {
            foreach (ThreadSeat seat in seats.Values.Where(
                seat => seat.IsGreedy && (list.IsAll || list.Cpus.Contains(seat.Cpu))))
            {
                Starving(seat, host.At("housekeeping").Value.Trim('"', '\''), host, findings);
            }
        }
    }

    /// <summary>Adds the error of a greedy thread on a housekeeping CPU.</summary>
    /// <param name="seat">The thread.</param>
    /// <param name="housekeeping">The housekeeping CPUs.</param>
    /// <param name="host">[host]: its line is named where it has them.</param>
    /// <param name="findings">Gets the error.</param>
    public static void Starving(ThreadSeat seat, string housekeeping, Section host, Findings findings)
    {
        string line = host.Has("housekeeping") ? $" (line {host.At("housekeeping").Line})" : "";
        findings.Error(seat.Place,
            $"a FIFO lane would starve the other threads of CPU {seat.Cpu}: housekeeping is "
                + $"{housekeeping}{line}",
            seat.IsLoad ? "Choose another CPU, set quiet_every and quiet_for, or write policy = \"other\"."
                : "Choose another CPU for one of them, or write policy = \"other\".");
    }

    /// <summary>The seat of a lane.</summary>
    public static ThreadSeat SeatOf(LaneConfiguration lane) =>
        new($"lane \"{lane.Name}\"", lane.Cpu, lane.Section.At("cpu"))
        {
            IsGreedy = lane.Thread.Policy == LanePolicy.Fifo && lane.Section.IsGood("policy"),
        };

    /// <summary>The threads of the forward lanes.</summary>
    public static IEnumerable<ThreadSeat> ForwardSeats(Configuration configuration)
    {
        HashSet<string> threads = [];
        foreach (LaneConfiguration lane in configuration.Lanes.Where(lane => IsSeated(lane.Section, "cpu")))
        {
            if (lane.SharedThread is null or "" || threads.Add(lane.SharedThread))
            {
                yield return SeatOf(lane);
            }
        }
    }

    /// <summary>The threads of the load.</summary>
    public static IEnumerable<ThreadSeat> LoadSeats(Configuration configuration)
    {
        if (configuration.Load is not { } load)
        {
            yield break;
        }

        if (IsSeated(load.Section, "cpu"))
        {
            yield return LoadSeat(load, "the load", load.GeneratorCpu, "cpu");
            yield break;
        }

        if (IsSeated(load.Section, "generator_cpu"))
        {
            yield return LoadSeat(load, "the generator", load.GeneratorCpu, "generator_cpu");
        }

        if (IsSeated(load.Section, "receiver_cpu"))
        {
            yield return LoadSeat(load, "the receiver", load.ReceiverCpu, "receiver_cpu");
        }
    }

    private static ThreadSeat LoadSeat(LoadConfiguration load, string name, int cpu, string key) =>
        new(name, cpu, load.Section.At(key))
        {
            IsLoad = true,
            IsGreedy = load.Thread.Policy == LanePolicy.Fifo && !load.HasQuiet
                && load.Section.IsGood("policy"),
        };

    private static bool IsSeated(Section section, string key) => section.Has(key) && section.IsGood(key);
}
