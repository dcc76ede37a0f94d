using LowLatency.Control.Measuring;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;
using LowLatency.Native.Uring;

namespace LowLatency.Control.Storage;

/// <summary>Sends transfers to a target and times each: one thread of its own, which opens the ring, looks for
/// completions without pause, so that no waking of a thread is measured, and allocates nothing while it
/// measures. Others read its counts.</summary>
internal sealed class DiskMeter
{
    private const int SlotBytesMin = 512;
    private const long CatchUpNs = 100_000_000; // as a load's generator: later ones count as unsent
    private readonly DiskRequest _request;
    private readonly DiskTarget _target;
    private readonly DiskModes _modes;
    private readonly Slot[] _slots;
    private readonly Stack<int> _free;
    private readonly ulong[] _readBuckets = new ulong[HdrGeometry.Length];
    private readonly ulong[] _writeBuckets = new ulong[HdrGeometry.Length];
    private readonly ulong[] _serviceBuckets = new ulong[HdrGeometry.Length];
    private readonly ulong[] _lateBuckets = new ulong[HdrGeometry.Length];
    private readonly IoCompletion[] _done;
    private readonly long _blocks;
    private ulong _state;
    private long _cursor;
    private long _startNs;
    private long _measureFromNs;
    private long _untilNs;
    private readonly double _intervalNs;
    private long _intended;
    private long _transfers;
    private long _stopsAsked;

    /// <summary>Prepares; nothing is opened yet.</summary>
    public DiskMeter(DiskRequest request, DiskTarget target, DiskModes modes)
    {
        _request = request;
        _target = target;
        _modes = modes;
        _slots = new Slot[request.Depth];
        _done = new IoCompletion[request.Depth];
        _free = new Stack<int>(Enumerable.Range(0, request.Depth));
        _blocks = target.SizeBytes / request.BlockBytes;
        _state = request.Seed;
        _intervalNs = request.Rate is double rate ? 1e9 / rate : 0;
    }

    /// <summary>Transfers that were completed in the measured time, so far. Any thread.</summary>
    public long Transfers => Volatile.Read(ref _transfers);

    /// <summary>What it measured; after <see cref="Run"/>.</summary>
    public DiskFigures? Figures { get; private set; }

    /// <summary>What broke it off, one line; null: nothing. After <see cref="Run"/>.</summary>
    public string? Fault { get; private set; }

    /// <summary>Why it could not begin; null: it began.</summary>
    public NativeException? Refusal { get; private set; }

    /// <summary>Any thread: ends it early.</summary>
    public void Stop() => Volatile.Write(ref _stopsAsked, 1);

    /// <summary>Measures; on a thread of its own, to its end.</summary>
    public void Run()
    {
        try
        {
            if (_request.Cpu is int cpu)
            {
                ThreadControl.Pin(cpu);
            }

            using IoBuffers buffers = new(_request.Depth, Math.Max(_request.BlockBytes, SlotBytesMin));
            for (int slot = 0; slot < _request.Depth; slot++)
            {
                DiskRandom.Fill(buffers[slot].Span, ref _state);
            }

            using DirectFile? space = _modes.Passes
                ? DirectFile.OpenNamespace(_target.File.Path, _request.Writes ? DirectAccess.Write
                    : DirectAccess.Read) : null;
            using Ring ring = Ring.OpenBest(new RingSetup(_request.Depth, _modes.Setup, 1), buffers);
            Errno errno = ring.SetFile(0, space ?? _target.File);
            if (errno != Errno.Ok)
            {
                throw new NativeException("io_uring_register(FILES_UPDATE)", errno, UringRefusal.Hint(errno));
            }

            Measure(ring);
        }
        catch (NativeException refusal)
        {
            Refusal = refusal;
        }
    }

    private void Measure(Ring ring)
    {
        foreach (ulong[] buckets in new[] { _readBuckets, _writeBuckets, _serviceBuckets, _lateBuckets })
        {
            Array.Clear(buckets); // touched: not while measuring
        }

        OwnShare before = OwnShare.Now();
        bool isWarm = false;
        _startNs = ThreadControl.NowNs;
        _measureFromNs = _startNs + _request.WarmupNs;
        _untilNs = _measureFromNs + _request.DurationNs;
        long nowNs = _startNs;
        while (Fault is null && (nowNs < _untilNs || ring.InFlight > 0 || MayCatchUp(nowNs)))
        {
            if (Volatile.Read(ref _stopsAsked) != 0 && nowNs < _untilNs)
            {
                _untilNs = nowNs;
            }

            if (!isWarm && nowNs >= _measureFromNs)
            {
                isWarm = true;
                before = OwnShare.Now();
            }

            Offer(ring, nowNs);
            Take(ring, ring.Submit(awaited: 0, timeoutNs: 0)); // looks without pause, as a lane does
            nowNs = ThreadControl.NowNs;
        }

        OwnShare after = OwnShare.Now();
        double seconds = Math.Max(_untilNs - _measureFromNs, 0) / 1e9;
        Figures = new DiskFigures(seconds, _transfers, Sum(_readBuckets), Sum(_writeBuckets),
            Sum(_serviceBuckets), Sum(_lateBuckets), after.AllocatedBytes - before.AllocatedBytes,
            after.Collections - before.Collections, after.Faults - before.Faults,
            after.Preemptions - before.Preemptions, Unsent);
    }

    // What was intended before the end and found the thread away, or every slot taken, is not left out.
    private bool MayCatchUp(long nowNs) => Unsent > 0 && nowNs < _untilNs + CatchUpNs;

    // Transfers that were intended before the end, and not submitted yet.
    private long Unsent => _intervalNs == 0 ? 0
        : Math.Max(0, (long)Math.Ceiling((_untilNs - _startNs) / _intervalNs) - _intended);

    private void Offer(Ring ring, long nowNs)
    {
        while (_free.Count > 0 && (nowNs < _untilNs || MayCatchUp(nowNs)))
        {
            long intendedNs = _intervalNs == 0 ? nowNs : _startNs + (long)(_intended * _intervalNs);
            if (intendedNs > nowNs || intendedNs >= _untilNs)
            {
                return;
            }

            int slot = _free.Pop();
            bool isRead = _request.ReadPercent == 100
                || (_request.ReadPercent > 0 && DiskRandom.Below(ref _state, 100) < _request.ReadPercent);
            _slots[slot] = new Slot(intendedNs, ThreadControl.NowNs, NextOffset(), isRead);
            bool isTaken = ring.TryAdd(new IoRequest
            {
                Operation = (isRead, _modes.Passes) switch
                {
                    (true, false) => IoOperation.Read,
                    (false, false) => IoOperation.Write,
                    (true, true) => IoOperation.NvmeRead,
                    _ => IoOperation.NvmeWrite,
                },
                File = 0,
                Slot = slot,
                Bytes = _request.BlockBytes,
                Offset = _slots[slot].Offset,
                Token = (ulong)slot,
            });
            Invariant.Require(isTaken); // as many slots as the ring is deep
            _intended++;
            // At once: the drive works on it while the next is made; together took 8 % longer at depth 16.
            Check(ring.Submit(awaited: 0, timeoutNs: 0));
        }
    }

    private void Check(Errno errno)
    {
        if (errno != Errno.Ok && !errno.IsLater())
        {
            Fault ??= $"io_uring_enter: {errno.Name()}. {UringRefusal.Hint(errno)}";
        }
    }

    private void Take(Ring ring, Errno errno)
    {
        Check(errno);
        int count = ring.Reap(_done);
        long nowNs = count > 0 ? ThreadControl.NowNs : 0;
        for (int i = 0; i < count; i++)
        {
            int number = (int)_done[i].Token;
            _free.Push(number);
            Count(_slots[number], _done[i], nowNs);
        }
    }

    private void Count(in Slot slot, in IoCompletion done, long nowNs)
    {
        int whole = _modes.Passes ? 0 : _request.BlockBytes;
        if (done.Result != whole)
        {
            Fault ??= Describe(slot, done);
            return;
        }

        // As a load's frames: by intended time, so that what waits in line is not left out.
        if (slot.IntendedNs >= _measureFromNs && slot.IntendedNs < _untilNs)
        {
            (slot.IsRead ? _readBuckets : _writeBuckets)[HdrGeometry.IndexOf(nowNs - slot.IntendedNs)]++;
            _serviceBuckets[HdrGeometry.IndexOf(nowNs - slot.SubmittedNs)]++;
            _lateBuckets[HdrGeometry.IndexOf(slot.SubmittedNs - slot.IntendedNs)]++;
            if (nowNs < _untilNs)
            {
                Volatile.Write(ref _transfers, _transfers + 1); // rates: what was done in the time
            }
        }
    }

    private string Describe(in Slot slot, in IoCompletion done) =>
        $"{(slot.IsRead ? "read" : "write")} of {_request.BlockBytes} bytes at byte {slot.Offset} of "
        + $"{_target.File.Path}: "
        + (done.Result < 0 ? $"{done.Errno.Name()}. {UringRefusal.Hint(done.Errno)}"
            : _modes.Passes ? $"the drive's status is {done.Result:x}h"
            : $"only {done.Result} bytes were moved");

    private long NextOffset()
    {
        if (_request.IsRandom)
        {
            return DiskRandom.Below(ref _state, _blocks) * _request.BlockBytes;
        }

        long block = _cursor;
        _cursor = block + 1 == _blocks ? 0 : block + 1;
        return block * _request.BlockBytes;
    }

    private static HdrHistogram.LongHistogram Sum(ulong[] buckets)
    {
        HdrHistogram.LongHistogram histogram = Histograms.New();
        Histograms.Add(histogram, buckets);
        return histogram;
    }

    /// <summary>What the measuring thread itself has cost so far.</summary>
    private readonly record struct OwnShare(long AllocatedBytes, long Collections, long Faults,
        long Preemptions)
    {
        public static OwnShare Now()
        {
            ThreadUsage usage = ThreadControl.Usage();
            return new OwnShare(GC.GetAllocatedBytesForCurrentThread(), GC.CollectionCount(0),
                usage.MinorFaults + usage.MajorFaults, usage.InvoluntarySwitches);
        }
    }

    private readonly record struct Slot(long IntendedNs, long SubmittedNs, long Offset, bool IsRead);
}

/// <summary>What a <see cref="DiskMeter"/> counted.</summary>
/// <param name="Seconds">Measured time.</param>
/// <param name="Transfers">Completed in it.</param>
/// <param name="Read">Intended to completed, of reads.</param>
/// <param name="Write">The same of writes.</param>
/// <param name="Service">Submitted to completed, of all.</param>
/// <param name="Late">Intended to submitted.</param>
/// <param name="AllocatedBytes">By the measuring thread.</param>
/// <param name="Collections">Of the process.</param>
/// <param name="Faults">Page faults of the measuring thread.</param>
/// <param name="Preemptions">Switches that it did not ask for.</param>
/// <param name="Unsent">Transfers that were intended in the time and given up.</param>
internal sealed record DiskFigures(double Seconds, long Transfers, HdrHistogram.LongHistogram Read,
    HdrHistogram.LongHistogram Write, HdrHistogram.LongHistogram Service, HdrHistogram.LongHistogram Late,
    long AllocatedBytes, long Collections, long Faults, long Preemptions, long Unsent);
