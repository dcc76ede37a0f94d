using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Tests.Planning;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>What a configuration says for 'lowlat check'.</summary>
public sealed class HostConfigurationTests
{
    private const string Waiver = """
        [[host.waiver]]
        check = "a.b.c"
        owner = "m"
        reason = "r"
        expires = "2027-01-31"

        """;

    [Fact]
    public void Everything_that_is_declared_of_the_host_arrives()
    {
        HostConfiguration host = Sample.Read(Sample.With("[host]", """
            [host]
            profile = "sriov"
            slice = "lowlat.slice/data"
            """).Replace("[[port]]\nname = \"a\"", """
            [host.objective]
            exit_latency = "10us"
            gap = "7us"
            clock_error = "2ms"
            capture_free = "512MiB"
            [[host.waiver]]
            check = "irq.affinity.effective-off"
            subject = "irq 7"
            owner = "me"
            reason = "until May"
            expires = "2027-05-01"
            [[port]]
            name = "a"
            """, StringComparison.Ordinal)).Host;
        Assert.Equal((HostProfile.Sriov, "lowlat.slice/data"), (host.Profile, host.Slice));
        Assert.Equal(new ObjectiveConfiguration(10_000, 7_000, 2_000_000, 512L << 20), host.Objective);
        WaiverConfiguration waiver = Assert.Single(host.Waivers);
        Assert.Equal(("irq.affinity.effective-off", "irq 7", "me", "until May", new DateOnly(2027, 5, 1)),
            (waiver.Check, waiver.Subject, waiver.Owner, waiver.Reason, waiver.Expires));
        Assert.Equal("t.toml:12:9: check = \"irq.affinity.effective-off\"", waiver.Place.ToString());
    }

    [Fact]
    public void Everything_that_is_declared_of_a_disk_arrives()
    {
        IReadOnlyList<DiskConfiguration> disks = Sample.Read(Sample.Text + """

            [[disk]]
            name = "d"
            path = "/dev/nvme0n1"
            mode = "iopoll"
            cpu = 3
            durable = true
            [[disk]]
            name = "e"
            path = "/var/lib/capture"
            """).Disks;
        Assert.Equal([("d", "/dev/nvme0n1", DiskMode.Iopoll, 3, true),
            ("e", "/var/lib/capture", DiskMode.Auto, (int?)null, (bool?)null)],
            disks.Select(disk => (disk.Name, disk.Path, disk.Mode, disk.Cpu, disk.IsDurable)));
    }

    [Fact]
    public void Everything_that_is_expected_of_a_port_arrives_at_that_port()
    {
        Configuration configuration = Sample.Read(Sample.With("interface = \"dutA\"", """
            interface = "dutA"
            [port.expect]
            speed = "2.5G"
            fec = "rs"
            mtu = 1500
            driver = "ice"
            firmware = ["8.30", "8.31"]
            queues = 1
            rx_slots = 2048
            tx_slots = 512
            rx_usecs = 0
            adaptive = false
            pause = false
            iommu = "DMA-FQ"
            vf_trust = true
            vf_spoofcheck = false
            """).Replace("interface = \"dutB\"", "interface = \"dutB\"\n[port.expect]\nmtu = 9000",
                StringComparison.Ordinal));
        PortExpectation left = configuration.FindPort("a")!.Expect;
        Assert.Equal((2500, "rs", 1500), (left.SpeedMbit, left.Fec, left.MtuBytes));
        Assert.Equal(("ice", 1), (left.Driver, left.Queues));
        Assert.Equal((2048, 512, 0), (left.RxSlots, left.TxSlots, left.RxUsecs));
        Assert.Equal((false, false, "DMA-FQ"), (left.Adaptive, left.Pause, left.Iommu));
        Assert.Equal((true, false), (left.VfTrust, left.VfSpoofCheck));
        Assert.Equal(["8.30", "8.31"], left.Firmware);
        PortExpectation right = configuration.FindPort("b")!.Expect;
        Assert.Equal((null, 9000), (right.SpeedMbit, right.MtuBytes));
        AssertNothing(configuration.FindPort("g")!.Expect);
    }

    [Fact]
    public void What_is_not_declared_is_not_judged()
    {
        Configuration configuration = Sample.Read(Sample.Text);
        Assert.Equal((null, ""), (configuration.Host.Profile, configuration.Host.Slice));
        Assert.Equal(ObjectiveConfiguration.Default, configuration.Host.Objective);
        Assert.Empty(configuration.Host.Waivers);
        Assert.Empty(configuration.Disks);
        AssertNothing(configuration.Ports[0].Expect);
    }

    [Fact]
    public void What_an_objective_leaves_out_has_its_default()
    {
        Assert.Equal(ObjectiveConfiguration.Default with { GapNs = 50_000 }, Objective("gap = \"50us\"\n"));
        Assert.Equal(ObjectiveConfiguration.Default, Objective(""));
    }

    [Fact]
    public void What_is_declared_for_the_check_leaves_the_plan_as_it_is()
    {
        string text = Sample.With("[[port]]", Waiver + "[[port]]")
            .Replace("interface = \"dutA\"", "interface = \"dutA\"\n[port.expect]\nmtu = 9000",
                StringComparison.Ordinal) + "\n[[disk]]\nname = \"d\"\npath = \"/d\"\ncpu = 1";
        Assert.Equal(Planned(Sample.Text), Planned(text));
    }

    [Theory]
    [InlineData("profile = \"metal\"",
        "3:11: profile = \"metal\": must be one of \"bare-metal\", \"sriov\", \"lab\". Write profile = "
            + "\"bare-metal\", for example.")]
    [InlineData("slice = \"../x\"",
        "3:9: slice = \"../x\": must be a path of a cgroup below the mount, such as \"lowlat.slice\". "
            + "Write slice = \"lowlat.slice\", for example.")]
    [InlineData("slice = \"\"",
        "3:9: slice = \"\": must be a path of a cgroup below the mount, such as \"lowlat.slice\". Write "
            + "slice = \"lowlat.slice\", for example.")]
    [InlineData("housekeeping = \"3-1\"",
        "3:16: housekeeping = \"3-1\": must be a list of CPUs such as \"0\", \"0,2-3\", \"4-N\" or "
            + "\"all\". Write "
            + "housekeeping = \"0\", for example.")]
    [InlineData("objective = 5",
        "3:13: objective = 5: must be a table, not an integer. Begin it with [host.objective].")]
    [InlineData("objective = { gap = \"5\" }",
        "3:21: gap = \"5\": must be a duration with its unit: ns, us, ms, s or min. Write gap = \"5us\", for "
            + "example.")]
    [InlineData("objective = { capture_free = \"10GB\" }",
        "3:30: capture_free = \"10GB\": must be a size with its unit: KiB, MiB, GiB or TiB. Write "
            + "capture_free = \"10GiB\", for example.")]
    public void A_mistake_in_the_host_is_told_with_its_place_and_a_fix(string line, string says) =>
        Expect(Sample.With("[host]", "[host]\n" + line), says);

    [Theory]
    [InlineData("check = \"a.b.c\"", "check = \"irq.affinity\"",
        "5:9: check = \"irq.affinity\": must be the id of a check such as \"irq.affinity.effective-off\". "
            + "Write check = \"irq.affinity.effective-off\", for example.")]
    [InlineData("check = \"a.b.c\"\n", "",
        "4:1: check: is missing in [[host.waiver]], it must be the id of a check such as "
            + "\"irq.affinity.effective-off\". Add check = \"irq.affinity.effective-off\", for example.")]
    [InlineData("owner = \"m\"", "owner = \" \"",
        "6:9: owner = \" \": must be a name. Write owner = \"net-team\", for example.")]
    [InlineData("reason = \"r\"", "reason = \"\"",
        "7:10: reason = \"\": must be a reason. Write reason = \"replaced in May\", for example.")]
    [InlineData("reason = \"r\"\n", "",
        "4:1: reason: is missing in [[host.waiver]], it must be a reason. Add reason = \"replaced in "
            + "May\", for "
            + "example.")]
    [InlineData("\nexpires = \"2027-01-31\"", "",
        "4:1: expires: is missing in [[host.waiver]], it must be a quoted date such as \"2027-01-31\". Add "
            + "expires = \"2027-01-31\", for example.")]
    [InlineData("expires = \"2027-01-31\"", "expires = \"31.1.2027\"",
        "8:11: expires = \"31.1.2027\": must be a quoted date such as \"2027-01-31\". Write expires = "
            + "\"2027-01-31\", for example.")]
    [InlineData("expires = \"2027-01-31\"", "expires = 2027-01-31",
        "8:11: expires = 2027-01-31: must be a quoted date such as \"2027-01-31\", not a date or time. Write "
            + "expires = \"2027-01-31\", for example.")]
    public void A_mistake_in_a_waiver_is_told_with_its_place_and_a_fix(string old, string now, string says) =>
        Expect(Sample.With("[[port]]", Waiver.Replace(old, now, StringComparison.Ordinal) + "[[port]]"),
            says);

    [Fact]
    public void A_check_is_waived_once_for_a_subject()
    {
        string one = Waiver.Replace("owner", "subject = \"eth2\"\nowner", StringComparison.Ordinal);
        string other = Waiver.Replace("owner", "subject = \"eth3\"\nowner", StringComparison.Ordinal);
        Expect(Sample.With("[[port]]", Waiver + one + other + "[[port]]"));
        Expect(Sample.With("[[port]]", Waiver + Waiver + "[[port]]"),
            "10:9: check = \"a.b.c\": is waived already (line 5). Keep one of the two.");
        Expect(Sample.With("[[port]]", one + Waiver + one + "[[port]]"),
            "16:9: check = \"a.b.c\": is waived already (line 5). Keep one of the two.");
    }

    [Theory]
    [InlineData("path = \"nvme0n1\"",
        "37:8: path = \"nvme0n1\": must be an absolute path of at most 200 characters. Write path = "
            + "\"/dev/nvme0n1\", for example.")]
    [InlineData("",
        "35:1: path: is missing in [[disk]], it must be an absolute path of at most 200 characters. Add "
            + "path = \"/dev/nvme0n1\", for example.")]
    [InlineData("path = \"/a\"\nmode = \"poll\"",
        "38:8: mode = \"poll\": must be one of \"auto\", \"interrupt\", \"iopoll\", \"sqpoll\". Write mode = "
            + "\"auto\", for example.")]
    [InlineData("path = \"/a\"\ncpu = 1024",
        "38:7: cpu = 1024: must be an integer from 0 to 1023. Write cpu = 1, for example.")]
    [InlineData("path = \"/a\"\n[[disk]]\nname = \"d\"\npath = \"/b\"",
        "39:8: name = \"d\": the name of another disk already (line 36). Give each disk its own name.")]
    public void A_mistake_in_a_disk_is_told_with_its_place_and_a_fix(string lines, string says) =>
        Expect(Sample.Text + "\n[[disk]]\nname = \"d\"\n" + lines, says);

    [Theory]
    [InlineData("speed = \"25\"",
        "9:9: speed = \"25\": must be a speed such as \"25G\" or \"100M\". Write speed = \"25G\", for "
            + "example.")]
    [InlineData("fec = \"on\"",
        "9:7: fec = \"on\": must be one of \"off\", \"rs\", \"baser\", \"auto\". Write fec = \"off\", for "
            + "example.")]
    [InlineData("mtu = 60",
        "9:7: mtu = 60: must be an integer from 68 to 65535. Write mtu = 1500, for example.")]
    [InlineData("firmware = \"8.30\"",
        "9:12: firmware = \"8.30\": must be an array of 1 to 16 names, not a string. Write firmware = "
            + "[\"8.30\"], "
            + "for example.")]
    [InlineData("pause = 0",
        "9:9: pause = 0: must be true or false, not an integer. Write pause = true, for example.")]
    [InlineData("iommu = \"dma\"",
        "9:9: iommu = \"dma\": must be one of \"DMA\", \"DMA-FQ\", \"identity\". Write iommu = \"DMA\", "
            + "for example.")]
    [InlineData("rx_slot = 1",
        "9:11: rx_slot = 1: no such key in [port.expect]. Did you mean rx_slots?")]
    public void A_mistake_in_what_a_port_must_look_like_is_told_with_its_place(string line, string says) =>
        Expect(Sample.With("interface = \"dutA\"", "interface = \"dutA\"\n[port.expect]\n" + line), says);

    [Fact]
    public void The_commented_examples_of_the_shipped_configuration_are_good_when_uncommented()
    {
        string text = File.ReadAllText(Path.Combine(GoldenFile.Root, "configs", "cross-connect.toml"));
        IEnumerable<string> lines = text.Split('\n').Select(
            line => line is ['#', '[' or (>= 'a' and <= 'z'), ..] ? line[1..] : line);
        Configuration configuration = Sample.Read(string.Join('\n', lines));
        Assert.Single(configuration.Host.Waivers);
        Assert.Single(configuration.Disks);
        Assert.Equal(ObjectiveConfiguration.Default, configuration.Host.Objective);
        Assert.Equal(25_000, configuration.Ports[^1].Expect.SpeedMbit);
    }

    [Fact]
    public void The_shipped_configurations_say_what_host_they_are_for()
    {
        Assert.Equal(HostProfile.Lab, Shipped("lab").Host.Profile);
        Assert.Equal(HostProfile.BareMetal, Shipped("cross-connect").Host.Profile);
    }

    private static Configuration Shipped(string name) => Sample.Read(
        File.ReadAllText(Path.Combine(GoldenFile.Root, "configs", name + ".toml")));

    private static ObjectiveConfiguration Objective(string lines) =>
        Sample.Read(Sample.With("[[port]]", $"[host.objective]\n{lines}[[port]]")).Host.Objective;

    private static void AssertNothing(PortExpectation expect)
    {
        object?[] members =
        [
            expect.SpeedMbit, expect.Fec, expect.MtuBytes, expect.Driver, expect.Firmware, expect.Queues,
            expect.RxSlots, expect.TxSlots, expect.RxUsecs, expect.Adaptive, expect.Pause, expect.Iommu,
            expect.VfTrust, expect.VfSpoofCheck,
        ];
        Assert.All(members, Assert.Null);
    }

    // Without its first line, which has the hash of the text.
    private static string Planned(string text)
    {
        PlanResult result = Planner.PlanForward(Sample.Read(text), Sample.Lab);
        string plan = PlanText.Write(result.Plan!);
        return plan[plan.IndexOf('\n')..];
    }

    private static void Expect(string text, params string[] lines) => Sample.Expect(
        ConfigurationReader.ReadText(text, "t.toml").Errors, [.. lines.Select(line => "t.toml:" + line)]);
}
