using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;

namespace LowLatency.Bench.Forward;

/// <summary>Three namespaces that stand in for a rack: gen (genA, genD), dut (dutA, dutB) and sink (sinkB,
/// sinkD). genA–dutA and dutB–sinkB are the way through the forwarder, genD–sinkD the way without one. Gone
/// when disposed.</summary>
internal sealed class Rack : IDisposable
{
    private const string Prefix = "llbench-";
    private static readonly string[] Rooms = ["gen", "dut", "sink"];
    private readonly string _stem;
    private readonly RouteNetlink? _sink;
    private readonly RouteNetlink? _dut;
    private readonly int _sinkIndex;
    private readonly int _dutIndex;

    private Rack(string stem)
    {
        _stem = stem;
        try
        {
            foreach (string room in Rooms)
            {
                Tool.Run("ip", "netns", "add", Name(room));
                Tool.Run("ip", "netns", "exec", Name(room), "sysctl", "-qw",
                    "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
            }

            Pair("gen", "genA", "dut", "dutA");
            Pair("dut", "dutB", "sink", "sinkB");
            Pair("gen", "genD", "sink", "sinkD");
            _sink = RouteNetlink.Open(Path("sink"));
            _sinkIndex = IndexOf("sink", "sinkB");
            _dut = RouteNetlink.Open(Path("dut"));
            _dutIndex = IndexOf("dut", "dutA");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Makes one, after taking down what a killed bench left.</summary>
    public static Rack Create()
    {
        foreach (string path in Directory.Exists("/run/netns")
            ? Directory.GetFiles("/run/netns", Prefix + "*") : [])
        {
            string name = System.IO.Path.GetFileName(path);
            if (!Directory.Exists("/proc/" + name.Split('-')[1]))
            {
                Tool.Run("ip", "netns", "delete", name);
            }
        }

        return new Rack($"{Prefix}{Environment.ProcessId}-");
    }

    /// <summary>Name of a namespace for ip-netns(8).</summary>
    public string Name(string room) => _stem + room;

    /// <summary>Path of a namespace.</summary>
    public string Path(string room) => "/run/netns/" + Name(room);

    /// <summary>ifindex.</summary>
    public int IndexOf(string room, string interfaceName) => Find(room, interfaceName).Index;

    /// <summary>MAC of an interface, first byte lowest.</summary>
    public ulong MacBitsOf(string room, string interfaceName) => Find(room, interfaceName).Mac;

    /// <summary>A MAC as ip(8) writes it.</summary>
    public static string TextOf(ulong mac) =>
        string.Join(':', Enumerable.Range(0, 6).Select(i => ((byte)(mac >> (8 * i))).ToString("x2")));

    /// <summary>Frames that came out of the forwarder so far: the plain end counts them.</summary>
    public ulong FramesAtSink() => Received(_sink!, _sinkIndex);

    /// <summary>Frames that the forwarder's interface has received so far, dropped or not.</summary>
    public ulong FramesAtForwarder() => Received(_dut!, _dutIndex);

    /// <summary>GRO, which for a veth end means NAPI: frames redirected inside the kernel need it.</summary>
    public void SetGro(string room, string interfaceName, bool isOn) =>
        Tool.Run("ip", "netns", "exec", Name(room), "ethtool", "-K", interfaceName, "gro", isOn ? "on"
            : "off");

    /// <inheritdoc/>
    public void Dispose()
    {
        _sink?.Dispose();
        _dut?.Dispose();
        foreach (string room in Rooms)
        {
            if (File.Exists(Path(room)))
            {
                Tool.Run("ip", "netns", "delete", Name(room));
            }
        }
    }

    private static ulong Received(RouteNetlink room, int interfaceIndex)
    {
        LinkStatistics statistics = default;
        Native.Errno errno = room.ReadStatistics(interfaceIndex, ref statistics);
        return errno == Native.Errno.Ok ? statistics.RxPackets
            : throw new BenchException($"interface {interfaceIndex} has no statistics: {errno}");
    }

    private LinkInfo Find(string room, string interfaceName)
    {
        using RouteNetlink route = RouteNetlink.Open(Path(room));
        return route.FindLink(interfaceName) ?? throw new BenchException($"{interfaceName} is gone");
    }

    private void Pair(string room, string interfaceName, string otherRoom, string otherName)
    {
        Tool.Run("ip", "link", "add", interfaceName, "netns", Name(room),
            "type", "veth", "peer", "name", otherName, "netns", Name(otherRoom));
        foreach ((string r, string i) in (ReadOnlySpan<(string, string)>)[(room, interfaceName),
            (otherRoom, otherName)])
        {
            Tool.Run("ip", "-n", Name(r), "link", "set", i, "up");
            Tool.Run("ip", "netns", "exec", Name(r), "ethtool", "-K", i, "gro", "off", "tx", "off", "rx",
                "off");
        }
    }
}
