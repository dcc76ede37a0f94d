using System.Buffers.Binary;
using LowLatency.Dataplane.Load;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Load;

public sealed partial class LoadFramesTests
{
    private static LoadFrames Frames(uint family, int bytes, uint flows = 4, int paths = 2)
    {
        PlanLoad plan = TestPlans.MakeLoad(flows: flows, paths: paths, family: family);
        plan.Sizes[0] = TestPlans.Size((uint)bytes);
        for (int i = 0; i < 16; i++)
        {
            plan.Source[i] = (byte)(0x20 + i);
            plan.Destination[i] = (byte)(0xA0 + i);
        }

        plan.Paths[1].SourceMac = 0xFFEE_DDCC_BBAA;
        return new LoadFrames(plan);
    }

    private static int Pick(LoadFrames frames)
    {
        SplitMix random = new(1);
        return frames.PickBytes(ref random);
    }

    private static FrameStamp Stamp(Random random, byte path) => new()
    {
        IntendedNs = random.NextInt64(),
        SentLateNs = (uint)random.NextInt64(),
        Sequence = (uint)random.NextInt64(),
        Path = path,
    };

    [Theory]
    [InlineData(4, 60)]
    [InlineData(6, 80)]
    public void FramesOfEverySizeAreValidAndTheStampComesBackWhole(uint family, int smallest)
    {
        Random random = new(60);
        for (int bytes = smallest; bytes <= 1792; bytes++)
        {
            LoadFrames frames = Frames(family, bytes);
            Assert.Equal(bytes, Pick(frames));
            for (byte path = 0; path < 2; path++)
            {
                FrameStamp stamp = Stamp(random, path);
                byte[] frame = new byte[bytes];
                frames.Write(frame, stamp);
                AssertValid(family, frame, stamp);
                Assert.True(frames.TryRead(frame, out FrameStamp read, out bool isIntact));
                Assert.Equal((stamp, true), (read, isIntact));
            }
        }
    }

    private static void AssertValid(uint family, byte[] frame, in FrameStamp stamp)
    {
        NaiveParser naive = new(frame);
        Assert.Equal((ParseResult.Ip, (int)family, 17), (naive.Result, naive.Family, naive.Protocol));
        Assert.True(LoadOracle.HasValidChecksums(frame));
        int udpAt = LoadOracle.UdpAt(frame);
        Assert.Equal(frame.Length - udpAt, BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(udpAt + 4)));
        int lengthAt = family == 4 ? 16 : 18;
        int length = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(lengthAt));
        Assert.Equal(frame.Length - (family == 4 ? 14 : 54), length);
        Assert.Equal((10_000 + (int)(stamp.Sequence % 4), 4000), naive.Ports);
        Assert.Equal(Enumerable.Range(0x20, family == 4 ? 4 : 16).Select(i => (byte)i), naive.Source);
        Assert.Equal(Enumerable.Range(0xA0, family == 4 ? 4 : 16).Select(i => (byte)i), naive.Destination);
        Assert.Equal(64, frame[family == 4 ? 22 : 21]); // TTL, hop limit
        Assert.Equal(0x0605_0403_0202u, Ethernet.ReadDestination(frame));
        Assert.Equal(stamp.Path == 0 ? 0x0A09_0807_0602u : 0xFFEE_DDCC_BBAAu, Ethernet.ReadSource(frame));
        Assert.All(frame[(udpAt + 8 + FrameStamp.SizeBytes)..], b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData(4, 60)]
    [InlineData(4, 61)]
    [InlineData(4, 300)]
    [InlineData(6, 80)]
    [InlineData(6, 301)]
    public void AnySingleFlippedBitOfTheUdpPartIsFound(uint family, int bytes)
    {
        LoadFrames frames = Frames(family, bytes);
        Random random = new(bytes);
        for (int round = 0; round < 20; round++)
        {
            byte[] frame = new byte[bytes];
            frames.Write(frame, Stamp(random, (byte)(round % 2)));
            for (int bit = LoadOracle.UdpAt(frame) * 8; bit < bytes * 8; bit++)
            {
                frame[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.False(frames.TryRead(frame, out _, out bool isIntact) && isIntact, $"bit {bit}");
                frame[bit / 8] ^= (byte)(1 << (bit % 8));
            }

            Assert.True(frames.TryRead(frame, out _, out bool isWhole) && isWhole);
        }
    }

    [Theory]
    [InlineData(4, 128)]
    [InlineData(6, 128)]
    public void ACutOrPaddedFrameIsNotIntact(uint family, int bytes)
    {
        LoadFrames frames = Frames(family, bytes);
        byte[] frame = new byte[bytes + 64];
        frames.Write(frame.AsSpan(0, bytes), new FrameStamp { IntendedNs = 1, Sequence = 5 });
        for (int length = 0; length <= frame.Length; length++)
        {
            bool isLoad = frames.TryRead(frame.AsSpan(0, length), out _, out bool isIntact);
            Assert.Equal(length == bytes, isLoad && isIntact);
        }
    }

    [Fact]
    public void TheFlowIsTheSourcePortAndWrapsAtTheEndOfThePorts()
    {
        LoadFrames frames = Frames(4, 60, flows: 32768);
        byte[] frame = new byte[60];
        foreach (uint sequence in (uint[])[0, 1, 32_767, 32_768, 100_000, uint.MaxValue])
        {
            frames.Write(frame, new FrameStamp { Sequence = sequence });
            Assert.Equal(10_000 + (int)(sequence % 32768),
                BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(34)));
            Assert.Equal(sequence % 32768, frames.FlowOf(sequence));
        }
    }

    /// <summary>RFC 768: a sum of zero is sent as all ones, since zero means "not computed".</summary>
    [Theory]
    [InlineData(4, 60)]
    [InlineData(6, 80)]
    public void AChecksumOfZeroIsSentAsOnesAndReadsAsIntact(uint family, int bytes)
    {
        LoadFrames frames = Frames(family, bytes);
        byte[] frame = new byte[bytes];
        int ones = 0;
        for (uint late = 0; late < 70_000; late++) // more than all 16-bit sums
        {
            frames.Write(frame, new FrameStamp { IntendedNs = 1_000, SentLateNs = late });
            ushort sum = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(LoadOracle.UdpAt(frame) + 6));
            Assert.NotEqual(0, sum);
            if (sum == ushort.MaxValue)
            {
                ones++;
                Assert.True(LoadOracle.HasValidChecksums(frame));
                Assert.True(frames.TryRead(frame, out _, out bool isIntact) && isIntact);
            }
        }

        Assert.True(ones > 0);
    }

    [Fact]
    public void SizesAreTakenByTheirWeightsAndAFrameOfEachIsIntact()
    {
        PlanLoad plan = TestPlans.MakeLoad();
        (uint Bytes, uint Weight)[] imix = [(60, 7), (590, 4), (1514, 1)];
        for (int i = 0; i < imix.Length; i++)
        {
            plan.Sizes[i] = TestPlans.Size(imix[i].Bytes, imix[i].Weight);
        }

        LoadFrames frames = new(plan);
        SplitMix random = new(1);
        int[] picks = new int[3];
        for (int i = 0; i < 120_000; i++)
        {
            int bytes = frames.PickBytes(ref random);
            picks[Array.FindIndex(imix, size => size.Bytes == bytes)]++;
        }

        for (int i = 0; i < imix.Length; i++)
        {
            Assert.InRange((uint)picks[i], imix[i].Weight * 9_800, imix[i].Weight * 10_200);
            byte[] frame = new byte[imix[i].Bytes];
            frames.Write(frame, new FrameStamp { Sequence = 1 });
            Assert.True(LoadOracle.HasValidChecksums(frame));
            Assert.True(frames.TryRead(frame, out _, out bool isIntact) && isIntact);
        }
    }
}
