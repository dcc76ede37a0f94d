using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Native.Tests.Xdp;

public sealed class RingTests
{
    private static IEnumerable<(uint Size, uint Start, int Filled, int Take)> SmallSpace()
    {
        foreach (uint size in (uint[])[1, 2, 4, 8])
        {
            for (uint start = uint.MaxValue - 9; start != 10; start++) // crosses 2^32
            {
                for (int filled = 0; filled <= size; filled++)
                {
                    for (int take = 0; take <= size; take++)
                    {
                        yield return (size, start, filled, take);
                    }
                }
            }
        }
    }

    [Fact]
    public void RxTakesWhatIsThereInOrderAndGivesTheSlotsBackForEverySmallRing()
    {
        foreach ((uint size, uint start, int filled, int take) in SmallSpace())
        {
            using RingMemory kernel = new(size, start);
            RxRing rx = kernel.Rx;
            for (uint i = 0; i < filled; i++)
            {
                Assert.True(kernel.TryReceive(i * 64, 60 + i));
            }

            XdpDesc[] target = new XdpDesc[take];
            int got = rx.Receive(target);
            Assert.Equal(Math.Min(filled, take), got);
            for (uint i = 0; i < got; i++)
            {
                Assert.Equal((i * 64, 60 + i), (target[i].Address, target[i].Length));
            }

            Assert.Equal(start + (uint)got, rx.Taken);
            int room = 0;
            while (kernel.TryReceive(0, 60))
            {
                room++;
            }

            Assert.Equal((int)size - filled + got, room);
        }
    }

    [Fact]
    public void TxHoldsExactlyItsSizeAndShowsNothingBeforePublishForEverySmallRing()
    {
        foreach ((uint size, uint start, int filled, int take) in SmallSpace())
        {
            using RingMemory kernel = new(size, start);
            TxRing tx = kernel.Tx;
            for (int i = 0; i < filled; i++)
            {
                Assert.True(tx.TryWrite((ulong)i, 60));
            }

            Assert.False(kernel.TryTakeTx(out _));
            Assert.Equal(filled > 0, tx.HasUnpublished);
            tx.Publish();
            Assert.Equal((uint)filled, tx.Outstanding);
            for (int i = 0; i < Math.Min(filled, take); i++)
            {
                Assert.True(kernel.TryTakeTx(out XdpDesc descriptor));
                Assert.Equal((ulong)i, descriptor.Address);
            }

            int room = 0;
            while (tx.TryWrite(9, 60))
            {
                room++;
            }

            Assert.Equal((int)size - filled + Math.Min(filled, take), room);
        }
    }

    [Fact]
    public void FillAndCompletionHandEveryAddressOverOnceForEverySmallRing()
    {
        foreach ((uint size, uint start, int filled, int take) in SmallSpace())
        {
            using RingMemory kernel = new(size, start);
            FillRing fill = kernel.Fill;
            CompletionRing completion = kernel.Completion;
            ulong[] frames = [.. Enumerable.Range(0, filled).Select(i => (ulong)i * 2048)];
            Assert.Equal(filled, fill.Give(frames));
            Assert.Equal((int)size - filled, fill.Give(new ulong[size]));
            for (int i = 0; i < filled; i++)
            {
                Assert.True(kernel.TryTakeFill(out ulong address));
                Assert.Equal(frames[i], address);
                Assert.True(kernel.TryComplete(address));
            }

            ulong[] reaped = new ulong[take];
            int got = completion.Reap(reaped);
            Assert.Equal(Math.Min(filled, take), got);
            Assert.Equal(frames[..got], reaped[..got]);
        }
    }

    /// <summary>Two threads, one ring: sequence-stamped slots, no gap, no tear, no reordering.</summary>
    [Fact]
    public void TwoThreadsSeeEverySlotWholeAndInOrder()
    {
        const uint Frames = 2_000_000;
        using RingMemory kernel = new(256, uint.MaxValue - 1000);
        Thread producer = new(() =>
        {
            for (uint i = 0; i < Frames; i++)
            {
                while (!kernel.TryReceive(i, ~i))
                {
                    Thread.Yield();
                }
            }
        });
        producer.Start();
        RxRing rx = kernel.Rx;
        XdpDesc[] target = new XdpDesc[64];
        uint next = 0;
        while (next < Frames)
        {
            int got = rx.Receive(target);
            for (int i = 0; i < got; i++, next++)
            {
                Assert.True(target[i].Address == next && target[i].Length == ~next, $"slot {next} is torn or lost");
            }

            if (got == 0)
            {
                Thread.Yield();
            }
        }

        producer.Join();
    }
}
