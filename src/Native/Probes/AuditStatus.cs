using System.Buffers.Binary;
using LowLatency.Native.Netlink;

namespace LowLatency.Native.Probes;

/// <summary>State of the kernel's audit queue (AUDIT_GET, linux/audit.h). Any thread; needs CAP_AUDIT_CONTROL
/// in the first namespaces.</summary>
/// <param name="Errno">Ok; EPROTONOSUPPORT: a kernel without CONFIG_AUDIT; EPERM: not allowed.</param>
/// <param name="Enabled">0: off; 1: on; 2: on until the next boot.</param>
/// <param name="Lost">Records lost since boot.</param>
/// <param name="Backlog">Records that wait.</param>
/// <param name="BacklogLimit">How many may.</param>
/// <param name="BacklogWaitTime">How long a caller sleeps when the queue is full, jiffies.</param>
/// <param name="Daemon">Process that takes the records; 0: none, they go to the kernel's log.</param>
public sealed record AuditStatus(
    Errno Errno, uint Enabled, uint Lost, uint Backlog, uint BacklogLimit, uint BacklogWaitTime,
    uint Daemon)
{
    internal const int Protocol = 9;        // NETLINK_AUDIT
    internal const ushort GetStatus = 1000; // AUDIT_GET
    internal const int EnabledAt = 4;       // struct audit_status
    internal const int DaemonAt = 12;
    internal const int LimitAt = 20;
    internal const int LostAt = 24;
    internal const int BacklogAt = 28;
    internal const int WaitAt = 36;

    /// <summary>Asks.</summary>
    public static AuditStatus Run()
    {
        try
        {
            using NetlinkSocket socket = NetlinkSocket.Open("", Protocol);
            Span<byte> request = stackalloc byte[Nl.HeaderBytes];
            request.Clear();
            BinaryPrimitives.WriteInt32LittleEndian(request, request.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(request[4..], GetStatus);
            BinaryPrimitives.WriteUInt16LittleEndian(request[6..], Nl.FlagRequest);
            Errno errno = socket.Get(request, out NetlinkMessage answer);
            return errno != Errno.Ok ? Failed(errno)
                : answer.Payload.Length >= WaitAt + 4 ? From(answer.Payload) : Failed(Errno.EINVAL);
        }
        catch (NativeException refused)
        {
            return Failed(refused.Errno);
        }
    }

    internal static AuditStatus From(ReadOnlySpan<byte> status) => new(Errno.Ok, Word(status, EnabledAt),
        Word(status, LostAt), Word(status, BacklogAt), Word(status, LimitAt), Word(status, WaitAt),
        Word(status, DaemonAt));

    private static AuditStatus Failed(Errno errno) => new(errno, 0, 0, 0, 0, 0, 0);

    private static uint Word(ReadOnlySpan<byte> status, int at) =>
        BinaryPrimitives.ReadUInt32LittleEndian(status[at..]);
}
