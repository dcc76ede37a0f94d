using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>Where interrupts fire, and who decides it.</summary>
internal static class InterruptChecks
{
    private const string Interrupts = "/proc/interrupts";
    private const string SoftIrqs = "/proc/softirqs";
    private const string Effective = "/proc/irq/*/effective_affinity_list";
    /// <summary>CPUs that an interrupt was asked to fire on.</summary>
    internal const string Requested = "/proc/irq/*/smp_affinity_list";
    private const string Default = "/proc/irq/default_smp_affinity";
    private const string PortIrqs = "{port.pci}/msi_irqs/*";
    private const string DiskIrqs = "{disk.pci}/msi_irqs/*";
    private const string LinkFiles = "/etc/systemd/network/*.link";

    private static readonly string[] Writers = ["irqbalance", "tuned", "intel_lpmd"];

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [EffectiveOff, NoPending, DefaultOff, ManagedAccounted, RateOnData, BalanceBanned, SingleOwner,
            IpiSources];

    private static Check EffectiveOff => new()
    {
        Id = "irq.affinity.effective-off",
        Kind = CheckKind.Static,
        Severities = "B/B/L",
        Reads =
        [
            new Read(Interrupts, Intrusion.I1, ReadTraits.Window), Effective, Requested,
                ManagedInterrupts.States,
            PortIrqs, DiskIrqs,
        ],
        Expects = "no device's interrupt fires on a lane's CPU, but for that of a port which the lane "
            + "itself polls there, and those that the kernel manages for I/O of that CPU alone "
            + "(irq.managed.accounted)",
        Why = "the mask that was asked for is a wish; the effective CPU is the one that is interrupted",
        Source = "Linux Documentation/core-api/irq/irq-affinity.rst",
        Remedy = new Remedy(RollbackClass.RuntimeNearly, "move the interrupt to a housekeeping CPU",
            "irqaffinity={H}",
            "it moves at the next interrupt only; a driver that makes its interrupts anew puts them back"),
        Judge = static facts => facts.Topology.Data.IsEmpty
            ? [Finding.NotApplicable("no data-plane CPU is declared")] : OnData(facts),
    };

    private static Check NoPending => new()
    {
        Id = "irq.affinity.no-pending",
        Kind = CheckKind.Behaviour | CheckKind.Static,
        Severities = "M/M/I",
        Reads =
        [
            new Read(Interrupts, Intrusion.I1, ReadTraits.Window),
                new Read(Effective, Traits: ReadTraits.Window),
            new Read(Requested, Traits: ReadTraits.Window),
        ],
        Expects = "each interrupt fires where it was asked to",
        Why = "some interrupt controllers move a line only at its next interrupt, so a mask may be written "
            + "and not hold",
        Source = "redhat-performance/tuned#364",
        Remedy = new Remedy(RollbackClass.Observe, "let the device interrupt once, then look again"),
        Judge = static facts =>
        {
            Moment moment = facts.WindowSeconds > 0 ? Moment.End : Moment.Start;
            List<Finding> findings = [];
            foreach ((InterruptRow row, CpuMask effective) in Devices(facts, moment))
            {
                string source = Requested.Replace("*", row.Name, StringComparison.Ordinal);
                CpuMask asked = facts.LineOrMissing(source, moment) is string line
                    ? Facts.AsCpus(source, line) : effective;
                if (!effective.IsWithin(asked))
                {
                    findings.Add(Finding.Warn($"fires on {effective}, was asked to on {asked}",
                        SubjectOf(row, effective)));
                }
            }

            return findings.Count > 0 ? findings : [Finding.Pass("none pending")];
        },
    };

    private static Check DefaultOff => new()
    {
        Id = "irq.affinity.default-off",
        Kind = CheckKind.Static,
        Severities = "H/H/I",
        Reads = [Default],
        Expects = "interrupts that appear later start on housekeeping CPUs",
        Why = "a device that is plugged in, or whose queues are made anew, gets the default mask",
        Source = "Linux Documentation/core-api/irq/irq-affinity.rst; redhat-performance/tuned#370",
        Remedy = new Remedy(RollbackClass.Runtime, "write the housekeeping CPUs' mask", "irqaffinity={H}"),
        Judge = static facts =>
        {
            CpuMask mask = facts.HexCpus(Default);
            CpuMask shared = mask.And(facts.Topology.Data);
            return facts.Topology.Data.IsEmpty ? [Finding.NotApplicable("no data-plane CPU is declared")]
                : shared.IsEmpty ? [Finding.Pass($"{mask}")]
                : [Finding.Warn($"{mask} has the lanes' CPUs {shared}", null,
                    $"echo {facts.Topology.Online.Without(facts.Topology.Data).ToHex()} > {Default}")];
        },
    };

    private static Check ManagedAccounted => new()
    {
        Id = "irq.managed.accounted",
        Kind = CheckKind.Static,
        Severities = "M/M/-",
        Reads =
        [
            new Read(Interrupts, Intrusion.I1, ReadTraits.Window), Requested, ManagedInterrupts.States,
            PortIrqs,
        ],
        Expects = "no interrupt that the kernel manages, and that nobody can move, has a lane's CPU in its "
            + "mask",
        Why = "such an interrupt fires there as soon as I/O is submitted from that CPU; "
            + "isolcpus=managed_irq only tries to "
            + "avoid it",
        Source = "Linux Documentation/admin-guide/kernel-parameters.txt (isolcpus=managed_irq); "
            + "scylladb/seastar#703",
        Remedy = new Remedy(RollbackClass.Boot, "isolate managed interrupts at boot, or give the device "
            + "fewer queues",
            "isolcpus=domain,managed_irq,{D}"),
        Judge = ManagedInterrupts.OnData,
    };

    private static Check RateOnData => new()
    {
        Id = "irq.rate.dataplane",
        Kind = CheckKind.Behaviour,
        Severities = "H/H/L",
        Reads =
        [
            new Read(Interrupts, Intrusion.I1, ReadTraits.Window),
                new Read(SoftIrqs, Intrusion.I1, ReadTraits.Window),
        ],
        Expects = "over the window nothing but the tick interrupts a lane's CPU, and no softirq runs there",
        Why = "the one check that sees every interrupt that went astray, whatever sent it there",
        Source = "proc_interrupts(5), proc_softirqs(5); firedancer-io/firedancer exports the same per tile",
        Remedy = new Remedy(RollbackClass.Observe, "by the row that moves"),
        Judge = static facts => facts.EachDataCpu(cpu =>
        [
            .. Moved(facts, Interrupts, cpu).Concat(Moved(facts, SoftIrqs, cpu))
                .DefaultIfEmpty(Finding.Pass("nothing")),
        ]),
    };

    private static Check BalanceBanned => new()
    {
        Id = "irq.irqbalance.banned",
        Kind = CheckKind.Static,
        Severities = "H/H/L",
        Reads = [ProcessTable.Names, .. IrqBalance.Reads],
        Expects = "irqbalance does not run, or its persistent configuration bans the lanes' CPUs",
        Why = "it moves interrupts every ten seconds; setting a ban of its own switches off its automatic "
            + "ban of isolated CPUs",
        Source = "Irqbalance/irqbalance#90, #202, #297 and its irqlist/cputree sources; "
            + "seapath/meta-seapath#167",
        Remedy = new Remedy(RollbackClass.Restart, "ban the lanes' CPUs in IRQBALANCE_BANNED_CPULIST, or "
            + "disable the service"),
        Judge = IrqBalance.Judge,
    };

    private static Check SingleOwner => new()
    {
        Id = "irq.writers.single-owner",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = [ProcessTable.Names, new Read(LinkFiles, Traits: ReadTraits.MayBeEmpty)],
        Expects = "nobody but the operator writes interrupt affinities",
        Why = "two writers undo each other, and which one wins depends on the order of events",
        Source = "systemd/systemd#40304; redhat-performance/tuned#370",
        Remedy = new Remedy(RollbackClass.Restart, "stop the other writers, or give the task to one of "
            + "them alone"),
        Judge = static facts =>
        {
            List<Finding> findings = [.. ProcessTable.Running(facts, Writers)
                .Select(name => Finding.Warn($"{name} runs"))];
            findings.AddRange(facts.Match(LinkFiles)
                .Where(match => facts.LinesOrMissing(match.Source)?.Any(line =>
                    line.StartsWith("IRQAffinity", StringComparison.Ordinal)) == true)
                .Select(match => Finding.Warn($"{match.Source} sets interrupt affinities")));
            return findings.Count > 0 ? findings : [Finding.Pass("none of those known")];
        },
    };

    private static Check IpiSources => new()
    {
        Id = "irq.ipi.sources-known",
        Kind = CheckKind.Behaviour,
        Severities = "H/H/I",
        Reads = [new Read(Interrupts, Intrusion.I1, ReadTraits.Window)],
        Expects = "over the window no other CPU interrupts a lane's CPU",
        Why = "module loads, static keys, mprotect and perf on housekeeping CPUs send such calls, and no "
            + "setting shows it",
        Source = "Linux include/trace/events/ipi.h, csd.h; golang/go#60735",
        Remedy = new Remedy(RollbackClass.Observe, "find the sender by a trace of ipi:* and csd:* on the "
            + "housekeeping CPUs"),
        Judge = static facts =>
        {
            return facts.EachDataCpu(cpu =>
            {
                (InterruptRow Row, long Count)[] calls = [.. InterruptTable.Moved(facts, Interrupts, cpu)
                    .Where(row => row.Row.Name is "RES" or "CAL" or "TLB")];
                string[] moved = [.. calls.Where(row => row.Count != 0).Select(row => string.Create(
                    CultureInfo.InvariantCulture, $"{row.Row.Name} {row.Count}"))];
                return [calls.Length == 0 ? Finding.Unknown($"{Interrupts}: it has none of RES, CAL and TLB")
                    : moved.Length == 0 ? Finding.Pass("none")
                    : Finding.Warn($"{string.Join(", ", moved)} in the window; counters do not name the "
                        + $"senders")];
            });
        },
    };

    private static IEnumerable<Finding> OnData(Facts facts)
    {
        Dictionary<string, TopologyPort> polled = [];
        foreach (TopologyPort port in facts.Topology.Ports.Where(port => port.Pci.Length > 0
            && port.Declared.Wake == Native.Layout.WakePolicy.BusyPoll))
        {
            foreach (Match irq in facts.Match(port.PciFile("msi_irqs/*")))
            {
                polled[irq.Parts[0]] = port;
            }
        }

        CpuMask house = facts.Topology.Housekeeping.IsEmpty
            ? facts.Topology.Online.Without(facts.Topology.Data) : facts.Topology.Housekeeping;
        int clear = 0;
        Dictionary<string, string> states = ManagedInterrupts.StatesOf(facts);
        foreach ((InterruptRow row, CpuMask effective) in Devices(facts, Moment.Start))
        {
            CpuMask shared = effective.And(facts.Topology.Data);
            if (effective.IsEmpty && MayFireOnData(facts, row) is Finding unsaid)
            {
                yield return unsaid;
                continue;
            }

            bool isManaged = !shared.IsEmpty && ManagedInterrupts.Is(facts, states, row);
            string source = Requested.Replace("*", row.Name, StringComparison.Ordinal);
            if (isManaged && facts.CpusOrMissing(source)?.IsWithin(facts.Topology.Data) == true)
            {
                continue; // nobody can move it, and only I/O that a lane's CPU submits raises it
            }

            if (shared.IsEmpty && !polled.ContainsKey(row.Name) && !ManagedInterrupts.Is(facts, states, row)
                && facts.CpusOrMissing(source) is { IsEmpty: false } asked
                && asked.IsWithin(facts.Topology.Data))
            {
                yield return Finding.Fail(
                    $"{Facts.Short(row.Device)} moves to CPU {asked} at its next interrupt",
                    SubjectOf(row, asked), $"echo {house} > /proc/irq/{row.Name}/smp_affinity_list");
                continue;
            }

            if (shared.IsEmpty || (polled.TryGetValue(row.Name, out TopologyPort? port)
                && shared.IsWithin(port.Cpus)))
            {
                clear++;
                continue;
            }

            yield return isManaged
                ? Finding.Fail($"{Facts.Short(row.Device)} fires on CPU {shared}, managed by the kernel: "
                    + $"only the "
                    + "boot line keeps it off", SubjectOf(row, shared))
                : Finding.Fail($"{Facts.Short(row.Device)} fires on CPU {shared}", SubjectOf(row, shared),
                    $"echo {house} > /proc/irq/{row.Name}/smp_affinity_list");
        }

        yield return Finding.Pass(string.Create(CultureInfo.InvariantCulture,
            $"{clear} interrupts fire elsewhere"));
    }

    // Chips that never say where they fire leave the effective list empty, as does a line that is shut down.
    private static Finding? MayFireOnData(Facts facts, InterruptRow row)
    {
        string source = Requested.Replace("*", row.Name, StringComparison.Ordinal);
        return row.Counts.Values.Sum() > 0 && facts.LineOrMissing(source) is string line
            && Facts.AsCpus(source, line).And(facts.Topology.Data) is { IsEmpty: false } shared
            ? Finding.Unknown($"the kernel does not say where {Facts.Short(row.Device)} fires; it may on "
                + $"CPU {shared}", SubjectOf(row, shared)) : null;
    }

    // Every interrupt that a device uses, with the CPUs it really fires on.
    private static List<(InterruptRow Row, CpuMask Effective)> Devices(Facts facts, Moment moment)
    {
        List<(InterruptRow, CpuMask)> devices = [];
        HashSet<string> known = [.. facts.Match(Effective).Select(match => match.Parts[0])];
        foreach (InterruptRow row in InterruptTable.Parse(Interrupts, facts.Text(Interrupts))
            .Where(row => row.IsDevice && row.Device.Length > 0))
        {
            string source = Effective.Replace("*", row.Name, StringComparison.Ordinal);
            if (!known.Contains(row.Name))
            {
                throw new NotReadException($"{source}: this kernel does not say where interrupts fire");
            }

            if (facts.LineOrMissing(source, moment) is string line)
            {
                devices.Add((row, Facts.AsCpus(source, line)));
            }
        }

        return devices;
    }

    private static IEnumerable<Finding> Moved(Facts facts, string source, int cpu)
    {
        foreach ((InterruptRow row, long count) in InterruptTable.Moved(facts, source, cpu)
            .Where(row => row.Row.Name is not "LOC"))
        {
            double rate = count / facts.WindowSeconds;
            string told = string.Create(CultureInfo.InvariantCulture,
                $"{row.Name} {rate:0.##} a second ({Facts.Short(row.Action)})");
            if (rate != 0)
            {
                yield return rate <= 1 ? Finding.Warn(told.Replace(" ()", "", StringComparison.Ordinal))
                    : Finding.Fail(told.Replace(" ()", "", StringComparison.Ordinal));
            }
        }
    }

    /// <summary>An interrupt, and the first of some CPUs.</summary>
    internal static Subject SubjectOf(InterruptRow row, CpuMask cpus) =>
        new(SubjectKind.Irq, row.Name, cpus.Cpus.FirstOrDefault(-1));
}
