using System.Globalization;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Netlink;

/// <summary>sysfs as a network namespace shows it, without a mount that anyone else could see: an instance of
/// its own (fsopen(2), fsmount(2); Linux 5.2), attached nowhere, read-only, gone with the last open file.
/// Any thread of this process may read it.</summary>
/// <remarks><c>/proc/net</c> needs no such thing: it follows the thread, so
/// <c>/proc/thread-self/net/...</c> read inside <see cref="NetworkNamespace.Enter"/> is the other
/// namespace's.</remarks>
public sealed class NamespaceSysfs : IDisposable
{
    private int _fd;

    private NamespaceSysfs(int fd)
    {
        _fd = fd;
        RootPath = "/proc/self/fd/" + fd.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>What stands for <c>/sys</c>: <c>RootPath + "/class/net/eth0/mtu"</c> is a file to read while
    /// this is not disposed.</summary>
    public string RootPath { get; }

    /// <summary>Makes one for a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such namespace, no CAP_SYS_ADMIN, or a kernel before
    /// 5.2.</exception>
    public static NamespaceSysfs Open(string networkNamespace)
    {
        using NetworkNamespace scope = NetworkNamespace.Enter(networkNamespace);
        int context = Libc.OpenFileSystem("sysfs", out Errno errno);
        if (context < 0)
        {
            throw Refused("fsopen(sysfs)", errno);
        }

        try
        {
            errno = Libc.CreateFileSystem(context);
            if (errno != Errno.Ok)
            {
                throw Refused("fsconfig(sysfs, FSCONFIG_CMD_CREATE)", errno);
            }

            int fd = Libc.MountDetachedReadOnly(context, out errno);
            return fd >= 0 ? new NamespaceSysfs(fd) : throw Refused("fsmount(sysfs)", errno);
        }
        finally
        {
            Libc.CloseFile(context);
        }
    }

    /// <summary>Closes it; files that are open stay readable.</summary>
    public void Dispose()
    {
        if (_fd >= 0)
        {
            Libc.CloseFile(_fd);
            _fd = -1;
        }
    }

    private static NativeException Refused(string call, Errno errno) => new(call, errno, errno switch
    {
        Errno.EPERM => "Looking into another namespace's sysfs needs CAP_SYS_ADMIN: run as root.",
        Errno.ENOSYS => "Needs Linux 5.2 or newer, and a sandbox that allows the call.",
        _ => "Is the namespace still there?",
    });
}
