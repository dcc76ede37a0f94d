using System.Net;
using LowLatency.Control.Routing;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;
using LowLatency.Native.Tables;
using Xunit;

namespace LowLatency.Control.Tests.Routing;

/// <summary>Kernel routes and neighbours in, what a lane finds out: over real tables.</summary>
public sealed class KernelFibTests : IDisposable
{
    private const ushort Reachable = 0x02;
    private const ushort Stale = 0x04;
    private const ushort Failed = 0x20;
    private const ulong Mac = 0x0605_0403_0202;
    private readonly FibBench _bench = new();

    public KernelFibTests() => _bench.Fib.Replace([], [], FibBench.Interfaces);

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void A_gateway_is_used_once_its_MAC_is_known_and_no_longer()
    {
        Route("20.0.0.0/8", via: "10.0.0.9", link: 2);
        Assert.Equal("neighbour", At("20.1.1.1"));
        Neighbour("10.0.0.9", 2, Mac, Reachable);
        Assert.Equal("forward 0 02020304-0506 1500", At("20.1.1.1"));
        Neighbour("10.0.0.9", 2, Mac, Stale);
        Assert.Equal("forward 0 02020304-0506 1500", At("20.1.1.1"));
        Neighbour("10.0.0.9", 2, 0, Failed);
        Assert.Equal("neighbour", At("20.1.1.1"));
    }

    [Fact]
    public void A_neighbour_has_a_route_of_its_own_only_where_its_network_is_connected()
    {
        Neighbour("10.0.0.7", 2, Mac, Reachable);
        Assert.Equal("none", At("10.0.0.7"));
        Route("10.0.0.0/24", link: 2);
        Assert.Equal("forward 0 02020304-0506 1500", At("10.0.0.7"));
        Assert.Equal("neighbour", At("10.0.0.8"));
        Route("10.0.0.0/29", via: "10.0.0.9", link: 3); // leads elsewhere, and is more specific
        Assert.Equal("neighbour", At("10.0.0.7"));
        Remove("10.0.0.0/29", via: "10.0.0.9", link: 3);
        Assert.Equal("forward 0 02020304-0506 1500", At("10.0.0.7"));
        Remove("10.0.0.0/24", link: 2);
        Assert.Equal("none", At("10.0.0.7"));
    }

    [Fact]
    public void A_neighbour_on_another_link_than_its_network_is_none()
    {
        Route("10.0.0.0/24", link: 2);
        Neighbour("10.0.0.7", 3, Mac, Reachable);
        Assert.Equal("neighbour", At("10.0.0.7"));
    }

    [Fact]
    public void The_lowest_metric_wins_and_the_local_table_before_all()
    {
        Route("20.0.0.0/8", type: RouteType.Blackhole, priority: 10);
        Route("20.0.0.0/8", type: RouteType.Unreachable, priority: 5);
        Assert.Equal("unreachable", At("20.1.1.1"));
        Remove("20.0.0.0/8", type: RouteType.Unreachable, priority: 5);
        Assert.Equal("blackhole", At("20.1.1.1"));
        Route("20.1.1.1/32", type: RouteType.Local, table: 255);
        Route("20.1.1.1/32", type: RouteType.Blackhole);
        Assert.Equal("local", At("20.1.1.1"));
    }

    [Fact]
    public void A_host_route_at_the_end_of_a_block_changes_as_others_do()
    {
        const string prefix = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128";
        Route(prefix, via: "fd00::9", link: 2, priority: 1024);
        Route(prefix, link: 9, priority: 10);
        Assert.Equal("otherinterface", At("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"));
    }

    [Fact]
    public void A_route_out_of_a_link_that_is_no_port_goes_to_the_kernel()
    {
        Route("20.0.0.0/8", via: "10.9.0.9", link: 9);
        Neighbour("10.9.0.9", 9, Mac, Reachable);
        Assert.Equal("otherinterface", At("20.1.1.1"));
    }

    [Fact]
    public void A_replaced_route_is_gone_and_an_appended_one_waits()
    {
        Route("20.0.0.0/8", type: RouteType.Blackhole);
        Apply(Make("20.0.0.0/8", type: RouteType.Unreachable), RouteEventKind.RouteAdded, appends: true);
        Assert.Equal("blackhole", At("20.1.1.1"));
        Apply(Make("20.0.0.0/8", type: RouteType.Local), RouteEventKind.RouteAdded, replaces: true);
        Assert.Equal("local", At("20.1.1.1"));
        Remove("20.0.0.0/8", type: RouteType.Local);
        Assert.Equal("unreachable", At("20.1.1.1"));
    }

    [Fact]
    public void The_smallest_of_route_and_link_mtu_counts()
    {
        Neighbour("10.0.0.9", 2, Mac, Reachable);
        KernelRoute route = Make("20.0.0.0/8", via: "10.0.0.9", link: 2) with { MtuBytes = 1300 };
        Apply(route, RouteEventKind.RouteAdded);
        Assert.Equal("forward 0 02020304-0506 1300", At("20.1.1.1"));
        Apply(route with { MtuBytes = 9000 }, RouteEventKind.RouteAdded, replaces: true);
        Assert.Equal("forward 0 02020304-0506 1500", At("20.1.1.1"));
    }

    [Fact]
    public void Ways_of_an_IPv6_route_come_with_the_whole_and_go_alone()
    {
        KernelRoute one = Make("2001:db8::/32", via: "fd00::9", link: 2);
        KernelRoute both = one with { Hops = [new RouteHop(3, Address("fd00::8"), 1, false, false),
            .. one.Hops] };
        Apply(one, RouteEventKind.RouteAdded);
        Apply(both, RouteEventKind.RouteAdded, appends: true);
        Neighbour("fd00::8", 3, Mac, Reachable);
        Neighbour("fd00::9", 2, Mac, Reachable);
        string[] ways = ["forward 0 02020304-0506 1500", "forward 1 02020304-0506 1500"];
        Assert.Equal(ways, Ways("2001:db8::1"));
        Apply(one, RouteEventKind.RouteRemoved);
        Assert.Equal(ways[1..], Ways("2001:db8::1"));
        Remove("2001:db8::/32", via: "fd00::8", link: 3);
        Assert.Equal(["none"], Ways("2001:db8::1"));
    }

    [Fact]
    public void What_can_be_read_in_two_ways_asks_for_the_whole_state()
    {
        KernelRoute one = Make("2001:db8::/32", via: "fd00::9", link: 2);
        KernelRoute other = Make("2001:db8::/32", link: 3);
        Apply(one, RouteEventKind.RouteAdded);
        Assert.False(IsUnderstood(other, RouteEventKind.RouteAdded)); // before or behind
        Assert.False(IsUnderstood(other, RouteEventKind.RouteRemoved)); // it is not known
        KernelRoute known = Make("20.0.0.0/8", via: "10.0.0.9", link: 2);
        Apply(known, RouteEventKind.RouteAdded);
        Assert.False(IsUnderstood(Make("20.0.0.0/8", via: "10.0.0.8", link: 2), RouteEventKind.RouteRemoved));
        Assert.False(_bench.Fib.Apply(new RouteEvent(RouteEventKind.Resync, null, null, false, false)));
    }

    [Fact]
    public void A_route_told_twice_is_one_and_its_ways_die_and_live_as_told()
    {
        KernelRoute route = Make("20.0.0.0/8", via: "10.0.0.9", link: 2);
        KernelRoute dead = route with { Hops = [route.Hops[0] with { IsDead = true }] };
        Apply(route, RouteEventKind.RouteAdded);
        Apply(dead, RouteEventKind.RouteAdded);
        Assert.Equal("none", At("20.1.1.1"));
        Apply(route, RouteEventKind.RouteAdded);
        Assert.Equal("neighbour", At("20.1.1.1"));
        Apply(dead, RouteEventKind.RouteRemoved);
        Assert.Equal("none", At("20.1.1.1"));
    }

    [Fact]
    public void A_throw_route_ends_the_search_as_if_there_were_no_route()
    {
        Route("20.0.0.0/8", via: "10.0.0.9", link: 2);
        Route("20.1.0.0/16", type: RouteType.Throw);
        Assert.Equal(("none", "neighbour"), (At("20.1.1.1"), At("20.2.1.1")));
    }

    [Fact]
    public void Routes_for_some_packets_only_leave_their_prefix_to_the_kernel()
    {
        Route("20.0.0.0/8", via: "10.0.0.9", link: 2);
        KernelRoute tos = Make("20.1.0.0/16", via: "10.0.0.8", link: 2) with { Tos = 0x10 };
        Apply(tos, RouteEventKind.RouteAdded);
        Assert.Equal(("otherinterface", "neighbour"), (At("20.1.1.1"), At("20.2.1.1")));
        Apply(tos, RouteEventKind.RouteRemoved);
        Assert.Equal("neighbour", At("20.1.1.1"));
        KernelRoute source = Make("2001:db8::/32", via: "fd00::9", link: 2) with
        {
            Source = Address("2001:db8:1::"),
        };
        Apply(source, RouteEventKind.RouteAdded);
        Assert.Equal("otherinterface", At("2001:db8::1"));
    }

    [Fact]
    public void The_default_table_is_left_to_the_kernel_until_the_main_one_has_the_prefix()
    {
        Route("20.0.0.0/8", via: "10.0.0.9", link: 2, table: KernelRoutes.TableDefault);
        Assert.Equal("otherinterface", At("20.1.1.1"));
        Route("20.0.0.0/8", via: "10.0.0.8", link: 2);
        Assert.Equal("neighbour", At("20.1.1.1"));
    }

    [Fact]
    public void A_wide_IPv6_prefix_of_the_local_table_hides_what_is_more_specific_elsewhere()
    {
        Route("2001:db8:1::/48", via: "fd00::9", link: 2);
        Route("2001:db8::/32", type: RouteType.Local, table: KernelRoutes.TableLocal);
        Assert.Equal("local", At("2001:db8:1::1"));
        Route("2001:db8:2::/48", via: "fd00::9", link: 2);
        Assert.Equal("local", At("2001:db8:2::1"));
        Apply(Make("2001:db8::/32", type: RouteType.Local, table: KernelRoutes.TableLocal),
            RouteEventKind.RouteRemoved);
        Assert.Equal(("neighbour", "neighbour", "none"),
            (At("2001:db8:1::1"), At("2001:db8:2::1"), At("2001:db8:3::1")));
    }

    [Fact]
    public void A_route_that_names_only_a_next_hop_object_goes_where_that_leads()
    {
        RouteHop way = new(2, Address("10.0.0.9"), 1, false, false);
        KernelNextHop[] objects = [new(1, false, way, []), new(2, false, null, [(1, 3)])];
        KernelRoute route = Make("20.0.0.0/8") with { NextHopId = 2 };
        _bench.Fib.Replace([route], [], FibBench.Interfaces, objects);
        Assert.Equal("neighbour", At("20.1.1.1"));
        Assert.True(IsUnderstood(objects[0] with { Id = 7 }, RouteEventKind.NextHop));
        Assert.False(IsUnderstood(objects[0], RouteEventKind.NextHop)); // its group has users
        Assert.False(IsUnderstood(objects[1], RouteEventKind.NextHopRemoved));
        Apply(Make("30.0.0.0/8") with { NextHopId = 99 }, RouteEventKind.RouteAdded); // not told of yet
        Assert.Equal("otherinterface", At("30.1.1.1"));
    }

    [Fact]
    public void Only_changes_of_a_link_that_routes_depend_on_ask_for_the_whole_state()
    {
        const uint up = 0x1_0041; // IFF_UP, IFF_RUNNING, IFF_LOWER_UP
        FibInterface link = new(0, 0x2222, 1500, up);
        _bench.Fib.Replace([], [], new() { [2] = link });
        Route("20.0.0.0/8", via: "10.0.0.9", link: 2);
        Neighbour("10.0.0.9", 2, Mac, Reachable);
        Assert.False(_bench.Fib.Apply(2, link)); // a carrier, which the routes learn of after the link
        Assert.True(_bench.Fib.Apply(2, link with { Mac = 0x7777 }));
        Assert.False(_bench.Fib.Apply(2, link with { MtuBytes = 1300 }));
        Assert.Equal("forward 0 02020304-0506 1300", At("20.1.1.1"));
        Assert.False(_bench.Fib.Apply(2, link with { MtuBytes = 1300, Flags = 1 }));
        Assert.True(_bench.Fib.Apply(4, new FibInterface(-1, 0, 1500)));
        Assert.False(_bench.Fib.Apply(4, new FibInterface(-1, 0, 1500, up)));
        Assert.False(_bench.Fib.Apply(2, null));
        Assert.Equal("otherinterface", At("20.1.1.1"));
    }

    [Fact]
    public void What_the_whole_state_does_not_have_is_gone()
    {
        Route("20.0.0.0/8", type: RouteType.Blackhole);
        Route("10.0.0.0/24", link: 2);
        Neighbour("10.0.0.7", 2, Mac, Reachable);
        _bench.Fib.Replace([Make("30.0.0.0/8", type: RouteType.Blackhole)], [], FibBench.Interfaces);
        Assert.Equal(("none", "none", "blackhole"), (At("20.1.1.1"), At("10.0.0.7"), At("30.1.1.1")));
        Assert.Equal(1u, _bench.Fib.Tables.Routes);
    }

    [Fact]
    public void A_route_that_finds_no_room_is_tried_again()
    {
        for (int i = 0; i < 300; i++)
        {
            Route($"20.{i / 256}.{i % 256}.0/24", type: RouteType.Blackhole);
        }

        Assert.Equal(300 - (int)FibBench.Capacity, _bench.Fib.Waiting);
        Assert.Equal("none", At("20.1.43.1"));
        for (int i = 0; i < 44; i++)
        {
            Remove($"20.0.{i}.0/24", type: RouteType.Blackhole);
        }

        _bench.Fib.Tables.Collect();
        _bench.Fib.Retry();
        Assert.Equal(0, _bench.Fib.Waiting);
        Assert.Equal("blackhole", At("20.1.43.1"));
    }

    [Fact]
    public void Only_gateways_are_searched_for_and_all_stale_ones_confirmed()
    {
        Route("10.0.0.0/24", link: 2);
        Route("20.0.0.0/8", via: "10.0.0.9", link: 2);
        Neighbour("10.0.0.7", 2, 0, Failed);
        Assert.Equal(["10.0.0.9/32"], Unconfirmed());
        Neighbour("10.0.0.9", 2, Mac, Reachable);
        Assert.Empty(Unconfirmed());
        Neighbour("10.0.0.7", 2, Mac, Stale);
        Assert.Equal(["10.0.0.7/32"], Unconfirmed());
    }

    [Fact]
    public void Numbers_of_next_hops_are_given_again_only_after_all_lanes_have_passed()
    {
        for (int i = 0; i < 40; i++)
        {
            Route($"20.{i}.0.0/16", via: $"10.0.0.{i + 1}", link: 2);
            Remove($"20.{i}.0.0/16", via: $"10.0.0.{i + 1}", link: 2);
        }

        Assert.True(_bench.Fib.Tables.Refused > 0); // 31 numbers, none of them free yet
        Route("30.0.0.0/8", via: "10.0.0.99", link: 2);
        Assert.Equal(1, _bench.Fib.Waiting);
        _bench.Fib.Tables.Collect();
        _bench.Fib.Retry();
        Assert.Equal("neighbour", At("30.1.1.1"));
    }

    [Fact]
    public void A_member_that_goes_moves_no_bucket_of_another()
    {
        HopKey[] three = [.. Enumerable.Range(1, 3).Select(i => new HopKey(NextHopKind.Neighbour, i, null))];
        int[] equal = [1, 1, 1];
        int[] counts = new int[3];
        for (int bucket = 0; bucket < NextHopGroup.Buckets; bucket++)
        {
            int before = Buckets.Choose(bucket, three, equal);
            int after = Buckets.Choose(bucket, three.AsSpan(0, 2), equal.AsSpan(0, 2));
            Assert.True(before == 2 || before == after);
            counts[before]++;
        }

        Assert.All(counts, count => Assert.InRange(count, 12, 32));
        int heavy = Enumerable.Range(0, NextHopGroup.Buckets).Count(b =>
            Buckets.Choose(b, three, [8, 1, 1]) == 0);
        Assert.InRange(heavy, 40, 62);
    }

    private string[] Unconfirmed() => [.. _bench.Fib.Unconfirmed().Select(found => found.Address.ToString())
        .Order()];

    private string At(string address) => _bench.At(Address(address));

    private string[] Ways(string address) => [.. Enumerable.Range(0, NextHopGroup.Buckets)
        .Select(hash => _bench.At(Address(address), (uint)hash)).Distinct().Order()];

    private bool IsUnderstood(KernelRoute route, RouteEventKind kind) =>
        _bench.Fib.Apply(new RouteEvent(kind, route, null, false, false));

    private bool IsUnderstood(KernelNextHop nextHop, RouteEventKind kind) =>
        _bench.Fib.Apply(new RouteEvent(kind, null, null, false, false, NextHop: nextHop));

    private void Route(string prefix, string? via = null, int link = 0, RouteType type = RouteType.Unicast,
        uint priority = 0, uint table = 254) =>
        Apply(Make(prefix, via, link, type, priority, table), RouteEventKind.RouteAdded);

    private void Remove(string prefix, string? via = null, int link = 0, RouteType type = RouteType.Unicast,
        uint priority = 0) => Apply(Make(prefix, via, link, type, priority), RouteEventKind.RouteRemoved);

    private void Apply(KernelRoute route, RouteEventKind kind, bool replaces = false, bool appends = false) =>
        Assert.True(_bench.Fib.Apply(new RouteEvent(kind, route, null, replaces, appends)));

    private void Neighbour(string address, int link, ulong mac, ushort state) =>
        Assert.True(_bench.Fib.Apply(new RouteEvent(RouteEventKind.Neighbour, null,
            new KernelNeighbour(link, Address(address), mac, state), false, false)));

    private static KernelRoute Make(string prefix, string? via = null, int link = 0,
        RouteType type = RouteType.Unicast, uint priority = 0, uint table = 254)
    {
        string[] parts = prefix.Split('/');
        return new KernelRoute
        {
            Prefix = IpPrefix.From(IPAddress.Parse(parts[0]).GetAddressBytes(), int.Parse(parts[1])),
            Table = table,
            Type = type,
            Priority = priority,
            Tos = 0,
            Protocol = 3,
            MtuBytes = 0,
            Hops = link == 0 ? []
                : [new RouteHop(link, via is null ? null : Address(via), 1, false, false)],
        };
    }

    private static IpPrefix Address(string text)
    {
        byte[] bytes = IPAddress.Parse(text).GetAddressBytes();
        return IpPrefix.From(bytes, bytes.Length * 8);
    }
}
