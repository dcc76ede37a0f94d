using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

/// <summary>A PREEMPT_RT host of two NUMA nodes, tuned with nothing but what <c>lowlat check</c> prints: the
/// boot line
/// of <c>--boot-args</c>, then the commands of <c>--fix-plan</c>.</summary>
[Trait("scenario", "rt-good")]
public sealed class RtGoodTests
{
    // What the suite exists for: these must pass on what the kernel says, not by being inapplicable.
    private static readonly string[] Proven =
    [
        "kern.preempt.model", "kern.config.isolation-capable", "boot.cmdline.parsed-equals-effective",
        "cpu.isolated.covers-dataplane", "cpu.cgroup.partition-valid", "cpu.nohz_full.covers-dataplane",
        "cpu.rcu.offloaded", "cpu.workqueue.unbound-off", "cpu.threads.no-foreign-user",
        "cpu.threads.kthreads-movable-off", "irq.affinity.effective-off", "irq.affinity.default-off",
        "topo.numa.nic-local", "topo.numa.nvme-local", "topo.housekeeping.sufficient",
            "mem.hugepages.on-node",
        "mem.swap.none-for-us", "wd.lockup.off-dataplane", "clk.source.tsc",
    ];

    [Fact]
    public void A_host_that_does_what_it_is_told_is_ready()
    {
        string bootLine;
        using (Guest before = Guest.Boot(TunedHost.Setup("rt-good", Kernel.Rt, "")))
        {
            TunedHost.Prepare(before);
            bootLine = TunedHost.BootLine(before);
            Assert.Equal(3, before.Run($"lowlat check -c {TunedHost.File}").Code);
            before.PowerOff();
        }

        using Guest guest = Guest.Boot(TunedHost.Setup("rt-good", Kernel.Rt, bootLine));
        TunedHost.Prepare(guest);
        TunedHost.Tune(guest);
        Judged(guest, "");
        RunsAlone(guest);
        guest.PowerOff();
    }

    private static void Judged(Guest guest, string options)
    {
        Dictionary<string, JsonElement> checks = TunedHost.Check(guest, options: options);
        Assert.Equal([], Proven.Where(id => TunedHost.State(checks[id]) != "pass")
            .Select(id => $"{id}: {checks[id].GetProperty("findings")}"));
        // How long a read of the clock takes, an emulated CPU on a busy host does not say.
        Assert.Equal([], TunedHost.In(checks, "fail", "error").Where(id => id != "clk.read.vdso-fast")
            .Select(id => checks[id].ToString()));
        Assert.Equal(0, guest.Run($"lowlat check -c {TunedHost.File}").Code);
    }

    private static void RunsAlone(Guest guest)
    {
        guest.Start("run", $"lowlat run -c {TunedHost.File} --out /run/runs");
        guest.Until("lowlat status --json | grep -q '\"armed\"'", 120, "cat /run/run.out /run/run.err");
        string[] threads = guest.Do("""
            for t in /proc/$(pidof lowlatd)/task/*; do
                echo "$(cat $t/comm | tr ' ' _) $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' $t/status)" \
                    "$(sed 's/.*) //' $t/stat | cut -d' ' -f38,39)"
            done
            """).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["lane-wire 2 10 1"], threads.Where(line =>
            line.StartsWith("lane-", StringComparison.Ordinal)));
        Assert.All(threads.Where(line => !line.StartsWith("lane-", StringComparison.Ordinal)),
            line => Assert.EndsWith(" 3 0 0", line, StringComparison.Ordinal)); // what keeps house
        Assert.Equal("/lowlat\n", guest.Do("sed -n 's/^0:://p' /proc/$(pidof lowlatd)/cgroup"));

        // No user's thread but the lane's may run on its CPU; those of the kernel that are bound to it sleep.
        Judged(guest, "--window 3s");
        guest.Do("lowlat stop --name appliance");
        GuestAnswer ended = guest.Await("run");
        Assert.True(ended.Code == 0, ended.Output + ended.Error);
        JsonElement lane = Assert.Single(guest.Run("cat /run/runs/*/result.json").Json.GetProperty("lanes")
            .EnumerateArray());
        Assert.All((string[])["allocatedBytes", "collections", "minorFaults", "majorFaults",
            "conservationBreaks"],
            counter => Assert.Equal((counter, 0), (counter, lane.GetProperty(counter).GetInt64())));
        Assert.True(lane.GetProperty("hugePages").GetBoolean());
        Assert.Equal("", guest.Do("cat /sys/fs/cgroup/lowlat/cgroup.procs"));
    }
}
