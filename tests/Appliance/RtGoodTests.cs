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
    private const string Configuration = """
        name = "appliance"

        [host]
        housekeeping = "0-1,3"
        rt_throttling = "off"
        profile = "sriov"
        slice = "lowlat"

        [[port]]
        name = "left"
        interface = "left"

        [[port]]
        name = "right"
        interface = "right"

        [[disk]]
        name = "capture"
        path = "/dev/nvme0n1"
        cpu = 3

        [[lane]]
        name = "wire"
        cpu = 2
        policy = "fifo"
        priority = 10
        ports = ["left", "right"]
        huge_pages = "require"

        [[lane.stage]]
        kind = "cross-connect"
        ports = ["left", "right"]
        """;

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
        using (Guest before = Guest.Boot(Setup("")))
        {
            Prepare(before);
            bootLine = before.Do("lowlat check -c /etc/appliance.toml --boot-args").Split('\n')[0];
            Assert.Equal(3, before.Run("lowlat check -c /etc/appliance.toml").Code);
            before.PowerOff();
        }

        using Guest guest = Guest.Boot(Setup(bootLine));
        Prepare(guest);
        Partition(guest);
        guest.Do("lowlat check -c /etc/appliance.toml --fix-plan > /run/fix && sed -i "
            + "'s#^ethtool#/bin/ethtool#' /run/fix");
        guest.Do("sh /run/fix");
        GuestAnswer answer = guest.Run("lowlat check -c /etc/appliance.toml --json");
        Dictionary<string, string> states = States(answer.Json);
        Assert.Equal([], Proven.Where(id => states.GetValueOrDefault(id) != "pass")
            .Select(id => $"{id}: {states.GetValueOrDefault(id)}"));
        Assert.Equal([], states.Where(row => row.Value is "fail" or "error").Select(row => row.Key));
        Assert.Equal(0, answer.Code);
        guest.PowerOff();
    }

    private static GuestSetup Setup(string bootLine) => new("rt-good", Kernel.Rt)
    {
        Cpus = 4,
        NodesMiB = [1024, 1024],
        BootLine = bootLine,
        Ports =
        [
            GuestPort.Igb("left", 1, "hubport,hubid=0") with { Node = 1 },
            GuestPort.Igb("right", 2, "hubport,hubid=1") with { Node = 1 },
        ],
        Drives = [new GuestDrive("capture", 64, 1)],
    };

    private static void Prepare(Guest guest)
    {
        guest.Write("/etc/appliance.toml", Configuration);
        guest.Do("ip link set left up; ip link set right up");
        guest.Until("[ \"$(cat /sys/class/net/left/carrier /sys/class/net/right/carrier)\" = \"1\n1\" ]");
    }

    // An empty partition takes CPUs that the boot line isolates; a cgroup that has them does not become one.
    private static void Partition(Guest guest) => guest.Do("""
        cd /sys/fs/cgroup && echo +cpuset +cpu +memory > cgroup.subtree_control && mkdir lowlat &&
        echo isolated > lowlat/cpuset.cpus.partition && echo 2 > lowlat/cpuset.cpus
        """);

    private static Dictionary<string, string> States(JsonElement document) =>
        document.GetProperty("checks").EnumerateArray().ToDictionary(
            check => check.GetProperty("id").GetString()!, check => check.GetProperty("state").GetString()!);
}
