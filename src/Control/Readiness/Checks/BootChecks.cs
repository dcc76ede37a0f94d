using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>The boot line: what it says, what came of it, whether it will be there next time.</summary>
internal static class BootChecks
{
    private const string Line = BootLine.Source;
    private const string Cpus = "/sys/devices/system/cpu/";
    private const string DefaultAffinity = "/proc/irq/default_smp_affinity";
    private const string Huge = "/sys/kernel/mm/hugepages/hugepages-*kB/nr_hugepages";
    private const string Partitions = "/sys/fs/cgroup/cpuset.cpus.isolated";
    private const string Log = "kmsg:";
    private const int BootCpu = 0; // x86 boots on the CPU that it numbers 0

    private static readonly string[] LatencyWords =
        ["cpu", "irq", "rcu", "nohz", "isol", "tsc", "huge", "idle", "state", "mce", "sched", "watchdog",
            "kthread", "preempt", "poll", "tick", "numa", "iommu", "aspm", "thp", "transparent", "kfence",
            "clock", "lockup"];

    /// <summary>Settings that entries are made of, in the order grub-mkconfig reads them.</summary>
    private static readonly string[] Settings =
        ["/etc/default/grub", "/etc/default/grub.d/*.cfg", Tuned];

    private const string Tuned = "/etc/tuned/bootcmdline";

    /// <summary>The line that kernel-install writes into entries and unified kernel images.</summary>
    private const string Plain = "/etc/kernel/cmdline";

    /// <summary>Entries themselves, each with the folder of its grubenv.</summary>
    private static readonly (string File, string Folder)[] Grubs =
        [("/boot/grub/grub.cfg", "/boot/grub/"), ("/boot/grub2/grub.cfg", "/boot/grub2/")];

    private const string Entries = "/boot/loader/entries/*.conf";

    /// <summary>The group's second part.</summary>
    public static IReadOnlyList<Check> All { get; } = [ParsedIsEffective, NoUnknown, NoContradiction,
        Persistent];

    private static Check ParsedIsEffective => new()
    {
        Id = "boot.cmdline.parsed-equals-effective",
        Kind = CheckKind.Static,
        Severities = "B/B/L",
        Reads = [Line, Cpus + "possible", Cpus + "isolated", Cpus + "nohz_full", DefaultAffinity, Huge],
        Expects = "what the boot line asks for is what the kernel does",
        Why = "arguments that the kernel does not know, or cannot meet, are dropped in silence; their text "
            + "proves nothing",
        Source = "Linux Documentation/admin-guide/kernel-parameters.rst (CPU lists); "
            + "redhat-performance/tuned's bootloader plugin "
            + "compares words, firedancer-io/firedancer's parser stops at 4-N",
        Remedy = new Remedy(RollbackClass.Boot, "correct the boot entry; 'lowlat check --boot-args' prints "
            + "the line"),
        Judge = Effective,
    };

    private static Check NoUnknown => new()
    {
        Id = "boot.cmdline.no-unknown-args",
        Kind = CheckKind.Static,
        Severities = "H/H/L",
        Reads = [Log],
        Expects = "the kernel knows every argument on the boot line that is about CPUs, interrupts or memory",
        Why = "a typo is accepted in silence; some published examples carry arguments that never existed",
        Source = "Linux init/main.c (print_unknown_bootoptions); canonical/rt-conf's example carries "
            + "kthread_cpus",
        Remedy = new Remedy(RollbackClass.Boot, "correct the boot entry"),
        Judge = static facts => [Unknown(facts.Lines(Log))],
    };

    private static Check NoContradiction => new()
    {
        Id = "boot.cmdline.no-contradiction",
        Kind = CheckKind.Static,
        Severities = "H/H/L",
        Reads = [Line, Cpus + "possible", Partitions],
        Expects = "the arguments of the boot line agree with each other and with the lanes' CPUs",
        Why = "a distribution shipped irqaffinity over all CPUs beside isolcpus; idle=poll beside "
            + "nohz_full ticks a thousand times "
            + "a second",
        Source = "seapath/ansible#865, seapath/meta-seapath#167; Linux "
            + "Documentation/admin-guide/kernel-parameters.txt",
        Remedy = new Remedy(RollbackClass.Boot, "correct the boot entry; 'lowlat check --boot-args' prints "
            + "the line"),
        Judge = Contradictions,
    };

    private static Check Persistent => new()
    {
        Id = "boot.cmdline.persistent",
        Kind = CheckKind.Static,
        Severities = "M/M/-",
        Reads =
        [
            Line, Cpus + "possible", .. Settings.Select(file => (Read)file), Plain, Entries,
            .. Grubs.Select(grub => (Read)grub.File),
            .. Grubs.Select(grub => new Read(grub.Folder + "grubenv", Traits: ReadTraits.Raw)),
        ],
        Expects = "what the boot loader will give the next kernel is what this one runs with",
        Why = "what was typed once at the boot prompt, or lost in an update, shows only after the next "
            + "reboot",
        Source = "grub-mkconfig(8); kernel-install(8); Boot Loader Specification",
        Remedy = new Remedy(RollbackClass.Boot, "write them to /etc/default/grub.d or /etc/kernel/cmdline, "
            + "and rebuild the entries"),
        Judge = Kept,
    };

    // Printed since 5.14; the list is one pair of quotes, and a value in it may hold more of them.
    private static Finding Unknown(string[] lines)
    {
        const string head = "Unknown kernel command line parameters \"";
        const string version = "Linux version ";
        string? line = Array.Find(lines, text => text.Contains(head, StringComparison.Ordinal));
        if (line is not null)
        {
            string list = line[(line.IndexOf(head, StringComparison.Ordinal) + head.Length)..];
            int end = list.LastIndexOf("\", will be passed", StringComparison.Ordinal);
            string[] odd = [.. BootLine.Parse(end < 0 ? list : list[..end]).Arguments.Where(IsOfLatency)
                .Select(word => word.ToString())];
            return odd.Length > 0 ? Finding.Warn($"the kernel does not know {string.Join(", ", odd.Take(6))}")
                : end < 0 ? Finding.Unknown("the kernel's list of what it does not know is cut off")
                : Finding.Pass("those it does not know are about nothing of this");
        }

        string? first = Array.Find(lines, text => text.Contains(version, StringComparison.Ordinal));
        string[] numbers = (first ?? "").Split(version)[^1].Split('.', '-', ' ');
        return first is null ? Finding.Unknown("the beginning of the kernel's log is gone")
            : numbers.Length < 2 || !Version.TryParse($"{numbers[0]}.{numbers[1]}", out Version? release)
                ? Finding.Unknown($"'{Facts.Short(first)}' names no version of a kernel")
            : release < new Version(5, 14) ? Finding.Unsupported("kernels before 5.14 do not say what they "
                + "do not know")
            : Finding.Pass("it knows all");
    }

    private static bool IsOfLatency(BootArgument argument) =>
        LatencyWords.Any(part => argument.Name.Contains(part, StringComparison.Ordinal));

    private static List<Finding> Kept(Facts facts)
    {
        BootLine line = BootLine.Running(facts);
        CpuMask possible = facts.Cpus(Cpus + "possible");
        List<(string Where, BootLine Line)> next = Next(facts);
        if (next.Count == 0)
        {
            return line.Arguments.Any(IsOfLatency)
                ? [Finding.Unsupported("no boot loader configuration is found")]
                : [Finding.NotApplicable("the boot line isolates nothing, and no boot loader configuration "
                    + "is found")];
        }

        List<Finding> findings = [];
        foreach ((string where, BootLine other) in next)
        {
            string[] odd = [.. line.Arguments.Concat(other.Arguments).Where(IsOfLatency)
                .Select(argument => argument.Name).DistinctBy(name => name.Replace('-', '_'))
                .Where(name => !BootLine.IsSameOn(line, other, name, possible))
                .Select(name => !other.Has(name) ? $"lacks {Written(line, name)}"
                    : !line.Has(name) ? $"adds {Written(other, name)}"
                    : $"has {Written(other, name)}, this boot {Written(line, name)}")];
            findings.AddRange(odd.Length == 0 ? []
                : [Finding.Warn($"{where}: {string.Join("; ", odd.Take(6))}")]);
        }

        return findings.Count > 0 ? findings
            : !line.Arguments.Any(IsOfLatency)
                ? [Finding.NotApplicable("neither this boot nor the next isolates anything")]
            : [Finding.Pass("in " + string.Join(", ", next.Select(row => row.Where).Take(4)))];
    }

    private static string Written(BootLine line, string name) =>
        string.Join(' ', line.All(name).Select(value => new BootArgument(name, value)));

    // Settings and entries are judged by themselves: settings that were never built into an entry do not
    // boot.
    private static List<(string Where, BootLine Line)> Next(Facts facts)
    {
        List<(string, string?)> lines = [];
        string[] settings = [.. Settings.SelectMany(IEnumerable<string> (pattern) =>
            !pattern.Contains('*', StringComparison.Ordinal) ? [pattern]
                : facts.Match(pattern).Select(match => match.Source).Order(StringComparer.Ordinal))];
        string[] texts = [.. settings.Select(source => facts.TextOrMissing(source)).OfType<string>()];
        bool isGrub = settings.Any(source => source != Tuned && facts.Exists(source));
        lines.Add((Settings[0], isGrub ? BootFiles.OfSettings(texts) : null));
        lines.Add((Plain, facts.TextOrMissing(Plain) is string plain ? BootFiles.OfPlain(plain) : null));
        string environment = string.Concat(Grubs.Select(grub =>
            facts.TextOrMissing(grub.Folder + "grubenv")));
        lines.AddRange(Grubs.Select(grub => (grub.File,
            facts.TextOrMissing(grub.File) is string text ? BootFiles.OfGrub(text, environment) : null)));
        lines.AddRange(facts.Match(Entries).Select(match => match.Source)
            .Where(source => !source.Contains("rescue", StringComparison.Ordinal))
            .Select(source => (source, (string?)BootFiles.OfEntry(facts.Text(source), environment))));
        return [.. lines.Where(row => row.Item2 is not null).Select(row =>
            (row.Item1, BootLine.Parse(row.Item2!)))];
    }

    private static List<Finding> Effective(Facts facts)
    {
        BootLine line = BootLine.Running(facts);
        CpuMask possible = facts.Cpus(Cpus + "possible");
        List<Finding> findings = [.. Refused(line, possible).Select(text => Finding.Fail(text))];
        if (line.UnknownFlags() is { Count: > 0 } unknown)
        {
            findings.Add(Finding.Warn($"isolcpus has flags that the kernel passes over: "
                + $"{string.Join(", ", unknown)}"));
        }

        if (line.IsolationFlags().Contains("domain") && Asked(line, "isolcpus", possible) is CpuMask kept)
        {
            CpuMask isolated = facts.Cpus(Cpus + "isolated");
            findings.Add(kept.IsWithin(isolated) ? Finding.Pass($"isolcpus: {kept}")
                : Finding.Fail($"isolcpus asks for {kept}, the kernel isolates {isolated}"));
        }

        if (Asked(line, "nohz_full", possible) is CpuMask quiet)
        {
            CpuMask? silent = facts.CpusOrMissing(Cpus + "nohz_full");
            findings.Add(silent is null ? Finding.Fail($"nohz_full asks for {quiet}, and this kernel is "
                + $"built without it")
                : quiet.Equals(silent) ? Finding.Pass($"nohz_full: {quiet}")
                : Finding.Fail($"nohz_full asks for {quiet}, tickless are {silent}"));
        }

        // The kernel adds the CPU it boots on (kernel/irq/irqdesc.c, irq_affinity_setup).
        if (Asked(line, "irqaffinity", possible)?.Or(new CpuMask([BootCpu])) is CpuMask served)
        {
            CpuMask mask = facts.HexCpus(DefaultAffinity);
            findings.Add(served.Equals(mask) ? Finding.Pass($"irqaffinity: {served}")
                : Finding.Warn($"irqaffinity asks for {served}, the default now is {mask}"));
        }

        foreach ((long kib, long? pages) in HugePages(line))
        {
            string source = Huge.Replace("*", kib.ToString(CultureInfo.InvariantCulture),
                StringComparison.Ordinal);
            long there = facts.Match(Huge).Any(match => match.Source == source) ? facts.Number(source) : 0;
            findings.Add(pages is null ? Finding.Fail($"hugepages of {kib} KiB: no number that the kernel "
                + $"takes")
                : there >= pages ? Finding.Pass($"hugepages of {kib} KiB: {there}")
                : Finding.Fail($"{pages} huge pages of {kib} KiB asked for, {there} there"));
        }

        return findings.Count > 0 ? findings
            : [Finding.NotApplicable("the boot line asks for nothing of this")];
    }

    private static CpuMask? Asked(BootLine line, string name, CpuMask possible) =>
        line.Holding(name) is string value ? BootLine.CpusOf(name, value, possible)?.And(possible) : null;

    private static IEnumerable<string> Refused(BootLine line, CpuMask possible) => BootLine.Lists
        .Where(name => line.Holding(name) is string value && BootLine.CpusOf(name, value, possible) is null)
        .Select(name => $"the kernel drops {name}={Facts.Short(line.Holding(name)!)}: it is no list of "
            + $"CPUs up to "
            + string.Create(CultureInfo.InvariantCulture, $"{possible.Cpus.DefaultIfEmpty().Max()}"));

    // hugepages= counts pages of the size before it; without one, of the default size, 2 MiB on x86-64
    // (mm/hugetlb.c). Null: no number. A size that comes twice counts once.
    private static Dictionary<long, long?> HugePages(BootLine line)
    {
        long size = Kib(line.Last("default_hugepagesz")) ?? 2048;
        Dictionary<long, long?> pages = [];
        foreach (BootArgument argument in line.Arguments)
        {
            size = argument.Name is "hugepagesz" or "default_hugepagesz" ? Kib(argument.Value) ?? size : size;
            if (argument.Name == "hugepages")
            {
                pages.TryAdd(size, Pages(argument.Value ?? ""));
            }
        }

        return pages;
    }

    // "512", or "0:256,1:256" by node.
    private static long? Pages(string text)
    {
        long sum = 0;
        foreach (string part in text.Split(','))
        {
            string[] halves = part.Split(':');
            if (halves.Length > 2 || !long.TryParse(halves[^1], NumberStyles.None,
                CultureInfo.InvariantCulture, out long count))
            {
                return null;
            }

            sum += count;
        }

        return sum;
    }

    private static long? Kib(string? size) => size is { Length: > 1 }
        && long.TryParse(size[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
        && number < 1 << 20 ? char.ToUpperInvariant(size[^1]) switch
        {
            'K' => number,
            'M' => number << 10,
            'G' => number << 20,
            _ => null,
        } : null;

    private static List<Finding> Contradictions(Facts facts)
    {
        BootLine line = BootLine.Running(facts);
        if (!BootLine.Lists.Any(line.Has))
        {
            return [Finding.NotApplicable("the boot line isolates nothing")];
        }

        CpuMask possible = facts.Cpus(Cpus + "possible");
        List<Finding> findings = [.. Refused(line, possible).Select(text => Finding.Fail(text)),
            .. Twice(line, possible)];
        if (findings.Count > 0)
        {
            return findings;
        }

        IReadOnlyList<string> flags = line.IsolationFlags();
        CpuMask isolated = flags.Contains("domain") ? line.Cpus("isolcpus", possible) : CpuMask.Empty;
        CpuMask silent = line.Cpus("nohz_full", possible);
        if (line.Cpus("irqaffinity", possible).And(facts.Topology.Data) is { IsEmpty: false } shared)
        {
            findings.Add(Finding.Fail($"irqaffinity={line.Last("irqaffinity")} has the lanes' CPUs "
                + $"{shared}"));
        }

        if (!silent.IsWithin(isolated)
            && silent.Without(isolated.Or(facts.CpusOrMissing(Partitions) ?? CpuMask.Empty))
                is { IsEmpty: false } balanced)
        {
            findings.Add(Finding.Fail($"nohz_full={line.Holding("nohz_full")} has CPUs {balanced}, which "
                + $"neither "
                + "isolcpus nor a partition isolates"));
        }

        if (line.Has("nohz_full") && line.Last("idle") == "poll")
        {
            findings.Add(Finding.Warn("idle=poll beside nohz_full: an idle CPU keeps ticking"));
        }

        if (flags.Contains("managed_irq") && !flags.Contains("domain"))
        {
            findings.Add(Finding.Warn("isolcpus=managed_irq without domain isolates from interrupts, not "
                + "from the scheduler"));
        }

        if (line.Last("rcu_nocbs") is string offloaded && !silent.IsWithin(line.Cpus("rcu_nocbs", possible)))
        {
            findings.Add(Finding.Warn($"rcu_nocbs={offloaded} leaves out CPUs of "
                + $"nohz_full={line.Holding("nohz_full")}"));
        }

        return findings.Count > 0 ? findings : [Finding.Pass("none")];
    }

    // A later isolcpus or nohz_full is dropped where it says something else than the first.
    private static IEnumerable<Finding> Twice(BootLine line, CpuMask possible) => BootLine.FirstHolds
        .Where(name => line.All(name).Any(value => !BootLine.IsSameOn(
            line, BootLine.Parse(new BootArgument(name, value).ToString()), name, possible)))
        .Select(name => Finding.Fail($"{Written(line, name)}: the kernel takes the first alone"));
}
