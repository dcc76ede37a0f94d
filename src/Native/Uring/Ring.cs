using System.Runtime.CompilerServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Uring;

/// <summary>How a ring is made.</summary>
/// <param name="Depth">Requests under way at most, 1..4096.</param>
/// <param name="Setup">Modes.</param>
/// <param name="Files">Places in its table of files.</param>
/// <param name="ThreadCpu">CPU of the kernel's submission thread (SQPOLL); -1: any.</param>
public readonly record struct RingSetup(int Depth, UringSetup Setup, int Files, int ThreadCpu = -1);

/// <summary>An io_uring with registered files and buffers: liburing sets it up, submission and completion
/// are done here on the mapped rings. The thread that opens it is the one that uses it, until it is disposed.
/// Nothing is allocated after opening.</summary>
public sealed unsafe class Ring : IIoRing, IDisposable
{
    // linux/io_uring.h
    private const uint EnterGetEvents = 1 << 0;
    private const uint EnterWakeup = 1 << 1;
    private const uint EnterExtArg = 1 << 3;
    private const uint EnterRegisteredRing = 1 << 4;
    private const uint FlagNeedsWakeup = 1 << 0;
    private const uint FlagOverflow = 1 << 1;
    private const byte FixedFile = 1 << 0;
    private const uint DataSyncOnly = 1;
    private const uint CommandFixedBuffer = 1;
    private const int DepthMax = 4096;
    private const uint ThreadIdleMs = 1000; // of SQPOLL: asleep after a second without work

    private readonly MappedRing _memory = new();
    private readonly UringRing* _ring;
    private readonly bool _isSubmittedByThread;
    private readonly bool _mustBePolled;        // completions come in the calls that ask for them alone
    private readonly IoBuffers? _buffers;
    private readonly DirectFile?[] _namespaces; // by file: where a file is an NVMe namespace
    private readonly uint _depth;
    private readonly uint _submissionMask;
    private readonly uint _completionMask;
    private readonly int _entryShift;
    private readonly int _completionShift;
    private uint _tail;                        // of submissions, ours: published in Submit
    private uint _published;
    private uint _completionHead;
    private int _inFlight;

    private Ring(in RingSetup setup, IoBuffers? buffers)
    {
        _isSubmittedByThread = setup.Setup.HasFlag(UringSetup.SqPoll);
        _mustBePolled = !_isSubmittedByThread
            && (setup.Setup & (UringSetup.IoPoll | UringSetup.DeferTaskRun)) != 0;
        _buffers = buffers;
        _depth = (uint)setup.Depth;
        _namespaces = new DirectFile?[setup.Files];
        _entryShift = setup.Setup.HasFlag(UringSetup.WideEntries) ? 7 : 6;
        _completionShift = setup.Setup.HasFlag(UringSetup.WideCompletions) ? 5 : 4;
        _ring = _memory.Ring;
        UringParams parameters = new()
        {
            Flags = (uint)setup.Setup,
            ThreadIdleMs = ThreadIdleMs,
            ThreadCpu = (uint)Math.Max(setup.ThreadCpu, 0),
        };
        if (setup.ThreadCpu >= 0)
        {
            parameters.Flags |= (uint)UringSetup.SqAffinity;
        }

        Check(LibUring.QueueInitParams((uint)setup.Depth, _ring, &parameters),
            $"io_uring_setup({setup.Setup})");
        _memory.IsOpen = true;
        _submissionMask = _ring->SubmissionSlots - 1;
        _completionMask = _ring->CompletionSlots - 1;
        for (uint i = 0; i <= _submissionMask; i++)
        {
            _ring->SubmissionArray[i] = i; // entry n is always in place n: in bounds, the ring's own slots
        }
    }

    /// <inheritdoc/>
    public int InFlight => _inFlight;

    /// <summary>Opens a ring on the calling thread, and registers what it works with.</summary>
    /// <param name="setup">How.</param>
    /// <param name="buffers">Where data moves; they must outlive the ring; null: no data moves.</param>
    /// <exception cref="NativeException">The kernel refused; the message says why.</exception>
    public static Ring Open(in RingSetup setup, IoBuffers? buffers)
    {
        Invariant.Require(setup.Depth is > 0 and <= DepthMax && setup.Files > 0);
        Ring ring = new(setup, buffers);
        try
        {
            ring.Register(setup.Files);
            return ring;
        }
        catch
        {
            ring.Dispose();
            throw;
        }
    }

    /// <summary>Opens a ring without the flags that this kernel does not know: they make it cheaper, not
    /// another.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static Ring OpenBest(in RingSetup setup, IoBuffers? buffers)
    {
        const UringSetup cheaper = UringSetup.SingleIssuer | UringSetup.DeferTaskRun;
        try
        {
            // A submission thread runs completions itself: DEFER_TASKRUN is not for it.
            return Open(setup with
            {
                Setup = setup.Setup
                    | (setup.Setup.HasFlag(UringSetup.SqPoll) ? UringSetup.SingleIssuer : cheaper),
            }, buffers);
        }
        catch (NativeException e) when (e.Errno == Errno.EINVAL)
        {
            return Open(setup, buffers);
        }
    }

    /// <summary>Keeps the kernel's workers of the calling thread, which do what would block, on these CPUs:
    /// left alone, before Linux 6.12 they use any (ydb-platform/nbs#4662). All rings of a thread share them;
    /// those that are there already stay where they are, so it is done before any ring works.</summary>
    /// <returns>EINVAL: kernels before 5.14 do not.</returns>
    /// <exception cref="NativeException">There is no io_uring.</exception>
    public static Errno KeepWorkersOn(in CpuSet cpus)
    {
        using Ring ring = Open(new RingSetup(Depth: 1, UringSetup.None, Files: 1), buffers: null);
        CpuSet mask = cpus;
        int answer = LibUring.RegisterWorkers(ring._ring, (nuint)sizeof(CpuSet), &mask);
        return answer < 0 ? (Errno)(-answer) : Errno.Ok;
    }

    /// <inheritdoc/>
    public Errno SetFile(int index, int fd)
    {
        Invariant.Require((uint)index < (uint)_namespaces.Length);
        _namespaces[index] = null;
        int answer = LibUring.UpdateFiles(_ring, (uint)index, &fd, 1);
        return answer < 0 ? (Errno)(-answer) : Errno.Ok;
    }

    /// <summary>Puts an open file in a place of the ring's table; of an NVMe namespace, requests need to
    /// know its number and blocks.</summary>
    public Errno SetFile(int index, DirectFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        Errno errno = SetFile(index, file.Fd);
        _namespaces[index] = file;
        return errno;
    }

    /// <inheritdoc/>
    public bool TryAdd(in IoRequest request)
    {
        if (_inFlight >= _depth || _tail - Volatile.Read(ref *_ring->SubmissionHead) > _submissionMask)
        {
            return false; // acquire: the kernel has read the entry that is to be written over
        }

        Invariant.Require((uint)request.File < (uint)_namespaces.Length);
        // in bounds: masked; an entry is as long as the shift says
        UringEntry* entry = (UringEntry*)(_ring->Entries + ((long)(_tail & _submissionMask) << _entryShift));
        *entry = new UringEntry
        {
            Flags = (byte)(FixedFile | (byte)request.Order),
            Fd = request.File,
            Offset = (ulong)request.Offset,
            UserData = request.Token,
        };
        Fill(entry, request);
        _tail++;
        _inFlight++;
        return true;
    }

    /// <inheritdoc/>
    public Errno Submit(uint awaited, long timeoutNs)
    {
        uint ready = Volatile.Read(ref *_ring->CompletionTail) - _completionHead;
        awaited = ready >= awaited ? 0 : awaited;
        if (_tail != _published)
        {
            Volatile.Write(ref *_ring->SubmissionTail, _tail); // release: entries are whole before they count
            _published = _tail;
        }

        uint flags = 0;
        uint waiting = _published - Volatile.Read(ref *_ring->SubmissionHead);
        if (_isSubmittedByThread)
        {
            waiting = 0;
            Interlocked.MemoryBarrier(); // the tail is out before the flag is read: pairs with the thread's
            if ((Volatile.Read(ref *_ring->SubmissionFlags) & FlagNeedsWakeup) != 0)
            {
                flags |= EnterWakeup;
            }
        }

        bool hasOverflow = (Volatile.Read(ref *_ring->SubmissionFlags) & FlagOverflow) != 0;
        bool mustLook = awaited > 0 || hasOverflow || (_mustBePolled && ready == 0 && _inFlight > 0);
        flags |= mustLook ? EnterGetEvents : 0;
        return waiting == 0 && flags == 0 ? Errno.Ok : Enter(waiting, awaited, flags, timeoutNs);
    }

    /// <inheritdoc/>
    public int Reap(Span<IoCompletion> completions)
    {
        uint head = _completionHead;
        uint ready = Volatile.Read(ref *_ring->CompletionTail) - head; // acquire: completions are whole
        int count = (int)Math.Min(ready, (uint)completions.Length);
        for (int i = 0; i < count; i++)
        {
            // in bounds: masked; an entry is as long as the shift says
            UringCompletion* one = (UringCompletion*)(_ring->Completions
                + ((long)((head + (uint)i) & _completionMask) << _completionShift));
            completions[i] = new IoCompletion(one->UserData, one->Result);
        }

        if (count > 0)
        {
            _completionHead = head + (uint)count;
            // release: they are read before the kernel may write over them
            Volatile.Write(ref *_ring->CompletionHead, _completionHead);
            _inFlight -= count;
        }

        return count;
    }

    /// <summary>Waits for what is under way, then closes: the kernel must not write into memory that is
    /// another's by then.</summary>
    public void Dispose()
    {
        Span<IoCompletion> left = stackalloc IoCompletion[32];
        while (_memory.IsOpen && _inFlight > 0 && Submit(1, 0) is Errno.Ok or Errno.EINTR)
        {
            _ = Reap(left);
        }

        _memory.Dispose();
    }

    private void Register(int files)
    {
        int* empty = stackalloc int[files]; // in bounds: as many as are registered
        new Span<int>(empty, files).Fill(-1);
        Check(LibUring.RegisterFiles(_ring, empty, (uint)files), "io_uring_register(FILES)");
        if (_buffers is not null)
        {
            IoVector* vectors = stackalloc IoVector[_buffers.Slots]; // in bounds: a slot each
            for (int i = 0; i < _buffers.Slots; i++)
            {
                Memory.NativeSpan<byte> slot = _buffers[i];
                vectors[i] = new IoVector { Start = slot.Pointer, Bytes = (nuint)slot.Length };
            }

            Check(LibUring.RegisterBuffers(_ring, vectors, (uint)_buffers.Slots),
                $"io_uring_register(BUFFERS, {_buffers.Slots})");
        }

        _ = LibUring.RegisterRing(_ring); // cheaper entries since 5.18; without it they work as well
    }

    // Wide entries: cmd is in bounds, it reaches to the entry's end.
    private void Fill(UringEntry* entry, in IoRequest request)
    {
        switch (request.Operation)
        {
            case IoOperation.Read:
            case IoOperation.Write:
                entry->Operation = request.Operation == IoOperation.Read ? (byte)4 : (byte)5; // *_FIXED
                entry->Address = (ulong)AddressOf(request);
                entry->Length = (uint)request.Bytes;
                entry->BufferIndex = (ushort)request.Slot;
                break;
            case IoOperation.DataSync:
            case IoOperation.Sync:
                entry->Operation = 3; // IORING_OP_FSYNC
                entry->Offset = 0;
                entry->OperationFlags = request.Operation == IoOperation.DataSync ? DataSyncOnly : 0;
                break;
            case IoOperation.Allocate:
                entry->Operation = 17; // IORING_OP_FALLOCATE: the length is where addresses are
                entry->Address = (ulong)request.Bytes;
                break;
            case IoOperation.NvmeRead:
            case IoOperation.NvmeWrite:
                FillCommand(entry, request);
                break;
            default:
                entry->Flags = (byte)request.Order; // IORING_OP_NOP
                entry->Fd = -1;
                break;
        }
    }

    private void FillCommand(UringEntry* entry, in IoRequest request)
    {
        DirectFile? file = _namespaces[request.File];
        Invariant.Require(file is { NamespaceId: > 0 } && _entryShift == 7);
        ulong block = (ulong)(request.Offset / file!.BlockBytes);
        entry->Operation = 46; // IORING_OP_URING_CMD
        entry->Offset = Libc.NvmeUringIo;
        entry->OperationFlags = CommandFixedBuffer;
        entry->BufferIndex = (ushort)request.Slot;
        *(Libc.NvmeCommand*)&entry->Command = new Libc.NvmeCommand
        {
            Opcode = request.Operation == IoOperation.NvmeRead ? Libc.NvmeRead : Libc.NvmeWrite,
            Namespace = (uint)file.NamespaceId,
            Address = (ulong)AddressOf(request),
            DataBytes = (uint)request.Bytes,
            Word10 = (uint)block,
            Word11 = (uint)(block >> 32),
            Word12 = (uint)(request.Bytes / file.BlockBytes) - 1, // 0 is one block
        };
    }

    private byte* AddressOf(in IoRequest request)
    {
        Invariant.Require(_buffers is not null);
        Memory.NativeSpan<byte> slot = _buffers![request.Slot];
        Invariant.Require(request.SlotOffset >= 0 && request.Bytes > 0
            && request.SlotOffset + request.Bytes <= slot.Length);
        return slot.Pointer + request.SlotOffset;
    }

    private Errno Enter(uint waiting, uint awaited, uint flags, long timeoutNs)
    {
        bool isRegistered = (_ring->InternalFlags & 1) != 0;
        uint fd = isRegistered ? _ring->EnterFd : (uint)_ring->Fd;
        flags |= isRegistered ? EnterRegisteredRing : 0;
        int answer;
        if (awaited > 0 && timeoutNs > 0)
        {
            TimeSpec timeout = TimeSpec.Of(timeoutNs);
            UringWait wait = new() { SignalMaskBytes = 8, Timeout = &timeout };
            answer = LibUring.Enter(fd, waiting, awaited, flags | EnterExtArg, &wait,
                (nuint)sizeof(UringWait));
        }
        else
        {
            answer = LibUring.Enter(fd, waiting, awaited, flags, null, 8);
        }

        return answer >= 0 ? Errno.Ok : (Errno)(-answer);
    }

    private static void Check(int answer, string call)
    {
        if (answer < 0)
        {
            throw new NativeException(call, (Errno)(-answer), UringRefusal.Hint((Errno)(-answer)));
        }
    }

    /// <summary>The library's own struct, in memory that does not move.</summary>
    private sealed class MappedRing : IDisposable
    {
        private readonly Memory.MappedMemory _memory =
            Memory.MappedMemory.Anonymous(sizeof(UringRing), HugePages.Never);

        public UringRing* Ring => (UringRing*)_memory.Start;

        public bool IsOpen { get; set; }

        public void Dispose()
        {
            if (IsOpen)
            {
                IsOpen = false;
                // Left to the ring's end, files are let go of some time after it, by a worker of the kernel.
                _ = LibUring.UnregisterFiles(Ring);
                LibUring.QueueExit(Ring);
            }

            _memory.Dispose();
        }
    }
}
