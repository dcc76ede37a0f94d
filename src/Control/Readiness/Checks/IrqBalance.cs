namespace LowLatency.Control.Readiness.Checks;

/// <summary>Which CPUs irqbalance keeps off, from what its service is started with. Pure.</summary>
internal static class IrqBalance
{
    private const string Isolated = "/sys/devices/system/cpu/isolated";
    private const string NohzFull = "/sys/devices/system/cpu/nohz_full";
    private const string DropIns = "/etc/systemd/system/irqbalance.service.d/*.conf";
    private const string Mask = "IRQBALANCE_BANNED_CPUS";
    private const string List = "IRQBALANCE_BANNED_CPULIST";

    private static readonly string[] Files = ["/etc/default/irqbalance", "/etc/sysconfig/irqbalance"];

    /// <summary>What the rule reads besides the processes.</summary>
    public static IReadOnlyList<Read> Reads { get; } =
    [
        .. Files.Append(DropIns).Select(file => new Read(file, Traits: ReadTraits.MayBeEmpty)),
        Isolated, NohzFull,
    ];

    /// <summary>The rule.</summary>
    public static IEnumerable<Finding> Judge(Facts facts)
    {
        CpuMask data = facts.Topology.Data;
        if (data.IsEmpty)
        {
            return [Finding.NotApplicable("no data-plane CPU is declared")];
        }

        if (ProcessTable.Running(facts, ["irqbalance"]) is not [string running, ..])
        {
            return [Finding.Pass("it does not run")];
        }

        // EnvironmentFile= overrides Environment= (systemd.exec(5)), and the mask the list (irqbalance
        // cputree.c, setup_banned_cpus). A ban of its own switches off that of isolated CPUs, even one that
        // is no list.
        Dictionary<string, (string Value, string File)> settings = Settings(facts);
        foreach ((string name, Func<string, CpuMask?> parse) in new[]
        {
            (Mask, (Func<string, CpuMask?>)(text => text.Length == 0 ? null : CpuMask.ParseHex(text))),
            (List, CpuMask.ParseList),
        })
        {
            if (settings.TryGetValue(name, out (string Value, string File) set)
                && (name != Mask || set.Value.Length > 0))
            {
                CpuMask? open = parse(set.Value) is CpuMask banned ? data.Without(banned) : null;
                return [open is null ? Finding.Unknown($"{running} runs; {set.File} bans "
                        + $"'{Facts.Short(set.Value)}', which is no {(name == Mask ? "mask" : "list")} of "
                            + $"CPUs")
                    : open.IsEmpty ? Finding.Pass($"{running} runs; {set.File} bans {parse(set.Value)}")
                    : Finding.Fail($"{running} runs; {set.File} bans {parse(set.Value)}, not {open}")];
            }
        }

        CpuMask automatic = facts.Cpus(Isolated).Or(facts.CpusOrMissing(NohzFull) ?? CpuMask.Empty);
        return [data.IsWithin(automatic)
            ? Finding.Warn($"{running} runs and bans isolated CPUs by itself; no file says so")
            : Finding.Fail($"{running} runs, no file bans the lanes' CPUs, and the kernel does not isolate "
                + $"them")];
    }

    private static Dictionary<string, (string Value, string File)> Settings(Facts facts)
    {
        Dictionary<string, (string, string)> settings = [];
        foreach (string file in facts.Match(DropIns).Select(match => match.Source)
            .Order(StringComparer.Ordinal).Concat(Files))
        {
            foreach (string line in facts.LinesOrMissing(file) ?? [])
            {
                string text = line.Trim();
                if (text.Length > 0 && text[0] is not ('#' or ';' or '[') && !text.Contains('='))
                {
                    throw new NotReadException($"{file}: '{Facts.Short(text)}' sets nothing");
                }

                foreach (string word in !Files.Contains(file) ? Assignments(text) : [text])
                {
                    int equals = word.IndexOf('=', StringComparison.Ordinal);
                    if (equals > 0 && word[..equals] is Mask or List)
                    {
                        settings[word[..equals]] = (word[(equals + 1)..].Trim('"', '\''), file);
                    }
                }
            }
        }

        return settings;
    }

    // Environment=A=1 "B=2": each word an assignment, in quotes or not.
    private static string[] Assignments(string line)
    {
        const string key = "Environment=";
        return line.StartsWith(key, StringComparison.Ordinal)
            ? [.. line[key.Length..].Split(' ').Select(word => word.Trim('"', '\''))] : [];
    }
}
