using System.Buffers.Binary;
using System.Text;
using LowLatency.Native.Tables;

namespace LowLatency.Bench.Lpm;

/// <summary>IPv6: single and bulk lookups; rte_fib6's trie is DPDK's faster one.</summary>
internal static unsafe class Ipv6
{
    private const int AddressBytes = 16;

    /// <summary>Runs all contestants over one table.</summary>
    public static List<(string Name, double Ratio)> Run(
        string title, BenchRoute[] routes, int keyCount, int rounds)
    {
        using Table table = new(title, Lpm6.BytesFor((uint)routes.Length), is6: true, routes);
        Lpm6 ours = new(table.Memory);
        uint groups = (uint)routes.Length * 3; // a prefix needs up to one for each byte beyond the third
        (nint lpm, nint fib) = Make(title, routes, groups);
        List<(string Name, double Ratio)> ratios = [];
        foreach ((string name, byte[] keys) in Keys(routes, keyCount))
        {
            Console.WriteLine($" {title}, keys {name}:");
            ratios.AddRange(Contest.Hold($"{title}.{name}", keyCount, rounds,
            [
                new("rte_lpm6.single", "", values => Call(keys, values, lpm, &Peer.Single6)),
                new("single", "rte_lpm6.single", values => Single(ours, keys, values)),
                new("rte_lpm6.bulk", "", values => Call(keys, values, lpm, &Peer.Bulk6), 0x7FFF_FFFF),
                new("rte_fib6.bulk", "", values => Call(keys, values, fib, &Peer.BulkFib6)),
            ]));
        }

        Peer.Free6(lpm);
        Peer.FreeFib6(fib);
        return ratios;
    }

    private static void Single(Lpm6 table, byte[] keys, uint[] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = table.Lookup(keys.AsSpan(i * AddressBytes, AddressBytes));
        }
    }

    private static void Call(
        byte[] keys, uint[] values, nint table, delegate*<nint, byte*, uint*, uint, void> lookup)
    {
        fixed (byte* k = keys)
        fixed (uint* v = values)
        {
            lookup(table, k, v, (uint)values.Length);
        }
    }

    private static (string Name, byte[] Keys)[] Keys(BenchRoute[] routes, int count)
    {
        Random random = new(17);
        byte[] near = new byte[count * AddressBytes];
        byte[] flows = new byte[count * AddressBytes];
        for (int i = 0; i < count; i++)
        {
            BenchRoute route = routes[random.Next(routes.Length)];
            UInt128 inside = new((ulong)random.NextInt64(), (ulong)random.NextInt64());
            inside = route.Length == 128 ? 0 : inside & (UInt128.MaxValue >> route.Length);
            BinaryPrimitives.WriteUInt128BigEndian(near.AsSpan(i * AddressBytes), route.Key | inside);
            int source = i < 4096 ? i : random.Next(4096);
            near.AsSpan(source * AddressBytes, AddressBytes).CopyTo(flows.AsSpan(i * AddressBytes));
        }

        return [("routes", near), ("flows", flows)];
    }

    private static (nint Lpm, nint Fib) Make(string title, BenchRoute[] routes, uint groups)
    {
        nint lpm;
        nint fib;
        fixed (byte* name = Encoding.ASCII.GetBytes(title + "\0"))
        {
            lpm = Peer.Create6(name, (uint)routes.Length, groups);
            fib = Peer.CreateFib6(name, (uint)routes.Length, groups);
        }

        byte* address = stackalloc byte[AddressBytes];
        foreach (BenchRoute route in routes)
        {
            BinaryPrimitives.WriteUInt128BigEndian(new Span<byte>(address, AddressBytes), route.Key);
            if (lpm == 0 || fib == 0 || Peer.Add6(lpm, address, (uint)route.Length, route.Value) != 0
                || Peer.AddFib6(fib, address, (uint)route.Length, route.Value) != 0)
            {
                throw new InvalidOperationException($"DPDK has no room for a route of {route.Length} bits");
            }
        }

        return (lpm, fib);
    }
}
