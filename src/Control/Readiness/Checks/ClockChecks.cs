using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>The clocks that lanes read, and how true they are.</summary>
internal static class ClockChecks
{
    private const string Source = "/sys/devices/system/clocksource/clocksource0/";
    private const string CpuInfo = "/proc/cpuinfo";
    private const string NodeLists = "/sys/devices/system/node/node*/cpulist";
    private const string Cost = "probe:clock-cost";
    private const string Sync = "probe:clock-sync";

    private static readonly string[] Qualified = ["constant_tsc", "nonstop_tsc", "tsc_adjust"];
    private static readonly Version TrustsTsc = new(5, 16); // and on machines of two nodes at most

    /// <summary>The group's second part.</summary>
    public static IReadOnlyList<Check> All { get; } = [SourceIsTsc, WatchdogOff, FastReads, SyncBounded];

    private static Check SourceIsTsc => new()
    {
        Id = "clk.source.tsc",
        Kind = CheckKind.Static,
        Severities = "H/H/M",
        Reads = [Source + "current_clocksource", Source + "available_clocksource"],
        Expects = "the kernel's clock source is the TSC",
        Why = "with HPET or the ACPI timer each time stamp is a read of a device, about a microsecond",
        Source = "Linux Documentation/timers/timekeeping.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "choose tsc where it is available; else find in the "
            + "kernel log why it was "
            + "given up", "tsc=reliable"),
        Judge = static facts =>
        {
            string current = facts.Line(Source + "current_clocksource");
            string[] available = facts.Line(Source + "available_clocksource").Split(' ');
            return available.Contains(current) is false
                ? [Finding.Unknown($"{Facts.Short(current)} is not among those available")]
                : current switch
                {
                    "tsc" => [Finding.Pass("tsc")],
                    "kvm-clock" or "hyperv_clocksource_tsc_page" or "arch_sys_counter" =>
                        [Finding.Warn($"{current}: the guest's own, read without a system call")],
                    _ => [Finding.Fail($"{current}", null, available.Contains("tsc")
                        ? [$"echo tsc > {Source}current_clocksource"] : [])],
                };
        },
    };

    private static Check WatchdogOff => new()
    {
        Id = "clk.tsc.watchdog-off-dataplane",
        Kind = CheckKind.Static,
        Severities = "M/L/I",
        Reads =
        [
            BootLine.Source, CpuInfo, Source + "current_clocksource", HostIdentity.Kernel, NodeLists,
        ],
        Expects = "the clock source's watchdog does not visit the lanes' CPUs",
        Why = "it runs on each CPU in turn, twice a second, to compare the TSC with another clock",
        Source = "Linux kernel/time/clocksource.c; Documentation/admin-guide/kernel-parameters.txt (tsc=)",
        Remedy = new Remedy(RollbackClass.Boot, "boot with tsc=nowatchdog", "tsc=nowatchdog"),
        Judge = static facts =>
        {
            BootLine line = BootLine.Running(facts);
            if (facts.Line(Source + "current_clocksource") != "tsc")
            {
                return [Finding.NotApplicable("the clock source is not the TSC")];
            }

            string[] flags = facts.Value(CpuInfo, "flags").Split(' ');
            // arch/x86/kernel/tsc.c, check_system_tsc_reliable; that the frequency is known says nothing
            // here.
            return [line.All("tsc").Any(value => value is "nowatchdog" or "reliable")
                    ? Finding.Pass("off by boot argument")
                : line.All("tsc").Contains("watchdog") ? Finding.Warn("on by boot argument")
                : flags.Contains("tsc_reliable") ? Finding.Pass("off: the hypervisor vouches for the TSC")
                : Array.TrueForAll(Qualified, flags.Contains) && KernelRelease.Of(facts) >= TrustsTsc
                    && facts.Match(NodeLists).Count <= 2
                    ? Finding.Pass("off: the kernel trusts the TSC of this machine")
                : Finding.Warn("on: nothing on the boot line switches it off")];
        },
    };

    private static Check FastReads => new()
    {
        Id = "clk.read.vdso-fast",
        Kind = CheckKind.Probe,
        Severities = "H/H/M",
        Reads = [Cost],
        Expects = "reading the clock takes at most 60 ns and no system call",
        Why = "lanes stamp every burst; where the vDSO cannot read the clock, each stamp is a system call",
        Source = "vdso(7); sozu-proxy/sozu#500",
        Remedy = new Remedy(RollbackClass.Runtime, "choose a clock source that the vDSO can read"),
        Judge = static facts =>
        {
            double vdso = Decimal(facts, "vdsoNs");
            double syscall = Decimal(facts, "syscallNs");
            string told = string.Create(CultureInfo.InvariantCulture,
                $"{vdso:0.#} ns; the system call {syscall:0.#} ns");
            return [vdso > 200 ? Finding.Fail(told)
                : vdso > 60 || vdso > 0.8 * syscall ? Finding.Warn(told) : Finding.Pass(told)];
        },
    };

    private static Check SyncBounded => new()
    {
        Id = "clk.sync.bounded",
        Kind = CheckKind.Behaviour | CheckKind.Probe,
        Severities = "M/M/I",
        Reads = [new Read(Sync, Traits: ReadTraits.Window)],
        Expects = "the wall clock is synchronised, and its estimated error is within [host.objective] "
            + "clock_error",
        Why = "a latency across two hosts is a difference of their clocks",
        Source = "adjtimex(2): maxerror, STA_UNSYNC",
        Remedy = new Remedy(RollbackClass.Restart, "run chrony or ptp4l on a housekeeping CPU"),
        Judge = static facts =>
        {
            Moment moment = facts.WindowSeconds > 0 ? Moment.End : Moment.Start;
            long error = Facts.AsNumber(Sync, facts.Value(Sync, "maxErrorUs", moment));
            long most = facts.Topology.Objective.ClockErrorNs / 1000;
            bool isFree = facts.Value(Sync, "unsynchronised", moment) switch
            {
                "true" => true,
                "false" => false,
                var word => throw new NotReadException($"{Sync}: '{Facts.Short(word)}' is neither true nor "
                    + $"false"),
            };
            string told = string.Create(CultureInfo.InvariantCulture,
                $"error up to {error} us, at most {most} wanted");
            return [isFree ? Finding.Warn($"nothing synchronises it ({told})")
                : error > most ? Finding.Warn(told) : Finding.Pass(told)];
        },
    };

    private static double Decimal(Facts facts, string key) =>
        double.TryParse(facts.Value(Cost, key), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
            out double ns)
            ? ns : throw new NotReadException($"{Cost}: {key} is not a number");
}
