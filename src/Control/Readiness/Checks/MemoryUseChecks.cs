using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>What the running data plane and its cgroup have, and what is taken from them.</summary>
internal static class MemoryUseChecks
{
    private const string Swaps = "/proc/swaps";
    private const string Status = "/proc/{app}/status";
    private const string SwapMax = "/sys/fs/cgroup{slice}/memory.swap.max";
    private const string Region = "region:{app.name}";
    private const string Pressure = "/proc/pressure/memory";
    private const string VmStat = "/proc/vmstat";
    private const string Events = "/sys/fs/cgroup{slices}/memory.events";
    private const string High = "/sys/fs/cgroup{slices}/memory.high";
    private const string Modules = "/proc/modules";
    private const string VirtioDevices = "link:/sys/bus/virtio/devices/*/driver";

    /// <summary>Modules of other hypervisors' balloons (drivers/misc, drivers/hv).</summary>
    private static readonly string[] OtherBalloons = ["vmw_balloon", "hv_balloon"];

    /// <summary>The group's second part.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [SwapNone, LockedNoFaults, ReclaimHeadroom, CgroupNoThrottle, NoBalloon];

    private static Check SwapNone => new()
    {
        Id = "mem.swap.none-for-us",
        Kind = CheckKind.Static,
        Severities = "H/H/M",
        Reads = [Swaps, Status, SwapMax],
        Expects = "there is no swap, or the data plane's cgroup may not use it, and none of lowlatd is "
            + "swapped out",
        Why = "a page that comes back from disk takes milliseconds",
        Source = "proc_swaps(5); Linux Documentation/admin-guide/cgroup-v2.rst (memory.swap.max)",
        Remedy = new Remedy(RollbackClass.Runtime, "switch swap off, or write 0 to memory.swap.max of the "
            + "cgroup"),
        Judge = static facts =>
        {
            if (facts.LinesOrMissing(Swaps) is not string[] lines)
            {
                return [Finding.Pass("this kernel does not swap")]; // CONFIG_SWAP
            }

            if (!lines[0].StartsWith("Filename", StringComparison.Ordinal))
            {
                throw new NotReadException($"{Swaps}: '{Facts.Short(lines[0])}' is not how it begins");
            }

            if (facts.Topology.IsRunning
                && facts.Value(facts.Topology.AppFile("status"), "VmSwap") is var swapped
                    && swapped != "0 kB")
            {
                return [Finding.Fail($"{swapped} of lowlatd are swapped out", null)];
            }

            string file = $"/sys/fs/cgroup{facts.Topology.Slice?.TrimEnd('/')}/memory.swap.max";
            string[] devices = [.. lines.Skip(1).Select(line => line.Split(' ', '\t')[0])];
            string? most = facts.Topology.Slice is null || devices.Length == 0 ? null
                : facts.LineOrMissing(file);
            return devices.Length == 0 ? [Finding.Pass("there is no swap")]
                : most == "0" ? [Finding.Pass($"{file} is 0")]
                : [Finding.Warn($"swap is on: {string.Join(", ", devices.Take(4))}", null, "swapoff -a")];
        },
    };

    private static Check LockedNoFaults => new()
    {
        Id = "mem.locked.no-faults",
        Kind = CheckKind.Behaviour,
        Severities = "H/H/M",
        Reads = [Status, new Read(Region, Traits: ReadTraits.Window)],
        Expects = "lowlatd's memory is locked, and over the window no lane faults",
        Why = "a first touch or a page that moved is a fault of microseconds; one that was written out, of "
            + "milliseconds",
        Source = "mlockall(2), getrusage(2)",
        Remedy = new Remedy(RollbackClass.Restart, "write lock_memory = true in [host], and raise "
            + "LimitMEMLOCK"),
        Judge = static facts =>
        {
            if (!facts.Topology.IsRunning)
            {
                return [Finding.NotApplicable("no data plane of this configuration runs")];
            }

            string region = "region:" + facts.Topology.Configuration!.Name;
            string locked = facts.Value(facts.Topology.AppFile("status"), "VmLck");
            return
            [
                locked is "0 kB" ? Finding.Warn("nothing of lowlatd is locked")
                    : Finding.Pass($"{locked} locked"),
                .. RegionText.Watched(facts, region).Select(pair => Faults(pair.After, pair.Before)),
            ];
        },
    };

    private static Check ReclaimHeadroom => new()
    {
        Id = "mem.reclaim.headroom",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "M/M/L",
        Reads = [Pressure, new Read(VmStat, Traits: ReadTraits.Window)],
        Expects = "nobody waits for memory: no pressure, and over the window no allocation that had to "
            + "reclaim",
        Why = "reclaim takes locks and memory bandwidth from everybody",
        Source = "Linux Documentation/accounting/psi.rst, admin-guide/sysctl/vm.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "raise vm.min_free_kbytes, or let less run beside the "
            + "data plane"),
        Judge = static facts =>
        {
            List<Finding> findings = [];
            if (facts.LinesOrMissing(Pressure) is string[] lines)
            {
                string full = lines.FirstOrDefault(line =>
                    line.StartsWith("full avg10=", StringComparison.Ordinal))
                    ?? throw new NotReadException($"{Pressure}: it has no line 'full'");
                string value = full["full avg10=".Length..].Split(' ')[0];
                findings.Add(value == "0.00" ? Finding.Pass("no pressure in the last 10 s")
                    : Finding.Warn($"all tasks waited for memory {Facts.Short(value)} % of the last 10 s"));
            }

            if (facts.WindowSeconds > 0)
            {
                string[] names =
                [
                    .. facts.Lines(VmStat).Select(line => line.Split(' ')[0])
                        .Where(name => name.StartsWith("allocstall", StringComparison.Ordinal)),
                ];
                long stalls = names.Length > 0 ? names.Sum(name => MemoryChecks.Moved(facts, name))
                    : throw new NotReadException($"{VmStat}: it counts no stalls");
                findings.Add(stalls == 0 ? Finding.Pass("no allocation had to reclaim")
                    : Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                        $"{stalls} allocations had to reclaim in the window")));
            }

            return findings.Count > 0 ? findings
                : [Finding.Unknown("this kernel shows no pressure, and no window was watched")];
        },
    };

    private static Check CgroupNoThrottle => new()
    {
        Id = "mem.cgroup.no-throttle",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "H/H/M",
        Reads = [High, new Read(Events, Traits: ReadTraits.Window)],
        Expects = "the data plane's cgroup and those above it have no memory.high, and over the window none "
            + "was throttled or out of memory",
        Why = "above memory.high the kernel puts the allocating thread to sleep on its way back to user "
            + "space",
        Source = "Linux Documentation/admin-guide/cgroup-v2.rst (memory.high, memory.events)",
        Remedy = new Remedy(RollbackClass.Runtime, "write 'max' to memory.high"),
        Judge = static facts =>
        {
            if (facts.Topology.Slices.Count == 0)
            {
                return [Finding.NotApplicable("no cgroup of the data plane is known: none runs, and [host] "
                    + "slice is not set")];
            }

            List<Finding> findings = [.. facts.Topology.Slices.SelectMany(slice => Throttled(facts, slice))];
            return findings.Count > 0 ? findings
                : [Finding.Unsupported($"{facts.Topology.Slice} has no memory controller")];
        },
    };

    private static Check NoBalloon => new()
    {
        Id = "mem.guest.no-balloon",
        Kind = CheckKind.Static,
        Severities = "-/H/L",
        Reads = [VirtioDevices, "/proc/cmdline", new Read(Modules, Traits: ReadTraits.MayBeEmpty)],
        Expects = "the hypervisor takes no memory back: no balloon, no reporting of free pages",
        Why = "a page that was given back is faulted in by the hypervisor at its next touch, unseen by the "
            + "guest",
        Source = "Linux drivers/virtio/virtio_balloon.c, mm/page_reporting.c",
        Remedy = new Remedy(RollbackClass.Firmware, "take the balloon device out of the guest's definition"),
        Judge = static facts =>
        {
            List<string> takers = [];
            foreach (Match device in facts.Match(VirtioDevices))
            {
                takers.AddRange(facts.Line(device.Source).Split("/drivers/") switch
                {
                    [_, "virtio_balloon"] => [$"{device.Parts[0]} is a balloon"],
                    [_, "virtio_mem"] => [$"{device.Parts[0]} plugs memory in and out"],
                    [_, _] => (string[])[],
                    _ => throw new NotReadException($"{device.Source}: "
                        + $"'{Facts.Short(facts.Line(device.Source))}' is no driver"),
                });
            }

            bool isReporting = takers.Count > 0 && facts.Line("/proc/cmdline").Split(' ').Any(argument =>
                argument.StartsWith("page_reporting.", StringComparison.Ordinal));
            takers.AddRange((facts.LinesOrMissing(Modules) ?? []).Select(KernelChecks.NameOf)
                .Where(OtherBalloons.Contains).Select(module => $"{module} is loaded"));
            return [takers.Count == 0 ? Finding.Pass("there is no balloon")
                : Finding.Warn(string.Join(", ", takers)
                    + (isReporting ? ", and the boot line configures free page reporting" : ""))];
        },
    };

    // What the cgroup has no memory controller for, one above it may limit.
    private static IEnumerable<Finding> Throttled(Facts facts, string slice)
    {
        string directory = $"/sys/fs/cgroup{slice}/";
        if (facts.LineOrMissing(directory + "memory.high") is not string high)
        {
            yield break;
        }

        yield return high == "max" ? Finding.Pass($"{slice}: memory.high is max")
            : Finding.Warn($"{slice}: memory.high is {Facts.AsNumber(directory + "memory.high", high)}", null,
                $"echo max > {directory}memory.high");
        string events = directory + "memory.events";
        foreach (string name in facts.WindowSeconds > 0 ? ["high", "oom"] : Array.Empty<string>())
        {
            long moved = Facts.AsNumber(events, facts.Value(events, name, Moment.End))
                - Facts.AsNumber(events, facts.Value(events, name));
            yield return moved == 0 ? Finding.Pass($"{slice}: no event '{name}'")
                : Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                    $"{slice}: {moved} events '{name}' in the window"));
        }
    }

    private static Finding Faults(RegionLane now, RegionLane then) => now.MajorFaults != then.MajorFaults
        ? Finding.Fail($"lane {now.Name}: {now.MajorFaults - then.MajorFaults} major faults in the window")
        : now.MinorFaults != then.MinorFaults
            ? Finding.Warn($"lane {now.Name}: {now.MinorFaults - then.MinorFaults} minor faults in the "
                + $"window")
        : Finding.Pass($"lane {now.Name}: no fault");
}
