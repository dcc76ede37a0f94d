using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>Services, agents and observers that reach into the lanes' CPUs.</summary>
internal static class ServiceChecks
{
    private const string Tracing = "/sys/kernel/tracing/";
    private const string Interrupts = "/proc/interrupts";
    private const string Printk = "/proc/sys/kernel/printk";
    private const string Ignore = "/sys/module/printk/parameters/ignore_loglevel";
    private const string Blink = "/sys/class/graphics/fbcon/cursor_blink";

    private static readonly string[] Pollers =
        ["fwupd", "ipmiseld", "ipmi-sel", "ipmievd", "ipmi_exporter", "prometheus-ipmi", "kipmi*",
            "bmc-watchdog", "rasdaemon", "smartd", "thermald",
            "dsm_sa_*",
            "hpasmlited", "amsd", "srvadmin*", "nvsm*"];

    private static readonly string[] Observers =
        ["telegraf", "node_exporter", "prometheus-node", "netdata", "turbostat", "pmcd", "pmdalinux",
            "pmdaproc",
            "collectd", "perf", "perf_*", "sadc", "datadog-agent", "zabbix_agentd", "zabbix_agent2", "atop",
                "glances",
                "htop",
            "powertop", "bpftrace", "rdmsr"];

    private static readonly string[] CronFolders =
        ["cron.d", "cron.hourly", "cron.daily", "cron.weekly", "cron.monthly"];

    private static readonly string[] BusyTimers =
        ["apt-daily", "apt-daily-upgrade", "fstrim", "logrotate", "man-db", "plocate-updatedb", "updatedb",
            "e2scrub_all",
            "dnf-makecache", "unattended-upgrades", "mdcheck_start", "mdcheck_continue", "raid-check",
            "mlocate-updatedb", "dnf-automatic", "dnf5-makecache", "xfs_scrub_all", "fwupd-refresh",
                "snapd.refresh"];

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [SmiTriggers, NoObservers, QuietTimers, QuietConsole, UnownedTracing];

    private static Check SmiTriggers => new()
    {
        Id = "svc.smi-triggers.off",
        Kind = CheckKind.Static,
        Severities = "M/-/-",
        Reads = [ProcessTable.Names, .. TimerUnits.Reads],
        Expects = "no service runs that polls firmware, BMC or sensors",
        Why = "each such poll can raise a system management interrupt, which stops every CPU and which no "
            + "kernel trace "
            + "shows",
        Source = "openshift/cluster-node-tuning-operator#1591",
        Remedy = new Remedy(RollbackClass.Runtime, "mask the unit while the data plane is live",
            Hazard: "masking without --runtime outlives a reboot"),
        Judge = static facts =>
        {
            IReadOnlyList<string> running = ProcessTable.Running(facts, Pollers);
            bool hasRefresh = TimerUnits.Wanted(facts).Contains(("fwupd-refresh.timer", false));
            List<Finding> findings = [.. running.Take(8).Select(name => Finding.Warn($"{name} runs"))];
            if (hasRefresh)
            {
                findings.Add(Finding.Warn("fwupd-refresh.timer is enabled", null,
                    "systemctl mask --runtime --now fwupd-refresh.timer"));
            }

            return findings.Count > 0 ? findings : [Finding.Pass("none of those known runs")];
        },
    };

    private static Check NoObservers => new()
    {
        Id = "svc.observers.no-ipi",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "M/M/L",
        Reads = [ProcessTable.Names, new Read(Interrupts, Intrusion.I1, ReadTraits.Window)],
        Expects = "no agent runs that reads per-CPU registers, frequencies or perf counters of the lanes' "
            + "CPUs",
        Why = "reading an MSR, a frequency or a counter of a CPU interrupts that CPU",
        Source = "influxdata/telegraf#13828, prometheus/node_exporter#1086, netdata/netdata#6741, "
            + "intel/intel-lpmd#122",
        Remedy = new Remedy(RollbackClass.Restart, "configure the agent to leave the lanes' CPUs out, or "
            + "stop it"),
        Judge = static facts =>
        {
            IReadOnlyList<string> running = ProcessTable.Running(facts, Observers);
            return running.Count == 0 ? [Finding.Pass("none of those known runs")]
                : [Finding.Warn(string.Join(", ", running.Take(8)) + CallsSeen(facts))];
        },
    };

    private static Check QuietTimers => new()
    {
        Id = "svc.timers.quiet-window",
        Kind = CheckKind.Static,
        Severities = "L/L/L",
        Reads = [.. TimerUnits.Reads, ProcessTable.Names, .. CronFolders.Select(folder =>
            $"/etc/{folder}/*")],
        Expects = "no timer or cron job that loads disk, memory or the package manager fires while the "
            + "host is live",
        Why = "explains the spike at the same minute of every day",
        Source = "systemd.timer(5), cron(8)",
        Remedy = new Remedy(RollbackClass.Runtime, "mask the timer, or move it out of trading or measuring "
            + "hours"),
        Judge = static facts =>
        {
            (string Name, bool IsMasked)[] timers = [.. TimerUnits.Wanted(facts).Where(timer =>
                BusyTimers.Contains(timer.Name.Replace(".timer", "", StringComparison.Ordinal)))];
            List<Finding> findings = [.. timers.Where(timer => !timer.IsMasked).Select(timer => Finding.Warn(
                $"{timer.Name} fires{(TimerUnits.Calendar(facts, timer.Name) is string when ? $" at {when}" : "")}",
                null, $"systemctl mask --runtime --now {timer.Name}"))];
            string[] jobs = [.. CronFolders.SelectMany(folder => facts.Match($"/etc/{folder}/*")
                .Where(match => match.Parts[0][0] != '.').Select(match => $"{folder}/{match.Parts[0]}"))];
            if (jobs.Length > 0 && ProcessTable.Running(facts, ["cron", "crond", "anacron"])
                is [string cron, ..])
            {
                findings.Add(Finding.Warn($"{cron} runs {string.Join(", ", jobs.Take(8))}"));
            }

            string masked = string.Join(", ", timers.Where(timer => timer.IsMasked)
                .Select(timer => timer.Name));
            return findings.Count > 0 ? findings : [Finding.Pass("none of those known is enabled"
                + (masked.Length == 0 ? "" : $"; masked: {masked}"))];
        },
    };

    private static Check QuietConsole => new()
    {
        Id = "svc.console.quiet",
        Kind = CheckKind.Static,
        Severities = "M/M/L",
        Reads = ["/proc/consoles", Printk, Ignore, Blink],
        Expects = "a serial console shows errors at most, and no frame-buffer cursor blinks",
        Why = "printing a line on a serial port spins for milliseconds with interrupts off; a blinking "
            + "cursor is work on "
            + "some CPU five times a second",
        Source = "Linux Documentation/core-api/printk-basics.rst; firedancer-io/firedancer configure stage "
            + "'console'",
        Remedy = new Remedy(RollbackClass.Runtime, "lower the console's log level", "quiet loglevel=1"),
        Judge = static facts =>
        {
            string[] serial =
            [
                .. facts.Lines("/proc/consoles").Select(ConsoleOf)
                    .Where(name => !IsScreen(name)),
            ];
            string[] levels = facts.Line(Printk).Split('\t', ' ');
            long level = Facts.AsNumber(Printk, levels[0]);
            string ignored = facts.LineOrMissing(Ignore) ?? "N";
            string blinks = facts.LineOrMissing(Blink) ?? "0";
            if (ignored is not ("Y" or "N") || blinks is not ("-1" or "0" or "1"))
            {
                throw new NotReadException($"{Ignore} is '{Facts.Short(ignored)}', {Blink} is "
                    + $"'{Facts.Short(blinks)}': neither on nor off");
            }

            List<Finding> findings = [];
            if (serial.Length > 0 && ignored == "Y")
            {
                findings.Add(Finding.Warn($"console {string.Join(", ", serial)} prints everything: "
                    + "ignore_loglevel is Y", null, $"echo N > {Ignore}"));
            }
            else if (serial.Length > 0 && level > 4)
            {
                findings.Add(Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                    $"console {string.Join(", ", serial)} prints everything below level {level}"), null,
                        "dmesg -n 1"));
            }

            if (blinks == "1")
            {
                findings.Add(Finding.Warn("the frame-buffer cursor blinks", null, $"echo 0 > {Blink}"));
            }

            return findings.Count > 0 ? findings : [Finding.Pass(serial.Length == 0
                ? "no console but the screen"
                : string.Create(CultureInfo.InvariantCulture,
                    $"{string.Join(", ", serial)} at level {level}"))];
        },
    };

    private static Check UnownedTracing => new()
    {
        Id = "svc.tracing.unowned",
        Kind = CheckKind.Static,
        Severities = "M/M/L",
        Reads =
        [
            Tracing + "current_tracer", new Read(Tracing + "set_event", Traits: ReadTraits.MayBeEmpty),
            new Read(Tracing + "kprobe_events", Traits: ReadTraits.MayBeEmpty),
            new Read(Tracing + "uprobe_events", Traits: ReadTraits.MayBeEmpty),
            new Read(Tracing + "dynamic_events", Traits: ReadTraits.MayBeEmpty),
            new Read(Tracing + "enabled_functions", Intrusion.I1, ReadTraits.MayBeEmpty),
            Tracing + "instances/*/tracing_on",
        ],
        Expects = "nobody traces this kernel but lowlat itself",
        Why = "somebody's forgotten probe costs on every pass through it, and changes what we measure",
        Source = "Linux Documentation/trace/ftrace.rst, kprobetrace.rst",
        Remedy = new Remedy(RollbackClass.Observe, "ask whose it is, then remove it"),
        Judge = static facts =>
        {
            if (facts.LineOrMissing(Tracing + "current_tracer") is not string tracer)
            {
                return [Finding.Unsupported("tracefs is not mounted, or this kernel has none")];
            }

            List<Finding> findings = [];
            if (tracer != "nop")
            {
                findings.Add(Finding.Warn($"tracer {tracer} is on", null,
                    $"echo nop > {Tracing}current_tracer"));
            }

            foreach (string file in (string[])["set_event", "kprobe_events", "uprobe_events",
                "dynamic_events",
                "enabled_functions"])
            {
                if (facts.LinesOrMissing(Tracing + file) is [string first, .. var more])
                {
                    findings.Add(Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                        $"{file} holds {Facts.Short(first)}{(more.Length > 0 ? $" and {more.Length} more" : "")}")));
                }
            }

            findings.AddRange(facts.Match(Tracing + "instances/*/tracing_on").Select(match => match.Parts[0])
                .Where(name => !name.StartsWith("lowlat-", StringComparison.Ordinal)).Take(8)
                .Select(name => Finding.Warn($"instance {name} is there")));
            return findings.Count > 0 ? findings
                : [Finding.Pass("tracefs shows no tracer, event, probe or hooked function")];
        },
    };

    // tty0 and its like draw on a screen, ttynull nowhere; all others send character by character, over a
    // serial line, a hypervisor or the network.
    private static bool IsScreen(string name) => name.StartsWith("ttynull", StringComparison.Ordinal)
        || (name.StartsWith("tty", StringComparison.Ordinal) && name[3..].All(char.IsAsciiDigit));

    // "ttyS0                -W- (EC  p a)    4:64" (fs/proc/consoles.c).
    private static string ConsoleOf(string line) =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            is [var name, { Length: 3 } modes, ['(', ..], ..]
            && modes.All(c => c is 'R' or 'W' or 'U' or '-') ? name
            : throw new NotReadException($"/proc/consoles: '{Facts.Short(line)}' is no console");

    // What the window saw of calls into the lanes' CPUs; nothing without one.
    private static string CallsSeen(Facts facts)
    {
        if (facts.WindowSeconds == 0 || facts.Topology.Data.IsEmpty)
        {
            return "";
        }

        IReadOnlyList<InterruptRow> before = InterruptTable.Parse(Interrupts, facts.Text(Interrupts));
        IReadOnlyList<InterruptRow> after = InterruptTable.Parse(Interrupts,
            facts.Text(Interrupts, Moment.End));
        long calls = facts.Topology.Data.Cpus.Sum(cpu =>
            InterruptTable.Moved(Interrupts, before, after, "CAL", cpu));
        return string.Create(CultureInfo.InvariantCulture,
            $"; {calls} function calls reached the lanes' CPUs in "
                + $"{facts.WindowSeconds:0.#} s");
    }
}
