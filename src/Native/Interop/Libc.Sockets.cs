using System.Runtime.InteropServices;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Interop;

/// <summary>libc: what an AF_XDP socket needs after libxdp has made it.</summary>
internal static unsafe partial class Libc
{
    // linux/if_xdp.h, asm-generic/socket.h, linux/socket.h.
    private const int SolXdp = 283;
    private const int SolSocket = 1;
    private const int OptionStatistics = 7;
    private const int OptionOptions = 8;
    private const int OptionMaxTxSkbBudget = 9;    // since 6.17
    private const int OptionBusyPoll = 46;
    private const int OptionPreferBusyPoll = 69;
    private const int OptionBusyPollBudget = 70;
    private const int MsgDontWait = 0x40;
    private const short PollOut = 4;               // asm-generic/poll.h

    // Wake-ups are system calls: they keep their GC transition.
    [LibraryImport(Name, EntryPoint = "sendto", SetLastError = true)]
    private static partial nint SendTo(int fd, void* buffer, nuint length, int flags, void* address, uint bytes);

    [LibraryImport(Name, EntryPoint = "recvfrom", SetLastError = true)]
    private static partial nint ReceiveFrom(int fd, void* buffer, nuint length, int flags, void* address, uint* bytes);

    [LibraryImport(Name, EntryPoint = "getsockopt", SetLastError = true)]
    private static partial int GetOption(int fd, int level, int option, void* value, uint* length);

    [LibraryImport(Name, EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(int fd, int level, int option, void* value, uint length);

    [LibraryImport(Name, EntryPoint = "poll", SetLastError = true)]
    private static partial int PollFds(PollFd* fds, nuint count, int timeoutMs);

    [LibraryImport(Name, EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);

    /// <summary>poll.h <c>struct pollfd</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PollFd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    /// <summary>Asks the kernel to look at the tx ring.</summary>
    internal static Errno WakeTx(int fd) =>
        SendTo(fd, null, 0, MsgDontWait, null, 0) >= 0 ? Errno.Ok : LastErrno;

    /// <summary>Asks the kernel to look at the fill ring; under busy polling, runs the driver's
    /// NAPI.</summary>
    internal static Errno WakeRx(int fd) =>
        ReceiveFrom(fd, null, 0, MsgDontWait, null, null) >= 0 ? Errno.Ok : LastErrno;

    /// <summary>Asks the kernel to look at the rings that raised their flags, whatever busy polling
    /// says.</summary>
    internal static Errno Kick(int fd)
    {
        PollFd poll = new() { Fd = fd, Events = PollOut };
        return PollFds(&poll, 1, timeoutMs: 0) >= 0 ? Errno.Ok : LastErrno;
    }

    internal static Errno XdpOptions(int fd, out uint flags)
    {
        uint value = 0;
        uint length = sizeof(uint);
        int rc = GetOption(fd, SolXdp, OptionOptions, &value, &length);
        flags = value;
        return rc == 0 ? Errno.Ok : LastErrno;
    }

    internal static Errno XdpStatisticsOf(int fd, out XdpStatistics statistics)
    {
        XdpStatistics value = default;
        uint length = (uint)sizeof(XdpStatistics);
        int rc = GetOption(fd, SolXdp, OptionStatistics, &value, &length);
        statistics = value;
        return rc == 0 ? Errno.Ok : LastErrno;
    }

    internal static Errno SetTxBudget(int fd, int packets) => SetInt(fd, SolXdp, OptionMaxTxSkbBudget, packets);

    internal static Errno SetBusyPoll(int fd, int microseconds, int budget)
    {
        Errno errno = SetInt(fd, SolSocket, OptionPreferBusyPoll, 1);
        errno = errno == Errno.Ok ? SetInt(fd, SolSocket, OptionBusyPoll, microseconds) : errno;
        return errno == Errno.Ok ? SetInt(fd, SolSocket, OptionBusyPollBudget, budget) : errno;
    }

    private static Errno SetInt(int fd, int level, int option, int value) =>
        SetOption(fd, level, option, &value, sizeof(int)) == 0 ? Errno.Ok : LastErrno;

    internal static int NewEventFd()
    {
        int fd = EventFd(0, 0x80000 | 0x800 /* CLOEXEC | NONBLOCK */);
        Invariant.Require(fd >= 0);
        return fd;
    }

    /// <summary>Waits until one of the fds has something to read, or for the timeout.</summary>
    internal static int WaitReadable(Span<PollFd> fds, int timeoutMs)
    {
        fixed (PollFd* start = fds) // in bounds: the kernel writes only the Returned fields of these
        {
            return PollFds(start, (nuint)fds.Length, timeoutMs);
        }
    }

    internal static void Signal(int eventFd)
    {
        ulong one = 1;
        _ = WriteBytes(eventFd, &one, sizeof(ulong));
    }

    internal static void ClearSignal(int eventFd)
    {
        ulong value;
        _ = ReadBytes(eventFd, &value, sizeof(ulong));
    }
}
