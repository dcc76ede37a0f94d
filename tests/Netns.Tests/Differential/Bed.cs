using System.Globalization;
using LowLatency.Native.Netlink;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>A frame and the port that it goes in by.</summary>
public sealed record Stimulus(int Port, byte[] Frame);

/// <summary>A frame and the port that it came out by.</summary>
public sealed record Captured(int Port, byte[] Frame);

/// <summary>A device under test: a namespace with ports <c>p0</c>, <c>p1</c>…, and the other end of each wire
/// in
/// a tester's namespace, where nothing but this test sends. No address, no offload, no chatter.</summary>
public sealed class Bed : IDisposable
{
    private const int WireMtu = 3498; // longer than any device's, short enough for a native program (veth)
    private static readonly string[] Offloads =
        ["rx", "tx", "sg", "tso", "gso", "gro", "rxvlan", "txvlan", "tx-vlan-stag-hw-insert"];

    private static int made;
    private readonly List<PacketSocket> _wires = [];

    private Bed(string name, int ports)
    {
        Name = name;
        PortCount = ports;
    }

    /// <summary>Unique on the host; short enough for a data plane's name.</summary>
    public string Name { get; }

    /// <summary>Number of ports.</summary>
    public int PortCount { get; }

    /// <summary>Name of the device's namespace.</summary>
    public string Device => Name + "-d";

    /// <summary>Name of the tester's namespace.</summary>
    public string Tester => Name + "-t";

    /// <summary>Path of the device's namespace.</summary>
    public string DevicePath => "/run/netns/" + Device;

    /// <summary>MAC of a device's port: the same in every bed.</summary>
    public static byte[] MacOf(int port) => [2, 0, 0, 0, (byte)(port + 1), 1];

    /// <summary>Makes one, or skips the test with the reason.</summary>
    public static Bed Create(int ports)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "making a network namespace needs root");
        Bed bed = new($"ld{Environment.ProcessId % 100_000}x{Interlocked.Increment(ref made)}", ports);
        try
        {
            Lab.Run("ip", "netns", "add", bed.Device);
            Lab.Run("ip", "netns", "add", bed.Tester);
            Sysctl(bed.Device, "ipv6/conf/all/disable_ipv6", "0");
            Sysctl(bed.Tester, "ipv6/conf/all/disable_ipv6", "1");
            Sysctl(bed.Tester, "ipv6/conf/default/disable_ipv6", "1");
            for (int i = 0; i < ports; i++)
            {
                bed.Plug(i);
            }

            return bed;
        }
        catch
        {
            bed.Dispose();
            throw;
        }
    }

    /// <summary>Writes a setting under /proc/sys/net of a namespace, if this kernel has it.</summary>
    public static void Sysctl(string networkNamespace, string path, string value)
    {
        using NetworkNamespace scope = NetworkNamespace.Enter("/run/netns/" + networkNamespace);
        string file = "/proc/sys/net/" + path;
        if (File.Exists(file))
        {
            File.WriteAllText(file, value);
        }
    }

    /// <summary>Runs lines of <c>ip -batch</c> in the device's namespace.</summary>
    public void Ip(IEnumerable<string> lines) => Ip(Device, lines);

    /// <summary>Runs lines of <c>ip -batch</c> in a namespace.</summary>
    public static void Ip(string networkNamespace, IEnumerable<string> lines)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(path, lines);
            Lab.Run("ip", "-n", networkNamespace, "-batch", path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Has every port take frames that an XDP program redirects to it: a veth does so while its peer
    /// has GRO on.</summary>
    public void TakeRedirected()
    {
        for (int port = 0; port < PortCount; port++)
        {
            Lab.Run("ip", "netns", "exec", Tester, "ethtool", "-K", $"t{port}", "gro", "on");
        }
    }

    /// <summary>Sends a frame into a port.</summary>
    /// <returns>False if it cannot be sent at all.</returns>
    public bool Send(Stimulus stimulus) => _wires[stimulus.Port].Send(stimulus.Frame);

    /// <summary>Adds what has come out so far, port by port, each in its order.</summary>
    /// <returns>How many.</returns>
    public int Collect(List<Captured> into)
    {
        int before = into.Count;
        for (int port = 0; port < PortCount; port++)
        {
            while (_wires[port].TryReceive() is byte[] frame)
            {
                into.Add(new Captured(port, frame));
            }
        }

        return into.Count - before;
    }

    /// <summary>Runs something on a thread that stays on CPU 0, so that frames sent by it stay in order on
    /// their way through the kernel's per-CPU queues.</summary>
    public static void OnOneCpu(Action action)
    {
        System.Runtime.ExceptionServices.ExceptionDispatchInfo? thrown = null;
        Thread thread = new(() =>
        {
            try
            {
                ThreadControl.Pin(0);
                action();
            }
            catch (Exception exception)
            {
                thrown = System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        thrown?.Throw();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PacketSocket wire in _wires)
        {
            wire.Dispose();
        }

        Lab.Try("ip", "netns", "delete", Tester);
        Lab.Try("ip", "netns", "delete", Device);
    }

    private void Plug(int port)
    {
        string mac = string.Join(':', MacOf(port).Select(b =>
            b.ToString("x2", CultureInfo.InvariantCulture)));
        Lab.Run("ip", "-n", Device, "link", "add", $"p{port}", "address", mac, "type", "veth",
            "peer", "name", $"t{port}", "mtu", $"{WireMtu}", "netns", Tester);
        foreach ((string ns, string end) in (ReadOnlySpan<(string, string)>)[(Device, $"p{port}"),
            (Tester, $"t{port}")])
        {
            string[] off = [.. Offloads.SelectMany(offload => (string[])[offload, "off"])];
            Lab.Run("ip", ["netns", "exec", ns, "ethtool", "-K", end, .. off]);
        }

        Ip(Tester, [$"link set t{port} promisc on addrgenmode none", $"link set t{port} up"]);
        Lab.Run("ip", "-n", Device, "link", "set", $"p{port}", "addrgenmode", "none", "up");
        _wires.Add(PacketSocket.Open("/run/netns/" + Tester, $"t{port}"));
    }
}
