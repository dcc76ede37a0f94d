namespace LowLatency.Bench.Lpm;

/// <summary>A route, IPv4 in the first 32 bits of the key.</summary>
internal readonly record struct BenchRoute(UInt128 Key, int Length, uint Value);

/// <summary>Sets of routes, the same for a seed, shortest prefixes first.</summary>
internal static class Routes
{
    private const uint Values = 4096;

    // Shares of prefix lengths in per mille, rounded from what public BGP reports (routes of the default-free
    // zone, 2024) show; the rest is /24 and /48.
    private static readonly (int Length, int Share)[] s_lengths4 =
        [
            (12, 1), (14, 2), (15, 2), (16, 14), (17, 9), (18, 14), (19, 26), (20, 46), (21, 53), (22, 113),
            (23, 102),
        ];

    private static readonly (int Length, int Share)[] s_lengths6 =
        [
            (29, 30), (32, 130), (34, 10), (36, 45), (38, 8), (40, 100), (42, 20), (44, 100), (45, 5),
            (46, 25), (47, 20), (56, 5), (64, 10), (128, 5),
        ];

    /// <summary>IPv4 as a full table has it: aggregates, and in them more specific routes that stand close;
    /// one in a hundred is longer than 24 bits.</summary>
    public static BenchRoute[] Internet4(int count, Random random)
    {
        Set set = new(count, random, 32);
        while (!set.IsFull)
        {
            int length = random.Next(13, 21);
            uint block = ((uint)random.Next(1, 224) << 24) | (uint)random.Next(1 << 24);
            block &= ~(uint.MaxValue >> length);
            int inside = random.Next(1, 1 << (23 - length));
            for (int i = 0; i < inside && !set.IsFull; i++)
            {
                int own = random.Next(100) == 0 ? random.Next(25, 33) : Length(s_lengths4, 24, random);
                uint inner = (uint)random.NextInt64(1L << 32) & (uint.MaxValue >> length);
                set.Add(block | inner, Math.Max(own, length));
            }
        }

        return set.Sorted();
    }

    /// <summary>Hosts anywhere: no two share anything.</summary>
    public static BenchRoute[] Hosts4(int count, Random random)
    {
        Set set = new(count, random, 32);
        while (!set.IsFull)
        {
            set.Add((uint)random.NextInt64(1L << 32), 32);
        }

        return set.Sorted();
    }

    /// <summary>IPv6 as a full table has it: within the few first 16 bits that registries hand out.</summary>
    public static BenchRoute[] Internet6(int count, Random random)
    {
        List<ushort> tops = [0x2001, 0x2c0f];
        (int First, int Many)[] runs = [(0x2400, 16), (0x2600, 16), (0x2800, 7), (0x2a00, 20)];
        foreach ((int first, int many) in runs)
        {
            tops.AddRange(Enumerable.Range(first, many).Select(top => (ushort)top));
        }

        Set set = new(count, random, 128);
        while (!set.IsFull)
        {
            UInt128 block = ((UInt128)tops[random.Next(tops.Count)] << 112)
                | ((UInt128)(uint)random.Next(1 << 16) << 96); // a /32
            int inside = random.Next(1, 32);
            for (int i = 0; i < inside && !set.IsFull; i++)
            {
                UInt128 rest = new((ulong)random.NextInt64(), (ulong)random.NextInt64());
                set.Add(block | (rest & (UInt128.MaxValue >> 32)), Length(s_lengths6, 48, random));
            }
        }

        return set.Sorted();
    }

    private static int Length((int Length, int Share)[] lengths, int other, Random random)
    {
        int left = random.Next(1000);
        foreach ((int length, int share) in lengths)
        {
            left -= share;
            if (left < 0)
            {
                return length;
            }
        }

        return other;
    }

    private sealed class Set(int count, Random random, int bits)
    {
        private readonly HashSet<(UInt128, int)> _seen = [];
        private readonly List<BenchRoute> _routes = new(count);

        public bool IsFull => _routes.Count == count;

        public void Add(UInt128 address, int length)
        {
            UInt128 key = address << (128 - bits) & (UInt128.MaxValue << (128 - length));
            if (_seen.Add((key, length)))
            {
                _routes.Add(new BenchRoute(key, length, (uint)random.Next(1, (int)Values)));
            }
        }

        public BenchRoute[] Sorted() => [.. _routes.OrderBy(route => route.Length)];
    }
}
