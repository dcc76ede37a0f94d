using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

/// <summary>The same host with one thing wrong at a time: the check of that thing says so and names it, no
/// other
/// check fails for it, and what the check prints mends it.</summary>
[Trait("scenario", "rt-bad")]
public sealed class RtBadTests(RtBadTests.GoodHost host) : IClassFixture<RtBadTests.GoodHost>
{
    private const int Looks = 5;
    private const string Measured = "clk.read.vdso-fast"; // a time: under emulation a warning says nothing
    private const string Slice = "/sys/fs/cgroup/lowlat";
    private const string NoTick = "cpu.nohz_full.covers-dataplane";
    private const string NoCallbacks = "cpu.rcu.offloaded";

    // Name, what is done, the checks that turn, what the first of them says, and the remedy; null: what is
    // printed.
    // Some things are two promises at once: those checks are named beside the first.
    private static readonly Dictionary<string, Fault> Faults = new()
    {
        ["a quota on the slice"] = new($"echo '50000 100000' > {Slice}/cpu.max",
            ["cpu.cgroup.quota-unlimited"], "/lowlat may use 50000 of 100000 us"),
        ["an invalid partition"] = new( // its CPUs go back to all: RCU's threads with them
            $"cd {Slice}; echo member > cpuset.cpus.partition; echo isolated > cpuset.cpus.partition",
            ["cpu.cgroup.partition-valid", NoCallbacks], "/lowlat is 'isolated invalid (partition config "
                + "conflicts"),
        ["an interrupt on the lane's CPU"] = new(
            "echo 2 > /proc/irq/$(ls /sys/class/net/left/device/msi_irqs | sed -n 2p)/smp_affinity_list",
            ["irq.affinity.effective-off"], "to CPU 2|on CPU 2"),
        ["a mask that is not in effect"] = new("echo 3 > /proc/irq/4/smp_affinity_list",
            ["irq.affinity.no-pending"], "fires on 0, was asked to on 3|fires on 1, was asked to on 3",
            "echo > /dev/ttyS0"), // "let the device interrupt once"
        ["a default mask over the lanes"] = new("echo f > /proc/irq/default_smp_affinity",
            ["irq.affinity.default-off"], "0-3 has the lanes' CPUs 2"),
        ["unbound work on the lane's CPU"] = new("echo f > /sys/devices/virtual/workqueue/cpumask",
            ["cpu.workqueue.unbound-off"], "/sys/devices/virtual/workqueue/cpumask has CPUs 2"),
        ["a watched CPU"] = new("echo 0-3 > /proc/sys/kernel/watchdog_cpumask",
            ["wd.lockup.off-dataplane"], "is watched (/proc/sys/kernel/watchdog_cpumask is 0-3)"),
        ["huge pages given away"] = new(
            "echo 0 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages",
            ["mem.hugepages.on-node", "boot.cmdline.parsed-equals-effective"], "node1: 0 free, 16 needed"),
        ["a slow clock"] = new("echo hpet > /sys/devices/system/clocksource/clocksource0/current_clocksource",
            ["clk.source.tsc", "clk.read.vdso-fast"], "hpet"),
        ["swap"] = new("mkswap /dev/$(basename $(ls -d /sys/class/nvme/nvme*/nvme*n1 | "
            + "grep -v nvme0 | head -n 1) | sed 's/c[0-9]*n/n/') > /dev/null && swapon /dev/nvme1n1",
            ["mem.swap.none-for-us"], "swap is on: /dev/nvme1n1"),
        ["a stranger on the lane's CPU"] = new(
            $"sh -c 'echo $$ > {Slice}/cgroup.procs; exec taskset 4 sh -c \"while :; do :; done\"' "
                + "> /dev/null 2>&1 & echo $! > /run/stranger; sleep 1",
            ["cpu.threads.no-foreign-user"], "CPU 2", "kill $(cat /run/stranger)"),
        ["irqbalance"] = new("""
            printf '#!/bin/sh\nwhile :; do sleep 1; done\n' > /run/irqbalance; chmod +x /run/irqbalance
            /run/irqbalance > /dev/null 2>&1 & echo $! > /run/balance; sleep 0.2
            """, ["irq.irqbalance.banned"], "irqbalance", "kill $(cat /run/balance)"),
        ["compaction of memory"] = new("echo 1 > /proc/sys/vm/compaction_proactiveness",
            ["mem.compaction.quiet"], "vm.compaction_proactiveness is 1"),
        ["a port on the other node"] = new($"sed -i 's/interface = \"right\"/interface = \"far\"/' "
            + $"{TunedHost.File}",
            ["topo.numa.nic-local"], "lies on node 0, its lanes on CPUs 2 do not",
            $"sed -i 's/interface = \"far\"/interface = \"right\"/' {TunedHost.File}"),
    };

    /// <summary>Names of all single faults.</summary>
    public static TheoryData<string> Names { get; } = [.. Faults.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_single_fault_is_told_by_its_own_check_and_mended_by_what_that_prints(string name)
    {
        Fault fault = Faults[name];
        host.Guest.Do(fault.Inflict);
        Dictionary<string, JsonElement> checks = TunedHost.Check(host.Guest);
        string[] printed = [.. fault.Checks.SelectMany(id => checks[id].GetProperty("findings")
            .EnumerateArray())
            .Where(finding => finding.GetProperty("state").GetString() != "pass")
            .SelectMany(finding => finding.GetProperty("fix").EnumerateArray())
                .Select(line => line.GetString()!)];
        TunedHost.Apply(host.Guest, fault.Remedy ?? string.Join('\n', printed));
        Dictionary<string, JsonElement> mended;
        int looks = 0; // an interrupt moves at its next firing, a timer is gone when it has run
        do
        {
            mended = TunedHost.Check(host.Guest);
        }
        while (host.Turned(mended).Length > 0 && ++looks < Looks);

        Assert.Equal([], fault.Checks.Except(host.Turned(checks)));
        Assert.Equal([], TunedHost.In(checks, "fail", "error").Except(fault.Checks)
            .Select(id => $"{id}: {checks[id].GetProperty("findings")}"));
        string findings = checks[fault.Checks[0]].GetProperty("findings").ToString();
        Assert.True(fault.Says.Split('|').Any(text => findings.Contains(text, StringComparison.Ordinal)),
            findings);
        Assert.True(fault.Remedy is not null || printed.Length > 0, "nothing to do is printed");
        Assert.Equal([], host.Turned(mended).Select(id => $"{id}: {mended[id].GetProperty("findings")}"));
    }

    [Fact]
    public void A_lane_on_CPU_0_is_refused_by_name_and_every_failure_is_about_that_CPU()
    {
        const string wrong = "/etc/zero.toml";
        host.Guest.Do($"sed 's/cpu = 2/cpu = 0/; s/0-1,3/1-3/' {TunedHost.File} > {wrong}");
        GuestAnswer plan = host.Guest.Run($"lowlat plan -c {wrong}");
        Assert.Equal(1, plan.Code);
        Assert.Contains("CPU 0 has work of the kernel that no isolation moves away", plan.Error,
            StringComparison.Ordinal);
        Dictionary<string, JsonElement> checks = TunedHost.Check(host.Guest, wrong);
        Assert.Contains("cpu.isolated.covers-dataplane", host.Turned(checks));
        Assert.Contains("topo.housekeeping.sufficient", host.Turned(checks));
        Assert.Equal(0, host.Guest.Run($"lowlat plan -c {TunedHost.File}").Code);
    }

    [Fact]
    public void Interrupts_that_the_boot_line_lets_onto_the_lanes_are_told_with_the_word_to_change()
    {
        using Guest guest = Guest.Boot(TunedHost.Setup("rt-bad-irqaffinity", Kernel.Rt,
            host.BootLine.Replace("irqaffinity=0-1,3", "irqaffinity=0-3", StringComparison.Ordinal)));
        TunedHost.Prepare(guest);
        Dictionary<string, JsonElement> checks = TunedHost.Check(guest);
        Assert.Equal("fail", TunedHost.State(checks["boot.cmdline.no-contradiction"]));
        Assert.Equal("fail", TunedHost.State(checks["irq.affinity.effective-off"]));
        Assert.Contains("irqaffinity=0-3 has the lanes' CPUs 2",
            checks["boot.cmdline.no-contradiction"].GetProperty("findings").ToString(),
                StringComparison.Ordinal);
        string asked = guest.Do($"lowlat check -c {TunedHost.File} --boot-args");
        Assert.Equal(host.BootLine, asked.Split('\n')[0]);
        Assert.Contains("# ~ irqaffinity=0-3 -> irqaffinity=0-1,3", asked, StringComparison.Ordinal);
        guest.PowerOff();
    }

    [Fact]
    public void A_stock_kernel_is_told_with_its_huge_pages_and_its_moving_of_pages()
    {
        using Guest guest = Guest.Boot(TunedHost.Setup("rt-bad-stock", Kernel.Stock, host.BootLine));
        TunedHost.Prepare(guest);
        Dictionary<string, JsonElement> checks = TunedHost.Check(guest);
        Assert.Equal(("warn", "warn", "fail"), (TunedHost.State(checks["kern.preempt.model"]),
            TunedHost.State(checks["mem.thp.not-always"]),
                TunedHost.State(checks["mem.numa-balancing.off"])));
        Assert.Contains("PREEMPT_DYNAMIC, not a real-time kernel",
            checks["kern.preempt.model"].GetProperty("findings").ToString(), StringComparison.Ordinal);
        Assert.Contains("enabled is 'always'",
            checks["mem.thp.not-always"].GetProperty("findings").ToString(), StringComparison.Ordinal);
        TunedHost.Tune(guest);
        checks = TunedHost.Check(guest);
        Assert.Equal(("warn", "pass", "pass"), (TunedHost.State(checks["kern.preempt.model"]),
            TunedHost.State(checks["mem.thp.not-always"]),
                TunedHost.State(checks["mem.numa-balancing.off"])));
        guest.PowerOff();
    }

    /// <summary>What is wrong, and how it shows.</summary>
    /// <param name="Inflict">Shell commands.</param>
    /// <param name="Checks">Those that no longer pass, the one it is about first.</param>
    /// <param name="Says">What that one says; alternatives between bars.</param>
    /// <param name="Remedy">Shell commands; null: those that the check prints.</param>
    private sealed record Fault(string Inflict, string[] Checks, string Says, string? Remedy = null);

    /// <summary>The host of <c>rt-good</c>, and what a host is told that was tuned in nothing.</summary>
    public sealed class GoodHost : IDisposable
    {
        private readonly HashSet<string> _before;

        /// <summary>Boots both.</summary>
        public GoodHost()
        {
            BootLine = Untuned();
            GuestSetup setup = TunedHost.Setup("rt-bad", Kernel.Rt, BootLine);
            Guest = Guest.Boot(setup with { Drives = [.. setup.Drives, new GuestDrive("spare", 64, 1)] });
            TunedHost.Prepare(Guest);
            TunedHost.Tune(Guest);
            TunedHost.Apply(Guest, "ethtool -L far combined 1; ethtool -X far start 0 equal 1");
            Dictionary<string, JsonElement> checks = TunedHost.Check(Guest);
            Assert.Equal([], TunedHost.In(checks, "fail", "error").Select(id => checks[id].ToString()));
            _before = [.. TunedHost.In(checks, "warn")];
        }

        /// <summary>What the check printed for the untuned host.</summary>
        public string BootLine { get; }

        /// <summary>The guest.</summary>
        public Guest Guest { get; }

        /// <summary>Checks that fail, or warn and did not before.</summary>
        public string[] Turned(Dictionary<string, JsonElement> checks) =>
            [.. TunedHost.In(checks, "fail", "error", "warn").Where(id =>
                TunedHost.State(checks[id]) != "warn" || (!_before.Contains(id) && id != Measured))];

        /// <inheritdoc/>
        public void Dispose()
        {
            try
            {
                Guest.PowerOff();
            }
            finally
            {
                Guest.Dispose();
            }
        }

        // Nothing isolates; then a partition alone, which does not stop the tick nor move RCU's callbacks.
        private static string Untuned()
        {
            using Guest guest = Guest.Boot(TunedHost.Setup("rt-bad-untuned", Kernel.Rt, ""));
            TunedHost.Prepare(guest);
            Dictionary<string, JsonElement> checks = TunedHost.Check(guest);
            Assert.Equal("fail", TunedHost.State(checks["cpu.isolated.covers-dataplane"]));
            Assert.Contains("is not isolated; isolated are: none",
                checks["cpu.isolated.covers-dataplane"].GetProperty("findings").ToString(),
                    StringComparison.Ordinal);
            string bootLine = TunedHost.BootLine(guest);
            TunedHost.Tune(guest);
            checks = TunedHost.Check(guest);
            Assert.Equal("pass", TunedHost.State(checks["cpu.isolated.covers-dataplane"]));
            Assert.Equal(("fail", "fail"), (TunedHost.State(checks[NoTick]),
                TunedHost.State(checks[NoCallbacks])));
            Assert.Contains("no rcuo thread runs its callbacks",
                checks[NoCallbacks].GetProperty("findings").ToString(), StringComparison.Ordinal);
            guest.PowerOff();
            return bootLine;
        }
    }
}
