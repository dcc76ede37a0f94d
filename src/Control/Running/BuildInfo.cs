using System.Reflection;

namespace LowLatency.Control.Running;

/// <summary>What this program was built with.</summary>
internal static class BuildInfo
{
    private static readonly string[] Names = ["libxdp", "libbpf", "liburing"];

    /// <summary>Versions of the native libraries that are linked in, as the build found them.</summary>
    public static IReadOnlyDictionary<string, string> Libraries { get; } = Read();

    private static Dictionary<string, string> Read()
    {
        Dictionary<string, string> versions = [];
        foreach (AssemblyMetadataAttribute pair in
            typeof(BuildInfo).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>())
        {
            if (Names.Contains(pair.Key))
            {
                versions[pair.Key] = string.IsNullOrEmpty(pair.Value) ? "unknown" : pair.Value;
            }
        }

        return versions;
    }
}
