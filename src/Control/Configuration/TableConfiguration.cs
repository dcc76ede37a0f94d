using System.Net;

namespace LowLatency.Control.Configuring;

/// <summary>[[table]]: routes and neighbours of our own, for route stages.</summary>
internal sealed record TableConfiguration(Section Section)
{
    /// <summary>Name.</summary>
    public string Name => Section.Get<string>("name");

    /// <summary>Its routes.</summary>
    public IReadOnlyList<TableRoute> Routes { get; } =
        [.. Section.Tables("route").Select(route => new TableRoute(route))];

    /// <summary>Its neighbours.</summary>
    public IReadOnlyList<TableNeighbour> Neighbours { get; } =
        [.. Section.Tables("neighbour").Select(neighbour => new TableNeighbour(neighbour))];

    /// <summary>All it says, in one way of writing: what is the same here is the same table.</summary>
    public string Content => string.Join('\n', [
        .. Routes.Select(route => $"{route.Prefix.Address}/{route.Prefix.Bits} {string.Join(',', route.Via)} "
            + $"{string.Join(',', route.Weights)} {route.Port} {route.Action}"),
        .. Neighbours.Select(neighbour => $"{neighbour.Address} {neighbour.Port} {neighbour.Mac:x}")]);
}

/// <summary>[[table.route]].</summary>
internal sealed record TableRoute(Section Section)
{
    /// <summary>Destination.</summary>
    public Prefix Prefix => Section.Get<Prefix>("prefix");

    /// <summary>Next routers, each a neighbour of the table; several share the traffic.</summary>
    public IReadOnlyList<IPAddress> Via => Section.GetOr("via", Array.Empty<IPAddress>());

    /// <summary>Their weights; missing ones are 1.</summary>
    public IReadOnlyList<long> Weights => Section.GetOr("weights", Array.Empty<long>());

    /// <summary>Port behind which the destinations themselves are neighbours; empty: none.</summary>
    public string Port => Section.GetOr("port", "");

    /// <summary>forward, blackhole or unreachable.</summary>
    public string Action => Section.Get<string>("action");
}

/// <summary>[[table.neighbour]].</summary>
internal sealed record TableNeighbour(Section Section)
{
    /// <summary>Its address.</summary>
    public IPAddress Address => Section.Get<IPAddress>("address");

    /// <summary>Port that it is behind.</summary>
    public string Port => Section.Get<string>("port");

    /// <summary>Its MAC, first byte lowest.</summary>
    public ulong Mac => Section.Get<ulong>("mac");
}

/// <summary>What must hold of tables, whatever the host. Pure.</summary>
internal static class TableRules
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        HashSet<string> names = ["kernel"];
        foreach (TableConfiguration table in configuration.Tables)
        {
            if (table.Name.Length > 0 && !names.Add(table.Name))
            {
                findings.Error(table.Section.At("name"),
                    table.Name == "kernel" ? "is the kernel's own table"
                        : "the name of another table already",
                    "Give each table its own name.");
            }

            CheckNeighbours(configuration, table, findings);
            HashSet<string> prefixes = [];
            foreach (TableRoute route in table.Routes.Where(route => route.Section.IsGood("prefix")))
            {
                if (!prefixes.Add($"{route.Prefix.Address}/{route.Prefix.Bits}"))
                {
                    findings.Error(route.Section.At("prefix"), "another route of this table has this prefix",
                        "Several ways of one route are via = [\"A\", \"B\"].");
                }

                CheckRoute(configuration, table, route, findings);
            }
        }
    }

    private static void CheckNeighbours(
        Configuration configuration, TableConfiguration table, Findings findings)
    {
        HashSet<IPAddress> addresses = [];
        foreach (TableNeighbour neighbour in table.Neighbours)
        {
            Section section = neighbour.Section;
            if (section.IsGood("address") && !addresses.Add(neighbour.Address))
            {
                findings.Error(section.At("address"), "another neighbour of this table has this address",
                    "An address has one MAC.");
            }

            if (section.IsGood("mac") && (neighbour.Mac == 0 || (neighbour.Mac & 1) != 0))
            {
                findings.Error(section.At("mac"), "is no MAC that one station can have",
                    "The first byte of a station's MAC is even.");
            }

            CheckPort(configuration, neighbour.Port, section.At("port"), findings);
        }
    }

    private static void CheckRoute(
        Configuration configuration, TableConfiguration table, TableRoute route, Findings findings)
    {
        Section section = route.Section;
        int ways = (section.Has("via") ? 1 : 0) + (section.Has("port") ? 1 : 0)
            + (route.Action == "forward" ? 0 : 1);
        if (ways != 1)
        {
            findings.Error(section.At("prefix"), "a route goes one way: via, or port, or an action that "
                + "drops",
                "Add via = [\"192.0.2.1\"], port = \"b\" or action = \"blackhole\", for example; one of "
                    + "them.");
        }

        foreach (IPAddress via in route.Via.Where(via => !table.Neighbours.Any(known =>
            known.Address.Equals(via))))
        {
            findings.Error(section.At("via"), $"{via} is no neighbour of this table",
                "Add a [[table.neighbour]] with its address, port and MAC.");
        }

        if (route.Weights.Count > 0 && route.Weights.Count != route.Via.Count)
        {
            findings.Error(section.At("weights"), $"{route.Weights.Count} weights for {route.Via.Count} ways",
                "Give each address of via a weight.");
        }

        if (route.Port.Length > 0)
        {
            CheckPort(configuration, route.Port, section.At("port"), findings);
        }
    }

    private static void CheckPort(Configuration configuration, string port, Place place, Findings findings)
    {
        if (port.Length > 0 && configuration.FindPort(port) is null)
        {
            findings.Error(place, $"there is no port \"{port}\"",
                $"Ports are {string.Join(", ", configuration.Ports.Select(known => known.Name))}.");
        }
    }
}
