using LowLatency.Native.Interop;

namespace LowLatency.Native.Netlink;

/// <summary>The calling thread in another network namespace, until disposed on the same thread. Sockets and
/// links made meanwhile stay there. Never on a thread that others share (no thread pool, no await in
/// between).</summary>
public sealed class NetworkNamespace : IDisposable
{
    private readonly int _threadId;
    private int _originalFd;

    private NetworkNamespace(int originalFd)
    {
        _originalFd = originalFd;
        _threadId = Environment.CurrentManagedThreadId;
    }

    /// <summary>Enters the namespace that a path names.</summary>
    /// <param name="path">Such as <c>/run/netns/lab</c> or <c>/proc/PID/ns/net</c>; empty: stay, a
    /// no-op.</param>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public static NetworkNamespace Enter(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
        {
            return new NetworkNamespace(-1);
        }

        int target = Libc.TryOpenFile(path, Libc.OpenReadOnly, out Errno errno);
        if (target < 0)
        {
            throw new NativeException($"open({path})", errno, errno == Errno.ENOENT
                ? "There is no such network namespace: 'ip netns list' shows the named ones."
                : "Opening a network namespace needs root.");
        }

        int original = Libc.TryOpenFile("/proc/thread-self/ns/net", Libc.OpenReadOnly, out errno);
        Invariant.Require(original >= 0); // /proc is mounted wherever .NET runs
        errno = Libc.NetEnterNamespace(target);
        Libc.CloseFile(target);
        if (errno != Errno.Ok)
        {
            Libc.CloseFile(original);
            throw new NativeException($"setns({path}, CLONE_NEWNET)", errno, errno == Errno.EINVAL
                ? "The path is not a network namespace: 'ip netns add' makes one."
                : "Entering a network namespace needs CAP_SYS_ADMIN: run as root.");
        }

        return new NetworkNamespace(original);
    }

    /// <summary>Goes back.</summary>
    public void Dispose()
    {
        if (_originalFd < 0)
        {
            return;
        }

        Invariant.Require(Environment.CurrentManagedThreadId == _threadId);
        Errno errno = Libc.NetEnterNamespace(_originalFd);
        Invariant.Require(errno == Errno.Ok); // a thread in a namespace unknown to its owner must not go on
        Libc.CloseFile(_originalFd);
        _originalFd = -1;
    }
}
