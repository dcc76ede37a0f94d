using CsCheck;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Stages;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Dataplane.Tests.Packets;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>Each step alone, on one frame.</summary>
public sealed class StepTests
{
    private static readonly Verdict[] Verdicts =
        [Verdict.None, Verdict.Forward(0), Verdict.Forward(1), Verdict.Forward(15)];

    [Fact]
    public void AVerdictIsExactlyOneOfUndecidedForwardAndEnded()
    {
        Assert.Equal((false, false), (Verdict.None.IsForward, Verdict.None.IsEnded));
        Assert.Equal(DropReason.NoVerdict, Verdict.None.Reason);
        for (int port = 0; port < Native.Limits.PortsPerLaneMax; port++)
        {
            Verdict forward = Verdict.Forward(port);
            Assert.Equal((true, false, port), (forward.IsForward, forward.IsEnded, forward.Port));
        }

        foreach (DropReason reason in Enum.GetValues<DropReason>().Where(reason =>
            reason != DropReason.NoVerdict))
        {
            Verdict drop = Verdict.Drop(reason);
            Assert.Equal((false, true, reason), (drop.IsForward, drop.IsEnded, drop.Reason));
        }

        Assert.Equal(Verdict.None, Verdict.Drop(DropReason.NoVerdict));
    }

    [Fact]
    public void ACrossConnectSendsToTheOtherPortAndLeavesOtherPortsUndecided()
    {
        for (int a = 0; a < 4; a++)
        {
            for (int b = 0; b < 4; b++)
            {
                for (int ingress = 0; ingress < 4; ingress++)
                {
                    foreach (Verdict before in Verdicts)
                    {
                        byte[] frame = TestPlans.Udp();
                        Verdict after = new CrossConnect(a, b).Apply(frame, ingress, before);
                        Verdict expected = ingress == a ? Verdict.Forward(b)
                            : ingress == b ? Verdict.Forward(a) : before;
                        Assert.Equal(expected, after);
                        Assert.Equal(TestPlans.Udp(), frame);
                    }
                }
            }
        }
    }

    [Fact]
    public void AMacRewriteChangesOnlyItsPortsFramesAndZeroLeavesAnAddress()
    {
        ulong[] macs = [0, 0x0605_0403_0202, 0xFFFF_FFFF_FFFF];
        foreach (ulong destination in macs)
        {
            foreach (ulong source in macs)
            {
                foreach (int port in (int[])[-1, 0, 1])
                {
                    foreach (Verdict before in Verdicts)
                    {
                        AssertRewrite(port, destination, source, before);
                    }
                }
            }
        }
    }

    private static void AssertRewrite(int port, ulong destination, ulong source, Verdict before)
    {
        byte[] frame = TestPlans.Udp();
        byte[] expected = TestPlans.Udp();
        bool isTouched = before.IsForward && (port < 0 || before.Port == port);
        for (int i = 0; i < 6 && isTouched; i++)
        {
            expected[i] = destination == 0 ? expected[i] : (byte)(destination >> (8 * i));
            expected[6 + i] = source == 0 ? expected[6 + i] : (byte)(source >> (8 * i));
        }

        Assert.Equal(before, new MacRewrite(port, destination, source).Apply(frame, 0, before));
        Assert.Equal(expected, frame);
    }

    [Fact]
    public void AFrameShorterThanItsHeaderIsMalformedToEveryStepThatTouchesIt()
    {
        for (int bytes = 0; bytes < 14; bytes++)
        {
            byte[] frame = new byte[bytes];
            Verdict malformed = Verdict.Drop(DropReason.Malformed);
            Assert.Equal(malformed, default(MacSwap).Apply(frame, 0, Verdict.None));
            Assert.Equal(malformed, default(Reflect).Apply(frame, 0, Verdict.None));
            Assert.Equal(malformed, new MacRewrite(-1, 1, 1).Apply(frame, 0, Verdict.Forward(0)));
            Assert.Equal(Verdict.None, new MacRewrite(-1, 1, 1).Apply(frame, 0, Verdict.None));
        }
    }

    [Fact]
    public void AMacSwapSwapsAndTwoOfThemAreNothing() => Gen.ULong.Sample(
        seed =>
        {
            byte[] frame = FrameMaker.Make(seed);
            byte[] before = [.. frame];
            foreach (Verdict verdict in Verdicts)
            {
                Assert.Equal(verdict, default(MacSwap).Apply(frame, 0, verdict));
                Assert.Equal(before[..6], frame[6..12]);
                Assert.Equal(before[6..12], frame[..6]);
                Assert.Equal(before[12..], frame[12..]);
                Assert.Equal(verdict, default(MacSwap).Apply(frame, 0, verdict));
                Assert.Equal(before, frame);
            }
        },
        iter: 10_000);

    [Fact]
    public void AReflectTurnsUdpRoundEndsTheRestByNameAndTwoOfThemAreNothing() => Gen.ULong.Sample(
        seed =>
        {
            byte[] frame = FrameMaker.Make(seed);
            byte[] before = [.. frame];
            NaiveParser naive = new(before);
            Verdict verdict = default(Reflect).Apply(frame, 3, Verdict.None);
            if (naive.Result == ParseResult.Malformed)
            {
                Assert.Equal(Verdict.Drop(DropReason.Malformed), verdict);
            }
            else if (!IsReflected(before, naive))
            {
                Assert.Equal(Verdict.Drop(DropReason.NotUdp), verdict);
            }

            if (verdict.IsEnded)
            {
                Assert.Equal(before, frame);
                return;
            }

            NaiveParser after = new(frame);
            Assert.Equal(Verdict.Forward(3), verdict);
            Assert.Equal(naive.Source, after.Destination);
            Assert.Equal(naive.Destination, after.Source);
            Assert.Equal(naive.Ports, (after.Ports!.Value.Destination, after.Ports.Value.Source));
            Assert.Equal(before[..6], frame[6..12]);
            Assert.Equal(before[6..12], frame[..6]);
            Assert.Equal(HeadersTests.NaiveSum(before.AsSpan(12)), HeadersTests.NaiveSum(frame.AsSpan(12)));
            Assert.Equal(Verdict.Forward(3), default(Reflect).Apply(frame, 3, Verdict.None));
            Assert.Equal(before, frame);
        },
        iter: 50_000);

    // Reflect serves load: UDP right behind the IP header.
    private static bool IsReflected(byte[] frame, NaiveParser naive)
    {
        if (naive is not { Result: ParseResult.Ip, Protocol: 17, Ports: not null })
        {
            return false;
        }

        int type = 12;
        for (int tags = 0; tags < 2 && frame[type] is 0x81 or 0x88 && frame[type + 1] is 0x00 or 0xA8; tags++)
        {
            type += 4;
        }

        return naive.Family == 4 || frame[type + 2 + 6] == 17;
    }

    [Theory]
    [InlineData(4, 60)]
    [InlineData(4, 61)]
    [InlineData(4, 1514)]
    [InlineData(6, 80)]
    [InlineData(6, 1515)]
    public void BothChecksumsOfAReflectedFrameAreValid(uint family, int bytes)
    {
        PlanLoad load = TestPlans.MakeLoad(family: family);
        load.Sizes[0] = TestPlans.Size((uint)bytes);
        LowLatency.Dataplane.Load.LoadFrames frames = new(load);
        byte[] frame = new byte[bytes];
        for (uint sequence = 0; sequence < 100; sequence++)
        {
            frames.Write(frame, new FrameStamp { IntendedNs = sequence * 77_777, Sequence = sequence });
            Assert.True(LoadOracle.HasValidChecksums(frame));
            Assert.Equal(Verdict.Forward(1), default(Reflect).Apply(frame, 1, Verdict.None));
            Assert.True(LoadOracle.HasValidChecksums(frame));
        }
    }
}
