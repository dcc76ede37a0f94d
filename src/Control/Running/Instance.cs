using LowLatency.Control.Tuning;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Running;

/// <summary>Where the files of a named data plane lie, and which are there.</summary>
internal static class Instance
{
    private const string Folder = "/dev/shm";
    private const string Prefix = "lowlat-";
    private const string Suffix = ".region";

    /// <summary>Path of its shared region.</summary>
    public static string RegionPath(string name) => $"{Folder}/{Prefix}{name}{Suffix}";

    /// <summary>Path of its plan.</summary>
    public static string PlanPath(string name) => RuntimeFolder.PathOf(name + ".plan");

    /// <summary>Path of what it says.</summary>
    public static string LogPath(string name) => RuntimeFolder.PathOf(name + ".log");

    /// <summary>Names of all that have a region, live or dead.</summary>
    public static IReadOnlyList<string> Names() =>
    [
        .. Directory.EnumerateFiles(Folder, $"{Prefix}*{Suffix}")
            .Select(path => Path.GetFileName(path)[Prefix.Length..^Suffix.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Opens its region, live or dead; null when there is none.</summary>
    /// <exception cref="PlanFormatException">Of another release, or damaged.</exception>
    public static SharedRegion? Open(string name) => SharedRegion.TryOpen(RegionPath(name));

    /// <summary>True when a data plane of this name runs.</summary>
    public static bool IsAlive(string name)
    {
        try
        {
            using SharedRegion? region = Open(name);
            return region is { IsOwnerAlive: true };
        }
        catch (PlanFormatException)
        {
            return false; // of another release: nothing of ours runs under it
        }
    }

    /// <summary>The journal of this host's changes.</summary>
    public static Journal Journal() => new(RuntimeFolder.PathOf("journal.jsonl"), IsAlive);

    /// <summary>Takes away what a dead data plane of this name left; a live one's files stay.</summary>
    public static void RemoveDead(string name)
    {
        if (!IsAlive(name))
        {
            File.Delete(RegionPath(name));
        }
    }

    /// <summary>Takes away plan and log after a clean end.</summary>
    public static void RemoveFiles(string name)
    {
        File.Delete(PlanPath(name));
        File.Delete(LogPath(name));
    }
}
