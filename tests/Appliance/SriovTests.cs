using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

/// <summary>Virtual functions of emulated igb cards, and their physical functions beside them: what carries
/// frames how, what is told of whom, and what a change on the physical side does.</summary>
[Trait("scenario", "sriov")]
public sealed class SriovTests(SriovTests.Cards cards) : IClassFixture<SriovTests.Cards>
{
    private const string File = "/etc/functions.toml";
    private const string Policy = "nic.sriov.vf-policy";
    private readonly Guest _guest = cards.Guest;

    [Fact]
    public void A_lane_on_virtual_functions_carries_every_frame_in_generic_mode_and_says_why()
    {
        cards.MakeFunctions();
        GuestAnswer plan = Write("vf0", "vf1");
        Assert.Contains("vf0: driver igbvf has no native XDP: mode auto will be generic",
            plan.Output + plan.Error,
            StringComparison.Ordinal);
        Run();
        try
        {
            Assert.All(Status().GetProperty("ports").EnumerateArray(), port =>
            {
                Assert.Equal("generic", port.GetProperty("effectiveMode").GetString());
                Assert.Contains("native): EOPNOTSUPP; copy granted (XDP_OPTIONS), generic program",
                    port.GetProperty("why").GetString(), StringComparison.Ordinal);
            });
            cards.Wire.Targets = (Cards.Mac(1, 0), Cards.Mac(2, 0));
            cards.Wire.Cross("between functions");
        }
        finally
        {
            End("vf0", "vf1");
        }
    }

    [Fact]
    public void A_lane_on_the_physical_functions_carries_every_frame_in_zero_copy_beside_live_virtual_ones()
    {
        cards.MakeFunctions();
        Write("pf", "pf2");
        Run();
        try
        {
            Assert.All(Status().GetProperty("ports").EnumerateArray(), port => Assert.Equal(
                ("zero-copy", "zero-copy granted (XDP_OPTIONS), native program"),
                (port.GetProperty("effectiveMode").GetString(), port.GetProperty("why").GetString())));
            cards.Wire.Targets = ([0x52, 0x54, 0, 0, 0, 1], [0x52, 0x54, 0, 0, 0, 2]);
            cards.Wire.Cross("physical");
            cards.AwaitCarriers("vf0", "spare", "vf1");
        }
        finally
        {
            End("pf", "pf2");
        }
    }

    [Fact]
    public void Ports_tells_which_function_is_whose_where_it_lies_and_where_it_interrupts()
    {
        cards.MakeFunctions();
        string text = _guest.Do("lowlat ports");
        string Device(string port) => _guest.Do($"basename $(readlink /sys/class/net/{port}/device)").Trim();
        Assert.Contains("pf: physical function, 2 of 7 virtual functions in use: 0 is vf0 "
            + $"({Device("vf0")}), 1 is "
            + $"spare ({Device("spare")})", text, StringComparison.Ordinal);
        Assert.Contains($"vf0: virtual function 0 of pf ({Device("pf")})", text, StringComparison.Ordinal);
        Assert.Contains($"vf1: virtual function 0 of pf2 ({Device("pf2")})", text, StringComparison.Ordinal);
        foreach (string port in (string[])["pf", "vf0"])
        {
            string row = Assert.Single(text.Split('\n'), line => line.TrimStart().StartsWith(port + " ",
                StringComparison.Ordinal));
            Assert.EndsWith(_guest.Do($"cat /sys/class/net/{port}/device/numa_node").Trim(), row.Trim(),
                StringComparison.Ordinal);
            string line = Assert.Single(text.Split('\n'),
                line => line.Contains($"{port}: interrupts -> CPUs: ", StringComparison.Ordinal));
            foreach (string irq in _guest.Do($"ls /sys/class/net/{port}/device/msi_irqs").Split('\n',
                StringSplitOptions.RemoveEmptyEntries))
            {
                string cpus = _guest.Do($"cat /proc/irq/{irq}/effective_affinity_list 2> /dev/null").Trim();
                Assert.True(cpus.Length == 0 || line.Contains($" {irq}", StringComparison.Ordinal), line);
            }
        }
    }

    [Theory]
    [InlineData("vlan 10", "vf 0 vlan 0")]
    [InlineData("state disable", "vf 0 state auto")]
    [InlineData("max_tx_rate 100", "vf 0 max_tx_rate 0")]
    public void What_the_physical_side_does_to_a_function_is_told_with_the_command_that_undoes_it(
        string change, string undo)
    {
        cards.MakeFunctions();
        Write("pf", "pf2");
        Assert.Equal("pass", Verdict().GetProperty("state").GetString());
        GuestAnswer set = _guest.Run($"/bin/ip link set pf vf 0 {change}");
        if (set.Code != 0)
        {
            // The emulated card has no such switch: what it refused must not be told as done.
            Assert.Equal("pass", Verdict().GetProperty("state").GetString());
            return;
        }

        JsonElement check = Verdict();
        Assert.NotEqual("pass", check.GetProperty("state").GetString());
        JsonElement finding = Assert.Single(check.GetProperty("findings").EnumerateArray(),
            finding => finding.GetProperty("state").GetString() != "pass");
        Assert.Contains("vf 0", finding.GetProperty("observed").GetString(), StringComparison.Ordinal);
        string fix = string.Join('\n', finding.GetProperty("fix").EnumerateArray().Select(line =>
            line.GetString()));
        Assert.Contains(undo, fix, StringComparison.Ordinal);
        TunedHost.Apply(_guest, fix);
        Assert.Equal("pass", Verdict().GetProperty("state").GetString());
    }

    [Fact]
    public void A_physical_function_that_goes_down_takes_the_link_of_its_virtual_one_and_both_are_told()
    {
        cards.MakeFunctions();
        Write("vf0", "vf1");
        Run();
        try
        {
            _guest.Do("/bin/ip link set pf down");
            _guest.Until("grep -q 'port vf0 (vf0): link down' /run/run.err", 60,
                "cat /run/run.err; lowlat status; /bin/ip link");
            _guest.Do("/bin/ip link set pf up");
            _guest.Until("grep -q 'port vf0 (vf0): link up' /run/run.err", 60,
                "cat /run/run.err; lowlat status; /bin/ip link");
            cards.Wire.Targets = (Cards.Mac(1, 0), Cards.Mac(2, 0));
            cards.Wire.Cross("up again");
        }
        finally
        {
            End("vf0", "vf1");
        }
    }

    [Fact]
    public void A_virtual_function_that_is_taken_away_is_told_and_the_rest_ends_in_order()
    {
        cards.MakeFunctions();
        Write("vf0", "vf1");
        Run();
        try
        {
            _guest.Do("echo 0 > /sys/class/net/pf/device/sriov_numvfs");
            _guest.Until("grep -q 'port vf0 (vf0): link gone' /run/run.err", 60,
                "cat /run/run.err; lowlat status");
            Assert.Equal(["gone", "up"], Status().GetProperty("ports").EnumerateArray().Select(port =>
                port.GetProperty("link").GetString()));
        }
        finally
        {
            End("vf1");
        }
    }

    private GuestAnswer Write(string left, string right)
    {
        _guest.Write(File, $"""
            name = "functions"
            [host]
            housekeeping = "0-1"
            profile = "sriov"
            rt_throttling = "off"
            [[port]]
            name = "{left}"
            interface = "{left}"
            claim = "all"
            [[port]]
            name = "{right}"
            interface = "{right}"
            claim = "all"
            [[lane]]
            name = "fwd"
            cpu = 2
            ports = ["{left}", "{right}"]
            chunk = 4096
            [[lane.stage]]
            kind = "cross-connect"
            ports = ["{left}", "{right}"]
            """);
        GuestAnswer plan = _guest.Run($"lowlat plan -c {File}");
        Assert.True(plan.Code == 0, plan.Error);
        return plan;
    }

    private void Run()
    {
        _guest.Start("run", $"lowlat run -c {File} --out /run/runs");
        _guest.Until("[ -e /run/run.code ] || grep -q forwards /run/run.err", 60, "cat /run/run.err");
        _guest.Until("[ \"$(lowlat status --json | grep -c '\"link\": \"up\"')\" = 2 ]", 60,
            "cat /run/run.err; lowlat status");
    }

    private void End(params string[] ports)
    {
        _guest.Run("lowlat stop --name functions");
        GuestAnswer answer = _guest.Await("run");
        Assert.True(answer.Code == 0, answer.Output + answer.Error);
        Assert.Contains("+ 0 unaccounted", answer.Output + answer.Error, StringComparison.Ordinal);
        foreach (string port in ports)
        {
            Assert.DoesNotContain("xdp", _guest.Do($"/bin/ip -d link show dev {port}"),
                StringComparison.Ordinal);
        }
    }

    private JsonElement Verdict() => TunedHost.Check(_guest, File)[Policy];

    private JsonElement Status() =>
        Assert.Single(_guest.Run("lowlat status --json").Json.GetProperty("dataPlanes").EnumerateArray());

    /// <summary>Two igb cards; the test holds the other ends of their wires.</summary>
    public sealed class Cards : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-sriov-").FullName;

        /// <summary>Boots the guest.</summary>
        public Cards()
        {
            Wire = new Wire(_folder, "pf", "pf2");
            Guest = Guest.Boot(new GuestSetup("sriov", Kernel.ZeroCopy)
            {
                Cpus = 4,
                NodesMiB = [768, 768],
                BootLine = "isolcpus=managed_irq,domain,2-3 nohz_full=2-3 rcu_nocbs=2-3 irqaffinity=0-1",
                Ports =
                [
                    GuestPort.Igb("pf", 1, Wire.Left.Backend) with { Node = 1 },
                    GuestPort.Igb("pf2", 2, Wire.Right.Backend) with { Node = 1 },
                ],
            });
            Guest.Do("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; for i in pf pf2; do "
                + "echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; /bin/ip link set $i up; done; "
                    + "modprobe igbvf");
        }

        /// <summary>The guest.</summary>
        public Guest Guest { get; }

        internal Wire Wire { get; }

        /// <summary>Hardware address of a virtual function.</summary>
        /// <param name="card">1 or 2.</param>
        /// <param name="function">Its number.</param>
        public static byte[] Mac(int card, int function) => [0x52, 0x54, 0, 0, (byte)card, (byte)function];

        /// <summary>Makes the functions vf0 and spare of pf and vf1 of pf2 where they are not
        /// there.</summary>
        public void MakeFunctions()
        {
            Guest.Do("""
                make() {
                    device=/sys/class/net/$1/device
                    [ "$(cat $device/sriov_numvfs)" = $2 ] && return
                    echo $2 > $device/sriov_numvfs
                    for n in $(seq 0 $(($2 - 1))); do
                        /bin/ip link set $1 vf $n mac 52:54:00:00:0$3:0$n
                        vf=$(basename $(readlink $device/virtfn$n))
                        [ -e /sys/bus/pci/drivers/igbvf/$vf ] && echo $vf > /sys/bus/pci/drivers/igbvf/unbind
                        echo $vf > /sys/bus/pci/drivers/igbvf/bind
                    done
                }
                name() {
                    now=$(ls /sys/class/net/$1/device/virtfn$2/net)
                    [ $now = $3 ] || /bin/ip link set $now name $3
                    /bin/ip link set $3 up
                }
                make pf 2 1 && make pf2 1 2; name pf 0 vf0 && name pf 1 spare && name pf2 0 vf1
                """);
            AwaitCarriers("pf", "pf2", "vf0", "spare", "vf1");
        }

        /// <summary>Waits until these have a carrier.</summary>
        public void AwaitCarriers(params string[] ports) => Guest.Until(
            $"[ $(for i in {string.Join(' ', ports)}; do cat /sys/class/net/$i/carrier; done | grep -c 1) = "
                + $"{ports.Length} ]", 60, "/bin/ip link");

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
                Wire.Dispose();
                Directory.Delete(_folder, recursive: true);
            }
        }
    }
}
