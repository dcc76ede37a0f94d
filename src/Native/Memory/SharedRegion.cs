using System.Diagnostics;
using System.Runtime.CompilerServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Memory;

/// <summary>The memory between one lowlatd and any number of readers: a file in /dev/shm, locked (flock) by
/// the live lowlatd, so that a name has one owner and a dead owner is recognised at once.</summary>
public sealed class SharedRegion : IDisposable
{
    private readonly int _fd;
    private readonly MappedMemory _memory;

    private const int NoFile = -1;

    private readonly bool _isOwner;

    private SharedRegion(string path, int fd, MappedMemory memory, PlanImage plan, bool isOwner)
    {
        _isOwner = isOwner;
        Path = path;
        _fd = fd;
        _memory = memory;
        Plan = plan;
        Layout = new RegionLayout(plan);
    }

    /// <summary>Path of the file.</summary>
    public string Path { get; }

    /// <summary>The plan that the region was laid out for.</summary>
    public PlanImage Plan { get; }

    /// <summary>Where things lie.</summary>
    public RegionLayout Layout { get; }

    /// <summary>The header.</summary>
    public ref RegionHeader Header => ref _memory.At<RegionHeader>(0).Value;

    /// <summary>The header, to keep.</summary>
    public NativeRef<RegionHeader> HeaderRef => _memory.At<RegionHeader>(0);

    /// <summary>True while the lowlatd that made it lives (it holds the file's lock).</summary>
    /// <remarks>The owner does not ask the file: a second flock(2) on its own fd would give its lock
    /// away.</remarks>
    public bool IsOwnerAlive => _isOwner || !Libc.TryLockShared(_fd);

    /// <summary>Makes the region of a booting lowlatd: replaces what a dead one of the same name
    /// left.</summary>
    /// <exception cref="NativeException">A live lowlatd holds it, or the kernel refused.</exception>
    public static SharedRegion Create(PlanImage plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        string path = plan.Header.RegionPath.ToString();
        RegionLayout layout = new(plan);
        int fd = Libc.OpenFile(path, Libc.OpenReadWriteCreate, 0x1A0 /* 0640 */);
        try
        {
            if (!Libc.TryLockExclusive(fd))
            {
                throw new NativeException($"flock({path})", Errno.EBUSY,
                    $"A data plane named '{plan.Header.Name}' runs already: stop it, or give this one "
                        + $"another name.");
            }

            if (Libc.FileBytes(fd) > 0)
            {
                fd = Replace(fd, path); // someone may still read what a dead owner left: it keeps its own file
            }

            Libc.Truncate(fd, layout.TotalBytes, path);
            MappedMemory memory = MappedMemory.OfFile(fd, layout.TotalBytes, isWritable: true);
            SharedRegion region = new(path, fd, memory, plan, isOwner: true);
            plan.Bytes.CopyTo(memory.Slice<byte>(RegionLayout.PlanOffset, plan.Bytes.Length).Span);
            ref RegionHeader header = ref region.Header;
            header.Version = RegionHeader.VersionValue;
            header.Pid = Environment.ProcessId;
            header.TotalBytes = layout.TotalBytes;
            header.PlanBytes = (uint)plan.Bytes.Length;
            header.PlanChecksum = plan.Header.Checksum;
            header.TablesFd = NoFile;
            header.Name = plan.Header.Name;
            Volatile.Write(ref header.Magic, RegionHeader.MagicValue); // release: pairs with Open's acquire
            return region;
        }
        catch
        {
            Libc.CloseFile(fd);
            throw;
        }
    }

    // The lock of the old file is held until the new one stands in its place, locked: no other start gets in
    // between.
    private static int Replace(int oldFd, string path)
    {
        string made = path + ".new";
        File.Delete(made);
        int fd = Libc.OpenFile(made, Libc.OpenReadWriteCreate, 0x1A0 /* 0640 */);
        Invariant.Require(Libc.TryLockExclusive(fd));
        File.Move(made, path, overwrite: true);
        Libc.CloseFile(oldFd);
        return fd;
    }

    /// <summary>A region that no one else sees: for warming up, tests and benches.</summary>
    public static SharedRegion CreatePrivate(PlanImage plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        MappedMemory memory = MappedMemory.Anonymous(new RegionLayout(plan).TotalBytes, HugePages.Never);
        return new SharedRegion("", NoFile, memory, plan, isOwner: true);
    }

    /// <summary>Opens a region for reading (and for the commands of its header).</summary>
    /// <returns>Null when there is none at this path, or none that is ready yet.</returns>
    /// <exception cref="PlanFormatException">It is of another release, or damaged.</exception>
    public static SharedRegion? TryOpen(string path) => TryOpen(path, out _);

    /// <summary>As <see cref="TryOpen(string)"/>, and says why there is none.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="errno">What open(2) answered; <see cref="Errno.EAGAIN"/>: a live lowlatd has not made it
    /// ready yet; <see cref="Errno.ENOENT"/> also for what a dead one never made ready.</param>
    public static SharedRegion? TryOpen(string path, out Errno errno)
    {
        int fd = Libc.TryOpenFile(path, Libc.OpenReadWrite, out errno);
        if (fd < 0)
        {
            return null;
        }

        MappedMemory? memory = null;
        try
        {
            long bytes = Libc.FileBytes(fd);
            if (bytes < Unsafe.SizeOf<RegionHeader>())
            {
                errno = Unready(fd);
                Libc.CloseFile(fd);
                return null;
            }

            memory = MappedMemory.OfFile(fd, bytes, isWritable: true);
            ref RegionHeader header = ref memory.At<RegionHeader>(0).Value;
            if (Volatile.Read(ref header.Magic) != RegionHeader.MagicValue) // acquire: pairs with Create's release
            {
                errno = Unready(fd);
                memory.Dispose();
                Libc.CloseFile(fd);
                return null;
            }

            if (header.Version != RegionHeader.VersionValue || header.TotalBytes != bytes)
            {
                throw new PlanFormatException($"{path} has region version {header.Version}, this program "
                    + $"reads "
                    + $"{RegionHeader.VersionValue}: use the lowlat of the same release");
            }

            if (header.PlanBytes > bytes - RegionLayout.PlanOffset)
            {
                throw new PlanFormatException($"{path} is damaged: a plan of {header.PlanBytes} bytes does "
                    + $"not fit");
            }

            PlanImage plan = PlanImage.Parse(
                memory.Slice<byte>(RegionLayout.PlanOffset, (int)header.PlanBytes).Span);
            return new SharedRegion(path, fd, memory, plan, isOwner: false);
        }
        catch
        {
            memory?.Dispose();
            Libc.CloseFile(fd);
            throw;
        }
    }

    private static Errno Unready(int fd) => Libc.TryLockShared(fd) ? Errno.ENOENT : Errno.EAGAIN;

    /// <summary>A lane's page.</summary>
    public NativeRef<LanePage> LanePage(int lane)
    {
        Invariant.Require((uint)lane < (uint)Plan.LaneCount);
        return _memory.At<LanePage>(Layout.LanesOffset + (lane * (long)Native.Layout.LanePage.SizeBytes));
    }

    /// <summary>A port's page.</summary>
    public NativeRef<PortPage> PortPage(int port)
    {
        Invariant.Require((uint)port < (uint)Plan.PortCount);
        return _memory.At<PortPage>(Layout.PortsOffset + (port * (long)RegionLayout.PortStride));
    }

    /// <summary>One bank of a lane's histogram; empty when the lane has none of this kind.</summary>
    public NativeSpan<ulong> Histogram(int lane, HistogramKind kind, int bank)
    {
        long offset = Layout.Histogram(lane, kind, bank);
        return offset < 0 ? default : _memory.Slice<ulong>(offset, HdrGeometry.Length);
    }

    /// <summary>A lane's stage counters, by stage.</summary>
    public NativeSpan<StageCounter> StageCounters(int lane) =>
        _memory.Slice<StageCounter>(Layout.StageCounters(lane), Limits.StagesPerLaneMax);

    /// <summary>A lane's stage times, histogram after histogram (<see cref="StageTimes"/>).</summary>
    public NativeSpan<ulong> StageTimesOf(int lane) => _memory.Slice<ulong>(
        Layout.StageTimes(lane), StageTimes.Histograms * StageTimes.Length);

    /// <summary>A lane's trace.</summary>
    public TraceArea Trace(int lane)
    {
        long at = Layout.Trace(lane);
        long ring = at + RegionLayout.TraceRingOffset;
        return new TraceArea(_memory.At<TraceRequest>(at), _memory.At<EventRingHeader>(ring),
            _memory.Slice<TraceEvent>(ring + Unsafe.SizeOf<EventRingHeader>(), TraceArea.Slots));
    }

    /// <summary>A lane's gap events.</summary>
    public EventRing Events(int lane)
    {
        long at = Layout.EventRing(lane);
        return new EventRing(
            _memory.At<EventRingHeader>(at),
            _memory.Slice<GapEvent>(at + Unsafe.SizeOf<EventRingHeader>(), Limits.EventRingSlots));
    }

    /// <summary>The lane's counters, whole: never half of one copy and half of another.</summary>
    public LaneCounters ReadCounters(int lane)
    {
        ref LanePage page = ref LanePage(lane).Value;
        return Seqlock.Read(ref page.Epoch, ref page.Counters);
    }

    /// <summary>The port's page, whole.</summary>
    public PortPage ReadPort(int port)
    {
        ref PortPage page = ref PortPage(port).Value;
        return Seqlock.Read(ref page.Epoch, ref page);
    }

    /// <summary>Removes the file: the owner's last act after a clean stop.</summary>
    public void Remove() => File.Delete(Path);

    /// <summary>Unmaps and closes; the owner's lock goes with it.</summary>
    public void Dispose()
    {
        _memory.Dispose();
        if (_fd != NoFile)
        {
            Libc.CloseFile(_fd);
        }
    }
}

/// <summary>One writer, any readers, no waiting for the writer (as Linux seqlock_t).</summary>
public static class Seqlock
{
    // A writer that dies inside leaves an odd epoch: after this time the reader takes what is there. A live
    // one can stand still inside for a scheduler's slice, or for the 50 ms that RT throttling takes from a
    // FIFO lane.
    private const long PatienceNs = 1_000_000_000;

    /// <summary>Copies <paramref name="source"/> into <paramref name="target"/> between two epoch
    /// steps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write<T>(ref uint epoch, ref T target, in T source)
        where T : unmanaged
    {
        uint start = epoch;
        Volatile.Write(ref epoch, start + 1); // odd: readers that see it look again
        Interlocked.MemoryBarrier();          // the odd epoch is visible before the first changed byte
        target = source;
        Volatile.Write(ref epoch, start + 2); // release: pairs with the acquire in Read
    }

    /// <summary>Opens a page for changes in place; <see cref="End"/> closes it.</summary>
    public static void Begin(ref uint epoch)
    {
        Volatile.Write(ref epoch, epoch + 1);
        Interlocked.MemoryBarrier(); // the odd epoch is visible before the first changed byte
    }

    /// <summary>Closes what <see cref="Begin"/> opened.</summary>
    public static void End(ref uint epoch) => Volatile.Write(ref epoch, epoch + 1);

    /// <summary>Reads a whole copy; waits up to a second for a writer that stands still inside. Not for
    /// lanes.</summary>
    public static T Read<T>(ref uint epoch, ref T source)
        where T : unmanaged
    {
        long untilNs = 0;
        SpinWait wait = default;
        while (true)
        {
            uint before = Volatile.Read(ref epoch); // acquire: the copy is read after it
            T copy = source;
            Interlocked.MemoryBarrier();            // and before the second look
            if ((before & 1) == 0 && Volatile.Read(ref epoch) == before)
            {
                return copy;
            }

            long nowNs = Stopwatch.GetTimestamp(); // CLOCK_MONOTONIC, ns
            untilNs = untilNs == 0 ? nowNs + PatienceNs : untilNs;
            if (nowNs >= untilNs)
            {
                return copy;
            }

            wait.SpinOnce(sleep1Threshold: -1); // yields, so that a writer on this CPU can go on
        }
    }
}

/// <summary>A lane's gap events: the lane writes, one reader in Control takes; a full ring loses the new
/// event, counted, never the lane's time.</summary>
public readonly struct EventRing
{
    private readonly NativeRef<EventRingHeader> _header;
    private readonly NativeSpan<GapEvent> _slots;

    internal EventRing(NativeRef<EventRingHeader> header, NativeSpan<GapEvent> slots)
    {
        _header = header;
        _slots = slots;
    }

    /// <summary>Lane: adds an event; false when the ring is full.</summary>
    public bool TryWrite(in GapEvent gap)
    {
        ref EventRingHeader header = ref _header.Value;
        ulong written = header.Written;
        if (written - Volatile.Read(ref header.Read) >= Limits.EventRingSlots) // acquire: the slot was read
        {
            return false;
        }

        _slots[(int)(written & (Limits.EventRingSlots - 1))] = gap;
        Volatile.Write(ref header.Written, written + 1); // release: the slot is whole before it is counted
        return true;
    }

    /// <summary>Control: takes the oldest event.</summary>
    public bool TryRead(out GapEvent gap)
    {
        ref EventRingHeader header = ref _header.Value;
        ulong read = header.Read;
        if (read == Volatile.Read(ref header.Written)) // acquire: pairs with the release in TryWrite
        {
            gap = default;
            return false;
        }

        gap = _slots[(int)(read & (Limits.EventRingSlots - 1))];
        Volatile.Write(ref header.Read, read + 1); // release: our copy is done before the slot is free
        return true;
    }
}
