using LowLatency.Control.Readiness.Checks;

namespace LowLatency.Control.Readiness;

/// <summary>All checks there are, in the order of their groups.</summary>
internal static class Catalogue
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<Check> All { get; } =
    [
        .. TopologyChecks.All,
        .. KernelChecks.All,
        .. BootChecks.All,
        .. IsolationChecks.All,
        .. SchedulingChecks.All,
        .. PowerChecks.All,
        .. ClockChecks.All,
        .. HardwareChecks.All,
        .. InterruptChecks.All,
        .. MemoryChecks.All,
        .. MemoryUseChecks.All,
        .. NicChecks.All,
        .. NicPathChecks.All,
        .. NvmeChecks.All,
        .. BlockChecks.All,
        .. SystemChecks.All,
        .. SecurityChecks.All,
        .. WatchdogChecks.All,
        .. ServiceChecks.All,
        .. AppChecks.All,
        .. NoiseChecks.All,
    ];

    /// <summary>The check of an id; null when there is none.</summary>
    public static Check? Find(string id) => All.FirstOrDefault(check => check.Id == id);
}
