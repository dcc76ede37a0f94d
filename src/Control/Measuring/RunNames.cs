using LowLatency.Native.Layout;

namespace LowLatency.Control.Measuring;

/// <summary>The words that reports use for the plan's enums: those of the configuration.</summary>
internal static class RunNames
{
    /// <summary>auto, zero-copy, copy, generic.</summary>
    public static string Of(BindMode mode) => mode switch
    {
        BindMode.Auto => "auto",
        BindMode.ZeroCopy => "zero-copy",
        BindMode.Copy => "copy",
        BindMode.Generic => "generic",
        _ => $"mode-{(uint)mode}",
    };

    /// <summary>forward, generator, receiver.</summary>
    public static string Of(LaneKind kind) => kind switch
    {
        LaneKind.Forward => "forward",
        LaneKind.Generator => "generator",
        LaneKind.Receiver => "receiver",
        LaneKind.Storage => "storage",
        LaneKind.Replay => "replay",
        LaneKind.Meter or LaneKind.ShapedMeter => "meter",
        _ => $"kind-{(uint)kind}",
    };

    /// <summary>pinned, shared.</summary>
    public static string Of(LaneHost host) => host == LaneHost.Pinned ? "pinned" : "shared";

    /// <summary>other, fifo.</summary>
    public static string Of(LanePolicy policy) => policy == LanePolicy.Fifo ? "fifo" : "other";

    /// <summary>constant, poisson, burst, ramp, steps, replay.</summary>
    public static string Of(Schedule schedule) => schedule switch
    {
        Schedule.Constant => "constant",
        Schedule.Poisson => "poisson",
        Schedule.Burst => "burst",
        Schedule.Ramp => "ramp",
        Schedule.Steps => "steps",
        Schedule.Replay => "replay",
        _ => $"schedule-{(uint)schedule}",
    };

    /// <summary>unknown, up, down, gone.</summary>
    public static string Of(LinkState link) => link switch
    {
        LinkState.Up => "up",
        LinkState.Down => "down",
        LinkState.Gone => "gone",
        _ => "unknown",
    };
}
