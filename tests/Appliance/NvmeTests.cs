using System.Globalization;
using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

/// <summary>An NVMe drive that is polled, and one that cannot be: what the checks say of each, and whether
/// the
/// drive's interrupts agree.</summary>
[Trait("scenario", "nvme")]
public sealed class NvmeTests
{
    private const string File = "/etc/drive.toml";
    private const string Poll = "nvme.poll.queues";
    private const string BootLine = "isolcpus=domain,managed_irq,2 nohz_full=2 rcu_nocbs=2 irqaffinity=0-1,3";

    // Counted by the drive's queues of data; queue 0 takes commands to the drive itself.
    private const string Count = "grep -E 'nvme0q[1-9]' /proc/interrupts "
        + "| awk '{for (i = 2; i <= 5; i++) n += $i} END {print n + 0}'";

    private const string Configuration = """
        name = "drive"
        [host]
        housekeeping = "0-1,3"
        profile = "bare-metal"
        [[port]]
        name = "left"
        interface = "left"
        [[port]]
        name = "right"
        interface = "right"
        [[disk]]
        name = "capture"
        path = "/dev/nvme0n1"
        mode = "iopoll"
        cpu = 2
        durable = false
        [[lane]]
        name = "wire"
        cpu = 2
        policy = "fifo"
        priority = 10
        ports = ["left", "right"]
        [[lane.stage]]
        kind = "cross-connect"
        ports = ["left", "right"]
        """;

    private static readonly string[] OfDrives = ["nvme.", "blk.", "topo.numa.nvme", "sys.io_uring.usable"];

    [Theory]
    [InlineData("", "nvme0c0n1")]
    [InlineData(" nvme_core.multipath=N", "nvme0n1")]
    public void A_polled_drive_is_read_without_an_interrupt_and_every_check_of_it_has_a_verdict(
        string multipath, string withQueues)
    {
        using Guest guest = Boot($"nvme.poll_queues=2{multipath}");
        Assert.Equal("1\n", guest.Do($"cat /sys/block/{withQueues}/queue/io_poll"));
        JsonElement report = Check(guest, "--window 1s");
        JsonElement[] checks = [.. report.GetProperty("checks").EnumerateArray()
            .Where(check => OfDrives.Any(prefix => Text(check, "id")
                .StartsWith(prefix, StringComparison.Ordinal)))];
        Assert.True(checks.Length >= 10, $"{checks.Length} checks");
        Assert.All(checks, check => Assert.DoesNotContain(Text(check, "state"),
            (string[])["unknown", "error"]));
        Assert.All(["nvme.apst.off", "nvme.cache.durability-known", "nvme.health.ok", "nvme.format.best",
            "blk.scheduler.none", "blk.queue.affinity", "sys.io_uring.usable"],
            id => Assert.Equal("pass", Text(Of(report, id), "state")));
        Assert.Contains("polled reads work, 2 polling queues; so does passthrough (io_uring_cmd) on "
            + "/dev/ng0n1",
            Found(report, Poll), StringComparison.Ordinal);
        Assert.Contains("not throttled in the window", Found(report, "nvme.health.ok"),
            StringComparison.Ordinal);

        // What counts here: a read that is not polled shows up, a polled one does not.
        long before = Number(guest, Count);
        guest.Do("dd if=/dev/nvme0n1 of=/dev/null bs=4096 count=16 iflag=direct 2> /dev/null");
        long after = Number(guest, Count);
        Assert.True(after >= before + 16, $"{after - before} interrupts for 16 reads");
        long reads = Number(guest, Reads(withQueues));
        guest.Do($"for i in 1 2 3 4 5; do lowlat check explain {Poll} -c {File} --maintenance > /dev/null; "
            + $"done");
        Assert.True(Number(guest, Reads(withQueues)) >= reads + 5, "the check does not read");
        Assert.Equal(after, Number(guest, Count));

        // 'lowlat disk' in each mode, and what the drive's interrupts say of it.
        Assert.Equal(0, Interrupts(guest, "iopoll", "iopoll", out long polled));
        Assert.Equal(0, Interrupts(guest, "passthrough", "passthrough+iopoll", out long passed));
        long interrupts = Interrupts(guest, "interrupt", "interrupt", out long transfers);
        Assert.True(interrupts > 0 && polled > 100 && passed > 100 && transfers > 100,
            $"{interrupts} interrupts for {transfers} transfers; {polled} polled, {passed} passed through");

        guest.Do($"echo 0 > /sys/block/{withQueues}/queue/wbt_lat_usec");
        Assert.Equal("pass", Text(Of(Check(guest), "blk.throttle.none"), "state"));
        guest.PowerOff();
    }

    [Fact]
    public void A_drive_without_polling_queues_fails_until_the_boot_line_that_is_printed_is_booted()
    {
        string[] wanted;
        using (Guest guest = Boot(""))
        {
            JsonElement report = Check(guest);
            Assert.Equal("fail", Text(Of(report, Poll), "state"));
            Assert.Contains("queue/io_poll is 0", Found(report, Poll), StringComparison.Ordinal);
            GuestAnswer explained = guest.Run($"lowlat check explain {Poll} -c {File} --maintenance");
            Assert.Contains("boot      nvme.poll_queues=", explained.Output, StringComparison.Ordinal);
            string[] plan = guest.Run($"lowlat check --boot-args -c {File} --maintenance").Output.Split('\n');
            wanted = plan[0].Split(' ');
            Assert.Contains(plan, line => line.StartsWith("# + nvme.poll_queues=1 ",
                StringComparison.Ordinal));

            // The remedy at run time: nothing less than binding the driver anew makes the queues.
            guest.Do("echo 1 > /sys/module/nvme/parameters/poll_queues; echo 1 > "
                + "/sys/class/nvme/nvme0/reset_controller");
            guest.Until("[ \"$(cat /sys/class/nvme/nvme0/state)\" = live ]");
            Assert.Equal("fail", Text(Of(Check(guest), Poll), "state"));
            guest.Do("""
                pci=$(cat /sys/class/nvme/nvme0/address)
                echo $pci > /sys/bus/pci/drivers/nvme/unbind; echo $pci > /sys/bus/pci/drivers/nvme/bind
                """);
            guest.Until("[ -b /dev/nvme0n1 ]");
            Assert.Equal("pass", Text(Of(Check(guest), Poll), "state"));
            guest.PowerOff();
        }

        string argument = Assert.Single(wanted, word => word.StartsWith("nvme.poll_queues=",
            StringComparison.Ordinal));
        using Guest again = Boot(argument);
        JsonElement mended = Check(again);
        Assert.Equal("pass", Text(Of(mended, Poll), "state"));
        Assert.Contains("polled reads work, 1 polling queues", Found(mended, Poll), StringComparison.Ordinal);
        again.PowerOff();
    }

    private static Guest Boot(string arguments)
    {
        Guest guest = Guest.Boot(new GuestSetup("nvme", Kernel.Rt)
        {
            Cpus = 4,
            BootLine = $"{BootLine} {arguments}",
            Ports =
            [
                GuestPort.Igb("left", 1, "hubport,hubid=0"),
                GuestPort.Igb("right", 2, "hubport,hubid=1"),
            ],
            Drives = [new GuestDrive("d0")],
        });
        guest.Write(File, Configuration);
        guest.Until("[ -b /dev/nvme0n1 ]");
        return guest;
    }

    private static long Interrupts(Guest guest, string mode, string effective, out long transfers)
    {
        long before = Number(guest, Count);
        JsonElement disk = guest.Run($"lowlat disk /dev/nvme0n1 --mode {mode} --depth 4 --duration 2s "
            + "--out /tmp/runs --json 2> /dev/null", 120).Json;
        Assert.Equal(effective, Text(disk, "effectiveMode"));
        transfers = disk.GetProperty("transfers").GetInt64();
        return Number(guest, Count) - before;
    }

    // Its exit code says what the whole host is worth, which is not asked here.
    private static JsonElement Check(Guest guest, string options = "") =>
        guest.Run($"lowlat check -c {File} --maintenance --format json {options}", 300).Json;

    private static JsonElement Of(JsonElement report, string id) =>
        Assert.Single(report.GetProperty("checks").EnumerateArray(), check => Text(check, "id") == id);

    private static string Found(JsonElement report, string id) => string.Join("; ",
        Of(report, id).GetProperty("findings").EnumerateArray().Select(finding => Text(finding, "observed")));

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static string Reads(string block) => $"awk '{{print $1}}' /sys/block/{block}/stat";

    private static long Number(Guest guest, string script) =>
        long.Parse(guest.Do(script).Trim(), CultureInfo.InvariantCulture);
}
