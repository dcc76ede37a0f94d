using System.Globalization;

namespace LowLatency.Control.Running;

/// <summary>One end of a cable of the lab.</summary>
/// <param name="Interface">The kernel's name.</param>
/// <param name="Role">gen, dut or sink: the namespace it is in.</param>
/// <param name="Mac">Its fixed MAC, with colons.</param>
/// <param name="Address">Its IPv4 address, in a /24.</param>
internal sealed record LabEnd(string Interface, string Role, string Mac, string Address);

/// <summary>What the lab is made of: names and numbers that configs/lab.toml and the tests count
/// on.</summary>
internal static class LabPlan
{
    /// <summary>Queues that each interface is made with: the most that can be switched on.</summary>
    public const int QueuesMax = 4;

    /// <summary>What the load sends from and to by default (RFC 2544): no end has these, because the XDP
    /// program leaves frames for a port's own addresses to the kernel. The device under test knows who stands
    /// for them, so that the kernel's own forwarding can be measured too.</summary>
    private static readonly (string Address, string Mac, string Interface)[] LoadNeighbours =
    [
        ("198.18.0.1", "02:00:00:00:00:01", "dutA"),
        ("198.19.0.1", "02:00:00:00:00:04", "dutB"),
    ];

    /// <summary>Roles; the namespace of one is <c>name-role</c>.</summary>
    public static readonly string[] Roles = ["gen", "dut", "sink"];

    /// <summary>The cables: generator to device under test, device under test to sink, and past it,
    /// direct.</summary>
    public static readonly (LabEnd A, LabEnd B)[] Cables =
    [
        (new("genA", "gen", "02:00:00:00:00:01", "198.18.0.10"),
            new("dutA", "dut", "02:00:00:00:00:02", "198.18.0.2")),
        (new("dutB", "dut", "02:00:00:00:00:03", "198.19.0.2"),
            new("sinkB", "sink", "02:00:00:00:00:04", "198.19.0.10")),
        (new("genD", "gen", "02:00:00:00:00:05", "198.18.9.10"),
            new("sinkD", "sink", "02:00:00:00:00:06", "198.18.9.2")),
    ];

    /// <summary>Both ends of every cable.</summary>
    public static IEnumerable<LabEnd> Ends => Cables.SelectMany(cable => new[] { cable.A, cable.B });

    /// <summary>Batch for <c>ip -batch</c> that makes the cables, ends in their namespaces.</summary>
    public static string LinkBatch(string lab) => string.Concat(Cables.Select(cable =>
        $"link add {Link(lab, cable.A)} type veth peer {Link(lab, cable.B)}\n"));

    /// <summary>Batch for <c>ip -n name-role -batch</c>: links up, addresses, neighbours that never
    /// age.</summary>
    public static string RoleBatch(string role)
    {
        string batch = "link set lo up\n";
        foreach ((LabEnd a, LabEnd b) in Cables)
        {
            batch += End(role, a, b) + End(role, b, a);
        }

        return role != "dut" ? batch : batch + string.Concat(LoadNeighbours.Select(load =>
            $"neigh replace {load.Address} lladdr {load.Mac} nud permanent dev {load.Interface}\n"));
    }

    private static string End(string role, LabEnd own, LabEnd peer) => own.Role != role ? "" :
        $"addr add {own.Address}/24 dev {own.Interface}\n"
        + $"link set {own.Interface} up\n"
        + $"neigh replace {peer.Address} lladdr {peer.Mac} nud permanent dev {own.Interface}\n";

    private static string Link(string lab, LabEnd end) => string.Create(CultureInfo.InvariantCulture,
        $"name {end.Interface} netns {lab}-{end.Role} address {end.Mac} mtu 1500 "
        + $"numtxqueues {QueuesMax} numrxqueues {QueuesMax}");
}
