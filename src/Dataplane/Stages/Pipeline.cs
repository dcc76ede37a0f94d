using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>The stages of one lane for one generation, ready to run. Made by the main thread, run by the
/// lane.</summary>
internal sealed class Pipeline
{
    /// <summary>What the lane runs, in order; one when the whole was fused.</summary>
    public required IStage[] Stages { get; init; }

    /// <summary>The same, one a planned stage, over the same tables: what a trace runs.</summary>
    public required IStage[] Single { get; init; }

    /// <summary>Number of the first planned stage of each of <see cref="Stages"/>.</summary>
    public required int[] Numbers { get; init; }

    /// <summary>Generation of the plan.</summary>
    public required uint Generation { get; init; }

    /// <summary>One stage serves the whole plan.</summary>
    public bool IsFused => Stages.Length == 1;
}

/// <summary>What a stage is made from: its place in the plan and the memory of its tables.</summary>
internal readonly struct StageContext(PlanImage plan, int lane, int number, TableMemory tables)
{
    /// <summary>The plan.</summary>
    public PlanImage Plan { get; } = plan;

    /// <summary>The lane.</summary>
    public ref readonly PlanLane Lane => ref Plan.Lane(lane);

    /// <summary>Number of the stage within its lane.</summary>
    public int Number { get; } = number;

    /// <summary>The stage.</summary>
    public ref readonly PlanStage Stage => ref Plan.Stage((int)Lane.FirstStage + Number);

    /// <summary>A table of the stage, by its place in the order that its kind defines, as values of one
    /// type.</summary>
    public NativeSpan<T> Table<T>(int index)
        where T : unmanaged
    {
        Invariant.Require((uint)index < Stage.TableCount);
        return tables.Slice<T>((int)Stage.FirstTable + index);
    }

    /// <summary>A table of the plan by its number, another stage's.</summary>
    public NativeSpan<T> Foreign<T>(int table)
        where T : unmanaged => tables.Slice<T>(table);

    /// <summary>What the plan says of that table.</summary>
    public ref readonly PlanTable TablePlan(int index) => ref Plan.Table((int)Stage.FirstTable + index);

    /// <summary>A rule of the stage.</summary>
    public ref readonly PlanRule Rule(int index) => ref Plan.Rule((int)Stage.FirstRule + index);

    /// <summary>A port of the lane, by the lane's own number.</summary>
    public ref readonly PlanPort Port(int number) => ref Plan.Port(Lane.Ports[number]);

    /// <summary>The lane's own port number by interface number; -1: it has none of that interface.</summary>
    public int[] PortsByInterface()
    {
        int[] ports = new int[Limits.PortsMax];
        Array.Fill(ports, -1);
        for (int port = (int)Lane.PortCount - 1; port >= 0; port--)
        {
            ports[(int)Port(port).InterfaceNumber] = port; // of several queues the first: it sends by that
        }

        return ports;
    }
}
