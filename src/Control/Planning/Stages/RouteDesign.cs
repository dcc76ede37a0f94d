using System.Net;
using LowLatency.Control.Configuring;
using LowLatency.Control.Routing;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Tables;

namespace LowLatency.Control.Planning.Stages;

/// <summary>route: longest prefix match over the kernel's routes, or over a [[table]] of the
/// file.</summary>
internal sealed class RouteDesign : StageDesign
{
    private const string KernelsTable = "kernel";
    private const long RoutesDefault = 65_536;
    private const long Routes6Default = 16_384;
    private const long HopsDefault = 4096;
    private const uint GroupsPerHop = 4; // a group for each four next hops

    /// <inheritdoc/>
    public override StageKind Kind => StageKind.Route;

    /// <inheritdoc/>
    public override string Word => "route";

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRow> Options =>
    [
        new("table", OptionType.Name(15), null,
            "route: \"kernel\": the kernel's main table, followed live; or the name of a [[table]]"),
        new("routes_max", OptionType.Integer(1, 4 << 20, RoutesDefault), RoutesDefault,
            "route: IPv4 routes that the tables hold, those of single neighbours too"),
        new("routes6_max", OptionType.Integer(1, 1 << 20, Routes6Default), Routes6Default,
            "route: IPv6 routes that the tables hold"),
        new("next_hops_max", OptionType.Integer(16, 1 << 20, HopsDefault), HopsDefault,
            "route: next hops, neighbours that are routed to, too"),
    ];

    /// <inheritdoc/>
    public override void Check(
        Configuration configuration, LaneConfiguration lane, StageConfiguration stage, Findings findings)
    {
        Section section = stage.Section;
        string table = section.GetOr("table", "");
        if (!section.Has("table"))
        {
            findings.Error(section.At("kind"), "a route stage must name its table",
                "Add table = \"kernel\", or the name of a [[table]].");
        }
        else if (table == KernelsTable)
        {
            string[] spaces = [.. lane.Ports.Select(configuration.FindPort).OfType<PortConfiguration>()
                .Select(port => port.Netns).Distinct()];
            if (spaces.Length > 1)
            {
                findings.Error(section.At("table"), "the lane's ports are in different network namespaces, "
                    + "each with a table of its own", "Use ports of one namespace.");
            }
        }
        else if (section.IsGood("table") && !configuration.Tables.Any(known => known.Name == table))
        {
            findings.Error(section.At("table"), $"there is no [[table]] of the name \"{table}\"",
                "Use \"kernel\", or add one.");
        }
    }

    /// <inheritdoc/>
    public override void Build(StageBuild build, ref PlanStage plan)
    {
        string name = build.Section.Get<string>("table");
        bool isKernels = name == KernelsTable;
        new RouteSettings(isKernels).Write(ref plan);
        string netns = build.Lane.Ports[0].Netns;
        string group = isKernels ? $"routes@{Path.GetFileName(netns)}" : $"routes.{name}";
        if (build.Tables.Find(group + ".4") is int known)
        {
            plan.FirstTable = (uint)known; // another stage has them already
            plan.TableCount = RouteSettings.Tables;
            return;
        }

        plan.FirstTable = (uint)build.Tables.Count;
        plan.TableCount = RouteSettings.Tables;
        uint routes = (uint)build.Section.Get<long>("routes_max");
        uint routes6 = (uint)build.Section.Get<long>("routes6_max");
        uint hops = (uint)build.Section.Get<long>("next_hops_max");
        TableConfiguration? table = build.Configuration.Tables.FirstOrDefault(table => table.Name == name);
        ulong hash = table is null ? 0 : TextHash.Of64(System.Text.Encoding.UTF8.GetBytes(table.Content));
        int first = (int)plan.FirstTable;
        build.Tables.Add(group + ".4", TableKind.Routes4, routes, Lpm4.BytesFor(routes), hash);
        build.Tables.Add(group + ".6", TableKind.Routes6, routes6, Lpm6.BytesFor(routes6), hash);
        build.Tables.Add(group + ".hops", TableKind.NextHops, hops,
            NextHops.BytesFor(hops, hops / GroupsPerHop), hash,
            table is null ? null : (memory, _) => Fill(memory, first, build, table));
    }

    /// <inheritdoc/>
    public override string Describe(PlanImage plan, PlanStage stage, IReadOnlyList<string> ports)
    {
        PlanTable routes = plan.Table((int)stage.FirstTable + RouteSettings.Routes4);
        PlanTable routes6 = plan.Table((int)stage.FirstTable + RouteSettings.Routes6);
        string name = routes.Name.ToString();
        string from = RouteSettings.Read(stage).IsKernels ? "the kernel's routes"
            : $"table {name[(name.IndexOf('.') + 1)..name.LastIndexOf('.')]}";
        return $"{from}: {routes.Capacity} IPv4, {routes6.Capacity} IPv6";
    }

    private static void Fill(TableMemory memory, int first, StageBuild build, TableConfiguration table)
    {
        Dictionary<int, FibInterface> interfaces = [];
        foreach (PortConfiguration port in build.Configuration.Ports)
        {
            if (build.Facts.FindInterface(port) is { } link && build.Tables.NumberOf(port.Netns, link.Index)
                is int number)
            {
                interfaces[IndexOf(port, build)] = new FibInterface(number, link.Mac, (uint)link.MtuBytes);
            }
        }

        KernelFib fib = new(describe => new FibTables(memory, first) { Describe = describe });
        fib.Replace(
            table.Routes.Select(route => RouteOf(route, table, build)),
            table.Neighbours.Select(neighbour => new KernelNeighbour(
                IndexOf(build.Configuration.FindPort(neighbour.Port)!, build), Address(neighbour.Address),
                neighbour.Mac, Permanent)),
            interfaces);
        fib.Tables.Collect();
    }

    private const ushort Permanent = 0x80; // NUD_PERMANENT

    // Ports of several namespaces can have the same ifindex: their place in the file tells them apart.
    private static int IndexOf(PortConfiguration port, StageBuild build) =>
        build.Configuration.Ports.ToList().FindIndex(known => known.Netns == port.Netns
            && known.Interface == port.Interface) + 1;

    private static IpPrefix Address(IPAddress address)
    {
        byte[] bytes = address.GetAddressBytes();
        return IpPrefix.From(bytes, bytes.Length * 8);
    }

    private static KernelRoute RouteOf(TableRoute route, TableConfiguration table, StageBuild build)
    {
        List<RouteHop> hops = [];
        for (int i = 0; i < route.Via.Count; i++)
        {
            TableNeighbour neighbour = table.Neighbours.First(known => known.Address.Equals(route.Via[i]));
            hops.Add(new RouteHop(IndexOf(build.Configuration.FindPort(neighbour.Port)!, build),
                Address(route.Via[i]), route.Weights.Count > i ? (int)route.Weights[i] : 1, false, false));
        }

        if (route.Port.Length > 0)
        {
            hops.Add(new RouteHop(
                IndexOf(build.Configuration.FindPort(route.Port)!, build), null, 1, false, false));
        }

        return new KernelRoute
        {
            Prefix = IpPrefix.From(route.Prefix.Address.GetAddressBytes(), route.Prefix.Bits),
            Table = 254,
            Type = route.Action switch
            {
                "blackhole" => RouteType.Blackhole,
                "unreachable" => RouteType.Unreachable,
                _ => RouteType.Unicast,
            },
            Priority = 0,
            Tos = 0,
            Protocol = 4, // RTPROT_STATIC
            MtuBytes = 0,
            Hops = hops,
        };
    }
}
