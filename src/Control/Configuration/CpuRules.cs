namespace LowLatency.Control.Configuring;

/// <summary>One thread of a plan, and the CPU it wants for itself.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Cpu">CPU.</param>
/// <param name="Place">Where that is said.</param>
internal readonly record struct ThreadSeat(string Name, int Cpu, Place Place);

/// <summary>No two threads of lanes on one CPU, forward and load together. Pure.</summary>
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
    }

    /// <summary>The threads of the forward lanes.</summary>
    public static IEnumerable<ThreadSeat> ForwardSeats(Configuration configuration)
    {
        HashSet<string> threads = [];
        foreach (LaneConfiguration lane in configuration.Lanes.Where(lane => IsSeated(lane.Section, "cpu")))
        {
            if (lane.SharedThread is null or "" || threads.Add(lane.SharedThread))
            {
                yield return new ThreadSeat($"lane \"{lane.Name}\"", lane.Cpu, lane.Section.At("cpu"));
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
            yield return new ThreadSeat("the load", load.GeneratorCpu, load.Section.At("cpu"));
            yield break;
        }

        if (IsSeated(load.Section, "generator_cpu"))
        {
            yield return new ThreadSeat("the generator", load.GeneratorCpu, load.Section.At("generator_cpu"));
        }

        if (IsSeated(load.Section, "receiver_cpu"))
        {
            yield return new ThreadSeat("the receiver", load.ReceiverCpu, load.Section.At("receiver_cpu"));
        }
    }

    private static bool IsSeated(Section section, string key) => section.Has(key) && section.IsGood(key);
}
