using System.Runtime.CompilerServices;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Stages;

/// <summary>The frames of one receive: descriptors and verdicts side by side, no copies. Lane only.</summary>
internal readonly ref struct Burst
{
    /// <summary>Descriptors as the kernel gave them.</summary>
    public required Span<XdpDesc> Descriptors { get; init; }

    /// <summary>One verdict a descriptor.</summary>
    public required Span<Verdict> Verdicts { get; init; }

    /// <summary>Where the bytes are.</summary>
    public required UmemView Umem { get; init; }

    /// <summary>The lane's own number of the port they came in by.</summary>
    public required int Ingress { get; init; }
}

/// <summary>A step over a burst: one virtual call a stage and burst. Lane only.</summary>
internal interface IStage
{
    /// <summary>Gives verdicts and changes bytes.</summary>
    void Run(in Burst burst);
}

/// <summary>A step over one frame, as a struct, so that steps fuse into one loop without calls.</summary>
internal interface IStep
{
    /// <summary>Sees a frame that no earlier step has ended; returns the verdict so far, changed or
    /// not.</summary>
    Verdict Apply(Span<byte> frame, int ingress, Verdict verdict);
}

/// <summary>Runs a step over every frame of a burst that is not ended.</summary>
internal sealed class Stage<TStep>(TStep step) : IStage
    where TStep : struct, IStep
{
    private TStep _step = step;

    /// <inheritdoc/>
    public void Run(in Burst burst)
    {
        Span<XdpDesc> descriptors = burst.Descriptors;
        Span<Verdict> verdicts = burst.Verdicts[..descriptors.Length];
        UmemView umem = burst.Umem;
        int ingress = burst.Ingress;
        for (int i = 0; i < descriptors.Length; i++)
        {
            if (!verdicts[i].IsEnded)
            {
                Span<byte> frame = umem.Frame(descriptors[i].Address, descriptors[i].Length);
                verdicts[i] = _step.Apply(frame, ingress, verdicts[i]);
            }
        }
    }
}

/// <summary>Two steps as one: the second sees what the first lets live.</summary>
internal struct Fused<TFirst, TSecond>(TFirst first, TSecond second) : IStep
    where TFirst : struct, IStep
    where TSecond : struct, IStep
{
    private TFirst _first = first;
    private TSecond _second = second;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Verdict Apply(Span<byte> frame, int ingress, Verdict verdict)
    {
        verdict = _first.Apply(frame, ingress, verdict);
        return verdict.IsEnded ? verdict : _second.Apply(frame, ingress, verdict);
    }
}
