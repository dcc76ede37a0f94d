using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

/// <summary>Two NUMA nodes, each with ports and a drive: where the plan, the running data plane and the
/// checks see
/// them.</summary>
[Trait("scenario", "numa")]
public sealed class NumaTests(NumaTests.TwoNodes nodes) : IClassFixture<NumaTests.TwoNodes>
{
    private const string File = "/etc/nodes.toml";

    // CPUs 0 and 1 are of node 0, 2 and 3 of node 1; the data plane boots on CPU 0.
    private string Configuration(int near, int far, string hugePages, string lane = "") => $$"""
        name = "nodes"
        [host]
        housekeeping = "0"
        rt_throttling = "off"
        profile = "bare-metal"
        {{string.Concat(new[] { "left0", "right0", "left1", "right1" }.Select(port => $"""
            [[port]]
            name = "{port}"
            interface = "{port}"
            wakeup = "busy-poll"

            """))}}
        {{string.Concat(new[] { (0, near), (1, far) }.Select(disk => $"""
            [[disk]]
            name = "disk{disk.Item1}"
            path = "/dev/{nodes.Drives[disk.Item1]}"
            mode = "interrupt"
            cpu = {disk.Item2}

            """))}}
        {{string.Concat(new[] { (0, near), (1, far) }.Select(row => $"""
            [[lane]]
            name = "lane{row.Item1}"
            cpu = {row.Item2}
            ports = ["left{row.Item1}", "right{row.Item1}"]
            huge_pages = "{hugePages}"
            {lane}
            [[lane.stage]]
            kind = "cross-connect"
            ports = ["left{row.Item1}", "right{row.Item1}"]

            """))}}
        """;

    [Theory]
    [InlineData("never", "kernelpagesize_kB=4", 1)]
    [InlineData("require", "kernelpagesize_kB=2048", 512)]
    public void Each_lane_s_memory_lies_on_the_node_of_its_ports(string hugePages, string pageSize, int pages)
    {
        Guest guest = nodes.Guest;
        guest.Write(File, Configuration(near: 1, far: 2, hugePages));
        JsonElement plan = Plan(guest).Json;
        JsonElement[] lanes = [.. plan.GetProperty("lanes").EnumerateArray()];
        Assert.Equal([0, 1], lanes.Select(lane => lane.GetProperty("numaNode").GetInt32()));
        Assert.Equal([0, 0, 1, 1],
            plan.GetProperty("ports").EnumerateArray().Select(port =>
                port.GetProperty("numaNode").GetInt32()));

        guest.Start("run", $"lowlat run -c {File}");
        try
        {
            guest.Until("lowlat status --json | grep -q '\"armed\"'", 120,
                "cat /run/run.out /run/run.err; lowlat status --json");
            string map = guest.Do("cat /proc/$(pidof lowlatd)/numa_maps");
            for (int node = 0; node < 2; node++)
            {
                // Of all mappings only the UMEM has a policy of its own.
                string[] words = Assert.Single(map.Split('\n'),
                    line => line.Contains($" prefer:{node} ", StringComparison.Ordinal)
                        && line.EndsWith(pageSize, StringComparison.Ordinal)).Split(' ');
                long bytes = lanes[node].GetProperty("frames")
                    .GetInt64() * lanes[node].GetProperty("chunkBytes").GetInt64();
                Assert.Contains($"N{node}={bytes / 4096 / pages}", words);
                Assert.DoesNotContain(words, word => word.StartsWith($"N{1 - node}=",
                    StringComparison.Ordinal));
            }
        }
        finally
        {
            guest.Run("lowlat stop --name nodes");
            guest.Await("run");
        }
    }

    [Fact]
    public void Ports_and_drives_of_the_other_node_are_told_by_plan_and_check()
    {
        Guest guest = nodes.Guest;
        guest.Write(File, Configuration(near: 1, far: 2, "never"));
        JsonElement report = Check(guest);
        Assert.Equal(["left0 pass", "left1 pass", "right0 pass", "right1 pass"],
            States(report, "topo.numa.nic-local"));
        Assert.Equal(["disk0 pass", "disk1 pass"], States(report, "topo.numa.nvme-local"));
        Assert.DoesNotContain("NUMA", Plan(guest).Error, StringComparison.Ordinal);

        guest.Write(File, Configuration(near: 3, far: 2, "never"));
        report = Check(guest);
        Assert.Equal(["left0 fail", "left1 pass", "right0 fail", "right1 pass"],
            States(report, "topo.numa.nic-local"));
        Assert.Equal(["disk0 fail", "disk1 pass"], States(report, "topo.numa.nvme-local"));
        GuestAnswer plan = Plan(guest);
        Assert.Equal(0, plan.Code);
        Assert.Contains("left0 is on NUMA node 0, lane \"lane0\" on node 1: every frame crosses",
            plan.Output + plan.Error, StringComparison.Ordinal);

        // The virtio port: its own device has no numa_node, the PCI function above it has.
        guest.Write(File, Configuration(near: 1, far: 0, "never").Replace(
            "housekeeping = \"0\"", "housekeeping = \"3\"", StringComparison.Ordinal));
        plan = Plan(guest);
        Assert.Contains("left1 is on NUMA node 1, lane \"lane1\" on node 0: every frame crosses",
            plan.Output + plan.Error, StringComparison.Ordinal);
        Assert.Equal(["left0 pass", "left1 fail", "right0 pass", "right1 fail"],
            States(Check(guest), "topo.numa.nic-local"));
    }

    [Fact]
    public void Frames_that_are_sent_to_the_other_node_are_warned_about()
    {
        Guest guest = nodes.Guest;
        guest.Write(File, Configuration(near: 1, far: 2, "never", "numa_node = 0"));
        GuestAnswer plan = Plan(guest);
        Assert.Equal([0, 0], plan.Json.GetProperty("lanes").EnumerateArray()
            .Select(lane => lane.GetProperty("numaNode").GetInt32()));
        Assert.Contains("left1 is on NUMA node 1, the lane's frames on node 0: each crosses",
            plan.Output + plan.Error, StringComparison.Ordinal);
    }

    private static GuestAnswer Plan(Guest guest) => guest.Run($"lowlat plan -c {File} --json");

    private static JsonElement Check(Guest guest) =>
        guest.Run($"lowlat check -c {File} --format json", 300).Json;

    private static string[] States(JsonElement report, string id) =>
    [
        .. Assert.Single(report.GetProperty("checks").EnumerateArray(), check =>
            check.GetProperty("id").GetString() == id)
            .GetProperty("findings").EnumerateArray().Select(finding =>
                $"{finding.GetProperty("subject").GetProperty("name")} {finding.GetProperty("state")}")
                    .Order(),
    ];

    /// <summary>A guest of two nodes. On each: two ports, one a virtio card on node 1, and a drive.</summary>
    public sealed class TwoNodes : IDisposable
    {
        /// <summary>Boots it.</summary>
        public TwoNodes()
        {
            Guest = Guest.Boot(new GuestSetup("numa", Kernel.Rt)
            {
                Cpus = 4,
                NodesMiB = [1024, 1024],
                BootLine = "irqaffinity=0 hugepagesz=2M hugepages=0:24,1:24",
                Ports =
                [
                    GuestPort.Igb("left0", 1, "hubport,hubid=0"),
                    GuestPort.Igb("right0", 2, "hubport,hubid=1"),
                    GuestPort.Virtio("left1", 3, "hubport,hubid=2") with { Node = 1 },
                    GuestPort.Igb("right1", 4, "hubport,hubid=3") with { Node = 1 },
                ],
                Drives = [new GuestDrive("d0"), new GuestDrive("d1", Node: 1)],
            });
            Guest.Until("[ -b /dev/nvme0n1 ] && [ -b /dev/nvme1n1 ]");
            Drives = Guest.Do("""
                for serial in d0 d1; do
                    for i in /sys/class/nvme/nvme*; do
                        [ $(cat $i/serial) = $serial ] && ls $i | sed -n 's/^\(nvme[0-9]*\)c[0-9]*n1$/\1n1/p'
                    done
                done; true
                """).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(["nvme0n1", "nvme1n1"], Drives.Order());
            Guest.Do("for i in left0 right0 left1 right1; do /bin/ip link set $i up; done");
            foreach (string port in (string[])["left0", "right0", "left1", "right1"])
            {
                Guest.Until($"[ \"$(cat /sys/class/net/{port}/carrier)\" = 1 ]");
            }
        }

        /// <summary>The block device of each node's drive: the kernel numbers them as they happen to
        /// answer.</summary>
        public string[] Drives { get; }

        /// <summary>The guest.</summary>
        public Guest Guest { get; }

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
    }
}
