using System.Buffers.Binary;
using LowLatency.Native;
using LowLatency.Native.Layout;
using static LowLatency.Dataplane.Boot.PlanRecheck;

namespace LowLatency.Dataplane.Boot;

/// <summary>The part of <see cref="PlanRecheck"/> that is about generator and receiver lanes. Pure.</summary>
internal static class LoadRecheck
{
    /// <summary>Throws with the first thing that is wrong.</summary>
    /// <exception cref="PlanFormatException">The plan does not hold together.</exception>
    public static void Check(PlanImage plan, in PlanLane lane, string who)
    {
        ref readonly PlanLoad load = ref plan.Header.Load;
        Require(load.Family is 4 or 6, $"{who}: load family {load.Family}");
        // NaN is neither
        Require(load.RatePps is > 0 and <= Limits.RatePpsMax, $"{who}: load rate {load.RatePps}");
        Require(load.Flows is > 0 and <= Limits.FlowsMax, $"{who}: {load.Flows} flows");
        Require(load.PathCount is > 0 and <= Limits.PathsMax, $"{who}: {load.PathCount} paths");
        Require(load.DurationNs is > 0 and <= Limits.SpanNsMax, $"{who}: load of {load.DurationNs} ns");
        Require(load.WarmupNs is >= 0 and <= Limits.SpanNsMax, $"{who}: warm-up of {load.WarmupNs} ns");
        Require(load.QuietEveryNs is >= 0 and <= Limits.SpanNsMax && load.QuietForNs
            is >= 0 and <= Limits.SpanNsMax
            && load.QuietGuardNs is >= 0 and <= Limits.SpanNsMax, $"{who}: quiet windows are no times");
        Require(load.QuietEveryNs == 0 || load.QuietForNs + load.QuietGuardNs < load.QuietEveryNs,
            $"{who}: quiet windows leave no time");
        CheckFlows(load, who);
        CheckSchedule(load, who);
        CheckReplay(plan, load, who);
        CheckSizes(load, lane, who);
        for (int path = 0; path < load.PathCount; path++)
        {
            uint port = lane.Kind == LaneKind.Generator ? load.Paths[path].TxPort : load.Paths[path].RxPort;
            Require(port < lane.PortCount && load.Paths[path].SliceNs is > 0 and <= Limits.SpanNsMax,
                $"{who}: load path {path}");
        }
    }

    // Ranges that do not run over the end of what they count.
    private static void CheckFlows(in PlanLoad load, string who)
    {
        int last = load.Family == 4 ? 0 : 12;
        uint source = BinaryPrimitives.ReadUInt32BigEndian(((ReadOnlySpan<byte>)load.Source)[last..]);
        uint destination = BinaryPrimitives.ReadUInt32BigEndian(
            ((ReadOnlySpan<byte>)load.Destination)[last..]);
        Require(IsRange(source, load.SourceCount, uint.MaxValue)
            && IsRange(destination, load.DestinationCount, uint.MaxValue), $"{who}: load addresses run over");
        Require(IsRange(load.SourcePort, load.SourcePortCount, ushort.MaxValue)
            && IsRange(load.DestinationPort, load.DestinationPortCount, ushort.MaxValue),
            $"{who}: load ports run over");
        Require(load.VlanCount <= Limits.LoadTagsMax, $"{who}: load with {load.VlanCount} tags");
    }

    private static bool IsRange(uint first, uint count, uint most) =>
        count > 0 && first + (ulong)count - 1 <= most;

    // Times and rates from which the schedule can make times that grow.
    private static void CheckSchedule(in PlanLoad load, string who)
    {
        Require(load.Schedule <= Schedule.Replay, $"{who}: load schedule {(uint)load.Schedule} is unknown");
        if (load.Schedule == Schedule.Burst)
        {
            Require(load.BurstFrames is > 1 and <= Limits.BurstFramesMax,
                $"{who}: bursts of {load.BurstFrames} frames");
            double activeShare = load.QuietEveryNs == 0 ? 1
                : (double)(load.QuietEveryNs - load.QuietForNs - load.QuietGuardNs) / load.QuietEveryNs;
            Require(load.BurstGapNs >= 0
                && load.BurstGapNs <= load.BurstFrames * (1e9 / load.RatePps * activeShare),
                $"{who}: gaps of {load.BurstGapNs} ns between bursts: the rate leaves no time for them");
        }

        bool hasRates = load.Schedule is Schedule.Ramp or Schedule.Steps;
        Require(!hasRates || load.Rates[0].ForNs > 0, $"{who}: load has no rates");
        for (int i = 0; hasRates && i < Limits.RatesMax && load.Rates[i].ForNs != 0; i++)
        {
            Require(load.Rates[i].ForNs is > 0 and <= Limits.SpanNsMax
                && load.Rates[i].FromPps is > 0 and <= Limits.RatePpsMax
                && load.Rates[i].ToPps is > 0 and <= Limits.RatePpsMax, $"{who}: load rate {i} is none");
        }
    }

    // The tables themselves are Control's content: a lane trusts nothing in them that could lead it astray.
    private static void CheckReplay(PlanImage plan, in PlanLoad load, string who)
    {
        Require(load.Schedule != Schedule.Replay
            || (load.ReplayCount > 0 && load.ReplayRoundNs is > 0 and <= Limits.SpanNsMax),
            $"{who}: replay of {load.ReplayCount} frames in {load.ReplayRoundNs} ns");
        Require(load.ReplayCount == 0 || (load.ReplayCount <= Limits.ReplayFramesMax
                && (ulong)load.ReplayTable + 1 < (ulong)plan.TableCount
                && plan.Table((int)load.ReplayTable).Kind == TableKind.Replay
                && plan.Table((int)load.ReplayTable).Bytes >= load.ReplayCount * (long)ReplayFrame.SizeBytes
                && plan.Table((int)load.ReplayTable + 1).Kind == TableKind.Frames
                && plan.Table((int)load.ReplayTable + 1).Bytes <= int.MaxValue),
            $"{who}: replay without its tables");
    }

    private static void CheckSizes(in PlanLoad load, in PlanLane lane, string who)
    {
        uint headerBytes = (load.Family == 4 ? 42u : 62u) + (load.VlanCount * 4);
        Require(load.Sizes[0].Weight > 0, $"{who}: load has no frame size");
        ulong weights = 0;
        for (int i = 0; i < 8 && load.Sizes[i].Weight > 0; i++)
        {
            uint bytes = load.Sizes[i].FrameBytes;
            weights += load.Sizes[i].Weight;
            Require(weights <= uint.MaxValue, $"{who}: load weights do not add up in 32 bits");
            Require(bytes >= headerBytes + FrameStamp.SizeBytes && bytes <= load.Sizes[i].FrameBytesMax
                && load.Sizes[i].FrameBytesMax <= lane.ChunkBytes,
                $"{who}: load frames of {bytes} to {load.Sizes[i].FrameBytesMax} bytes");
        }
    }
}
