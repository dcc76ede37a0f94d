using CsCheck;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Tests.Lanes;
using Xunit;

namespace LowLatency.Dataplane.Tests.Packets;

public sealed class FiveTupleTests
{
    [Fact]
    public void EveryGeneratedFrameReadsAsTheNaiveParserReadsIt() =>
        Gen.ULong.Sample(seed => AssertSame(FrameMaker.Make(seed)), iter: 200_000);

    [Fact]
    public void AFrameCutAtAnyLengthReadsAsTheNaiveParserReadsIt() =>
        Gen.ULong.Sample(
            seed =>
            {
                byte[] frame = FrameMaker.Make(seed);
                for (int bytes = 0; bytes < frame.Length; bytes++)
                {
                    AssertSame(frame[..bytes]);
                }
            },
            iter: 3_000);

    /// <summary>Of the generated frames a fair share must reach every answer, else the two tests above say
    /// little.
    /// </summary>
    [Fact]
    public void TheGeneratorReachesEveryAnswer()
    {
        int[] results = new int[3];
        int[] families = new int[7];
        int withPorts = 0;
        for (ulong seed = 0; seed < 10_000; seed++)
        {
            NaiveParser naive = new(FrameMaker.Make(seed));
            results[(int)naive.Result]++;
            if (naive.Result == ParseResult.Ip)
            {
                families[naive.Family]++;
                withPorts += naive.Ports.HasValue ? 1 : 0;
            }
        }

        Assert.All(results, count => Assert.InRange(count, 500, 9_500));
        Assert.InRange(families[4], 1_000, 9_000);
        Assert.InRange(families[6], 1_000, 9_000);
        Assert.InRange(withPorts, 1_000, 9_000);
    }

    [Fact]
    public void EveryFirstByteOfAnIpv4HeaderIsJudgedAsTheNaiveParserJudgesIt()
    {
        byte[] frame = TestPlans.Udp();
        for (int first = 0; first < 256; first++)
        {
            for (int total = 0; total < 64; total++)
            {
                frame[14] = (byte)first;
                frame[17] = (byte)total;
                AssertSame(frame);
            }
        }
    }

    [Fact]
    public void AChainOfEightExtensionHeadersHasNoPortsAndOneOfSevenHas()
    {
        for (int headers = 0; headers < 12; headers++)
        {
            byte[] frame = new byte[14 + 40 + (8 * headers) + 8];
            frame[12] = 0x86;
            frame[13] = 0xDD;
            frame[14] = 0x60;
            frame[19] = (byte)(frame.Length - 54);
            frame[20] = headers > 0 ? (byte)60 : (byte)17;
            for (int i = 0; i < headers; i++)
            {
                frame[54 + (8 * i)] = i + 1 < headers ? (byte)60 : (byte)17;
            }

            Assert.Equal(ParseResult.Ip, FiveTuple.Parse(frame, out FiveTuple tuple));
            Assert.Equal(headers < 8, tuple.HasPorts);
            AssertSame(frame);
        }
    }

    private static void AssertSame(byte[] frame)
    {
        NaiveParser naive = new(frame);
        ParseResult result = FiveTuple.Parse(frame, out FiveTuple tuple);
        string what = Convert.ToHexString(frame);
        Assert.True(naive.Result == result, $"{result}, naive {naive.Result}: {what}");
        if (result != ParseResult.Ip)
        {
            return;
        }

        Assert.True((naive.Family, naive.Protocol) == (tuple.Family, tuple.Protocol), what);
        UInt128 source = new(tuple.SourceHigh, tuple.SourceLow);
        UInt128 destination = new(tuple.DestinationHigh, tuple.DestinationLow);
        Assert.True(NaiveParser.Number(naive.Source) == source, what);
        Assert.True(NaiveParser.Number(naive.Destination) == destination, what);
        Assert.True(naive.Ports.HasValue == tuple.HasPorts, what);
        Assert.True((naive.Ports ?? (0, 0)) == (tuple.SourcePort, tuple.DestinationPort), what);
    }
}
