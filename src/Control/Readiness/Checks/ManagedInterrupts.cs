namespace LowLatency.Control.Readiness.Checks;

/// <summary>Interrupts whose mask the kernel keeps to itself (IRQD_AFFINITY_MANAGED). Pure.</summary>
internal static class ManagedInterrupts
{
    /// <summary>What the kernel says of each interrupt, where it is built to
    /// (GENERIC_IRQ_DEBUGFS).</summary>
    public const string States = "/sys/kernel/debug/irq/irqs/*";

    private const string Interrupts = "/proc/interrupts";

    /// <summary>The rule.</summary>
    public static List<Finding> OnData(Facts facts)
    {
        if (facts.Topology.Data.IsEmpty)
        {
            return [Finding.NotApplicable("no data-plane CPU is declared")];
        }

        Dictionary<string, string> states = StatesOf(facts);
        HashSet<string> ports = [.. facts.Topology.Ports.Where(port => port.Pci.Length > 0)
            .SelectMany(port => facts.Match(port.PciFile("msi_irqs/*"))).Select(match => match.Parts[0])];
        List<Finding> findings = [];
        foreach (InterruptRow row in InterruptTable.Parse(Interrupts, facts.Text(Interrupts))
            .Where(row => row.IsDevice && row.Device.Length > 0))
        {
            // Without debugfs the driver's habit tells: never a wired line, and not those of a network card.
            bool? isManaged = Is(facts, states, row) ? true
                : states.ContainsKey(row.Name) || !row.Action.Contains("MSI", StringComparison.Ordinal)
                    || ports.Contains(row.Name)
                    || IsNeverManaged(row.Device) ? false : null;
            string source = InterruptChecks.Requested.Replace("*", row.Name, StringComparison.Ordinal);
            if (isManaged is not false && facts.LineOrMissing(source) is string line
                && Facts.AsCpus(source, line).And(facts.Topology.Data) is { IsEmpty: false } shared)
            {
                findings.Add(isManaged is null ? Finding.Unknown($"{Facts.Short(row.Device)} may fire on CPU "
                        + $"{shared}; whether it is managed only debugfs says (GENERIC_IRQ_DEBUGFS)",
                        InterruptChecks.SubjectOf(row, shared))
                    : Finding.Warn($"{Facts.Short(row.Device)} is managed and fires on CPU {shared} when I/O "
                        + "is submitted there", InterruptChecks.SubjectOf(row, shared)));
            }
        }

        return findings.Count > 0 ? findings : [Finding.Pass("none")];
    }

    /// <summary>Where the kernel tells of each interrupt, by its number.</summary>
    public static Dictionary<string, string> StatesOf(Facts facts) => facts.Match(States)
        .Where(match => match.Parts[0].All(char.IsAsciiDigit))
        .ToDictionary(match => match.Parts[0], match => match.Source);

    /// <summary>It is one for certain: the kernel says so, or, without debugfs, it is an I/O queue of an
    /// NVMe or
    /// virtio disk.</summary>
    public static bool Is(Facts facts, Dictionary<string, string> states, InterruptRow row) =>
        states.TryGetValue(row.Name, out string? state)
            ? facts.Text(state).Contains("AFFINITY_MANAGED", StringComparison.Ordinal)
            : IsQueueOfDisk(row.Device);

    // "nvme0q1" (drivers/nvme/host/pci.c), "virtio1-req.0" (virtio_blk.c), "virtio2-request"
    // (virtio_scsi.c).
    private static bool IsQueueOfDisk(string name)
    {
        int at = name.LastIndexOf('q');
        return (name.StartsWith("nvme", StringComparison.Ordinal) && at > 0 && name[(at + 1)..]
            is { Length: > 0 } queue && queue != "0" && queue.All(char.IsAsciiDigit))
            || (name.StartsWith("virtio", StringComparison.Ordinal)
                && name.Contains("-req", StringComparison.Ordinal));
    }

    // Vectors that come before the queues are never managed (struct irq_affinity, pre_vectors), nor are those
    // of virtio devices that are no disk.
    private static bool IsNeverManaged(string name) =>
        (name.StartsWith("nvme", StringComparison.Ordinal) && name.EndsWith("q0", StringComparison.Ordinal))
        || (name.StartsWith("virtio", StringComparison.Ordinal) && !IsQueueOfDisk(name));
}
