using System.Globalization;

namespace LowLatency.Native;

/// <summary>Kernel error numbers by their own names (asm-generic/errno-base.h, errno.h; x86-64).</summary>
public enum Errno
{
    /// <summary>No error.</summary>
    Ok = 0,
    /// <summary>Operation not permitted.</summary>
    EPERM = 1,
    /// <summary>No such file, process or object.</summary>
    ENOENT = 2,
    /// <summary>No such process.</summary>
    ESRCH = 3,
    /// <summary>Interrupted by a signal.</summary>
    EINTR = 4,
    /// <summary>The device failed.</summary>
    EIO = 5,
    /// <summary>No such device or address.</summary>
    ENXIO = 6,
    /// <summary>Argument or map too large.</summary>
    E2BIG = 7,
    /// <summary>Bad file descriptor.</summary>
    EBADF = 9,
    /// <summary>Try again.</summary>
    EAGAIN = 11,
    /// <summary>Out of memory, or over a lock limit.</summary>
    ENOMEM = 12,
    /// <summary>Permission denied.</summary>
    EACCES = 13,
    /// <summary>Bad address, or a page that could not be given.</summary>
    EFAULT = 14,
    /// <summary>Busy.</summary>
    EBUSY = 16,
    /// <summary>Exists already.</summary>
    EEXIST = 17,
    /// <summary>No such device.</summary>
    ENODEV = 19,
    /// <summary>Not a directory.</summary>
    ENOTDIR = 20,
    /// <summary>Invalid argument.</summary>
    EINVAL = 22,
    /// <summary>Not a request for this kind of file.</summary>
    ENOTTY = 25,
    /// <summary>No space left.</summary>
    ENOSPC = 28,
    /// <summary>Read-only file system.</summary>
    EROFS = 30,
    /// <summary>Out of range.</summary>
    ERANGE = 34,
    /// <summary>Function not implemented.</summary>
    ENOSYS = 38,
    /// <summary>Protocol option not available.</summary>
    ENOPROTOOPT = 92,
    /// <summary>Protocol not supported.</summary>
    EPROTONOSUPPORT = 93,
    /// <summary>Operation not supported.</summary>
    EOPNOTSUPP = 95,
    /// <summary>Address family not supported.</summary>
    EAFNOSUPPORT = 97,
    /// <summary>Network is down.</summary>
    ENETDOWN = 100,
    /// <summary>No buffer space.</summary>
    ENOBUFS = 105,
}

/// <summary>What an error number means to a ring, and its text.</summary>
public static class ErrnoExtensions
{
    /// <summary>"Later", not "failed": the kernel looks at the ring again by itself or at the next wake-up
    /// (net/xdp/xsk.c: EAGAIN and EBUSY from a full device queue, ENOBUFS from a full completion
    /// ring).</summary>
    public static bool IsLater(this Errno errno) =>
        errno is Errno.EAGAIN or Errno.EBUSY or Errno.ENOBUFS or Errno.EINTR;

    /// <summary>The port under the socket is down or gone.</summary>
    public static bool IsPortGone(this Errno errno) =>
        errno is Errno.ENETDOWN or Errno.ENXIO or Errno.ENODEV;

    /// <summary>The kernel's name, or "errno N" where this product has no name for it.</summary>
    public static string Name(this Errno errno) =>
        Enum.GetName(errno) ?? "errno " + ((int)errno).ToString(CultureInfo.InvariantCulture);
}

/// <summary>The host or the kernel refused a call. Thrown while booting or probing, never on a
/// lane.</summary>
public sealed class NativeException : Exception
{
    /// <summary>The call as a reader would find it in a man page, with its main argument.</summary>
    public string Call { get; }

    /// <summary>What the kernel answered.</summary>
    public Errno Errno { get; }

    /// <summary>What to do about it, one sentence.</summary>
    public string Hint { get; }

    /// <summary>Makes the error for a caller that knows what to do about it.</summary>
    public NativeException(string call, Errno errno)
        : base($"{call}: {errno.Name()}")
    {
        Call = call;
        Errno = errno;
        Hint = "";
    }

    /// <summary>Makes the error; the message is <c>call: ERRNO. hint</c>.</summary>
    public NativeException(string call, Errno errno, string hint)
        : base($"{call}: {errno.Name()}. {hint}")
    {
        Call = call;
        Errno = errno;
        Hint = hint;
    }
}
