using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

/// <summary>Drivers that receive into the lanes' own frames and send from them: virtio_net and igb. Frames
/// come from outside the guest and must arrive there again.</summary>
[Trait("scenario", "zero-copy")]
public sealed partial class ZeroCopyTests(ZeroCopyTests.Wires wires) : IClassFixture<ZeroCopyTests.Wires>
{
    private const string File = "/etc/wires.toml";
    private const int Count = 300;
    private const int Queues = 2;
    private const int AtOnce = 100; // an emulated igb drops, uncounted, what finds no receive descriptor
    private static readonly string[] Ports = ["v0", "v1", "i0", "i1"];

    private readonly Guest _guest = wires.Guest;

    [Theory]
    [InlineData("need-wakeup")]
    [InlineData("busy-poll")]
    public void Every_frame_crosses_both_ways_as_it_came_and_is_counted(string wakeup)
    {
        Run(Configuration(wakeup, "zero-copy", "v0 v1", "i0 i1"), Ports);
        try
        {
            foreach (JsonElement port in Status().GetProperty("ports").EnumerateArray())
            {
                Assert.Equal("zero-copy", port.GetProperty("effectiveMode").GetString());
                Assert.Equal("zero-copy granted (XDP_OPTIONS), native program",
                    port.GetProperty("why").GetString());
            }

            foreach (string port in Ports)
            {
                Assert.Contains($"{port}: XDP program 'lowlat_xdp'", _guest.Do("lowlat ports"),
                    StringComparison.Ordinal);
            }

            Cross("v0", "v1", wakeup);
            Cross("i0", "i1", wakeup);
            foreach (JsonElement lane in Status().GetProperty("lanes").EnumerateArray())
            {
                Assert.Equal((2 * Count, 2 * Count), (Number(lane, "rxFrames"), Number(lane, "txFrames")));
                Assert.Equal((0, 0), (Number(lane, "allocatedBytes"), Number(lane, "conservationBreaks")));
                Assert.Empty(lane.GetProperty("drops").EnumerateObject());
            }
        }
        finally
        {
            End(Ports);
        }
    }

    [Fact]
    public void A_driver_without_native_XDP_falls_back_and_plan_and_status_say_why()
    {
        _guest.Write(File, Configuration("need-wakeup", "auto", "v0 e0"));
        GuestAnswer plan = _guest.Run($"lowlat plan -c {File}");
        Assert.Contains("e0: driver e1000e has no native XDP: mode auto will be generic, and all ports of "
            + "its lane copy", plan.Output + plan.Error, StringComparison.Ordinal);
        Run(Configuration("need-wakeup", "auto", "v0 e0"), ["v0", "e0"]);
        try
        {
            JsonElement[] ports = [.. Status().GetProperty("ports").EnumerateArray()];
            Assert.Equal(["copy", "generic"],
                ports.Select(port => port.GetProperty("effectiveMode").GetString()));
            Assert.All(ports, port => Assert.StartsWith(
                "zero-copy refused: bind(AF_XDP, e0 queue 0, zero-copy): EOPNOTSUPP; ",
                port.GetProperty("why").GetString(), StringComparison.Ordinal));
            Assert.EndsWith("native program refused: bpf_link_create(XDP, e0, native): EOPNOTSUPP; copy "
                + "granted (XDP_OPTIONS), generic program", ports[1].GetProperty("why").GetString(),
                StringComparison.Ordinal);
            Cross("v0", "e0", "copy");
        }
        finally
        {
            End(["v0", "e0"]);
        }
    }

    [Fact]
    public void A_link_that_goes_down_is_told_and_carries_frames_again_when_it_is_back()
    {
        Run(Configuration("need-wakeup", "zero-copy", "v0 v1", "i0 i1"), Ports);
        try
        {
            foreach (string port in (string[])["v0", "i0"])
            {
                _guest.Do($"/bin/ip link set {port} down");
                _guest.Until($"grep -q 'port {port} ({port}): link down' /run/run.err", 60,
                    "cat /run/run.err");
                _guest.Do($"/bin/ip link set {port} up");
                _guest.Until($"[ \"$(grep -c 'port {port} ({port}): link' /run/run.err)\" -ge 2 ]", 60,
                    "cat /run/run.err");
                AwaitLinks(Ports);
            }

            Cross("v0", "v1", "again");
            Cross("i0", "i1", "again");
        }
        finally
        {
            End(Ports);
        }
    }

    [Fact]
    public void Another_number_of_queues_is_told_as_a_link_change_and_frames_go_on()
    {
        Run(Configuration("need-wakeup", "zero-copy", "v0 v1", "i0 i1"), Ports);
        try
        {
            foreach (int queues in (int[])[2, 1])
            {
                _guest.Do($"/bin/ethtool -L i0 combined {queues}");
                _guest.Until($"[ \"$(grep -c 'port i0 (i0): link' /run/run.err)\" -ge 2 ]", 60,
                    "cat /run/run.err");
                AwaitLinks(Ports);
                Cross("i0", "i1", $"{queues} queues");
            }
        }
        finally
        {
            End(Ports);
        }
    }

    [Fact]
    public void A_port_that_is_unplugged_is_told_and_what_was_to_leave_by_it_ends_by_name()
    {
        Run(Configuration("need-wakeup", "zero-copy", "v0 v2", "i0 i2"), ["v0", "v2", "i0", "i2"]);
        try
        {
            using (FrameStream virtio = new(wires.Link("v0"), wires.Link("v2"), Frames("v0 to v2")),
                igb = new(wires.Link("i0"), wires.Link("i2"), Frames("i0 to i2")))
            {
                AwaitFrames();
                foreach (string port in (string[])["v2", "i2"])
                {
                    _guest.Monitor("device_del", new { id = port });
                    _guest.Until($"grep -q 'port {port} ({port}): link gone' /run/run.err", 60,
                        "cat /run/run.err; lowlat status");
                }

                _guest.Until("[ \"$(lowlat status --json | grep -c '\"port-down\": ')\" = 2 ]", 60,
                    "lowlat status");
                virtio.Stop();
                igb.Stop();
                _guest.Until($"set -- $({Received}); [ $1 = {virtio.Sent} ]", 60, "lowlat status");
            }

            Assert.All(Status().GetProperty("lanes").EnumerateArray(), AssertNamed);
            JsonElement[] ports = [.. Status().GetProperty("ports").EnumerateArray()];
            Assert.Equal(["up", "gone", "up", "gone"],
                ports.Select(port => port.GetProperty("link").GetString()));
        }
        finally
        {
            End(["v0", "i0"]);
        }
    }

    // igb's receive buffers are whole KiB, hence the larger chunks.
    private static string Configuration(string wakeup, string mode, params string[] lanes) => $"""
        name = "wires"
        [host]
        housekeeping = "0-1"
        rt_throttling = "off"
        {string.Concat(lanes.SelectMany(lane => lane.Split(' ')).Select(port => $"""
            [[port]]
            name = "{port}"
            interface = "{port}"
            mode = "{mode}"
            claim = "all"
            wakeup = "{wakeup}"

            """))}
        {string.Concat(lanes.Select((lane, i) => $"""
            [[lane]]
            name = "lane{i}"
            cpu = {i + 2}
            ports = ["{lane.Replace(" ", "\", \"", StringComparison.Ordinal)}"]
            chunk = 4096
            [[lane.stage]]
            kind = "cross-connect"
            ports = ["{lane.Replace(" ", "\", \"", StringComparison.Ordinal)}"]

            """))}
        """;

    private void Run(string configuration, string[] ports)
    {
        _guest.Write(File, configuration);
        _guest.Start("run", $"lowlat run -c {File}");
        _guest.Until("[ -e /run/run.code ] || grep -q forwards /run/run.err", 60, "cat /run/run.err");
        Assert.False(_guest.Run("[ -e /run/run.code ]").Code == 0, _guest.Do("cat /run/run.err"));
        AwaitLinks(ports); // igb starts its link anew when a program is attached
    }

    private void AwaitLinks(string[] ports) => _guest.Until(
        $"[ \"$(lowlat status --json | grep -c '\"link\": \"up\"')\" = {ports.Length} ]", 60,
        "lowlat status");

    private void End(string[] ports)
    {
        _guest.Run("lowlat stop --name wires");
        GuestAnswer answer = _guest.Await("run");
        Assert.True(answer.Code == 0, answer.Output + answer.Error);
        string[] words = (answer.Output + answer.Error).Split((char[])[' ', '\n'],
            StringSplitOptions.RemoveEmptyEntries); // a report breaks long lines
        Assert.Contains("+ 0 unaccounted", string.Join(' ', words), StringComparison.Ordinal);
        foreach (string port in ports)
        {
            string link = _guest.Do($"/bin/ip -d link show dev {port}");
            Assert.DoesNotContain("xdp", link, StringComparison.Ordinal);
            Assert.Contains("promiscuity 0", link, StringComparison.Ordinal);
        }
    }

    private void Cross(string left, string right, string mark)
    {
        byte[][] there = Frames($"{left} to {right}, {mark}");
        byte[][] back = Frames($"{right} to {left}, {mark}");
        (byte[][] atRight, byte[][] atLeft) =
            FrameLink.Exchange(wires.Link(left), wires.Link(right), there, back);
        string different = Difference(left, there, atRight) + Difference(right, back, atLeft);
        if (different.Length > 0)
        {
            Assert.Fail($"{left} and {right}, {mark}: {different}\n" + _guest.Run($"lowlat status --json; "
                + $"/bin/ip -s link show dev {left}; /bin/ip -s link show dev {right}; "
                + $"/bin/ethtool -S {left}; /bin/ethtool -S {right}").Output);
        }
    }

    private static string Difference(string from, byte[][] sent, byte[][] arrived)
    {
        HashSet<string> came = [.. arrived.Select(Convert.ToHexString)];
        IEnumerable<int> lost = Enumerable.Range(0, sent.Length)
            .Where(i => !came.Contains(Convert.ToHexString(sent[i])));
        bool isSame = sent.Length == arrived.Length
            && sent.Zip(arrived).All(pair => pair.First.SequenceEqual(pair.Second));
        return isSame ? ""
            : $"from {from} {arrived.Length} of {sent.Length} arrived, without {string.Join(", ", lost)}\n";
    }

    // Addressed to nobody of the guest, of every size that Ethernet knows in turn, each unlike any other.
    private static byte[][] Frames(string mark) =>
    [
        .. Enumerable.Range(0, Count).Select(number =>
        {
            byte[] frame = new byte[60 + (number * 37 % 1455)];
            new Random(number).NextBytes(frame);
            byte[] start =
            [
                0x02, 0, 0, 0, 0, 0xaa, 0x02, 0, 0, 0, 0, 0xbb, 0x88, 0xb5, (byte)(number >> 8), (byte)number,
                .. System.Text.Encoding.ASCII.GetBytes(mark),
            ];
            start.CopyTo(frame, 0);
            return frame;
        }),
    ];

    private JsonElement Status() =>
        Assert.Single(_guest.Run("lowlat status --json").Json.GetProperty("dataPlanes").EnumerateArray());

    private static long Number(JsonElement element, string name) => element.GetProperty(name).GetInt64();

    /// <summary>A guest with virtio cards, igb cards and one without native XDP; the test holds the other
    /// ends of their wires. <c>v2</c> and <c>i2</c> are there to be unplugged.</summary>
    public sealed class Wires : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-wires-").FullName;
        private readonly Dictionary<string, FrameLink> _links = [];
        private readonly TapNamespace _taps = new("zero-copy");

        /// <summary>Boots it.</summary>
        public Wires()
        {
            foreach (string port in (string[])[.. Ports, "e0", "v2", "i2"])
            {
                _links[port] = new FrameLink(_folder, port);
            }

            Guest = Guest.Boot(new GuestSetup("zero-copy", Kernel.ZeroCopy)
            {
                Namespace = _taps.Name,
                Cpus = 4,
                NodesMiB = [1536],
                BootLine = "isolcpus=managed_irq,domain,2-3 nohz_full=2-3 rcu_nocbs=2-3 irqaffinity=0-1",
                Modules = ["virtio_net", "igb", "e1000e", "xsk_diag"],
                Ports =
                [
                    GuestPort.Virtio("v0", 1, _links["v0"].Backend),
                    GuestPort.Virtio("v1", 2, _links["v1"].Backend),
                    GuestPort.Igb("i0", 3, _links["i0"].Backend),
                    GuestPort.Igb("i1", 4, _links["i1"].Backend),
                    new GuestPort("e0", "e1000e", _links["e0"].Backend) { Address = 5 },
                    GuestPort.Virtio("v2", 6, _links["v2"].Backend),
                    GuestPort.Igb("i2", 7, _links["i2"].Backend),
                    WithQueues("m0", 8),
                    WithQueues("m1", 9),
                ],
            });
            foreach (string port in (string[])[.. _links.Keys, "m0", "m1"])
            {
                Guest.Do($"echo 1 > /proc/sys/net/ipv6/conf/{port}/disable_ipv6");
                Guest.Do($"/bin/ip link set {port} up");
            }
        }

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
                foreach (FrameLink link in _links.Values)
                {
                    link.Dispose();
                }

                _taps.Dispose();
                Directory.Delete(_folder, recursive: true);
            }
        }

        internal FrameLink Link(string port) => _links[port];

        internal TapLink Tap(string port) => _taps.Open(port);

        private static GuestPort WithQueues(string name, byte address)
        {
            GuestPort port = GuestPort.Virtio(name, address, TapNamespace.Backend(name, Queues));
            return port with { Properties = $"{port.Properties},mq=on,vectors={(2 * Queues) + 2}" };
        }
    }
}
