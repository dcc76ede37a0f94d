using CsCheck;
using LowLatency.Dataplane.Load;
using Xunit;

namespace LowLatency.Dataplane.Tests.Load;

public sealed class SequenceWindowTests
{
    private const long Window = 65_536;

    /// <summary>The definition: numbers without end, a set of those seen, and a border 65 536 below the
    /// highest.
    /// </summary>
    private sealed class Naive
    {
        private readonly HashSet<long> _seen = [];
        private long _next;

        public long Next => _next;

        public Arrival Take(long sequence)
        {
            _next = Math.Max(_next, sequence + 1);
            bool isInWindow = sequence >= _next - Window;
            return isInWindow && !_seen.Add(sequence) ? Arrival.Duplicate : Arrival.New;
        }
    }

    /// <summary>Steps of every kind, over the border of 2^32 where the walk starts before it.</summary>
    [Fact]
    public void DuplicatesAreToldAsAHashSetTellsThem() => Gen.Select(Gen.UInt, Gen.Bool).Sample(
        (seed, crosses) =>
        {
            Random random = new((int)seed);
            SequenceWindow window = new();
            Naive naive = new();
            if (crosses)
            {
                Same(window, naive, 0x7FFF_FFF0); // a jump must be less than half the circle
                Same(window, naive, 0xFFFF_FFE0);
                Same(window, naive, 0xFFFF_FF00 + random.Next(2_000));
            }

            for (int i = 0; i < 3_000; i++)
            {
                long to = random.Next(100) switch
                {
                    < 60 => naive.Next,
                    < 75 => naive.Next + random.Next(100),
                    < 90 => naive.Next - 1 - random.Next(200),
                    < 95 => naive.Next - 1 - random.Next((int)Window),
                    < 97 => naive.Next - Window + random.Next(-3, 4), // the window's edge
                    98 => naive.Next + random.Next(3 * (int)Window),
                    _ => naive.Next + random.Next(-200_000, 10),
                };
                Same(window, naive, Math.Max(to, crosses ? 0xFFFF_0000 : 0));
            }
        },
        iter: 300);

    [Fact]
    public void EveryNumberOfAWindowIsNewOnceAndADuplicateThereafterAcrossTheWrap()
    {
        SequenceWindow window = new();
        window.Take(0x7FFF_FFFF);
        uint start = 0xFFFF_8000;
        for (uint i = 0; i < Window; i++)
        {
            Assert.Equal(Arrival.New, window.Take(start + i));
        }

        for (uint i = 0; i < Window; i++)
        {
            Assert.Equal(Arrival.Duplicate, window.Take(start + i));
        }

        Assert.Equal(Arrival.New, window.Take(start + (uint)Window)); // the oldest has left the window
        Assert.Equal(Arrival.New, window.Take(start));
        Assert.Equal(Arrival.Duplicate, window.Take(start + 1));
    }

    [Theory]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(1_000_000)]
    [InlineData(int.MaxValue - 70_000)]
    public void AJumpForgetsExactlyWhatLeavesTheWindow(uint jump)
    {
        SequenceWindow window = new();
        Naive naive = new();
        for (long i = 0; i < 70_000; i++)
        {
            Same(window, naive, i);
        }

        Same(window, naive, 69_999 + (long)jump);
        for (long i = naive.Next - Window - 2; i < naive.Next; i++)
        {
            Same(window, naive, i);
        }
    }

    private static void Same(SequenceWindow window, Naive naive, long sequence) =>
        Assert.Equal(naive.Take(sequence), window.Take((uint)sequence));
}
