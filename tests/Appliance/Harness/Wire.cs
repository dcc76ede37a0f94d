using System.Text;
using Xunit;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>Two ports of a guest that a data plane joins, with the test at their other ends.</summary>
/// <param name="folder">Where the sockets lie.</param>
/// <param name="left">Name of one port.</param>
/// <param name="right">Name of the other.</param>
internal sealed class Wire(string folder, string left, string right) : IDisposable
{
    private const int Count = 200;

    /// <summary>The end of one port.</summary>
    public FrameLink Left { get; } = new(folder, left);

    /// <summary>The end of the other.</summary>
    public FrameLink Right { get; } = new(folder, right);

    /// <summary>Addresses that frames into the left and the right port are for: nobody of the
    /// guest.</summary>
    public (byte[] Left, byte[] Right) Targets { get; set; } = ([2, 0, 0, 0, 0, 0xaa], [2, 0, 0, 0, 0, 0xaa]);

    /// <summary>Sends frames both ways; each must arrive as it was.</summary>
    public void Cross(string mark)
    {
        byte[][] there = Frames(Targets.Left, "there, " + mark);
        byte[][] back = Frames(Targets.Right, "back, " + mark);
        (byte[][] atRight, byte[][] atLeft) = FrameLink.Exchange(Left, Right, there, back);
        Assert.Equal((mark, Count, Count), (mark, atRight.Length, atLeft.Length));
        Assert.All(there.Zip(atRight).Concat(back.Zip(atLeft)),
            pair => Assert.Equal(pair.First, pair.Second));
    }

    /// <summary>Crosses until told to stop; how often it did.</summary>
    public async Task<int> CrossUntil(string mark, CancellationToken stop)
    {
        int rounds = 0;
        for (; !stop.IsCancellationRequested; rounds++)
        {
            await Task.Run(() => Cross($"{mark}, round {rounds}"), CancellationToken.None);
        }

        return rounds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Left.Dispose();
        Right.Dispose();
    }

    // Each unlike any other.
    private static byte[][] Frames(byte[] target, string mark) =>
    [
        .. Enumerable.Range(0, Count).Select(number =>
        {
            byte[] frame = new byte[60 + (number * 37 % 1400)];
            new Random(number).NextBytes(frame);
            byte[] start =
            [
                .. target, 0x02, 0, 0, 0, 0, 0xbb, 0x88, 0xb5, (byte)(number >> 8), (byte)number,
                .. Encoding.ASCII.GetBytes(mark.PadRight(40)[..40]),
            ];
            start.CopyTo(frame, 0);
            return frame;
        }),
    ];
}
