using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

/// <summary>What a plan says, for configurations that are right.</summary>
public sealed class PlannerTests
{
    private static readonly string Configs = Path.Combine(GoldenFile.Root, "configs");

    public static TheoryData<string> ConfigFiles =>
        [.. Directory.GetFiles(Configs, "*.toml").Select(path => Path.GetFileName(path))];

    [Theory]
    [MemberData(nameof(ConfigFiles))]
    public void Every_file_of_configs_parses_and_plans_without_warnings(string name)
    {
        ConfigurationResult result = ConfigurationReader.ReadFile(Path.Combine(Configs, name));
        Sample.Expect(result.Errors);
        Configuring.Configuration configuration = result.Configuration!;
        HostFacts facts = name == "lab.toml" ? Sample.Lab : Sample.Metal;
        List<PlanResult> results = [];
        if (configuration.Lanes.Count > 0)
        {
            results.Add(Planner.PlanForward(configuration, facts));
        }

        if (configuration.Load != null)
        {
            results.Add(Planner.PlanLoad(configuration, facts, LoadOverrides.None));
        }

        Assert.NotEmpty(results);
        foreach (PlanResult plan in results)
        {
            Sample.Expect(plan.Errors);
            Sample.Expect(plan.Warnings);
            Assert.Equal(plan.Plan!.Bytes, PlanImage.Parse(plan.Plan.Bytes).Bytes);
            Assert.All(PlanText.Write(plan.Plan).Split('\n'), line => Assert.InRange(line.Length, 0, 100));
            using JsonDocument json = JsonDocument.Parse(PlanJson.Write(plan.Plan));
            Assert.Equal("lowlat.plan/1", json.RootElement.GetProperty("schema").GetString());
        }
    }

    [Fact]
    public void The_lab_s_plans_are_as_reviewed()
    {
        Configuring.Configuration lab = ReadLab();
        PlanImage forward = Planner.PlanForward(lab, Sample.Lab).Plan!;
        PlanImage load = Planner.PlanLoad(lab, Sample.Lab, LoadOverrides.None).Plan!;
        GoldenFile.Check("plan-lab.txt", PlanText.Write(forward) + "\n" + PlanText.Write(load));
        GoldenFile.Check("plan-lab.json", PlanJson.Write(forward));
        GoldenFile.Check("plan-lab-load.json", PlanJson.Write(load));
    }

    [Fact]
    public void The_filter_s_plan_is_as_reviewed() =>
        GoldenFile.Check("plan-filter.txt", PlanText.Write(Planner.PlanForward(
            ConfigurationReader.ReadFile(Path.Combine(Configs, "filter.toml")).Configuration!,
                Sample.Metal).Plan!));

    [Fact]
    public void The_header_names_the_instance_its_region_and_its_text()
    {
        PlanHeader header = Planner.PlanForward(Sample.Read(Sample.Text), Sample.Lab).Plan!.Header;
        Assert.Equal("t", header.Name.ToString());
        Assert.Equal("/dev/shm/lowlat-t.region", header.RegionPath.ToString());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sample.Text))),
            header.ConfigHash.ToString());
        Assert.Equal("0", header.HousekeepingCpus.ToString());
        Assert.Equal("t-load", Load(LoadOverrides.None).Plan!.Header.Name.ToString());
    }

    [Fact]
    public void Frames_are_what_all_rings_can_hold_up_to_a_power_of_two()
    {
        Assert.Equal(16384u, Forward(Sample.Text).Lane(0).Frames); // 2 * (2048 + 2048 + 2048) = 12288
        string small = Sample.With(
            "interface = \"dutA\"", "interface = \"dutA\"\nrx_ring = 512\ntx_ring = 256");
        Assert.Equal(8192u, Forward(small).Lane(0).Frames); // 512 + 256 + 512 + 6144 = 7424
    }

    [Fact]
    public void Ports_of_the_load_claim_by_their_role()
    {
        PlanImage plan = Load(LoadOverrides.None).Plan!;
        Assert.Equal(Claim.None, plan.Port(0).Claim);
        Assert.Equal((Claim.Udp, 4000, 4000),
            (plan.Port(1).Claim, plan.Port(1).ClaimPortLow, plan.Port(1).ClaimPortHigh));
        Assert.Equal(Claim.Ip, Forward(Sample.Text).Port(0).Claim);
    }

    [Fact]
    public void A_FIFO_lane_pauses_by_default_and_another_does_not()
    {
        PlanLane fifo = Forward(Sample.Text).Lane(0);
        PlanLane other = Forward(Sample.With("cpu = 1", "cpu = 1\npolicy = \"other\"\nnice = -20")).Lane(0);
        PlanLane never = Forward(Sample.With("cpu = 1", "cpu = 1\nyield_every = \"0s\"")).Lane(0);
        Assert.Equal((1_000_000_000L, 50_000L), (fifo.YieldEveryNs, fifo.YieldForNs));
        Assert.Equal((0L, 0L, -20), (other.YieldEveryNs, other.YieldForNs, other.Priority));
        Assert.Equal((0L, 0L), (never.YieldEveryNs, never.YieldForNs));
    }

    [Fact]
    public void Quiet_windows_are_the_pauses_of_both_load_lanes()
    {
        PlanImage plan = Load(LoadOverrides.None).Plan!;
        Assert.Equal((20_000_000L, 1_000_000L), (plan.Header.Load.QuietEveryNs, plan.Header.Load.QuietForNs));
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal((20_000_000L, 1_000_000L), (plan.Lane(i).YieldEveryNs, plan.Lane(i).YieldForNs));
            Assert.Equal((LaneHost.Shared, 0u), (plan.Lane(i).Host, plan.Lane(i).Thread));
        }
    }

    [Fact]
    public void A_load_with_two_CPUs_has_two_threads()
    {
        string text = Sample.With("cpu = 0", "generator_cpu = 2\nreceiver_cpu = 3");
        HostFacts facts = Sample.Lab with { OnlineCpus = [0, 1, 2, 3] };
        PlanImage plan = Planner.PlanLoad(Sample.Read(text), facts, LoadOverrides.None).Plan!;
        Assert.Equal((LaneHost.Pinned, 2, 0u), (plan.Lane(0).Host, plan.Lane(0).Cpu, plan.Lane(0).Thread));
        Assert.Equal((LaneHost.Pinned, 3, 1u), (plan.Lane(1).Host, plan.Lane(1).Cpu, plan.Lane(1).Thread));
        Assert.Equal("0", plan.Header.HousekeepingCpus.ToString());
    }

    [Fact]
    public void The_command_line_stands_over_the_file()
    {
        PlanLoad load = Planner.PlanLoad(ReadLab(), Sample.Lab, new LoadOverrides
        {
            Rate = "1.5M",
            Imix = "60:7,594:4",
            Schedule = "poisson",
            Duration = "3s",
            Warmup = "0s",
            Flows = 3,
        }).Plan!.Header.Load;
        Assert.Equal((1.5e6, Schedule.Poisson, 3_000_000_000L, 0L, 3u),
            (load.RatePps, load.Schedule, load.DurationNs, load.WarmupNs, load.Flows));
        Assert.Equal((60u, 7u, 594u, 4u, 0u), (load.Sizes[0].FrameBytes, load.Sizes[0].Weight,
            load.Sizes[1].FrameBytes, load.Sizes[1].Weight, load.Sizes[2].Weight));
        Assert.Equal(1500u, Load(new LoadOverrides { Size = "1500" }).Plan!.Header.Load.Sizes[0].FrameBytes);
    }

    [Fact]
    public void Slices_share_one_cycle_and_no_direct_path_leaves_it_whole()
    {
        Configuring.Configuration lab = ReadLab();
        PlanLoad both = Planner.PlanLoad(lab, Sample.Lab, LoadOverrides.None).Plan!.Header.Load;
        PlanImage one = Planner.PlanLoad(lab, Sample.Lab, new LoadOverrides { NoDirect = true }).Plan!;
        Assert.Equal((80_000_000L, 20_000_000L), (both.Paths[0].SliceNs, both.Paths[1].SliceNs));
        Assert.Equal((1u, 100_000_000L, 2),
            (one.Header.Load.PathCount, one.Header.Load.Paths[0].SliceNs, one.PortCount));
    }

    [Fact]
    public void Frames_go_to_the_receiver_s_MAC_unless_told_otherwise()
    {
        PlanPath plain = Load(LoadOverrides.None).Plan!.Header.Load.Paths[0];
        Assert.Equal(Mac("genA"), plain.SourceMac);
        Assert.Equal(Mac("sinkB"), plain.DestinationMac);
        PlanPath ofPort = LoadOf(
            Sample.With("tx = \"g\"", "tx = \"g\"\ndestination_mac_of = \"a\"")).Paths[0];
        Assert.Equal(Mac("dutA"), ofPort.DestinationMac);
        PlanPath told = LoadOf(Sample.With("tx = \"g\"", "tx = \"g\"\nsource_mac = \"02:00:00:00:00:09\"\n"
            + "destination_mac = \"02:00:00:00:00:0a\"")).Paths[0];
        Assert.Equal((0x0900_0000_0002UL, 0x0A00_0000_0002UL), (told.SourceMac, told.DestinationMac));
    }

    [Fact]
    public void Family_6_has_its_own_addresses_and_size()
    {
        PlanLoad load = LoadOf(Sample.With("rate = \"100k\"", "rate = \"100k\"\nfamily = 6"));
        Assert.Equal("20010002000000000000000000000001", Convert.ToHexStringLower(load.Source));
        Assert.Equal("20010002000000010000000000000001", Convert.ToHexStringLower(load.Destination));
        Assert.Equal(80u, load.Sizes[0].FrameBytes);
    }

    [Fact]
    public void An_interface_with_a_large_MTU_gives_the_load_large_chunks()
    {
        HostFacts facts = Sample.Change(Sample.Lab, "genA", link => link with { MtuBytes = 3000 });
        PlanImage plan = Planner.PlanLoad(Sample.Read(Sample.Text), facts, LoadOverrides.None).Plan!;
        Assert.Equal((4096u, 2048u), (plan.Lane(0).ChunkBytes, plan.Lane(1).ChunkBytes));
    }

    [Fact]
    public void Objectives_of_the_command_line_stand_over_the_file_s()
    {
        string text = Sample.Text + "\n[load.slo]\n\"p99.9\" = \"50us\"\nmax = \"1ms\"\nmax_loss = 0.001\n";
        PlanResult result = Planner.PlanLoad(Sample.Read(text), Sample.Lab,
            new LoadOverrides { Slo = ["p99.9=20us", "p50=10us"] });
        Assert.Equal(
            [("max", 1_000_000L, 0.0), ("max_loss", 0L, 0.001), ("p99.9", 20_000L, 0.0),
                ("p50", 10_000L, 0.0)],
            result.Slo.Select(limit => (limit.Name, limit.LimitNs, limit.LossMax)));
    }

    [Fact]
    public void Shared_lanes_have_one_thread_number()
    {
        string text = Sample.With(
            "cpu = 1\nports = [\"a\", \"b\"]", "cpu = 1\nhost = \"shared\"\nthread = \"x\"\nports = [\"a\"]")
            .Replace("kind = \"cross-connect\"\nports = [\"a\", \"b\"]",
                "kind = \"reflect\"\n[[lane]]\nname = \"h\"\n"
                + "cpu = 1\nhost = \"shared\"\nthread = \"x\"\nports = "
                    + "[\"b\"]\n[[lane.stage]]\nkind = \"reflect\"",
                StringComparison.Ordinal);
        PlanImage plan = Forward(text);
        Assert.Equal((0u, 0u, 2), (plan.Lane(0).Thread, plan.Lane(1).Thread, plan.LaneCount));
        Assert.Equal(LaneHost.Shared, plan.Lane(1).Host);
        Assert.Equal((1, 1u), (plan.Lane(1).Ports[0], plan.Lane(1).FirstStage));
    }

    [Fact]
    public void The_host_s_own_facts_can_be_read()
    {
        HostFacts facts = HostFacts.Read(["", "/run/netns/no-such-namespace-here"]);
        Assert.NotEmpty(facts.OnlineCpus);
        Assert.True(facts.MemAvailableBytes > 0 && facts.RtPeriodUs > 0);
        Assert.Contains(facts.FindNamespace("")!.Interfaces, link => link.Name == "lo" && link.Index == 1);
        Assert.Contains("ENOENT", facts.FindNamespace("/run/netns/no-such-namespace-here")!.Refusal,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Interrupts_are_matched_with_queues_by_name()
    {
        string[] lines =
        [
            "            CPU0       CPU1",
            "  40:          1          2  PCI-MSI 1-edge      ice-eth1-TxRx-3",
            "  41:          1          2  PCI-MSI 2-edge      virtio0-input.1",
            "  42:          1          2  PCI-MSI 3-edge      mlx5_comp7@pci:0000:01:00.0",
            "  43:          1          2  PCI-MSI 4-edge      mlx5_async0@pci:0000:01:00.0",
        ];
        IReadOnlyList<IrqFacts> irqs = HostReader.Irqs(
            [43, 42, 41, 40, 39], lines, number => $"{number - 40}");
        Assert.Equal([(40, 3, "0"), (41, 1, "1"), (42, 7, "2"), (43, -1, "3")],
            irqs.Select(irq => (irq.Number, irq.Queue, irq.Cpus.ToString())));
    }

    private static Configuring.Configuration ReadLab() =>
        Sample.Read(File.ReadAllText(Path.Combine(Configs, "lab.toml")), "lab.toml");

    private static PlanImage Forward(string text)
    {
        PlanResult result = Planner.PlanForward(Sample.Read(text), Sample.Lab);
        Sample.Expect(result.Errors);
        return result.Plan!;
    }

    private static PlanResult Load(LoadOverrides overrides)
    {
        PlanResult result = Planner.PlanLoad(Sample.Read(Sample.Text), Sample.Lab, overrides);
        Sample.Expect(result.Errors);
        return result;
    }

    private static PlanLoad LoadOf(string text) =>
        Planner.PlanLoad(Sample.Read(text), Sample.Lab, LoadOverrides.None).Plan!.Header.Load;

    private static ulong Mac(string name) =>
        Sample.Lab.Namespaces.SelectMany(space => space.Interfaces).First(link => link.Name == name).Mac;
}
