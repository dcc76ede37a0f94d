using System.Globalization;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Boot;

/// <summary>What the process occupies, as /proc/self/status tells.</summary>
internal static class HostMemory
{
    /// <summary>VmRSS less the UMEMs on small pages (pages of the huge pool are not in VmRSS),
    /// bytes.</summary>
    public static long ResidentBytesWithoutUmem(SharedRegion region)
    {
        long bytes = 0;
        foreach (string line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
            {
                bytes = long.Parse(line.AsSpan(6).TrimEnd(" kB").Trim(), CultureInfo.InvariantCulture) * 1024;
            }
        }

        for (int lane = 0; lane < region.Plan.LaneCount; lane++)
        {
            ref LanePage page = ref region.LanePage(lane).Value;
            bytes -= page.UmemIsHuge == 0 ? page.UmemBytes : 0;
        }

        return bytes;
    }
}
