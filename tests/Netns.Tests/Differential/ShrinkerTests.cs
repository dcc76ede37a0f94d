using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>The shrinker against made-up failures.</summary>
public sealed class ShrinkerTests
{
    [Fact]
    public void OneGuiltyFrameOfManyIsFound()
    {
        List<Stimulus> frames = [.. Enumerable.Range(0, 64).Select(i => Frame((byte)i))];
        Shrinker shrinker = new(list => list.Any(stimulus => NumberOf(stimulus) == 37));
        Stimulus found = Assert.Single(shrinker.Shrink(frames));
        Assert.Equal([.. new byte[14], 37], found.Frame);
    }

    [Fact]
    public void TwoFramesThatFailOnlyTogetherAndInOrderStay()
    {
        List<Stimulus> frames = [.. Enumerable.Range(0, 50).Select(i => Frame((byte)i))];
        Shrinker shrinker = new(list =>
        {
            int first = list.ToList().FindIndex(stimulus => NumberOf(stimulus) == 7);
            return first >= 0 && list.Skip(first).Any(stimulus => NumberOf(stimulus) == 41);
        });
        Assert.Equal([7, 41], shrinker.Shrink(frames).Select(NumberOf));
    }

    [Fact]
    public void AFrameIsAsShortAsItCanBeAndZeroWhereNothingMatters()
    {
        byte[] frame = [.. Enumerable.Range(1, 200).Select(i => (byte)i)];
        Shrinker shrinker = new(list => list[0].Frame.Length >= 90 && list[0].Frame[60] == 61);
        byte[] found = Assert.Single(shrinker.Shrink([new Stimulus(0, frame)])).Frame;
        byte[] expected = new byte[90];
        expected[60] = 61;
        Assert.Equal(expected, found);
    }

    [Fact]
    public void AFrameWhoseChecksumMustBeRightShrinksToo()
    {
        byte[] packet = Packets.Ipv4(new([1, 2, 3, 4]), new([5, 6, 7, 8]), 17, new byte[100], service: 9,
            id: 7);
        byte[] frame = Packets.Ethernet(new byte[6], new byte[6], Packets.Ipv4Type, packet);
        Shrinker shrinker = new(list =>
            list[0].Frame is { Length: >= 34 } bytes && bytes[12] == 8 && bytes[14] == 0x45 && bytes[33] == 8
            && Packets.Checksum(bytes.AsSpan(14, 20)) == 0);
        byte[] found = Assert.Single(shrinker.Shrink([new Stimulus(0, frame)])).Frame;
        Assert.Equal(34, found.Length);
        Assert.Equal(0, found[15] | found[18] | found[19] | found[26]);
    }

    [Fact]
    public void TheBudgetEndsIt()
    {
        int tries = 0;
        Shrinker shrinker = new(_ => ++tries > 0, budget: 5);
        shrinker.Shrink([.. Enumerable.Range(0, 64).Select(i => Frame((byte)i))]);
        Assert.Equal(5, tries);
    }

    private static int NumberOf(Stimulus stimulus) => stimulus.Frame.Length > 14 ? stimulus.Frame[14] : -1;

    private static Stimulus Frame(byte number) =>
        new(0, [.. Enumerable.Repeat((byte)9, 14), number, .. new byte[50]]);
}
