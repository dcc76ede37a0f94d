using System.Buffers.Binary;
using LowLatency.Dataplane.Storage;
using LowLatency.Native;
using LowLatency.Native.Capture;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Uring;
using Xunit;

namespace LowLatency.Dataplane.Tests.Storage;

/// <summary>A lane's writer and a recorder's stream over a disk that the test plays: every frame is in a
/// file, once and in order, or it is counted.</summary>
public sealed class RecordStreamTests
{
    private const int Seeds = 1000;
    private const long FileBytes = 8L << 20;

    [Fact]
    public void Every_frame_is_in_the_files_in_order_whatever_order_the_disk_completes_in()
    {
        for (int seed = 0; seed < 60; seed++)
        {
            using Bench bench = new(seed, blocks: 4);
            for (int turn = 0; turn < 400; turn++)
            {
                bench.Lane(bench.Random.Next(400));
                bench.Recorder(work: bench.Random.Next(6));
            }

            bench.Finish();
            bench.CheckAll(seed);
        }
    }

    [Fact]
    public void What_a_failing_disk_refuses_is_written_again_and_nothing_is_lost_while_there_is_room()
    {
        ulong errors = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            using Bench bench = new(seed, blocks: 24);
            for (int turn = 0; turn < 300; turn++)
            {
                bench.Disk.FailPercent = turn % 50 >= 45 ? 60 : 0;
                bench.Lane(bench.Random.Next(120));
                bench.Recorder(work: bench.Random.Next(6));
            }

            bench.Disk.FailPercent = 0;
            bench.Finish();
            errors += bench.Header.Errors;
            Assert.Equal(0UL, bench.Header.Lost);
            bench.CheckAll(seed);
        }

        Assert.True(errors > 20, $"only {errors} errors");
    }

    [Fact]
    public void A_full_disk_stops_recording_and_not_the_lane_and_the_file_tells_the_gap()
    {
        using Bench bench = new(seed: 1, blocks: 2);
        bench.Lane(10);
        bench.Recorder(work: 9);
        bench.IsFull = true;
        for (int turn = 0; turn < 200; turn++)
        {
            bench.Lane(400);
            bench.Recorder(work: 9);
        }

        ulong lost = bench.Header.Lost;
        Assert.True(lost > 0);
        Assert.Equal(bench.Sent, bench.Header.Frames + lost);
        bench.IsFull = false;
        bench.Recorder(work: 9);
        for (int turn = 0; turn < 20; turn++)
        {
            bench.Lane(100);
            bench.Recorder(work: 9);
        }

        bench.Finish();
        Assert.Equal(bench.Sent, bench.Header.Frames + bench.Header.Lost);
        Assert.Equal(bench.Header.Frames, bench.Header.DurableFrames);
        Assert.Equal(bench.Header.Frames, (ulong)bench.Read().Count);
        (ulong received, ulong missed) = bench.LastStatistics();
        Assert.Equal((bench.Sent, bench.Header.Lost), (received, missed));
    }

    [Fact]
    public void After_a_loss_of_power_every_frame_that_was_durable_is_there()
    {
        int kept = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            using Bench bench = new(seed, blocks: 4);
            int turns = bench.Random.Next(1, 60);
            for (int turn = 0; turn < turns; turn++)
            {
                bench.Disk.FailPercent = seed % 4 == 0 ? 5 : 0;
                bench.Lane(bench.Random.Next(700));
                bench.Recorder(work: bench.Random.Next(6));
            }

            ulong durable = bench.Header.DurableFrames;
            List<ulong> read = bench.ReadAfterCrash();
            Assert.True((ulong)read.Count >= durable, $"seed {seed}: {read.Count} frames, {durable} durable");
            Assert.True(read.SequenceEqual(read.Order()), $"seed {seed}: out of order");
            Assert.True(read.Distinct().Count() == read.Count, $"seed {seed}: twice");
            kept += durable > 0 ? 1 : 0;
        }

        Assert.True(kept > Seeds / 4, $"only {kept} crashes had durable frames");
    }

    [Fact]
    public void A_part_of_a_block_goes_out_when_it_has_waited_for_the_time_of_a_sync()
    {
        using Bench bench = new(seed: 3, blocks: 2);
        bench.Lane(5);
        bench.Recorder(work: 9);
        Assert.Equal(0UL, bench.Header.WrittenFrames);
        for (int turn = 0; turn < 8; turn++)
        {
            bench.NowNs += Bench.SyncNs / 2;
            bench.Recorder(work: 9);
        }

        Assert.Equal((5UL, 5UL), (bench.Header.WrittenFrames, bench.Header.DurableFrames));
    }

    [Fact]
    public void A_recorder_at_work_allocates_nothing()
    {
        using Bench bench = new(seed: 4, blocks: 4);
        byte[] frame = new byte[200];
        long before = 0;
        for (int turn = 0; turn < 40; turn++)
        {
            before = turn == 20 ? GC.GetAllocatedBytesForCurrentThread() : before;
            for (int i = 0; i < 300; i++)
            {
                bench.Writer.TryAdd(frame, 200, 0, bench.NowNs, isCut: false);
            }

            bench.Writer.Publish();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>A queue, its two sides, and a file keeper that the test plays.</summary>
    private sealed class Bench : IDisposable
    {
        public const long SyncNs = 100_000_000;
        private readonly MappedMemory _memory;
        private readonly IoBuffers _buffers;
        private readonly MappedMemory _scratchMemory;
        private readonly ScratchSlots _scratch;
        private readonly RecordStream _stream;
        private readonly IoCompletion[] _done = new IoCompletion[64];
        private readonly List<(int Fd, long Bytes, ulong Frames)> _finished = [];
        private readonly List<RecordFile> _open = [];
        private int _number;

        public Bench(int seed, int blocks)
        {
            Random = new Random(seed);
            long bytes = RecordQueueHeader.SizeBytes + ((long)blocks * RecordQueueHeader.BlockBytes);
            _memory = MappedMemory.Lazy(bytes);
            NativeSpan<byte> table = _memory.Slice<byte>(0, (int)bytes);
            _stream = new RecordStream(table, new RecordStreamSetup(0, 0, "t", ["a", "b"],
                new RecorderSettings(FileBytes, 0, SyncNs, 0, RecordMode.Auto, Waits: false), 0));
            Writer = new RecordWriter(table);
            const int slot = RecordQueueHeader.BlockBytes + (2 * IoBuffers.Alignment);
            _scratchMemory = MappedMemory.Lazy(4L * slot);
            _buffers = new IoBuffers([.. Enumerable.Range(0, blocks).Select(_stream.BlockAt),
                .. Enumerable.Range(0, 4).Select(i => _scratchMemory.Slice<byte>(i * (long)slot, slot))]);
            _scratch = new ScratchSlots(_buffers, blocks);
            Disk = new FakeDisk(_buffers, Random);
            Keep();
        }

        public Random Random { get; }

        public FakeDisk Disk { get; }

        public RecordWriter Writer { get; }

        public ref RecordQueueHeader Header => ref _stream.Header;

        public bool IsFull { get; set; }

        public long NowNs { get; set; } = 1;

        public ulong Sent { get; private set; }

        /// <summary>The lane sends frames that carry their number, and publishes.</summary>
        public void Lane(int frames)
        {
            Span<byte> frame = stackalloc byte[1500];
            for (int i = 0; i < frames; i++)
            {
                int bytes = Random.Next(60, 1500);
                BinaryPrimitives.WriteUInt64LittleEndian(frame[20..], Sent++);
                Writer.TryAdd(frame[..bytes], (uint)bytes, (int)(Sent % 2), NowNs, isCut: false);
            }

            Writer.Publish();
        }

        /// <summary>One turn of the recorder, some work of the disk, a look of the file keeper.</summary>
        public void Recorder(int work)
        {
            NowNs += 5_000_000;
            _stream.Turn(NowNs, new RecordRings(Disk, Disk), _scratch);
            Disk.Work(work);
            int count = Disk.Reap(_done);
            for (int i = 0; i < count; i++)
            {
                _stream.Complete((uint)_done[i].Token, _done[i], NowNs, _scratch);
            }

            Keep();
        }

        public void Finish()
        {
            _stream.End();
            for (int turn = 0; turn < 10_000 && !_stream.IsDone; turn++)
            {
                NowNs += 1_000_000_000; // past every wait
                Recorder(work: 9);
            }

            Assert.True(_stream.IsDone);
        }

        public void CheckAll(int seed)
        {
            List<ulong> read = Read();
            Assert.Equal(Sent, Header.Frames + Header.Lost);
            Assert.True(Header.Frames == (ulong)read.Count, $"seed {seed}: {read.Count} of {Header.Frames}");
            Assert.True(read.SequenceEqual(read.Order().Distinct()), $"seed {seed}: twice or out of order");
            Assert.Equal(Header.Frames, Header.WrittenFrames);
            Assert.Equal(Header.Frames, Header.DurableFrames
                + (Header.Errors > 0 ? Header.WrittenFrames - Header.DurableFrames : 0));
            Assert.Equal(0UL, Header.Lost == 0 ? Header.Missed[0] + Header.Missed[1] : 0);
            Assert.Equal(Sent, Header.Received[0] + Header.Received[1]);
        }

        /// <summary>Numbers of the frames in the finished files.</summary>
        public List<ulong> Read() =>
            [.. _finished.SelectMany(file => Numbers(Disk.Files[file.Fd].Now.AsSpan(0, (int)file.Bytes), file.Frames))];

        /// <summary>Numbers of the frames in all files, as far as each is whole.</summary>
        public List<ulong> ReadAfterCrash() =>
        [
            .. _finished.Select(file => Disk.Crash(file.Fd)[..(int)file.Bytes])
                .Concat(_open.Select(file => Disk.Crash(file.Fd))).SelectMany(left => Numbers(left, null)),
        ];

        /// <summary>What the last file's last statistics say, of all ports.</summary>
        public (ulong Received, ulong Missed) LastStatistics()
        {
            (int fd, long bytes, _) = _finished[^1];
            ReadOnlySpan<byte> rest = Disk.Files[fd].Now.AsSpan(0, (int)bytes);
            Dictionary<uint, (ulong, ulong)> last = [];
            while (rest.Length >= 12)
            {
                uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
                if (BinaryPrimitives.ReadUInt32LittleEndian(rest) == Pcapng.InterfaceStatistics)
                {
                    last[BinaryPrimitives.ReadUInt32LittleEndian(rest[8..])] =
                        (BinaryPrimitives.ReadUInt64LittleEndian(rest[48..]),
                            BinaryPrimitives.ReadUInt64LittleEndian(rest[60..]));
                }

                rest = rest[(int)length..];
            }

            return (last.Values.Aggregate(0UL, (sum, s) => sum + s.Item1),
                last.Values.Aggregate(0UL, (sum, s) => sum + s.Item2));
        }

        public void Dispose()
        {
            _stream.Dispose();
            _memory.Dispose();
            _scratchMemory.Dispose();
        }

        private static List<ulong> Numbers(ReadOnlySpan<byte> file, ulong? expected)
        {
            List<ulong> numbers = [];
            CaptureScan scan = new(file);
            while (scan.TryNext(out _, out ReadOnlySpan<byte> frame))
            {
                numbers.Add(BinaryPrimitives.ReadUInt64LittleEndian(frame[20..]));
            }

            Assert.Equal(expected ?? (ulong)numbers.Count, (ulong)numbers.Count);
            return numbers;
        }

        // Every byte of the file in one part, every packet counted and found.
        private void CheckIndex(ReadOnlySpan<byte> index, RecordFile file)
        {
            FlowIndexHeader header = FlowIndexFile.Header(index);
            Assert.Equal((ulong)file.Bytes, header.FileBytes);
            ulong end = 0;
            ulong packets = 0;
            foreach (FlowIndexEntry entry in FlowIndexFile.Entries(index))
            {
                Assert.Equal(end, entry.Offset);
                end += entry.Bytes;
                packets += entry.Packets;
                CaptureScan scan = new(Disk.Files[file.Fd].Now.AsSpan((int)entry.Offset, (int)entry.Bytes));
                while (scan.TryNext(out ulong timeNs, out _))
                {
                    Assert.InRange(timeNs, entry.FirstNs, entry.LastNs);
                }
            }

            Assert.Equal(((ulong)file.Bytes, file.Frames), (end, packets));
        }

        private void Keep()
        {
            if (_stream.Finished is { } file)
            {
                _finished.Add((file.Fd, file.Bytes, file.Frames));
                CheckIndex(file.Index.Finish(file.Bytes), file);
                Disk.Files[file.Fd].Flush();
                _open.Remove(file);
                file.Fd = -1;
                _stream.Finished = null;
            }

            RecordFile next = _stream.Files[_number % 2];
            if (_stream.Ready is null && !IsFull && next.Fd < 0)
            {
                next.Renew(++_number);
                next.Fd = 100 + _number;
                Disk.Files[next.Fd] = new FakeFile(FileBytes);
                _open.Add(next);
                _stream.Ready = next;
            }
        }
    }
}
