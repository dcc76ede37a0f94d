using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using Xunit;

namespace LowLatency.Native.Tests.Tables;

/// <summary>Access lists against the same rules read one after the other.</summary>
public sealed class AclTableTests
{
    [Theory]
    [InlineData(RuleSetKind.Acl, 10, 4)]
    [InlineData(RuleSetKind.Acl, 1000, 4)]
    [InlineData(RuleSetKind.Firewall, 1000, 4)]
    [InlineData(RuleSetKind.Chain, 1000, 4)]
    [InlineData(RuleSetKind.Acl, 5000, 4)]
    [InlineData(RuleSetKind.Firewall, 3000, 6)]
    [InlineData(RuleSetKind.Chain, 1000, 6)]
    public void TheFirstRuleThatMatchesIsFound(RuleSetKind kind, int count, int family)
    {
        AclRule[] rules = AclRuleSets.Make(kind, count, seed: count + family, family);
        using Table table = new(rules);
        Random random = new(1);
        for (int i = 0; i < 20_000; i++)
        {
            table.AssertSame(AclRuleSets.KeyNear(rules[random.Next(count)], random, family));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void EveryConditionHoldsAtBothItsEnds(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 12; round++)
        {
            AclRule[] rules = AclRuleSets.MakeWild(random, 1 << round);
            using Table table = new(rules);
            for (int i = 0; i < 3000; i++)
            {
                AclRule rule = rules[random.Next(rules.Length)];
                int family = random.Next(8) != 0 ? rule.Family
                    : random.Next(3) switch { 0 => 0, 1 => 4, _ => 6 };
                table.AssertSame(AclRuleSets.KeyNear(rule, random, family));
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void EveryKeyOfASmallSpaceIsRight(int seed)
    {
        // 4 bits of source and destination, 4 of a port: all 4096 keys against rules of every shape there.
        Random random = new(seed);
        AclRule[] rules = new AclRule[200];
        for (int i = 0; i < rules.Length; i++)
        {
            int low = random.Next(16);
            rules[i] = new AclRule
            {
                Family = 4,
                Source = (uint)random.Next(16),
                SourceBits = random.Next(8) == 0 ? 0 : random.Next(28, 33),
                Destination = (uint)random.Next(16),
                DestinationBits = random.Next(8) == 0 ? 0 : random.Next(28, 33),
                DestinationPorts = random.Next(3) == 0 ? ((ushort)0, ushort.MaxValue)
                    : ((ushort)low, (ushort)random.Next(low, 16)),
            };
        }

        using Table table = new(rules);
        for (uint all = 0; all < 4096; all++)
        {
            table.AssertSame(AclKey.OfIpv4(
                all & 15, (all >> 4) & 15, new AclKey.Parts(17, all >> 8, true, true, -1, 0, 0)));
        }
    }

    [Fact]
    public void OfEqualRulesTheFirstCounts()
    {
        AclRule[] rules = new AclRule[300];
        Array.Fill(rules, new AclRule { Family = 4, Source = 0x0A000001, SourceBits = 32 });
        rules[0] = new AclRule { Family = 4, Source = 0x0A000002, SourceBits = 32 };
        using Table table = new(rules);
        AclKey.Parts parts = new(17, 0, false, true, -1, 0, 0);
        Assert.Equal(1, table.Reader.Match(AclKey.OfIpv4(0x0A000001, 0, parts)));
        Assert.Equal(0, table.Reader.Match(AclKey.OfIpv4(0x0A000002, 0, parts)));
        Assert.Equal(AclTable.NoRule, table.Reader.Match(AclKey.OfIpv4(0x0A000003, 0, parts)));
    }

    [Fact]
    public void NoRulesMatchNothing()
    {
        using Table table = new([]);
        Assert.Equal(AclTable.NoRule, table.Reader.Match(AclKey.OfIpv4(1, 2, default)));
    }

    [Fact]
    public void ABurstIsMatchedAsItsKeysAre()
    {
        AclRule[] rules = AclRuleSets.MakeWild(new Random(9), 500);
        using Table table = new(rules);
        Random random = new(2);
        foreach (int count in (int[])[0, 1, 7, 32, 64, 100])
        {
            AclKey[] keys = new AclKey[count];
            for (int i = 0; i < count; i++)
            {
                AclRule rule = rules[random.Next(rules.Length)];
                keys[i] = AclRuleSets.KeyNear(rule, random, rule.Family);
            }

            int[] found = new int[count];
            table.Reader.Match(keys, found);
            Assert.Equal(Array.ConvertAll(keys, table.Naive), found);
        }
    }

    [Fact]
    public void BitsAreExtractedTheSameWithoutTheInstruction()
    {
        if (!System.Runtime.Intrinsics.X86.Bmi2.X64.IsSupported)
        {
            return;
        }

        Random random = new(3);
        for (int i = 0; i < 1000; i++)
        {
            ulong word = (ulong)random.NextInt64();
            ulong mask = (ulong)(random.NextInt64() & random.NextInt64());
            Assert.Equal(System.Runtime.Intrinsics.X86.Bmi2.X64.ParallelBitExtract(word, mask),
                AclTable.ExtractSlowly(word, mask));
        }
    }

    [Fact]
    public void DamagedMemoryMatchesWrongAndNoMore()
    {
        AclRule[] rules = AclRuleSets.Make(RuleSetKind.Firewall, 300, seed: 3);
        Assert.True(AclBuilder.TryBuild(rules, out byte[]? image, out _));
        Random random = new(4);
        using MappedMemory memory = MappedMemory.Anonymous(image!.Length, HugePages.Never);
        NativeSpan<byte> bytes = memory.Slice<byte>(0, image.Length);
        for (int round = 0; round < 400; round++)
        {
            image.CopyTo(bytes.Span);
            int damage = 1 << random.Next(12);
            for (int i = 0; i < damage; i++)
            {
                int at = random.Next(round % 2 == 0 ? 8 : 0, round % 4 == 0 ? 4096 : image.Length);
                bytes[at] = (byte)random.Next(256);
            }

            AclTable reader = new(bytes);
            for (int i = 0; i < 50; i++)
            {
                AclRule rule = rules[random.Next(rules.Length)];
                AclKey key = AclRuleSets.KeyNear(rule, random, random.Next(2) == 0 ? 4 : 6);
                Assert.InRange(reader.Match(key), -1, reader.RuleCount - 1);
            }
        }
    }

    [Fact]
    public void MemoryStaysWithinItsBound()
    {
        foreach (RuleSetKind kind in Enum.GetValues<RuleSetKind>())
        {
            AclRule[] rules = AclRuleSets.Make(kind, 2000, seed: 6);
            Assert.True(AclBuilder.TryBuild(rules, out byte[]? image, out _));
            Assert.InRange(image!.Length, 1, AclBuilder.BytesFor(rules.Length));
        }
    }

    [Fact]
    public void RulesThatOverlapInEveryWayStayWithinTheBoundOrAreRefusedByName()
    {
        // Two ranges each and nothing else: no cut parts them without many copies.
        Random random = new(8);
        AclRule[] rules = new AclRule[4000];
        for (int i = 0; i < rules.Length; i++)
        {
            int low = random.Next(1, 60_000);
            int other = random.Next(1, 60_000);
            rules[i] = new AclRule
            {
                Family = 4,
                SourcePorts = ((ushort)low, (ushort)(low + random.Next(5000))),
                DestinationPorts = ((ushort)other, (ushort)(other + random.Next(5000))),
            };
        }

        if (AclBuilder.TryBuild(rules, out byte[]? image, out string? problem))
        {
            Assert.InRange(image!.Length, 1, AclBuilder.BytesFor(rules.Length));
            using Table table = new(rules);
            for (int i = 0; i < 2000; i++)
            {
                table.AssertSame(AclRuleSets.KeyNear(rules[random.Next(rules.Length)], random, 4));
            }
        }
        else
        {
            Assert.Contains("any source, any destination, port ranges", problem, StringComparison.Ordinal);
        }
    }

    private sealed class Table : IDisposable
    {
        private readonly AclRule[] _rules;
        private readonly MappedMemory _memory;

        public Table(AclRule[] rules)
        {
            _rules = rules;
            Assert.True(AclBuilder.TryBuild(rules, out byte[]? image, out string? problem), problem);
            _memory = MappedMemory.Anonymous(image!.Length, HugePages.Never);
            NativeSpan<byte> bytes = _memory.Slice<byte>(0, image.Length);
            image.CopyTo(bytes.Span);
            Reader = new AclTable(bytes);
        }

        public AclTable Reader { get; }

        public int Naive(AclKey key) => Array.FindIndex(_rules, rule => rule.Matches(key));

        public void AssertSame(AclKey key) => Assert.Equal(Naive(key), Reader.Match(key));

        public void Dispose() => _memory.Dispose();
    }
}
