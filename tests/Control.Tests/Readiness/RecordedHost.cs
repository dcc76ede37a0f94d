using System.Globalization;
using System.Text;
using LowLatency.Control.Configuring;
using LowLatency.Control.Readiness;

namespace LowLatency.Control.Tests.Readiness;

/// <summary>A host that was recorded: folders <c>proc/</c> and <c>sys/</c>, <c>sources/</c> for what is no
/// file, and <c>config.toml</c>; with changes laid over it. Nothing of this machine shows through.</summary>
internal sealed class RecordedHost : IHost
{
    /// <summary>When it was recorded: 2026-11-23 12:00 UTC, ns since 1970.</summary>
    public const long TimeNs = 1_795_435_200_000_000_000;

    private static readonly Dictionary<string, RecordedHost> Loaded = [];

    private readonly Dictionary<string, RecordedSource> _sources;
    private Moment _moment = Moment.Start;

    private RecordedHost(Dictionary<string, RecordedSource> sources, string configuration)
    {
        _sources = sources;
        Configuration = configuration;
    }

    /// <summary>Names of all recorded hosts.</summary>
    public static IReadOnlyList<string> Names =>
        [.. Directory.GetDirectories(Folder).Select(path => Path.GetFileName(path)!)
            .Order(StringComparer.Ordinal)];

    /// <summary>Text of its configuration; empty: none.</summary>
    public string Configuration { get; }

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Readiness", "Hosts");

    /// <summary>A host by its folder's name.</summary>
    public static RecordedHost Load(string name)
    {
        lock (Loaded)
        {
            if (!Loaded.TryGetValue(name, out RecordedHost? host))
            {
                host = FromFolder(Path.Combine(Folder, name));
                Loaded.Add(name, host);
            }

            return new RecordedHost(new Dictionary<string, RecordedSource>(host._sources),
                host.Configuration);
        }
    }

    /// <summary>The host with some sources as a text says; <c>config</c> is its configuration.</summary>
    public RecordedHost With(string overlay)
    {
        Dictionary<string, RecordedSource> sources = new(_sources);
        string configuration = Configuration;
        foreach ((string key, RecordedSource source) in SourceText.Parse(overlay))
        {
            if (key == "config")
            {
                configuration = Encoding.UTF8.GetString(source.Bytes).Trim();
            }
            else
            {
                sources[key] = source;
            }
        }

        return new RecordedHost(sources, configuration);
    }

    /// <summary>The host with one source's bytes replaced.</summary>
    public RecordedHost With(string source, byte[] bytes) => new(
        new Dictionary<string, RecordedSource>(_sources) { [source] = new RecordedSource(FactState.Read,
            bytes, "") },
        Configuration);

    /// <inheritdoc/>
    public Fact Read(string source, Intrusion intrusion)
    {
        RecordedSource found =
            _moment == Moment.End && _sources.TryGetValue(source + SourceText.End, out RecordedSource? end)
                ? end
            : _sources.TryGetValue(source, out RecordedSource? start) ? start
            : new RecordedSource(FactState.Missing, [], "there is no such file");
        return new Fact
        {
            Source = source,
            State = found.State,
            Bytes = found.Bytes,
            Problem = found.Problem,
            TimeNs = TimeNs,
            Intrusion = intrusion,
        };
    }

    /// <inheritdoc/>
    public IReadOnlyList<string>? List(string directory, out string problem)
    {
        problem = "";
        string prefix = directory.TrimEnd('/') + "/";
        HashSet<string> names = [];
        foreach ((string source, RecordedSource recorded) in _sources)
        {
            string path = source.StartsWith("link:/", StringComparison.Ordinal)
                || source.StartsWith("stat:/", StringComparison.Ordinal) ? source["link:".Length..] : source;
            if (recorded.State != FactState.Missing && path.StartsWith(prefix, StringComparison.Ordinal)
                && !path.EndsWith(SourceText.End, StringComparison.Ordinal))
            {
                names.Add(path[prefix.Length..].Split('/')[0]);
            }
        }

        if (_sources.TryGetValue(directory, out RecordedSource? own) && own.State == FactState.Denied)
        {
            problem = own.Problem;
            return null;
        }

        return names.Count == 0 ? null : [.. names];
    }

    /// <summary>Collects and judges by some checks.</summary>
    /// <param name="checks">The checks.</param>
    /// <param name="windowSeconds">Length of the window; 0: none.</param>
    /// <param name="profile">Profile; null: declared or guessed.</param>
    /// <param name="isMaintenance">Reads that disturb are allowed.</param>
    public ReadinessReport Judge(IReadOnlyList<Check> checks, double windowSeconds = 10,
        HostProfile? profile = null,
        bool isMaintenance = true)
    {
        _moment = Moment.Start;
        Configuration? configuration = null;
        if (Configuration.Length > 0)
        {
            ConfigurationResult read = ConfigurationReader.ReadText(Configuration, "config.toml");
            configuration = read.Configuration
                ?? throw new InvalidDataException(string.Join('\n', read.Errors));
        }

        CollectOptions options = new(windowSeconds, isMaintenance, profile);
        (Evidence evidence, _) = new Collector(this, checks, options).Collect(
            configuration, "test", TimeNs, _ => _moment = Moment.End);
        evidence.WindowSeconds = windowSeconds;
        evidence.Noise = evidence.Noise with { CollectMs = 12.5 }; // times of this machine say nothing here
        return LowLatency.Control.Readiness.Judge.Run(evidence, configuration, null, checks, isStrict: false);
    }

    private static RecordedHost FromFolder(string folder)
    {
        Dictionary<string, RecordedSource> sources = [];
        foreach (string root in (string[])["proc", "sys", "etc", "boot", "usr"])
        {
            string path = Path.Combine(folder, root);
            foreach (string file in Directory.Exists(path)
                ? Directory.GetFiles(path, "*", SearchOption.AllDirectories) : [])
            {
                sources["/" + Path.GetRelativePath(folder, file)] =
                    new RecordedSource(FactState.Read, File.ReadAllBytes(file), "");
            }
        }

        foreach (string file in Directory.GetFiles(Path.Combine(folder, "sources"), "*.txt")
            .Order(StringComparer.Ordinal))
        {
            foreach ((string key, RecordedSource source) in SourceText.Parse(File.ReadAllText(file)))
            {
                sources[key] = source;
            }
        }

        string configuration = Path.Combine(folder, "config.toml");
        return new RecordedHost(sources, File.Exists(configuration) ? File.ReadAllText(configuration) : "");
    }
}

/// <summary>What a recorded host answers for one source.</summary>
internal sealed record RecordedSource(FactState State, byte[] Bytes, string Problem);
