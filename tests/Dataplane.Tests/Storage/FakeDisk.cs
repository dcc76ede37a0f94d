using LowLatency.Native;
using LowLatency.Native.Uring;
using Xunit;

namespace LowLatency.Dataplane.Tests.Storage;

/// <summary>A ring over files in memory: requests complete when the test says so, in any order, well or not.
/// What a crash would leave of each file can be asked at any time.</summary>
internal sealed class FakeDisk(IoBuffers buffers, Random random) : IIoRing
{
    private readonly List<IoRequest> _underWay = [];
    private readonly List<IoCompletion> _done = [];
    private readonly Dictionary<int, int> _table = [];

    /// <summary>Files by their fd.</summary>
    public Dictionary<int, FakeFile> Files { get; } = [];

    /// <summary>Of a hundred requests, those that fail.</summary>
    public int FailPercent { get; set; }

    public int InFlight => _underWay.Count + _done.Count;

    public Errno SetFile(int index, int fd)
    {
        _table[index] = fd;
        return Errno.Ok;
    }

    public bool TryAdd(in IoRequest request)
    {
        // The kernel looks up the file when a request is submitted: a later SetFile does not change it.
        _underWay.Add(request with { File = _table[request.File] });
        return true;
    }

    public Errno Submit(uint awaited, long timeoutNs) => Errno.Ok;

    public int Reap(Span<IoCompletion> completions)
    {
        int count = Math.Min(completions.Length, _done.Count);
        for (int i = 0; i < count; i++)
        {
            completions[i] = _done[i];
        }

        _done.RemoveRange(0, count);
        return count;
    }

    /// <summary>Completes some of what is under way.</summary>
    public void Work(int count)
    {
        for (int i = 0; i < count && _underWay.Count > 0; i++)
        {
            int at = random.Next(_underWay.Count);
            IoRequest request = _underWay[at];
            _underWay.RemoveAt(at);
            _done.Add(new IoCompletion(request.Token, Do(request)));
        }
    }

    /// <summary>What a loss of power leaves of a file: what was flushed is there; of the rest, sector by
    /// sector, some.</summary>
    public byte[] Crash(int fd)
    {
        FakeFile file = Files[fd];
        byte[] left = (byte[])file.Durable.Clone();
        foreach ((long offset, byte[] data) in file.Unflushed)
        {
            Tear(left, offset, data);
        }

        foreach (IoRequest request in _underWay.Where(r => r.File == fd && r.Operation == IoOperation.Write))
        {
            Tear(left, request.Offset, buffers[request.Slot].Span[..(int)request.Bytes].ToArray());
        }

        return left;
    }

    private void Tear(byte[] target, long offset, byte[] data)
    {
        const int sector = 4096;
        int mode = random.Next(3);
        for (int at = 0; at < data.Length; at += sector)
        {
            if (mode == 0 || (mode == 1 && random.Next(2) == 0))
            {
                data.AsSpan(at, Math.Min(sector, data.Length - at)).CopyTo(target.AsSpan((int)offset + at));
            }
        }
    }

    private int Do(in IoRequest request)
    {
        FakeFile file = Files[request.File];
        if (random.Next(100) < FailPercent)
        {
            // Some of it may have been written.
            return request.Operation == IoOperation.Write && random.Next(2) == 0
                ? (int)Math.Min(4096 * random.Next(2), request.Bytes - 4096)
                : -(int)Errno.EIO;
        }

        if (request.Operation == IoOperation.DataSync)
        {
            file.Flush();
            return 0;
        }

        Assert.Equal(IoOperation.Write, request.Operation);
        Assert.Equal(0, request.Offset % 4096);
        Assert.Equal(0, request.Bytes % 4096);
        byte[] data = buffers[request.Slot].Span[..(int)request.Bytes].ToArray();
        data.CopyTo(file.Now.AsSpan((int)request.Offset));
        file.Unflushed.Add((request.Offset, data));
        return (int)request.Bytes;
    }
}

/// <summary>A file as its readers see it, and as a loss of power would leave it.</summary>
internal sealed class FakeFile(long bytes)
{
    public byte[] Now { get; } = new byte[bytes];

    public byte[] Durable { get; } = new byte[bytes];

    public List<(long Offset, byte[] Data)> Unflushed { get; } = [];

    public void Flush()
    {
        foreach ((long offset, byte[] data) in Unflushed)
        {
            data.CopyTo(Durable.AsSpan((int)offset));
        }

        Unflushed.Clear();
    }
}
