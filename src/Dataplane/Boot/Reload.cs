using LowLatency.Dataplane.Lanes;
using LowLatency.Dataplane.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Dataplane.Boot;

/// <summary>Takes the generations that Control asks for: a new plan for the same ports and lanes, read from
/// the table memory, built by the main thread, taken by every lane at a turn's border; or refused, and all is
/// as it was. Main thread.</summary>
internal sealed class Reload(SharedRegion region, ILane[] lanes, TableMemory tables, PathHooks paths)
    : IDisposable
{
    private const long AcknowledgeNs = 1_000_000_000; // a lane turns every few microseconds; pauses are shorter, too
    private readonly Waiter _waiter = new();
    private PlanImage _plan = region.Plan;
    private TableMemory _tables = tables;

    /// <summary>Answers what Control wants, if anything.</summary>
    public void Poll()
    {
        ref RegionHeader header = ref region.Header;
        uint wanted = Volatile.Read(
            ref header.WantedGeneration); // acquire: where its plan stands was written before
        if (wanted == 0 || wanted == header.AnsweredGeneration)
        {
            return;
        }

        string refusal;
        try
        {
            refusal = Take(wanted);
        }
        catch (Exception e) when (e is PlanFormatException or NativeException)
        {
            refusal = e.Message;
        }

        header.ReloadFailure.Set(refusal);
        // release: the reason is there before the answer
        Volatile.Write(ref header.AnsweredGeneration, wanted);
    }

    /// <summary>Unmaps.</summary>
    public void Dispose()
    {
        _tables.Dispose();
        _waiter.Dispose();
    }

    private string Take(uint wanted)
    {
        ref RegionHeader header = ref region.Header;
        byte[] bytes = TableMemory.Read(_tables.Fd, header.WantedPlanOffset, header.WantedPlanBytes)
            ?? throw new PlanFormatException("the plan of the new generation is not in the table memory");
        PlanImage plan = PlanImage.Parse(bytes);
        PlanRecheck.Check(plan);
        CheckSame(plan, wanted);
        TableMemory tables = TableMemory.Map(_tables.Fd, plan);
        Pipeline[] before = new Pipeline[lanes.Length];
        Pipeline[] after = new Pipeline[lanes.Length];
        try
        {
            for (int lane = 0; lane < lanes.Length; lane++)
            {
                if (lanes[lane] is ForwardLane forward)
                {
                    before[lane] = forward.Pipeline;
                    after[lane] = PipelineBuilder.Build(plan, lane, tables);
                }
            }
        }
        catch
        {
            tables.Dispose();
            throw;
        }

        paths.Suspend(); // until all lanes have changed, they take every frame
        int late = Swap(after);
        if (late >= 0)
        {
            // Back to the old one; the memory of the new one stays mapped, a lane may still be in it.
            _ = Swap(before);
            paths.Take(_plan, _tables);
            return $"lane '{plan.Lane(late).Name}' did not take the new generation within a second: "
                + "all lanes run the old one";
        }

        header.PlanOffset = header.WantedPlanOffset;
        header.PlanLength = header.WantedPlanBytes;
        Volatile.Write(ref header.Generation, wanted); // release: where its plan stands was written before
        TableMemory old = _tables;
        _tables = tables;
        _plan = plan;
        paths.Take(plan, tables);
        old.Dispose(); // no lane uses it any more, and no path
        return "";
    }

    // The lane that has not taken its pipeline in time; -1: all have.
    private int Swap(Pipeline[] pipelines)
    {
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            (lanes[lane] as ForwardLane)?.Swap(pipelines[lane]);
        }

        long untilNs = ThreadControl.NowNs + AcknowledgeNs;
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            while (lanes[lane] is ForwardLane forward && !ReferenceEquals(forward.Pipeline, pipelines[lane]))
            {
                if (ThreadControl.NowNs > untilNs)
                {
                    return lane;
                }

                _waiter.Wait(1);
            }
        }

        return -1;
    }

    private void CheckSame(PlanImage plan, uint generation)
    {
        Require(plan.Header.Generation == generation, "its plan is of another generation");
        Require(plan.PortCount == _plan.PortCount && plan.LaneCount == _plan.LaneCount,
            "ports or lanes were added or removed");
        for (int port = 0; port < plan.PortCount; port++)
        {
            Require(PlanImage.AreSame(plan.Port(port), _plan.Port(port)),
                $"port '{plan.Port(port).Name}' has changed");
        }

        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            PlanLane wanted = plan.Lane(lane);
            wanted.FirstStage = _plan.Lane(lane).FirstStage;
            wanted.StageCount = _plan.Lane(lane).StageCount;
            Require(RecordingOf(plan, lane).SequenceEqual(RecordingOf(_plan, lane)),
                $"lane '{wanted.Name}' is recorded otherwise");
            Require(PlanImage.AreSame(wanted, _plan.Lane(lane)), $"lane '{wanted.Name}' has changed");
        }
    }

    // Recorders read the queues that they began with.
    private static List<(string Name, long Offset, long Bytes)> RecordingOf(PlanImage plan, int lane)
    {
        List<(string, long, long)> queues = [];
        for (int i = 0; i < plan.Lane(lane).StageCount; i++)
        {
            PlanStage stage = plan.Stage((int)plan.Lane(lane).FirstStage + i);
            for (int t = 0; t < stage.TableCount; t++)
            {
                PlanTable table = plan.Table((int)stage.FirstTable + t);
                if (table.Kind == TableKind.Records || stage.Kind == StageKind.Recorder)
                {
                    queues.Add((table.Name.ToString(), table.Offset, table.Bytes));
                }
            }
        }

        return queues;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new PlanFormatException(what + ": that needs a new start, not a reload");
        }
    }
}
