using LowLatency.Control.Planning.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuring;

/// <summary>What reading gave: a configuration, or everything that is wrong with it.</summary>
/// <param name="Configuration">Null when there are errors.</param>
/// <param name="Errors">In the order of the file.</param>
internal sealed record ConfigurationResult(
    Configuration? Configuration, IReadOnlyList<ConfigurationError> Errors);

/// <summary>TOML text to <see cref="Configuration"/>, with every error at once. Pure but for <see
/// cref="ReadFile"/>.</summary>
internal static class ConfigurationReader
{
    private const int FileBytesMax = 16 << 20;

    /// <summary>Reads a file; one that cannot be read is an error like any other.</summary>
    public static ConfigurationResult ReadFile(string path)
    {
        try
        {
            long length = new FileInfo(path).Length;
            return length <= FileBytesMax
                ? ReadText(File.ReadAllText(path), path)
                : Refuse(path, $"has {length} bytes, a configuration has at most {FileBytesMax}", "");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Refuse(path, "no such file", "configs/lab.toml is an example.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Refuse(path, "cannot be read", e.Message);
        }
    }

    /// <summary>Reads a text.</summary>
    public static ConfigurationResult ReadText(string text, string fileName)
    {
        Findings findings = new();
        TomlTable? tree = TomlTree.Read(text, fileName, findings.Errors);
        if (tree == null)
        {
            return new ConfigurationResult(null, findings.Errors);
        }

        Section root = Section.Read(Schema.Root, tree, findings.Errors);
        Configuration configuration = Build(root, text, fileName);
        PortRules.Check(configuration, findings);
        LaneRules.Check(configuration, findings);
        StageRules.Check(configuration, findings);
        TableRules.Check(configuration, findings);
        CpuRules.Check(configuration, findings);
        HostRules.Check(configuration, findings);
        RecorderRules.Check(configuration, findings);
        LoadRules.Check(configuration, findings);
        PromiseRules.Check(configuration, findings);
        if (findings.Errors.Count == 0)
        {
            return new ConfigurationResult(configuration with { Warnings = findings.Warnings }, []);
        }

        return new ConfigurationResult(null,
            [.. findings.Errors.OrderBy(error => error.Place.Line).ThenBy(error => error.Place.Column)]);
    }

    private static ConfigurationResult Refuse(string path, string rule, string fix) =>
        new(null, [new ConfigurationError(new Place(path, 0, 0, "", ""), rule, fix)]);

    private static Configuration Build(Section root, string text, string fileName)
    {
        LoadConfiguration? load = root.Table("load") is { } section ? Load(section) : null;
        return new Configuration
        {
            FileName = fileName,
            Text = text,
            Name = root.Get<string>("name"),
            Host = Host(root),
            Ports = [.. root.Tables("port").Select(port => Port(port, load))],
            Lanes = [.. root.Tables("lane").Select(Lane)],
            Load = load,
            Promise = root.Table("objective") is { } promise ? PromiseOf(promise) : null,
            Tables = [.. root.Tables("table").Select(table => new TableConfiguration(table))],
            Recorders = [.. root.Tables("recorder").Select(recorder => new RecorderConfiguration(recorder))],
            Disks = [.. root.Tables("disk").Select(disk => new DiskConfiguration(disk))],
        };
    }

    private static HostConfiguration Host(Section root)
    {
        Section section = root.Table("host") ?? Section.Read(
            Array.Find(Schema.Root.Tables, table => table.Key == "host")!, new TomlTable(root.Head), []);
        return new HostConfiguration
        {
            Section = section,
            Objective = ObjectiveConfiguration.From(section.Table("objective")),
            Waivers = [.. section.Tables("waiver").Select(waiver => new WaiverConfiguration(waiver))],
        };
    }

    // A port that the load sends on claims nothing, one that it receives on claims the load, any other claims
    // IP.
    private static PortConfiguration Port(Section section, LoadConfiguration? load)
    {
        string name = section.Get<string>("name");
        bool isTx = load != null && load.Paths.Any(path => path.Tx == name);
        bool isRx = load != null && load.Paths.Any(path => path.Rx == name);
        Claim byRole = isRx ? Claim.Udp : isTx ? Claim.None : Claim.Ip;
        PortRange ports = default;
        if (isRx)
        {
            ports = load!.Section.Get<PortRange>("destination_port");
        }

        return new PortConfiguration
        {
            Section = section,
            Claim = section.GetOr("claim", "") switch
            {
                "ip" => Claim.Ip,
                "udp" => Claim.Udp,
                "all" => Claim.All,
                "none" => Claim.None,
                "route" => Claim.Route,
                _ => byRole,
            },
            ClaimPorts = section.GetOr("claim_ports", ports),
        };
    }

    private static LaneConfiguration Lane(Section section) => new()
    {
        Section = section,
        Stages = [.. section.Tables("stage").Select(Stage)],
    };

    private static StageConfiguration Stage(Section section)
    {
        StageKind kind = section.Get<string>("kind") switch
        {
            "filter" => StageKind.Filter,
            "mac-rewrite" => StageKind.MacRewrite,
            "mac-swap" => StageKind.MacSwap,
            "reflect" => StageKind.Reflect,
            string word => StageDesigns.Find(word)?.Kind ?? StageKind.CrossConnect,
        };
        return new StageConfiguration(
            kind, [.. section.Tables("rule").Select(rule => new RuleConfiguration(rule))], section);
    }

    private static LoadConfiguration Load(Section section) => new()
    {
        Section = section,
        Through = section.Table("through") is { } through ? new PathConfiguration("through", through) : null,
        Direct = section.Table("direct") is { } direct ? new PathConfiguration("direct", direct) : null,
        Slo = section.Table("slo") is { } slo ? [.. slo.GivenKeys.Select(key => Objective(slo, key))] : [],
    };

    private static PromiseConfiguration PromiseOf(Section section) => new()
    {
        Section = section,
        Slo =
        [
            .. section.GivenKeys.Where(key => key is not ("rate" or "duration")).Select(key => key == "loss"
                ? new SloLimit(SloLimit.LossName, 0, section.Get<double>(key), section.At(key))
                : new SloLimit(key, section.Get<long>(key), 0, section.At(key))),
        ],
    };

    private static SloLimit Objective(Section slo, string key) => key == SloLimit.LossName
        ? new SloLimit(key, 0, slo.Get<double>(key), slo.At(key))
        : new SloLimit(key, slo.Get<long>(key), 0, slo.At(key));
}

/// <summary>What checks have found so far.</summary>
internal sealed class Findings
{
    /// <summary>What must be changed.</summary>
    public List<ConfigurationError> Errors { get; } = [];

    /// <summary>What is unlikely to be meant.</summary>
    public List<ConfigurationError> Warnings { get; } = [];

    /// <summary>What is good to know.</summary>
    public List<ConfigurationError> Notes { get; } = [];

    /// <summary>Adds an error.</summary>
    public void Error(Place place, string rule, string fix) =>
        Errors.Add(new ConfigurationError(place, rule, fix));

    /// <summary>Adds a warning.</summary>
    public void Warn(Place place, string rule, string fix) =>
        Warnings.Add(new ConfigurationError(place, rule, fix));

    /// <summary>Adds a note.</summary>
    public void Note(Place place, string rule, string fix) =>
        Notes.Add(new ConfigurationError(place, rule, fix));

    /// <summary>Adds an error for more of something than a plan holds.</summary>
    public void AtMost(int count, int most, Place place, string what)
    {
        if (count > most)
        {
            Error(place, $"{count} {what}, a plan holds at most {most}", "Split the configuration.");
        }
    }
}
