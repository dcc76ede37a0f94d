using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>UMEMs against the host's memory. Pure.</summary>
internal static class MemoryChecks
{
    private const long HugePageBytes = 2 << 20;

    /// <summary>Adds what is wrong.</summary>
    public static void Check(HostFacts facts, IReadOnlyList<LaneShape> lanes, Findings findings)
    {
        long huge = 0;
        foreach (LaneShape lane in lanes)
        {
            huge += lane.HugePages == HugePages.Require
                ? (lane.UmemBytes + HugePageBytes - 1) / HugePageBytes : 0;
            if (lane.UmemBytes > int.MaxValue - lane.ChunkBytes)
            {
                findings.Error(FramesOf(lane),
                    $"{lane.Frames} chunks of {lane.ChunkBytes} bytes are {lane.UmemBytes >> 20} MiB, "
                        + "a UMEM has less "
                        + "than 2048 MiB",
                    "Lower frames, or the rings of the lane's ports.");
            }
        }

        if (huge > facts.HugePagesFree)
        {
            LaneShape lane = lanes.First(lane => lane.HugePages == HugePages.Require);
            findings.Error(lane.Section.At("huge_pages"),
                $"the UMEMs need {huge} pages of 2 MiB, {facts.HugePagesFree} are free",
                $"Write huge_pages = \"auto\", or: sysctl vm.nr_hugepages={huge}.");
        }

        // Huge pages come from a pool that MemAvailable does not count.
        LaneShape[] small = [.. lanes.Where(lane => lane.HugePages != HugePages.Require)];
        long bytes = small.Sum(lane => lane.UmemBytes);
        if (bytes > facts.MemAvailableBytes)
        {
            findings.Error(FramesOf(small.MaxBy(lane => lane.UmemBytes)!),
                $"the UMEMs need {bytes >> 20} MiB, the host has {facts.MemAvailableBytes >> 20} MiB "
                    + "available",
                "Lower frames, or the rings of the lane's ports.");
        }
    }

    private static Place FramesOf(LaneShape lane) => lane.Section.At("frames", lane.Frames);
}
