using CsCheck;
using LowLatency.Dataplane.Packets;
using Xunit;

namespace LowLatency.Dataplane.Tests.Packets;

public sealed class HeadersTests
{
    /// <summary>RFC 1071, 4.1, as it stands there; in network order.</summary>
    internal static ushort NaiveSum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            int low = i + 1 < bytes.Length ? bytes[i + 1] : 0;
            sum += (uint)((bytes[i] << 8) | low);
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }

    private static ushort ToNetwork(ushort memoryOrder) => (ushort)((memoryOrder << 8) | (memoryOrder >> 8));

    [Fact]
    public void TheChecksumOfEveryLengthUpTo300IsThatOfRfc1071()
    {
        Random random = new(1071);
        for (int length = 0; length <= 300; length++)
        {
            for (int round = 0; round < 50; round++)
            {
                byte[] bytes = new byte[length];
                switch (round)
                {
                    case 0:
                        break;
                    case 1:
                        Array.Fill(bytes, byte.MaxValue); // every addition carries
                        break;
                    default:
                        random.NextBytes(bytes);
                        break;
                }

                ushort sum = InternetChecksum.Fold(InternetChecksum.Add(0, bytes));
                Assert.Equal(NaiveSum(bytes), ToNetwork(sum));
            }
        }
    }

    [Fact]
    public void TheChecksumDoesNotDependOnWhereTheBytesAreSplit() =>
        Gen.Select(Gen.Byte.Array[0, 300], Gen.Int[0, 150].Array[0, 6]).Sample(
            (bytes, cuts) =>
            {
                ulong sum = 0;
                int from = 0;
                foreach (int cut in cuts.Select(cut => Math.Min(cut * 2, bytes.Length & ~1)).Order())
                {
                    sum = InternetChecksum.Add(sum, bytes.AsSpan(from, cut - from)); // whole words, as RFC 1071 needs
                    from = cut;
                }

                sum = InternetChecksum.Add(sum, bytes.AsSpan(from));
                Assert.Equal(NaiveSum(bytes), ToNetwork(InternetChecksum.Fold(sum)));
            },
            iter: 20_000);

    [Fact]
    public void FoldingIsTheRemainderOfOnesComplementForEverySum() =>
        Gen.ULong.Sample(
            sum =>
            {
                ushort folded = InternetChecksum.Fold(sum);
                Assert.Equal(sum % ushort.MaxValue, (ulong)folded % ushort.MaxValue);
                Assert.Equal(sum == 0, folded == 0);
            },
            iter: 200_000);

    [Fact]
    public void MacsReadBackAsWrittenAndNothingElseChanges() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.Byte.Array[14, 40]).Sample(
            (destination, source, frame) =>
            {
                byte[] before = [.. frame];
                Ethernet.WriteMacs(frame, destination, source);
                Assert.Equal(destination & 0xFFFF_FFFF_FFFF, Ethernet.ReadDestination(frame));
                Assert.Equal(source & 0xFFFF_FFFF_FFFF, Ethernet.ReadSource(frame));
                for (int i = 0; i < 6; i++)
                {
                    Assert.Equal((byte)(destination >> (8 * i)), frame[i]);
                    Assert.Equal((byte)(source >> (8 * i)), frame[6 + i]);
                }

                Assert.Equal(before[12..], frame[12..]);
            },
            iter: 20_000);
}
