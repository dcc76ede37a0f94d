using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using Xunit;

namespace LowLatency.Native.Tests.Tables;

/// <summary>Longest prefix match against a list that is searched whole.</summary>
public sealed partial class LpmTests
{
    private const uint Capacity = 4096;

    [Theory]
    [InlineData(1, 8, 32)]   // few first bits: prefixes nest deeply
    [InlineData(2, 20, 32)]  // all within one node, and over it
    [InlineData(3, 0, 32)]   // anywhere
    [InlineData(4, 30, 32)]
    public void AnyRouteOfIpv4IsFoundAsAListFindsIt(int seed, int spread, int width) =>
        Churn(seed, 32, spread, width, rounds: 4000, is6: false);

    [Theory]
    [InlineData(1, 16, 64)]
    [InlineData(2, 44, 128)] // three levels below one first slot
    [InlineData(3, 0, 128)]
    [InlineData(4, 112, 128)]
    [InlineData(5, 20, 70)]
    public void AnyRouteOfIpv6IsFoundAsAListFindsIt(int seed, int spread, int width) =>
        Churn(seed, 128, spread, width, rounds: 3000, is6: true);

    // More than a small table's routes: 24 bits direct. Fewer rounds, as a short prefix covers millions of slots.
    [Theory]
    [InlineData(1, 8, 32, false)]
    [InlineData(2, 20, 32, false)]
    [InlineData(3, 26, 32, false)]
    [InlineData(4, 16, 64, true)]
    [InlineData(5, 20, 128, true)]
    [InlineData(6, 44, 128, true)]
    public void AnyRouteOfALargeTableIsFoundAsAListFindsIt(int seed, int spread, int width, bool is6) =>
        Churn(seed, is6 ? 128 : 32, spread, width, rounds: 300, is6, Lpm4.NarrowRoutesMax + 1);

    [Fact]
    public void AShapeIsToldByTheMemoryOfATable()
    {
        Assert.True(Lpm4.ShapesDiffer && Lpm6.ShapesDiffer);
        Assert.True(Lpm4.BytesFor(Lpm4.NarrowRoutesMax + 1) > 64 << 20);
        Assert.True(Lpm6.BytesFor(Lpm6.NarrowRoutesMax + 1) > 64 << 20);
    }

    [Fact]
    public void ABurstFindsWhatSingleLookupsFind()
    {
        Random random = new(3);
        foreach (uint capacity in (uint[])[Capacity, Lpm4.NarrowRoutesMax + 1])
        {
            using Bench bench = new(is6: false, capacity);
            for (int i = 0; i < 2000; i++)
            {
                int length = random.Next(8, 33);
                bench.Set(Prefix(random, 32, 8, length), length, (uint)random.Next(1, 1000));
            }

            foreach (int count in (int[])[0, 1, 63, 64, 65, 1000])
            {
                uint[] addresses = new uint[count];
                for (int i = 0; i < count; i++)
                {
                    addresses[i] = (uint)(Address(random, 32, 8) >> 96);
                }

                uint[] values = new uint[count + 1];
                values[count] = 7;
                bench.Reader4.Lookup(addresses, values);
                Assert.Equal(7u, values[count]); // what lies behind is not touched
                Assert.Equal(addresses.Select(bench.Reader4.Lookup), values[..count]);
            }
        }
    }

    [Fact]
    public void FreeRunsAreJoinedWhenANodeNeedsALargerOne()
    {
        // A node grows route by route: each size leaves a run too small for the next. Sizes added up are twice
        // as much as there is.
        using Bench bench = new(is6: false, units: 600);
        for (uint i = 0; i < 1200; i++)
        {
            bench.Set((UInt128)(0x0A000000u + (i << 1)) << 96, 32, i + 1);
            bench.Writer.Release(bench.Writer.Seal());
        }

        Assert.Equal(1200u, bench.Reader4.Lookup(0x0A000000u + (1199 << 1)));
    }

    [Theory]
    [InlineData(1, 32)]
    [InlineData(2, 128)]
    public void TheFirstAndLastKeysOfNodesAreFoundAsOthersAre(int seed, int bits)
    {
        using Bench bench = new(is6: bits == 128);
        Random random = new(seed);
        for (int round = 0; round < 4000; round++)
        {
            UInt128 key = 0;
            for (int word = 0; word < bits / 16; word++)
            {
                key |= (UInt128)(random.Next(2) == 0 ? 0u : 0xFFFFu) << (112 - (16 * word));
            }

            int length = random.Next(1, bits + 1);
            key &= UInt128.MaxValue << (128 - length);
            if (bench.Naive.ContainsKey((key, length)) && random.Next(2) == 0)
            {
                bench.Remove(key, length);
            }
            else
            {
                bench.Set(key, length, (uint)random.Next(1, 1000));
            }

            bench.Writer.Release(bench.Writer.Seal());
            bench.AssertBorders(random);
            bench.AssertSame(key);
            bench.AssertSame(key | (length == 128 ? 0 : UInt128.MaxValue >> length));
        }
    }

    [Fact]
    public void EveryAddressOfASmallSpaceIsRightAfterEveryChange()
    {
        // All 511 prefixes of the last 8 bits, in and out in a random order; all 256 addresses each time.
        using Bench bench = new(is6: false);
        Random random = new(5);
        List<(UInt128 Key, int Length)> all = [];
        for (int length = 24; length <= 32; length++)
        {
            for (uint i = 0; i < 1u << (length - 24); i++)
            {
                all.Add((((UInt128)0x0A0B0C00u | (UInt128)(i << (32 - length))) << 96, length));
            }
        }

        (UInt128 Key, int Length)[] order = [.. all, .. all];
        random.Shuffle(order);
        foreach ((UInt128 key, int length) in order)
        {
            if (bench.Naive.ContainsKey((key, length)))
            {
                bench.Remove(key, length);
            }
            else
            {
                bench.Set(key, length, (uint)random.Next(1, 6));
            }

            bench.Writer.Release(bench.Writer.Seal());
            for (uint low = 0; low < 256; low++)
            {
                bench.AssertSame((UInt128)(0x0A0B0C00u | low) << 96);
            }
        }

        Assert.Equal(0u, bench.Writer.Count);
        bench.Writer.Release(bench.Writer.Seal());
        Assert.Equal(0u, bench.Writer.UnitsInUse);
    }

    [Fact]
    public void ANodeTakesAllItsKeysEachWithAValueOfItsOwn()
    {
        using Bench bench = new(is6: true, capacity: 70_000);
        for (uint i = 0; i < 65_536; i++)
        {
            if ((i & 0xFF) == 0 || i > 65_000) // a node is written anew for each: leave most to the last
            {
                Assert.True(bench.Writer.Set((UInt128)(0x20010000u | i) << 96, 32, i + 1));
            }
        }

        Assert.Equal(65_536u, bench.Reader6.Lookup(0x2001_FFFF_0000_0000, 0));
        Assert.Equal(1u, bench.Reader6.Lookup(0x2001_0000_FFFF_0000, 0));
        Assert.Equal(0u, bench.Reader6.Lookup(0x2001_0001_0000_0000, 0));
        Assert.Equal(0u, bench.Reader6.Lookup(0x2002_0000_0000_0000, 0));
    }

    [Fact]
    public void AFullTableRefusesAndIsAsBefore()
    {
        using Bench bench = new(is6: false, capacity: 64, units: 40);
        Random random = new(11);
        int refused = 0;
        for (int i = 0; i < 400; i++)
        {
            int length = random.Next(19, 33);
            UInt128 key = Prefix(random, 32, 10, length);
            if (!bench.TrySet(key, length, (uint)random.Next(1, 9)))
            {
                refused++;
            }

            for (int probe = 0; probe < 8; probe++)
            {
                bench.AssertSame(Address(random, 32, 10));
            }
        }

        Assert.InRange(refused, 300, 399);
        Assert.True(bench.Writer.Count <= 64);
    }

    [Fact]
    public void WhatIsRetiredIsNotUsedAgainBeforeItsTicketIsReleased()
    {
        using Bench bench = new(is6: false);
        UInt128 key = (UInt128)0x0A000001u << 96;
        bench.Set(key, 32, 1);
        uint before = bench.Writer.UnitsInUse;
        for (uint value = 2; value < 10; value++)
        {
            bench.Set(key, 32, value);
        }

        Assert.Equal(before + 8, bench.Writer.UnitsInUse);
        long ticket = bench.Writer.Seal();
        bench.Set(key, 32, 77); // retired after the ticket
        bench.Writer.Release(ticket);
        Assert.Equal(before + 1, bench.Writer.UnitsInUse);
    }

    [Fact]
    public void AReaderSeesOldOrNewWhileAWriterChurns()
    {
        using Bench bench = new(is6: false);
        bench.Set(0, 0, 1); // default; under it a /24 comes and goes, and a /32 in it
        UInt128 net = (UInt128)0xC6336400u << 96;
        UInt128 host = (UInt128)0xC6336407u << 96;
        bool stops = false;
        uint seen = 0;
        int wrong = 0;
        Lpm4 reader = bench.Reader4;
        Thread thread = new(() =>
        {
            while (!Volatile.Read(ref stops))
            {
                uint value = reader.Lookup(0xC6336407);
                seen |= 1u << (int)Math.Min(value, 31);
                wrong += value is 1 or 2 or 3 ? 0 : 1;
                wrong += reader.Lookup(0xC6336507) == 1 ? 0 : 1;
            }
        });
        thread.Start();
        for (int i = 0; i < 200_000 && (i < 20_000 || Volatile.Read(ref seen) != 0b1110); i++)
        {
            bench.Writer.Set(net, 24, 2);
            bench.Writer.Set(host, 32, 3);
            bench.Writer.Remove(host, 32);
            bench.Writer.Remove(net, 24);
            if (i % 64 == 63)
            {
                Thread.Yield();
            }

            bench.Writer.Release(bench.Writer.Seal() - 50_000); // the reader is never that far behind
        }

        Volatile.Write(ref stops, true);
        thread.Join();
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void DamagedMemoryGivesAWrongValueAtWorst()
    {
        using Bench bench = new(is6: true);
        Random random = new(3);
        for (int i = 0; i < 200; i++)
        {
            int length = random.Next(17, 129);
            bench.Set(Prefix(random, 128, 20, length), length, 5);
        }

        Span<byte> memory = bench.Memory.Slice<byte>(0, (int)bench.Memory.LengthBytes).Span;
        for (int round = 0; round < 2000; round++)
        {
            memory[random.Next(0x2000 * 4, 0x2000 * 4 + 64)] = (byte)random.Next(256);
            memory[random.Next((int)RangeTrie.RootBytes(16), (int)RangeTrie.RootBytes(16) + 40_000)] =
                (byte)random.Next(256);
            UInt128 address = Address(random, 128, 20);
            _ = bench.Reader6.Lookup((ulong)(address >> 64), (ulong)address);
        }
    }

    private static void Churn(int seed, int bits, int spread, int width, int rounds, bool is6,
        uint capacity = Capacity)
    {
        using Bench bench = new(is6, capacity);
        Random random = new(seed);
        for (int round = 0; round < rounds; round++)
        {
            int choice = random.Next(10);
            if (choice < 6 || bench.Naive.Count == 0)
            {
                int length = random.Next(0, width + 1);
                bench.Set(Prefix(random, bits, spread, length), length, (uint)random.Next(1, 1000));
            }
            else
            {
                (UInt128 key, int length) = bench.Naive.Keys.ElementAt(random.Next(bench.Naive.Count));
                if (choice < 9)
                {
                    bench.Remove(key, length);
                }
                else
                {
                    bench.Set(key, length, (uint)random.Next(1, 1000));
                }
            }

            bench.Writer.Release(bench.Writer.Seal());
            bench.AssertBorders(random);
            for (int probe = 0; probe < 4; probe++)
            {
                bench.AssertSame(Address(random, bits, spread));
            }
        }
    }

    // The first bits are fixed, so that prefixes meet.
    private static UInt128 Address(Random random, int bits, int spread)
    {
        UInt128 value = new((ulong)random.NextInt64(long.MinValue, long.MaxValue),
            (ulong)random.NextInt64(long.MinValue, long.MaxValue));
        UInt128 pattern = UInt128.Parse("2a0312345678abcdef00112233445566",
            System.Globalization.NumberStyles.HexNumber);
        UInt128 mask = spread == 0 ? 0 : UInt128.MaxValue << (128 - spread);
        // Few values a nibble: neighbours and parents are likely.
        UInt128 few = UInt128.Parse("13131313131313131313131313131313",
            System.Globalization.NumberStyles.HexNumber);
        UInt128 address = (pattern & mask) | (value & few & ~mask);
        return bits == 128 ? address : address >> 96 << 96;
    }

    private static UInt128 Prefix(Random random, int bits, int spread, int length) =>
        length == 0 ? 0 : Address(random, bits, spread) & (UInt128.MaxValue << (128 - length));
}
