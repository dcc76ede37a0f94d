using System.Globalization;
using System.Text.Json;
using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>What people use a router for, through the published programs: ping, traceroute, TCP, path MTU,
/// hosts that come and go, a routing daemon.</summary>
public sealed class ClientTests : IDisposable
{
    private readonly Bed _bed = Bed.Create(RouterNet.Ports);
    private readonly Hosts _hosts;
    private readonly Plane _plane;

    public ClientTests()
    {
        RouterNet.MakeRouter(_bed);
        _hosts = new Hosts(_bed);
        _plane = Plane.Start(_bed, """
            [[lane.stage]]
            kind = "route"
            table = "kernel"
            """);
    }

    [Theory]
    [InlineData("10.1.0.2")]         // through
    [InlineData("10.0.0.1")]         // the router itself
    [InlineData("10.2.0.1")]         // its address on another port
    [InlineData("2001:db8:0:2::2")]
    [InlineData("2001:db8:0:1::1")]
    [InlineData("2001:db8:0:3::1")]
    public void PingLosesNothing(string target)
    {
        (int code, string text) = _hosts.Run(0, "ping", "-n", "-c", "20", "-i", "0.01", "-W", "2", target);
        Assert.True(code == 0 && text.Contains(" 0% packet loss", StringComparison.Ordinal), text);
    }

    [Theory]
    [InlineData("10.1.0.2", "10.0.0.1")]
    [InlineData("2001:db8:0:2::2", "2001:db8:0:1::1")]
    public void TracerouteSeesTheRouterAndThenTheHost(string target, string router)
    {
        foreach (string way in (string[])["-U", "-I", "-T"])
        {
            (int code, string text) = _hosts.Run(0, "traceroute", "-n", way, "-q", "1", "-w", "2", "-m", "4",
                target);
            string[] hops = [.. text.Split('\n').Skip(1).Select(line => line.Split(' ',
                StringSplitOptions.RemoveEmptyEntries)).Where(words => words.Length > 1)
                .Select(words => words[1])];
            Assert.True(code == 0 && hops.SequenceEqual([router, target]), way + " " + text);
        }
    }

    [Theory]
    [InlineData("10.1.0.2")]
    [InlineData("2001:db8:0:2::2")]
    public void TcpFillsThePathBothWays(string target)
    {
        _hosts.Serve(_hosts.NameOf(1), "iperf3", "-s");
        foreach (string[] way in (string[][])[[], ["-R"]])
        {
            double bits = Transfer(target, way);
            Assert.True(bits > 20e6,
                $"{bits / 1e6:F0} Mbit/s to {target} {string.Join(' ', way)}: {_plane.Ledger}");
        }

        Lab.Eventually(() => _plane.Residual == 0);
    }

    [Theory]
    [InlineData("10.2.0.2")]
    [InlineData("2001:db8:0:3::2")]
    public void ASmallerMtuBehindTheRouterIsFoundByTcp(string target)
    {
        _hosts.Serve(_hosts.NameOf(2), "iperf3", "-s");
        Assert.True(Transfer(target) > 5e6, _plane.Ledger);
        Assert.True(_plane.Punts(Native.Layout.PuntReason.Mtu) > 0);
        (_, string route) = _hosts.Run(0, "ip", "route", "get", target);
        Assert.Contains("mtu 1400", route, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NeighboursThatComeAndGoCostNoPing()
    {
        Task<(int Code, string Text)> ping = Task.Run(() =>
            _hosts.Run(0, "ping", "-n", "-c", "300", "-i", "0.01", "-W", "2", "10.1.0.2"));
        int changes = 0;
        while (!ping.IsCompleted)
        {
            _bed.Ip(["neighbour delete 10.1.0.2 dev p1"]); // the kernel has to ask for it again
            await Task.WhenAny(ping, Task.Delay(20));
            _bed.Ip(["neighbour replace 10.1.0.2 lladdr 02:00:00:00:02:02 dev p1 nud permanent"]);
            await Task.WhenAny(ping, Task.Delay(20));
            changes++;
        }

        (int code, string text) = await ping;
        Assert.True(code == 0 && text.Contains(" 0% packet loss", StringComparison.Ordinal),
            text + _plane.Ledger);
        Assert.True(changes > 20, $"{changes} changes");
    }

    [Fact]
    public void RoutesOfABgpSessionAreForwardedByAndGoWithIt()
    {
        string folder = Directory.CreateTempSubdirectory(_bed.Name + "-bird").FullName;
        try
        {
            _hosts.Run(0, "ip", "address", "add", "20.3.7.1/32", "dev", "lo");
            Assert.NotEqual(0, Ping("20.3.7.1")); // 20.3.0.0/16 is unreachable
            Bird(folder, "host", _hosts.NameOf(0), """
                router id 10.0.0.2;
                protocol device { }
                protocol static { ipv4; route 20.3.7.0/24 blackhole; }
                protocol bgp { local 10.0.0.2 as 65001; neighbor 10.0.0.1 as 65000;
                    connect delay time 1; ipv4 { import none; export all; }; }
                """);
            Bird(folder, "router", _bed.Device, """
                router id 10.0.0.1;
                protocol device { }
                protocol kernel { ipv4 { export all; }; }
                protocol bgp { local 10.0.0.1 as 65000; neighbor 10.0.0.2 as 65001; connect delay time 1;
                    ipv4 { import all; export none; }; }
                """);
            Assert.True(
                SpinWait.SpinUntil(() => Ping("20.3.7.1") == 0, TimeSpan.FromSeconds(25)), _plane.Ledger);
            (_, string said) = Hosts.RunIn(_bed.Device, "birdc", "-s", folder + "/router.ctl", "disable",
                "bgp1");
            Assert.Contains("disabled", said, StringComparison.Ordinal);
            Lab.Eventually(() => Ping("20.3.7.1") != 0);
        }
        finally
        {
            _hosts.Dispose();
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        bool wasAlive = _plane.IsAlive;
        _plane.Dispose();
        _hosts.Dispose();
        _bed.Dispose();
        Assert.True(wasAlive);
    }

    private int Ping(string target) => _hosts.Run(1, "ping", "-n", "-c", "1", "-W", "1", target).Code;

    private void Bird(string folder, string name, string networkNamespace, string configuration)
    {
        string path = Path.Combine(folder, name + ".conf");
        File.WriteAllText(path, configuration);
        _hosts.Serve(networkNamespace, "bird", "-f", "-c", path, "-s", Path.Combine(folder, name + ".ctl"));
    }

    private double Transfer(string target, params string[] options)
    {
        string text = "";
        for (int i = 0; i < 50; i++) // until the server listens
        {
            (int code, text) = _hosts.Run(0, ["iperf3", "-J", "-t", "1", "-c", target, .. options]);
            if (code != 0)
            {
                continue;
            }

            // Its code is 0 for some refusals, too ("the server is busy"): then there is an error and no sum.
            using JsonDocument document = JsonDocument.Parse(text);
            if (document.RootElement.GetProperty("end").TryGetProperty("sum_received", out JsonElement sum))
            {
                return sum.GetProperty("bits_per_second").GetDouble();
            }
        }

        throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"iperf3 {target}: {text}"));
    }
}
