using LowLatency.Native.Interop;

namespace LowLatency.Native.Threads;

/// <summary>Waits for any of a few fds, a wake-up from another thread, or a timeout; waiting allocates
/// nothing. One waiting thread; <see cref="Wake"/> from any.</summary>
public sealed class Waiter : IDisposable
{
    private const short PollIn = 1; // poll.h POLLIN
    private readonly int _wakeFd = Libc.NewEventFd();
    private Libc.PollFd[] _fds;

    /// <summary>Makes a waiter that only <see cref="Wake"/> ends.</summary>
    public Waiter() => _fds = [new Libc.PollFd { Fd = _wakeFd, Events = PollIn }];

    /// <summary>From now on also waits for these fds, which others own.</summary>
    public void Watch(ReadOnlySpan<int> readFds)
    {
        Libc.PollFd[] fds = new Libc.PollFd[readFds.Length + 1];
        fds[0] = _fds[0];
        for (int i = 0; i < readFds.Length; i++)
        {
            fds[i + 1] = new Libc.PollFd { Fd = readFds[i], Events = PollIn };
        }

        _fds = fds;
    }

    /// <summary>Waits; true when something is there before the timeout.</summary>
    public bool Wait(int timeoutMs)
    {
        int ready = Libc.WaitReadable(_fds, timeoutMs);
        if (ready > 0 && _fds[0].Returned != 0)
        {
            Libc.ClearSignal(_wakeFd);
        }

        return ready > 0;
    }

    /// <summary>Ends a wait now or the next one at once.</summary>
    public void Wake() => Libc.Signal(_wakeFd);

    /// <summary>Closes the wake-up fd.</summary>
    public void Dispose() => Libc.CloseFile(_wakeFd);
}
