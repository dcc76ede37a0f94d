using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Tables;

namespace LowLatency.Control.Tests.Routing;

/// <summary>Private tables of a route stage, read as a lane reads them.</summary>
internal sealed class RouteReader : IDisposable
{
    private readonly uint _nextHops;

    public RouteReader(PlanPort[] ports, uint capacity, uint nextHops, uint groups)
    {
        _nextHops = nextHops;
        PlanHeader header = default;
        header.Name.Set("fib");
        PlanTable[] tables =
        [
            new() { Kind = TableKind.Routes4, Capacity = capacity, Bytes = Lpm4.BytesFor(capacity) },
            new() { Kind = TableKind.Routes6, Capacity = capacity, Bytes = Lpm6.BytesFor(capacity) },
            new()
            {
                Kind = TableKind.NextHops,
                Capacity = nextHops,
                Bytes = NextHops.BytesFor(nextHops, groups),
            },
        ];
        Memory = TableMemory.CreatePrivate(PlanImage.Build(header, ports, [], [], [], tables));
    }

    /// <summary>The tables: IPv4, IPv6, next hops.</summary>
    public TableMemory Memory { get; }

    /// <summary>What becomes of a packet to an address: kind, and of a forward interface, MAC, MTU.</summary>
    /// <param name="address">Destination.</param>
    /// <param name="hash">Of the flow.</param>
    public string At(IpPrefix address, uint hash = 0)
    {
        uint value = address.Family == 4 ? new Lpm4(Memory.Slice<byte>(0)).Lookup((uint)(address.Bits >> 96))
            : new Lpm6(Memory.Slice<byte>(1)).Lookup((ulong)(address.Bits >> 64), (ulong)address.Bits);
        NextHop hop = new NextHops(Memory.Slice<byte>(2), _nextHops).Find(value, hash);
        NextHopKind kind = NextHop.KindOf(hop.Destination);
        string mac = Convert.ToHexString(BitConverter.GetBytes(hop.Destination)[..6]).Insert(8, "-");
        return kind != NextHopKind.Forward ? kind.ToString().ToLowerInvariant()
            : $"forward {NextHop.InterfaceOf(hop.Source)} {mac} {hop.MtuBytes}";
    }

    public void Dispose() => Memory.Dispose();
}
