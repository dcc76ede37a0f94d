using System.Globalization;
using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>What protects the host, and what that costs the data plane: IOMMU, seccomp, audit, mitigations.
/// None of it is ever changed by this program.</summary>
internal static class SecurityChecks
{
    private const string Members = "link:/sys/kernel/iommu_groups/*/devices/*";
    private const string GroupTypes = "/sys/kernel/iommu_groups/*/type";
    private const string EntryLimit = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit";
    private const string Unsafe = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
    private const string VfioNodes = "stat:/dev/vfio/*";
    private const string Audit = "probe:audit";
    private const string Kernel = "kmsg:";
    private const string Vulnerabilities = "/sys/devices/system/cpu/vulnerabilities/*";
    private const string NxHugePages = "/sys/module/kvm/parameters/nx_huge_pages";
    private const string SecureBoot = // the number: EFI_GLOBAL_VARIABLE of UEFI
        "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } = [VfioReady, IommuAsDeclared, NothingOnHotPath,
        Mitigations];

    private static Check VfioReady => new()
    {
        Id = "sys.vfio.ready",
        Kind = CheckKind.Static,
        Severities = "H/M/-",
        Reads =
        [
            VfioNodes, Members, EntryLimit, Unsafe, "/sys/bus/pci/devices/*/class",
        ],
        Expects = "where VFIO is in use, each declared device is alone in its IOMMU group, and DMA "
            + "mappings suffice",
        Why = "a group shared with another device cannot be bound; the limit on mappings runs out with 4 "
            + "KiB pages",
        Source = "driver-api/vfio.rst; drivers/vfio/vfio_iommu_type1.c (dma_entry_limit)",
        Remedy = new Remedy(RollbackClass.Firmware, "another slot, or access control services (ACS) in the "
            + "firmware; huge pages for the UMEM", "intel_iommu=on"),
        Judge = Vfio,
    };

    private static Check IommuAsDeclared => new()
    {
        Id = "iommu.mode.as-declared",
        Kind = CheckKind.Static,
        Severities = "M/L/-",
        Reads = [Members, GroupTypes],
        Expects = "the IOMMU translates for each port as declared; strictly only where frames are not "
            + "mapped one by one",
        Why = "strict unmapping flushes the IOTLB for each frame that is mapped; identity gives the "
            + "protection away",
        Source = "ABI/testing/sysfs-kernel-iommu_groups (type); admin-guide/kernel-parameters.txt "
            + "(iommu.strict)",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "write the type to the group while its devices "
            + "are unbound, or boot with iommu.strict=0 or iommu.passthrough=1; declare what is wanted in "
            + "[port.expect]", "",
            "identity lets the device reach all memory"),
        Judge = Iommu,
    };

    private static Check NothingOnHotPath => new()
    {
        Id = "sec.lsm-seccomp.no-hot-path",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "M/M/L",
        Reads =
        [
            "/proc/{app}/task/*/status", new Read("/sys/kernel/security/lsm", Traits: ReadTraits.Raw),
            new Read(Audit, Intrusion.I1, ReadTraits.Window), new Read(Kernel, Intrusion.I0,
                ReadTraits.Window),
        ],
        Expects = "no seccomp filter on lane threads, no audit record lost and no denial of ours in the "
            + "window",
        Why = "a filter runs at each system call; when the audit queue is full, the kernel puts the caller "
            + "to sleep",
        Source = "userspace-api/seccomp_filter.rst; kernel/audit.c (audit_backlog_wait_time); auditctl(8)",
        Remedy = new Remedy(RollbackClass.Runtime, "auditctl --backlog_wait_time 0; a unit without "
            + "SystemCallFilter"),
        Judge = HotPath,
    };

    private static Check Mitigations => new()
    {
        Id = "sec.mitigations.posture",
        Kind = CheckKind.Static,
        Severities = "I/I/I",
        Reads = [Vulnerabilities, "/proc/cmdline", NxHugePages, new Read(SecureBoot, Traits: ReadTraits.Raw)],
        Expects = "the processor's mitigations are no weaker than the boot line says",
        Why = "their price falls on entries into the kernel, of which a lane that polls makes few: what "
            + "turning one off gains must be measured first, and who else is on the host decides",
        Source = "admin-guide/hw-vuln; admin-guide/kernel-parameters.txt (mitigations=)",
        Remedy = new Remedy(RollbackClass.Boot, "the operator decides; microcode for what shows as "
            + "vulnerable"),
        Judge = Posture,
    };

    private static Dictionary<string, string> GroupsOfDevices(Facts facts) => facts.Match(Members)
        .ToDictionary(match => match.Parts[1], match => match.Parts[0]);

    private static List<Finding> Vfio(Facts facts)
    {
        Topology topology = facts.Topology;
        bool isWanted = topology.Ports.Any(port => port.Declared.Expect?.Driver == "vfio-pci");
        bool isThere = facts.Match(VfioNodes).Count > 0;
        long? entries = facts.NumberOrMissing(EntryLimit);
        if (!isThere && entries is null)
        {
            return [isWanted ? Finding.Fail("a port expects vfio-pci, but VFIO is not loaded", null,
                "modprobe vfio-pci")
                : Finding.NotApplicable("VFIO is not loaded, and nothing declared uses it")];
        }

        List<Finding> findings = [];
        findings.AddRange(topology.Ports.Where(port => port.Absence is not null)
            .Select(port => Finding.Unknown(port.Absence!, Subject.Of(port))));
        findings.AddRange(topology.Disks.Where(disk => disk.Absence is not null)
            .Select(disk => Finding.Unknown(disk.Absence!, Subject.Of(disk))));
        long pages = topology.Lanes.Sum(lane =>
            lane.MemoryBytes / (lane.HugePages == HugePages.Never ? 4096 : 2 << 20)) + topology.Lanes.Count;
        long most = topology.Lanes.Sum(lane =>
            lane.MemoryBytes / (lane.HugePages == HugePages.Require ? 2 << 20 : 4096)) + topology.Lanes.Count;
        if (entries >= pages && entries < most)
        {
            findings.Add(Finding.Warn($"without huge pages {most} mappings are needed, dma_entry_limit is "
                + $"{entries}", null, $"echo {most} > {EntryLimit}"));
        }

        if (entries < pages)
        {
            findings.Add(Finding.Fail($"{pages} mappings are needed, dma_entry_limit is {entries}", null,
                $"echo {pages} > {EntryLimit}"));
        }

        string? noIommu = facts.LineOrMissing(Unsafe);
        if (noIommu == "Y")
        {
            findings.Add(Finding.Warn("VFIO may work without an IOMMU: enable_unsafe_noiommu_mode is Y", null,
                $"echo N > {Unsafe}"));
        }
        else if (noIommu is not (null or "N"))
        {
            throw new NotReadException($"{Unsafe}: '{Facts.Short(noIommu)}' is neither Y nor N");
        }

        Dictionary<string, string> groups = GroupsOfDevices(facts);
        findings.AddRange(topology.Ports.Select(port => (Subject: Subject.Of(port), port.Pci))
            .Concat(topology.Disks.Select(disk => (Subject: Subject.Of(disk), disk.Pci)))
                .Where(device => device.Pci.Length > 0)
            .SelectMany(device => Facts.Each([device], row => row.Subject, row =>
                [Group(facts, groups, row.Pci)])));
        return findings.Count > 0 ? findings : [Finding.NotApplicable("no port or disk has a PCI device")];
    }

    private static Finding Group(Facts facts, Dictionary<string, string> groups, string pci)
    {
        if (!groups.TryGetValue(pci, out string? group))
        {
            return Finding.Fail("is in no IOMMU group");
        }

        // Class 0604: a bridge between PCI buses does not stand in the way (driver-api/vfio.rst).
        string[] others =
        [
            .. groups.Where(row => row.Value == group && row.Key != pci
                && !Line(facts, row.Key).StartsWith("0x0604",
                StringComparison.Ordinal)).Select(row => row.Key).Order(StringComparer.Ordinal),
        ];
        return others.Length == 0 ? Finding.Pass($"alone in IOMMU group {group}")
            : Finding.Fail($"shares IOMMU group {group} with {string.Join(", ", others.Take(8))}"
                + (others.Length > 8 ? $" and {others.Length - 8} more" : ""));
    }

    private static string Line(Facts facts, string pci) => facts.Line($"/sys/bus/pci/devices/{pci}/class");

    private static IEnumerable<Finding> Iommu(Facts facts)
    {
        Dictionary<string, string> groups = GroupsOfDevices(facts);
        return facts.EachPort(port =>
        {
            string? wanted = port.Declared.Expect?.Iommu;
            if (port.Pci.Length == 0)
            {
                return [Finding.NotApplicable("it has no PCI device")];
            }

            if (!groups.TryGetValue(port.Pci, out string? group))
            {
                return [wanted is null or "identity" ? Finding.Pass("no IOMMU stands before it")
                    : Finding.Fail($"no IOMMU stands before it, {wanted} is declared")];
            }

            string source = $"/sys/kernel/iommu_groups/{group}/type";
            string type = facts.Line(source);
            bool isCopy = port.Declared.Mode is BindMode.Copy or BindMode.Generic;
            return
            [
                type is not ("DMA" or "DMA-FQ" or "identity" or "blocked" or "unmanaged")
                    ? throw new NotReadException($"{source}: '{Facts.Short(type)}' is no type of a domain")
                : wanted is not null && type != wanted
                    ? Finding.Fail($"the IOMMU's mode is {type}, {wanted} is declared")
                : wanted is null && type == "blocked"
                    ? Finding.Fail("the IOMMU blocks all of the device's accesses to memory")
                : wanted is null && type == "DMA" && isCopy
                    ? Finding.Warn("the IOMMU unmaps each frame strictly, and the port copies")
                : Finding.Pass($"the IOMMU's mode is {type}{(wanted is null ? ", none is declared" : "")}"),
            ];
        });
    }

    private static IEnumerable<Finding> HotPath(Facts facts)
    {
        Topology topology = facts.Topology;
        if (!topology.IsRunning)
        {
            yield return Finding.NotApplicable("no data plane runs");
            yield break;
        }

        string tasks = string.Create(CultureInfo.InvariantCulture, $"/proc/{topology.AppPid}/task/*/status");
        int lanes = 0;
        foreach (Match task in facts.Match(tasks).Where(task => facts.TextOrMissing(task.Source) is not null))
        {
            string name = facts.Value(task.Source, "Name");
            if (name.StartsWith("lane-", StringComparison.Ordinal))
            {
                lanes++;
                if (Facts.AsNumber(task.Source, facts.Value(task.Source, "Seccomp")) != 0)
                {
                    yield return Finding.Warn("each of its system calls passes "
                        + (facts.ValueOrMissing(task.Source, "Seccomp_filters") ?? "some")
                            + " seccomp filters",
                        new Subject(SubjectKind.Thread, name));
                }
            }
        }

        if (lanes < Math.Max(topology.Lanes.Count, 1))
        {
            throw new NotReadException(lanes == 0 ? $"{tasks}: no thread is a lane's"
                : $"{tasks}: {lanes} threads are lanes', {topology.Lanes.Count} lanes are declared");
        }

        foreach (Finding finding in Audited(facts))
        {
            yield return finding;
        }

        int denied = Denials(facts, [topology.AppPid.ToString(CultureInfo.InvariantCulture),
            .. facts.Match(tasks).Select(task => task.Parts[0])]);
        string modules = facts.LineOrMissing("/sys/kernel/security/lsm") ?? "none known";
        yield return denied > 0 ? Finding.Warn($"{denied} denials of lowlatd in the window")
            : Finding.Pass($"no filter on {lanes} lanes, nothing denied in the window; modules: "
                + $"{Facts.Short(modules)}");
    }

    // Keys of struct audit_status (linux/audit.h). EPROTONOSUPPORT: a kernel without CONFIG_AUDIT.
    private static IEnumerable<Finding> Audited(Facts facts)
    {
        string result = facts.Value(Audit, "result");
        if (result == "EPROTONOSUPPORT")
        {
            yield break;
        }

        if (result != "ok")
        {
            throw new NotReadException($"{Audit}: {Facts.Short(result)}");
        }

        long Number(string key, Moment moment = Moment.Start) =>
            Facts.AsNumber(Audit, facts.Value(Audit, key, moment));
        long wait = Number("backlogWaitTime");
        if (Number("enabled") != 0 && wait > 0)
        {
            yield return Finding.Warn($"a full audit queue puts callers to sleep for up to {wait} jiffies",
                null,
                "auditctl --backlog_wait_time 0");
        }

        long lost = Number("lost", Moment.End) - Number("lost");
        if (Number("daemon") is not 0 and long daemon)
        {
            yield return Finding.Unknown($"the audit daemon (pid {daemon}) takes what is denied: ausearch "
                + $"-m avc "
                + "tells it");
        }

        if (lost < 0)
        {
            throw new NotReadException($"{Audit}: the count of lost records went back");
        }

        if (lost > 0)
        {
            yield return Finding.Warn($"{lost} audit records were lost in the window");
        }
    }

    // "<5>[   12.345678] audit: type=1400 ... apparmor="DENIED" ... pid=4242 comm="lane-in0"", or
    // "avc:  denied" by SELinux: comm is the thread's name, pid the process. What follows the last line of
    // the start was written in the window.
    private static int Denials(Facts facts, IReadOnlyList<string> ids)
    {
        string[] before = Log(facts, Moment.Start);
        string[] after = Log(facts, Moment.End);
        int last = Array.LastIndexOf(after, before[^1]);
        return last < 0 ? throw new NotReadException($"{Kernel} it was overwritten in the window")
            : after[(last + 1)..].Count(line => (line.Contains("denied", StringComparison.OrdinalIgnoreCase)
                || line.Contains("type=1326", StringComparison.Ordinal))
                && (line.Contains("comm=\"lowlatd\"", StringComparison.Ordinal)
                    || line.Split(' ').Any(word => word.StartsWith("pid=", StringComparison.Ordinal)
                        && ids.Contains(word["pid=".Length..]))));
    }

    private static string[] Log(Facts facts, Moment moment) => facts.Lines(Kernel, moment) is var lines
        && lines.Any(line => line.TrimStart('<', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '>')
            .StartsWith('[')) ? lines
        : throw new NotReadException($"{Kernel} no line has a time: it is no log of the kernel");

    private static IEnumerable<Finding> Posture(Facts facts)
    {
        List<string> mitigated = [];
        List<string> open = [];
        List<string> untold = [];
        foreach (Match match in facts.Match(Vulnerabilities))
        {
            string line = facts.Line(match.Source);
            List<string>? list = line.StartsWith("Not affected", StringComparison.Ordinal) ? []
                : line.StartsWith("Mitigation", StringComparison.Ordinal)
                    || line.StartsWith("KVM: Mitigation",
                    StringComparison.Ordinal) ? mitigated
                : line.Contains("ulnerable", StringComparison.Ordinal) ? open
                : line.StartsWith("Unknown", StringComparison.Ordinal) ? untold
                : throw new NotReadException($"{match.Source}: '{Facts.Short(line)}' is no state of a "
                    + "mitigation");
            bool isPartly = list == mitigated && line.Contains("vulnerable",
                StringComparison.OrdinalIgnoreCase);
            (isPartly ? open : list).Add(match.Parts[0] + (isPartly ? " (in part)" : ""));
        }

        if (mitigated.Count + open.Count + untold.Count == 0 && facts.Match(Vulnerabilities).Count == 0)
        {
            return [Finding.Unsupported("this kernel tells nothing of vulnerabilities")];
        }

        BootLine boot = BootLine.Running(facts);
        bool isOff = boot.Last("mitigations") == "off";
        string seen = $"{Costs(mitigated)}{Rest(facts, boot)}";
        if (untold.Count > 0)
        {
            seen = $"the kernel does not know of {string.Join(", ", untold)}; {seen}";
        }

        return open.Count == 0 ? [untold.Count == 0 ? Finding.Pass(seen) : Finding.Unknown(seen)]
            : isOff && untold.Count == 0
                ? [Finding.Pass($"mitigations=off, so open: {string.Join(", ", open)}; {seen}")]
            : isOff ? [Finding.Unknown($"mitigations=off, so open: {string.Join(", ", open)}; {seen}")]
            : [Finding.Warn($"open although the boot line does not say so: {string.Join(", ", open)}; "
                + $"{seen}")];
    }

    // Where each is paid, by admin-guide/hw-vuln: at each entry into the kernel, at a switch of tasks or
    // guests, or by single instructions.
    private static string Costs(List<string> mitigated)
    {
        string CostOf(string name) => name switch
        {
            "meltdown" or "spectre_v1" or "spectre_v2" or "retbleed" or "spec_rstack_overflow" or "mds"
                or "tsx_async_abort"
                or "mmio_stale_data" or "reg_file_data_sampling" or "indirect_target_selection" or "tsa" =>
                    "kernel entries",
            "l1tf" or "itlb_multihit" or "vmscape" => "guests",
            "gather_data_sampling" or "srbds" => "instructions",
            _ => "task switches",
        };
        return mitigated.Count == 0 ? "no mitigation costs anything" : "mitigations cost " + string.Join("; ",
            mitigated.GroupBy(CostOf).Select(group => $"{group.Key} ({string.Join(", ", group)})"));
    }

    private static string Rest(Facts facts, BootLine boot)
    {
        string? pages = facts.LineOrMissing(NxHugePages);
        if (pages is not (null or "Y" or "N" or "auto" or "never" or "off" or "force"))
        {
            throw new NotReadException($"{NxHugePages}: '{Facts.Short(pages)}' is no state of it");
        }

        // Four bytes of attributes, then the value (efivarfs).
        bool? isSecure = facts.Get(SecureBoot).State == FactState.Missing ? null
            : facts.Bytes(SecureBoot) is { Length: 5 } and [.., 0 or 1] value ? value[4] == 1
            : throw new NotReadException($"{SecureBoot}: it has not five bytes, the last 0 or 1");
        return (boot.Has("nokaslr") ? "; the kernel lies at a known place (nokaslr)" : "")
            + (pages is null ? "" : $"; nx_huge_pages {pages}")
            + (isSecure is bool on ? $"; secure boot is {(on ? "on" : "off")}" : "");
    }
}
