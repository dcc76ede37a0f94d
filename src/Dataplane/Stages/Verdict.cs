using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Stages;

/// <summary>What becomes of a frame: forward to a port of the lane, end with a reason, or go to the kernel's
/// stack. One int: a port number, or the complement of an end: reason, punt bit, and above them the stage
/// that
/// said so.</summary>
internal readonly record struct Verdict
{
    private const int ReasonMask = DropCounters.Count - 1;
    private const int PuntBit = DropCounters.Count;
    private const int StageShift = 8;
    private const int FinalBit = 0x100; // of a forward: above every port number
    private readonly int _code;

    private Verdict(int code) => _code = code;

    /// <summary>No stage has decided yet; a frame that leaves the pipeline so ends as no-verdict.</summary>
    public static Verdict None => new(~(int)DropReason.NoVerdict);

    /// <summary>True when it leaves by <see cref="Port"/>.</summary>
    public bool IsForward => _code >= 0;

    /// <summary>True when a stage has ended the frame: later stages do not see it.</summary>
    public bool IsEnded => _code < ~(int)DropReason.NoVerdict;

    /// <summary>True when no later stage may see it: ended, or forwarded for good.</summary>
    public bool IsDone => _code < ~(int)DropReason.NoVerdict || _code >= FinalBit;

    /// <summary>The lane's own number of the port it leaves by; only of a forward.</summary>
    public int Port => _code & (FinalBit - 1);

    /// <summary>Why it ends; only when it is neither forward nor punt.</summary>
    public DropReason Reason => (DropReason)(~_code & ReasonMask);

    /// <summary>True when it goes to the kernel's stack, as if it had come in by its port just now.</summary>
    public bool IsPunt => !IsForward && (~_code & PuntBit) != 0;

    /// <summary>Why it goes to the stack; only of a punt.</summary>
    public PuntReason PuntReason => (PuntReason)(~_code & ReasonMask);

    /// <summary>Number of the lane's stage that ended it; 0 when none has.</summary>
    public int Stage => IsForward ? 0 : ~_code >> StageShift;

    /// <summary>Leaves by a port of the lane.</summary>
    public static Verdict Forward(int port)
    {
        Invariant.Require((uint)port < FinalBit);
        return new Verdict(port);
    }

    /// <summary>The same forward, and no later stage sees the frame.</summary>
    public Verdict AsFinal() => new(_code | FinalBit);

    /// <summary>Ends with a reason.</summary>
    public static Verdict Drop(DropReason reason) => new(~(int)reason);

    /// <summary>To the kernel's stack, with a reason.</summary>
    public static Verdict Punt(PuntReason reason) => new(~((int)reason | PuntBit));

    /// <summary>The same end, said by a stage.</summary>
    public Verdict At(int stage) => new(~(~_code | (stage << StageShift)));
}
