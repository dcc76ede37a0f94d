using System.Buffers.Binary;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Netlink;

/// <summary>One netlink socket with its receive buffer. One thread; nothing but <see cref="Dump"/> and
/// <see cref="Collect"/> allocates.</summary>
internal sealed class NetlinkSocket : IDisposable
{
    // The kernel fills dumps into at most 32 KiB a datagram; one link with many VFs may take more than a
    // page.
    private const int ReceiveBytes = 64 * 1024;
    // A dump that a change interrupts starts again; a storm must end some day.
    private const int DumpTriesMax = 8;
    private readonly byte[] _buffer;
    private uint _sequence;

    private NetlinkSocket(int fd, int receiveBytes)
    {
        Fd = fd;
        _buffer = GC.AllocateUninitializedArray<byte>(receiveBytes);
    }

    public delegate T? Parser<T>(NetlinkMessage message)
        where T : class;

    public int Fd { get; private set; }

    /// <summary>The receive buffer: what <see cref="TryReceive"/> answered is its start.</summary>
    public ReadOnlySpan<byte> Buffer => _buffer;

    /// <summary>Opens one in a network namespace (empty: the present one), where it stays.</summary>
    /// <exception cref="NativeException">No such namespace, or no netlink.</exception>
    public static NetlinkSocket Open(string networkNamespace, int protocol, int receiveBytes = ReceiveBytes)
    {
        using NetworkNamespace scope = NetworkNamespace.Enter(networkNamespace);
        int fd = Libc.NetOpen(Libc.NetFamilyNetlink, Libc.NetRaw, protocol, out Errno errno);
        if (fd < 0)
        {
            throw new NativeException("socket(AF_NETLINK)", errno,
                "A sandbox must allow netlink sockets.");
        }

        errno = Libc.NetBindNetlink(fd);
        Invariant.Require(errno == Errno.Ok); // port id 0: the kernel picks a free one
        return new NetlinkSocket(fd, receiveBytes);
    }

    /// <summary>Receives what is there without waiting.</summary>
    /// <returns>The datagram; empty with EAGAIN when there is none, with ENOBUFS when messages were lost
    /// (also when one was too large for the buffer).</returns>
    public ReadOnlySpan<byte> TryReceive(out Errno errno)
    {
        int length = Libc.NetReceiveOne(Fd, _buffer, Libc.NetDontWait, out errno);
        if (length > _buffer.Length)
        {
            errno = Errno.ENOBUFS;
        }

        return errno == Errno.Ok ? _buffer.AsSpan(0, length) : default;
    }

    /// <summary>Asks for one object and waits for the answer (the kernel answers within the send).</summary>
    /// <param name="request">The request; its sequence number is filled in.</param>
    /// <param name="answer">The answering message, valid until the next call.</param>
    public Errno Get(Span<byte> request, out NetlinkMessage answer)
    {
        answer = default;
        Errno errno = Send(request);
        while (errno == Errno.Ok)
        {
            int length = Libc.NetReceiveOne(Fd, _buffer, 0, out errno);
            if (errno != Errno.Ok || length > _buffer.Length)
            {
                return errno == Errno.Ok ? Errno.ENOBUFS : errno;
            }

            NetlinkMessages messages = new(_buffer.AsSpan(0, length));
            while (messages.TryNext(out NetlinkMessage message))
            {
                if (message.Sequence == _sequence)
                {
                    answer = message;
                    return message.Type == Nl.TypeError ? message.Error : Errno.Ok;
                }
            }
        }

        return errno;
    }

    /// <summary>Asks for a list; a list that changed meanwhile is asked for again.</summary>
    public Errno Dump<T>(Span<byte> request, Parser<T> parse, List<T> into)
        where T : class
    {
        for (int tries = 0; tries < DumpTriesMax; tries++)
        {
            into.Clear();
            Errno errno = DumpOnce(request, parse, into, out bool isInterrupted);
            if (errno != Errno.Ok || !isInterrupted)
            {
                return errno;
            }
        }

        return Errno.EAGAIN;
    }

    /// <summary>Asks, and keeps the messages of the answer as they came: those of a list with its end, the
    /// one otherwise, and a refusal.</summary>
    /// <param name="request">The request; its sequence number is filled in.</param>
    /// <param name="into">Emptied, then filled.</param>
    public Errno Collect(Span<byte> request, List<byte> into)
    {
        for (int tries = 0; tries < DumpTriesMax; tries++)
        {
            into.Clear();
            Errno errno = CollectOnce(request, into, out bool isInterrupted);
            if (errno != Errno.Ok || !isInterrupted)
            {
                return errno;
            }
        }

        into.Clear();
        return Errno.EAGAIN;
    }

    /// <summary>Appends a message, padded, without the numbers that differ from socket to socket. One of a
    /// list is marked as such, which some families leave out: then a list that is cut shows.</summary>
    public static void Record(NetlinkMessage message, bool isList, List<byte> into)
    {
        into.AddRange(message.Whole[..6]);
        into.AddRange(BitConverter.GetBytes((ushort)(message.Flags | (isList ? Nl.FlagMulti : 0))));
        into.AddRange(stackalloc byte[8]); // nlmsg_seq, nlmsg_pid
        into.AddRange(message.Payload);
        into.AddRange(stackalloc byte[Nl.Align(message.Whole.Length) - message.Whole.Length]);
    }

    public void Dispose()
    {
        if (Fd >= 0)
        {
            Libc.CloseFile(Fd);
            Fd = -1;
        }
    }

    private Errno DumpOnce<T>(Span<byte> request, Parser<T> parse, List<T> into, out bool isInterrupted)
        where T : class
    {
        isInterrupted = false;
        Errno errno = Send(request);
        while (errno == Errno.Ok)
        {
            int length = Libc.NetReceiveOne(Fd, _buffer, 0, out errno);
            if (errno != Errno.Ok || length > _buffer.Length)
            {
                return errno == Errno.Ok ? Errno.ENOBUFS : errno;
            }

            NetlinkMessages messages = new(_buffer.AsSpan(0, length));
            while (messages.TryNext(out NetlinkMessage message))
            {
                if (message.Sequence != _sequence)
                {
                    continue; // the end of a dump given up before
                }

                isInterrupted |= (message.Flags & Nl.FlagDumpInterrupted) != 0;
                if (message.Type is Nl.TypeDone or Nl.TypeError)
                {
                    return message.Error;
                }

                if (parse(message) is { } item)
                {
                    into.Add(item);
                }
            }
        }

        return errno;
    }

    private Errno CollectOnce(Span<byte> request, List<byte> into, out bool isInterrupted)
    {
        isInterrupted = false;
        bool isList = (new NetlinkMessage(request).Flags & Nl.FlagDump) == Nl.FlagDump;
        Errno errno = Send(request);
        while (errno == Errno.Ok)
        {
            int length = Libc.NetReceiveOne(Fd, _buffer, 0, out errno);
            if (errno != Errno.Ok || length > _buffer.Length)
            {
                into.Clear(); // half a list is no evidence
                return errno == Errno.Ok ? Errno.ENOBUFS : errno;
            }

            NetlinkMessages messages = new(_buffer.AsSpan(0, length));
            while (messages.TryNext(out NetlinkMessage message))
            {
                if (message.Sequence != _sequence)
                {
                    continue;
                }

                Record(message, isList, into);
                isInterrupted |= (message.Flags & Nl.FlagDumpInterrupted) != 0;
                if (message.Type is Nl.TypeDone or Nl.TypeError)
                {
                    return message.Error;
                }

                if (!isList)
                {
                    return Errno.Ok;
                }
            }
        }

        return errno;
    }

    private Errno Send(Span<byte> request)
    {
        _sequence++;
        BinaryPrimitives.WriteUInt32LittleEndian(request[8..], _sequence);
        return Libc.NetSendAll(Fd, request);
    }
}
