using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Probes;
using LowLatency.Native.Threads;
using LowLatency.Native.Uring;

namespace LowLatency.Dataplane.Storage;

/// <summary>A recorder: writes what the record stages of packet lanes have copied, through io_uring, from the
/// memory they have copied it to. No packet lane ever waits for it.</summary>
internal sealed class StorageLane : ILane, IDisposable
{
    private const int RequestsPerStream = 18;        // its chunks, and a flush
    private const int ScratchPerStream = 4;
    private const long SleepNs = 500_000;            // on a shared CPU, when there is nothing to do
    private const long SleepDiskNs = 100_000;        // the same while the drive works
    private const long CloseNs = 30_000_000_000;     // a drive that takes longer to flush has failed
    private const long ClockEveryNs = 10_000_000;
    private readonly TableMemory _tables;            // a mapping of its own: reloads unmap the lanes'
    private readonly RecordStream[] _streams;
    private readonly RecorderSettings _settings;
    private readonly string _path;
    private readonly string _name;
    private readonly IoCompletion[] _done;
    private IoBuffers? _buffers;
    private MappedMemory? _scratchMemory;
    private ScratchSlots? _scratch;
    private Ring? _opened;
    private Ring? _flushes;                          // null: the ring itself takes them
    private IIoRing? _ring;
    private FileKeeper? _keeper;
    private long _clockAtNs;

    /// <summary>Makes the lane; nothing is opened yet.</summary>
    /// <param name="core">Its common part.</param>
    /// <param name="tables">A mapping of its own; closed with the lane.</param>
    /// <param name="lane">Its index in the plan.</param>
    public StorageLane(LaneCore core, TableMemory tables, int lane)
    {
        Core = core;
        _tables = tables;
        PlanImage plan = tables.Plan;
        PlanStage stage = plan.Stage((int)plan.Lane(lane).FirstStage);
        _settings = RecorderSettings.Read(stage);
        _path = FixedText.Read(tables.Slice<byte>((int)stage.FirstTable).Span);
        _name = plan.Lane(lane).Name.ToString();
        _streams = StreamsOf(plan, lane, ThreadControl.RealtimeNs);
        _done = new IoCompletion[Math.Max(_streams.Length, 1) * RequestsPerStream];
    }

    /// <inheritdoc/>
    public LaneCore Core { get; }

    /// <inheritdoc/>
    public bool IsDrained => true; // closing takes as long as the drive does

    /// <inheritdoc/>
    public void Open()
    {
        if (_streams.Length == 0)
        {
            return;
        }

        ReadClock(ThreadControl.NowNs);
        _ = Ring.KeepWorkersOn(_tables.Plan.Header.HousekeepingCpus); // refused: as the kernel has them
        CaptureFolder folder = CaptureFolder.Open(_path);
        _keeper = new FileKeeper(_streams, _settings, folder, _name);
        OpenBuffers();
        bool isPolled = _settings.Mode != RecordMode.Interrupt && CanPoll();
        UringSetup setup = isPolled ? UringSetup.IoPoll : UringSetup.None;
        _opened = Ring.OpenBest(new RingSetup(_done.Length, setup, _streams.Length), _buffers);
        _ring = _opened;
        if (isPolled)
        {
            // A ring that polls takes no flush (EINVAL: IORING_OP_FSYNC of a ring with IORING_SETUP_IOPOLL).
            _flushes = Ring.OpenBest(new RingSetup(_streams.Length, UringSetup.None, _streams.Length), null);
        }

        _keeper.Start();
        foreach (RecordStream stream in _streams)
        {
            stream.Header.IsPolled = isPolled ? 1u : 0u;
        }
    }

    /// <inheritdoc/>
    public long Turn()
    {
        long nowNs = Core.Begin();
        bool hasWorked = _ring is not null && Work(nowNs);
        Core.End(hasWorked ? Regime.Busy : Regime.Idle);
        if (!hasWorked && _settings.Waits)
        {
            long fromNs = ThreadControl.NowNs;
            ThreadControl.PauseUntil(fromNs + (_ring is { InFlight: > 0 } || _flushes is { InFlight: > 0 } ? SleepDiskNs : SleepNs));
            Core.OnYielded(fromNs, ThreadControl.NowNs);
        }

        return nowNs;
    }

    /// <inheritdoc/>
    public void Close()
    {
        foreach (RecordStream stream in _streams)
        {
            stream.End();
        }

        long untilNs = ThreadControl.NowNs + CloseNs;
        while (_ring is not null && !AreDone() && ThreadControl.NowNs < untilNs)
        {
            if (!Work(ThreadControl.NowNs))
            {
                ThreadControl.PauseUntil(ThreadControl.NowNs + SleepDiskNs);
            }
        }

        _ring = null;
        CloseRings();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        CloseRings(); // only where opening has failed
        _keeper?.Dispose();
        foreach (RecordStream stream in _streams)
        {
            stream.Dispose();
        }

        _buffers?.Dispose();
        _scratchMemory?.Dispose();
        _tables.Dispose();
    }

    private bool AreDone()
    {
        foreach (RecordStream stream in _streams)
        {
            if (!stream.IsDone)
            {
                return false;
            }
        }

        return true;
    }

    private void CloseRings()
    {
        _opened?.Dispose();
        _flushes?.Dispose();
        (_opened, _flushes) = (null, null);
    }

    private bool Work(long nowNs)
    {
        if (nowNs >= _clockAtNs)
        {
            ReadClock(nowNs);
        }

        RecordRings rings = new(_ring!, _flushes ?? _ring!);
        bool hasWorked = false;
        foreach (RecordStream stream in _streams)
        {
            hasWorked |= stream.Turn(nowNs, rings, _scratch!);
        }

        hasWorked |= Take(rings.Writes, nowNs);
        return hasWorked | (_flushes is not null && Take(_flushes, nowNs));
    }

    private bool Take(IIoRing ring, long nowNs)
    {
        _ = ring.Submit(awaited: 0, timeoutNs: 0); // an error comes back as a completion, or again
        int count = ring.Reap(_done);
        foreach (IoCompletion done in _done.AsSpan(0, count))
        {
            _streams[(int)(done.Token >> 32)].Complete((uint)done.Token, done, nowNs, _scratch!);
        }

        return count > 0;
    }

    private void ReadClock(long nowNs)
    {
        long offsetNs = ThreadControl.RealtimeNs - ThreadControl.NowNs;
        foreach (RecordStream stream in _streams)
        {
            Volatile.Write(ref stream.Header.ClockOffsetNs, offsetNs);
        }

        _clockAtNs = nowNs + ClockEveryNs;
    }

    private void OpenBuffers()
    {
        int scratch = _streams.Length * ScratchPerStream;
        const int bytes = RecordStream.ChunkBytesMax;
        _scratchMemory = MappedMemory.Anonymous((long)scratch * bytes, HugePages.Auto);
        List<NativeSpan<byte>> slots = [];
        foreach (RecordStream stream in _streams)
        {
            for (int block = 0; block < stream.BlockCount; block++)
            {
                slots.Add(stream.BlockAt(block));
            }
        }

        int first = slots.Count;
        for (int i = 0; i < scratch; i++)
        {
            slots.Add(_scratchMemory.Slice<byte>((long)i * bytes, bytes));
        }

        _buffers = new IoBuffers(slots);
        _scratch = new ScratchSlots(_buffers, first);
    }

    private bool CanPoll()
    {
        PolledRead trial = PolledRead.RunInFolder(_path);
        return trial.IsPolled || (_settings.Mode != RecordMode.IoPoll ? false
            : throw new NativeException($"a polled read in {_path}", trial.Errno,
                UringRefusal.Hint(trial.Errno)));
    }

    private RecordStream[] StreamsOf(PlanImage plan, int recorder, long startNs)
    {
        List<RecordStream> streams = [];
        int slots = 0;
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            PlanLane entry = plan.Lane(lane);
            for (int i = 0; i < entry.StageCount; i++)
            {
                PlanStage stage = plan.Stage((int)entry.FirstStage + i);
                if (stage.Kind != StageKind.Record || RecordSettings.Read(stage).Recorder != recorder)
                {
                    continue;
                }

                string[] ports = new string[entry.PortCount];
                for (int port = 0; port < ports.Length; port++)
                {
                    ports[port] = plan.Port(entry.Ports[port]).Name.ToString();
                }

                int table = (int)stage.FirstTable + Stages.Record.QueueTable(stage);
                streams.Add(new RecordStream(_tables.Slice<byte>(table), new RecordStreamSetup(streams.Count,
                    slots, RecordFile.StemOf(_name, entry.Name.ToString(), startNs), ports, _settings,
                    (ulong)startNs)));
                slots += streams[^1].BlockCount;
            }
        }

        return [.. streams];
    }
}
