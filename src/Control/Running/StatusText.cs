using LowLatency.Native.Layout;

namespace LowLatency.Control.Running;

/// <summary>Words for the states of a data plane.</summary>
internal static class StatusText
{
    /// <summary>booting, armed, draining, stopped, failed.</summary>
    public static string Of(RegionState state) => state switch
    {
        RegionState.Booting => "booting",
        RegionState.Armed => "armed",
        RegionState.Draining => "draining",
        RegionState.Stopped => "stopped",
        RegionState.Failed => "failed",
        _ => $"state-{(uint)state}",
    };

    /// <summary>cold, armed, done, stopped.</summary>
    public static string Of(LaneState state) => state switch
    {
        LaneState.Cold => "cold",
        LaneState.Armed => "armed",
        LaneState.Done => "done",
        LaneState.Stopped => "stopped",
        _ => $"state-{(uint)state}",
    };
}
