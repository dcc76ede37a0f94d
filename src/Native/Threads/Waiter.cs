using LowLatency.Native.Interop;

namespace LowLatency.Native.Threads;

/// <summary>Waits for any of a few fds, a wake-up from another thread, or a timeout; allocates nothing after it is
/// made. One waiting thread; <see cref="Wake"/> from any.</summary>
public sealed class Waiter : IDisposable
{
    private readonly Libc.PollFd[] _fds;
    private readonly int _wakeFd;

    /// <summary>Makes a waiter over fds that others own.</summary>
    public Waiter(ReadOnlySpan<int> readFds)
    {
        _wakeFd = Libc.NewEventFd();
        _fds = new Libc.PollFd[readFds.Length + 1];
        _fds[0] = new Libc.PollFd { Fd = _wakeFd, Events = 1 /* POLLIN */ };
        for (int i = 0; i < readFds.Length; i++)
        {
            _fds[i + 1] = new Libc.PollFd { Fd = readFds[i], Events = 1 };
        }
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
