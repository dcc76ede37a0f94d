namespace LowLatency.Control.Readiness;

/// <summary>Sources that say which host the evidence is of; collected always.</summary>
internal static class HostIdentity
{
    /// <summary>Its name.</summary>
    public const string HostName = "/proc/sys/kernel/hostname";

    /// <summary>Release of its kernel.</summary>
    public const string Kernel = "/proc/sys/kernel/osrelease";

    /// <summary>This boot.</summary>
    public const string Boot = "/proc/sys/kernel/random/boot_id";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [HostName, Kernel, Boot];
}
