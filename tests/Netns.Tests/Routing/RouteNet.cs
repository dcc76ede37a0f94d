using System.Globalization;
using System.Text;
using System.Text.Json;
using LowLatency.Control.Routing;
using LowLatency.Control.Tests.Routing;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;
using LowLatency.Native.Tables;

namespace LowLatency.Netns.Tests.Routing;

/// <summary>A router's namespace, tables that mirror it, and what the kernel itself says. Ports of the data
/// plane are <c>a0</c> and <c>a1</c>, with peers <c>b0</c> and <c>b1</c>; <c>c0</c> is none.</summary>
internal sealed class RouteNet : IDisposable
{
    private const uint RoutesMax = 4096;
    private const uint NextHopsMax = 512;
    private const uint GroupsMax = 64;
    private readonly Lab _lab = Lab.Create();
    private readonly RouteReader _reader;

    public RouteNet(int queueBytes = RouteMonitor.QueueBytes)
    {
        try
        {
            Batch("link add a1 type veth peer name b1", "link add c0 type veth peer name e0",
                "link set lo up", "link set a1 addrgenmode none up", "link set b1 addrgenmode none up",
                "link set c0 addrgenmode none up", "link set e0 addrgenmode none up",
                "address add 10.1.0.1/24 dev a0", "address add 10.2.0.1/24 dev a1",
                "address add 10.3.0.1/24 dev c0", "address add fd01::1/64 dev a0 nodad",
                "address add fd02::1/64 dev a1 nodad", "address add fd03::1/64 dev c0 nodad");
            // A router: hosts choose IPv6 routes by whether their neighbour answers (net/ipv6/route.c).
            _lab.Exec("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
            PlanPort[] ports = [Port("a0", 0), Port("a1", 1)];
            _reader = new RouteReader(ports, RoutesMax, NextHopsMax, GroupsMax);
            Sync = FibSync.Fill(_reader.Memory, new KernelTable(_lab.Path, 0), queueBytes);
        }
        catch
        {
            _reader?.Dispose();
            _lab.Dispose();
            throw;
        }
    }

    public FibSync Sync { get; }

    /// <summary>Runs lines of ip(8), each whatever becomes of the others.</summary>
    public void Batch(params IReadOnlyList<string> lines) => _ = Ask(lines, out _);

    /// <summary>Runs one line of ip(8) that must not fail.</summary>
    public void Ip(string line) => _lab.Ip(line.Split(' '));

    /// <summary>Sets a setting of the namespace.</summary>
    public void Sysctl(string setting) => _lab.Exec("sysctl", "-qw", setting);

    /// <summary>What tables say of an address.</summary>
    public string At(string address) =>
        _reader.At(IpPrefix.From(Lab.Address(address), Lab.Address(address).Length * 8));

    /// <summary>Whether routes whose link has no carrier count.</summary>
    public void IgnoreRoutesWithLinkDown(bool ignores)
    {
        string value = ignores ? "=1" : "=0";
        _lab.Exec("sysctl", "-qw", "net.ipv4.conf.all.ignore_routes_with_linkdown" + value,
            "net.ipv6.conf.all.ignore_routes_with_linkdown" + value);
    }

    /// <summary>Follows what has been told.</summary>
    public void Turn() => Sync.Turn(Environment.TickCount64, null);

    /// <summary>Follows until the tables say what the kernel says.</summary>
    /// <returns>What differs after the time is over; empty: nothing.</returns>
    public IReadOnlyList<string> Settle(IReadOnlyList<string> addresses, int timeoutMs = 3000)
    {
        long endMs = Environment.TickCount64 + timeoutMs;
        while (true)
        {
            Turn();
            List<string> differences = Compare(addresses);
            if (differences.Count == 0 || Environment.TickCount64 > endMs)
            {
                return differences;
            }
        }
    }

    public void Dispose()
    {
        Sync.Dispose();
        _reader.Dispose();
        _lab.Dispose();
    }

    /// <summary>Where tables and kernel differ now.</summary>
    private List<string> Compare(IReadOnlyList<string> addresses)
    {
        KernelView view = new(Ask(["neighbour show nud all", "link show"], out _));
        List<JsonElement> routes = Ask([.. addresses.Select(a => $"route get {a} fibmatch")],
            out Dictionary<int, string> errors);
        List<string> differences = [];
        int next = 0;
        for (int i = 0; i < addresses.Count; i++)
        {
            IpPrefix address = IpPrefix.From(Lab.Address(addresses[i]), Lab.Address(addresses[i]).Length * 8);
            HashSet<string> wanted = errors.TryGetValue(i + 1, out string? error)
                ? [KernelView.OfError(error)] : view.Of(routes[next++], addresses[i]);
            HashSet<string> found = [.. Enumerable.Range(0, NextHopGroup.Buckets)
                .Select(hash => _reader.At(address, (uint)hash))];
            if (wanted.Any(way => way.EndsWith('?')))
            {
                found = [.. found.Select(WithoutMtu)];
            }

            if (!found.SetEquals(wanted))
            {
                differences.Add($"{addresses[i]}: tables {string.Join(" | ", found.Order())}, "
                    + $"kernel {string.Join(" | ", wanted.Order())}");
            }
        }

        return differences;
    }

    private static string WithoutMtu(string way) => way.StartsWith("forward", StringComparison.Ordinal)
        ? way[..(way.LastIndexOf(' ') + 1)] + "?" : way;

    private List<JsonElement> Ask(IReadOnlyList<string> lines, out Dictionary<int, string> errors)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(file, lines);
            string said = _lab.IpBatch(file, out string output);
            errors = ErrorsOf(said);
            return ValuesOf(output);
        }
        finally
        {
            File.Delete(file);
        }
    }

    // "RTNETLINK answers: WHY", then "Command failed FILE:LINE".
    private static Dictionary<int, string> ErrorsOf(string said)
    {
        Dictionary<int, string> errors = [];
        string last = "";
        foreach (string line in said.Split('\n'))
        {
            if (line.StartsWith("Command failed ", StringComparison.Ordinal))
            {
                errors[int.Parse(line[(line.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture)] = last;
            }
            else
            {
                last = line;
            }
        }

        return errors;
    }

    // One array a line that did not fail; ip(8) writes an empty object where it has nothing to say.
    private static List<JsonElement> ValuesOf(string output)
    {
        List<JsonElement> values = [];
        Utf8JsonReader reader = new(Encoding.UTF8.GetBytes(output),
            new JsonReaderOptions { AllowMultipleValues = true });
        while (reader.Read())
        {
            values.Add(JsonElement.ParseValue(ref reader));
        }

        return values;
    }

    private PlanPort Port(string name, uint number)
    {
        PlanPort port = default;
        port.Name.Set(name);
        port.Interface.Set(name);
        port.NetworkNamespace.Set(_lab.Path);
        port.InterfaceIndex = _lab.IndexOf(name);
        port.InterfaceNumber = number;
        return port;
    }
}
