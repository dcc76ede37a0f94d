using System.Text;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>A plan made to follow the one that runs: tables that are the same keep their memory, others get
/// new memory behind it.</summary>
internal sealed class NextGeneration
{
    private const long AnswerNs = 10_000_000_000; // lowlatd looks ten times a second, lanes have a second
    private const int PollMs = 5;
    private readonly TableBuilder _tables;
    private readonly bool[] _isKept;

    private NextGeneration(PlanImage plan, TableBuilder tables, bool[] isKept)
    {
        Plan = plan;
        _tables = tables;
        _isKept = isKept;
    }

    /// <summary>The plan.</summary>
    public PlanImage Plan { get; }

    /// <summary>What only a new start can change; empty when it can be reloaded.</summary>
    public required IReadOnlyList<string> Obstacles { get; init; }

    /// <summary>What changes, for eyes: lines that go and lines that come.</summary>
    public required string Difference { get; init; }

    /// <summary>There is something to do.</summary>
    public bool HasChanges => Difference.Length > 0;

    /// <summary>Makes it.</summary>
    /// <param name="live">What runs.</param>
    /// <param name="wanted">What is to run; without errors.</param>
    /// <param name="region">Of the data plane.</param>
    public static NextGeneration Of(LivePlan live, PlanResult wanted, SharedRegion region)
    {
        PlanImage plan = wanted.Plan!;
        PlanTable[] tables = new PlanTable[plan.TableCount];
        bool[] isKept = new bool[tables.Length];
        long next = Math.Max(TableMemory.EndOf(live.Plan), TableMemory.EndOfFile(live.Fd));
        for (int i = 0; i < tables.Length; i++)
        {
            tables[i] = plan.Table(i);
            if (Find(live.Plan, tables[i]) is int known)
            {
                tables[i].Offset = live.Plan.Table(known).Offset;
                isKept[i] = true;
            }
            else
            {
                tables[i].Offset = next;
                next += TableMemory.RoundUp(tables[i].Bytes);
            }
        }

        PlanHeader header = plan.Header;
        ref RegionHeader running = ref region.Header;
        header.Generation = Math.Max(running.Generation, running.AnsweredGeneration) + 1;
        PlanImage image = Rebuild(plan, header, tables);
        return new NextGeneration(image, wanted.Tables!, isKept)
        {
            Obstacles = ObstaclesOf(live.Plan, image),
            Difference = DifferenceOf(live.Plan, image, isKept),
        };
    }

    /// <summary>Fills the new tables and has the data plane take it.</summary>
    /// <returns>Why it goes on as before; null: it runs.</returns>
    public string? Apply(LivePlan live, SharedRegion region)
    {
        // Mapped until lowlatd has mapped them, too: tables that XDP programs read last as long as somebody
        // does.
        using TableMemory memory = TableMemory.Map(live.Fd, Plan);
        _tables.Fill(memory, table => !_isKept[table]);
        ref RegionHeader header = ref region.Header;
        long planBefore = header.PlanOffset;
        long planBytesBefore = header.PlanLength;
        header.WantedPlanOffset = TableMemory.Append(live.Fd, Plan.Bytes);
        header.WantedPlanBytes = (uint)Plan.Bytes.Length;
        uint generation = Plan.Header.Generation;
        Volatile.Write(ref header.WantedGeneration,
            generation); // release: lowlatd sees where the plan stands
        using Waiter waiter = new(); // lowlatd tells nobody: it is asked
        long untilNs = ThreadControl.NowNs + AnswerNs;
        while (Volatile.Read(
            ref header.AnsweredGeneration) != generation) // acquire: the reason stands before it
        {
            if (!region.IsOwnerAlive || ThreadControl.NowNs > untilNs)
            {
                return region.IsOwnerAlive ? "it does not answer" : "it has ended";
            }

            waiter.Wait(PollMs);
        }

        bool isTaken = header.Generation == generation;
        string refusal = header.ReloadFailure.ToString();
        if (isTaken)
        {
            // Lanes have acknowledged: nobody reads what only the old one had.
            Free(live.Fd, live.Plan, table => Find(Plan, table) is null);
            if (planBefore != 0)
            {
                TableMemory.Free(live.Fd, planBefore, planBytesBefore);
            }
        }

        return isTaken ? null : refusal;
    }

    private static void Free(int fd, PlanImage plan, Predicate<PlanTable> isGone)
    {
        for (int i = 0; i < plan.TableCount; i++)
        {
            PlanTable table = plan.Table(i);
            if (isGone(table))
            {
                TableMemory.Free(fd, table.Offset, table.Bytes);
            }
        }
    }

    private static int? Find(PlanImage plan, PlanTable wanted)
    {
        for (int i = 0; i < plan.TableCount; i++)
        {
            PlanTable table = plan.Table(i);
            table.Offset = wanted.Offset;
            if (PlanImage.AreSame(table, wanted))
            {
                return i;
            }
        }

        return null;
    }

    private static PlanImage Rebuild(PlanImage plan, in PlanHeader header, PlanTable[] tables)
    {
        T[] All<T>(int count, Func<int, T> read) => [.. Enumerable.Range(0, count).Select(read)];
        return PlanImage.Build(header, All(plan.PortCount, i => plan.Port(i)),
            All(plan.LaneCount, i => plan.Lane(i)),
            All((int)plan.Header.StageCount, i => plan.Stage(i)), All((int)plan.Header.RuleCount, i =>
                plan.Rule(i)),
            tables);
    }

    private static List<string> ObstaclesOf(PlanImage before, PlanImage after)
    {
        List<string> obstacles = [];
        string Names(PlanImage plan, int count, Func<PlanImage, int, string> name) =>
            string.Join(", ", Enumerable.Range(0, count).Select(i => name(plan, i)));
        string portsBefore = Names(before, before.PortCount, (plan, i) => plan.Port(i).Name.ToString());
        string portsAfter = Names(after, after.PortCount, (plan, i) => plan.Port(i).Name.ToString());
        string lanesBefore = Names(before, before.LaneCount, (plan, i) => plan.Lane(i).Name.ToString());
        string lanesAfter = Names(after, after.LaneCount, (plan, i) => plan.Lane(i).Name.ToString());
        if (portsBefore != portsAfter || lanesBefore != lanesAfter)
        {
            obstacles.Add($"ports {portsBefore} and lanes {lanesBefore} run, it has ports {portsAfter} and "
                + $"lanes "
                + lanesAfter);
            return obstacles;
        }

        for (int i = 0; i < after.PortCount; i++)
        {
            if (!PlanImage.AreSame(before.Port(i), after.Port(i)))
            {
                obstacles.Add($"port '{after.Port(i).Name}' is not as it was planned");
            }
        }

        for (int i = 0; i < after.LaneCount; i++)
        {
            PlanLane lane = after.Lane(i);
            lane.FirstStage = before.Lane(i).FirstStage;
            lane.StageCount = before.Lane(i).StageCount;
            if (!PlanImage.AreSame(before.Lane(i), lane))
            {
                obstacles.Add($"lane '{lane.Name}' is not as it was planned, besides its stages");
            }
        }

        return obstacles;
    }

    private static string DifferenceOf(PlanImage before, PlanImage after, bool[] isKept)
    {
        StringBuilder text = new();
        string[] old = PlanText.Stages(before);
        string[] young = PlanText.Stages(after);
        if (!old.AsSpan().SequenceEqual(young))
        {
            foreach ((char mark, string line) in LineDifference.Of(old, young))
            {
                text.Append(mark).Append(' ').Append(line).Append('\n');
            }
        }

        for (int i = 0; i < before.TableCount; i++)
        {
            if (Find(after, before.Table(i)) is null)
            {
                text.Append($"- table {before.Table(i).Name}\n");
            }
        }

        for (int i = 0; i < isKept.Length; i++)
        {
            if (!isKept[i])
            {
                text.Append($"+ table {after.Table(i).Name}\n");
            }
        }

        return text.ToString();
    }
}

/// <summary>What differs between two lists of lines: the longest common subsequence stays.</summary>
internal static class LineDifference
{
    private const long WorkMax = 16_000_000; // lines times lines; beyond it all go and all come

    /// <summary>Lines that go ('-') and come ('+'), in place; lines that stay are left out.</summary>
    public static IEnumerable<(char Mark, string Line)> Of(string[] before, string[] after)
    {
        int start = 0;
        while (start < before.Length && start < after.Length && before[start] == after[start])
        {
            start++;
        }

        int end = 0;
        while (end < before.Length - start && end < after.Length - start
            && before[^(end + 1)] == after[^(end + 1)])
        {
            end++;
        }

        string[] old = before[start..^end];
        string[] young = after[start..^end];
        return (long)old.Length * young.Length > WorkMax
            ? old.Select(line => ('-', line)).Concat(young.Select(line => ('+', line)))
            : Walk(old, young);
    }

    private static IEnumerable<(char Mark, string Line)> Walk(string[] old, string[] young)
    {
        int[,] common = new int[old.Length + 1, young.Length + 1];
        for (int i = old.Length - 1; i >= 0; i--)
        {
            for (int j = young.Length - 1; j >= 0; j--)
            {
                common[i, j] = old[i] == young[j] ? common[i + 1, j + 1] + 1
                    : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }

        (int a, int b) = (0, 0);
        while (a < old.Length || b < young.Length)
        {
            if (a < old.Length && b < young.Length && old[a] == young[b])
            {
                (a, b) = (a + 1, b + 1);
            }
            else if (b == young.Length || (a < old.Length && common[a + 1, b] >= common[a, b + 1]))
            {
                yield return ('-', old[a++]);
            }
            else
            {
                yield return ('+', young[b++]);
            }
        }
    }
}
