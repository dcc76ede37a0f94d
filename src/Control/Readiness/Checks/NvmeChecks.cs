using System.Globalization;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>NVMe drives: polling queues, power states, cache, health, format. Commands to a drive (Identify,
/// Get Features, Get Log Page; NVM Express Base Specification, admin command set) only read, but wake
/// it.</summary>
internal static class NvmeChecks
{
    private const string PollQueues = "/sys/module/nvme/parameters/poll_queues";
    private const string Interrupts = "/proc/interrupts";
    private const string Features = "probe:nvme-features ";
    private const string Smart = "probe:nvme-smart ";
    private const string Passthrough = "probe:passthrough ";
    private const string IdentifyRead = "probe:nvme-identify {disk.nvme} {disk}";

    // Critical Warning of the SMART log, bit by bit (NVM Express Base Specification, log page 02h).
    private static readonly string[] Warnings =
        ["spare is low", "temperature", "reliability is degraded", "it is read-only",
            "backup of its memory failed",
            "persistent memory region"];

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [PollingQueues, PowerStatesOff, DurabilityKnown, HealthOk, FormatBest];

    private static Check PollingQueues => new()
    {
        Id = "nvme.poll.queues",
        Kind = CheckKind.Static | CheckKind.Probe,
        Severities = "H/H/-",
        Reads =
        [
            "/sys/block/{disk}/queue/io_poll", PollQueues, "/sys/block/{disk}/mq/*/cpu_list",
            new Read(Interrupts, Intrusion.I1), new Read("probe:polled-read {disk.polled}", Intrusion.I3),
            new Read(Passthrough + "{disk.generic} {disk.head}", Intrusion.I3),
        ],
        Expects = "a disk that is to be polled has a polling queue for each thread that submits to it",
        Why = "without polling queues IORING_SETUP_IOPOLL is refused, or spins on a queue that completes "
            + "by interrupt",
        Source = "ABI/stable/sysfs-block (io_poll); drivers/nvme/host/pci.c (poll_queues); io_uring_setup(2)",
        Remedy = new Remedy(RollbackClass.RuntimeNearly,
            "write the number to " + PollQueues + ", then the drive's PCI address to unbind and to bind of "
                + "/sys/bus/pci/drivers/nvme: a mere reset of the controller adds no kind of queue",
            "nvme.poll_queues=2", "unbinding takes the drive away: not with a mounted file system"),
        Judge = static facts => facts.EachDisk(disk => disk.IsDirectory
            ? [Finding.NotApplicable("is a directory: nothing polls it")]
            : disk.Declared.Mode switch
            {
                DiskMode.Iopoll => Polled(facts, disk),
                DiskMode.Auto when facts.Line(disk.Sys("queue/io_poll")) == "0" =>
                    [Finding.NotApplicable("has no polling queues, and mode auto does without")],
                DiskMode.Auto => Polled(facts, disk),
                _ => [Finding.NotApplicable($"is not to be polled: mode {Word(disk.Declared.Mode)}")],
            }),
    };

    private static Check PowerStatesOff => new()
    {
        Id = "nvme.apst.off",
        Kind = CheckKind.Static,
        Severities = "M/L/-",
        Reads =
        [
            "/sys/class/nvme/{disk.nvme}/power/pm_qos_latency_tolerance_us",
            "/sys/module/nvme_core/parameters/default_ps_max_latency_us",
            new Read("probe:nvme-features {disk.nvme}", Intrusion.I3),
        ],
        Expects = "autonomous power state transitions are off, or the drive has none",
        Why = "a drive that put itself to sleep takes up to 100 ms to come back from a non-operational state",
        Source = "NVM Express Base Specification, feature 0Ch; ABI/testing/sysfs-devices-power "
            + "(pm_qos_latency_tolerance_us)",
        Remedy = new Remedy(RollbackClass.Runtime, "write 0 to the controller's pm_qos_latency_tolerance_us",
            "nvme_core.default_ps_max_latency_us=0", "the drive draws more power and runs warmer"),
        Judge = static facts => facts.EachNvme(disk => PowerStates(facts, disk)),
    };

    private static Check DurabilityKnown => new()
    {
        Id = "nvme.cache.durability-known",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads =
        [
            "/sys/block/{disk}/queue/write_cache", "/sys/block/{disk}/queue/fua",
                new Read(IdentifyRead, Intrusion.I3),
        ],
        Expects = "a disk declared durable has no volatile write cache",
        Why = "a flush is the tail of a capture; without one, what a volatile cache holds is gone with the "
            + "power",
        Source = "ABI/stable/sysfs-block (write_cache, fua); NVM Express Base Specification, Identify "
            + "Controller (VWC)",
        Remedy = new Remedy(RollbackClass.Observe,
            "declare durable = false and bear the loss, or use a drive with power-loss protection"),
        Judge = static facts => facts.EachDisk(disk => Durability(facts, disk)),
    };

    private static Check HealthOk => new()
    {
        Id = "nvme.health.ok",
        Kind = CheckKind.Behaviour,
        Severities = "H/M/-",
        Reads =
        [
            "/sys/class/nvme/{disk.nvme}/state",
            new Read("probe:nvme-smart {disk.nvme}", Intrusion.I3, ReadTraits.Window),
            new Read("/sys/class/nvme/{disk.nvme}/hwmon*/temp1_alarm", Intrusion.I3),
        ],
        Expects = "the drive warns of nothing, has lost nothing, and is not throttled by heat in the window",
        Why = "thermal throttling of an SSD is the commonest stall of a capture",
        Source = "NVM Express Base Specification, log page 02h; drivers/nvme/host/hwmon.c",
        Remedy = new Remedy(RollbackClass.Firmware, "better cooling; replace a worn or warning drive"),
        Judge = static facts => facts.EachNvme(disk => Health(facts, disk)),
    };

    private static Check FormatBest => new()
    {
        Id = "nvme.format.best",
        Kind = CheckKind.Static,
        Severities = "I/I/-",
        Reads =
        [
            "/sys/block/{disk}/queue/logical_block_size", "/sys/block/{disk}/queue/physical_block_size",
            "/sys/block/{disk}/queue/atomic_write_unit_max_bytes", new Read(IdentifyRead, Intrusion.I3),
        ],
        Expects = "blocks of 4 KiB, or the format that the drive itself calls the fastest",
        Why = "smaller blocks than the drive's own make it read, modify and write",
        Source = "NVM Express NVM Command Set Specification, Identify Namespace (LBAF, relative performance)",
        Remedy = new Remedy(RollbackClass.Firmware,
            "format the namespace anew, which destroys all data on it: never done here"),
        Judge = static facts => facts.EachNvme(disk => Format(facts, disk)),
    };

    // Rule of a check on drives: others of the declared disks are not its business.
    private static IEnumerable<Finding> EachNvme(this Facts facts, Func<TopologyDisk,
        IEnumerable<Finding>> judge) =>
        facts.EachDisk(disk => disk.Nvme.Length == 0 ? [Finding.NotApplicable("is no NVMe drive")]
            : judge(disk));

    private static string Word(DiskMode mode) => mode.ToString().ToLowerInvariant();

    private static IEnumerable<Finding> Polled(Facts facts, TopologyDisk disk)
    {
        if (facts.Number(disk.Sys("queue/io_poll")) == 0)
        {
            yield return Finding.Fail("has no polling queues: queue/io_poll is 0");
            yield break;
        }

        int wanted = facts.Topology.Disks.Where(other => other.Nvme == disk.Nvme && other.IsPolled)
            .Select(other => other.Declared.Cpu).Distinct().Count();
        long? queues = disk.Nvme.Length == 0 ? null : Queues(facts, disk);
        if (queues < wanted)
        {
            yield return Finding.Fail($"{queues} polling queues for {wanted} threads that submit");
            yield break;
        }

        string trial = "probe:polled-read " + disk.Path;
        string result = facts.Value(trial, "result");
        yield return result != "ok" ? Finding.Fail($"a polled read of it fails: {Facts.Short(result)}")
            : facts.Value(trial, "polled") != "true"
                ? Finding.Fail("a polled read of it completes by interrupt")
            : Finding.Pass($"polled reads work{(queues is null ? "" : $", {queues} polling queues")}"
                + Generic(facts, disk));
    }

    // Whether it is offered is told, and no more: reads of the block device work without.
    private static string Generic(Facts facts, TopologyDisk disk)
    {
        string source = $"{Passthrough}{disk.Generic} {disk.Head}";
        return disk.Generic.Length == 0 || facts.Get(source).State != FactState.Read ? ""
            : facts.Value(source, "result") switch
            {
                "ok" => $"; so does passthrough (io_uring_cmd) on /dev/{disk.Generic}",
                var refusal => $"; no passthrough on /dev/{disk.Generic}: {Facts.Short(refusal)}",
            };
    }

    // A polling queue has no interrupt; the parameter alone is a wish until the controller is reset.
    private static long Queues(Facts facts, TopologyDisk disk)
    {
        int queues = facts.Match(disk.Sys("mq/*/cpu_list")).Count;
        int vectors = InterruptTable.Parse(Interrupts, facts.Text(Interrupts)).Count(row =>
            row.Action.Split(' ')[^1].StartsWith(disk.Nvme + "q", StringComparison.Ordinal)
            && !row.Action.EndsWith(disk.Nvme + "q0", StringComparison.Ordinal));
        return queues > 0 && vectors > 0 ? queues - vectors : facts.Number(PollQueues);
    }

    private static IEnumerable<Finding> PowerStates(Facts facts, TopologyDisk disk)
    {
        string knob = $"/sys/class/nvme/{disk.Nvme}/power/pm_qos_latency_tolerance_us";
        string source = Features + disk.Nvme;
        if (facts.Get(source).State == FactState.Read)
        {
            return facts.Value(source, "apst") switch
            {
                "off" => [Finding.Pass("autonomous transitions are off")],
                "absent" => [Finding.Pass("the drive has no autonomous transitions")],
                "on" => [Finding.Warn("autonomous transitions are on", null, $"echo 0 > {knob}")],
                var other => throw new NotReadException($"{source}: '{Facts.Short(other)}' is neither on "
                    + "nor off"),
            };
        }

        // "auto" and "any" are words of this file; then the module's default holds.
        string? tolerance = facts.LineOrMissing(knob);
        string? limit = tolerance is null or "auto"
            ? facts.LineOrMissing("/sys/module/nvme_core/parameters/default_ps_max_latency_us") : tolerance;
        return limit == "0" ? [Finding.Pass("the latency tolerance is 0: it may not sleep")]
            : [Finding.Unknown($"a latency tolerance of {Facts.Short(limit ?? "unknown size")} us lets it "
                + "sleep; whether "
                + $"it does was not asked: {facts.Get(source).Problem}")];
    }

    private static IEnumerable<Finding> Durability(Facts facts, TopologyDisk disk)
    {
        string cache = facts.Line(disk.Sys("queue/write_cache"));
        if (cache is not ("write back" or "write through"))
        {
            throw new NotReadException($"{disk.Sys("queue/write_cache")}: '{Facts.Short(cache)}' is no "
                + "kind of cache");
        }

        string fua = facts.NumberOrMissing(disk.Sys("queue/fua")) == 1 ? " with forced unit access" : "";
        string seen = cache == "write back" ? $"a volatile write cache{fua}" : "no volatile write cache";
        if (disk.Declared.IsDurable is not bool isDurable)
        {
            return [Finding.NotApplicable($"durability is not declared; the kernel sees {seen}")];
        }

        if (!isDurable || cache == "write back")
        {
            return [isDurable ? Finding.Fail($"is declared durable, and has {seen}")
                : Finding.Pass($"is declared not durable; the kernel sees {seen}")];
        }

        // Anybody may write "write through" to the file; the drive itself does not lie about it.
        return disk.Nvme.Length == 0 ? [Finding.Pass(seen)]
            : facts.Value($"probe:nvme-identify {disk.Nvme} {disk.Block}", "volatileWriteCache") switch
            {
                "absent" => [Finding.Pass("the drive has no volatile write cache")],
                "present" => [Finding.Fail("is declared durable; the kernel was told of no volatile write "
                    + "cache, but the drive has "
                    + "one", null, $"echo 'write back' > {disk.Sys("queue/write_cache")}")],
                var other => throw new NotReadException($"identify: '{Facts.Short(other)}' is neither "
                    + "present nor absent"),
            };
    }

    private static IEnumerable<Finding> Health(Facts facts, TopologyDisk disk)
    {
        string state = facts.Line($"/sys/class/nvme/{disk.Nvme}/state");
        if (state != "live")
        {
            yield return Finding.Fail($"the controller is {Facts.Short(state)}");
        }

        string smart = Smart + disk.Nvme;
        if (facts.Get(smart).State != FactState.Read)
        {
            foreach (Match alarm in facts.Match($"/sys/class/nvme/{disk.Nvme}/hwmon*/temp1_alarm"))
            {
                if (facts.NumberOrMissing(alarm.Source) is > 0)
                {
                    yield return Finding.Fail("its temperature alarm is on");
                }
            }
        }

        long Log(string key, Moment moment = Moment.Start) =>
            Facts.AsNumber(smart, facts.Value(smart, key, moment));
        long warning = Log("criticalWarning");
        if (warning != 0)
        {
            yield return Finding.Fail("it warns: " + string.Join(", ", Enumerable.Range(0, 8)
                .Where(bit => (warning >> bit & 1) != 0)
                .Select(bit => bit < Warnings.Length ? Warnings[bit] : $"bit {bit}")));
        }

        long errors = Log("mediaErrors");
        long used = Log("percentageUsed");
        long celsius = Log("temperatureK") - 273;
        if (errors > 0 || used >= 100)
        {
            yield return Finding.Warn(errors > 0 ? $"{errors} media errors so far"
                : $"{used} % of its endurance is used");
        }

        long throttled = Log("t1Count", Moment.End) - Log("t1Count")
            + Log("t2Count", Moment.End) - Log("t2Count");
        yield return throttled != 0 ? Finding.Fail($"was throttled by heat {throttled} times in the "
            + $"window, at {celsius} C")
            : Finding.Pass(string.Create(CultureInfo.InvariantCulture,
                $"{celsius} C, {used} % used, not throttled in the window"));
    }

    private static IEnumerable<Finding> Format(Facts facts, TopologyDisk disk)
    {
        string source = $"probe:nvme-identify {disk.Nvme} {disk.Block}";
        long size = facts.Number(disk.Sys("queue/logical_block_size"));
        string atomic = facts.NumberOrMissing(disk.Sys("queue/atomic_write_unit_max_bytes"))
            is > 0 and long unit
            ? $", {unit} written whole" : "";
        if (size == 4096)
        {
            return [Finding.Pass($"blocks of 4096 bytes{atomic}")];
        }

        int inUse = (int)Facts.AsNumber(source, facts.Value(source, "lbafInUse"));
        Dictionary<int, (long Bytes, long Rank)> formats = [];
        foreach (string line in facts.Lines(source).Where(line =>
            line.StartsWith("lbaf ", StringComparison.Ordinal)))
        {
            // "lbaf 1 4096 rp0": number, bytes of a block, relative performance, 0 the best.
            string[] words = line.Split(' ');
            formats[(int)Facts.AsNumber(source, words[1])] =
                words.Length >= 4 && words[3].StartsWith("rp", StringComparison.Ordinal)
                    ? (Facts.AsNumber(source, words[2]), Facts.AsNumber(source, words[3][2..]))
                    : throw new NotReadException($"{source}: '{Facts.Short(line)}' is no format");
        }

        if (!formats.TryGetValue(inUse, out (long Bytes, long Rank) mine) || mine.Bytes != size)
        {
            throw new NotReadException($"{source}: format {inUse} is not the one of {size} bytes in use");
        }

        (int best, (long blockBytes, long rank)) = formats.MinBy(row => row.Value.Rank);
        return rank >= mine.Rank ? [Finding.Pass($"blocks of {size} bytes, the fastest that it has{atomic}")]
            : [Finding.Warn($"blocks of {size} bytes; the drive calls format {best} of {blockBytes} bytes "
                + "faster")];
    }
}
