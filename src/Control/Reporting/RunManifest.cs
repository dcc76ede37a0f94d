using System.Reflection;

namespace LowLatency.Control.Reporting;

/// <summary>What a second person needs to run it again: manifest.json, schema <c>lowlat.manifest/1</c>. Holds
/// no host name and no address.</summary>
internal sealed record RunManifest(
    string Schema,
    string Verb,
    DateTime StartUtc,
    DateTime EndUtc,
    IReadOnlyList<string> CommandLine,
    string? Config,
    string? ConfigSha256,
    string Version,
    string? Commit,
    IReadOnlyDictionary<string, string> Libraries,
    string Kernel,
    string Preemption,
    string Distribution,
    string CpuModel,
    int Cpus,
    string IsolatedCpus,
    string NohzFullCpus,
    string Clocksource)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.manifest/1";

    /// <summary>Reads the host's facts. What cannot be read is "unknown", never an error.</summary>
    /// <param name="verb">load, run.</param>
    /// <param name="startUtc">Start of the run.</param>
    /// <param name="endUtc">End of the run.</param>
    /// <param name="commandLine">As typed.</param>
    /// <param name="configPath">The configuration's path, its last part is kept; null: none.</param>
    /// <param name="configSha256">Its hash, lower-case hexadecimal.</param>
    /// <param name="libraries">Versions of libxdp, libbpf, liburing where known.</param>
    public static RunManifest Collect(
        string verb,
        DateTime startUtc,
        DateTime endUtc,
        IReadOnlyList<string> commandLine,
        string? configPath,
        string? configSha256,
        IReadOnlyDictionary<string, string>? libraries = null)
    {
        (string version, string? commit) = ReadVersion();
        string cpuInfo = Read("/proc/cpuinfo");
        return new RunManifest(
            SchemaName, verb, Whole(startUtc), Whole(endUtc), commandLine, Path.GetFileName(configPath),
            configSha256,
            version, commit, libraries ?? new Dictionary<string, string>(),
            Kernel: Read("/proc/sys/kernel/osrelease"),
            Preemption: Read("/sys/kernel/realtime") == "1" ? "PREEMPT_RT"
                : PreemptionOf(Read("/proc/version"), Read("/proc/sys/kernel/version")),
            Distribution: Field(Read("/etc/os-release"), "PRETTY_NAME", '=').Trim('"'),
            CpuModel: Field(cpuInfo, "model name", ':'),
            Cpus: Count(cpuInfo, "processor"),
            IsolatedCpus: Read("/sys/devices/system/cpu/isolated"),
            NohzFullCpus: Read("/sys/devices/system/cpu/nohz_full"),
            Clocksource: Read("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    }

    /// <summary>Version and commit of this build, from the informational version
    /// <c>0.1.0+commit</c>.</summary>
    public static (string Version, string? Commit) ReadVersion()
    {
        string text = typeof(RunManifest).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
        int plus = text.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? (text, null) : (text[..plus], text[(plus + 1)..]);
    }

    private static string PreemptionOf(string version, string build)
    {
        foreach (string word in new[] { "PREEMPT_RT", "PREEMPT_DYNAMIC", "PREEMPT" })
        {
            if (version.Contains(word, StringComparison.Ordinal)
                || build.Contains(word, StringComparison.Ordinal))
            {
                return word;
            }
        }

        return "none";
    }

    private static DateTime Whole(DateTime time) =>
        DateTime.SpecifyKind(new DateTime(
            time.Ticks / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond),
            DateTimeKind.Utc);

    private static string Read(string path)
    {
        try
        {
            string text = File.ReadAllText(path).Trim();
            return text.Length == 0 || text == "(null)" ? "none" : text;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }

    private static string Field(string text, string name, char separator)
    {
        foreach (string line in text.Split('\n'))
        {
            int at = line.IndexOf(separator, StringComparison.Ordinal);
            if (at > 0 && line[..at].Trim() == name)
            {
                return line[(at + 1)..].Trim();
            }
        }

        return "unknown";
    }

    private static int Count(string text, string name) => text.Split('\n').Count(line =>
        line.StartsWith(name, StringComparison.Ordinal) && line.Contains(':', StringComparison.Ordinal));
}
