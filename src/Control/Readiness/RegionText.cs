using System.Globalization;
using System.Text;
using LowLatency.Control.Running;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Readiness;

/// <summary>A lane as the running data plane publishes it.</summary>
/// <param name="Name">Name.</param>
/// <param name="Cpu">CPU.</param>
/// <param name="ThreadId">Kernel thread id; 0: its thread has not started.</param>
/// <param name="PublishedNs">When it last published, CLOCK_MONOTONIC, ns; 0: never.</param>
/// <param name="AllocatedBytes">Bytes allocated since arming.</param>
/// <param name="Collections">Collections since arming.</param>
/// <param name="MinorFaults">Minor page faults since arming.</param>
/// <param name="MajorFaults">Major page faults since arming.</param>
internal sealed record RegionLane(string Name, int Cpu, int ThreadId, long PublishedNs, long AllocatedBytes,
    long Collections, long MinorFaults, long MajorFaults);

/// <summary>What a running data plane publishes in its shared region, as lines of words: evidence that can be
/// kept and read elsewhere.</summary>
internal static class RegionText
{
    /// <summary>Writes it: a line <c>lane NAME key value ...</c> for each lane, <c>port NAME key value
    /// ...</c> for each port.</summary>
    public static string Write(SharedRegion region)
    {
        StringBuilder text = new();
        text.Append($"state {StatusText.Of(region.Header.State)}\n");
        for (int lane = 0; lane < region.Plan.LaneCount; lane++)
        {
            LanePage page = region.LanePage(lane).Value;
            LaneCounters counters = region.ReadCounters(lane);
            text.Append(CultureInfo.InvariantCulture, $"lane {region.Plan.Lane(lane).Name} cpu {page.Cpu} ")
                .Append(CultureInfo.InvariantCulture, $"tid {page.ThreadId} publishedNs "
                    + $"{counters.PublishedNs} allocatedBytes {counters.AllocatedBytes} ")
                .Append(CultureInfo.InvariantCulture, $"collections {counters.Collections} ")
                .Append(CultureInfo.InvariantCulture, $"minorFaults {counters.MinorFaults} ")
                .Append(CultureInfo.InvariantCulture, $"majorFaults {counters.MajorFaults}\n");
        }

        for (int port = 0; port < region.Plan.PortCount; port++)
        {
            PlanPort plan = region.Plan.Port(port);
            PortPage page = region.ReadPort(port);
            text.Append(CultureInfo.InvariantCulture, $"port {plan.Name} queue {plan.Queue} ")
                .Append($"requested {Word(plan.Mode)} effective {Word(page.EffectiveMode)}\n");
        }

        return text.ToString();
    }

    /// <summary>Reads the lanes back. Pure.</summary>
    /// <param name="source">For the message.</param>
    /// <param name="lines">The lines.</param>
    /// <exception cref="NotReadException">They are not what <see cref="Write"/> writes.</exception>
    public static IReadOnlyList<RegionLane> Lanes(string source, IEnumerable<string> lines)
    {
        List<RegionLane> lanes = [];
        foreach (string[] words in lines.Select(line => line.Split(' ')).Where(words => words[0] == "lane"))
        {
            if (words.Length < 2 || words[1].Length == 0 || lanes.Exists(lane => lane.Name == words[1]))
            {
                throw new NotReadException($"{source}: a lane has no name of its own");
            }

            long Value(string key, long most = long.MaxValue) =>
                Array.IndexOf(words, key, 2) is > 0 and int at && at + 1 < words.Length
                && Facts.AsNumber(source, words[at + 1]) is >= 0 and long value && value <= most ? value
                    : throw new NotReadException($"{source}: lane {Facts.Short(words[1])} has no {key}");
            lanes.Add(new RegionLane(words[1], (int)Value("cpu", int.MaxValue),
                (int)Value("tid", int.MaxValue), Value("publishedNs"), Value("allocatedBytes"),
                Value("collections"), Value("minorFaults"), Value("majorFaults")));
        }

        return lanes.Count > 0 ? lanes : throw new NotReadException($"{source}: it names no lane");
    }

    /// <summary>Each lane at the start and at the end of the window. Pure.</summary>
    /// <exception cref="NotReadException">The lanes are not the same threads at both ends, or one did not
    /// publish in between: then its counters stand for nothing.</exception>
    public static IReadOnlyList<(RegionLane Before, RegionLane After)> Watched(Facts facts, string source)
    {
        IReadOnlyList<RegionLane> before = Lanes(source, facts.Lines(source));
        IReadOnlyList<RegionLane> after = Lanes(source, facts.Lines(source, Moment.End));
        if (!before.Select(lane => (lane.Name, lane.ThreadId))
            .SequenceEqual(after.Select(lane => (lane.Name, lane.ThreadId))))
        {
            throw new NotReadException($"{source}: the data plane was replaced while it was watched");
        }

        return after.FirstOrDefault(lane => lane.ThreadId == 0) is RegionLane cold
                ? throw new NotReadException($"{source}: the thread of lane {cold.Name} has not started")
            : before.Zip(after).FirstOrDefault(pair => pair.Second.PublishedNs <= pair.First.PublishedNs)
                is (_, RegionLane silent)
                ? throw new NotReadException($"{source}: lane {silent.Name} published nothing in the window")
            : [.. before.Zip(after)];
    }

    private static string Word(BindMode mode) => mode switch
    {
        BindMode.ZeroCopy => "zero-copy",
        BindMode.Copy => "copy",
        BindMode.Generic => "generic",
        _ => "auto",
    };
}
