using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tests.Layout;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Native.Tests.Memory;

public sealed class SharedTypesTests
{
    /// <summary>A writer a thousand times faster than a lane, a reader that checks every copy. Bounded: a
    /// second.
    /// </summary>
    [Fact]
    public void ASeqlockedCopyIsNeverTorn()
    {
        using SharedRegion region = SharedRegion.CreatePrivate(TestPlan.Make([LaneKind.Forward]));
        NativeRef<LanePage> page = region.LanePage(0);
        bool stops = false;
        using MappedMemory memory = MappedMemory.Anonymous(4096, HugePages.Never);
        Thread writer = new(() =>
        {
            ref LaneCounters counters = ref memory.At<LaneCounters>(0).Value; // as a lane has them: in memory
            for (ulong n = 1; !Volatile.Read(ref stops); n++)
            {
                counters.Turns = n;
                counters.CompletedFrames = n;
                counters.Drops[DropCounters.Count - 1] = n;
                counters.Corrupt[1] = n;
                Seqlock.Write(ref page.Value.Epoch, ref page.Value.Counters, counters);
                Thread.SpinWait(20); // a lane publishes once a millisecond; a reader needs some room between two
            }
        });
        writer.Start();
        long untilNs = ThreadControl.NowNs + 1_000_000_000;
        ulong last = 0;
        int changes = 0;
        string torn = "";
        while (ThreadControl.NowNs < untilNs && torn.Length == 0)
        {
            LaneCounters copy = region.ReadCounters(0);
            bool isWhole = copy.Turns == copy.CompletedFrames && copy.Turns == copy.Corrupt[1]
                && copy.Turns == copy.Drops[DropCounters.Count - 1];
            if (!isWhole || copy.Turns < last)
            {
                torn = $"torn or older: {last}, {copy.Turns}, {copy.CompletedFrames}, {copy.Corrupt[1]}";
            }

            changes += copy.Turns != last ? 1 : 0;
            last = copy.Turns;
        }

        Volatile.Write(ref stops, true);
        writer.Join();
        Assert.Equal("", torn);
        Assert.True(changes > 100, $"only {changes} copies were seen");
    }

    [Fact]
    public void AWriterThatDiedInsideDoesNotHoldAReaderForEver()
    {
        using SharedRegion region = SharedRegion.CreatePrivate(TestPlan.Make([LaneKind.Forward]));
        ref LanePage page = ref region.LanePage(0).Value;
        page.Counters.Turns = 5;
        Seqlock.Begin(ref page.Epoch);
        Assert.Equal(1u, page.Epoch);
        Assert.Equal(5UL, region.ReadCounters(0).Turns);
        Seqlock.End(ref page.Epoch);
        Assert.Equal(2u, page.Epoch);
    }

    [Fact]
    public void AnEventRingKeepsOrderOverManyWrapsAndSaysWhenItIsFull()
    {
        using SharedRegion region = SharedRegion.CreatePrivate(TestPlan.Make([LaneKind.Forward]));
        EventRing ring = region.Events(0);
        Assert.False(ring.TryRead(out _));
        ulong written = 0;
        ulong read = 0;
        Random random = new(3);
        for (int round = 0; round < 50; round++)
        {
            for (int i = random.Next(Limits.EventRingSlots * 2); i > 0; i--)
            {
                bool fits = written - read < Limits.EventRingSlots;
                Assert.Equal(fits, ring.TryWrite(new GapEvent { Turn = written, StartNs = ~(long)written }));
                written += fits ? 1UL : 0;
            }

            for (int i = random.Next(Limits.EventRingSlots * 2); i > 0; i--)
            {
                bool has = read < written;
                Assert.Equal(has, ring.TryRead(out GapEvent gap));
                if (has)
                {
                    Assert.Equal((read, ~(long)read), (gap.Turn, gap.StartNs));
                    read++;
                }
            }
        }

        Assert.True(written > 10 * Limits.EventRingSlots);
    }

    [Fact]
    public void AnEventRingHandsEveryEventWholeFromOneThreadToAnother()
    {
        const ulong Events = 1_000_000;
        using SharedRegion region = SharedRegion.CreatePrivate(TestPlan.Make([LaneKind.Forward]));
        EventRing ring = region.Events(0);
        Thread writer = new(() =>
        {
            for (ulong i = 0; i < Events; i++)
            {
                while (!ring.TryWrite(new GapEvent { Turn = i, StartNs = ~(long)i, Frames = (uint)i }))
                {
                    Thread.Yield();
                }
            }
        });
        writer.Start();
        int broken = 0;
        for (ulong next = 0; next < Events;)
        {
            if (!ring.TryRead(out GapEvent gap))
            {
                Thread.Yield();
                continue;
            }

            if (gap.Turn != next || gap.StartNs != ~(long)next || gap.Frames != (uint)next)
            {
                broken++; // counted, not thrown: the writer must end before its memory does
            }

            next++;
        }

        writer.Join();
        Assert.Equal(0, broken);
    }

    [Theory]
    [InlineData(HugePages.Never)]
    [InlineData(HugePages.Auto)]
    public void AnonymousMemoryIsZeroedAndWritableToItsLastByte(HugePages huge)
    {
        using MappedMemory memory = MappedMemory.Anonymous((3 << 20) + 1, huge);
        Assert.True(memory.LengthBytes >= (3 << 20) + 1);
        Assert.True(!memory.IsHuge || (huge == HugePages.Auto && memory.LengthBytes % (2 << 20) == 0));
        NativeSpan<byte> all = memory.Slice<byte>(0, (int)memory.LengthBytes);
        Assert.False(all.Span.ContainsAnyExcept((byte)0));
        all[all.Length - 1] = 7;
        Assert.Equal(7, memory.At<byte>(memory.LengthBytes - 1).Value);
        Assert.Equal(Errno.Ok, memory.PreferNode(-1));
    }

    [Fact]
    public void AThreadPrefersANodeUntilItLeavesIt()
    {
        Assert.SkipUnless(File.Exists("/proc/thread-self/numa_maps"), "a kernel without NUMA");
        Errno errno = Errno.Ok;
        int[] counts = [-1, -1, -1, -1];
        Thread thread = new(() =>
        {
            counts[0] = Preferring();
            using (NodePreference none = NodePreference.Enter(-1))
            {
                counts[1] = Preferring();
            }

            using (NodePreference first = NodePreference.Enter(0))
            {
                errno = first.Errno;
                counts[2] = Preferring();
            }

            counts[3] = Preferring();
        });
        thread.Start();
        thread.Join();
        Assert.SkipWhen(errno == Errno.EPERM, "set_mempolicy is not granted here");
        Assert.Equal(Errno.Ok, errno);
        Assert.True(counts[2] > 0, "no mapping is under the policy");
        Assert.Equal((0, 0, 0), (counts[0], counts[1], counts[3]));
    }

    // Mappings without a policy of their own show the thread's (proc_pid_numa_maps(5)).
    private static int Preferring() => File.ReadAllLines("/proc/thread-self/numa_maps")
        .Count(line => line.Contains(" prefer:0", StringComparison.Ordinal));

    [Fact]
    public void ANativeSpanIsTheMemoryItWasCutFrom()
    {
        using MappedMemory memory = MappedMemory.Anonymous(4096, HugePages.Never);
        NativeSpan<uint> all = memory.Slice<uint>(0, 1024);
        for (int i = 0; i < all.Length; i++)
        {
            all[i] = (uint)i;
        }

        NativeSpan<uint> part = all.Slice(100, 50);
        Assert.Equal((50, 100u, 149u), (part.Length, part[0], part[49]));
        Assert.Equal(0, all.Slice(1024, 0).Length);
        Assert.Equal(all.Span.Slice(100, 50), part.Span);
        Assert.Equal(1023u, memory.At<uint>(4092).Value);
        Assert.True(memory.At<uint>(0).IsMapped);
        Assert.False(default(NativeRef<uint>).IsMapped);
        Assert.Equal(0, default(NativeSpan<uint>).Length);
    }
}
