using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>Idle states, frequencies, temperature and link power of what the lanes use.</summary>
internal static class PowerChecks
{
    private const string Cpu = "/sys/devices/system/cpu/cpu";
    private const string Policies = "/sys/devices/system/cpu/cpufreq/policy*/";
    private const string Uncore = "/sys/devices/system/cpu/intel_uncore_frequency/package_*/";
    private const string Request = "/dev/cpu_dma_latency";
    private const string Aspm = "/sys/module/pcie_aspm/parameters/policy";

    /// <summary>The group's first part.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [ExitLatency, Governor, StableFrequency, UncorePinned, NoThrottle, NoLinkPower];

    private static Check ExitLatency => new()
    {
        Id = "pwr.cstate.exit-latency-bounded",
        Kind = CheckKind.Static,
        Severities = "H/I/-",
        Reads =
        [
            Cpu + "{D}/cpuidle/state*/latency", Cpu + "{D}/cpuidle/state*/disable", Cpu
                + "{D}/cpuidle/state*/name",
            Cpu + "{D}/power/pm_qos_resume_latency_us", new Read(Request, Traits: ReadTraits.Raw),
        ],
        Expects = "no idle state that a lane's CPU may enter takes longer to leave than [host.objective] "
            + "exit_latency",
        Why = "leaving a deep state takes 100 us and more; the limit per CPU is one value that all of user "
            + "space shares",
        Source = "Linux Documentation/admin-guide/pm/cpuidle.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "disable the deeper states of the lanes' CPUs, or write "
            + "their latency "
            + "limit", "intel_idle.max_cstate=1 processor.max_cstate=1"),
        Judge = static facts => facts.EachDataCpu(cpu => IdleStates(facts, cpu)),
    };

    private static Check Governor => new()
    {
        Id = "pwr.governor.performance",
        Kind = CheckKind.Static,
        Severities = "H/-/-",
        Reads = [Policies + "scaling_governor", Policies + "affected_cpus", Policies + "scaling_driver"],
        Expects = "the frequency governor of every lane's CPU is 'performance'",
        Why = "other governors raise the clock only after load has come",
        Source = "rigtorp.se low-latency guide; redhat-performance/tuned profile latency-performance",
        Remedy = new Remedy(RollbackClass.Runtime, "write 'performance' to scaling_governor"),
        Judge = static facts => EachPolicy(facts, directory =>
        {
            string governor = facts.Line(directory + "scaling_governor");
            return governor == "performance" ? Finding.Pass("performance")
                : Finding.Warn($"governor is {Facts.Short(governor)}", null,
                    $"echo performance > {directory}scaling_governor");
        }),
    };

    private static Check StableFrequency => new()
    {
        Id = "pwr.freq.stable",
        Kind = CheckKind.Static,
        Severities = "M/-/-",
        Reads =
        [
            Policies + "scaling_min_freq", Policies + "scaling_max_freq", Policies + "affected_cpus",
            Policies + "scaling_driver",
        ],
        Expects = "lowest and highest frequency of every lane's CPU are the same",
        Why = "a change of frequency stops the core for microseconds; the frequency itself is not read "
            + "here, since reading "
            + "it may interrupt the CPU",
        Source = "Linux Documentation/admin-guide/pm/cpufreq.rst; influxdata/telegraf#13830",
        Remedy = new Remedy(RollbackClass.Runtime, "write the same value to scaling_min_freq and "
            + "scaling_max_freq",
            Hazard: "raise the maximum before the minimum"),
        Judge = static facts => EachPolicy(facts, directory =>
        {
            long least = facts.Number(directory + "scaling_min_freq");
            long most = facts.Number(directory + "scaling_max_freq");
            return least == most ? Finding.Pass(string.Create(CultureInfo.InvariantCulture,
                $"{most / 1000} MHz"))
                : Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                    $"{least / 1000} to {most / 1000} MHz"), null,
                    string.Create(CultureInfo.InvariantCulture,
                        $"echo {most} > {directory}scaling_min_freq"));
        }),
    };

    private static Check UncorePinned => new()
    {
        Id = "pwr.uncore.pinned",
        Kind = CheckKind.Static,
        Severities = "M/-/-",
        Reads = [Uncore + "min_freq_khz", Uncore + "max_freq_khz"],
        Expects = "the uncore keeps one frequency",
        Why = "the uncore's clock sets the latency of the last-level cache and of memory, and falls under "
            + "light load",
        Source = "Linux Documentation/admin-guide/pm/intel_uncore_frequency_scaling.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "write the maximum to min_freq_khz; on AMD disable DF "
            + "C-states in firmware"),
        Judge = static facts =>
        {
            List<Finding> findings = [];
            foreach (Match package in facts.Match(Uncore + "min_freq_khz"))
            {
                string most = package.Source.Replace("min_freq_khz", "max_freq_khz",
                    StringComparison.Ordinal);
                long low = facts.Number(package.Source);
                long high = facts.Number(most);
                findings.Add(low == high
                    ? Finding.Pass(string.Create(CultureInfo.InvariantCulture,
                        $"{package.Parts[0]}: {high / 1000} MHz"))
                    : Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                        $"{package.Parts[0]}: {low / 1000} to {high / 1000} MHz"), null,
                        string.Create(CultureInfo.InvariantCulture, $"echo {high} > {package.Source}")));
            }

            return findings.Count > 0 ? findings
                : [Finding.Unsupported("no driver shows the uncore's frequency (Intel: "
                    + "intel_uncore_frequency)")];
        },
    };

    private static Check NoThrottle => new()
    {
        Id = "pwr.thermal.no-throttle",
        Kind = CheckKind.Behaviour,
        Severities = "H/-/-",
        Reads =
        [
            new Read(Cpu + "{D}/thermal_throttle/core_throttle_count", Traits: ReadTraits.Window),
            new Read(Cpu + "{D}/thermal_throttle/package_throttle_count", Traits: ReadTraits.Window),
        ],
        Expects = "over the window no lane's CPU was slowed down for heat",
        Why = "a throttled core falls to a fraction of its clock, and the event is an interrupt besides",
        Source = "Linux Documentation/ABI/testing/sysfs-devices-system-cpu (thermal_throttle)",
        Remedy = new Remedy(RollbackClass.Firmware, "mend cooling or power limits"),
        Judge = static facts => facts.EachDataCpu(cpu =>
        {
            string directory = string.Create(CultureInfo.InvariantCulture, $"{Cpu}{cpu}/thermal_throttle/");
            if (facts.NumberOrMissing(directory + "core_throttle_count") is null)
            {
                return [Finding.Unsupported("the CPU counts no throttling")];
            }

            long core = facts.Delta(directory + "core_throttle_count");
            // A CPU that has no sensor of its package has no such file.
            long package = facts.NumberOrMissing(directory + "package_throttle_count") is null ? 0
                : facts.Delta(directory + "package_throttle_count");
            return [core + package == 0 ? Finding.Pass("none")
                : Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                    $"throttled {core} times, its package {package} times, in the window"))];
        }),
    };

    private static Check NoLinkPower => new()
    {
        Id = "pwr.pci.no-aspm-rpm",
        Kind = CheckKind.Static,
        Severities = "M/L/-",
        Reads =
        [
            Aspm, "{port.pci}/power/control", "{port.pci}/link/*_aspm", "{disk.pci}/power/control",
                "{disk.pci}/link/*_aspm",
        ],
        Expects = "ports and disks neither suspend nor let their links sleep",
        Why = "a link that leaves L1 takes up to tens of microseconds, which the first packet after a "
            + "pause pays",
        Source = "Linux Documentation/PCI/pciebus-howto.rst, Documentation/power/runtime_pm.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "write 'performance' to the policy and 'on' to "
            + "power/control",
            "pcie_aspm=off"),
        Judge = LinkPower,
    };

    private static List<Finding> LinkPower(Facts facts)
    {
        List<(Subject Subject, string Directory)> devices =
        [
            .. facts.Topology.Ports.Where(port => port.Pci.Length > 0)
                .Select(port => (Subject.Of(port), port.PciFile(""))),
            .. facts.Topology.Disks.Where(disk => disk.Pci.Length > 0)
                .Select(disk => (Subject.Of(disk), disk.PciFile(""))),
        ];
        List<Finding> findings =
        [
            .. facts.Topology.Ports.Where(port => port.Absence is not null)
                .Select(port => Finding.Unknown(port.Absence!, Subject.Of(port))),
            .. facts.Topology.Disks.Where(disk => disk.Absence is not null)
                .Select(disk => Finding.Unknown(disk.Absence!, Subject.Of(disk))),
        ];
        if (devices.Count == 0)
        {
            return findings.Count > 0 ? findings
                : [Finding.NotApplicable("no port or disk has a PCI device")];
        }

        if (facts.ChosenOrMissing(Aspm) is string policy && policy is not "performance")
        {
            findings.Add(Finding.Warn($"ASPM policy is {policy}", null, $"echo performance > {Aspm}"));
        }

        findings.AddRange(Facts.Each(devices, device => device.Subject, device =>
        {
            string control = device.Directory + "power/control";
            string asleep = string.Join(", ", facts.Match(device.Directory + "link/*_aspm")
                .Where(link => facts.Number(link.Source) != 0).Select(link => link.Parts[0]));
            string? mode = facts.LineOrMissing(control);
            return [mode is not (null or "on")
                ? Finding.Warn($"may suspend (power/control is {Facts.Short(mode)})", null,
                    $"echo on > {control}")
                : asleep.Length > 0 ? Finding.Warn($"its link may sleep: {asleep}")
                : mode is null ? Finding.Unsupported("the kernel shows no power state of it")
                : Finding.Pass("stays on")];
        }));
        return findings;
    }

    private static IEnumerable<Finding> IdleStates(Facts facts, int cpu)
    {
        string directory = string.Create(CultureInfo.InvariantCulture, $"{Cpu}{cpu}/cpuidle/state*/latency");
        IReadOnlyList<Match> states = facts.Match(directory);
        if (states.Count == 0)
        {
            yield return Finding.Unsupported("the kernel manages no idle states (a guest, or idle=poll)");
            yield break;
        }

        string qosFile = string.Create(CultureInfo.InvariantCulture,
            $"{Cpu}{cpu}/power/pm_qos_resume_latency_us");
        string? qos = facts.LineOrMissing(qosFile);
        // "n/a": polling only; 0: no limit (Documentation/ABI/testing/sysfs-devices-power).
        long limit = Math.Min(OfAllCpus(facts), qos is null or "0" ? long.MaxValue
            : qos == "n/a" ? 0 : Facts.AsNumber(qosFile, qos));
        long most = facts.Topology.Objective.ExitLatencyNs / 1000;
        (string Name, long Latency, string Directory)[] open =
        [
            .. states.Select(state => state.Source[..^"latency".Length])
                .Select(state => (NameOf(facts, state + "name"), facts.Number(state + "latency"), state))
                .Where(state => facts.Number(state.state + "disable") == 0 && state.Item2 <= limit),
        ];
        (string Name, long Latency, string Directory)[] deep = [.. open.Where(state => state.Latency > most)];
        yield return deep.Length == 0
            ? Finding.Pass(string.Create(CultureInfo.InvariantCulture,
                $"the deepest open state takes "
                    + $"{open.Select(state => state.Latency).DefaultIfEmpty().Max()} us to leave"))
            : facts.Topology.Lanes.All(lane => lane.Cpu != cpu)
                ? Finding.Warn($"{Tell(deep)}; nothing spins here", null,
                    [.. deep.Select(state => $"echo 1 > {state.Directory}disable")])
            : Finding.Fail(Tell(deep), null, [.. deep.Select(state => $"echo 1 > {state.Directory}disable")]);
    }

    // The lowest request that some program holds open, in microseconds: four bytes (kernel/power/qos.c,
    // cpu_latency_qos_read). One that cannot be read limits nothing.
    private static long OfAllCpus(Facts facts) => facts.Get(Request) is { State: FactState.Read } fact
        && fact.Bytes.Length == sizeof(int) && BitConverter.ToInt32(fact.Bytes) is >= 0 and var limit ? limit
        : long.MaxValue;

    private static string NameOf(Facts facts, string source) =>
        facts.Line(source) is { Length: <= 16 } name ? name // CPUIDLE_NAME_LEN (linux/cpuidle.h)
            : throw new NotReadException($"{source}: it is too long for a name");

    private static string Tell((string Name, long Latency, string Directory)[] states) =>
        string.Join(", ", states.Select(state =>
            string.Create(CultureInfo.InvariantCulture, $"{state.Name} takes {state.Latency} us to leave")));

    private static IEnumerable<Finding> EachPolicy(Facts facts, Func<string, Finding> judge)
    {
        Dictionary<int, string> directories = [];
        foreach (Match policy in facts.Match(Policies + "affected_cpus"))
        {
            foreach (int cpu in facts.Line(policy.Source).Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(word => (int)Facts.AsNumber(policy.Source, word)))
            {
                directories[cpu] = policy.Source[..^"affected_cpus".Length];
            }
        }

        return facts.EachDataCpu(cpu => [directories.TryGetValue(cpu, out string? directory)
            ? judge(directory)
            : Finding.Unsupported("the kernel manages no frequency of it (a guest, or the firmware does)")]);
    }
}
