using System.Text;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuration;

/// <summary>What reading gave: a configuration, or every mistake in it.</summary>
internal sealed record ConfigurationResult(Configuration? Configuration, IReadOnlyList<ConfigurationError> Errors);

/// <summary>Reads a configuration file: text to records, every mistake at once. Knows nothing of the host.</summary>
internal static class ConfigurationReader
{
    /// <summary>Reads a file; a file that cannot be read is one error.</summary>
    public static ConfigurationResult ReadFile(string path)
    {
        try
        {
            string text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(path));
            return ReadText(text, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            string rule = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file"
                : e is ArgumentException ? "not UTF-8 text" : e.Message.TrimEnd('.');
            return new ConfigurationResult(null,
                [new ConfigurationError(path, "configuration", rule, "Name a TOML file such as configs/lab.toml.")]);
        }
    }

    /// <summary>Reads a text; <paramref name="file"/> is for messages.</summary>
    public static ConfigurationResult ReadText(string text, string file)
    {
        List<ConfigurationError> errors = [];
        TomlTree tree = TomlTree.Parse(text, file, errors);
        if (errors.Count > 0)
        {
            return new ConfigurationResult(null, errors);
        }

        Section root = new(tree, file, "the configuration", errors);
        Section? load = root.Table("load");
        Configuration configuration = new()
        {
            File = file,
            Text = text,
            Name = ReadName(root),
            Host = ReadHost(root.Table("host")),
            Ports = [.. root.Tables("port").Select(ReadPort)],
            Lanes = [.. root.Tables("lane").Select(LaneReader.Read)],
            Load = load == null ? null : LoadReader.Read(load),
            Source = root,
        };
        root.RejectUnknown();
        if (errors.Count == 0)
        {
            RequireUnique(configuration);
        }

        return new ConfigurationResult(errors.Count == 0 ? configuration : null, errors);
    }

    private static string ReadName(Section root)
    {
        string name = root.Required("name");
        if (name.Length > 0 && (name.Length > 24 || name.Any(c => c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9')
            or '-'))))
        {
            root.Fail("name", "1 to 24 of a-z, 0-9 and -", "Shorten or respell it.");
        }

        return name;
    }

    private static HostConfiguration ReadHost(Section? host)
    {
        HostConfiguration configuration = new()
        {
            Housekeeping = host?.Text("housekeeping", "") ?? "",
            LockMemory = host?.Flag("lock_memory", true) ?? true,
            RtThrottlingOff = host?.Text("rt_throttling", "keep", "keep", "off") == "off",
            Source = host,
        };
        if (configuration.Housekeeping.Length > 0
            && !Quantity.TryCpuList(configuration.Housekeeping, Limits.CpusMax - 1, out _))
        {
            host!.Fail("housekeeping", "a CPU list in the kernel's grammar", "Write for example \"0,2-3\".");
        }

        host?.RejectUnknown();
        return configuration;
    }

    private static PortConfiguration ReadPort(Section port)
    {
        string space = port.Text("netns", "");
        uint rx = Ring(port, "rx_ring", 2048);
        uint fill = Ring(port, "fill_ring", 2 * rx);
        (ushort low, ushort high) = port.Parse(
            "claim_ports", ((ushort)0, ushort.MaxValue),
            (string text, out (ushort, ushort) range) =>
            {
                bool isRange = Quantity.TryPorts(text, out ushort first, out ushort last);
                range = (first, last);
                return isRange;
            },
            "a UDP port or a range", "\"4000-4999\"");
        PortConfiguration configuration = new()
        {
            Name = ShortName(port, "name"),
            Interface = ShortName(port, "interface"),
            NetworkNamespace = space.Length == 0 || space.StartsWith('/') ? space : "/run/netns/" + space,
            Queue = (uint)port.Number("queue", 0, 0, 4095),
            Mode = Names.Mode(port.Text("mode", "auto", Names.Modes)),
            Claim = port.Has("claim") ? Names.ClaimOf(port.Text("claim", "ip", Names.Claims)) : Unread(port, "claim"),
            ClaimPortLow = low,
            ClaimPortHigh = high,
            Wake = Names.Wake(port.Text("wakeup", "need-wakeup", Names.Wakes)),
            BusyPollUs = (uint)port.Number("busy_poll_us", 20, 1, 10_000),
            BusyPollBudget = (uint)port.Number("busy_poll_budget", 64, 1, 65_535),
            Stamps = port.Text("timestamps", "none", "none", "software") == "software"
                ? StampSource.Software : StampSource.None,
            RxRing = rx,
            TxRing = Ring(port, "tx_ring", 2048),
            FillRing = fill,
            CompletionRing = Ring(port, "completion_ring", 2048),
            FillLevel = (uint)port.Number("fill_level", Math.Min(rx, fill), 1, Limits.RingSlotsMax),
            Source = port,
        };
        if (configuration.FillLevel > fill)
        {
            port.Fail("fill_level", $"at most the fill ring, {fill}", "Lower it, or enlarge fill_ring.");
        }

        if (System.Text.Encoding.UTF8.GetByteCount(configuration.NetworkNamespace) > 127)
        {
            port.Fail("netns", "a path of at most 127 bytes", "Use a name under /run/netns.");
        }

        port.RejectUnknown();
        return configuration;
    }

    private static Claim? Unread(Section port, string key)
    {
        port.Text(key, ""); // known, though not written
        return null;
    }

    private static uint Ring(Section port, string key, uint fallback)
    {
        long slots = port.Number(key, fallback, Limits.RingSlotsMin, Limits.RingSlotsMax);
        if ((slots & (slots - 1)) != 0)
        {
            long below = 1L << (63 - (int)long.LeadingZeroCount(slots));
            port.Fail(key, "a power of two", $"Take {below} or {2 * below}.");
        }

        return (uint)slots;
    }

    /// <summary>A required name of at most 15 bytes: what the kernel gives an interface, and a page a name.</summary>
    internal static string ShortName(Section section, string key)
    {
        string name = section.Required(key);
        if (section.Has(key) && (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > 15))
        {
            section.Fail(key, "1 to 15 bytes", "Shorten it.");
        }

        return name;
    }

    private static void RequireUnique(Configuration configuration)
    {
        foreach (IGrouping<string, PortConfiguration> same in configuration.Ports.GroupBy(port => port.Name))
        {
            same.Skip(1).ToList().ForEach(port => port.Source.Fail("name", "another port has this name", "Rename one."));
        }

        foreach (IGrouping<(string, string, uint), PortConfiguration> same in configuration.Ports
            .GroupBy(port => (port.NetworkNamespace, port.Interface, port.Queue)))
        {
            string first = same.First().Name;
            same.Skip(1).ToList().ForEach(port => port.Source.Fail("interface",
                $"port {first} has queue {port.Queue} of this interface already",
                "Give this port another queue, or remove one of the two."));
        }

        foreach (IGrouping<string, LaneConfiguration> same in configuration.Lanes.GroupBy(lane => lane.Name))
        {
            same.Skip(1).ToList().ForEach(lane => lane.Source.Fail("name", "another lane has this name", "Rename one."));
        }
    }
}

/// <summary>Words of the configuration and the values they stand for, by index.</summary>
internal static class Names
{
    /// <summary>Words of <see cref="BindMode"/>.</summary>
    public static readonly string[] Modes = ["auto", "zero-copy", "copy", "generic"];
    /// <summary>Words of <see cref="Native.Layout.Claim"/>.</summary>
    public static readonly string[] Claims = ["none", "ip", "udp", "all"];
    /// <summary>Words of <see cref="WakePolicy"/>.</summary>
    public static readonly string[] Wakes = ["need-wakeup", "always", "busy-poll"];
    /// <summary>Words of <see cref="HugePages"/>.</summary>
    public static readonly string[] Huges = ["never", "auto", "require"];
    /// <summary>Words of <see cref="StageKind"/>.</summary>
    public static readonly string[] Stages = ["cross-connect", "mac-rewrite", "mac-swap", "filter", "reflect"];
    /// <summary>Words of <see cref="RuleAction"/>.</summary>
    public static readonly string[] Actions = ["pass", "drop"];
    /// <summary>Words of <see cref="Native.Layout.Schedule"/>.</summary>
    public static readonly string[] Schedules = ["constant", "poisson"];

    /// <summary>Word to value.</summary>
    public static BindMode Mode(string word) => (BindMode)Array.IndexOf(Modes, word);
    /// <summary>Word to value.</summary>
    public static Claim ClaimOf(string word) => (Claim)Array.IndexOf(Claims, word);
    /// <summary>Word to value.</summary>
    public static WakePolicy Wake(string word) => (WakePolicy)Array.IndexOf(Wakes, word);
    /// <summary>Word to value.</summary>
    public static HugePages Huge(string word) => (HugePages)Array.IndexOf(Huges, word);
    /// <summary>Word to value.</summary>
    public static StageKind Stage(string word) => (StageKind)Array.IndexOf(Stages, word);
    /// <summary>Word to value.</summary>
    public static RuleAction Action(string word) => (RuleAction)Array.IndexOf(Actions, word);
    /// <summary>Word to value.</summary>
    public static Schedule ScheduleOf(string word) => (Schedule)Array.IndexOf(Schedules, word);
}
