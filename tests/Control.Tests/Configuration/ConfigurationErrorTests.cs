using LowLatency.Control.Configuring;
using LowLatency.Control.Planning.Stages;
using LowLatency.Control.Tests.Planning;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>Every way to write a configuration wrong, and the one line that the user reads then.</summary>
public sealed class ConfigurationErrorTests
{
    [Fact]
    public void The_sample_is_right() => Sample.Read(Sample.Text);

    [Fact]
    public void An_unknown_key_suggests_the_nearest() =>
        Expect(Sample.With("interface = \"dutA\"", "interface = \"dutA\"\nqueu = 0"),
            "t.toml:8:8: queu = 0: no such key in [[port]]. Did you mean queue?");

    [Fact]
    public void An_unknown_key_that_resembles_none_lists_all() =>
        Expect(Sample.With("[host]", "[host]\nxyzzyplugh = 1"),
            "t.toml:3:14: xyzzyplugh = 1: no such key in [host]. Keys there: housekeeping, "
                + "lock_memory, rt_throttling, profile, slice, "
                + "objective, waiver.");

    [Fact]
    public void An_unknown_table_suggests_the_nearest() =>
        Expect(Sample.Text + "\n[hots]\nlock_memory = true",
            "t.toml:35:1: hots: no such key at the top of the file. Did you mean host?");

    [Fact]
    public void A_wrong_type_says_what_it_is() =>
        Expect(Sample.With("cpu = 1", "cpu = \"1\""),
            "t.toml:22:7: cpu = \"1\": must be an integer from 0 to 1023, not a string. Write cpu "
                + "= 1, for example.");

    [Fact]
    public void A_table_in_place_of_an_array_of_tables_is_named() =>
        Expect(Sample.With("[[lane.stage]]", "[lane.stage]"),
            "t.toml:24:1: stage: must be an array of tables, not a table. Begin it with [[lane.stage]].");

    [Fact]
    public void A_missing_key_is_asked_for_with_an_example() =>
        Expect(Sample.With("cpu = 1\n", ""),
            "t.toml:20:1: cpu: is missing in [[lane]], it must be an integer from 0 to 1023. Add "
                + "cpu = 1, for example.");

    [Fact]
    public void A_number_out_of_range_says_the_range() =>
        Expect(Sample.With("cpu = 1", "cpu = 1\npriority = 100"),
            "t.toml:23:12: priority = 100: must be an integer from 1 to 99. Write priority = 10, "
                + "for example.");

    [Fact]
    public void A_missing_unit_says_the_units() =>
        Expect(Sample.With("quiet_every = \"20ms\"", "quiet_every = \"20\""),
            "t.toml:30:15: quiet_every = \"20\": must be a duration with its unit: ns, us, ms, s "
                + "or min. Write quiet_every = \"20ms\", for example.");

    [Fact]
    public void A_bad_unit_of_a_rate_says_the_units() =>
        Expect(Sample.With("rate = \"100k\"", "rate = \"100q\""),
            "t.toml:29:8: rate = \"100q\": must be frames a second over 0 and at most 50M, such as "
                + "\"100k\" or \"1.5M\". Write rate = \"100k\", for example.");

    [Fact]
    public void A_rate_of_zero_or_over_the_most_is_refused()
    {
        Expect(Sample.With("rate = \"100k\"", "rate = 0"),
            "t.toml:29:8: rate = 0: must be frames a second over 0 and at most 50M, such as "
                + "\"100k\" or \"1.5M\". Write rate = \"100k\", for example.");
        Expect(Sample.With("rate = \"100k\"", "rate = \"51M\""),
            "t.toml:29:8: rate = \"51M\": must be frames a second over 0 and at most 50M, such as "
                + "\"100k\" or \"1.5M\". Write rate = \"100k\", for example.");
    }

    [Fact]
    public void Text_that_is_not_TOML_says_where() =>
        Expect(Sample.With("cpu = 1", "cpu = "),
            "t.toml:22:7: TOML: Unexpected token end-of-line found while expecting a value. The "
                + "file is TOML 1.0 (toml.io).");

    [Fact]
    public void Text_that_ends_inside_an_escape_says_where() =>
        Expect("name = \"t\"\nx = \"a\\",
            "t.toml:2:8: TOML: the file ends inside an escape of a string. Close the string.");

    [Fact]
    public void A_key_twice_says_where() =>
        Expect(Sample.With("cpu = 1", "cpu = 1\ncpu = 1"),
            "t.toml:23:1: TOML: The key `lane.cpu` is already defined at (22,1) with `cpu = 1` and "
                + "cannot be redefined. The file is TOML 1.0 (toml.io).");

    [Fact]
    public void A_bad_instance_name_is_refused() =>
        Expect(Sample.With("name = \"t\"", "name = \"My Lab\""),
            "t.toml:1:8: name = \"My Lab\": must be 1 to 24 of a-z, 0-9 and '-'. Write name = "
                + "\"lab\", for example.");

    [Fact]
    public void Two_ports_of_one_name_are_refused() =>
        Expect(Sample.With("name = \"g\"", "name = \"s\"").Replace("tx = \"g\"", "tx = \"s\"",
            StringComparison.Ordinal).Replace("rx = \"s\"", "rx = \"b2\"", StringComparison.Ordinal)
            .Replace(
                "[load]", "[[port]]\nname = \"b2\"\ninterface = \"b2\"\n[load]", StringComparison.Ordinal),
            "t.toml:17:8: name = \"s\": the name of another port already (line 13). Give each port "
                + "its own name.");

    [Fact]
    public void Two_lanes_of_one_name_are_refused() =>
        Expect(TwoLanes("f", 2),
            "t.toml:32:8: name = \"f\": the name of another lane already (line 21). Give each lane "
                + "its own name.");

    [Fact]
    public void One_queue_twice_is_refused() =>
        Expect(Sample.With("interface = \"dutB\"", "interface = \"dutA\""),
            "t.toml:11:13: interface = \"dutA\": queue 0 of dutA is port \"a\" already (line 4): "
                + "one socket owns a queue. Name another queue or interface.");

    [Fact]
    public void A_port_of_two_lanes_is_refused() =>
        Expect(Sample.With("[load]", "[[lane]]\nname = \"h\"\ncpu = 2\nports = [\"a\"]\n"
            + "[[lane.stage]]\nkind = \"reflect\"\n[load]"),
            "t.toml:30:9: ports = [\"a\"]: port \"a\" belongs to lane \"f\" already: one lane owns "
                + "a port. Add a port for another queue of the interface.");

    [Fact]
    public void A_port_of_a_lane_and_the_load_is_refused() =>
        Expect(Sample.With("tx = \"g\"", "tx = \"a\""),
            "t.toml:33:6: tx = \"a\": port \"a\" belongs to lane \"f\" already: one lane owns a "
                + "port. Add a port for another queue of the interface.");

    [Fact]
    public void A_port_that_does_not_exist_lists_those_that_do() =>
        Expect(Sample.With("tx = \"g\"", "tx = \"q\""),
            "t.toml:33:6: tx = \"q\": no port has the name \"q\". Ports of this file: a, b, g, s.");

    [Fact]
    public void A_port_of_nobody_is_a_warning()
    {
        Configuring.Configuration read = Sample.Read(
            Sample.With("[[lane]]", "[[port]]\nname = \"x\"\ninterface = \"eth9\"\n[[lane]]"));
        Sample.Expect(read.Warnings,
            "t.toml:21:8: name = \"x\": no lane and no load uses this port. Name it in the ports "
                + "of a lane, or remove it.");
    }

    [Fact]
    public void Two_threads_on_one_CPU_are_refused() =>
        Expect(Sample.With("cpu = 0", "cpu = 1"),
            "t.toml:28:7: cpu = 1: CPU 1 is taken by lane \"f\" (line 22): one thread of lanes a "
                + "CPU. Choose another CPU, or let lanes share a thread (host = \"shared\").");

    [Fact]
    public void Two_pinned_lanes_on_one_CPU_are_refused() =>
        Expect(TwoLanes("h", 1),
            "t.toml:33:7: cpu = 1: CPU 1 is taken by lane \"f\" (line 22): one thread of lanes a "
                + "CPU. Choose another CPU, or let lanes share a thread (host = \"shared\").");

    [Theory]
    [InlineData("0-1")]
    [InlineData("0,1-7:1/2")]
    [InlineData("all")]
    public void A_FIFO_lane_on_a_housekeeping_CPU_is_refused_without_a_host(string list) =>
        Expect(Sample.With("[host]", $"[host]\nhousekeeping = \"{list}\""),
            $"t.toml:23:7: cpu = 1: a FIFO lane would starve the other threads of CPU 1: housekeeping is "
                + $"{list} (line 3). Choose another CPU for one of them, or write policy = \"other\".");

    [Fact]
    public void A_FIFO_load_without_quiet_windows_on_a_housekeeping_CPU_is_refused_without_a_host() =>
        Expect(Sample.With("quiet_every = \"20ms\"\nquiet_for = \"1ms\"\n", "")
            .Replace("[host]", "[host]\nhousekeeping = \"0\"", StringComparison.Ordinal),
            "t.toml:29:7: cpu = 0: a FIFO lane would starve the other threads of CPU 0: housekeeping is "
                + "0 (line 3). Choose another CPU, set quiet_every and quiet_for, or write policy = "
                + "\"other\".");

    [Theory]
    [InlineData("0", "policy = \"fifo\"")] // the load pauses, so the others run on CPU 0
    [InlineData("0-1", "policy = \"other\"")] // the kernel lets the others run beside the lane
    [InlineData("1-N", "policy = \"fifo\"")] // what N is only the host says
    public void Threads_that_may_share_their_CPU_are_not_refused(string list, string policy) =>
        Expect(Sample.With("[host]", $"[host]\nhousekeeping = \"{list}\"")
            .Replace("cpu = 1", $"cpu = 1\n{policy}", StringComparison.Ordinal));

    [Fact]
    public void A_policy_that_is_none_is_one_error() =>
        Expect(Sample.With("[host]", "[host]\nhousekeeping = \"0-1\"")
            .Replace("cpu = 1", "cpu = 1\npolicy = \"rr\"", StringComparison.Ordinal),
            "t.toml:24:10: policy = \"rr\": must be one of \"fifo\", \"other\". Write policy = \"fifo\", for "
                + "example.");

    [Fact]
    public void A_ring_that_is_no_power_of_two_is_refused() =>
        Expect(Sample.With("interface = \"dutA\"", "interface = \"dutA\"\nrx_ring = 1000"),
            "t.toml:8:11: rx_ring = 1000: must be a power of two from 64 to 32768. Write rx_ring = "
                + "2048, for example.");

    [Fact]
    public void A_ring_out_of_bounds_is_refused() =>
        Expect(Sample.With("interface = \"dutA\"", "interface = \"dutA\"\ntx_ring = 65536"),
            "t.toml:8:11: tx_ring = 65536: must be a power of two from 64 to 32768. Write tx_ring "
                + "= 2048, for example.");

    [Fact]
    public void A_chunk_that_the_kernel_does_not_take_is_refused() =>
        Expect(Sample.With("cpu = 1", "cpu = 1\nchunk = 3000"),
            "t.toml:23:9: chunk = 3000: must be 2048 or 4096. Write chunk = 2048, for example.");

    [Fact]
    public void A_fill_level_over_its_ring_is_refused() =>
        Expect(Sample.With("interface = \"dutA\"", "interface = \"dutA\"\nfill_ring = 1024"),
            "t.toml:4:1: fill_level = 2048 (the default): must be at most fill_ring, which is "
                + "1024. Write fill_level = 1024 or fill_ring = 2048.");

    [Fact]
    public void Too_few_frames_are_refused() =>
        Expect(Sample.With("cpu = 1", "cpu = 1\nframes = 4096"),
            "t.toml:23:10: frames = 4096: must be at least 4160: the ports keep 4096 posted and a "
                + "burst is 64. Write frames = 8192, or lower fill_level.");

    [Fact]
    public void A_stage_port_of_another_lane_is_refused() =>
        Expect(Sample.With("kind = \"cross-connect\"\nports = [\"a\", \"b\"]",
            "kind = \"cross-connect\"\nports = [\"a\", \"g\"]"),
            "t.toml:26:9: ports = [\"a\", \"g\"]: port \"g\" is not of lane \"f\". Its ports are a, b.");

    [Fact]
    public void A_rewrite_port_of_another_lane_is_refused() =>
        Expect(WithStage("kind = \"mac-rewrite\"\nport = \"g\"\nsource = \"own\""),
            "t.toml:26:8: port = \"g\": port \"g\" is not of lane \"f\". Its ports are a, b.");

    [Fact]
    public void A_rule_port_of_another_lane_is_refused() =>
        Expect(WithStage(
            "kind = \"filter\"\n[[lane.stage.rule]]\nname = \"r\"\naction = \"drop\"\nport = \"g\""),
            "t.toml:29:8: port = \"g\": port \"g\" is not of lane \"f\". Its ports are a, b.");

    [Fact]
    public void A_rule_with_two_families_is_refused() =>
        Expect(WithStage("kind = \"filter\"\n[[lane.stage.rule]]\nname = \"r\"\naction = \"drop\"\n"
            + "source = \"10.0.0.0/8\"\ndestination = \"2001:db8::/32\""),
            "t.toml:30:15: destination = \"2001:db8::/32\": an IPv6 prefix in a rule of family 4. "
                + "Use one family in a rule; two families are two rules.");

    [Fact]
    public void A_prefix_with_bits_behind_it_is_refused() =>
        Expect(WithStage("kind = \"filter\"\n[[lane.stage.rule]]\nname = \"r\"\naction = \"drop\"\n"
            + "source = \"10.0.0.1/8\""),
            "t.toml:29:10: source = \"10.0.0.1/8\": must be a prefix such as \"10.0.0.0/8\" or "
                + "\"2001:db8::/32\" with no bit set behind it. Write source = \"10.0.0.0/8\", for "
                + "example.");

    [Fact]
    public void A_key_of_another_kind_of_stage_is_refused() =>
        Expect(WithStage("kind = \"mac-swap\"\nport = \"a\""),
            "t.toml:26:8: port = \"a\": not a key of a mac-swap stage. It takes none.");

    [Fact]
    public void A_stage_of_unknown_kind_lists_the_kinds() =>
        Expect(WithStage("kind = \"teleport\""),
            "t.toml:25:8: kind = \"teleport\": must be one of \"cross-connect\", \"filter\", "
                + "\"mac-rewrite\", \"mac-swap\", \"reflect\", "
                + string.Join(", ", StageDesigns.All.Select(design => $"\"{design.Word}\""))
                + ". Write kind = \"cross-connect\", for example.");

    [Fact]
    public void A_rewrite_to_its_own_MAC_needs_a_port() =>
        Expect(WithStage("kind = \"mac-rewrite\"\nsource = \"own\""),
            "t.toml:26:10: source = \"own\": needs the port whose MAC it is. Add port = \"b\", for example.");

    [Fact]
    public void A_lane_without_a_stage_is_refused() =>
        Expect(Sample.With("[[lane.stage]]\nkind = \"cross-connect\"\nports = [\"a\", \"b\"]\n", ""),
            "t.toml:21:8: name = \"f\": this lane has no stage. Add a [[lane.stage]] with kind = "
                + "\"cross-connect\", for example.");

    [Fact]
    public void Two_queues_of_an_interface_must_agree() =>
        Expect(Sample.With("interface = \"dutB\"", "interface = \"dutA\"\nqueue = 1\nclaim = \"all\""),
            "t.toml:13:9: claim = \"all\": must be as in port \"a\" (line 4): one XDP program "
                + "serves all queues of dutA. Make claim the same in both ports.");

    [Fact]
    public void A_lane_cannot_mix_zero_copy_and_copy() =>
        Expect(Sample.With("interface = \"dutA\"", "interface = \"dutA\"\nmode = \"zero-copy\"")
            .Replace(
                "interface = \"dutB\"", "interface = \"dutB\"\nmode = \"generic\"", StringComparison.Ordinal),
            "t.toml:25:9: ports = [\"a\", \"b\"]: port \"a\" wants zero-copy and port \"b\" "
                + "generic: the kernel binds a UMEM in one mode. Give them one mode, or a lane each.");

    [Fact]
    public void Shared_lanes_must_agree() =>
        Expect(TwoLanes("h", 1).Replace("cpu = 1\n", "cpu = 1\nhost = \"shared\"\nthread = \"x\"\n",
            StringComparison.Ordinal)
                .Replace("name = \"h\"", "name = \"h\"\npriority = 20", StringComparison.Ordinal),
            "t.toml:35:12: priority = 20: lane \"f\" (line 20) has another, and shares the thread "
                + "\"x\". Make priority the same in both lanes.");

    [Fact]
    public void A_shared_lane_must_name_its_thread() =>
        Expect(Sample.With("cpu = 1", "cpu = 1\nhost = \"shared\""),
            "t.toml:23:8: host = \"shared\": a shared lane must name its thread. Add thread = "
                + "\"x\", the same in all lanes that share it.");

    [Fact]
    public void Claim_udp_needs_ports() =>
        Expect(Sample.With("interface = \"dutA\"", "interface = \"dutA\"\nclaim = \"udp\""),
            "t.toml:8:9: claim = \"udp\": claim udp needs the UDP destination ports to claim. Add "
                + "claim_ports = \"4000-4999\", for example.");

    [Fact]
    public void Nice_does_not_go_with_fifo() =>
        Expect(Sample.With("cpu = 1", "cpu = 1\nnice = -20"),
            "t.toml:23:8: nice = -20: is for policy = \"other\" only. Write priority, or change the policy.");

    [Fact]
    public void A_load_needs_its_CPUs() =>
        Expect(Sample.With("cpu = 0", "generator_cpu = 2"),
            "t.toml:27:1: receiver_cpu: the load must say its CPUs. Add cpu = 0 for one shared "
                + "thread, or generator_cpu and receiver_cpu for two.");

    [Fact]
    public void A_load_needs_a_path() =>
        Expect(Sample.With("[load.through]\ntx = \"g\"\nrx = \"s\"", ""),
            "t.toml:27:1: load.through: [load] must say where the load goes. Add [load.through] "
                + "with tx and rx.");

    [Fact]
    public void Quiet_windows_must_leave_time() =>
        Expect(Sample.With("quiet_for = \"1ms\"", "quiet_for = \"20ms\""),
            "t.toml:30:15: quiet_every = \"20ms\": quiet_for and quiet_guard make 20ms: no time is "
                + "left to send. Make quiet_every longer.");

    [Fact]
    public void A_frame_under_the_least_of_its_family_is_refused() =>
        Expect(Sample.With("rate = \"100k\"", "rate = \"100k\"\nfamily = 6\nsize = 60"),
            "t.toml:31:8: size = 60: frames of 60 bytes: an IPv6 frame with the generator's mark "
                + "has at least 80. Write 80.");

    [Fact]
    public void Addresses_must_be_of_the_family() =>
        Expect(Sample.With("rate = \"100k\"", "rate = \"100k\"\nsource = \"2001:2::1\""),
            "t.toml:30:10: source = \"2001:2::1\": must be an IPv4 address, family is 4. Write "
                + "family = 6, or another address.");

    [Fact]
    public void An_objective_must_have_a_known_name() =>
        Expect(Sample.Text + "\n[load.slo]\n\"p99.95\" = \"50us\"",
            "t.toml:36:12: p99.95 = \"50us\": no such key in [load.slo]. Did you mean p99.9?");

    [Fact]
    public void An_objective_must_have_a_unit() =>
        Expect(Sample.Text + "\n[load.slo]\n\"p99.9\" = 50",
            "t.toml:36:11: p99.9 = 50: must be a duration of at least 1ns with its unit: ns, us, "
                + "ms, s or min, not an integer. Write \"p99.9\" = \"50us\", for example.");

    [Fact]
    public void A_file_with_nothing_to_run_is_refused() =>
        Expect("name = \"t\"",
            "t.toml:1:1: lane: there is no lane and no load. Add a [[lane]], a [load], or both.");

    [Fact]
    public void All_errors_come_at_once_in_the_order_of_the_file() =>
        Expect(Sample.With("cpu = 1", "cpu = 1\nqueue = 1")
            .Replace("rate = \"100k\"", "rate = \"fast\"", StringComparison.Ordinal)
            .Replace("name = \"t\"", "nmae = \"t\"", StringComparison.Ordinal),
            "t.toml:1:1: name: is missing, it must be 1 to 24 of a-z, 0-9 and '-'. Add name = "
                + "\"lab\", for example.",
            "t.toml:1:8: nmae = \"t\": no such key at the top of the file. Did you mean name?",
            "t.toml:23:9: queue = 1: no such key in [[lane]]. Keys there: name, cpu, policy, "
                + "priority, nice, host, thread, ports, frames, chunk, headroom, huge_pages, numa_node, "
                + "offload, burst, gap_threshold, yield_every, yield_for, stage.",
            "t.toml:30:8: rate = \"fast\": must be frames a second over 0 and at most 50M, such as "
                + "\"100k\" or \"1.5M\". Write rate = \"100k\", for example.");

    [Fact]
    public void A_file_that_is_not_there_is_an_error() =>
        Sample.Expect(ConfigurationReader.ReadFile("no/such.toml").Errors,
            "no/such.toml: no such file. configs/lab.toml is an example.");

    private static string WithStage(string stage) =>
        Sample.With("[[lane.stage]]", $"[[lane.stage]]\n{stage}\n[[lane.stage]]");

    private static string TwoLanes(string name, int cpu) => Sample.With("[load]",
        $"[[port]]\nname = \"c\"\nnetns = \"ll-dut\"\ninterface = \"dutC\"\n"
        + $"[[lane]]\nname = \"{name}\"\ncpu = {cpu}\nports = [\"c\"]\n[[lane.stage]]\nkind = "
            + "\"reflect\"\n[load]");

    private static void Expect(string text, params string[] lines) =>
        Sample.Expect(ConfigurationReader.ReadText(text, "t.toml").Errors, lines);
}
