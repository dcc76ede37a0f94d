using System.Globalization;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>The kernel: how it was built, what it loaded, what it lets us see.</summary>
internal static class KernelChecks
{
    private const string RealTime = "/sys/kernel/realtime";
    private const string Version = "/proc/version";
    private const string Kfence = "/sys/module/kfence/parameters/sample_interval";
    private const string Tainted = "/proc/sys/kernel/tainted";
    private const string Lockdown = "/sys/kernel/security/lockdown";
    private const long Forced = 1 << 1, OutOfTree = 1 << 12; // Documentation/admin-guide/tainted-kernels.rst

    private static readonly string[] Needed = ["XDP_SOCKETS", "BPF_SYSCALL", "NO_HZ_FULL", "RCU_NOCB_CPU",
        "CPU_ISOLATION"];
    private static readonly string[] Useful = ["CPUSETS", "HUGETLBFS", "DEBUG_INFO_BTF"];

    /// <summary>The group's first part.</summary>
    public static IReadOnlyList<Check> All { get; } = [PreemptModel, IsolationCapable, NoDebugCost, Modules,
        LockdownOf];

    private static Check PreemptModel => new()
    {
        Id = "kern.preempt.model",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = [RealTime, Version],
        Expects = "where a thread of the data plane sleeps and is woken, the kernel is PREEMPT_RT; lanes "
            + "that only spin need none",
        Why = "for a thread that never sleeps isolation matters and the preemption model hardly does; "
            + "preempt=full is not "
            + "a real-time kernel",
        Source = "Linux Documentation/core-api/real-time; autostatic/rtcqs counts preempt=full as real time",
        Remedy = new Remedy(RollbackClass.Boot, "install a PREEMPT_RT kernel"),
        Judge = static facts =>
        {
            bool isRealTime = facts.NumberOrMissing(RealTime) == 1;
            string version = facts.Line(Version);
            if (!version.StartsWith("Linux version ", StringComparison.Ordinal))
            {
                throw new NotReadException($"{Version}: '{Facts.Short(version)}' is not how it begins");
            }

            // The model stands behind the build's number; names before it are anybody's.
            version = version[Math.Max(version.LastIndexOf(" #", StringComparison.Ordinal), 0)..];
            string model = isRealTime || version.Contains("PREEMPT_RT", StringComparison.Ordinal)
                ? "PREEMPT_RT"
                : version.Contains("PREEMPT_DYNAMIC", StringComparison.Ordinal)
                    ? "PREEMPT_DYNAMIC, not a real-time kernel"
                : version.Contains("PREEMPT", StringComparison.Ordinal) ? "PREEMPT, not a real-time kernel"
                : "not a real-time kernel";
            bool sleeps = facts.Topology.Disks.Any(disk => disk.Declared.Mode is DiskMode.Auto
                or DiskMode.Interrupt);
            return [model == "PREEMPT_RT" ? Finding.Pass(model)
                : sleeps ? Finding.Warn($"{model}, and a disk is declared whose thread sleeps")
                : Finding.Pass($"{model}; lanes spin, which needs none")];
        },
    };

    private static Check IsolationCapable => new()
    {
        Id = "kern.config.isolation-capable",
        Kind = CheckKind.Static,
        Severities = "B/H/L",
        Reads = KernelConfig.Reads,
        Expects = "the kernel is built with what isolation and AF_XDP need",
        Why = "without NO_HZ_FULL the boot argument is dropped with one line in the log",
        Source = "siderolabs/pkgs#1692; Linux kernel/time/Kconfig, kernel/rcu/Kconfig, net/xdp/Kconfig",
        Remedy = new Remedy(RollbackClass.Boot, "a kernel that has them; Debian's have"),
        Judge = static facts =>
        {
            if (KernelConfig.Of(facts) is not KernelConfig config)
            {
                return [Finding.Unknown("the host does not show how its kernel was built: no "
                    + "/boot/config-RELEASE, no /proc/config.gz")];
            }

            string[] missing = [.. Needed.Where(option => !config.Has(option))];
            string[] absent = [.. Useful.Where(option => !config.Has(option))];
            return [missing.Length > 0
                ? Finding.Fail($"built without {string.Join(", ", missing.Concat(absent))}")
                : absent.Length > 0 ? Finding.Warn($"built without {string.Join(", ", absent)}")
                : Finding.Pass($"has {string.Join(", ", Needed)}")];
        },
    };

    private static Check NoDebugCost => new()
    {
        Id = "kern.config.no-debug-cost",
        Kind = CheckKind.Static,
        Severities = "H/H/L",
        Reads = [.. KernelConfig.Reads, Kfence],
        Expects = "the kernel checks neither its locks nor its memory while it runs",
        Why = "lock checking and KASAN slow every path; KFENCE may patch code, which interrupts every CPU, "
            + "at each sample",
        Source = "Linux Documentation/dev-tools/kfence.rst, locking/lockdep-design.rst",
        Remedy = new Remedy(RollbackClass.Runtime, "another kernel; KFENCE also at run time",
            "kfence.sample_interval=0"),
        Judge = static facts =>
        {
            List<Finding> findings = [];
            if (facts.NumberOrMissing(Kfence) is > 0 and long interval)
            {
                findings.Add(Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                    $"KFENCE samples every {interval} ms"), null,
                    $"echo 0 > {Kfence}"));
            }

            if (KernelConfig.Of(facts) is not KernelConfig config)
            {
                return [.. findings, Finding.Unknown("the host does not show how its kernel was built")];
            }

            findings.AddRange(new[] { ("PROVE_LOCKING", true), ("LOCKDEP", true), ("KASAN", true),
                ("DEBUG_PREEMPT", false),
                ("DEBUG_KMEMLEAK", false) }
                .Where(option => config.Has(option.Item1))
                .Select(option => new Finding(Subject.Host, option.Item2 ? CheckState.Fail
                    : CheckState.Warn, $"built with {option.Item1}")));
            return findings.Count > 0 ? findings : [Finding.Pass("none of those known")];
        },
    };

    private static Check Modules => new()
    {
        Id = "kern.modules.required",
        Kind = CheckKind.Static,
        Severities = "H/H/M",
        Reads =
        [
            new Read("/proc/modules", Traits: ReadTraits.MayBeEmpty), HostIdentity.Kernel,
                "/lib/modules/*/modules.builtin",
            "/usr/lib/modules/*/modules.builtin", Tainted,
        ],
        Expects = "the kernel can say what AF_XDP sockets there are (xsk_diag), and no module is forced or "
            + "from outside the tree",
        Why = "evidence that cannot be read is unknown, not good; drivers from outside the tree have other "
            + "defaults",
        Source = "Linux Documentation/admin-guide/tainted-kernels.rst; net/xdp/xsk_diag.c",
        Remedy = new Remedy(RollbackClass.Runtime, "modprobe xsk_diag; name it in /etc/modules-load.d to "
            + "keep it"),
        Judge = static facts =>
        {
            long taint = facts.Number(Tainted);
            string[] loaded = [.. (facts.LinesOrMissing("/proc/modules") ?? []).Select(NameOf)];
            string release = loaded.Contains("xsk_diag") ? "" : facts.Line(HostIdentity.Kernel);
            bool isBuiltIn = release.Length > 0 && facts.Match("/lib/modules/*/modules.builtin")
                .Concat(facts.Match("/usr/lib/modules/*/modules.builtin"))
                .Where(match => match.Parts[0] == release)
                .Any(match => facts.Lines(match.Source).Any(line =>
                    line.EndsWith("/xsk_diag.ko", StringComparison.Ordinal)));
            List<Finding> findings = [];
            if (!loaded.Contains("xsk_diag") && !isBuiltIn)
            {
                findings.Add(Finding.Warn("xsk_diag is not loaded", null, "modprobe xsk_diag"));
            }

            if ((taint & (Forced | OutOfTree)) != 0)
            {
                findings.Add(Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                    $"the kernel runs modules that are "
                        + $"{((taint & Forced) != 0 ? "forced" : "from outside the tree")} (taint "
                        + $"{taint})")));
            }

            return findings.Count > 0 ? findings
                : [Finding.Pass($"xsk_diag is {(isBuiltIn ? "built in" : "loaded")}")];
        },
    };

    /// <summary>Name of a module: "ice 1234567 0 - Live 0x0000000000000000" (proc_modules(5)).</summary>
    /// <exception cref="NotReadException">The line is none.</exception>
    internal static string NameOf(string line) => line.Split(' ')
        is [var name, _, _, _, "Live" or "Loading" or "Unloading", ..] ? name
        : throw new NotReadException($"/proc/modules: '{Facts.Short(line)}' is no module");

    private static Check LockdownOf => new()
    {
        Id = "kern.lockdown.compatible",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = [Lockdown],
        Expects = "lockdown keeps no evidence from us",
        Why = "with it registers, PCI configuration and debugfs cannot be read or set",
        Source = "kernel_lockdown(7); openshift/cluster-node-tuning-operator#1163",
        Remedy = new Remedy(RollbackClass.Firmware, "read registers by perf instead, or boot without "
            + "Secure Boot"),
        Judge = static facts => facts.ChosenOrMissing(Lockdown) switch
        {
            null => [Finding.Unsupported("this kernel has no lockdown, or securityfs is not mounted")],
            "none" => [Finding.Pass("none")],
            var mode and ("integrity" or "confidentiality") =>
                [Finding.Warn($"{mode}: what needs registers or debugfs is unknown")],
            var mode => [Finding.Unknown($"{Lockdown}: '{Facts.Short(mode)}' is no mode")],
        },
    };
}
