using LowLatency.Native.Layout;

namespace LowLatency.Control.Running;

/// <summary>Which path took which share of the frames that are ours.</summary>
internal static class OffloadShare
{
    /// <summary>Share, 0 to 1, of what ended in the XDP program, sent on or dropped by a rule; the rest went
    /// to the lane. Null: nothing was ours.</summary>
    public static double? Of(OutcomeCounters outcomes) => Of(
        outcomes[(int)XdpOutcome.Offloaded] + outcomes[(int)XdpOutcome.DroppedRule]
            + outcomes[(int)XdpOutcome.DroppedDefault],
        outcomes[(int)XdpOutcome.Redirected]);

    private static double? Of(ulong kernel, ulong lane) =>
        kernel + lane == 0 ? null : Math.Round((double)kernel / (kernel + lane), 4);
}
