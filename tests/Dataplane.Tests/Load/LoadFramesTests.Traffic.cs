using System.Buffers.Binary;
using LowLatency.Dataplane.Load;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Load;

/// <summary>Tags, ranges of flows and of sizes.</summary>
public sealed partial class LoadFramesTests
{
    [Theory]
    [InlineData(4, 1)]
    [InlineData(4, 2)]
    [InlineData(6, 1)]
    [InlineData(6, 2)]
    public void TagsStandBeforeAValidFrameAndTheReceiverReadsItWithAndWithoutThem(uint family, int tags)
    {
        PlanLoad plan = TestPlans.MakeLoad(family: family);
        plan.VlanCount = (uint)tags;
        (plan.OuterVlan, plan.InnerVlan) = (4094, 7);
        int bytes = (family == 4 ? 60 : 80) + (4 * tags);
        plan.Sizes[0] = TestPlans.Size((uint)bytes);
        LoadFrames frames = new(plan);
        FrameStamp stamp = new() { IntendedNs = 77, Sequence = 3 };
        byte[] frame = new byte[bytes];
        frames.Write(frame, stamp);
        byte[] wanted = tags == 1 ? [0x81, 0, 0x0F, 0xFE] : [0x88, 0xA8, 0x0F, 0xFE, 0x81, 0, 0, 7];
        Assert.Equal(wanted, frame[12..(12 + wanted.Length)]);
        byte[] bare = [.. frame[..12], .. frame[(12 + wanted.Length)..]];
        Assert.True(LoadOracle.HasValidChecksums(bare));
        foreach (byte[] received in (byte[][])[frame, bare])
        {
            Assert.True(frames.TryRead(received, out FrameStamp read, out bool isIntact));
            Assert.Equal((stamp, true), (read, isIntact));
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public void EveryFlowOfTheRangesHasItsOwnTupleAndValidChecksums(uint family)
    {
        PlanLoad plan = TestPlans.MakeLoad(flows: 3 * 5 * 7 * 2, family: family);
        (plan.SourcePortCount, plan.SourceCount, plan.DestinationCount, plan.DestinationPortCount) = (3, 5,
            7, 2);
        plan.Source[family == 4 ? 3 : 15] = 254; // the range carries into the byte before it
        LoadFrames frames = new(plan);
        byte[] frame = new byte[family == 4 ? 60 : 80];
        HashSet<string> tuples = [];
        for (uint sequence = 0; sequence < 3 * 210; sequence++)
        {
            frames.Write(frame, new FrameStamp { Sequence = sequence });
            NaiveParser naive = new(frame);
            Assert.True(LoadOracle.HasValidChecksums(frame));
            Assert.True(frames.TryRead(frame, out _, out bool isIntact) && isIntact);
            Assert.InRange(naive.Ports!.Value.Source, 10_000, 10_002);
            Assert.InRange(naive.Ports.Value.Destination, 4000, 4001);
            string tuple = $"{Convert.ToHexString([.. naive.Source])} "
                + $"{Convert.ToHexString([.. naive.Destination])} "
                + $"{naive.Ports}";
            Assert.Equal(sequence < 210, tuples.Add(tuple));
            Assert.Equal(sequence % 210, frames.FlowOf(sequence));
        }

        string[] sources = [.. tuples.Select(tuple => tuple.Split(' ')[0][^4..]).Distinct().Order()];
        Assert.Equal(["00FE", "00FF", "0100", "0101", "0102"], sources);
    }

    [Fact]
    public void AMillionFlowsAreAMillionTuples()
    {
        PlanLoad plan = TestPlans.MakeLoad(flows: Limits.FlowsMax);
        (plan.SourcePortCount, plan.SourceCount, plan.DestinationCount, plan.DestinationPortCount) = (16,
            256, 256, 1);
        LoadFlows flows = new(plan);
        HashSet<LoadFlow> seen = [];
        for (uint sequence = 0; sequence < Limits.FlowsMax; sequence++)
        {
            seen.Add(flows[sequence]);
        }

        Assert.Equal(Limits.FlowsMax, seen.Count);
    }

    [Fact]
    public void ARangeOfSizesIsUniformAndEveryLengthIsValid()
    {
        PlanLoad plan = TestPlans.MakeLoad();
        plan.Sizes[0] = new PlanSize { FrameBytes = 60, FrameBytesMax = 79, Weight = 3 };
        plan.Sizes[1] = new PlanSize { FrameBytes = 1514, FrameBytesMax = 1514, Weight = 1 };
        LoadFrames frames = new(plan);
        SplitMix random = new(5);
        Dictionary<int, int> picks = [];
        for (int i = 0; i < 80_000; i++)
        {
            int bytes = frames.PickBytes(ref random);
            picks[bytes] = picks.GetValueOrDefault(bytes) + 1;
        }

        Assert.Equal([.. Enumerable.Range(60, 20), 1514], picks.Keys.Order());
        Assert.InRange(picks[1514], 19_400, 20_600);
        foreach (int bytes in picks.Keys)
        {
            Assert.True(bytes == 1514 || picks[bytes] is > 2_700 and < 3_300, $"{bytes}: {picks[bytes]}");
            byte[] frame = new byte[bytes];
            frames.Write(frame, new FrameStamp { Sequence = 9 });
            Assert.True(LoadOracle.HasValidChecksums(frame));
            Assert.Equal(bytes - 14, BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(16)));
            Assert.True(frames.TryRead(frame, out _, out bool isIntact) && isIntact);
        }
    }
}
