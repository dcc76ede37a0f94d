using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

/// <summary>Every host that a right configuration does not fit, and the one line that the user reads
/// then.</summary>
public sealed class PlannerErrorTests
{
    private static readonly string MetalText = File.ReadAllText(
        Path.Combine(GoldenFile.Root, "configs", "cross-connect.toml"));

    [Fact]
    public void The_sample_fits_its_host()
    {
        Forward(Sample.Text, Sample.Lab);
        Load(Sample.Text, Sample.Lab, LoadOverrides.None);
    }

    [Fact]
    public void A_missing_interface_lists_those_there_are() =>
        Forward(Sample.With("dutA", "dutX"), Sample.Lab,
            "t.toml:7:13: interface = \"dutX\": no such interface in network namespace ll-dut: it "
                + "has dutA, dutB. Run 'lowlat lab up' first.");

    [Fact]
    public void A_missing_interface_of_a_real_host_lists_those_there_are() =>
        Forward(Metal("eth1", "eth7"), Sample.Metal,
            "t.toml:13:13: interface = \"eth7\": no such interface in this network namespace: it "
                + "has eth1, eth2, eth3. Name one of them, or its network namespace with netns.");

    [Theory]
    [InlineData("auto", XdpFeatures.None,
        "note driver igbvf has no native XDP: mode auto will be generic, and all ports of its lane copy")]
    [InlineData("auto", XdpFeatures.Basic,
        "note driver igbvf has no AF_XDP zero-copy: mode auto will be copy, and all ports of its lane copy")]
    [InlineData("zero-copy", XdpFeatures.Basic,
        "warning driver igbvf has no AF_XDP zero-copy: mode zero-copy will be refused. Write mode = "
            + "\"auto\", or another port.")]
    [InlineData("copy", XdpFeatures.None,
        "warning driver igbvf has no native XDP: mode copy will be refused. Write mode = \"generic\" or "
            + "\"auto\".")]
    [InlineData("copy", XdpFeatures.Basic, "")]
    [InlineData("generic", XdpFeatures.None, "")]
    [InlineData("auto", XdpFeatures.Basic | XdpFeatures.XskZeroCopy, "")]
    [InlineData("auto", null, "")] // an old kernel does not say
    public void What_the_driver_cannot_do_is_told_before_it_is_tried(
        string mode, XdpFeatures? offered, string told)
    {
        string text = MetalText.Replace("mode = \"auto\"", $"mode = \"{mode}\"", StringComparison.Ordinal);
        PlanResult result = Planner.PlanForward(Sample.Read(text), Sample.Change(Sample.Metal, "eth1",
            link => link with { Driver = "igbvf", Xdp = offered }));
        Assert.NotNull(result.Plan);
        string said = string.Concat(result.Warnings.Select(line => $"warning {line}")
            .Concat(result.Notes.Select(line => $"note {line}"))
            .Where(line => line.Contains("eth1: driver", StringComparison.Ordinal)));
        Assert.Equal(told,
            said.Replace("t.toml:13:13: interface = \"eth1\": eth1: ", "", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("igb", "auto", 2048, XdpFeatures.XskZeroCopy, 1006)]
    [InlineData("igc", "zero-copy", 2048, XdpFeatures.XskZeroCopy, 1006)]
    [InlineData("igb", "auto", 4096, XdpFeatures.XskZeroCopy, 0)]
    [InlineData("igb", "copy", 2048, XdpFeatures.XskZeroCopy, 0)]
    [InlineData("igb", "auto", 2048, XdpFeatures.None, 0)] // it cannot: so it will not
    [InlineData("ixgbe", "auto", 2048, XdpFeatures.XskZeroCopy, 0)]
    public void A_card_that_would_split_frames_in_zero_copy_is_refused(
        string driver, string mode, int chunk, XdpFeatures offered, int most)
    {
        string text = MetalText.Replace("mode = \"auto\"", $"mode = \"{mode}\"", StringComparison.Ordinal)
            .Replace("[[lane]]", $"[[lane]]\nchunk = {chunk}", StringComparison.Ordinal);
        PlanResult result = Planner.PlanForward(Sample.Read(text), Sample.Change(Sample.Metal, "eth1",
            link => link with { Driver = driver, Xdp = offered | XdpFeatures.Basic }));
        string[] told = [.. result.Errors.Select(error => error.ToString())];
        Assert.Equal(most == 0 ? [] :
        [
            "t.toml:13:13: interface = \"eth1\": MTU 1500 is too large for chunks of 2048 bytes with "
                + $"headroom 0, of which {driver} uses whole KiB in zero-copy: at most {most}. Write "
                + $"chunk = 4096 in lane \"wire\", or lower the MTU: ip link set eth1 mtu {most}.",
        ], told);
    }

    [Fact]
    public void A_missing_namespace_is_named_once() =>
        Forward(Sample.Text, Sample.Lab with
        {
            Namespaces = [new NamespaceFacts("/run/netns/ll-dut", "open(/run/netns/ll-dut): ENOENT", [])],
        },
            "t.toml:6:9: netns = \"ll-dut\": the network namespace cannot be looked into: "
                + "open(/run/netns/ll-dut): ENOENT. Run 'lowlat lab up' first.");

    [Fact]
    public void A_queue_out_of_range_says_how_many_there_are()
    {
        Forward(Sample.With("interface = \"dutA\"", "interface = \"dutA\"\nqueue = 1"), Sample.Lab,
            "t.toml:8:9: queue = 1: dutA has 1 queue, number 0. Choose one of them, or give it "
                + "more: ethtool -L dutA.");
        Forward(Metal("interface = \"eth1\"", "interface = \"eth1\"\nqueue = 4"), Sample.Metal,
            "t.toml:14:9: queue = 4: eth1 has 4 queues, numbers 0 to 3. Choose one of them, or "
                + "give it more: ethtool -L eth1.");
    }

    [Fact]
    public void An_MTU_too_large_for_the_chunk_says_the_chunk_that_would_do() =>
        Forward(Sample.Text, Sample.Change(Sample.Lab, "dutA", link => link with { MtuBytes = 3000 }),
            "t.toml:7:13: interface = \"dutA\": MTU 3000 is too large for chunks of 2048 bytes "
                + "with headroom 0: at most 1774. Write chunk = 4096 in lane \"f\", or lower the MTU: ip "
                + "link set dutA mtu 1774.");

    [Fact]
    public void An_MTU_too_large_for_any_chunk_says_the_largest() =>
        Forward(Sample.Text, Sample.Change(Sample.Lab, "dutA", link => link with { MtuBytes = 9000 }),
            "t.toml:7:13: interface = \"dutA\": MTU 9000 is too large for chunks of 2048 bytes "
                + "with headroom 0: at most 1774. No chunk holds it: lower the MTU to 3822 or less.");

    [Fact]
    public void The_largest_MTU_fits()
    {
        HostFacts facts = Sample.Change(Sample.Lab, "dutA", link => link with { MtuBytes = 2048 - 256 - 18 });
        Forward(Sample.Text, facts);
        Forward(Sample.With("cpu = 1", "cpu = 1\nheadroom = 1"), facts,
            "t.toml:7:13: interface = \"dutA\": MTU 1774 is too large for chunks of 2048 bytes "
                + "with headroom 1: at most 1773. Write chunk = 4096 in lane \"f\", or lower the MTU: ip "
                + "link set dutA mtu 1773.");
    }

    [Fact]
    public void A_CPU_that_is_not_online_is_refused() =>
        Forward(Sample.With("cpu = 1", "cpu = 7"), Sample.Lab,
            "t.toml:22:7: cpu = 7: CPU 7 is not online: this host has 0-1. Choose a CPU that is online.");

    [Fact]
    public void A_cgroup_must_have_the_CPUs_of_all_lanes_and_one_more()
    {
        string text = Sample.With("[host]", "[host]\nslice = \"lowlat\"");
        HostFacts With(int[]? cpus, string refusal = "") => Sample.Lab with
        {
            Cgroup = new CgroupFacts("/sys/fs/cgroup/lowlat", refusal, "Make it.",
                cpus is null ? null : new CpuList(false, cpus), false),
        };
        Forward(text, With([0, 1]));
        Forward(text, With(null));
        Forward(text, With([0]),
            "t.toml:3:9: slice = \"lowlat\": that cgroup has CPUs 0: the kernel pins no lane elsewhere. "
                + "Give it those of all lanes: echo 0-1 > /sys/fs/cgroup/lowlat/cpuset.cpus.");
        Forward(text, With([1]),
            "t.toml:3:9: slice = \"lowlat\": that cgroup has CPUs 1: none is left for the threads that are "
                + "not lanes. Give it one of the housekeeping CPUs too.");
        Forward(text, With(null, "there is none"), "t.toml:3:9: slice = \"lowlat\": there is none. "
            + "Make it.");
    }

    [Fact]
    public void A_housekeeping_CPU_that_is_not_online_is_refused() =>
        Forward(Sample.With("[host]", "[host]\nhousekeeping = \"0,5\""), Sample.Lab,
            "t.toml:3:16: housekeeping = \"0,5\": CPU 5 is not online: this host has 0-1. Name "
                + "CPUs that are online.");

    [Fact]
    public void A_housekeeping_list_with_N_is_held_against_the_last_CPU()
    {
        Forward(Sample.With("[host]", "[host]\nhousekeeping = \"0,5,N\"")
            .Replace("cpu = 1", "cpu = 1\npolicy = \"other\"", StringComparison.Ordinal), Sample.Lab,
            "t.toml:3:16: housekeeping = \"0,5,N\": CPU 5 is not online: this host has 0-1. Name "
                + "CPUs that are online.");
        Forward(Sample.With("[host]", "[host]\nhousekeeping = \"4-N\""), Sample.Lab,
            "t.toml:3:16: housekeeping = \"4-N\": is no list of CPUs on this host, where N is 1. Name "
                + "CPUs that are online.");
        Forward(Metal("housekeeping = \"0-1\"", "housekeeping = \"0,3-N\""), Sample.Metal);
    }

    [Fact]
    public void CPU_0_is_not_for_a_FIFO_lane_where_there_are_others() =>
        Forward(Metal("cpu = 2", "cpu = 0").Replace("housekeeping = \"0-1\"", "housekeeping = \"1\"",
            StringComparison.Ordinal), Sample.Metal,
            "t.toml:25:7: cpu = 0: CPU 0 has work of the kernel that no isolation moves away. "
                + "Choose another CPU of 0-3, or write policy = \"other\".");

    [Fact]
    public void A_FIFO_lane_on_a_housekeeping_CPU_that_only_the_host_knows_is_refused() =>
        Forward(Sample.With("[host]", "[host]\nhousekeeping = \"0-N\""), Sample.Lab,
            "t.toml:23:7: cpu = 1: a FIFO lane would starve the other threads of CPU 1: "
                + "housekeeping is 0-1 (line 3). Choose another CPU for one of them, or write policy = "
                + "\"other\".");

    [Fact]
    public void A_lane_of_policy_other_may_share_a_housekeeping_CPU()
    {
        string text = Sample.With("[host]", "[host]\nhousekeeping = \"0-1\"")
            .Replace("cpu = 1", "cpu = 1\npolicy = \"other\"", StringComparison.Ordinal);
        PlanResult result = Forward(text, Sample.Lab);
        Sample.Expect(result.Notes,
            "t.toml:8:13: interface = \"dutA\": dutA, dutB: veth runs its NAPI on the sender's CPU",
            "t.toml:23:7: cpu = 1: lane \"f\" shares CPU 1 with the threads that are not lanes");
    }

    [Fact]
    public void A_FIFO_load_without_quiet_windows_needs_its_own_CPU() =>
        Load(Sample.With("quiet_every = \"20ms\"\nquiet_for = \"1ms\"\n", ""), Sample.Lab, LoadOverrides.None,
            "t.toml:28:7: cpu = 0: a FIFO lane would starve the other threads of CPU 0: "
                + "housekeeping is 0. Choose another CPU, set quiet_every and quiet_for, or write policy "
                + "= \"other\".");

    [Fact]
    public void A_FIFO_load_with_quiet_windows_may_share_a_CPU()
    {
        PlanResult result = Load(Sample.Text, Sample.Lab, LoadOverrides.None);
        Sample.Expect(result.Notes,
            "t.toml:15:13: interface = \"genA\": genA, sinkB: veth runs its NAPI on the sender's CPU",
            "t.toml:28:7: cpu = 0: the load shares CPU 0 with the threads that are not lanes, "
                + "which run in its quiet windows");
    }

    [Fact]
    public void No_CPU_for_housekeeping_is_refused() =>
        Forward(Sample.With("cpu = 1", "cpu = 0")
            .Replace("[load]\ncpu = 0", "[load]\ncpu = 1", StringComparison.Ordinal),
            Sample.Lab with { OnlineCpus = [0] },
            "t.toml:2:1: housekeeping: no CPU is left for the threads that are not lanes. Free a "
                + "CPU, or give a lane policy = \"other\" and name its CPU here.");

    [Fact]
    public void A_throttled_FIFO_lane_says_what_it_loses() =>
        Forward(Sample.With("rt_throttling = \"off\"", "rt_throttling = \"keep\""), Sample.Lab,
            "t.toml:20:1: policy = fifo (the default): the kernel stops a FIFO lane for 50 ms of "
                + "each 1000 ms (kernel.sched_rt_runtime_us = 950000). Write rt_throttling = \"off\" in "
                + "[host], or policy = \"other\".");

    [Fact]
    public void A_FIFO_lane_that_pauses_enough_is_not_throttled() =>
        Forward(Sample.With("rt_throttling = \"off\"", "rt_throttling = \"keep\"")
            .Replace("cpu = 1", "cpu = 1\nyield_every = \"20ms\"\nyield_for = \"1250us\"",
                StringComparison.Ordinal),
            Sample.Lab);

    [Fact]
    public void An_IRQ_that_only_a_FIFO_lane_s_CPU_may_serve_is_refused()
    {
        HostFacts facts = WithIrq(new CpuList(false, [2]));
        Forward(MetalText, facts,
            "t.toml:25:7: cpu = 2: IRQ 40 of eth1 queue 0 may run on CPU 2 only, where this FIFO "
                + "lane would starve it. Move it (echo OTHER_CPU > /proc/irq/40/smp_affinity_list), or "
                + "write wakeup = \"busy-poll\" in port \"left\".");
        Forward(Metal("mode = \"auto\"", "wakeup = \"busy-poll\"\nmode = \"auto\""), facts);
        Forward(Metal("cpu = 2", "cpu = 2\npolicy = \"other\"")
            .Replace("policy = \"fifo\"\npriority = 10", "", StringComparison.Ordinal), facts);
        Forward(MetalText, WithIrq(new CpuList(false, [1, 2])));
    }

    [Fact]
    public void More_frames_than_memory_is_refused() =>
        Forward(Sample.With("cpu = 1", "cpu = 1\nframes = 65536"),
            Sample.Lab with { MemAvailableBytes = 100 << 20 },

            "t.toml:23:10: frames = 65536: the UMEMs need 128 MiB, the host has 100 MiB available. "
                + "Lower frames, or the rings of the lane's ports.");

    [Fact]
    public void A_UMEM_over_its_bound_is_refused() =>
        Forward(Sample.With("cpu = 1", "cpu = 1\nframes = 1048576"), Sample.Lab,
            "t.toml:23:10: frames = 1048576: 1048576 chunks of 2048 bytes are 2048 MiB, a UMEM has "
                + "less than 2048 MiB. Lower frames, or the rings of the lane's ports.");

    [Fact]
    public void Huge_pages_that_are_not_there_are_refused() =>
        Forward(Sample.With("cpu = 1", "cpu = 1\nhuge_pages = \"require\""), Sample.Lab,
            "t.toml:23:14: huge_pages = \"require\": the UMEMs need 16 pages of 2 MiB, 0 are free. "
                + "Write huge_pages = \"auto\", or: sysctl vm.nr_hugepages=16.");

    [Fact]
    public void A_port_on_another_NUMA_node_is_a_warning()
    {
        PlanResult result = Forward(MetalText,
            Sample.Change(Sample.Metal, "eth2", link => link with { NumaNode = 1 }));
        Sample.Expect(result.Warnings,
            "t.toml:19:13: interface = \"eth2\": eth2 is on NUMA node 1, lane \"wire\" on node 0: "
                + "every frame crosses. Give the lane a CPU of node 1.");
    }

    [Fact]
    public void Frames_on_another_NUMA_node_than_their_port_are_a_warning()
    {
        PlanResult result = Forward(MetalText.Replace("[[lane]]", "[[lane]]\nnuma_node = 1",
            StringComparison.Ordinal),
            Sample.Metal);
        Assert.Equal(2, result.Warnings.Count);
        Assert.Contains("the lane's frames on node 1: each crosses", $"{result.Warnings[0]}",
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_frame_that_an_interface_does_not_carry_is_refused() =>
        Load(Sample.Text, Sample.Lab, new LoadOverrides { Size = "1515" },
            "--size 1515: frames of 1515 bytes do not pass genA: MTU 1500 and the Ethernet header "
                + "make 1514. Lower the size, or raise the MTU.");

    [Fact]
    public void A_configuration_without_lanes_has_no_forward_plan() =>
        Forward("name = \"t\"\n"
            + Sample.Text[Sample.Text.IndexOf("[[port]]\nname = \"g\"", StringComparison.Ordinal)..]
            .Replace(Lane, "", StringComparison.Ordinal), Sample.Lab,
            "t.toml:1:1: lane: this configuration has no lane to run. Add a [[lane]], or use lowlat load.");

    [Fact]
    public void A_configuration_without_load_has_no_load_plan() =>
        Load(MetalText, Sample.Metal, LoadOverrides.None,
            "t.toml:1:1: load: this configuration has no [load]. Add [load] and [load.through], as "
                + "configs/lab.toml does.");

    [Fact]
    public void Options_are_refused_by_their_names() =>
        Load(Sample.Text, Sample.Lab, new LoadOverrides
        {
            Rate = "10q",
            Imix = "60;7",
            Schedule = "bursty",
            Duration = "10",
            Warmup = "-1s",
            Flows = 0,
            Slo = ["p98=1us", "p99=1", "max_loss=2", "p99"],
        },
            "--imix 60;7: must be up to 8 sizes with weights such as \"60:7,594:4,1514:1\". Write "
                + "--imix 60:7,594:4,1514:1, for example.",
            "--flows 0: must be an integer from 1 to 1048576. Write --flows 64, for example.",
            "--schedule bursty: must be one of \"constant\", \"poisson\", \"burst\", \"ramp\", "
                + "\"steps\". Write --schedule constant, for example.",
            "--rate 10q: must be frames a second over 0 and at most 50M, such as \"100k\" or "
                + "\"1.5M\". Write --rate 100k, for example.",
            "--duration 10: must be a duration of at least 1ms with its unit: ns, us, ms, s or min. "
                + "Write --duration 10s, for example.",
            "--warmup -1s: must be a duration with its unit: ns, us, ms, s or min. Write --warmup "
                + "1s, for example.",
            "--slo p98=1us: must be NAME=LIMIT, with a name of p50, p90, p99, p99.9, p99.99, "
                + "p99.999, max, max_loss. Write --slo p99.99=50us, for example.",
            "--slo p99=1: must be a duration of at least 1ns with its unit: ns, us, ms, s or min. "
                + "Write --slo p99=50us, for example.",
            "--slo max_loss=2: must be a fraction from 0 to 1. Write --slo max_loss=0.0, for example.",
            "--slo p99: must be NAME=LIMIT, with a name of p50, p90, p99, p99.9, p99.99, p99.999, "
                + "max, max_loss. Write --slo p99.99=50us, for example.");

    [Fact]
    public void A_size_that_is_no_number_or_too_small_is_refused()
    {
        Load(Sample.Text, Sample.Lab, new LoadOverrides { Size = "big" },
            "--size big: must be a number of bytes from 60 to 4096, or a range such as \"60-1514\". "
                + "Write --size 60-1514, for example.");
        Load(Sample.Text, Sample.Lab, new LoadOverrides { Size = "59" },
            "--size 59: must be a number of bytes from 60 to 4096, or a range such as \"60-1514\". "
                + "Write --size 60-1514, for example.");
        Load(Sample.Text, Sample.Lab, new LoadOverrides { Imix = "60:1,50:1" },
            "--imix 60:1,50:1: frames of 50 bytes: an IPv4 frame with the generator's mark has at "
                + "least 60. Write 60.");
        Load(Sample.Text, Sample.Lab, new LoadOverrides { Size = "60", Imix = "60:1" },
            "--imix 60:1: --size says it already. Give one of them.");
    }

    [Fact]
    public void More_flows_than_source_ports_are_refused() =>
        Load(Sample.With("rate = \"100k\"", "rate = \"100k\"\nsource_port = 40000"), Sample.Lab,
            new LoadOverrides { Flows = 32768 },
            "--flows 32768: 32768 flows need 32768 source ports from 40000 on, 65535 is the last. Lower "
                + "source_port, or give source or destination as a range of addresses.");

    private static string Lane => Sample.Text[Sample.Text.IndexOf("[[lane]]", StringComparison.Ordinal)
        ..Sample.Text.IndexOf("[load]", StringComparison.Ordinal)];

    private static string Metal(string old, string now)
    {
        Assert.Contains(old, MetalText, StringComparison.Ordinal);
        return MetalText.Replace(old, now, StringComparison.Ordinal);
    }

    private static HostFacts WithIrq(CpuList cpus) => Sample.Change(Sample.Metal, "eth1", link => link with
    {
        Irqs = [new IrqFacts(40, 0, cpus), new IrqFacts(41, 1, new CpuList(false, [2]))],
    });

    private static PlanResult Forward(string text, HostFacts facts, params string[] lines)
    {
        PlanResult result = Planner.PlanForward(Sample.Read(text), facts);
        Sample.Expect(result.Errors, lines);
        Assert.Equal(lines.Length == 0, result.Plan != null);
        return result;
    }

    private static PlanResult Load(
        string text, HostFacts facts, LoadOverrides overrides, params string[] lines)
    {
        PlanResult result = Planner.PlanLoad(Sample.Read(text), facts, overrides);
        Sample.Expect(result.Errors, lines);
        Assert.Equal(lines.Length == 0, result.Plan != null);
        return result;
    }
}
