using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Stages;

/// <summary>What becomes of a frame: forward to a port of the lane, or end with a reason. One int: a port
/// number, or the complement of a reason.</summary>
internal readonly record struct Verdict
{
    private readonly int _code;

    private Verdict(int code) => _code = code;

    /// <summary>No stage has decided yet; a frame that leaves the pipeline so ends as no-verdict.</summary>
    public static Verdict None => new(~(int)DropReason.NoVerdict);

    /// <summary>True when it leaves by <see cref="Port"/>.</summary>
    public bool IsForward => _code >= 0;

    /// <summary>True when a stage has ended the frame: later stages do not see it.</summary>
    public bool IsEnded => _code < ~(int)DropReason.NoVerdict;

    /// <summary>The lane's own number of the port it leaves by; only of a forward.</summary>
    public int Port => _code;

    /// <summary>Why it ends; only when it is no forward.</summary>
    public DropReason Reason => (DropReason)(~_code);

    /// <summary>Leaves by a port of the lane.</summary>
    public static Verdict Forward(int port)
    {
        Invariant.Require(port >= 0);
        return new Verdict(port);
    }

    /// <summary>Ends with a reason.</summary>
    public static Verdict Drop(DropReason reason) => new(~(int)reason);
}
