using System.Text;
using LowLatency.Native.Tables;

namespace LowLatency.Bench.Lpm;

/// <summary>IPv4: single, dependent and bulk lookups.</summary>
internal static unsafe class Ipv4
{
    private const int Burst = 64;
    private const int AddedOneByOne = 20_000; // beyond, rte_lpm_add takes minutes
    private const uint RteValueMask = 0x00FF_FFFF;

    /// <summary>Runs all contestants over one table.</summary>
    public static List<(string Name, double Ratio)> Run(
        string title, BenchRoute[] routes, int keyCount, int rounds)
    {
        using Table table = new(title, Lpm4.BytesFor((uint)routes.Length), is6: false, routes);
        Lpm4 ours = new(table.Memory);
        uint groups = 1 + (uint)routes.Where(route => route.Length > 24)
            .Select(route => route.Key >> 104).Distinct().Count();
        nint lpm = MakeLpm(title, routes, groups);
        nint fib = MakeFib(title, routes, groups + 1);
        List<(string Name, double Ratio)> ratios = [];
        foreach ((string name, uint[] keys) in Keys(routes, keyCount))
        {
            Console.WriteLine($" {title}, keys {name}:");
            foreach (Contestant[] pair in Pairs(ours, lpm, fib, keys).Take(name == "any" ? 3 : 4))
            {
                ratios.AddRange(Contest.Hold($"{title}.{name}", keyCount, rounds, pair));
            }
        }

        Peer.Free4(lpm);
        Peer.FreeFib4(fib);
        return ratios;
    }

    // The last one, where each address waits for the value before it, is not for addresses without a route:
    // there rte_lpm_lookup's answer is a branch, which the CPU guesses instead of waiting.
    private static Contestant[][] Pairs(Lpm4 ours, nint lpm, nint fib, uint[] keys) =>
    [
        [
            new("rte_lpm.single", "", values => Call(keys, values, lpm, &Peer.Single4)),
            new("single", "rte_lpm.single", values => Single(ours, keys, values)),
        ],
        [
            new("rte_lpm.bulk", "", values => Call(keys, values, lpm, &Peer.Bulk4), RteValueMask),
            new("bulk", "rte_lpm.bulk", values => Bulk(ours, keys, values)),
        ],
        [
            new("rte_lpm.x4", "", values => Call(keys, values, lpm, &Peer.Four4)),
            new("rte_fib.bulk", "", values => Call(keys, values, fib, &Peer.BulkFib4)),
        ],
        [
            new("rte_lpm.chained", "", values => Call(keys, values, lpm, &Peer.Chained4)),
            new("chained", "rte_lpm.chained", values => Chained(ours, keys, values)),
        ],
    ];

    private static void Single(Lpm4 table, uint[] keys, uint[] values)
    {
        for (int i = 0; i < keys.Length; i++)
        {
            values[i] = table.Lookup(keys[i]);
        }
    }

    private static void Chained(Lpm4 table, uint[] keys, uint[] values)
    {
        uint last = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            last = table.Lookup(keys[i] ^ (last >> 23));
            values[i] = last;
        }
    }

    private static void Bulk(Lpm4 table, uint[] keys, uint[] values)
    {
        for (int at = 0; at < keys.Length; at += Burst)
        {
            int count = Math.Min(Burst, keys.Length - at);
            table.Lookup(keys.AsSpan(at, count), values.AsSpan(at, count));
        }
    }

    private static void Call(
        uint[] keys, uint[] values, nint table, delegate*<nint, uint*, uint*, uint, void> lookup)
    {
        fixed (uint* k = keys)
        fixed (uint* v = values)
        {
            lookup(table, k, v, (uint)keys.Length);
        }
    }

    private static IEnumerable<(string Name, uint[] Keys)> Keys(BenchRoute[] routes, int count)
    {
        Random random = new(17);
        uint[] near = new uint[count];
        uint[] any = new uint[count];
        uint[] flows = new uint[count];
        for (int i = 0; i < count; i++)
        {
            BenchRoute route = routes[random.Next(routes.Length)];
            uint inside = route.Length == 32 ? 0 : (uint)random.NextInt64(1L << (32 - route.Length));
            near[i] = (uint)(route.Key >> 96) | inside;
            any[i] = (uint)random.NextInt64(1L << 32);
            flows[i] = near[i < 4096 ? i : random.Next(4096)];
        }

        return [("routes", near), ("any", any), ("flows", flows)];
    }

    private static nint MakeLpm(string title, BenchRoute[] routes, uint groups)
    {
        nint lpm;
        fixed (byte* name = Encoding.ASCII.GetBytes(title + "\0"))
        {
            lpm = Peer.Create4(name, (uint)routes.Length, groups);
        }

        Require(lpm != 0, $"rte_lpm has no room for {groups} groups");
        uint group = 0;
        foreach (BenchRoute route in routes)
        {
            uint address = (uint)(route.Key >> 96);
            int result = routes.Length <= AddedOneByOne
                ? Peer.Add4(lpm, address, (uint)route.Length, route.Value)
                : Peer.Paint4(lpm, address, (uint)route.Length, route.Value, &group, groups);
            Require(result == 0, "rte_lpm refused a route");
        }

        return lpm;
    }

    private static nint MakeFib(string title, BenchRoute[] routes, uint groups)
    {
        nint fib;
        fixed (byte* name = Encoding.ASCII.GetBytes(title + "\0"))
        {
            fib = Peer.CreateFib4(name, (uint)routes.Length, groups);
        }

        Require(fib != 0, $"rte_fib has no room for {groups} groups");
        foreach (BenchRoute route in routes)
        {
            int result = Peer.AddFib4(fib, (uint)(route.Key >> 96), (uint)route.Length, route.Value);
            Require(result == 0, "rte_fib refused a route");
        }

        return fib;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException(what);
        }
    }
}
