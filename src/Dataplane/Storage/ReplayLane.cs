using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Probes;
using LowLatency.Native.Threads;
using LowLatency.Native.Uring;

namespace LowLatency.Dataplane.Storage;

/// <summary>Sends a capture's packets from its file, byte for byte, at the times they were captured (or faster,
/// slower, or at a rate), and measures how late it is. It waits until Control writes a start time into the
/// region.</summary>
internal sealed class ReplayLane : ILane, IDisposable
{
    private const int PollEvery = 32;            // turns between two looks at a drive that is far ahead
    private const int LateMax = Limits.BurstMax;
    private readonly SharedRegion _region;
    private readonly TableMemory _tables;
    private readonly NativeRef<ReplayHeader> _header;
    private readonly ReplaySettings _settings;
    private readonly string _path;
    private readonly int _frameBytesMax;
    private readonly int _burst;
    private readonly Banks _lateness;
    private readonly ulong[] _reaped = new ulong[Limits.BurstMax * 2];
    private readonly long[] _dueNs = new long[LateMax];
    private readonly double _intervalNs;
    private MappedMemory? _memory;
    private IoBuffers? _buffers;
    private Ring? _ring;
    private DirectFile? _file;
    private ReplayReader? _reader;
    private long _startNs;
    private long _firstTimeNs;
    private long _sent;
    private int _turns;
    private bool _isDone;

    /// <summary>Makes the lane; nothing is opened yet.</summary>
    public ReplayLane(LaneCore core, SharedRegion region, TableMemory tables, int lane)
    {
        Core = core;
        _region = region;
        _tables = tables;
        PlanLane plan = tables.Plan.Lane(lane);
        PlanStage stage = tables.Plan.Stage((int)plan.FirstStage);
        _settings = ReplaySettings.Read(stage);
        NativeSpan<byte> table = tables.Slice<byte>((int)stage.FirstTable);
        _header = table.First<ReplayHeader>();
        _path = FixedText.Read(table.Slice(0, ReplayHeader.PathBytes).Span);
        PlanPort port = tables.Plan.Port(plan.Ports[0]);
        _frameBytesMax = (int)Math.Min(plan.ChunkBytes, port.MtuBytes + Limits.EthernetOverheadBytes);
        _burst = (int)plan.Burst;
        _lateness = core.Histogram(HistogramKind.Lateness);
        _intervalNs = _settings.RatePps > 0 ? 1e9 / _settings.RatePps : 0;
    }

    /// <inheritdoc/>
    public LaneCore Core { get; }

    /// <inheritdoc/>
    public bool IsDrained => true;

    /// <inheritdoc/>
    public void Open()
    {
        _ = Ring.KeepWorkersOn(_tables.Plan.Header.HousekeepingCpus); // refused: as the kernel has them
        _file = OpenFile(_path);
        _memory = MappedMemory.Anonymous(
            ReplayReader.LeadBytes + ((long)ReplayReader.Slots * ReplayReader.SlotBytes), HugePages.Auto);
        List<NativeSpan<byte>> slots = [];
        for (int i = 0; i < ReplayReader.Slots; i++)
        {
            slots.Add(_memory.Slice<byte>(
                ReplayReader.LeadBytes + ((long)i * ReplayReader.SlotBytes), ReplayReader.SlotBytes));
        }

        _buffers = new IoBuffers(slots);
        bool isPolled = PolledRead.On(_file, IoOperation.Read, IoBuffers.Alignment).IsPolled;
        _ring = Ring.OpenBest(new RingSetup(ReplayReader.Slots,
            isPolled ? UringSetup.IoPoll : UringSetup.None, Files: 1), _buffers);
        Errno errno = _ring.SetFile(0, _file);
        if (errno != Errno.Ok)
        {
            throw new NativeException("io_uring_register(FILES_UPDATE)", errno, UringRefusal.Hint(errno));
        }

        _header.Value.IsPolled = isPolled ? 1u : 0u;
        NativeSpan<byte> memory = _memory.Slice<byte>(0, (int)_memory.LengthBytes);
        _reader = new ReplayReader(_settings, memory);
    }

    /// <inheritdoc/>
    public long Turn()
    {
        LaneCore core = Core;
        long nowNs = core.Begin();
        int reaped = core.ReapAll(_reaped);
        if (_reader is null || _isDone)
        {
            core.End(reaped > 0 ? Regime.Busy : Regime.Idle);
            return nowNs;
        }

        if (++_turns % PollEvery == 0 || _reader.Ahead < 2)
        {
            _reader.Poll(_ring!);
        }

        int sent = HasStarted() ? Send(nowNs) : 0;
        foreach (LanePort port in core.Ports)
        {
            port.Flush(ref core.Counters);
        }

        core.End(sent + reaped > 0 ? Regime.Busy : Regime.Idle);
        if (_reader.End != ReplayEnd.None || _region.Header.StopLoad != 0)
        {
            Finish();
        }

        return nowNs;
    }

    /// <inheritdoc/>
    public void Close()
    {
        _ring?.Dispose();
        _ring = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ring?.Dispose(); // only where opening has failed
        _file?.Dispose();
        _buffers?.Dispose();
        _memory?.Dispose();
        _tables.Dispose();
    }

    private static DirectFile OpenFile(string path)
    {
        try
        {
            return DirectFile.Open(path, DirectAccess.Read);
        }
        catch (NativeException e) when (e.Errno == Errno.EINVAL)
        {
            return DirectFile.Open(path, DirectAccess.Read | DirectAccess.Cached); // no direct transfers there
        }
    }

    private bool HasStarted()
    {
        if (_startNs == 0)
        {
            _startNs = Volatile.Read(ref _region.Header.StartAtNs); // acquire: Control wrote it last
            Core.Page.MeasureFromNs = _startNs;
        }

        return _startNs != 0;
    }

    private int Send(long nowNs)
    {
        int sent = 0;
        while (sent < _burst)
        {
            if (!_reader!.TryPeek(out ReadOnlySpan<byte> frame, out long timeNs, out int bytes))
            {
                _header.Value.Starved += _reader.End == ReplayEnd.None ? 1u : 0u;
                break;
            }

            if (frame.Length > _frameBytesMax || frame.Length < Packets.Ethernet.HeaderBytes)
            {
                _header.Value.Skipped++;
                _reader.Next(bytes);
                continue;
            }

            long dueNs = DueOf(timeNs);
            if (dueNs > nowNs || !TryWrite(frame))
            {
                break;
            }

            _reader.Next(bytes);
            _dueNs[sent++] = dueNs;
            _sent++;
        }

        if (sent > 0)
        {
            Measure(sent);
        }

        return sent;
    }

    // The first packet is due at the start.
    private long DueOf(long timeNs)
    {
        if (_intervalNs > 0)
        {
            return _startNs + (long)(_sent * _intervalNs);
        }

        if (_sent == 0)
        {
            _firstTimeNs = timeNs;
            _header.Value.FirstNs = _startNs;
        }

        return _startNs + (long)((timeNs - _firstTimeNs) / _settings.Speed);
    }

    private bool TryWrite(ReadOnlySpan<byte> frame)
    {
        LaneCore core = Core;
        LanePort port = core.Ports[0];
        if (!port.CanSend || !core.Pool.TryTake(out ulong address))
        {
            return false;
        }

        if (!port.Tx.TryWrite(address, (uint)frame.Length))
        {
            core.Pool.Give(address);
            return false;
        }

        frame.CopyTo(core.Umem.Frame(address, (uint)frame.Length));
        core.Counters.TxFrames++;
        core.Counters.TxBytes += (uint)frame.Length;
        return true;
    }

    private void Measure(int sent)
    {
        long nowNs = ThreadControl.NowNs;
        _header.Value.LastNs = nowNs;
        Bank lateness = _lateness.Active;
        foreach (long dueNs in _dueNs.AsSpan(0, sent))
        {
            lateness.Add(nowNs - dueNs, 1);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // once
    private void Finish()
    {
        foreach (LanePort port in Core.Ports)
        {
            if (port.TxSide != 0 && port.CanSend)
            {
                return; // the kernel still holds frames: not done yet
            }
        }

        ref ReplayHeader header = ref _header.Value;
        header.ReadBytes = (ulong)_reader!.ReadBytes;
        header.Errno = (ulong)_reader.Errno;
        header.End = _reader.End;
        _isDone = true;
        Core.CheckConservation();
        LanePage.SetState(ref Core.Page, LaneState.Done);
    }
}
