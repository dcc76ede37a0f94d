using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

/// <summary>A PREEMPT_RT host of two NUMA nodes that is tuned with nothing but what <c>lowlat check</c>
/// prints:
/// the boot line of <c>--boot-args</c>, then the commands of <c>--fix-plan</c>. CPUs 0 and 1 are of node 0, 2
/// and
/// 3 of node 1, as are the ports and the drive of the lane on CPU 2.</summary>
internal static class TunedHost
{
    /// <summary>Path of its configuration inside.</summary>
    public const string File = "/etc/appliance.toml";

    /// <summary>The configuration.</summary>
    public const string Configuration = """
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

    /// <summary>The machine. Port "far" lies on the other node.</summary>
    public static GuestSetup Setup(string scenario, Kernel kernel, string bootLine) => new(scenario, kernel)
    {
        Cpus = 4,
        NodesMiB = [1024, 1024],
        BootLine = bootLine,
        Ports =
        [
            GuestPort.Igb("left", 1, "hubport,hubid=0") with { Node = 1 },
            GuestPort.Igb("right", 2, "hubport,hubid=1") with { Node = 1 },
            GuestPort.Igb("far", 3, "hubport,hubid=2"),
        ],
        Drives = [new GuestDrive("capture", 64, 1)],
    };

    /// <summary>The boot line that the check prints: its first line.</summary>
    public static string BootLine(Guest guest) =>
        guest.Do($"lowlat check -c {File} --boot-args").Split('\n')[0];

    /// <summary>Configuration and links, as before any tuning.</summary>
    public static void Prepare(Guest guest)
    {
        guest.Write(File, Configuration);
        guest.Do("touch /etc/fstab; for i in left right far; do /bin/ip link set $i up; done");
        guest.Until("[ \"$(cat /sys/class/net/left/carrier /sys/class/net/right/carrier "
            + "/sys/class/net/far/carrier)\" = \"1\n1\n1\" ]");
    }

    /// <summary>Makes the slice, then does what the check prints. An empty partition takes CPUs that the boot
    /// line
    /// isolates; a cgroup that has them already does not become one.</summary>
    public static void Tune(Guest guest)
    {
        guest.Do("""
            cd /sys/fs/cgroup && echo +cpuset +cpu +memory > cgroup.subtree_control && mkdir lowlat &&
            echo isolated > lowlat/cpuset.cpus.partition && echo 2-3 > lowlat/cpuset.cpus
            """);
        Apply(guest, guest.Do($"lowlat check -c {File} --fix-plan"));
    }

    /// <summary>Runs commands that the product printed: with the real programs, not busybox's own.</summary>
    public static string Apply(Guest guest, string commands)
    {
        guest.Write("/run/commands", commands + "\n");
        return guest.Do("sed -Ei 's#^(ip|ethtool) #/bin/\\1 #' /run/commands && sh -e /run/commands");
    }

    /// <summary>What is not as it should be: state by id of all checks that fail, warn or err.</summary>
    public static Dictionary<string, JsonElement> Check(Guest guest, string file = File,
        string options = "") =>
        guest.Run($"lowlat check -c {file} --json {options}", 300).Json.GetProperty("checks").EnumerateArray()
            .ToDictionary(check => check.GetProperty("id").GetString()!);

    /// <summary>State of a check.</summary>
    public static string State(JsonElement check) => check.GetProperty("state").GetString()!;

    /// <summary>Ids of all checks in a state, in order.</summary>
    public static string[] In(Dictionary<string, JsonElement> checks, params string[] states) =>
        [.. checks.Where(row => states.Contains(State(row.Value))).Select(row => row.Key).Order()];
}
