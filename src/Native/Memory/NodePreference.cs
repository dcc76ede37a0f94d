using LowLatency.Native.Interop;

namespace LowLatency.Native.Memory;

/// <summary>While it lives, what the calling thread makes the kernel allocate comes from one NUMA node where
/// that
/// has room (set_mempolicy(2), MPOL_PREFERRED): pages that it touches or populates, and the rings of sockets
/// that
/// it opens. A policy set on a mapping later moves nothing that is already there. Left by the thread that
/// entered.
/// </summary>
public readonly ref struct NodePreference
{
    private readonly bool _isEntered;

    private NodePreference(Errno errno, bool isEntered)
    {
        Errno = errno;
        _isEntered = isEntered;
    }

    /// <summary>Ok; EPERM: a seccomp filter; ENOSYS: a kernel without NUMA; EINVAL: no such node with memory.
    /// </summary>
    public Errno Errno { get; }

    /// <summary>Begins.</summary>
    /// <param name="node">Number of the node; negative: nothing changes.</param>
    public static NodePreference Enter(int node)
    {
        if (node < 0)
        {
            return new NodePreference(Errno.Ok, isEntered: false);
        }

        Errno errno = Libc.PreferNodeOfThread(node);
        return new NodePreference(errno, errno == Errno.Ok);
    }

    /// <summary>Ends: back to where the thread runs.</summary>
    public void Dispose()
    {
        if (_isEntered)
        {
            Libc.PreferNoNodeOfThread();
        }
    }
}
