using System.Net;
using LowLatency.Control.Routing;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
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
    public void Parts_of_an_IPv6_multipath_route_ask_for_the_whole_state()
    {
        KernelRoute one = Make("2001:db8::/32", via: "fd00::9", link: 2);
        Assert.True(_bench.Fib.Apply(new RouteEvent(RouteEventKind.RouteAdded, one, null, false, false)));
        KernelRoute other = one with { Hops = [.. one.Hops, new RouteHop(3, Address("fd00::8"), 1, false,
            false)] };
        Assert.False(_bench.Fib.Apply(new RouteEvent(RouteEventKind.RouteAdded, other, null, false, true)));
        Assert.False(_bench.Fib.Apply(new RouteEvent(RouteEventKind.Resync, null, null, false, false)));
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

/// <summary>A mirror over private tables, and a reader as a lane is one.</summary>
internal sealed class FibBench : IDisposable
{
    public const uint Capacity = 256;
    private readonly TableMemory _memory;

    public FibBench()
    {
        PlanHeader header = default;
        header.Name.Set("fib");
        PlanTable[] tables =
        [
            new() { Kind = TableKind.Routes4, Capacity = Capacity, Bytes = Lpm4.BytesFor(Capacity) },
            new() { Kind = TableKind.Routes6, Capacity = Capacity, Bytes = Lpm6.BytesFor(Capacity) },
            new() { Kind = TableKind.NextHops, Capacity = 32, Bytes = NextHops.BytesFor(32, 8) },
        ];
        _memory = TableMemory.CreatePrivate(PlanImage.Build(header, [], [], [], [], tables));
        Fib = new KernelFib(describe => new FibTables(_memory, 0) { Describe = describe });
    }

    public static Dictionary<int, FibInterface> Interfaces => new()
    {
        [2] = new FibInterface(0, 0x2222, 1500),
        [3] = new FibInterface(1, 0x3333, 1500),
        [9] = new FibInterface(-1, 0x9999, 1500),
    };

    public KernelFib Fib { get; }

    /// <summary>What a lane does with a packet to an address: kind, and of a forward interface, MAC,
    /// MTU.</summary>
    public string At(IpPrefix address)
    {
        uint value = address.Family == 4 ? new Lpm4(_memory.Slice<byte>(0)).Lookup((uint)(address.Bits >> 96))
            : new Lpm6(_memory.Slice<byte>(1)).Lookup((ulong)(address.Bits >> 64), (ulong)address.Bits);
        NextHop hop = new NextHops(_memory.Slice<byte>(2), 32).Find(value, 0);
        NextHopKind kind = NextHop.KindOf(hop.Destination);
        string mac = Convert.ToHexString(BitConverter.GetBytes(hop.Destination)[..6]).Insert(8, "-");
        return kind != NextHopKind.Forward ? kind.ToString().ToLowerInvariant()
            : $"forward {NextHop.InterfaceOf(hop.Source)} {mac} {hop.MtuBytes}";
    }

    public void Dispose() => _memory.Dispose();
}
