using System.Runtime.InteropServices;
using System.Text;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

namespace LowLatency.Native.Xdp;

/// <summary>What a socket is bound to and how.</summary>
public readonly record struct XskRequest
{
    /// <summary>Kernel interface name, in the calling thread's namespace.</summary>
    public required string Interface { get; init; }

    /// <summary>Queue number; below the interface's channel count (a larger one has oopsed
    /// kernels).</summary>
    public required uint Queue { get; init; }

    /// <summary>Slots of the rx ring.</summary>
    public required uint RxSlots { get; init; }

    /// <summary>Slots of the tx ring.</summary>
    public required uint TxSlots { get; init; }

    /// <summary>True: XDP_ZEROCOPY; false: XDP_COPY. Only the first socket of a UMEM decides, the kernel
    /// binds the others alike.</summary>
    public required bool ZeroCopy { get; init; }

    /// <summary>How long EBUSY is retried, ns: the kernel frees a queue up to a second after its last
    /// owner.</summary>
    public required long BusyRetryNs { get; init; }
}

/// <summary>One AF_XDP socket on one (interface, queue), with its four rings. Made and closed by the booting
/// thread, its rings and wake-ups used by one lane, its counters read by any thread.</summary>
public sealed unsafe class XskSocket : IDisposable
{
    private const uint OptionZeroCopy = 1;        // XDP_OPTIONS_ZEROCOPY
    private const long RetryEveryNs = 10_000_000; // a hundred looks a second at a queue that is being freed
    private readonly XskRing* _rings; // rx, tx, fill, completion; libxdp keeps these pointers
    private void* _handle;

    private XskSocket(void* handle, XskRing* rings, in XskRing fill, in XskRing completion)
    {
        _handle = handle;
        _rings = rings;
        Fd = LibXdp.SocketFd(handle);
        Rx = new RxRing(rings[0]);
        Tx = new TxRing(rings[1]);
        Fill = new FillRing(fill);
        Completion = new CompletionRing(completion);
    }

    /// <summary>File descriptor, for the XSKMAP.</summary>
    public int Fd { get; }

    /// <summary>Fresh rx ring; the lane takes it over once.</summary>
    public RxRing Rx { get; }

    /// <summary>Fresh tx ring; the lane takes it over once.</summary>
    public TxRing Tx { get; }

    /// <summary>Fresh fill ring; the lane takes it over once.</summary>
    public FillRing Fill { get; }

    /// <summary>Fresh completion ring; the lane takes it over once.</summary>
    public CompletionRing Completion { get; }

    /// <summary>Makes and binds a socket over a UMEM. The calling thread must be in the port's
    /// namespace.</summary>
    /// <exception cref="NativeException">The kernel refused; EBUSY only after the retry time.</exception>
    public static XskSocket Create(Umem umem, in XskRequest request)
    {
        ArgumentNullException.ThrowIfNull(umem);
        long giveUpNs = ThreadControl.NowNs + request.BusyRetryNs;
        while (true)
        {
            Errno errno = TryCreate(umem, request, out XskSocket? socket);
            if (socket != null)
            {
                return socket;
            }

            long nowNs = ThreadControl.NowNs;
            if (errno != Errno.EBUSY || nowNs >= giveUpNs)
            {
                throw Refused(request, errno);
            }

            ThreadControl.PauseUntil(nowNs + RetryEveryNs);
        }
    }

    private static Errno TryCreate(Umem umem, in XskRequest request, out XskSocket? socket)
    {
        bool isFirst = !umem.FirstSocketIsMade;
        XskSocketConfig config = new()
        {
            RxSize = request.RxSlots,
            TxSize = request.TxSlots,
            LibxdpFlags = LibXdp.InhibitProgramLoad,
            BindFlags = (ushort)((request.ZeroCopy ? LibXdp.BindZeroCopy : LibXdp.BindCopy) | LibXdp.BindNeedWakeup),
        };
        XskRing* rings = (XskRing*)NativeMemory.AllocZeroed(4, (nuint)sizeof(XskRing));
        XskRing* fill = isFirst ? umem.FirstFill : rings + 2;
        XskRing* completion = isFirst ? umem.FirstCompletion : rings + 3;
        Span<byte> name = stackalloc byte[16]; // IFNAMSIZ
        name.Clear();
        Encoding.UTF8.GetBytes(request.Interface, name[..15]);
        void* handle = null;
        int rc;
        fixed (byte* nameStart = name)
        {
            rc = LibXdp.SocketCreateShared(
                &handle, nameStart, request.Queue, umem.Handle, rings, rings + 1, fill, completion, &config);
        }

        if (rc != 0)
        {
            NativeMemory.Free(rings);
            socket = null;
            return (Errno)(-rc);
        }

        umem.FirstSocketIsMade = true;
        socket = new XskSocket(handle, rings, *fill, *completion);
        return Errno.Ok;
    }

    private static NativeException Refused(in XskRequest request, Errno errno)
    {
        string mode = request.ZeroCopy ? "zero-copy" : "copy";
        return new NativeException($"bind(AF_XDP, {request.Interface} queue {request.Queue}, {mode})", errno,
            errno switch
            {
                Errno.EBUSY => "Another AF_XDP socket holds this queue: `ss --xdp --processes` shows whose it is.",
                Errno.EOPNOTSUPP => $"The driver of {request.Interface} has no {mode} mode here.",
                Errno.EPERM => "AF_XDP needs CAP_NET_RAW: run as root.",
                Errno.ENODEV => $"There is no interface {request.Interface} in this namespace.",
                Errno.ENETDOWN => $"{request.Interface} is down: ip link set {request.Interface} up.",
                Errno.ENOBUFS or Errno.ENOMEM => "Memory for the rings cannot be had: use smaller rings.",
                _ => "Is the queue below the interface's channel count (ethtool -l), and the MTU below the chunk size?",
            });
    }

    /// <summary>True when the kernel bound it zero-copy: XDP_OPTIONS, the only proof.</summary>
    /// <exception cref="NativeException">The kernel refused to say.</exception>
    public bool ReadIsZeroCopy()
    {
        Errno errno = Libc.XdpOptions(Fd, out uint flags);
        return errno == Errno.Ok ? (flags & OptionZeroCopy) != 0
            : throw new NativeException("getsockopt(XDP_OPTIONS)", errno, "Needs kernel 5.3 or newer.");
    }

    /// <summary>Sets SO_PREFER_BUSY_POLL, SO_BUSY_POLL (microseconds) and SO_BUSY_POLL_BUDGET
    /// (packets).</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public void EnableBusyPoll(uint microseconds, uint budget)
    {
        Errno errno = Libc.SetBusyPoll(Fd, (int)microseconds, (int)budget);
        if (errno != Errno.Ok)
        {
            throw new NativeException($"setsockopt(SO_PREFER_BUSY_POLL, {microseconds} us, {budget})", errno,
                "Needs kernel 5.11 and CAP_NET_ADMIN; wakeup = \"need-wakeup\" does without.");
        }
    }

    /// <summary>Lets one send wake-up move up to <paramref name="packets"/> in copy mode
    /// (XDP_MAX_TX_SKB_BUDGET).</summary>
    /// <returns>False on kernels before 6.17, where it is 32.</returns>
    public bool TrySetTxBudget(int packets) => Libc.SetTxBudget(Fd, packets) == Errno.Ok;

    /// <summary>Asks the kernel to look at the tx ring. Lane.</summary>
    public Errno WakeTx() => Libc.WakeTx(Fd);

    /// <summary>Has the driver look at the tx ring where <see cref="WakeTx"/> only ran the rx queue's NAPI: a
    /// zero-copy socket that prefers busy polling is not woken by send (net/xdp/xsk.c, xsk_no_wakeup), by
    /// poll(2) it is. Lane.</summary>
    public Errno KickTx() => Libc.Kick(Fd);

    /// <summary>Asks the kernel to look at the fill ring; runs the NAPI under busy polling. Lane.</summary>
    public Errno WakeRx() => Libc.WakeRx(Fd);

    /// <summary>The kernel's six counters. Any thread, allocates nothing.</summary>
    public Errno ReadStatistics(out XdpStatistics statistics) => Libc.XdpStatisticsOf(Fd, out statistics);

    /// <summary>Closes the socket; the kernel frees the queue soon after.</summary>
    public void Dispose()
    {
        if (_handle != null)
        {
            LibXdp.SocketDelete(_handle);
            NativeMemory.Free(_rings);
            _handle = null;
        }
    }
}
