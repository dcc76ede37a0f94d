using LowLatency.Native;
using LowLatency.Native.Capture;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Uring;

namespace LowLatency.Dataplane.Storage;

/// <summary>A recorder's side of one record queue: one packet lane's frames on their way into files. Several
/// writes are under way; a file grows without a gap, and a block is given back once it is written. What a
/// failed request held is written again, into the next file. The recorder's thread only, but for the two
/// hand-overs with the <see cref="FileKeeper"/>.</summary>
internal sealed partial class RecordStream : IDisposable
{
    /// <summary>Most bytes of a request: a block, and what fills it up.</summary>
    public const int ChunkBytesMax = Block + (2 * IoBuffers.Alignment);

    private const int Block = RecordQueueHeader.BlockBytes;
    private const int ChunksMax = 16;              // writes under way: a deep enough queue for any drive
    private const int TailBytes = IoBuffers.Alignment;
    private const long RetryNs = 1_000_000_000;    // a full disk is not asked more often
    private const int LastTriesMax = 3;            // then what is left in memory is given up, and counted
    private const uint SyncSequence = uint.MaxValue;
    private readonly Chunk[] _chunks = new Chunk[ChunksMax];
    private readonly NativeRef<RecordQueueHeader> _header;
    private readonly NativeSpan<byte> _blocks;
    private readonly ulong _capacity;
    private readonly byte[] _head;                 // how every file begins
    private readonly int _ports;
    private readonly RecorderSettings _settings;
    private readonly int _firstSlot;
    private readonly int _number;
    private readonly ulong _startNs;
    private Phase _phase;
    private uint _oldest;                          // sequence of the oldest chunk under way
    private uint _next;
    private ulong _taken;                          // of the stream, what is handed to the ring
    private ulong _safe;                           // of the stream, what is written
    private ulong _unsure;                         // frames whose flush failed: nobody knows
    private RecordFile? _file;
    private long _offset;                          // of the file, where the next chunk goes
    private long _openedNs;
    private long _waitsSinceNs;                    // since when a part of a block waits for its rest
    private long _syncedNs;
    private long _retryAtNs;
    private ulong _syncFrames;
    private bool _isSyncing;
    private bool _isEnding;
    private int _lastTries;                        // failures since the end was asked for
    private bool _hasFailed;                       // since the file was opened
    private RecordFile? _ready;
    private RecordFile? _finished;

    /// <summary>Makes a stream that reads from the start of a queue.</summary>
    /// <param name="table">The queue's table, in a mapping that outlives reloads.</param>
    /// <param name="setup">What tells it from others.</param>
    public RecordStream(NativeSpan<byte> table, in RecordStreamSetup setup)
    {
        _header = table.First<RecordQueueHeader>();
        _blocks = table.Slice(RecordQueueHeader.SizeBytes, table.Length - RecordQueueHeader.SizeBytes);
        _capacity = (ulong)(_blocks.Length / Block * (long)Block);
        _settings = setup.Settings;
        _number = setup.Number;
        _firstSlot = setup.FirstSlot;
        _startNs = setup.StartNs;
        _ports = setup.PortNames.Length;
        _head = HeadOf(setup.PortNames);
        Stem = setup.Stem;
        Files =
        [
            new RecordFile(setup.Stem, setup.Settings.FileBytes),
            new RecordFile(setup.Stem, setup.Settings.FileBytes),
        ];
    }

    private enum Phase
    {
        NoFile,   // none is open
        Open,
        Draining, // the file is to end: what is under way comes back first
        Tail,     // its last statistics are under way
        Closing,  // its last flush is under way
        Failed,   // something failed: what is under way comes back first
    }

    /// <summary>How names of its files begin.</summary>
    public string Stem { get; }

    /// <summary>The two that are used in turn.</summary>
    public RecordFile[] Files { get; }

    /// <summary>Blocks of its queue, each a slot of the ring's buffers.</summary>
    public int BlockCount => (int)(_capacity / Block);

    /// <summary>Its counters.</summary>
    public ref RecordQueueHeader Header => ref _header.Value;

    /// <summary>File keeper: the next file, ready to be written; null: there is none yet.</summary>
    public RecordFile? Ready
    {
        get => Volatile.Read(ref _ready);
        set => Volatile.Write(ref _ready, value); // release: it is whole before it is seen
    }

    /// <summary>File keeper: a file to finish; null: none.</summary>
    public RecordFile? Finished
    {
        get => Volatile.Read(ref _finished);
        set => Volatile.Write(ref _finished, value);
    }

    /// <summary>It has ended, and everything that came is in finished files, or cannot be: the disk
    /// refuses.</summary>
    public bool IsDone => _isEnding && _phase == Phase.NoFile && Finished is null
        && (_safe == Volatile.Read(ref Header.Position) || _lastTries >= LastTriesMax
            || (Ready is null && Header.LastErrno != 0));

    /// <summary>A block of its queue.</summary>
    public NativeSpan<byte> BlockAt(int index) => _blocks.Slice(index * Block, Block);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (RecordFile file in Files)
        {
            file.Dispose();
        }
    }

    /// <summary>Nothing more will come: what is there goes out, and the file is closed.</summary>
    public void End() => _isEnding = true;

    /// <summary>One look at what there is to do.</summary>
    /// <returns>True when something was handed to the ring.</returns>
    public bool Turn(long nowNs, in RecordRings rings, ScratchSlots scratch)
    {
        switch (_phase)
        {
            case Phase.NoFile:
                return TryOpen(nowNs, rings, scratch);
            case Phase.Open:
                return Write(nowNs, rings, scratch);
            case Phase.Draining when _oldest == _next && !_isSyncing:
                return TryAddTail(nowNs, rings.Writes, scratch);
            case Phase.Closing when !_isSyncing:
                return Sync(rings.Flushes);
            case Phase.Failed when _oldest == _next && !_isSyncing:
                GiveUp(nowNs);
                return true;
            default:
                return false;
        }
    }

    /// <summary>A request of this stream has come back.</summary>
    /// <param name="sequence">Which.</param>
    /// <param name="done">How.</param>
    /// <param name="nowNs">When.</param>
    /// <param name="scratch">Takes its slot back.</param>
    public void Complete(uint sequence, in IoCompletion done, long nowNs, ScratchSlots scratch)
    {
        if (sequence == SyncSequence)
        {
            OnSynced(done, nowNs);
            return;
        }

        ref Chunk chunk = ref _chunks[sequence % ChunksMax];
        chunk.IsBack = true;
        chunk.IsGood = done.Result == chunk.Bytes;
        scratch.Give(chunk.Scratch);
        if (!chunk.IsGood)
        {
            Fail(done.Result < 0 ? done.Errno : Errno.EIO, "write", nowNs); // a short write is a failed one
        }

        while (_oldest != _next && _chunks[_oldest % ChunksMax].IsBack)
        {
            Settle(_chunks[_oldest++ % ChunksMax]);
        }
    }

    private void Settle(in Chunk chunk)
    {
        // Behind a gap nothing counts: it is written again.
        if (_hasFailed && (!chunk.IsGood || chunk.FileOffset != _file!.Bytes))
        {
            return;
        }

        ref RecordQueueHeader header = ref Header;
        // Within one block, which is not given back yet.
        ReadOnlySpan<byte> part = _blocks.Span.Slice((int)(_safe % _capacity), (int)(chunk.End - _safe));
        ulong frames = _file!.Index.Add(chunk.FileOffset, chunk.Bytes, part);
        _file.Bytes = chunk.FileOffset + chunk.Bytes;
        _file.Frames += frames;
        _safe = chunk.End;
        header.WrittenFrames += frames;
        header.WrittenBytes += (uint)chunk.Bytes;
        Volatile.Write(ref header.Released, _safe / Block * Block); // release: the drive has read the block
        if (_phase == Phase.Tail)
        {
            _phase = Phase.Closing;
        }
    }

    private bool Write(long nowNs, in RecordRings rings, ScratchSlots scratch)
    {
        bool hasAdded = false;
        ulong position = Volatile.Read(ref Header.Position); // acquire: pairs with the lane's release
        while (_phase == Phase.Open && _next - _oldest < ChunksMax)
        {
            if (IsToEnd(nowNs, position))
            {
                _phase = Phase.Draining;
                return true;
            }

            if (!TryTake(nowNs, position, rings.Writes, scratch))
            {
                break;
            }

            hasAdded = true;
        }

        return hasAdded | TrySync(nowNs, rings.Flushes);
    }

    private bool IsToEnd(long nowNs, ulong position) =>
        _offset + ChunkBytesMax + TailBytes > _settings.FileBytes
        || (_settings.FileNs > 0 && nowNs - _openedNs >= _settings.FileNs)
        || (_isEnding && position == _taken);

    private bool TryTake(long nowNs, ulong position, IIoRing ring, ScratchSlots scratch)
    {
        ulong blockEnd = ((_taken / Block) + 1) * Block;
        bool isWhole = position >= blockEnd;
        if (isWhole && _taken % Block == 0)
        {
            int block = (int)(_taken % _capacity / Block);
            _waitsSinceNs = 0;
            ulong start = _taken;
            _taken = blockEnd;
            return Add(ring, new Chunk
            {
                Bytes = Block, End = blockEnd, Scratch = -1,
            }, _firstSlot + block, start);
        }

        if (position == _taken)
        {
            return false;
        }

        if (!isWhole && !_isEnding && !HasWaited(nowNs))
        {
            return false;
        }

        return TryTakePart(isWhole ? blockEnd : position, ring, scratch);
    }

    // The lane is still in the block, or a part of it is in the file already: a copy, filled up to what
    // O_DIRECT can write.
    private bool TryTakePart(ulong end, IIoRing ring, ScratchSlots scratch)
    {
        if (!scratch.TryTake(out int slot))
        {
            return false;
        }

        int at = (int)(_taken % _capacity);
        ReadOnlySpan<byte> part = _blocks.Span.Slice(at, (int)(end - _taken));
        Span<byte> copy = scratch[slot];
        part.CopyTo(copy);
        int bytes = Padded(copy, part.Length);
        ulong start = _taken;
        _taken = end;
        _waitsSinceNs = 0;
        return Add(ring, new Chunk { Bytes = bytes, End = end, Scratch = slot }, slot,
            start);
    }

    private bool HasWaited(long nowNs)
    {
        if (_waitsSinceNs == 0)
        {
            _waitsSinceNs = nowNs;
        }

        return nowNs - _waitsSinceNs >= _settings.SyncNs / 2;
    }

    private bool TrySync(long nowNs, IIoRing ring)
    {
        ref RecordQueueHeader header = ref Header;
        if (_isSyncing || nowNs - _syncedNs < _settings.SyncNs / 2
            || header.WrittenFrames - _unsure == header.DurableFrames)
        {
            return false;
        }

        return Sync(ring);
    }

    private bool Sync(IIoRing ring)
    {
        _syncFrames = Header.WrittenFrames;
        _isSyncing = ring.TryAdd(new IoRequest
        {
            Operation = IoOperation.DataSync,
            File = _number,
            Token = TokenOf(SyncSequence),
        });
        return _isSyncing;
    }

    private void OnSynced(in IoCompletion done, long nowNs)
    {
        _isSyncing = false;
        _syncedNs = nowNs;
        ref RecordQueueHeader header = ref Header;
        if (done.Errno != Errno.Ok)
        {
            // What was written since the last flush may be lost, and is not in memory any more.
            _unsure += _syncFrames - _unsure - header.DurableFrames;
            Fail(done.Errno, "fdatasync", nowNs);
            return;
        }

        Volatile.Write(ref header.DurableFrames, _syncFrames - _unsure);
        if (_phase == Phase.Closing)
        {
            HandOver();
        }
    }

    private void Fail(Errno errno, string call, long nowNs)
    {
        Count(errno, call);
        _hasFailed = true;
        _lastTries += _isEnding ? 1 : 0;
        _phase = Phase.Failed;
        _retryAtNs = nowNs + RetryNs;
    }

    private void Count(Errno errno, string call)
    {
        ref RecordQueueHeader header = ref Header;
        header.Errors++;
        header.LastErrno = (ulong)errno;
        header.LastCall.Set(call);
    }

    private bool Add(IIoRing ring, Chunk chunk, int slot, ulong start = ulong.MaxValue)
    {
        chunk.FileOffset = _offset;
        bool isTaken = ring.TryAdd(new IoRequest
        {
            Operation = IoOperation.Write,
            File = _number,
            Slot = slot,
            Bytes = chunk.Bytes,
            Offset = _offset,
            Token = TokenOf(_next),
        });
        Invariant.Require(isTaken); // the ring is as deep as all streams' chunks and flushes
        Invariant.Require(start == ulong.MaxValue || start < chunk.End);
        _chunks[_next++ % ChunksMax] = chunk;
        _offset += chunk.Bytes;
        return true;
    }

    private ulong TokenOf(uint sequence) => ((ulong)_number << 32) | sequence;

    private static int Padded(Span<byte> target, int usedBytes)
    {
        const int unit = IoBuffers.Alignment;
        int bytes = (usedBytes + unit - 1) / unit * unit;
        int left = bytes - usedBytes;
        bytes += left is > 0 and < Pcapng.BlockBytesMin ? unit : 0;
        if (bytes > usedBytes)
        {
            PcapngWriter filler = new(target[usedBytes..bytes]);
            filler.TryFill(bytes - usedBytes);
        }

        return bytes;
    }
}
