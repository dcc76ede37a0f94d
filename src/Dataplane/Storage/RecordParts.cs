using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Uring;

namespace LowLatency.Dataplane.Storage;

/// <summary>Where a recorder's requests go.</summary>
/// <param name="Writes">Writes.</param>
/// <param name="Flushes">Flushes: the same ring, or one of its own where the other polls.</param>
internal readonly record struct RecordRings(IIoRing Writes, IIoRing Flushes)
{
    /// <summary>Puts an open file into the tables of both.</summary>
    public Errno SetFile(int index, int fd)
    {
        Errno errno = Writes.SetFile(index, fd);
        return errno != Errno.Ok || ReferenceEquals(Writes, Flushes) ? errno : Flushes.SetFile(index, fd);
    }
}

/// <summary>What tells a record stream from others.</summary>
/// <param name="Number">Its number within the recorder, and its place among the ring's files.</param>
/// <param name="FirstSlot">Of its blocks among the ring's buffers.</param>
/// <param name="Stem">How names of its files begin.</param>
/// <param name="PortNames">The lane's ports, which are the file's interfaces.</param>
/// <param name="Settings">The recorder's.</param>
/// <param name="StartNs">When the data plane began, since 1970.</param>
internal readonly record struct RecordStreamSetup(int Number, int FirstSlot, string Stem, string[] PortNames,
    RecorderSettings Settings, ulong StartNs);

/// <summary>Slots of a ring's buffers for what is not written in place. The recorder's thread
/// only.</summary>
internal sealed class ScratchSlots
{
    private readonly IoBuffers _buffers;
    private readonly Stack<int> _free;

    /// <summary>Takes over the slots from <paramref name="first"/> to the last.</summary>
    public ScratchSlots(IoBuffers buffers, int first)
    {
        _buffers = buffers;
        _free = new Stack<int>(Enumerable.Range(first, buffers.Slots - first));
    }

    /// <summary>A slot's bytes.</summary>
    public Span<byte> this[int slot] => _buffers[slot].Span;

    /// <summary>Takes one; false: all are under way.</summary>
    public bool TryTake(out int slot) => _free.TryPop(out slot);

    /// <summary>Gives one back; -1 is none.</summary>
    public void Give(int slot)
    {
        if (slot >= 0)
        {
            _free.Push(slot);
        }
    }
}
