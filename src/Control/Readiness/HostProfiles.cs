using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness;

/// <summary>Profiles and the words for them.</summary>
internal static class HostProfiles
{
    /// <summary>All words, in the order of the severities.</summary>
    public static IReadOnlyList<string> All { get; } = ["bare-metal", "sriov", "lab"];

    /// <summary>The profile of a word; null when it is none.</summary>
    public static HostProfile? Find(string? word) => word switch
    {
        "bare-metal" => HostProfile.BareMetal,
        "sriov" => HostProfile.Sriov,
        "lab" => HostProfile.Lab,
        _ => null,
    };

    /// <summary>The word.</summary>
    public static string WordOf(HostProfile profile) => All[(int)profile];
}
