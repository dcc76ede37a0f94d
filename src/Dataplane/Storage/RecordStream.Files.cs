using LowLatency.Native;
using LowLatency.Native.Capture;
using LowLatency.Native.Layout;
using LowLatency.Native.Uring;

namespace LowLatency.Dataplane.Storage;

/// <summary>How a stream begins and ends its files.</summary>
internal sealed partial class RecordStream
{
    private bool TryOpen(long nowNs, in RecordRings rings, ScratchSlots scratch)
    {
        RecordFile? file = Ready;
        bool hasWork = Volatile.Read(ref Header.Position) > _taken;
        if (file is null || !hasWork || nowNs < _retryAtNs || !scratch.TryTake(out int slot))
        {
            return false;
        }

        Errno errno = rings.SetFile(_number, file.Fd);
        if (errno != Errno.Ok)
        {
            scratch.Give(slot);
            Count(errno, "io_uring_register");
            _retryAtNs = nowNs + RetryNs;
            return false;
        }

        Ready = null;
        _file = file;
        _phase = Phase.Open;
        _hasFailed = false;
        _offset = 0;
        _openedNs = nowNs;
        _syncedNs = nowNs;
        _head.CopyTo(scratch[slot]);
        return Add(rings.Writes, new Chunk { Bytes = _head.Length, End = _taken, Scratch = slot }, slot);
    }

    // How many frames came, and how many of them are not in the files, up to now.
    private bool TryAddTail(long nowNs, IIoRing ring, ScratchSlots scratch)
    {
        if (!scratch.TryTake(out int slot))
        {
            return false;
        }

        ref RecordQueueHeader header = ref Header;
        PcapngWriter writer = new(scratch[slot][..TailBytes]);
        ulong utcNs = (ulong)(nowNs + header.ClockOffsetNs);
        for (int port = 0; port < _ports; port++)
        {
            writer.TryStatistics((uint)port, _startNs, utcNs, header.Received[port], header.Missed[port]);
        }

        int bytes = Padded(scratch[slot], writer.UsedBytes);
        _phase = Phase.Tail;
        return Add(ring, new Chunk { Bytes = bytes, End = _safe, Scratch = slot }, slot);
    }

    // Keeps the file as far as it has no gap; the rest is still in memory and goes into the next.
    private void GiveUp(long nowNs)
    {
        _taken = _safe;
        _waitsSinceNs = nowNs;
        HandOver();
    }

    private void HandOver()
    {
        Invariant.Require(Finished is null);
        Finished = _file;
        _file = null;
        _phase = Phase.NoFile;
    }

    private static byte[] HeadOf(string[] ports)
    {
        byte[] head = new byte[IoBuffers.Alignment * 2];
        PcapngWriter writer = new(head);
        writer.TrySection("lowlatd"u8);
        foreach (string port in ports)
        {
            writer.TryInterface(Pcapng.Ethernet, 0, System.Text.Encoding.UTF8.GetBytes(port));
        }

        return head[..Padded(head, writer.UsedBytes)];
    }

    private struct Chunk
    {
        public ulong End;        // of the stream
        public long FileOffset;
        public int Bytes;
        public int Scratch;      // -1: none
        public bool IsBack;
        public bool IsGood;
    }
}
