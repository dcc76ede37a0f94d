using System.Globalization;
using System.Text;
using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>The boot line a configuration needs, and how the running one differs. Pure.</summary>
internal static class BootPlan
{
    private const string Line = "/proc/cmdline";
    private const string Clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    private const string Kfence = "/sys/module/kfence/parameters/sample_interval";
    private const string PollQueues = "nvme.poll_queues";
    private const string NohzFull = "/sys/devices/system/cpu/nohz_full";
    private const long PageBytes = 2L << 20;

    private static readonly string[] Lists = ["isolcpus", "nohz_full", "rcu_nocbs", "irqaffinity"];

    // What undoes what this line is for (see boot.cmdline.no-contradiction).
    private static readonly BootArgument[] Contrary = [new("idle", "poll"), new("nohz", "off"),
        new("maxcpus", null)];

    /// <summary>Renders: the line itself first, alone; then, as comments, the difference.</summary>
    public static string Render(ReadinessReport report)
    {
        Topology topology = report.Topology;
        if (topology.Data.IsEmpty)
        {
            return "# No lane is declared, so nothing needs to be isolated: name a configuration with -c "
                + "FILE.\n";
        }

        List<(BootArgument Argument, string Why)> wanted = Wanted(report);
        StringBuilder text = new();
        text.AppendJoin(' ', wanted.Select(row => row.Argument)).Append('\n')
            .Append($"# for lanes on CPUs {topology.Data}; everything else on "
                + $"{topology.Possible.Without(topology.Data)}\n");
        if (Text(report, Line) is not string running)
        {
            return text.Append("# the running kernel's line could not be read\n").ToString();
        }

        BootLine line = BootLine.Parse(running);
        int changes = 0;
        foreach ((BootArgument argument, string why) in wanted)
        {
            string? had = line.Arguments.LastOrDefault(other => BootLine.IsSame(other.Name, argument.Name))
                is { Name: not null } other
                ? other.ToString() : null;
            bool isSame = had is not null && IsSame(line, argument, topology.Possible);
            changes += isSame ? 0 : 1;
            text.Append(isSame ? $"# = {had}\n" : had is null ? $"# + {argument}    {why}\n"
                : $"# ~ {had} -> {argument}    {why}\n");
        }

        foreach (BootArgument contrary in Contrary.Where(row => row.Value is null ? line.Has(row.Name)
            : line.Last(row.Name) == row.Value))
        {
            changes++;
            text.Append($"# - {contrary}    works against the arguments above\n");
        }

        if (report.Evidence.Find(NohzFull).State == FactState.Missing)
        {
            text.Append("# this kernel is built without NO_HZ_FULL: it drops nohz_full; Debian's kernels "
                + "have it\n");
        }

        return text.Append(changes == 0 ? "# the running line has all of it\n"
            : string.Create(CultureInfo.InvariantCulture, $"# {changes} to change; a reboot applies them\n"))
                .ToString();
    }

    private static List<(BootArgument Argument, string Why)> Wanted(ReadinessReport report)
    {
        Topology topology = report.Topology;
        string data = topology.Data.ToString();
        List<(BootArgument, string)> wanted =
        [
            (new("isolcpus", "domain,managed_irq," + data), "keeps the scheduler and managed interrupts "
                + "off the lanes"),
            (new("nohz_full", data), "stops the tick while a lane runs alone"),
            (new("rcu_nocbs", data), "has RCU callbacks run elsewhere"),
            (new("irqaffinity", topology.Possible.Without(topology.Data).ToString()),
                "has interrupts start elsewhere"),
        ];
        if (Text(report, Clock) == "tsc")
        {
            // What is there and stronger stays: a reliable one has no watchdog either.
            bool isReliable = Text(report, Line) is string line && BootLine.Parse(line)
                .Last("tsc") == "reliable";
            wanted.Add((new("tsc", isReliable ? "reliable" : "nowatchdog"),
                "keeps the clock's watchdog off the lanes"));
        }

        if (HugePagesOf(report) is { Length: > 0 } pages)
        {
            wanted.Add((new("hugepagesz", "2M"), "size of the pages that follow"));
            wanted.Add((new("hugepages", pages), "for the lanes' frames"));
        }

        if (PollQueuesOf(report) is > 0 and int queues)
        {
            wanted.Add((new(PollQueues, queues.ToString(CultureInfo.InvariantCulture)),
                "a queue to poll for each thread that submits to a drive"));
        }

        if (Text(report, Kfence) is { } interval && interval != "0")
        {
            wanted.Add((new("kfence.sample_interval", "0"), "stops a patch of code every sample"));
        }

        return wanted;
    }

    // Each drive gets as many: the most that one of them needs. What is there and more stays.
    private static int PollQueuesOf(ReadinessReport report)
    {
        int needed = report.Topology.Disks
            .Where(disk => disk.Nvme.Length > 0 && disk.Declared.Mode == DiskMode.Iopoll)
            .GroupBy(disk => disk.Nvme)
            .Select(drive => drive.Select(disk => disk.Declared.Cpu).Distinct().Count())
            .DefaultIfEmpty().Max();
        return needed > 0 && Text(report, Line) is string line
            && int.TryParse(BootLine.Parse(line).Last(PollQueues), NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int running) ? Math.Max(needed, running) : needed;
    }

    // NODE:COUNT where there are several nodes (since Linux 5.16): a plain count is shared out among all of
    // them.
    private static string HugePagesOf(ReadinessReport report)
    {
        var lanes = report.Topology.Lanes.Where(lane => lane.HugePages != HugePages.Never)
            .Select(lane => (Node: NodeOf(report, lane.Cpu), Pages: (lane.MemoryBytes
                + PageBytes - 1) / PageBytes))
            .Where(lane => lane.Pages > 0).ToArray();
        bool hasNodes = Text(report, NodeList(1)) is not null && lanes.All(lane => lane.Node >= 0);
        return hasNodes
            ? string.Join(',', lanes.GroupBy(lane => lane.Node).OrderBy(node => node.Key).Select(node =>
                string.Create(CultureInfo.InvariantCulture, $"{node.Key}:{node.Sum(lane => lane.Pages)}")))
            : lanes.Sum(lane => lane.Pages) is > 0 and long all ? all.ToString(CultureInfo.InvariantCulture)
                : "";
    }

    private static int NodeOf(ReadinessReport report, int cpu) => Enumerable.Range(0, Limits.NumaNodesMax)
        .Where(node => Text(report, NodeList(node)) is string cpus
            && CpuMask.ParseList(cpus)?.Contains(cpu) == true)
        .DefaultIfEmpty(-1).First();

    private static string NodeList(int node) =>
        string.Create(CultureInfo.InvariantCulture, $"/sys/devices/system/node/node{node}/cpulist");

    // Of what is no list of CPUs the last value holds.
    private static bool IsSame(BootLine line, BootArgument wanted, CpuMask possible) =>
        Lists.Contains(wanted.Name)
        ? BootLine.IsSameOn(line, BootLine.Parse(wanted.ToString()), wanted.Name, possible)
        : line.Last(wanted.Name) == wanted.Value;

    private static string? Text(ReadinessReport report, string source) =>
        report.Evidence.Find(source) is { State: FactState.Read } fact
            ? EvidenceJson.TextOf(fact.Bytes)?.Trim() : null;
}
