using CsCheck;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Stages;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

public sealed class FilterTests
{
    /// <summary>Random rules over random frames: verdict and every counter as the naive reading has
    /// them.</summary>
    [Fact]
    public void VerdictsAndCountersAreThoseOfANaiveReadingOfTheRules() => Gen.ULong.Sample(
        seed =>
        {
            Random random = new((int)(seed ^ (seed >> 32)));
            PlanRule[] rules = new PlanRule[random.Next(6)];
            for (int i = 0; i < rules.Length; i++)
            {
                rules[i] = MakeRule(random);
            }

            RuleAction defaultAction = (RuleAction)random.Next(2);
            (ulong Frames, ulong Bytes)[] expected = new (ulong, ulong)[rules.Length];
            using MappedMemory memory = MappedMemory.Anonymous(4096, HugePages.Never);
            NativeSpan<RuleCounter> counters = memory.Slice<RuleCounter>(0, rules.Length);
            Filter filter = new(rules, defaultAction, counters);
            for (int i = 0; i < 40; i++)
            {
                byte[] frame = FrameMaker.Make(seed + (ulong)i);
                byte[] before = [.. frame];
                int ingress = random.Next(3);
                Verdict so = random.Next(2) == 0 ? Verdict.None : Verdict.Forward(1);
                Verdict naive = Judge(rules, defaultAction, frame, ingress, so, expected);
                Assert.Equal(naive, filter.Apply(frame, ingress, so));
                Assert.Equal(before, frame);
            }

            for (int i = 0; i < rules.Length; i++)
            {
                Assert.Equal(expected[i], (counters[i].Frames, counters[i].Bytes));
            }
        },
        iter: 10_000);

    /// <summary>The test above says something only if rules of every kind match now and then.</summary>
    [Fact]
    public void TheGeneratedRulesMatchAndMissOften()
    {
        int[] seen = new int[4];
        for (int seed = 0; seed < 20_000; seed++)
        {
            Random random = new(seed);
            PlanRule rule = MakeRule(random);
            NaiveParser naive = new(FrameMaker.Make((ulong)seed));
            if (naive.Result != ParseResult.Malformed)
            {
                int kind = rule.Family == 0 ? 0 : rule.SourceBits + rule.DestinationBits > 0 ? 1 : 2;
                seen[Matches(rule, naive, 1) ? kind : 3]++;
            }
        }

        Assert.All(seen, count => Assert.True(count > 200, string.Join(' ', seen)));
    }

    [Fact]
    public void EveryPrefixLengthOfBothFamiliesEndsAtItsBit()
    {
        foreach (uint family in (uint[])[4, 6])
        {
            uint bitsMax = family == 4 ? 32u : 128u;
            for (uint bits = 0; bits <= bitsMax; bits++)
            {
                for (uint flipped = 0; flipped < bitsMax; flipped++)
                {
                    AssertPrefix(family, bits, flipped);
                }
            }
        }
    }

    [Fact]
    public void EveryEdgeOfAPortRangeIsInIt()
    {
        using MappedMemory memory = MappedMemory.Anonymous(4096, HugePages.Never);
        foreach ((ushort low, ushort high) in ((ushort, ushort)[])[(0, 0), (0, 1), (80, 80), (80, 90),
            (65535, 65535), (65000, 65535), (0, 65534), (1, 65535)])
        {
            PlanRule rule = AnyRule();
            rule.Action = RuleAction.Drop;
            (rule.DestinationPortLow, rule.DestinationPortHigh) = (low, high);
            Filter filter = new([rule], RuleAction.Pass, memory.Slice<RuleCounter>(0, 1));
            for (int port = 0; port <= ushort.MaxValue; port++)
            {
                bool isHit = filter.Apply(TestPlans.Udp((ushort)port), 0, Verdict.None).IsEnded;
                Assert.True(isHit == (port >= low && port <= high), $"{port} in {low}-{high}: {isHit}");
            }
        }
    }

    [Fact]
    public void ARuleForAnyPortSeesFramesWithoutPortsAndOneForARangeDoesNot()
    {
        byte[] icmp = TestPlans.Udp();
        icmp[23] = 1;
        PlanRule rule = AnyRule();
        Assert.True(IsHit(rule, icmp));
        rule.DestinationPortHigh = 65534;
        Assert.False(IsHit(rule, icmp));
    }

    [Fact]
    public void AFrameThatIsNoIpMatchesOnlyRulesThatAskForNothingIpHas()
    {
        byte[] arp = new byte[60];
        (arp[12], arp[13]) = (0x08, 0x06);
        PlanRule rule = AnyRule();
        rule.Port = 0;
        Assert.True(IsHit(rule, arp));
        PlanRule family = rule;
        family.Family = 4;
        Assert.False(IsHit(family, arp));
        PlanRule protocol = rule;
        protocol.Protocol = 0; // hop-by-hop, not "none"
        Assert.False(IsHit(protocol, arp));
        rule.Port = 1;
        Assert.False(IsHit(rule, arp));
    }

    private static void AssertPrefix(uint family, uint bits, uint flipped)
    {
        int sourceAt = family == 4 ? 26 : 22;
        int bytes = family == 4 ? 4 : 16;
        byte[] frame = new byte[80];
        (frame[12], frame[13]) = family == 4 ? ((byte)0x08, (byte)0x00) : ((byte)0x86, (byte)0xDD);
        frame[14] = family == 4 ? (byte)0x45 : (byte)0x60;
        (frame[17], frame[20]) = family == 4 ? ((byte)66, (byte)0) : ((byte)0, (byte)59);
        PlanRule source = AnyRule();
        source.Family = family;
        PlanRule destination = source;
        for (int i = 0; i < 2 * bytes; i++)
        {
            frame[sourceAt + i] = (byte)(i * 37);
        }

        for (int i = 0; i < bytes; i++)
        {
            source.Source[i] = frame[sourceAt + i];
            destination.Destination[i] = frame[sourceAt + bytes + i];
        }

        source.SourceBits = destination.DestinationBits = bits;
        source.Source[(int)flipped / 8] ^= (byte)(0x80 >> (int)(flipped % 8));
        destination.Destination[(int)flipped / 8] ^= (byte)(0x80 >> (int)(flipped % 8));
        bool isOutside = flipped >= bits;
        Assert.True(isOutside == IsHit(source, frame), $"v{family}/{bits}, bit {flipped} differs in the source");
        Assert.True(isOutside == IsHit(destination, frame), $"v{family}/{bits}, bit {flipped} differs in the target");
    }

    private static bool IsHit(in PlanRule rule, byte[] frame)
    {
        using MappedMemory memory = MappedMemory.Anonymous(4096, HugePages.Never);
        NativeSpan<RuleCounter> counters = memory.Slice<RuleCounter>(0, 1);
        PlanRule drop = rule;
        drop.Action = RuleAction.Drop;
        Verdict verdict = new Filter([drop], RuleAction.Pass, counters).Apply(frame, 0, Verdict.Forward(1));
        Assert.Equal(counters[0].Frames == 1, verdict == Verdict.Drop(DropReason.FilterRule));
        return verdict.IsEnded;
    }

    private static PlanRule AnyRule() => new()
    {
        Protocol = 256, SourcePortHigh = 65535, DestinationPortHigh = 65535, Port = -1,
    };

    internal static PlanRule MakeRule(Random random)
    {
        PlanRule rule = AnyRule();
        rule.Action = (RuleAction)random.Next(2);
        rule.Family = (uint)random.Next(3) switch { 0 => 0u, 1 => 4u, _ => 6u };
        rule.Protocol = random.Next(8) switch { 0 => 17u, 1 => 6u, 2 => (uint)random.Next(256), _ => 256u };
        rule.Port = random.Next(3) == 0 ? random.Next(3) : -1;
        if (rule.Family != 0) // a prefix has a family
        {
            int last = rule.Family == 4 ? 3 : 15;
            rule.SourceBits = Bits(random, rule.Family);
            rule.DestinationBits = Bits(random, rule.Family);
            (rule.Source[0], rule.Source[last]) = ((byte)(random.Next(2) == 0 ? 10 : 0x20), (byte)random.Next(4));
            (rule.Destination[0], rule.Destination[last]) = ((byte)10, (byte)random.Next(4));
        }

        if (random.Next(4) == 0)
        {
            int low = random.Next(65536);
            (rule.SourcePortLow, rule.SourcePortHigh) = ((ushort)low, (ushort)random.Next(low, 65536));
        }

        if (random.Next(4) == 0)
        {
            (rule.DestinationPortLow, rule.DestinationPortHigh) = (0, (ushort)random.Next(65536));
        }

        return rule;
    }

    private static uint Bits(Random random, uint family) => random.Next(4) switch
    {
        0 or 1 => 0,
        2 => (uint)random.Next(9),
        _ => (uint)random.Next(family == 4 ? 33 : 129),
    };

    private static Verdict Judge(
        PlanRule[] rules, RuleAction defaultAction, byte[] frame, int ingress, Verdict verdict,
        (ulong Frames, ulong Bytes)[] counters)
    {
        NaiveParser naive = new(frame);
        if (naive.Result == ParseResult.Malformed)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        int hit = Array.FindIndex(rules, rule => Matches(rule, naive, ingress));
        if (hit < 0)
        {
            return defaultAction == RuleAction.Drop ? Verdict.Drop(DropReason.FilterDefault) : verdict;
        }

        counters[hit].Frames++;
        counters[hit].Bytes += (ulong)frame.Length;
        return rules[hit].Action == RuleAction.Drop ? Verdict.Drop(DropReason.FilterRule) : verdict;
    }

    private static bool Matches(PlanRule rule, NaiveParser frame, int ingress)
    {
        if (rule.Port >= 0 && rule.Port != ingress)
        {
            return false;
        }

        bool isIp = frame.Result == ParseResult.Ip;
        if (rule.Family != 0 && (!isIp || rule.Family != frame.Family))
        {
            return false;
        }

        if (rule.Protocol != 256 && (!isIp || rule.Protocol != frame.Protocol))
        {
            return false;
        }

        bool anyPorts = rule is { SourcePortLow: 0, SourcePortHigh: 65535, DestinationPortLow: 0,
            DestinationPortHigh: 65535 };
        if (!anyPorts && (frame.Ports is not (int source, int destination)
            || source < rule.SourcePortLow || source > rule.SourcePortHigh
            || destination < rule.DestinationPortLow || destination > rule.DestinationPortHigh))
        {
            return false;
        }

        return HasPrefix(frame.Source, rule.Source, rule.SourceBits)
            && HasPrefix(frame.Destination, rule.Destination, rule.DestinationBits);
    }

    private static bool HasPrefix(byte[] address, Address16 prefix, uint bits)
    {
        for (int bit = 0; bit < bits; bit++)
        {
            int mask = 0x80 >> (bit % 8);
            if ((address[bit / 8] & mask) != (prefix[bit / 8] & mask))
            {
                return false;
            }
        }

        return true;
    }
}
