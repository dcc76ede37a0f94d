using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Stages;

/// <summary>The frames of one receive: descriptors and verdicts side by side, no copies. Replicating stages
/// add frames at its end; later stages see these too. Lane only.</summary>
internal ref struct Burst
{
    private readonly Span<XdpDesc> _descriptors;
    private readonly Span<Verdict> _verdicts;

    /// <summary>A burst over the first <paramref name="count"/> slots; the rest is room for
    /// replicas.</summary>
    public Burst(Span<XdpDesc> descriptors, Span<Verdict> verdicts, int count)
    {
        Invariant.Require(count <= descriptors.Length && descriptors.Length == verdicts.Length);
        _descriptors = descriptors;
        _verdicts = verdicts;
        Count = count;
    }

    /// <summary>Frames in it now.</summary>
    public int Count { get; private set; }

    /// <summary>Replicas that found no frame or no room so far.</summary>
    public uint Missed { get; private set; }

    /// <summary>Descriptors: as the kernel gave them, or as a stage that changed a frame's start and length
    /// left them.</summary>
    public readonly Span<XdpDesc> Descriptors => _descriptors[..Count];

    /// <summary>One verdict a descriptor.</summary>
    public readonly Span<Verdict> Verdicts => _verdicts[..Count];

    /// <summary>Where the bytes are.</summary>
    public required UmemView Umem { get; init; }

    /// <summary>The lane's frames, for replicas; null where no stage replicates.</summary>
    public FramePool? Pool { get; init; }

    /// <summary>The lane's own number of the port they came in by.</summary>
    public required int Ingress { get; init; }

    /// <summary>Start of the turn, CLOCK_MONOTONIC ns: when they were dequeued.</summary>
    public long NowNs { get; init; }

    /// <summary>Bytes of a frame.</summary>
    public readonly Span<byte> Frame(int index) =>
        Umem.Frame(_descriptors[index].Address, _descriptors[index].Length);

    /// <summary>Adds a copy of a frame, in a chunk of its own: later stages may change it.</summary>
    /// <returns>False, and counted as missed: no free frame, or no room.</returns>
    public bool TryCopy(int index, Verdict verdict)
    {
        XdpDesc original = _descriptors[index];
        if (Count == _descriptors.Length || Pool == null || !Pool.TryTake(out ulong chunk))
        {
            Missed++;
            return false;
        }

        ulong address = chunk + (original.Address - Umem.ChunkOf(original.Address));
        Umem.Frame(original.Address, original.Length).CopyTo(Umem.Frame(address, original.Length));
        Append(address, original.Length, verdict);
        return true;
    }

    /// <summary>Adds the frame itself once more: its chunk is free when the last of them has ended. No later
    /// stage may change its bytes.</summary>
    /// <returns>False, and counted as missed: no room.</returns>
    public bool TryShare(int index, Verdict verdict)
    {
        XdpDesc original = _descriptors[index];
        if (Count == _descriptors.Length || Pool == null || !Pool.TryShare(Umem.ChunkOf(original.Address)))
        {
            Missed++;
            return false;
        }

        Append(original.Address, original.Length, verdict);
        return true;
    }

    private void Append(ulong address, uint length, Verdict verdict)
    {
        _descriptors[Count] = new XdpDesc { Address = address, Length = length };
        _verdicts[Count] = verdict;
        Count++;
    }
}

/// <summary>A step over a burst: one virtual call a stage and burst. Lane only.</summary>
internal interface IStage
{
    /// <summary>Gives verdicts, changes bytes, adds replicas. Frames that it ends carry its number
    /// (<see cref="Verdict.At"/>).</summary>
    void Run(ref Burst burst);
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
    public void Run(ref Burst burst)
    {
        Span<XdpDesc> descriptors = burst.Descriptors;
        Span<Verdict> verdicts = burst.Verdicts[..descriptors.Length];
        UmemView umem = burst.Umem;
        int ingress = burst.Ingress;
        for (int i = 0; i < descriptors.Length; i++)
        {
            if (!verdicts[i].IsDone)
            {
                Span<byte> frame = umem.Frame(descriptors[i].Address, descriptors[i].Length);
                verdicts[i] = _step.Apply(frame, ingress, verdicts[i]);
            }
        }
    }
}

/// <summary>A step at its place in the pipeline: what it ends carries the place.</summary>
internal struct Placed<TStep>(TStep step, int stage) : IStep
    where TStep : struct, IStep
{
    private TStep _step = step;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Verdict Apply(Span<byte> frame, int ingress, Verdict verdict)
    {
        verdict = _step.Apply(frame, ingress, verdict);
        return verdict.IsEnded ? verdict.At(stage) : verdict;
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
