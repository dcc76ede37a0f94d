using System.Globalization;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Tracing;

/// <summary>The kernel's tracefs, mounted nowhere (fsopen(2), fsmount(2); Linux 5.2): works whether or not
/// the host has it mounted, and changes nothing for anyone else. Any thread.</summary>
/// <remarks>All mounts of tracefs are one file system: what is made here is seen under
/// <c>/sys/kernel/tracing</c>, where that is mounted.</remarks>
public sealed class TraceFileSystem : IDisposable
{
    private const string Instances = "/instances/";
    private int _fd;

    private TraceFileSystem(int fd)
    {
        _fd = fd;
        RootPath = "/proc/self/fd/" + fd.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>What stands for <c>/sys/kernel/tracing</c> while this is not disposed.</summary>
    public string RootPath { get; }

    /// <summary>Opens it.</summary>
    /// <exception cref="NativeException">No CAP_SYS_ADMIN, no tracefs in this kernel, or a
    /// sandbox.</exception>
    public static TraceFileSystem Open()
    {
        int context = Libc.OpenFileSystem("tracefs", out Errno errno);
        if (context < 0)
        {
            throw Refused("fsopen(tracefs)", errno);
        }

        try
        {
            errno = Libc.CreateFileSystem(context);
            if (errno != Errno.Ok)
            {
                throw Refused("fsconfig(tracefs, FSCONFIG_CMD_CREATE)", errno);
            }

            int fd = Libc.MountDetached(context, out errno);
            return fd >= 0 ? new TraceFileSystem(fd) : throw Refused("fsmount(tracefs)", errno);
        }
        finally
        {
            Libc.CloseFile(context);
        }
    }

    /// <summary>Names of the instances whose name starts so: those that a killed process left.</summary>
    public IReadOnlyList<string> InstancesOf(string prefix) =>
    [
        .. Directory.EnumerateDirectories(RootPath + Instances).Select(path => Path.GetFileName(path)!)
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal)),
    ];

    /// <summary>Folder of an instance.</summary>
    public string PathOf(string instance) => RootPath + Instances + instance;

    /// <summary>Switches an instance's events off and removes it.</summary>
    /// <returns>False: something still holds it.</returns>
    public bool TryRemove(string instance)
    {
        try
        {
            File.WriteAllText(PathOf(instance) + "/tracing_on", "0");
            File.WriteAllText(PathOf(instance) + "/events/enable", "0");
            Directory.Delete(PathOf(instance), recursive: false); // rmdir(2): its files are the kernel's
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Closes it.</summary>
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
        Errno.EPERM => "Tracing needs CAP_SYS_ADMIN, and a kernel that is not locked down: run as root.",
        Errno.ENODEV => "This kernel has no tracefs (CONFIG_TRACING).",
        Errno.ENOSYS => "Needs Linux 5.2 or newer, and a sandbox that allows the call.",
        _ => "Is tracing allowed here (kernel lockdown, container)?",
    });
}
