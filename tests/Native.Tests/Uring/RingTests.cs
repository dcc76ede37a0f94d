using LowLatency.Native.Layout;
using LowLatency.Native.Uring;
using Xunit;

namespace LowLatency.Native.Tests.Uring;

/// <summary>A ring over files of the test's own folder.</summary>
public sealed class RingTests : IDisposable
{
    private const int Block = 4096;
    private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-ring").FullName;
    private readonly IoBuffers _buffers = new(slots: 4, Block);

    public void Dispose()
    {
        _buffers.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(UringSetup.None)]
    [InlineData(UringSetup.SingleIssuer | UringSetup.DeferTaskRun)]
    [InlineData(UringSetup.SqPoll)]
    public void What_is_written_is_read_back(UringSetup setup)
    {
        using DirectFile file = DirectFile.Create(Path("a"), DirectAccess.Write);
        using Ring ring = Ring.OpenBest(new RingSetup(8, setup, 1), _buffers);
        Assert.Equal(Errno.Ok, ring.SetFile(0, file));
        for (int slot = 0; slot < 2; slot++)
        {
            _buffers[slot].Span.Fill((byte)(slot + 1));
            Assert.True(ring.TryAdd(Write(slot, slot * Block)));
        }

        Assert.Equal([Block, Block], Finish(ring, 2).Select(done => done.Result));
        for (int slot = 2; slot < 4; slot++)
        {
            Assert.True(ring.TryAdd(Write(slot, (3 - slot) * Block) with { Operation = IoOperation.Read }));
        }

        Assert.Equal([2UL, 3UL], Finish(ring, 2).Select(done => done.Token).Order());
        Assert.All(_buffers[2].Span.ToArray(), value => Assert.Equal(2, value));
        Assert.All(_buffers[3].Span.ToArray(), value => Assert.Equal(1, value));
        Assert.Equal(0, ring.InFlight);
    }

    [Fact]
    public void A_linked_sync_follows_its_write_and_is_called_off_when_the_write_fails()
    {
        using DirectFile file = DirectFile.Create(Path("a"), DirectAccess.Write);
        using Ring ring = Ring.OpenBest(new RingSetup(8, UringSetup.None, 1), _buffers);
        _ = ring.SetFile(0, file);
        IoRequest sync = new() { Operation = IoOperation.DataSync, File = 0, Token = 9 };
        Assert.True(ring.TryAdd(Write(0, 0) with { Order = IoOrder.Link }));
        Assert.True(ring.TryAdd(sync));
        Assert.Equal([0UL, 9UL], Finish(ring, 2).Select(done => done.Token));

        Assert.True(ring.TryAdd(Write(0, 1) with { Order = IoOrder.Link })); // no multiple of a block
        Assert.True(ring.TryAdd(sync));
        IoCompletion[] done = [.. Finish(ring, 2).OrderBy(one => one.Token)];
        Assert.Equal(Errno.EINVAL, done[0].Errno);
        Assert.Equal(125, -done[1].Result); // ECANCELED
    }

    [Fact]
    public void A_drained_request_waits_for_all_before_it()
    {
        using DirectFile file = DirectFile.Create(Path("a"), DirectAccess.Write);
        using Ring ring = Ring.OpenBest(new RingSetup(8, UringSetup.None, 1), _buffers);
        _ = ring.SetFile(0, file);
        Assert.True(ring.TryAdd(new IoRequest { Operation = IoOperation.Allocate, File = 0, Bytes = 8 * Block }));
        for (int slot = 0; slot < 3; slot++)
        {
            Assert.True(ring.TryAdd(Write(slot, slot * Block) with { Token = 5 }));
        }

        Assert.True(ring.TryAdd(new IoRequest
        {
            Operation = IoOperation.Sync, File = 0, Token = 7, Order = IoOrder.Drain,
        }));
        IoCompletion[] done = Finish(ring, 5);
        Assert.Equal(7UL, done[^1].Token);
        Assert.All(done, one => Assert.Equal(Errno.Ok, one.Errno));
        Assert.Equal(8 * Block, new FileInfo(Path("a")).Length);
    }

    [Fact]
    public void A_full_ring_takes_no_more_until_it_is_reaped()
    {
        using Ring ring = Ring.OpenBest(new RingSetup(2, UringSetup.None, 1), buffers: null);
        IoRequest nothing = new() { Operation = IoOperation.None, File = 0 };
        Assert.True(ring.TryAdd(nothing));
        Assert.True(ring.TryAdd(nothing));
        Assert.False(ring.TryAdd(nothing));
        Assert.Equal(Errno.Ok, ring.Submit(2, 0));
        Assert.False(ring.TryAdd(nothing));
        Assert.Equal(2, ring.Reap(new IoCompletion[4]));
        Assert.True(ring.TryAdd(nothing));
    }

    [Fact]
    public void A_wait_for_nothing_ends_in_time()
    {
        using Ring ring = Ring.OpenBest(new RingSetup(2, UringSetup.None, 1), buffers: null);
        Assert.Equal(62, (int)ring.Submit(awaited: 1, timeoutNs: 1_000_000)); // ETIME
    }

    [Fact]
    public void Workers_of_the_kernel_are_kept_where_they_may_be()
    {
        string[] workers = [];
        Errno kept = Errno.EINVAL;
        Thread fresh = new(() => // workers are a thread's own, and stay where they began
        {
            CpuSet cpus = default;
            cpus.Add(0);
            kept = Ring.KeepWorkersOn(cpus);
            using DirectFile file = DirectFile.Create(Path("a"), DirectAccess.Write);
            using Ring ring = Ring.OpenBest(new RingSetup(2, UringSetup.None, 1), buffers: null);
            _ = ring.SetFile(0, file);
            _ = ring.TryAdd(new IoRequest { Operation = IoOperation.Sync, File = 0 }); // a worker's
            _ = Finish(ring, 1);
            string mine = $"iou-wrk-{Native.Threads.ThreadControl.ThreadId}";
            workers = [.. Directory.GetDirectories("/proc/self/task")
                .Where(task => File.ReadAllText(task + "/comm").Trim() == mine)
                .SelectMany(task => File.ReadLines(task + "/status"))
                .Where(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal))];
        });
        fresh.Start();
        fresh.Join();
        Assert.Equal(Errno.Ok, kept);
        Assert.NotEmpty(workers);
        Assert.All(workers, line => Assert.Equal("Cpus_allowed_list:\t0", line));
    }

    [Fact]
    public void A_ring_at_work_allocates_nothing()
    {
        using DirectFile file = DirectFile.Create(Path("a"), DirectAccess.Write);
        using Ring ring = Ring.OpenBest(new RingSetup(4, UringSetup.None, 1), _buffers);
        _ = ring.SetFile(0, file);
        IoCompletion[] done = new IoCompletion[4];
        long before = 0;
        for (int turn = 0; turn < 100; turn++)
        {
            before = turn == 50 ? GC.GetAllocatedBytesForCurrentThread() : before;
            _ = ring.TryAdd(Write(0, 0));
            _ = ring.Submit(1, 0);
            _ = ring.Reap(done);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Where_a_device_cannot_be_polled_the_transfer_says_so()
    {
        using DirectFile file = DirectFile.Create(Path("a"), DirectAccess.Write);
        using Ring ring = Ring.OpenBest(new RingSetup(2, UringSetup.IoPoll, 1), _buffers);
        _ = ring.SetFile(0, file);
        Assert.True(ring.TryAdd(Write(0, 0)));
        IoCompletion one = Assert.Single(Finish(ring, 1));
        Assert.True(one.Errno is Errno.Ok or Errno.EOPNOTSUPP, $"{one}");
    }

    [Theory]
    [InlineData("/dev/null", Errno.EINVAL)]
    [InlineData("/", Errno.EINVAL)]
    [InlineData("/nothing/there", Errno.ENOENT)]
    public void What_is_no_file_is_refused(string path, Errno expected)
    {
        NativeException refusal = Assert.Throws<NativeException>(() => DirectFile.Open(path, DirectAccess.Read));
        Assert.Equal(expected, refusal.Errno);
    }

    private static IoRequest Write(int slot, long offset) => new()
    {
        Operation = IoOperation.Write, File = 0, Slot = slot, Bytes = Block, Offset = offset,
        Token = (ulong)slot,
    };

    private static IoCompletion[] Finish(Ring ring, int count)
    {
        IoCompletion[] done = new IoCompletion[count];
        int taken = 0;
        while (taken < count)
        {
            Errno errno = ring.Submit(awaited: 1, timeoutNs: 0);
            Assert.True(errno is Errno.Ok or Errno.EINTR, $"{errno}");
            taken += ring.Reap(done.AsSpan(taken));
        }

        return done;
    }

    private string Path(string name) => System.IO.Path.Combine(_folder, name);
}
