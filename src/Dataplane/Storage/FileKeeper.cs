using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;
using LowLatency.Native.Uring;

namespace LowLatency.Dataplane.Storage;

/// <summary>Makes a recorder's files ready and finishes them: calls that wait for a file system, on a thread
/// of its own, on housekeeping CPUs, so that the recorder never waits. Allocates nothing once it
/// runs.</summary>
internal sealed class FileKeeper : IDisposable
{
    private const int LookMs = 5;
    private const long RetryNs = 1_000_000_000;
    private const int KeptMax = 65_536;          // finished files whose sizes are known
    private readonly RecordStream[] _streams;
    private readonly RecorderSettings _settings;
    private readonly CaptureFolder _folder;
    private readonly Thread _thread;
    private readonly Waiter _waiter = new();
    private readonly Kept[] _kept;
    private readonly int[] _numbers;
    private readonly long[] _retryAtNs;
    private int _oldest;
    private int _count;
    private long _keptBytes;
    private bool _stops;

    /// <summary>Prepares the thread; <paramref name="folder"/> is closed with it.</summary>
    public FileKeeper(RecordStream[] streams, in RecorderSettings settings, CaptureFolder folder, string name)
    {
        _streams = streams;
        _settings = settings;
        _folder = folder;
        _kept = new Kept[settings.KeepBytes > 0 ? KeptMax : 0];
        _numbers = new int[streams.Length];
        _retryAtNs = new long[streams.Length];
        _thread = new Thread(Run) { IsBackground = true, Name = "files-" + name };
    }

    /// <summary>Makes the first file of every stream, then starts.</summary>
    /// <exception cref="NativeException">The file system refused one.</exception>
    public void Start()
    {
        for (int i = 0; i < _streams.Length; i++)
        {
            Errno errno = Prepare(i, out string call);
            if (errno != Errno.Ok)
            {
                throw new NativeException($"{call}(the first file of {_streams[i].Stem})", errno,
                    UringRefusal.Hint(errno));
            }
        }

        _thread.Start();
    }

    /// <summary>Finishes what is to be finished, removes what was made in vain, and ends.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _stops, true);
        _waiter.Wake();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        foreach (RecordStream stream in _streams)
        {
            if (stream.Ready is { } unused)
            {
                _folder.Discard(unused.Fd, unused.Hidden);
                stream.Ready = null;
            }
        }

        _folder.Dispose();
        _waiter.Dispose();
    }

    private void Run()
    {
        bool isLast = false;
        while (!isLast)
        {
            isLast = Volatile.Read(ref _stops); // read before the last look
            for (int i = 0; i < _streams.Length; i++)
            {
                Look(i, isLast);
            }

            if (!isLast)
            {
                _waiter.Wait(LookMs);
            }
        }
    }

    private void Look(int index, bool isLast)
    {
        RecordStream stream = _streams[index];
        if (stream.Finished is { } file)
        {
            Finish(index, file);
            stream.Finished = null;
        }

        long nowNs = ThreadControl.NowNs;
        if (stream.Ready is null && !isLast && nowNs >= _retryAtNs[index]
            && Prepare(index, out string call) is var errno and not Errno.Ok)
        {
            Tell(ref stream.Header, errno, call);
            _retryAtNs[index] = nowNs + RetryNs;
        }
    }

    // The file of the other number may be under way: they are used in turn.
    private Errno Prepare(int index, out string call)
    {
        RecordStream stream = _streams[index];
        RecordFile file = stream.Files[_numbers[index] % 2];
        if (file.Fd >= 0)
        {
            call = "";
            return Errno.Ok; // still written, or waits to be finished
        }

        file.Renew(_numbers[index] + 1);
        Errno errno = _folder.TryCreate(file.Hidden, _settings.FileBytes, out int fd, out call);
        if (errno == Errno.Ok)
        {
            file.Fd = fd;
            _numbers[index]++;
            stream.Ready = file;
        }

        return errno;
    }

    private void Finish(int index, RecordFile file)
    {
        ref RecordQueueHeader header = ref _streams[index].Header;
        int fd = file.Fd;
        if (file.Frames == 0)
        {
            _folder.Discard(fd, file.Hidden);
            file.Fd = -1;
            return;
        }

        Errno errno = _folder.TryFinish(fd, file.Bytes, file.Hidden, file.Name, out string call);
        file.Fd = -1;
        if (errno != Errno.Ok)
        {
            Tell(ref header, errno, call);
            return;
        }

        header.Files++;
        errno = _folder.TryWrite(file.IndexName, file.Index.Finish(file.Bytes));
        if (errno != Errno.Ok)
        {
            Tell(ref header, errno, "write(index)"); // the capture is whole without it
        }

        Keep(index, file);
    }

    private void Keep(int index, RecordFile file)
    {
        if (_kept.Length == 0)
        {
            return;
        }

        if (_count == _kept.Length)
        {
            Remove();
        }

        _kept[(_oldest + _count++) % _kept.Length] = new Kept(index, file.Number, file.Bytes);
        _keptBytes += file.Bytes;
        while (_count > 1 && _keptBytes > _settings.KeepBytes)
        {
            Remove();
        }
    }

    private void Remove()
    {
        Kept oldest = _kept[_oldest];
        _oldest = (_oldest + 1) % _kept.Length;
        _count--;
        _keptBytes -= oldest.Bytes;
        RecordStream stream = _streams[oldest.Stream];
        _ = Remove(stream, stream.Files[0].IndexName, oldest.Number);
        Errno errno = Remove(stream, stream.Files[0].Name, oldest.Number);
        if (errno == Errno.Ok)
        {
            stream.Header.Removed++;
        }
        else
        {
            Tell(ref stream.Header, errno, "unlink");
        }
    }

    private Errno Remove(RecordStream stream, ReadOnlySpan<byte> pattern, int number)
    {
        Span<byte> name = stackalloc byte[256];
        pattern.CopyTo(name);
        name = name[..pattern.Length];
        RecordFile.WriteNumber(name, System.Text.Encoding.UTF8.GetByteCount(stream.Stem) + 1, number);
        return _folder.TryRemove(name);
    }

    private static void Tell(ref RecordQueueHeader header, Errno errno, string call)
    {
        header.Errors++;
        header.LastErrno = (ulong)errno;
        header.LastCall.Set(call);
    }

    private readonly record struct Kept(int Stream, int Number, long Bytes);
}
