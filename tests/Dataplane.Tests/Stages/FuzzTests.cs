using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>Frames of every length and any content through every stage: nothing crashes, the ledger
/// balances.</summary>
public sealed class FuzzTests
{
    private const int Frames = 10_000_000;
    private const ulong Seed = 20_260_117;

    private static readonly PlanRule[] Rules =
    [
        new() { Family = 4, Protocol = 17, DestinationBits = 8, Destination = Address(10), SourcePortHigh = 65535,
            DestinationPortHigh = 1000, Port = -1, Action = RuleAction.Drop },
        new() { Family = 6, Protocol = 256, SourceBits = 3, Source = Address(0x20), SourcePortHigh = 65535,
            DestinationPortHigh = 65535, Port = 1, Action = RuleAction.Pass },
        new() { Protocol = 256, SourcePortHigh = 65535, DestinationPortHigh = 65535, Port = 0 },
    ];

    private static PlanStage FilterStage => new()
    {
        Kind = StageKind.Filter, PortA = -1, PortB = -1, RuleCount = (uint)Rules.Length,
        DefaultAction = RuleAction.Drop,
    };

    public static TheoryData<int> Pipelines => [0, 1, 2, 3, 4];

    [Theory]
    [MemberData(nameof(Pipelines))]
    public void TenMillionFuzzedFramesOfEveryLengthBalance(int pipeline)
    {
        PlanStage rewrite = TestPlans.Stage(StageKind.MacRewrite, 1);
        rewrite.DestinationMac = 0x1234;
        PlanStage[] stages = pipeline switch
        {
            0 => [FilterStage, TestPlans.Connect, rewrite],
            1 => [TestPlans.Connect, TestPlans.Stage(StageKind.MacSwap)],
            2 => [TestPlans.Stage(StageKind.Reflect)],
            3 => [TestPlans.Stage(StageKind.MacSwap), FilterStage, TestPlans.Connect, rewrite], // not fused
            _ => [TestPlans.Connect, rewrite, FilterStage, TestPlans.Stage(StageKind.Reflect)], // not fused
        };
        PlanImage plan = TestPlans.Forward(stages, Rules, frames: 1024, slots: 256);
        using LaneBench bench = new(plan);
        bench.Port(0).Keeps = bench.Port(1).Keeps = false;
        ulong state = Seed + (ulong)pipeline;
        byte[] noise = new byte[4096];
        new Random(pipeline).NextBytes(noise);
        byte[] frame = new byte[1792];
        ulong received = 0;
        for (int i = 0; i < Frames / Pipelines.Count; i++)
        {
            state = (state * 6_364_136_223_846_793_005) + 1_442_695_040_888_963_407;
            int bytes = i < 1793 * 2 ? i / 2 : (int)(state >> 33) % 128; // every length first, headers' lengths after
            Span<byte> fuzz = frame.AsSpan(0, bytes);
            noise.AsSpan((int)(state >> 40) % 2048, bytes).CopyTo(fuzz);
            Shape(fuzz, state);
            while (!bench.Receive(i & 1, fuzz))
            {
                bench.Lane.Turn();
            }

            received++;
        }

        for (int turn = 0; turn < 16; turn++)
        {
            bench.Turn(); // a ring of 256 is four bursts
        }

        ulong ended = bench.Counters.TxFrames;
        foreach (ulong drops in (ReadOnlySpan<ulong>)bench.Counters.Drops)
        {
            ended += drops;
        }

        Assert.Equal(received, bench.Counters.RxFrames);
        Assert.Equal(received, ended);
        Assert.Equal(bench.Counters.TxFrames, bench.Port(0).SentCount + bench.Port(1).SentCount);
    }

    // Noise alone is never IP: most frames get an EtherType and a version so that the parsers see depth.
    private static void Shape(Span<byte> frame, ulong state)
    {
        if (frame.Length < 24 || (state & 15) == 0)
        {
            return;
        }

        int at = 12;
        for (ulong tags = (state >> 4) & 3; tags > 0 && at + 12 < frame.Length; tags--)
        {
            frame[at] = 0x81;
            frame[at + 1] = 0;
            at += 4;
        }

        bool isV4 = (state & 16) == 0;
        frame[at] = isV4 ? (byte)0x08 : (byte)0x86;
        frame[at + 1] = isV4 ? (byte)0x00 : (byte)0xDD;
        frame[at + 2] = isV4 ? (byte)(0x45 + ((state >> 8) & 1)) : (byte)0x60;
        if (isV4 && at + 12 < frame.Length)
        {
            frame[at + 4] = 0;
            frame[at + 5] = (byte)Math.Min(frame.Length - at - 2 + (int)((state >> 12) & 3) - 1, 255);
            frame[at + 11] = 17;
        }
    }

    private static Address16 Address(byte first)
    {
        Address16 address = default;
        address[0] = first;
        return address;
    }
}
