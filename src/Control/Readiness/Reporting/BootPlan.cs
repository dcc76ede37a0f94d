using System.Globalization;
using System.Text;
using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>The boot line a configuration needs, and how the running one differs. Pure.</summary>
internal static class BootPlan
{
    private const string Line = "/proc/cmdline";
    private const string Clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    private const string Kfence = "/sys/module/kfence/parameters/sample_interval";
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
            wanted.Add((new("tsc", "nowatchdog"), "keeps the clock's watchdog off the lanes"));
        }

        long pages = topology.Lanes.Where(lane => lane.HugePages != HugePages.Never)
            .Sum(lane => (lane.MemoryBytes + PageBytes - 1) / PageBytes);
        if (pages > 0)
        {
            wanted.Add((new("hugepagesz", "2M"), "size of the pages that follow"));
            wanted.Add((new("hugepages", pages.ToString(CultureInfo.InvariantCulture)),
                "for the lanes' frames"));
        }

        int polled = topology.Disks.Count(disk => disk.Nvme.Length > 0
            && disk.Declared.Mode == DiskMode.Iopoll);
        if (polled > 0)
        {
            wanted.Add((new("nvme.poll_queues", polled.ToString(CultureInfo.InvariantCulture)),
                "a queue to poll for each disk"));
        }

        if (Text(report, Kfence) is { } interval && interval != "0")
        {
            wanted.Add((new("kfence.sample_interval", "0"), "stops a patch of code every sample"));
        }

        return wanted;
    }

    // Of what is no list of CPUs the last value holds.
    private static bool IsSame(BootLine line, BootArgument wanted, CpuMask possible) => Lists.Contains(wanted.Name)
        ? BootLine.IsSameOn(line, BootLine.Parse(wanted.ToString()), wanted.Name, possible)
        : line.Last(wanted.Name) == wanted.Value;

    private static string? Text(ReadinessReport report, string source) =>
        report.Evidence.Find(source) is { State: FactState.Read } fact
            ? EvidenceJson.TextOf(fact.Bytes)?.Trim() : null;
}
