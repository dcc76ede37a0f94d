using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>What hardware, firmware and hypervisor take from the lanes without the kernel's doing.</summary>
internal static class HardwareChecks
{
    private const string SmiCount = "msr:34 {D}"; // MSR_SMI_COUNT (Intel SDM volume 4)
    private const string CpuInfo = "/proc/cpuinfo";
    private const string MachineCheck = "/sys/devices/system/machinecheck/machinecheck";
    private const string Corrected = "/sys/devices/system/edac/mc/mc*/ce_count";
    private const string Uncorrected = "/sys/devices/system/edac/mc/mc*/ue_count";
    private const string Controllers = "/sys/devices/system/edac/mc/mc*/mc_name";
    private const string L3Id = "/sys/devices/system/cpu/cpu{D}/cache/index3/id";
    private const string Resctrl = "/sys/fs/resctrl/";
    private const string Stat = "/proc/stat";

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } = [SmiZero, HwlatMax, MachineChecks, EdacRate,
        CachePartition, StealZero];

    private static Check SmiZero => new()
    {
        Id = "hw.smi.zero-delta",
        Kind = CheckKind.Behaviour,
        Severities = "H/-/-",
        Reads = [new Read(SmiCount, Intrusion.I2, ReadTraits.Window), CpuInfo],
        Expects = "over the window no system management interrupt came",
        Why = "one stops every CPU for microseconds to milliseconds, and no trace of the kernel shows it",
        Source = "Intel SDM volume 4 (MSR_SMI_COUNT); Linux Documentation/trace/hwlat_detector.rst",
        Remedy = new Remedy(RollbackClass.Firmware, "in firmware: legacy USB, reporting of corrected "
            + "errors, power management"),
        Judge = static facts => facts.Value(CpuInfo, "vendor_id") != "GenuineIntel"
            ? [Finding.Unsupported("only Intel's CPUs count them where a program can read it")]
            : facts.EachDataCpu(cpu =>
            {
                string source = string.Create(CultureInfo.InvariantCulture, $"msr:34 {cpu}");
                return [facts.LineOrMissing(source) is null
                    ? Finding.Unsupported("the register cannot be read: no module msr")
                    : facts.Delta(source) is var moved && moved == 0 ? Finding.Pass("none")
                    : Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                        $"{moved} in {facts.WindowSeconds:0.#} s"))];
            }),
    };

    private static Check HwlatMax => new()
    {
        Id = "hw.noise.hwlat-max",
        Kind = CheckKind.Behaviour,
        Severities = "H/I/-",
        Reads = [],
        Expects = "the longest gap that nothing in the kernel explains is within [host.objective] gap",
        Why = "no tuning of the operating system mends what firmware does",
        Source = "Linux Documentation/trace/hwlat_detector.rst",
        Remedy = new Remedy(RollbackClass.Firmware, "other firmware settings, or another host"),
        IsMeasuredGate = true,
        Judge = static _ => [Finding.Unknown("not measured")],
    };

    private static Check MachineChecks => new()
    {
        Id = "hw.mce.poll-known",
        Kind = CheckKind.Static,
        Severities = "M/-/-",
        Reads = [MachineCheck + "{D}/check_interval", MachineCheck + "{D}/ignore_ce", Controllers,
            BootLine.Source],
        Expects = "no timer polls the lanes' CPUs for corrected errors, machine checks are on, and a "
            + "driver of the "
            + "memory controller still counts",
        Why = "each CPU polls its own machine-check banks, every five minutes by default; switching "
            + "machine checks off "
            + "altogether would hide fatal errors too",
        Source = "Linux Documentation/arch/x86/x86_64/machinecheck.rst; profiles disagree: mce=off and "
            + "ignore_ce=1",
        Remedy = new Remedy(RollbackClass.Runtime, "write 1 to ignore_ce of the lanes' CPUs",
            "mce=ignore_ce"),
        Judge = static facts =>
        {
            BootLine line = BootLine.Running(facts);
            if (line.Has("nomce") || line.All("mce").Contains("off"))
            {
                return [Finding.Warn("booted with mce=off: fatal errors are not handled either")];
            }

            Finding[] findings = [.. facts.EachDataCpu(cpu => [Polled(facts, cpu)])];
            return findings.Any(finding => finding.State == CheckState.Pass)
                && facts.Match(Controllers).Count == 0
                ? [.. findings, Finding.Warn("no driver of the memory controller counts what is no longer "
                    + "polled for")]
                : findings;
        },
    };

    private static Check EdacRate => new()
    {
        Id = "hw.edac.ce-rate",
        Kind = CheckKind.Behaviour,
        Severities = "M/-/-",
        Reads = [new Read(Corrected, Traits: ReadTraits.Window),
            new Read(Uncorrected, Traits: ReadTraits.Window)],
        Expects = "over the window memory had no error, corrected or not",
        Why = "corrected errors raise interrupts, often system management ones, in storms",
        Source = "Linux Documentation/admin-guide/RAS/main.rst",
        Remedy = new Remedy(RollbackClass.Firmware, "replace the module"),
        Judge = static facts =>
        {
            IReadOnlyList<Match> corrected = facts.Match(Corrected);
            if (corrected.Count == 0)
            {
                return [Finding.Unsupported("no driver counts memory errors here")];
            }

            IReadOnlyList<Match> uncorrected = facts.Match(Uncorrected);
            if (!corrected.Select(match => match.Parts[0])
                .SequenceEqual(uncorrected.Select(match => match.Parts[0])))
            {
                return [Finding.Unknown("not every memory controller counts both kinds of errors")];
            }

            long mended = corrected.Sum(match => facts.Delta(match.Source));
            long lost = uncorrected.Sum(match => facts.Delta(match.Source));
            return [lost != 0 ? Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                $"{lost} uncorrected errors"))
                : mended != 0 ? Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                    $"{mended} corrected errors"))
                : Finding.Pass("none")];
        },
    };

    private static Check CachePartition => new()
    {
        Id = "hw.cache.llc-partition",
        Kind = CheckKind.Static,
        Severities = "L/-/-",
        Reads = [Resctrl + "schemata", Resctrl + "*/schemata", Resctrl + "*/cpus_list", L3Id],
        Expects = "where the last-level cache is divided, the lanes' part is their own",
        Why = "a neighbour that evicts the lanes' lines makes turns slow without any gap to see",
        Source = "Linux Documentation/arch/x86/resctrl.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "give the lanes' CPUs a resctrl group whose ways no "
            + "other group has"),
        Judge = Partition,
    };

    private static Check StealZero => new()
    {
        Id = "hw.virt.steal-zero",
        Kind = CheckKind.Behaviour,
        Severities = "-/H/L",
        Reads = [new Read(Stat, Traits: ReadTraits.Window), CpuInfo],
        Expects = "over the window the hypervisor took no time from the lanes' CPUs",
        Why = "seen from a guest, preemption by the host is a gap without a cause",
        Source = "proc_stat(5); Linux Documentation/trace/osnoise-tracer.rst; measured: 383 of 640 gaps of "
            + "a guest had no event in it",
        Remedy = new Remedy(RollbackClass.Firmware, "on the host: pin the virtual CPUs, do not overcommit"),
        Judge = static facts => !facts.Value(CpuInfo, "flags").Split(' ').Contains("hypervisor")
            ? [Finding.NotApplicable("there is no hypervisor")]
            : facts.EachDataCpu(cpu =>
            {
                double share = CpuTime.StealShare(facts, Stat, cpu);
                string told = string.Create(CultureInfo.InvariantCulture,
                    $"{100 * share:0.###} % of the window");
                return [share == 0 ? Finding.Pass("none") : share <= 1e-4 ? Finding.Warn(told)
                    : Finding.Fail(told)];
            }),
    };

    private static Finding Polled(Facts facts, int cpu)
    {
        string directory = string.Create(CultureInfo.InvariantCulture, $"{MachineCheck}{cpu}/");
        return facts.NumberOrMissing(directory + "check_interval") is not long interval
                ? Finding.Unsupported("the kernel shows no machine checks")
            : interval == 0 ? Finding.Pass("no polling")
            : facts.NumberOrMissing(directory + "ignore_ce") == 1
                ? Finding.Pass("corrected errors are not polled for")
            : Finding.Warn(string.Create(CultureInfo.InvariantCulture, $"polled every {interval} s"), null,
                $"echo 1 > {directory}ignore_ce");
    }

    // Beside groups there lie info, mon_data and mon_groups, which have no CPUs.
    private static IEnumerable<Finding> Partition(Facts facts)
    {
        if (facts.LinesOrMissing(Resctrl + "schemata") is not string[] root)
        {
            return [Finding.Unsupported("resctrl is not mounted, or the CPU divides no cache")];
        }

        Dictionary<string, CpuMask> groups = [];
        foreach (Match match in facts.Match(Resctrl + "*/cpus_list"))
        {
            if (facts.CpusOrMissing(match.Source) is CpuMask cpus)
            {
                groups[match.Parts[0]] = cpus;
            }
        }

        Dictionary<string, Dictionary<long, ulong>> ways = groups.Keys.ToDictionary(name => name, name =>
            Ways(facts.Lines($"{Resctrl}{name}/schemata"), $"{Resctrl}{name}/schemata"));
        ways[""] = Ways(root, Resctrl + "schemata");
        if (!groups.Values.Any(cpus => !cpus.And(facts.Topology.Data).IsEmpty))
        {
            return [Finding.NotApplicable("the cache is not divided for the lanes, and nothing asks for it")];
        }

        return facts.EachDataCpu(cpu =>
        {
            string own = groups.FirstOrDefault(group => group.Value.Contains(cpu)).Key ?? "";
            long id = facts.Number(L3Id.Replace(
                "{D}", cpu.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
            ulong mine = In(ways[own], id);
            string? other = ways.Where(group => group.Key != own && (In(group.Value, id) & mine) != 0)
                .Select(group => group.Key.Length == 0 ? "the rest of the host" : "group " + group.Key)
                    .FirstOrDefault();
            return [own.Length == 0 ? Finding.Warn("is in no group of its own, like the rest of the host")
                : other is null ? Finding.Pass($"group {own} has its own ways")
                : Finding.Warn($"group {own} shares ways with {other}")];
        });
    }

    private static ulong In(Dictionary<long, ulong> ways, long id) => ways.TryGetValue(id, out ulong mask)
        ? mask
        : throw new NotReadException(string.Create(CultureInfo.InvariantCulture,
            $"resctrl names no L3 cache {id}"));

    // "    L3:0=ff0;1=ff0"; L3CODE and L3DATA where code and data are divided apart.
    private static Dictionary<long, ulong> Ways(string[] lines, string source)
    {
        Dictionary<long, ulong> ways = [];
        foreach (string line in lines.Where(text => text.TrimStart()
            .StartsWith("L3", StringComparison.Ordinal)))
        {
            foreach (string part in line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Split(';'))
            {
                if (part.Split('=') is not [var id, var mask]
                    || !ulong.TryParse(mask, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                        out ulong bits))
                {
                    throw new NotReadException($"{source}: '{Facts.Short(part)}' names no ways of a cache");
                }

                long domain = Facts.AsNumber(source, id);
                ways[domain] = ways.GetValueOrDefault(domain) | bits;
            }
        }

        return ways.Count > 0 ? ways : throw new NotReadException($"{source}: it names no ways of the L3 "
            + $"cache");
    }
}
