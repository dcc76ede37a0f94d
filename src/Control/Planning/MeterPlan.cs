using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>One thread that is measured.</summary>
/// <param name="Name">Of the lane.</param>
/// <param name="Cpu">Its CPU.</param>
/// <param name="Policy">As the lane that shall run there.</param>
/// <param name="Priority">As that lane's.</param>
/// <param name="YieldEveryNs">As that lane's pauses.</param>
/// <param name="YieldForNs">As that lane's pauses.</param>
internal sealed record MeterSeat(
    string Name, int Cpu, LanePolicy Policy, int Priority, long YieldEveryNs, long YieldForNs);

/// <summary>Plans of lanes that measure their CPU and move nothing. Pure.</summary>
internal static class MeterPlan
{
    private const uint Frames = 64; // what every lane has, at its smallest

    /// <summary>Builds one.</summary>
    /// <param name="name">Of the instance.</param>
    /// <param name="seats">One lane each.</param>
    /// <param name="housekeeping">CPUs of all other threads.</param>
    /// <param name="thresholdNs">Longer gaps become events.</param>
    /// <param name="isShaped">Touch memory as a forwarding lane does.</param>
    /// <param name="locksMemory">mlockall before arming.</param>
    /// <param name="text">The configuration that the seats are from.</param>
    public static PlanImage Build(string name, IReadOnlyList<MeterSeat> seats, CpuSet housekeeping,
        long thresholdNs, bool isShaped, bool locksMemory, string text)
    {
        PlanHeader header = new()
        {
            Generation = 1,
            LockMemory = locksMemory ? 1u : 0u,
            HousekeepingCpus = housekeeping,
        };
        header.Name.Set(name);
        header.RegionPath.Set(PlanBuilder.RegionPathOf(name));
        TextHash.Write(text, header.ConfigHash);
        PlanLane[] lanes = [.. seats.Select((seat, thread) => LaneOf(seat, thread, thresholdNs, isShaped))];
        return PlanImage.Build(header, [], lanes, [], [], []);
    }

    /// <summary>Where the lanes of a plan run: one seat a CPU.</summary>
    public static IReadOnlyList<MeterSeat> SeatsOf(PlanImage plan) =>
    [
        .. Enumerable.Range(0, plan.LaneCount).Select(i => plan.Lane(i)).DistinctBy(lane => lane.Cpu)
            .Select(lane => new MeterSeat(lane.Name.ToString(), lane.Cpu, lane.Policy, lane.Priority,
                lane.YieldEveryNs, lane.YieldForNs)),
    ];

    private static PlanLane LaneOf(MeterSeat seat, int thread, long thresholdNs, bool isShaped)
    {
        PlanLane lane = new()
        {
            Kind = isShaped ? LaneKind.ShapedMeter : LaneKind.Meter,
            Host = LaneHost.Pinned,
            Thread = (uint)thread,
            Cpu = seat.Cpu,
            Policy = seat.Policy,
            Priority = seat.Priority,
            Frames = Frames,
            ChunkBytes = Limits.ChunkBytesMin,
            HugePages = HugePages.Never,
            NumaNode = -1,
            Burst = 1,
            GapThresholdNs = thresholdNs,
            YieldEveryNs = seat.YieldEveryNs,
            YieldForNs = seat.YieldForNs,
        };
        lane.Name.Set(seat.Name);
        return lane;
    }
}
